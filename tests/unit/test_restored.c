/* test_restored.c - a real laptop's store and synchronisation with a head office that was restored
 * from a backup: what was lost there comes home again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_pki.h"
#include "field/sync.h"
#include "tests/aid/office_aid.h"
#include "tests/aid/store_world.h"

static struct oaid_office a;
static struct oaid_laptop l;
static struct store_world store;
static struct sync *work;
static struct run_row run;
static uint32_t made;
static char was[600];

/* ---- the laptop's way to head office: one request, answered before the next turn ---- */

static struct {
    const struct office_events *events;
    struct http_response answer;
    bool posted;
} way;

static void way_bind(void *ctx, const struct office_events *events)
{
    (void)ctx;
    way.events = events;
}

static int way_post(void *ctx, const uint8_t *body, size_t n)
{
    struct http_request request = { .method = "POST",
                                    .path = "/v1/sync",
                                    .content_type = "application/x-protobuf",
                                    .peer = "127.0.0.1",
                                    .identity = l.id_text,
                                    .is_mutual = true,
                                    .body = { body, n } };

    (void)ctx;
    assert_false(way.posted);
    buf_free(&way.answer.body); /* of the round before */
    office_handle(a.o, &request, &way.answer);
    way.posted = true;
    return 0;
}

static void way_cancel(void *ctx)
{
    (void)ctx;
}

static int way_verify(void *ctx, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                      size_t sig_len)
{
    X509 *cert = pki_cert_parse((struct gf_span){ a.o->sign_pem.p, a.o->sign_pem.n });
    EVP_PKEY *key = X509_get_pubkey(cert);
    int r = pki_verify(key, (struct gf_span){ msg, msg_len }, (struct gf_span){ sig, sig_len });

    (void)ctx;
    EVP_PKEY_free(key);
    X509_free(cert);
    return r;
}

static void way_device(void *ctx, uint8_t ret[static 16])
{
    (void)ctx;
    memcpy(ret, l.id, sizeof l.id);
}

static const struct office_port office = { NULL,       way_bind,   way_post,
                                           way_cancel, way_verify, way_device };

/* A whole round, well ended. */
static const struct sync_view *round_now(void)
{
    sync_now(work);
    for (int i = 0; sync_rounds_ended(work) < sync_round_wanted(work); i++) {
        assert_true(i < 100);
        (void)sync_tick(work);
        if (!way.posted)
            continue;
        way.posted = false;
        assert_int_equal(way.answer.status, 200);
        way.events->done(way.events->ctx, 0, "", way.answer.body.p, way.answer.body.n);
        if (!way.posted)
            buf_free(&way.answer.body);
    }
    assert_int_equal(sync_view(work)->fail.code, 0);
    return sync_view(work);
}

/* ---- what happens ---- */

static void record(unsigned n, sync_ItemKind kind)
{
    sync_Item filled = oaid_step(&l.jobs[0], "scan");

    for (; n > 0; n--) {
        char payload[32];
        struct outbox_new item = store_record(++made, payload);
        struct step_row step = store_step(1, "step", made);

        item.kind = kind;
        item.payload = filled.payload.bytes;
        item.payload_len = filled.payload.size;
        memcpy(item.job_id, l.jobs[0].id, GF_UUID_LEN);
        run.next_step = made;
        assert_int_equal(store.port->step_save(store.port->ctx, &step, &run, NULL, &item, 1), 0);
    }
}

static void begin(void)
{
    static struct field_ports ports;
    struct run_row got;
    sync_Job job = store_job(1);

    oaid_start(&a, &l);
    store_world_make(&store);
    run = store_run(1);
    assert_int_equal(store_apply_job(store.port, &job), 0);
    assert_int_equal(store.port->run_open(store.port->ctx, &run, &got), 0);
    ports = (struct field_ports){ .clock = &store.clock,
                                  .random = &store.random,
                                  .crypto = a.ports.crypto,
                                  .office = &office,
                                  .store = store.port };
    work = sync_new(&ports);
    assert_non_null(work);
    made = 0;
}

static void end(void)
{
    work = sync_free(work);
    buf_free(&way.answer.body);
    store_world_close(&store);
    oaid_office_end(&a);
}

/* The office's database as it is now, and back to that. */
static void keep(void)
{
    char sql[700];

    oaid_needs_file(&a);
    (void)snprintf(was, sizeof was, "%s/was.db", a.dir);
    (void)snprintf(sql, sizeof sql, "VACUUM INTO '%s'", was);
    oaid_sql(&a, sql);
}

static void bring_back(void)
{
    static const char *const tables[] = { "item", "stray", "device", "audit_log", "change_feed",
                                          "counter" };
    char sql[700];

    (void)snprintf(sql, sizeof sql, "ATTACH '%s' AS was; BEGIN; PRAGMA defer_foreign_keys = ON", was);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        (void)snprintf(sql + strlen(sql), sizeof sql - strlen(sql),
                       "; DELETE FROM %s; INSERT INTO %s SELECT * FROM was.%s", tables[i],
                       tables[i], tables[i]);
    (void)snprintf(sql + strlen(sql), sizeof sql - strlen(sql), "; COMMIT; DETACH was");
    oaid_sql(&a, sql);
    oaid_office_restart(&a);
}

static int64_t home(void)
{
    return oaid_sql_number(&a, "SELECT COUNT(*) FROM item");
}

static void all_home(void)
{
    struct outbox_counts counts;

    assert_int_equal(store.port->outbox_counts(store.port->ctx, &counts), 0);
    assert_int_equal(counts.last_seq, made);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(home(), made);
    assert_int_equal(oaid_sql_number(&a, "SELECT chain_seq FROM device"), made);
    assert_int_equal(store_check_chain(store.port), made);
}

/* ---- cases ---- */

/* `kept` records are in the backup, `lost` came after it, `fresh` were made after the restore. One of
 * the lost ones was refused: it has its place in the chain all the same. */
static void lost_and_back(unsigned kept, unsigned lost, unsigned fresh)
{
    struct outbox_counts counts;

    begin();
    record(kept, sync_ItemKind_STEP_RECORD);
    (void)round_now();
    keep();
    record(lost, sync_ItemKind_STEP_RECORD);
    record(1, (sync_ItemKind)15);
    record(lost, sync_ItemKind_STEP_RECORD);
    (void)round_now();
    all_home();
    assert_int_equal(store.port->outbox_counts(store.port->ctx, &counts), 0);
    assert_int_equal(counts.refused, 1);
    bring_back();
    assert_int_equal(home(), kept);
    record(fresh, sync_ItemKind_STEP_RECORD);
    assert_int_equal(round_now()->counts.waiting, 0);
    all_home();
    assert_int_equal(store.port->outbox_counts(store.port->ctx, &counts), 0);
    assert_int_equal(counts.refused, 1);
    /* nothing is sent twice for it */
    assert_int_equal(round_now()->sent, 0);
    end();
}

static void lost_records_come_home_with_the_next(void **state)
{
    (void)state;
    lost_and_back(10, 1, 1);
    lost_and_back(10, 150, 3);
    lost_and_back(0, 2, 1);
}

static void lost_records_come_home_without_a_next(void **state)
{
    (void)state;
    lost_and_back(3, 2, 0);
}

/* A laptop that went back to an old copy itself: another record has its place. Nothing goes round. */
static void a_record_out_of_place_stays_refused(void **state)
{
    struct outbox_counts counts;

    (void)state;
    begin();
    record(3, sync_ItemKind_STEP_RECORD);
    (void)round_now();
    oaid_sql(&a, "UPDATE device SET chain_hash = zeroblob(32)");
    record(2, sync_ItemKind_STEP_RECORD);
    (void)round_now();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store.port->outbox_counts(store.port->ctx, &counts), 0);
        assert_int_equal(counts.refused, 1);
        assert_int_equal(counts.waiting, 1);
        assert_int_equal(counts.acknowledged, 3);
        assert_int_equal(round_now()->sent, 1);
    }
    end();
}

static int skip_counters(struct office *o, void *ctx)
{
    (void)ctx;
    return ho_restore_numbers(o->db, ho_now_ms(o));
}

/* The laptop's cursor is of the time that was lost: what is ordered from now on reaches it, though the
 * office would have come to the same numbers. */
static void orders_after_a_restore_reach_the_laptop(void **state)
{
    char number[32];
    sync_Job job;
    uint64_t cursor;

    (void)state;
    begin();
    (void)round_now();
    keep();
    oaid_order(&a, 2, number);
    (void)round_now();
    assert_int_equal(store.port->cursor(store.port->ctx, &cursor), 0);
    bring_back();
    assert_true((int64_t)cursor > oaid_sql_number(&a, "SELECT MAX(change_no) FROM change_feed"));
    assert_int_equal(ho_transaction(a.o, skip_counters, NULL), 0);
    oaid_order(&a, 3, number);
    assert_string_equal(number, "J-1002");
    assert_true(oaid_sql_number(&a, "SELECT MAX(change_no) FROM change_feed") > 1000000);
    (void)round_now();
    assert_int_equal(store.port->job(store.port->ctx, number, &job), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_records_come_home_with_the_next),
        cmocka_unit_test(lost_records_come_home_without_a_next),
        cmocka_unit_test(a_record_out_of_place_stays_refused),
        cmocka_unit_test(orders_after_a_restore_reach_the_laptop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
