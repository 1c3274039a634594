#ifndef GF_TESTS_AID_FIELD_TALK_H
#define GF_TESTS_AID_FIELD_TALK_H
/*
 * A program that talks to one meter on a field_world, changes of the meter that it asks for, and
 * what must be true of one that was interrupted.
 */
#include <stdlib.h>

#include "field/talk.h"
#include "meter-core/pb.h"
#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/field_drive.h"
#include "tests/aid/meter_story.h"

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

static inline void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    struct talker *p = ctx;

    (void)n;
    (void)id;
    (void)title;
    if (getenv("FIELD_TRACE") != NULL)
        printf("# %8lld %d %s\n", (long long)p->w->meter->mono_ms, code, text);
}

static inline void on_message(void *ctx, const char *text)
{
    struct talker *p = ctx;

    gf_copy(p->said, sizeof p->said, text);
    on_step(ctx, 0, "", "", 0, text);
}

static inline void on_answer(void *ctx, const gasm_Response *a)
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

static inline void begin(struct talker *p, struct field_world *w)
{
    struct run_listener listener = {p, on_step, on_message, on_answer};
    struct gf_fail why = {0};

    *p = (struct talker){.w = w};
    p->sync = sync_new(&w->ports);
    p->run = run_new(&w->ports, p->sync);
    run_listen(p->run, &listener);
    assert_int_equal(talk_start(p->run, AID_METER_ID, NULL, FIELD_LABEL_ADDRESS, &why), 0);
}

static inline void end(struct talker *p)
{
    p->w->fate.dead = true;
    p->run = run_free(p->run);
    p->sync = sync_free(p->sync);
    field_world_bury(p->w);
}

/* A line is asked, and confirmed when it is dangerous. */
static inline int ask(struct talker *p, const char *line)
{
    int code = talk_answer(p->run, line);

    if (code == 0 && run_view(p->run)->ask == ASK_WORD)
        code = talk_answer(p->run, run_view(p->run)->word);
    return code;
}

static inline void turn(struct talker *p)
{
    field_world_step(p->w);
    if (p->w->fate.dead)
        return;
    (void)sync_tick(p->sync);
    (void)run_tick(p->run);
}

/* Until the talk waits for a command, has stopped, or the program is dead. */
static inline enum run_phase rest(struct talker *p)
{
    int64_t until = p->w->meter->mono_ms + FIELD_BOUND_MS;

    while (!p->w->fate.dead && run_view(p->run)->phase == RUN_WORK) {
        turn(p);
        if (p->w->meter->mono_ms > until)
            fail_msg("the talk does not rest: waiting for %s", run_view(p->run)->waiting_for);
    }
    return run_view(p->run)->phase;
}

static inline void done(struct talker *p, const char *line)
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

static inline struct scene scene_new(const struct change *c)
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

static inline void scene_end(struct scene *s)
{
    end(&s->p);
    field_world_free(s->w);
}

/* How often the meter has executed the change; *ret_op is the operation id of the last. */
static inline unsigned effects(const struct scene *s, uint8_t ret_op[static GF_UUID_LEN])
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

static inline size_t attempts(const struct scene *s)
{
    const struct step_row *last = field_store_step(s->w->store, s->name);

    return last != NULL ? last->attempt : 0;
}

/* The records come home: every receipt is at head office once, and follows the one before. */
static inline void check_records(struct scene *s)
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
static inline void check_once(struct scene *s)
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
static inline void check_settled(struct scene *s, unsigned had)
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

/* ---- interrupting ---- */

enum trouble { LOST, CANCELLED, LEFT, TROUBLES };

/* At fragment n of the change. False: there were not so many. */
static inline bool trouble_at(struct scene *s, enum trouble trouble, uint64_t n)
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
        assert_true(talk_stop(s->p.run));
    if (trouble == LEFT)
        run_cancel(s->p.run);
    return true;
}

#endif
