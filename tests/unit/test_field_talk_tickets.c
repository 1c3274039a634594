/* test_field_talk_tickets.c - a talk with one meter: tickets that lack, expire or give no right;
 * long reads; the document of its commands. */
#include "tests/aid/document.h"
#include "tests/aid/field_talk.h"

#define DAY_MS INT64_C(86400000)
#define DAYS 400
#define ALL_RIGHTS 0x7FFFFFFFu

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

/* ---- the document ---- */

static void print_commands(FILE *f)
{
    size_t n;
    const struct talk_command *all = talk_commands(&n);

    fputs("| command | | right | what it does | arguments |\n|---|---|---|---|---|\n", f);
    for (size_t i = 0; i < n; i++) {
        const char *between = "";

        fprintf(f, "| `%s` | %s | %s | %s. %s | ", talk_name(&all[i]), all[i].danger ? "!" : "",
                talk_right(&all[i]), all[i].title, all[i].help);
        for (const struct talk_argument *a = all[i].arguments; a->name != NULL; a++) {
            fprintf(f, "%s`%s=%s` %s%s%s", between, a->name, a->shape, a->help,
                    a->unset != NULL ? "; else " : " (needed)", a->unset != NULL ? a->unset : "");
            between = "<br>";
        }
        fputs(all[i].settings ? "`NAME=VALUE`... |\n" : " |\n", f);
    }
}

static void the_document(void **state)
{
    static const struct aid_section sections[] = {{"commands", print_commands}};

    (void)state;
    aid_document_settle("docs/meter-page.md", sections, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_ticket),
        cmocka_unit_test(without_the_right),
        cmocka_unit_test(expired),
        cmocka_unit_test(expired_before_it_is_settled),
        cmocka_unit_test(long_read),
        cmocka_unit_test(the_document),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
