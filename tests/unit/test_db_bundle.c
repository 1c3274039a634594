/* test_db_bundle.c - what head office sends: stored and read; order, pages, filter, states. */
#include "db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pb_encode.h>

#include "common/text.h"
#include "tests/aid/store_vfs.h"
#include "tests/aid/store_world.h"

/* Sort order of the contract: due, priority, number (and id, should numbers ever be equal). */
static int compare(const sync_Job *a, const sync_Job *b)
{
    int d = strcmp(a->due, b->due);

    if (d == 0 && a->priority != b->priority)
        d = a->priority < b->priority ? -1 : 1;
    if (d == 0)
        d = strcmp(a->number, b->number);
    return d != 0 ? d : memcmp(a->id, b->id, 16);
}

static const char *const states[] = {"planned", "assigned", "on-site", "done", "unable", "checked"};

static bool is_open(const sync_Job *j)
{
    return strcmp(j->state, "done") != 0 && strcmp(j->state, "unable") != 0 &&
           strcmp(j->state, "checked") != 0;
}

#define JOBS 60

static void fill_jobs(struct store_world *w)
{
    static const char *const dues[] = {"2026-11-22", "2026-11-21", "", "2026-12-01"};

    assert_int_equal(w->port->changes_begin(w->port->ctx), 0);
    for (uint32_t i = 0; i < JOBS; i++) {
        sync_Down change = sync_Down_init_zero;
        uint32_t n = i * 37 % JOBS;

        change.which_body = sync_Down_job_tag;
        change.body.job = store_job(n);
        (void)gf_copy(change.body.job.due, 16, dues[n % 4]);
        (void)gf_copy(change.body.job.state, 16, states[n % 6]);
        change.body.job.priority = n % 3;
        assert_int_equal(w->port->changes_apply(w->port->ctx, &change), 0);
    }
    assert_int_equal(w->port->changes_end(w->port->ctx, true), 0);
}

/* Every page size, open ones and all: together the pages are all jobs once, in order. */
static void pages_of_every_size_give_each_job_once_in_order(void **state)
{
    struct store_world w;
    static sync_Job page[JOBS + 1];

    (void)state;
    store_world_make(&w);
    fill_jobs(&w);
    for (int open_only = 0; open_only <= 1; open_only++) {
        int wanted = open_only ? JOBS / 2 : JOBS;

        for (size_t cap = 1; cap <= JOBS + 1; cap++) {
            struct job_query q = {.open_only = open_only};
            sync_Job last = sync_Job_init_zero;
            int n, total = 0;

            while ((n = w.port->jobs(w.port->ctx, &q, page, cap)) > 0) {
                assert_true((size_t)n <= cap);
                for (int i = 0; i < n; i++) {
                    assert_true(total + i == 0 ||
                                compare(i == 0 ? &last : &page[i - 1], &page[i]) < 0);
                    assert_true(!open_only || is_open(&page[i]));
                }
                total += n;
                last = page[n - 1];
                q.after = &last;
            }
            assert_int_equal(n, 0);
            assert_int_equal(total, wanted);
        }
    }
    store_world_close(&w);
}

static void jobs_with_one_number_all_have_their_turn(void **state)
{
    struct store_world w;
    sync_Job one[1], job = store_job(1);
    struct job_query q = {0};
    int total = 0;

    (void)state;
    store_world_make(&w);
    for (uint32_t i = 1; i <= 3; i++) {
        store_id('j', i, job.id);
        assert_int_equal(store_apply_job(w.port, &job), 0);
    }
    while (w.port->jobs(w.port->ctx, &q, one, 1) == 1) {
        job = one[0];
        q.after = &job;
        total++;
    }
    assert_int_equal(total, 3);
    store_world_close(&w);
}

static int count(const struct store_world *w, const char *filter)
{
    struct job_query q = {.filter = filter};
    static sync_Job found[8];

    return w->port->jobs(w->port->ctx, &q, found, 8);
}

static void filter_finds_words_in_any_order_and_case(void **state)
{
    struct store_world w;
    sync_Job a = store_job(1), b = store_job(2);
    char longer[600];

    (void)state;
    store_world_make(&w);
    (void)gf_copy(a.customer_name, sizeof a.customer_name, "Zoë MÜLLER-Łoś");
    (void)gf_copy(a.address, sizeof a.address, "12 Главная улица");
    (void)gf_copy(a.customer_no, sizeof a.customer_no, "K-77");
    (void)gf_copy(a.customer_phone, sizeof a.customer_phone, "+49 30 1234");
    (void)gf_copy(a.note, sizeof a.note, "dog");
    (void)gf_copy(b.customer_name, sizeof b.customer_name, "Straße\xFF\xC3");
    assert_int_equal(store_apply_job(w.port, &a), 0);
    assert_int_equal(store_apply_job(w.port, &b), 0);

    static const struct {
        const char *filter;
        int wanted;
    } cases[] = {
        {NULL, 2},          {"", 2},
        {"   ", 2},         {"\t\n", 2},
        {"j-000", 2},       {"J-0001", 1},
        {"gm24", 2},        {"GM2400000002", 1},
        {"müller", 1},      {"MÜLLER", 1},
        {"zoë müller", 1},  {"müller zoë", 1},
        {"ZOË k-77 30", 1}, {"ŁOŚ", 1},
        {"łoś", 1},         {"главная", 1},
        {"УЛИЦА 12", 1},    {"muller", 0},
        {"straße", 1},      {"straße müller", 0},
        {"\xFF", 1},        {"\xC3", 1},
        {"\xC3\xC3", 0},    {"dog", 0},
        {"assigned", 0},    {"12 12", 1},
        {"+49", 1},         {" j-0001 ", 1},
        {"j-0001gm", 0},    {"\xF8\x88\x80\x80", 0},
        {"\xE2\x82", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (count(&w, cases[i].filter) != cases[i].wanted)
            fail_msg("filter \"%s\": %d", cases[i].filter, count(&w, cases[i].filter));
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(count(&w, longer), 0);
    memset(longer, ' ', 500);
    (void)gf_copy(longer + 500, 20, "j-0001");
    assert_int_equal(count(&w, longer), 1);
    store_world_close(&w);
}

/* A page goes on behind what the filter left out. */
static void a_filtered_page_looks_beyond_what_does_not_match(void **state)
{
    struct store_world w;
    sync_Job found[2];
    struct job_query q = {.filter = "J-0057"};

    (void)state;
    store_world_make(&w);
    fill_jobs(&w);
    assert_int_equal(w.port->jobs(w.port->ctx, &q, found, 2), 1);
    assert_string_equal(found[0].number, "J-0057");
    q.after = &found[0];
    assert_int_equal(w.port->jobs(w.port->ctx, &q, found, 2), 0);
    store_world_close(&w);
}

/* Equal in every field: equal when encoded (the structs have padding). */
static void assert_same(const pb_msgdesc_t *fields, const void *a, const void *b)
{
    uint8_t of_a[2048], of_b[2048];
    pb_ostream_t to_a = pb_ostream_from_buffer(of_a, sizeof of_a),
                 to_b = pb_ostream_from_buffer(of_b, sizeof of_b);

    assert_true(pb_encode(&to_a, fields, a) && pb_encode(&to_b, fields, b));
    assert_int_equal(to_a.bytes_written, to_b.bytes_written);
    assert_memory_equal(of_a, of_b, to_a.bytes_written);
}

static void a_job_comes_back_as_it_was_sent(void **state)
{
    struct store_world w;
    sync_Job job = sync_Job_init_zero, got;

    (void)state;
    store_world_make(&w);
    store_id('j', 1, job.id);
    /* every field as long as it can be */
    memset(job.number, 'n', sizeof job.number - 1);
    memset(job.kind, 'k', sizeof job.kind - 1);
    memset(job.state, 's', sizeof job.state - 1);
    memset(job.due, 'd', sizeof job.due - 1);
    memset(job.meter_id, 'm', sizeof job.meter_id - 1);
    memset(job.supply_point, 'p', sizeof job.supply_point - 1);
    memset(job.address, 'a', sizeof job.address - 1);
    memset(job.customer_no, 'c', sizeof job.customer_no - 1);
    memset(job.customer_name, 'C', sizeof job.customer_name - 1);
    memset(job.customer_phone, '0', sizeof job.customer_phone - 1);
    memset(job.note, 'N', sizeof job.note - 1);
    job.priority = job.purge_volume_l = job.purge_limit_s = UINT32_MAX;
    job.account_no = UINT64_MAX;
    job.parameters_count = 24;
    for (unsigned i = 0; i < 24; i++)
        job.parameters[i] = (sync_Param){UINT32_MAX - i, INT64_MIN + (int64_t)i};
    assert_int_equal(store_apply_job(w.port, &job), 0);
    assert_int_equal(w.port->job(w.port->ctx, job.number, &got), 0);
    assert_same(sync_Job_fields, &got, &job);
    assert_int_equal(w.port->job(w.port->ctx, "J-0000", &got), GF_E_NO_JOB);
    store_world_close(&w);
}

/* ---- states: what is done here, against what head office says ---- */

enum here { NOTHING, RUN_IS_ACTIVE, RECORD_WAITS, RECORD_REFUSED, RECORD_APPLIED, HERE_COUNT };

static void bring_about(struct store_world *w, const char *state, enum here here)
{
    struct run_row run = store_run(1), got;
    struct step_row step = store_step(1, "end", 1);
    char payload[32];
    struct outbox_new item = store_record(1, payload);
    sync_Verdict v = sync_Verdict_init_zero;
    struct outbox_row rec;

    if (here == NOTHING)
        return;
    assert_int_equal(w->port->run_open(w->port->ctx, &run, &got), 0);
    if (here != RUN_IS_ACTIVE)
        run.state = RUN_DONE;
    assert_int_equal(w->port->step_save(w->port->ctx, &step, &run, state, &item,
                                        here == RUN_IS_ACTIVE ? 0 : 1),
                     0);
    if (here < RECORD_REFUSED)
        return;
    assert_int_equal(w->port->outbox_item(w->port->ctx, item.id, &rec), 1);
    memcpy(v.id, rec.id, 16);
    memcpy(v.item_hash, rec.hash, 32);
    v.kind = here == RECORD_REFUSED ? sync_VerdictKind_CONFLICT : sync_VerdictKind_APPLIED;
    assert_int_equal(w->port->outbox_verdict(w->port->ctx, &v), 0);
}

/* All pairs of states in every situation, against the rule in one line. */
static void head_office_never_takes_back_what_it_cannot_know(void **state)
{
    static const int rank[] = {0, 1, 2, 3, 3, 4};

    (void)state;
    for (int here = 0; here < HERE_COUNT; here++) {
        for (int local = 0; local < 6; local++) {
            for (int sent = 0; sent < 6; sent++) {
                struct store_world w;
                sync_Job job = store_job(1), got;
                bool kept =
                    here == RUN_IS_ACTIVE || (here == RECORD_WAITS && rank[sent] < rank[local]);

                store_world_make(&w);
                (void)gf_copy(job.state, sizeof job.state, states[local]);
                assert_int_equal(store_apply_job(w.port, &job), 0);
                bring_about(&w, states[local], (enum here)here);
                (void)gf_copy(job.state, sizeof job.state, states[sent]);
                (void)gf_copy(job.note, sizeof job.note, "gate code 1234");
                (void)gf_copy(job.due, sizeof job.due, "2026-12-24");
                assert_int_equal(store_apply_job(w.port, &job), 0);
                assert_int_equal(w.port->job(w.port->ctx, job.number, &got), 0);
                assert_string_equal(got.note, "gate code 1234");
                assert_string_equal(got.due, "2026-12-24");
                if (strcmp(got.state, states[kept ? local : sent]) != 0)
                    fail_msg("situation %d, %s here, %s sent: %s", here, states[local],
                             states[sent], got.state);
                store_world_remove(&w);
            }
        }
    }
}

/* ---- meters, tickets, keys, certificates ---- */

static void meters_are_registered_and_change(void **state)
{
    struct store_world w;
    sync_Down change = sync_Down_init_zero;
    sync_MeterRow got;

    (void)state;
    store_world_make(&w);
    assert_int_equal(w.port->meter(w.port->ctx, "GM2400001278", &got), GF_E_UNREGISTERED);
    change.which_body = sync_Down_meter_tag;
    change.body.meter = (sync_MeterRow){.meter_id = "GM2400001278",
                                        .meter_type = UINT32_MAX,
                                        .state = 1,
                                        .bt_address = "02:00:00:00:00:01"};
    assert_int_equal(store_apply(w.port, &change), 0);
    change.body.meter.state = 4;
    assert_int_equal(store_apply(w.port, &change), 0);
    assert_int_equal(w.port->meter(w.port->ctx, "GM2400001278", &got), 0);
    assert_same(sync_MeterRow_fields, &got, &change.body.meter);
    assert_int_equal(w.port->meter(w.port->ctx, "GM2400001279", &got), GF_E_UNREGISTERED);
    store_world_close(&w);
}

static void give_ticket(struct store_world *w, uint32_t job, const char *meter, uint32_t epoch,
                        uint8_t mark)
{
    sync_Down change = sync_Down_init_zero;
    sync_TicketGrant *t = &change.body.ticket;

    change.which_body = sync_Down_ticket_tag;
    store_id('j', job, t->job_id);
    (void)gf_copy(t->meter_id, sizeof t->meter_id, meter);
    t->epoch = epoch;
    t->not_after_s = 1000 + mark;
    t->ticket.size = mark;
    memset(t->ticket.bytes, mark, mark);
    memset(t->ticket_key, mark, sizeof t->ticket_key);
    assert_int_equal(store_apply(w->port, &change), 0);
}

static void expect_ticket(struct store_world *w, const char *meter, const uint8_t *job,
                          uint32_t epoch, uint8_t mark)
{
    struct ticket_row t = {0};
    uint8_t bytes[160];
    int r = w->port->ticket(w->port->ctx, meter, job, epoch, &t);

    if (mark == 0) {
        assert_int_equal(r, GF_E_NO_TICKET);
        return;
    }
    assert_int_equal(r, 0);
    memset(bytes, mark, sizeof bytes);
    assert_int_equal(t.epoch, epoch);
    assert_int_equal(t.not_after_s, 1000 + mark);
    assert_int_equal(t.ticket_len, mark);
    assert_memory_equal(t.ticket, bytes, mark);
    assert_memory_equal(t.key, bytes, sizeof t.key);
}

static void the_newest_ticket_is_given(void **state)
{
    struct store_world w;
    uint8_t job1[16], job2[16];
    const char *const m = "GM2400001278";

    (void)state;
    store_world_make(&w);
    store_id('j', 1, job1);
    store_id('j', 2, job2);
    expect_ticket(&w, m, NULL, 0, 0);
    give_ticket(&w, 1, m, 0, 160);
    give_ticket(&w, 1, m, 1, 2);
    give_ticket(&w, 2, m, 1, 3);
    give_ticket(&w, 2, "GM2400001300", 1, 9);
    expect_ticket(&w, m, job1, 0, 160);
    expect_ticket(&w, m, job1, 1, 2);
    expect_ticket(&w, m, job2, 1, 3);
    expect_ticket(&w, m, NULL, 1, 3);
    expect_ticket(&w, m, NULL, 0, 160);
    expect_ticket(&w, m, job2, 0, 0);
    expect_ticket(&w, m, job1, 2, 0);
    give_ticket(&w, 1, m, 1, 4);        /* replaces, and is now the newest of the meter too */
    expect_ticket(&w, m, job1, 1, 4);
    expect_ticket(&w, m, NULL, 1, 4);
    expect_ticket(&w, m, job2, 1, 3);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    expect_ticket(&w, m, NULL, 1, 4);
    expect_ticket(&w, "GM2400001300", NULL, 1, 9);
    store_world_close(&w);
}

static void the_next_key_is_given(void **state)
{
    struct store_world w;
    sync_Down change = sync_Down_init_zero;
    sync_KeyIssue *k = &change.body.key, got;

    (void)state;
    store_world_make(&w);
    change.which_body = sync_Down_key_tag;
    (void)gf_copy(k->meter_id, sizeof k->meter_id, "GM2400001278");
    store_id('j', 1, k->job_id);
    for (uint32_t epoch = 3; epoch >= 1; epoch--) {
        k->epoch = epoch;
        k->envelope.size = (pb_size_t)(epoch * 40);
        memset(k->envelope.bytes, (int)epoch, k->envelope.size);
        assert_int_equal(store_apply(w.port, &change), 0);
    }
    for (uint32_t above = 0; above < 3; above++) {
        assert_int_equal(w.port->key_issue(w.port->ctx, "GM2400001278", above, &got), 0);
        assert_int_equal(got.epoch, above + 1);
        assert_int_equal(got.envelope.size, (above + 1) * 40);
        assert_int_equal(got.envelope.bytes[got.envelope.size - 1], above + 1);
        assert_memory_equal(got.job_id, k->job_id, 16);
        assert_string_equal(got.meter_id, "GM2400001278");
    }
    assert_int_equal(w.port->key_issue(w.port->ctx, "GM2400001278", 3, &got), GF_E_NO_TICKET);
    assert_int_equal(w.port->key_issue(w.port->ctx, "GM2400001300", 0, &got), GF_E_NO_TICKET);
    store_world_close(&w);
}

static void certificates_are_kept(void **state)
{
    struct store_world w;
    sync_Down change = sync_Down_init_zero;
    sync_Certificate *c = &change.body.certificate, got;
    uint8_t other[16];

    (void)state;
    store_world_make(&w);
    change.which_body = sync_Down_certificate_tag;
    store_id('j', 1, c->job_id);
    store_id('j', 2, other);
    memset(c->text, 'T', sizeof c->text - 1);
    (void)gf_copy(c->number, sizeof c->number, "C-0001");
    c->signature.size = sizeof c->signature.bytes;
    memset(c->signature.bytes, 0x30, c->signature.size);
    assert_int_equal(w.port->certificate(w.port->ctx, c->job_id, &got), 0);
    assert_int_equal(store_apply(w.port, &change), 0);
    assert_int_equal(w.port->certificate(w.port->ctx, c->job_id, &got), 1);
    assert_same(sync_Certificate_fields, &got, c);
    assert_int_equal(w.port->certificate(w.port->ctx, other, &got), 0);
    store_world_close(&w);
}

/* ---- one answer, one transaction ---- */

static void an_answer_is_applied_whole_or_not(void **state)
{
    struct store_world w;
    sync_Down job = sync_Down_init_zero, end = sync_Down_init_zero, unknown = sync_Down_init_zero,
              swap = {.which_body = sync_Down_swap_tag}, token = {.which_body = sync_Down_token_tag};
    sync_Job got;
    uint64_t cursor = 1;

    (void)state;
    store_world_make(&w);
    assert_int_equal(w.port->cursor(w.port->ctx, &cursor), 0);
    assert_int_equal(cursor, 0);
    job.which_body = sync_Down_job_tag;
    job.body.job = store_job(1);
    end.which_body = sync_Down_end_tag;
    end.body.end.cursor = 77;

    for (int commit = 0; commit <= 1; commit++) {
        assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &job), 0);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &unknown), 0);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &swap), 0);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &token), 0);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &end), 0);
        assert_int_equal(w.port->changes_end(w.port->ctx, commit), 0);
        assert_int_equal(w.port->cursor(w.port->ctx, &cursor), 0);
        assert_int_equal(cursor, commit ? 77 : 0);
        assert_int_equal(w.port->job(w.port->ctx, "J-0001", &got), commit ? 0 : GF_E_NO_JOB);
    }
    assert_int_equal(w.port->changes_end(w.port->ctx, true), GF_E_BUG);
    assert_int_equal(w.port->changes_apply(w.port->ctx, &job), GF_E_BUG);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(w.port->cursor(w.port->ctx, &cursor), 0);
    assert_int_equal(cursor, 77);
    store_world_close(&w);
}

static void a_failed_change_fails_the_answer(void **state)
{
    struct store_world w;
    sync_Down job = sync_Down_init_zero, verdict = sync_Down_init_zero;
    sync_Job got;

    (void)state;
    store_world_make(&w);
    job.which_body = sync_Down_job_tag;
    job.body.job = store_job(1);
    verdict.which_body = sync_Down_verdict_tag;
    assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
    assert_int_equal(w.port->changes_apply(w.port->ctx, &job), 0);
    assert_int_equal(w.port->changes_apply(w.port->ctx, &verdict), GF_E_BUG);
    assert_int_equal(w.port->changes_apply(w.port->ctx, &job), GF_E_BUG);
    assert_int_equal(w.port->changes_end(w.port->ctx, true), GF_E_BUG);
    assert_int_equal(w.port->job(w.port->ctx, "J-0001", &got), GF_E_NO_JOB);
    assert_int_equal(store_apply(w.port, &job), 0);
    store_world_close(&w);
}

static void other_writers_wait_for_the_answers_end(void **state)
{
    struct store_world w;
    sync_Job job = store_job(1), got;
    struct run_row run = store_run(1), there;
    struct step_row step = store_step(1, "scan", 1);

    (void)state;
    store_world_make(&w);
    assert_int_equal(store_apply_job(w.port, &job), 0);
    assert_int_equal(w.port->run_open(w.port->ctx, &run, &there), 0);
    assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
    assert_int_equal(w.port->changes_begin(w.port->ctx), GF_E_NOT_NOW);
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), GF_E_NOT_NOW);
    assert_int_equal(db_setting_put(w.db, "a", "b"), GF_E_NOT_NOW);
    assert_int_equal(w.port->run_open(w.port->ctx, &run, &there), 1);   /* reading is possible */
    assert_int_equal(w.port->job(w.port->ctx, "J-0001", &got), 0);
    assert_int_equal(w.port->changes_end(w.port->ctx, true), 0);
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    /* closed in the middle: nothing of it stays */
    assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
    sync_Down change = sync_Down_init_zero;
    change.which_body = sync_Down_job_tag;
    change.body.job = store_job(2);
    assert_int_equal(w.port->changes_apply(w.port->ctx, &change), 0);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(w.port->job(w.port->ctx, "J-0002", &got), GF_E_NO_JOB);
    store_world_close(&w);
}

/* No test here is about the disk. */
static int without_syncs(void **state)
{
    (void)state;
    store_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_every_size_give_each_job_once_in_order),
        cmocka_unit_test(jobs_with_one_number_all_have_their_turn),
        cmocka_unit_test(filter_finds_words_in_any_order_and_case),
        cmocka_unit_test(a_filtered_page_looks_beyond_what_does_not_match),
        cmocka_unit_test(a_job_comes_back_as_it_was_sent),
        cmocka_unit_test(head_office_never_takes_back_what_it_cannot_know),
        cmocka_unit_test(meters_are_registered_and_change),
        cmocka_unit_test(the_newest_ticket_is_given),
        cmocka_unit_test(the_next_key_is_given),
        cmocka_unit_test(certificates_are_kept),
        cmocka_unit_test(an_answer_is_applied_whole_or_not),
        cmocka_unit_test(a_failed_change_fails_the_answer),
        cmocka_unit_test(other_writers_wait_for_the_answers_end),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, without_syncs, NULL);
}
