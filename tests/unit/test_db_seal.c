/* test_db_seal.c - what of the laptop's store is sealed, and that it opens nowhere else. */
#include "db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/text.h"
#include "tests/aid/store_world.h"

static void secrets_and_people_are_not_in_the_files(void **state)
{
    struct store_world w;
    sync_Down change = sync_Down_init_zero;
    sync_Job job = store_job(1);
    struct run_row run = store_run(1), got;
    struct step_row step = store_step(1, "register", 1);
    struct outbox_new item;
    char payload[32];
    sync_Verdict verdict = sync_Verdict_init_zero;
    struct outbox_row rec;
    static const char *const hidden[] = {
        "-----BEGIN PRIVATE KEY-----device",
        "ticket key of 32 bytes, a secret",
        "Ada Customer",
        "+44 20 7946 0000",
        "1 Sealed Street",
        "request of a step",
        "result of a step",
        "record 1",
        "the customer's name differs",
        "certificate of Ada",
        STORE_PASSPHRASE,
    };

    (void)state;
    store_world_make(&w);
    assert_int_equal(db_secret_put(w.db, "device-key", (const uint8_t *)hidden[0],
                                   strlen(hidden[0])),
                     0);
    assert_int_equal(db_setting_put(w.db, "staff", "in the clear 4711"), 0);
    (void)gf_copy(job.customer_name, sizeof job.customer_name, hidden[2]);
    (void)gf_copy(job.customer_phone, sizeof job.customer_phone, hidden[3]);
    (void)gf_copy(job.address, sizeof job.address, hidden[4]);
    assert_int_equal(store_apply_job(w.port, &job), 0);
    change.which_body = sync_Down_ticket_tag;
    (void)gf_copy(change.body.ticket.meter_id, 13, "GM2400001278");
    memcpy(change.body.ticket.ticket_key, hidden[1], 32);
    assert_int_equal(store_apply(w.port, &change), 0);
    change = (sync_Down)sync_Down_init_zero;
    change.which_body = sync_Down_certificate_tag;
    (void)gf_copy(change.body.certificate.text, 64, hidden[9]);
    assert_int_equal(store_apply(w.port, &change), 0);
    assert_int_equal(w.port->run_open(w.port->ctx, &run, &got), 0);
    memcpy(step.request, hidden[5], step.request_len = strlen(hidden[5]));
    memcpy(step.result, hidden[6], step.result_len = strlen(hidden[6]));
    item = store_record(1, payload);
    assert_int_equal(w.port->step_save(w.port->ctx, &step, &run, NULL, &item, 1), 0);
    assert_int_equal(w.port->outbox_item(w.port->ctx, item.id, &rec), 1);
    memcpy(verdict.id, rec.id, 16);
    memcpy(verdict.item_hash, rec.hash, 32);
    verdict.kind = sync_VerdictKind_CONFLICT;
    (void)gf_copy(verdict.reason, sizeof verdict.reason, hidden[8]);
    assert_int_equal(w.port->outbox_verdict(w.port->ctx, &verdict), 0);

    for (int open = 1; open >= 0; open--) {
        for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++)
            if (store_world_finds(&w, hidden[i], strlen(hidden[i])))
                fail_msg("in the files: %s", hidden[i]);
        /* the search does find things */
        assert_true(store_world_finds(&w, "in the clear 4711", 17));
        if (open)
            store_world_close(&w);
    }
}

/* What was sealed for one place does not open at another. */
static void a_sealed_value_opens_only_where_it_was_put(void **state)
{
    struct store_world w;
    uint8_t back[64];
    size_t n;
    sync_Job job;

    (void)state;
    store_world_make(&w);
    assert_int_equal(db_secret_put(w.db, "one", (const uint8_t *)"1", 1), 0);
    assert_int_equal(db_secret_put(w.db, "two", (const uint8_t *)"2", 1), 0);
    for (uint32_t i = 1; i <= 2; i++) {
        job = store_job(i);
        assert_int_equal(store_apply_job(w.port, &job), 0);
    }
    store_world_close(&w);
    store_world_exec(&w, "UPDATE secrets SET value = (SELECT value FROM secrets WHERE name = 'two')"
                         " WHERE name = 'one';"
                         "UPDATE jobs SET body = (SELECT body FROM jobs WHERE number = 'J-0002')"
                         " WHERE number = 'J-0001';");
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(db_secret_get(w.db, "two", back, sizeof back, &n), 1);
    assert_int_equal(db_secret_get(w.db, "one", back, sizeof back, &n), GF_E_STORE_DAMAGED);
    assert_int_equal(w.port->job(w.port->ctx, "J-0002", &job), 0);
    assert_int_equal(w.port->job(w.port->ctx, "J-0001", &job), GF_E_STORE_DAMAGED);
    assert_int_equal(db_last_fail(w.db)->code, GF_E_STORE_DAMAGED);
    store_world_close(&w);
    store_world_exec(&w, "UPDATE secrets SET value = x'00' WHERE name = 'two'");
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_int_equal(db_secret_get(w.db, "two", back, sizeof back, &n), GF_E_STORE_DAMAGED);
    store_world_close(&w);
}

/* The same value twice is not the same bytes twice. */
static void nonces_do_not_repeat(void **state)
{
    struct store_world w;
    sqlite3 *raw;
    sqlite3_stmt *s;
    uint8_t seen[100][40];

    (void)state;
    store_world_make(&w);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(db_secret_put(w.db, "one", (const uint8_t *)"same", 4), 0);
        assert_int_equal(sqlite3_open(store_world_path(&w, "gasfitter.db"), &raw), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(raw, "SELECT value FROM secrets", -1, &s, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        assert_int_equal(sqlite3_column_bytes(s, 0), 4 + 28);
        memcpy(seen[i], sqlite3_column_blob(s, 0), 32);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(seen[i], seen[k], 12);
        assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
        assert_int_equal(sqlite3_close(raw), SQLITE_OK);
    }
    store_world_close(&w);
}

static int broken_random(void *ctx, uint8_t *buf, size_t n)
{
    (void)ctx;
    memset(buf, 0, n);
    return GF_E_RANDOM;
}

static void without_random_nothing_is_sealed(void **state)
{
    struct store_world w;
    sync_Job job = store_job(1);
    uint8_t back[8];
    size_t n;

    (void)state;
    store_world_make(&w);
    w.random.fill = broken_random;
    assert_int_equal(db_secret_put(w.db, "one", (const uint8_t *)"1", 1), GF_E_RANDOM);
    assert_int_equal(store_apply_job(w.port, &job), GF_E_RANDOM);
    assert_int_equal(db_secret_get(w.db, "one", back, sizeof back, &n), 0);
    assert_int_equal(w.port->job(w.port->ctx, job.number, &job), GF_E_NO_JOB);
    store_world_close(&w);
    (void)remove(store_world_path(&w, "gasfitter.db"));
    assert_int_equal(store_world_reopen(&w, NULL), GF_E_RANDOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_and_people_are_not_in_the_files),
        cmocka_unit_test(a_sealed_value_opens_only_where_it_was_put),
        cmocka_unit_test(nonces_do_not_repeat),
        cmocka_unit_test(without_random_nothing_is_sealed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
