/* test_field_talk.c - a talk with one meter whose change is interrupted anywhere: settled before
 * anything else, with one effect; tickets that lack, expire or give no right; long reads. */
#include <stdlib.h>

#include "field/talk.h"
#include "meter-core/pb.h"
#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/field_drive.h"
#include "tests/aid/meter_story.h"

#define DAY_MS INT64_C(86400000)
#define DAYS 400
#define ALL_RIGHTS 0x7FFFFFFFu
#define FROM_FACTORY (-1)

/* ---- a program that talks ---- */

struct talker {
    struct field_world *w;
    struct run *run;
    struct sync *sync;
    uint32_t entries, first_no, last_no;    /* of a history, as told */
    bool gap;
    char said[RUN_LINE_LEN];
};

static void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    struct talker *p = ctx;

    (void)n;
    (void)id;
    (void)title;
    if (getenv("FIELD_TRACE") != NULL)
        printf("# %8lld %d %s\n", (long long)p->w->meter->mono_ms, code, text);
}

static void on_message(void *ctx, const char *text)
{
    struct talker *p = ctx;

    gf_copy(p->said, sizeof p->said, text);
    on_step(ctx, 0, "", "", 0, text);
}

static void on_answer(void *ctx, const gasm_Response *a)
{
    struct talker *p = ctx;

    for (size_t i = 0; a->which_body == gasm_Response_history_tag &&
                       i < a->body.history.entries_count; i++) {
        uint32_t no = a->body.history.entries[i].no;

        if (p->entries++ == 0)
            p->first_no = no;
        else
            p->gap = p->gap || no != p->last_no + 1;
        p->last_no = no;
    }
}

static void begin(struct talker *p, struct field_world *w)
{
    struct run_listener listener = {p, on_step, on_message, on_answer};
    struct gf_fail why = {0};

    *p = (struct talker){.w = w};
    p->sync = sync_new(&w->ports);
    p->run = run_new(&w->ports, p->sync);
    run_listen(p->run, &listener);
    assert_int_equal(talk_start(p->run, AID_METER_ID, NULL, FIELD_LABEL_ADDRESS, &why), 0);
}

static void end(struct talker *p)
{
    p->w->fate.dead = true;
    p->run = run_free(p->run);
    p->sync = sync_free(p->sync);
    field_world_bury(p->w);
}

/* A line is asked, and confirmed when it is dangerous. */
static int ask(struct talker *p, const char *line)
{
    int code = talk_answer(p->run, line);

    if (code == 0 && run_view(p->run)->ask == ASK_WORD)
        code = talk_answer(p->run, run_view(p->run)->word);
    return code;
}

static void turn(struct talker *p)
{
    field_world_step(p->w);
    if (p->w->fate.dead)
        return;
    (void)sync_tick(p->sync);
    (void)run_tick(p->run);
}

/* Until the talk waits for a command, has stopped, or the program is dead. */
static enum run_phase rest(struct talker *p)
{
    int64_t until = p->w->meter->mono_ms + FIELD_BOUND_MS;

    while (!p->w->fate.dead && run_view(p->run)->phase == RUN_WORK) {
        turn(p);
        if (p->w->meter->mono_ms > until)
            fail_msg("the talk does not rest: waiting for %s", run_view(p->run)->waiting_for);
    }
    return run_view(p->run)->phase;
}

static void done(struct talker *p, const char *line)
{
    assert_int_equal(ask(p, line), 0);
    if (rest(p) != RUN_ASK)
        fail_msg("%s: %d %s", line, run_view(p->run)->fail.code, run_view(p->run)->fail.detail);
}

/* ---- changes ---- */

struct change {
    gasm_Command id;
    const char *line;           /* a recharge has its token behind it */
    int upto;                   /* how far the meter was opened: enum aid_step */
};

static const struct change changes[] = {
    {gasm_Command_INSTALL_KEY, "install_key", FROM_FACTORY},
    {gasm_Command_OPEN_ACCOUNT, "open_account", AID_ACTIVATE},
    {gasm_Command_SET_PARAMETERS, "set_parameters credit_low_l=4000", AID_ACTIVATE},
    {gasm_Command_SET_CLOCK, "set_clock", AID_ACTIVATE},
    {gasm_Command_SELF_TEST, "self_test", AID_ACTIVATE},
    {gasm_Command_PURGE_START, "purge_start litres=5 seconds=30", AID_OPEN_ACCOUNT},
    {gasm_Command_RECHARGE, "recharge ", AID_COMMISSION},
};
#define CHANGES (sizeof changes / sizeof *changes)

struct scene {
    struct field_world *w;
    struct talker p;
    const struct change *c;
    char line[400], name[32];
    uint64_t before;            /* receipts that the meter had made */
};

static struct scene scene_new(const struct change *c)
{
    struct scene s = {.w = field_world_new(7), .c = c};
    struct aid_story story = aid_story_of(s.w->meter);
    gasm_Token token = aid_token(1, 500);
    uint8_t sealed[MC_TOKEN_MAX];

    if (c->upto >= 0)
        aid_story_steps(&story, AID_INSTALL_KEY, (enum aid_step)c->upto);
    aid_world_disconnect(s.w->meter);
    s.before = s.w->meter->meter->core.receipt_seq;
    gf_copy(s.line, sizeof s.line, c->line);
    if (c->id == gasm_Command_RECHARGE)
        gf_hex(sealed, aid_world_token(s.w->meter, &token, sealed), s.line + strlen(s.line));
    gf_copy(s.name, sizeof s.name, c->line);
    s.name[strcspn(s.name, " ")] = '\0';
    return s;
}

static void scene_end(struct scene *s)
{
    end(&s->p);
    field_world_free(s->w);
}

/* How often the meter has executed the change; *ret_op is the operation id of the last. */
static unsigned effects(const struct scene *s, uint8_t ret_op[static GF_UUID_LEN])
{
    struct mc_meter *m = s->w->meter->meter;
    uint8_t sealed[MC_RECEIPT_MAX];
    unsigned n = 0;

    for (uint64_t seq = s->before + 1; seq <= m->core.receipt_seq; seq++) {
        int len = mc_store_sealed(m, seq, sealed);
        gasm_Receipt r;

        assert_true(len > 0);
        assert_int_equal(mc_receipt_peek((struct gf_span){sealed, (size_t)len}, &r), 0);
        if (r.command != s->c->id)
            continue;
        memcpy(ret_op, r.op_id.bytes, GF_UUID_LEN);
        n++;
    }
    return n;
}

static size_t attempts(const struct scene *s)
{
    const struct step_row *last = field_store_step(s->w->store, s->name);

    return last != NULL ? last->attempt : 0;
}

/* The records come home: every receipt is at head office once, and follows the one before. */
static void check_records(struct scene *s)
{
    uint8_t prev_hash[32] = {0};
    struct outbox_counts counts;

    for (int i = 0; s->w->meter->meter->core.grant_open != 0; i++) {
        assert_true(i < 10000);
        turn(&s->p);                    /* a purge ends by itself, with a receipt of its own */
    }
    if (s->w->meter->meter->core.receipt_seq > 0)
        done(&s->p, "read_balance");    /* whoever can read receipts fetches what is missing */
    sync_now(s->p.sync);
    for (int i = 0; i < 400; i++)
        turn(&s->p);
    for (uint64_t seq = 1; seq <= s->w->meter->meter->core.receipt_seq; seq++)
        field_world_check_receipt(s->w, seq, prev_hash);
    s->w->ports.store->outbox_counts(s->w->store, &counts);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.refused, 0);
    for (size_t i = 0; i < s->w->store->data.n_runs; i++)
        assert_int_equal(s->w->store->data.runs[i].state, RUN_DONE);
}

/* One effect, under the operation id that was planned first. */
static void check_once(struct scene *s)
{
    const struct step_row *row = field_store_step(s->w->store, s->name);
    uint8_t op[GF_UUID_LEN];

    assert_int_equal(effects(s, op), 1);
    assert_int_equal(row->state, STEP_DONE);
    if (s->c->id != gasm_Command_SET_CLOCK)     /* one that was not done is of a time gone by */
        assert_int_equal(row->attempt, 1);
    if (s->c->id != gasm_Command_RECHARGE)      /* the meter makes that one's */
        assert_memory_equal(op, row->op_id, GF_UUID_LEN);
    check_records(s);
}

/* Something else was asked, after the change had had so many effects: what was begun is done, or
 * given up, and so it was told. */
static void check_settled(struct scene *s, unsigned had)
{
    const struct step_row *row = field_store_step(s->w->store, s->name);
    uint8_t op[GF_UUID_LEN];
    unsigned n = effects(s, op);

    assert_int_equal(n, had);
    if (row == NULL) {
        assert_int_equal(n, 0);
        return;
    }
    assert_int_equal(row->attempt, 1);
    assert_int_equal(row->state, n == 1 ? STEP_DONE : STEP_REFUSED);
    if (s->p.said[0] != '\0')
        assert_non_null(strstr(s->p.said, n == 1 ? "had done it" : "given up"));
    check_records(s);
}

/* What is asked when it is not the change again. */
static const char *other(const struct scene *s)
{
    return s->c->upto == FROM_FACTORY ? "identify" : "read_balance";
}

/* ---- the program is killed ---- */

enum death { BEFORE_SAVE, AFTER_SAVE, BEFORE_EVENT, AFTER_EVENT, DEATHS };

static void plan_death(struct field_world *w, enum death death, uint64_t n)
{
    w->fate.before_save = death == BEFORE_SAVE ? n : 0;
    w->fate.after_save = death == AFTER_SAVE ? n : 0;
    w->fate.before_event = death == BEFORE_EVENT ? n : 0;
    w->fate.after_event = death == AFTER_EVENT ? n : 0;
}

/* It dies at n, and the next one too while it settles what is left (`twice`); then the same is
 * asked, or something else. False: it was not to die. */
static bool killed_at(const struct change *c, enum death death, uint64_t n, bool again, bool twice)
{
    struct scene s = scene_new(c);
    bool died, stored = false;
    uint8_t op[GF_UUID_LEN];
    unsigned had = 0;

    begin(&s.p, s.w);
    plan_death(s.w, death, n);
    assert_int_equal(ask(&s.p, s.line), 0);
    (void)rest(&s.p);
    died = s.w->fate.dead;
    if (!died)
        s.w->fate = (struct field_fate){0};
    for (int i = 0; died && i < 1 + twice; i++) {
        const struct step_row *row = field_store_step(s.w->store, s.name);

        end(&s.p);
        had = effects(&s, op);
        stored = row != NULL && row->state == STEP_DONE;
        begin(&s.p, s.w);
        if (stored)             /* it knows how it ended: asked again it would be another one */
            break;
        if (i < (int)twice)
            plan_death(s.w, death, 1 + n % 7);
        assert_int_equal(ask(&s.p, again ? s.line : other(&s)), 0);
        (void)rest(&s.p);
    }
    if (s.w->fate.dead) {
        end(&s.p);
        begin(&s.p, s.w);
        assert_int_equal(ask(&s.p, again ? s.line : other(&s)), 0);
    }
    if (!stored && rest(&s.p) != RUN_ASK)
        fail_msg("%s killed at %d %d: %s", s.name, death, (int)n, run_view(s.p.run)->fail.detail);
    if (!died || stored || again)
        check_once(&s);
    else
        check_settled(&s, had);
    scene_end(&s);
    return died;
}

static void every_death(bool again, bool twice)
{
    for (size_t i = 0; i < CHANGES; i++) {
        for (int death = 0; death < DEATHS; death++) {
            uint64_t n = 1;

            while (killed_at(&changes[i], (enum death)death, n, again, twice))
                n++;
            assert_in_range(n, 3, 200);     /* it died at several places, and not for ever */
        }
    }
}

static void killed_and_asked_again(void **state)
{
    (void)state;
    every_death(true, false);
}

static void killed_and_something_else_asked(void **state)
{
    (void)state;
    every_death(false, false);
}

static void killed_while_settling(void **state)
{
    (void)state;
    every_death(true, true);
    every_death(false, true);
}

/* ---- the link is lost, somebody cancels ---- */

enum trouble { LOST, CANCELLED, LEFT, TROUBLES };
enum way_on { RETRY, ASK_AGAIN, ASK_OTHER, WAYS };

/* At fragment n of the change. False: there were not so many. */
static bool trouble_at(struct scene *s, enum trouble trouble, uint64_t n)
{
    uint64_t at = s->w->link.fragments + n;

    s->w->link.lose_at = trouble == LOST ? at : 0;
    assert_int_equal(ask(&s->p, s->line), 0);
    while (s->w->link.fragments < at && run_view(s->p.run)->phase == RUN_WORK)
        turn(&s->p);
    if (run_view(s->p.run)->phase == RUN_ASK)
        return false;
    s->w->link.away = trouble == LOST;
    if (trouble == CANCELLED)
        talk_stop(s->p.run);
    if (trouble == LEFT)
        run_cancel(s->p.run);
    return true;
}

static bool troubled(const struct change *c, enum trouble trouble, enum way_on way, uint64_t n)
{
    struct scene s = scene_new(c);
    struct gf_fail why = {0};
    uint8_t op[GF_UUID_LEN];
    unsigned had = 0;
    bool there;

    begin(&s.p, s.w);
    done(&s.p, "identify");
    there = trouble_at(&s, trouble, n);
    if (there && trouble == LEFT) {
        while (run_view(s.p.run)->phase == RUN_WORK)
            turn(&s.p);
        assert_int_equal(run_view(s.p.run)->phase, RUN_LEFT);
        had = effects(&s, op);
        assert_int_equal(talk_start(s.p.run, AID_METER_ID, NULL, NULL, &why), 0);
        assert_int_equal(ask(&s.p, way == ASK_OTHER ? other(&s) : s.line), 0);
    } else if (there && rest(&s.p) == RUN_STOPPED) {
        if (trouble == CANCELLED)
            assert_int_equal(run_view(s.p.run)->fail.code, GF_E_CANCELLED);
        had = effects(&s, op);
        s.w->link.away = false;
        assert_int_equal(way == RETRY       ? run_retry(s.p.run)
                         : way == ASK_OTHER ? ask(&s.p, other(&s))
                                            : ask(&s.p, s.line), 0);
    }
    if (rest(&s.p) != RUN_ASK)
        fail_msg("%s: %d at %d, then %d: %s", s.name, trouble, (int)n, way,
                 run_view(s.p.run)->fail.detail);
    if (there && way == ASK_OTHER)
        check_settled(&s, had);
    else
        check_once(&s);
    scene_end(&s);
    return there;
}

static void every_trouble(enum trouble trouble)
{
    for (size_t i = 0; i < CHANGES; i++) {
        for (int way = 0; way < WAYS; way++) {
            uint64_t n = 1;

            while (troubled(&changes[i], trouble, (enum way_on)way, n))
                n++;
            assert_in_range(n, 2, 100);
        }
    }
}

static void link_lost(void **state)
{
    (void)state;
    every_trouble(LOST);
}

static void cancelled(void **state)
{
    (void)state;
    every_trouble(CANCELLED);
}

static void left(void **state)
{
    (void)state;
    every_trouble(LEFT);
}

/* ---- tickets ---- */

static void no_ticket(void **state)
{
    struct scene s = scene_new(&changes[2]);
    struct gf_fail why = {0};

    (void)state;
    begin(&s.p, s.w);
    end(&s.p);
    s.w->store->data.n_tickets = 0;
    s.p = (struct talker){.w = s.w, .sync = sync_new(&s.w->ports)};
    s.p.run = run_new(&s.w->ports, s.p.sync);
    assert_int_equal(talk_start(s.p.run, AID_METER_ID, NULL, NULL, &why), GF_E_NO_TICKET);
    scene_end(&s);
}

/* The only good ticket gives these rights, until so long from now. */
static void only_ticket(struct field_world *w, uint32_t rights, int64_t seconds)
{
    gasm_Ticket t = aid_world_ticket(1, 300 + w->store->data.n_tickets);

    w->store->data.n_tickets = 0;
    t.rights = rights;
    t.not_before_s = w->meter->utc_ms / 1000 - 3600;
    t.not_after_s = w->meter->utc_ms / 1000 + seconds;
    field_world_grant(w, &t);
}

static void without_the_right(void **state)
{
    struct scene s = scene_new(&changes[2]);

    (void)state;
    only_ticket(s.w, 1u << gasm_Right_RIGHT_READ, 3600);
    begin(&s.p, s.w);
    assert_int_equal(ask(&s.p, s.line), GF_E_RIGHT);
    assert_non_null(strstr(run_view(s.p.run)->fail.detail, "set_parameters needs PARAMETERS"));
    assert_int_equal(s.w->link.attempts, 0);
    done(&s.p, "get_parameters");
    assert_int_equal(attempts(&s), 0);
    scene_end(&s);
}

static void expired(void **state)
{
    struct scene s = scene_new(&changes[2]);

    (void)state;
    only_ticket(s.w, ALL_RIGHTS, -1);
    begin(&s.p, s.w);
    assert_int_equal(ask(&s.p, s.line), GF_E_NO_TICKET);
    assert_int_equal(s.w->link.attempts, 0);
    only_ticket(s.w, ALL_RIGHTS, 3600);         /* synchronised */
    done(&s.p, s.line);
    check_once(&s);
    scene_end(&s);
}

/* The change is lost at fragment n, what became of it is asked and lost at fragment m; then its
 * ticket has expired, and the new one gives only READ: its receipt says that it was done, or it is
 * given up; what is asked next is not taken for its answer. 1: it was done; 0; or -1: there were
 * not so many fragments. */
static int expired_after(uint64_t n, uint64_t m)
{
    struct scene s = scene_new(&changes[2]);
    uint8_t op[GF_UUID_LEN];
    int had = -1;

    begin(&s.p, s.w);
    done(&s.p, "identify");
    if (trouble_at(&s, LOST, n)) {
        assert_int_equal(rest(&s.p), RUN_STOPPED);
        s.w->link.away = false;
        gf_copy(s.line, sizeof s.line, other(&s));
        if (trouble_at(&s, LOST, m))
            (void)rest(&s.p);
        s.w->link.away = false;
        s.w->link.lose_at = 0;
        only_ticket(s.w, 1u << gasm_Right_RIGHT_READ, 3600);
        had = (int)effects(&s, op);
        done(&s.p, "get_parameters");
        check_settled(&s, (unsigned)had);
    }
    scene_end(&s);
    return had;
}

static void expired_before_it_is_settled(void **state)
{
    unsigned was_done = 0, was_not = 0;
    int had;

    (void)state;
    for (uint64_t n = 1; (had = expired_after(n, 1)) >= 0; n++) {
        was_done += had == 1;
        was_not += had == 0;
        for (uint64_t m = 2; m < 24; m++)
            assert_int_equal(expired_after(n, m), had);
    }
    assert_true(was_done > 0);
    assert_true(was_not > 0);
}

/* ---- long reads ---- */

/* Days of history: paged, with the link lost in the middle, and given up in the middle. */
static void long_read(void **state)
{
    static const struct change none = {gasm_Command_READ_HISTORY, "read_history", AID_COMMISSION};
    struct scene s = scene_new(&none);
    uint32_t read, all;

    (void)state;
    for (int i = 0; i < DAYS + 20; i++) {
        s.w->meter->utc_ms += DAY_MS;
        s.w->meter->mono_ms += DAY_MS;
        (void)mc_meter_tick(s.w->meter->meter);
    }
    only_ticket(s.w, ALL_RIGHTS, 3600);
    begin(&s.p, s.w);
    done(&s.p, s.line);
    talk_progress(s.p.run, &read, &all);
    assert_true(read >= DAYS);
    assert_int_equal(read, all);
    assert_int_equal(s.p.entries, read);
    assert_false(s.p.gap);
    s.p.entries = 0;
    done(&s.p, "read_history last=7");
    assert_int_equal(s.p.entries, 7);
    for (enum trouble t = LOST; t <= CANCELLED; t++) {
        s.p.entries = 0;
        done(&s.p, "identify");
        assert_true(trouble_at(&s, t, 40));
        assert_int_equal(rest(&s.p), RUN_STOPPED);
        assert_in_range(s.p.entries, 1, DAYS - 1);
        s.w->link.away = false;
        assert_int_equal(run_retry(s.p.run), 0);
        assert_int_equal(rest(&s.p), RUN_ASK);
        assert_int_equal(s.p.entries, read);
        assert_false(s.p.gap);
    }
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_and_asked_again),
        cmocka_unit_test(killed_and_something_else_asked),
        cmocka_unit_test(killed_while_settling),
        cmocka_unit_test(link_lost),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(left),
        cmocka_unit_test(no_ticket),
        cmocka_unit_test(without_the_right),
        cmocka_unit_test(expired),
        cmocka_unit_test(expired_before_it_is_settled),
        cmocka_unit_test(long_read),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
