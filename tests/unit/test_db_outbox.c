/* test_db_outbox.c - runs and steps in the laptop's store, and what they put into the outbox. */
#include "db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <pb_decode.h>
#include <sqlite3.h>

#include "tests/aid/store_vfs.h"
#include "tests/aid/store_world.h"

static void begin(struct store_world *w, struct run_row *run)
{
    sync_Job job = store_job(1);
    struct run_row got;

    store_world_make(w);
    *run = store_run(1);
    assert_int_equal(store_apply_job(w->port, &job), 0);
    assert_int_equal(w->port->run_open(w->port->ctx, run, &got), 0);
    assert_memory_equal(&got, run, sizeof got);
}

/* A step that carries record n. */
static int save_record(struct store_world *w, struct run_row *run, uint32_t n)
{
    char payload[32];
    struct outbox_new item = store_record(n, payload);
    struct step_row step = store_step(1, "step", n);

    run->next_step = n;
    return w->port->step_save(w->port->ctx, &step, run, NULL, &item, 1);
}

static void a_run_is_opened_once(void **state)
{
    struct store_world w;
    struct run_row run, other, got;
    struct step_row step = store_step(1, "scan", 1);

    (void)state;
    begin(&w, &run);
    other = store_run(1);
    store_id('r', 2, other.id);
    run.next_step = 5;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    assert_int_equal(w.port->run_open(w.port->ctx, &other, &got), 1);
    assert_memory_equal(&got, &run, sizeof got);

    strcpy(other.procedure, "meter-swap");
    assert_int_equal(w.port->run_open(w.port->ctx, &other, &got), 0);
    assert_memory_equal(&got, &other, sizeof got);

    /* a run that is over makes room for a new one */
    run.state = RUN_ABANDONED;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    other = store_run(1);
    store_id('r', 3, other.id);
    assert_int_equal(w.port->run_open(w.port->ctx, &other, &got), 0);

    other = store_run(9);
    assert_int_equal(w.port->run_open(w.port->ctx, &other, &got), GF_E_NO_JOB);
    store_world_close(&w);
}

static void a_step_is_read_as_it_was_saved(void **state)
{
    struct store_world w;
    struct run_row run;
    struct step_row step = store_step(1, "purge", 1), got;

    (void)state;
    begin(&w, &run);
    assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &got), 0);
    memset(step.request, 0x11, step.request_len = sizeof step.request);
    step.base_seq = 41;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &got), 1);
    assert_memory_equal(&got, &step, sizeof got);

    step.state = STEP_DONE;
    memset(step.result, 0x22, step.result_len = sizeof step.result);
    step.finished_at_ms = STORE_UTC_MS + 5;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &got), 1);
    assert_memory_equal(&got, &step, sizeof got);
    assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purg", &got), 0);

    /* later attempts hide earlier ones */
    for (uint32_t attempt = 2; attempt < 13; attempt++) {
        struct step_row later = store_step(1, "purge", attempt);

        assert_int_equal(w.port->step_save(w.port->ctx, &later, &run, NULL, NULL, 0), 0);
        assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &got), 1);
        assert_int_equal(got.attempt, attempt);
        assert_memory_equal(got.op_id, later.op_id, 16);
    }
    store_world_close(&w);
}

static void an_operation_id_is_fixed(void **state)
{
    struct store_world w;
    struct run_row run;
    struct step_row step = store_step(1, "purge", 1), got;

    (void)state;
    begin(&w, &run);
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, NULL, 0), 0);
    step.op_id[3] ^= 1;
    run.next_step = 9;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, "done", NULL, 0), GF_E_MISMATCH);
    assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &got), 1);
    step.op_id[3] ^= 1;
    assert_memory_equal(got.op_id, step.op_id, 16);
    struct run_row fresh = store_run(1), there;
    assert_int_equal(w.port->run_open(w.port->ctx, &fresh, &there), 1);
    assert_int_equal(there.next_step, 0);
    store_world_close(&w);
}

/* Each part of a step that cannot be stored leaves nothing of the others. */
static void a_step_is_saved_whole_or_not(void **state)
{
    struct store_world w;
    struct run_row run, wrong, got;
    struct step_row step = store_step(1, "purge", 1), last;
    char payload[2][32];
    struct outbox_new items[2];
    struct outbox_counts counts;
    sync_Job job;
    static const uint8_t big[700];

    (void)state;
    begin(&w, &run);
    for (int bad = 0; bad <= 6; bad++) {
        struct step_row s = step;
        struct run_row r = run;
        int wanted = GF_E_SPACE, code;

        items[0] = store_record(1, payload[0]);
        items[1] = store_record(2, payload[1]);
        r.next_step = 3;
        switch (bad) {
        case 0: s.request_len = sizeof s.request + 1; break;
        case 1: s.result_len = sizeof s.result + 1; break;
        case 2: items[1].payload = big; items[1].payload_len = 641; break;
        case 3: items[1].receipt = big; items[1].receipt_len = 465; break;
        case 4: memcpy(items[1].id, items[0].id, 16); wanted = GF_E_MISMATCH; break;
        case 5: s.run_id[5] ^= 1; wanted = GF_E_BUG; break;
        default: r.id[5] ^= 1; s.run_id[5] ^= 1; wanted = GF_E_BUG; break;
        }
        code = w.port->step_save(w.port->ctx, &s, &r, "on-site", items, 2);
        if (code != wanted)
            fail_msg("case %d: %d", bad, code);
        assert_int_equal(w.port->step_last(w.port->ctx, run.id, "purge", &last), 0);
        assert_int_equal(w.port->outbox_counts(w.port->ctx, &counts), 0);
        assert_int_equal(counts.last_seq, 0);
        assert_int_equal(w.port->job(w.port->ctx, "J-0001", &job), 0);
        assert_string_equal(job.state, "assigned");
        wrong = store_run(1);
        assert_int_equal(w.port->run_open(w.port->ctx, &wrong, &got), 1);
        assert_int_equal(got.next_step, 0);
    }
    items[1] = store_record(2, payload[1]);
    items[1].payload = big;
    items[1].payload_len = 640;
    items[1].receipt = big;
    items[1].receipt_len = 440;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, "on-site", items, 2), 0);
    assert_int_equal(w.port->job(w.port->ctx, "J-0001", &job), 0);
    assert_string_equal(job.state, "on-site");
    assert_int_equal(store_check_chain(w.port), 2);
    store_world_close(&w);
}

static void records_are_chained_and_their_bytes_are_the_item(void **state)
{
    struct store_world w;
    struct run_row run;
    struct outbox_row rec;
    sync_Item item = sync_Item_init_zero;
    char payload[32];

    (void)state;
    begin(&w, &run);
    assert_int_equal(store_check_chain(w.port), 0);
    for (uint32_t n = 1; n <= 150; n++) {
        assert_int_equal(save_record(&w, &run, n), 0);
        if (n % 50 == 0)
            assert_int_equal(store_world_reopen(&w, NULL), 0);
    }
    assert_int_equal(store_check_chain(w.port), 150);

    struct outbox_new wanted = store_record(77, payload);
    assert_int_equal(w.port->outbox_item(w.port->ctx, wanted.id, &rec), 1);
    assert_int_equal(rec.seq, 77);
    assert_int_equal(rec.state, OUTBOX_PENDING);
    assert_int_equal(rec.made_at_ms, wanted.made_at_ms);
    assert_string_equal(rec.field, "");
    assert_string_equal(rec.reason, "");
    pb_istream_t in = pb_istream_from_buffer(rec.bytes, rec.len);
    assert_true(pb_decode(&in, sync_Item_fields, &item));
    assert_int_equal(item.kind, wanted.kind);
    assert_int_equal(item.made_at_ms, wanted.made_at_ms);
    assert_memory_equal(item.job_id, wanted.job_id, 16);
    assert_memory_equal(item.run_id, wanted.run_id, 16);
    assert_int_equal(item.payload.size, wanted.payload_len);
    assert_memory_equal(item.payload.bytes, wanted.payload, wanted.payload_len);
    assert_int_equal(item.receipt.size, 0);
    uint8_t none[16];
    store_id('x', 1, none);
    assert_int_equal(w.port->outbox_item(w.port->ctx, none, &rec), 0);
    store_world_close(&w);
}

static void a_record_is_stored_once(void **state)
{
    struct store_world w;
    struct run_row run;
    struct outbox_counts counts;
    struct step_row step = store_step(1, "step", 1);
    char payload[32];
    struct outbox_new item = store_record(1, payload);

    (void)state;
    begin(&w, &run);
    item.receipt = (const uint8_t *)"receipt";
    item.receipt_len = 7;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, &item, 1), 0);
    item.made_at_ms++;
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, &item, 1), 0);
    for (int i = 0; i < 6; i++) {
        struct outbox_new other = item;

        switch (i) {
        case 0: other.kind = sync_ItemKind_RECEIPT; break;
        case 1: other.payload_len--; break;
        case 2: other.payload = (const uint8_t *)"RECORD 1"; break;
        case 3: other.receipt_len = 0; break;
        case 4: other.job_id[2] = 1; break;
        default: other.run_id[2] = 1; break;
        }
        assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, &other, 1),
                         GF_E_MISMATCH);
    }
    assert_int_equal(w.port->outbox_counts(w.port->ctx, &counts), 0);
    assert_int_equal(counts.last_seq, 1);
    store_world_close(&w);
}

/* ---- verdicts ---- */

static int judge(struct store_world *w, uint32_t n, sync_VerdictKind kind, const char *reason)
{
    sync_Verdict v = sync_Verdict_init_zero;
    struct outbox_row rec;

    store_id('i', n, v.id);
    assert_int_equal(w->port->outbox_item(w->port->ctx, v.id, &rec), 1);
    memcpy(v.item_hash, rec.hash, 32);
    v.kind = kind;
    (void)snprintf(v.reason, sizeof v.reason, "%s", reason);
    (void)snprintf(v.field, sizeof v.field, "field of %u", n);
    return w->port->outbox_verdict(w->port->ctx, &v);
}

static uint32_t state_of(struct store_world *w, uint32_t n)
{
    uint8_t id[16];
    struct outbox_row rec;

    store_id('i', n, id);
    assert_int_equal(w->port->outbox_item(w->port->ctx, id, &rec), 1);
    return rec.state;
}

static const sync_VerdictKind kinds[] = {sync_VerdictKind_APPLIED, sync_VerdictKind_DUPLICATE,
                                         sync_VerdictKind_HELD, sync_VerdictKind_QUARANTINED,
                                         sync_VerdictKind_CONFLICT};
static const uint32_t outcomes[] = {OUTBOX_APPLIED, OUTBOX_DUPLICATE, OUTBOX_HELD,
                                    OUTBOX_QUARANTINED, OUTBOX_CONFLICT};

/* Every verdict after every other: acknowledged is for good, everything else follows the newest. */
static void verdicts_make_states(void **state)
{
    struct store_world w;
    struct run_row run;
    struct outbox_row rec;
    uint32_t n = 0;

    (void)state;
    begin(&w, &run);
    for (int first = 0; first < 5; first++) {
        for (int then = 0; then < 5; then++) {
            assert_int_equal(save_record(&w, &run, ++n), 0);
            assert_int_equal(judge(&w, n, kinds[first], "first"), 0);
            assert_int_equal(state_of(&w, n), outcomes[first]);
            assert_int_equal(judge(&w, n, kinds[then], "then"), 0);
            assert_int_equal(state_of(&w, n), first < 2 ? outcomes[first] : outcomes[then]);
            uint8_t id[16];
            char field[32];
            store_id('i', n, id);
            assert_int_equal(w.port->outbox_item(w.port->ctx, id, &rec), 1);
            assert_string_equal(rec.reason, first < 2 ? "first" : "then");
            (void)snprintf(field, sizeof field, "field of %u", n);
            assert_string_equal(rec.field, field);
        }
    }
    assert_int_equal(store_check_chain(w.port), 25);
    store_world_close(&w);
}

static void a_verdict_has_to_be_of_that_record(void **state)
{
    struct store_world w;
    struct run_row run;
    sync_Verdict v = sync_Verdict_init_zero;
    struct outbox_row rec;

    (void)state;
    begin(&w, &run);
    assert_int_equal(save_record(&w, &run, 1), 0);
    store_id('i', 1, v.id);
    assert_int_equal(w.port->outbox_item(w.port->ctx, v.id, &rec), 1);
    v.kind = sync_VerdictKind_APPLIED;
    for (size_t i = 0; i < 32; i++) {
        memcpy(v.item_hash, rec.hash, 32);
        v.item_hash[i] ^= 0x80;
        assert_int_equal(w.port->outbox_verdict(w.port->ctx, &v), GF_E_MISMATCH);
    }
    memcpy(v.item_hash, rec.hash, 32);
    v.id[15]++;
    assert_int_equal(w.port->outbox_verdict(w.port->ctx, &v), GF_E_MISMATCH);
    v.id[15]--;
    v.kind = sync_VerdictKind_VERDICT_NONE;
    assert_int_equal(w.port->outbox_verdict(w.port->ctx, &v), GF_E_OFFICE_ANSWER);
    v.kind = (sync_VerdictKind)6;
    assert_int_equal(w.port->outbox_verdict(w.port->ctx, &v), GF_E_OFFICE_ANSWER);
    assert_int_equal(state_of(&w, 1), OUTBOX_PENDING);
    v.kind = sync_VerdictKind_APPLIED;
    assert_int_equal(w.port->outbox_verdict(w.port->ctx, &v), 0);
    assert_int_equal(state_of(&w, 1), OUTBOX_APPLIED);
    store_world_close(&w);
}

/* Verdicts given between begin and end go the way of the changes. */
static void verdicts_inside_an_answer(void **state)
{
    struct store_world w;
    struct run_row run;

    (void)state;
    begin(&w, &run);
    for (uint32_t n = 1; n <= 3; n++)
        assert_int_equal(save_record(&w, &run, n), 0);
    assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
    assert_int_equal(judge(&w, 1, sync_VerdictKind_APPLIED, ""), 0);
    assert_int_equal(w.port->changes_end(w.port->ctx, false), 0);
    assert_int_equal(state_of(&w, 1), OUTBOX_PENDING);
    assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
    assert_int_equal(judge(&w, 1, sync_VerdictKind_APPLIED, ""), 0);
    assert_int_equal(judge(&w, 2, (sync_VerdictKind)9, ""),
                     GF_E_OFFICE_ANSWER); /* refused, and no harm */
    assert_int_equal(judge(&w, 3, sync_VerdictKind_HELD, ""), 0);
    assert_int_equal(w.port->changes_end(w.port->ctx, true), 0);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(state_of(&w, 1), OUTBOX_APPLIED);
    assert_int_equal(state_of(&w, 2), OUTBOX_PENDING);
    assert_int_equal(state_of(&w, 3), OUTBOX_HELD);
    store_world_close(&w);
}

/* ---- reading the outbox ---- */

#define RECORDS 40

static void lists_and_counts_tell_the_same(void **state)
{
    struct store_world w;
    struct run_row run;
    struct outbox_counts counts;
    static struct outbox_row rows[RECORDS + 1];
    uint64_t waiting = 0, refused = 0, acknowledged = 0;

    (void)state;
    begin(&w, &run);
    assert_int_equal(w.port->outbox_counts(w.port->ctx, &counts), 0);
    assert_int_equal(counts.last_seq + counts.waiting + counts.refused + counts.acknowledged, 0);
    assert_int_equal(counts.oldest_waiting_at_ms, 0);
    for (uint32_t n = 1; n <= RECORDS; n++) {
        assert_int_equal(save_record(&w, &run, n), 0);
        if (n % 6 != 5)
            assert_int_equal(judge(&w, n, kinds[n % 6 % 5], "r"), 0);
    }
    /* record 1 is a duplicate, 2 is held */
    for (uint32_t n = 1; n <= RECORDS; n++) {
        uint32_t s = state_of(&w, n);

        waiting += s == OUTBOX_PENDING || s == OUTBOX_HELD;
        refused += s == OUTBOX_QUARANTINED || s == OUTBOX_CONFLICT;
        acknowledged += s == OUTBOX_APPLIED || s == OUTBOX_DUPLICATE;
    }
    assert_int_equal(waiting + refused + acknowledged, RECORDS);
    assert_int_equal(w.port->outbox_counts(w.port->ctx, &counts), 0);
    assert_int_equal(counts.waiting, waiting);
    assert_int_equal(counts.refused, refused);
    assert_int_equal(counts.acknowledged, acknowledged);
    assert_int_equal(counts.last_seq, RECORDS);
    assert_int_equal(counts.oldest_waiting_at_ms, STORE_UTC_MS + 2);

    for (size_t cap = 1; cap <= RECORDS + 1; cap++) {
        uint64_t after = 0, before = 0;
        size_t total = 0;
        int k;

        while ((k = w.port->outbox_next(w.port->ctx, after, rows, cap)) > 0) {
            for (int i = 0; i < k; i++) {
                assert_true(rows[i].seq > after);
                assert_true(rows[i].state == OUTBOX_PENDING || rows[i].state == OUTBOX_HELD);
                after = rows[i].seq;
            }
            total += (size_t)k;
        }
        assert_int_equal(k, 0);
        assert_int_equal(total, waiting);
        total = 0;
        while ((k = w.port->outbox_page(w.port->ctx, before, rows, cap)) > 0) {
            for (int i = 0; i < k; i++)
                assert_int_equal(rows[i].seq, RECORDS - total - (size_t)i);
            total += (size_t)k;
            before = rows[k - 1].seq;
        }
        assert_int_equal(total, RECORDS);
    }
    assert_int_equal(w.port->outbox_next(w.port->ctx, UINT64_MAX, rows, 1), 0);
    store_world_close(&w);
}

/* Whoever gets at the database with another program finds a second fence. */
static void records_cannot_be_deleted_or_changed(void **state)
{
    struct store_world w;
    struct run_row run;
    sqlite3 *raw;
    static const char *const attacks[] = {
        "DELETE FROM outbox",
        "DELETE FROM outbox WHERE seq = 1",
        "UPDATE outbox SET seq = 9",
        "UPDATE outbox SET body = x''",
        "UPDATE outbox SET hash = zeroblob(32)",
        "UPDATE outbox SET id = zeroblob(16)",
        "UPDATE outbox SET made_at_ms = 0",
        "INSERT INTO outbox SELECT 9, id, kind, job_id, 0, hash, 0, body, NULL, NULL FROM outbox",
    };

    (void)state;
    begin(&w, &run);
    assert_int_equal(save_record(&w, &run, 1), 0);
    store_world_close(&w);
    assert_int_equal(sqlite3_open(store_world_path(&w, "gasfitter.db"), &raw), SQLITE_OK);
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++)
        assert_int_equal(sqlite3_exec(raw, attacks[i], NULL, NULL, NULL), SQLITE_CONSTRAINT);
    (void)sqlite3_close(raw);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(store_check_chain(w.port), 1);
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
        cmocka_unit_test(a_run_is_opened_once),
        cmocka_unit_test(a_step_is_read_as_it_was_saved),
        cmocka_unit_test(an_operation_id_is_fixed),
        cmocka_unit_test(a_step_is_saved_whole_or_not),
        cmocka_unit_test(records_are_chained_and_their_bytes_are_the_item),
        cmocka_unit_test(a_record_is_stored_once),
        cmocka_unit_test(verdicts_make_states),
        cmocka_unit_test(a_verdict_has_to_be_of_that_record),
        cmocka_unit_test(verdicts_inside_an_answer),
        cmocka_unit_test(lists_and_counts_tell_the_same),
        cmocka_unit_test(records_cannot_be_deleted_or_changed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, without_syncs, NULL);
}
