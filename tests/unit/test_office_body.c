/* test_office_body.c - sync requests that are cut, altered, too large, or not a laptop's to make.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_audit.h"
#include "backend/office_register.h"
#include "tests/aid/office_aid.h"

static struct oaid_office office;
static struct oaid_laptop laptop, other;

static int start(void **state)
{
    (void)state;
    oaid_start(&office, &laptop);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

/* Whatever one byte of a body becomes, it is answered, and what is kept stays whole. */
static void no_altered_body_does_harm(void **state)
{
    static struct oaid_laptop kept;
    struct ho_audit audit;
    const sync_Job job = laptop.jobs[0];
    sync_Item item = oaid_step(&job, "scan");
    sync_Application said = oaid_application_of(&job);
    uint8_t receipt[AID_RECEIPT_MAX];
    struct oaid_meter meter;

    (void)state;
    oaid_meter_new(&meter, 1, &laptop);
    oaid_begin(&laptop);
    oaid_add(&laptop, &item);
    item = oaid_application(&job, &said);
    oaid_add(&laptop, &item);
    item = oaid_receipt_item(&job, receipt,
                             oaid_execute(&meter, gasm_Command_INSTALL_KEY, 0, receipt));
    oaid_add(&laptop, &item);
    kept = laptop;
    for (size_t i = 0; i < kept.body_n; i++) {
        memcpy(laptop.body, kept.body, kept.body_n);
        laptop.body_n = kept.body_n;
        laptop.body[i] ^= (uint8_t)(1u << i % 8);
        assert_true(oaid_send(&laptop) == 200 || laptop.status == 400);
        if (laptop.status == 200)
            assert_in_range(laptop.n_verdicts, 1, 3);
    }
    /* whatever it was taken for: no order ended, no account opened, one receipt at most */
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM account WHERE state <> "
                                              "'reserved'"),
                     0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM work_order WHERE closed_at_ms "
                                              "IS NOT NULL"),
                     0);
    assert_in_range(oaid_sql_number(&office, "SELECT COUNT(*) FROM receipt"), 0, 1);
    assert_int_equal(ho_audit_run(office.o, &audit), 0);
    for (size_t i = 0; i < HO_STATEMENTS; i++)
        assert_int_equal(audit.of[i].n_broken, 0);
    ho_audit_free(&audit);
}

/* Is it in the file? */
static bool is_in_file(const char *name, const uint8_t *p, size_t n)
{
    static uint8_t bytes[4 << 20];
    char path[600];
    size_t got;
    FILE *in;

    (void)snprintf(path, sizeof path, "%s/%s", office.dir, name);
    in = fopen(path, "rbe");
    if (in == NULL)
        return false;
    got = fread(bytes, 1, sizeof bytes, in);
    (void)fclose(in);
    for (size_t i = 0; i + n <= got; i++)
        if (memcmp(bytes + i, p, n) == 0)
            return true;
    return false;
}

static void no_key_is_in_the_database(void **state)
{
    static const char *const files[] = { "office.db", "office.db-wal" };
    struct oaid_meter meter;

    (void)state;
    oaid_needs_file(&office);
    oaid_meter_new(&meter, 1, &laptop);
    assert_true(is_in_file("office.db-wal", laptop.keys[0].envelope.bytes,
                           laptop.keys[0].envelope.size)); /* what is there is found */
    for (size_t i = 0; i < 2; i++) {
        assert_false(is_in_file(files[i], meter.key[0], 32));
        assert_false(is_in_file(files[i], meter.key[1], 32));
        assert_false(is_in_file(files[i], laptop.tickets[0].ticket_key, 32));
        assert_false(is_in_file(files[i], laptop.tickets[1].ticket_key, 32));
    }
}

static void every_prefix_of_a_body_is_refused_whole(void **state)
{
    sync_Item item;
    size_t whole, heads, ends[4] = { 0 }, n_ends = 0;

    (void)state;
    oaid_begin(&laptop);
    heads = laptop.body_n;
    ends[n_ends++] = heads;
    for (int i = 0; i < 2; i++) {
        item = oaid_step(&laptop.jobs[0], "scan");
        oaid_add(&laptop, &item);
        ends[n_ends++] = laptop.body_n;
    }
    whole = laptop.body_n;
    for (size_t n = 0; n < whole; n++) {
        bool is_end = n == ends[0] || n == ends[1];

        if (is_end)
            continue; /* a shorter stream that is whole */
        laptop.body_n = n;
        assert_int_equal(oaid_send(&laptop), 400);
        assert_non_null(strstr(laptop.error, n == 0 ? "there is no head" : "message "));
    }
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM item"), 0);
    laptop.body_n = whole;
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_verdicts, 2);
}

static void expect_body(const void *p, size_t n, const char *words)
{
    memcpy(laptop.body, p, n);
    laptop.body_n = n;
    assert_int_equal(oaid_send(&laptop), 400);
    if (strstr(laptop.error, words) == NULL)
        fail_msg("%s", laptop.error);
}

static void wrong_bodies_are_refused_with_their_place(void **state)
{
    static const uint8_t head[] = { 6, 0x0A, 4, 0x08, 1, 0x20, 0 };
    static const uint8_t newer[] = { 6, 0x0A, 4, 0x08, 2, 0x20, 0 };
    static const uint8_t broken_head[] = { 4, 0x0A, 2, 0x0A, 5 };
    static const uint8_t item_first[] = { 3, 0x12, 1, 0 };
    static const uint8_t neither[] = { 6, 0x0A, 4, 0x08, 1, 0x20, 0, 2, 0x1A, 0 };
    static const uint8_t both[] = { 11, 0x0A, 4, 0x08, 1, 0x20, 0, 0x12, 3, 1, 2, 3 };
    static const uint8_t long_length[] = { 6, 0x0A, 4, 0x08, 1, 0x20, 0, 0x80, 0x80, 0x80, 0x01 };
    static const uint8_t two_heads[] = {
        6, 0x0A, 4, 0x08, 1, 0x20, 0, 6, 0x0A, 4, 0x08, 1, 0x20, 0
    };
    static uint8_t many[7 + 1001 * 3];

    (void)state;
    memcpy(laptop.body, head, sizeof head);
    laptop.body_n = sizeof head;
    assert_int_equal(oaid_send(&laptop), 200);
    expect_body(newer, sizeof newer, "update gasfitter");
    expect_body(broken_head, sizeof broken_head, "the head cannot be decoded");
    expect_body(item_first, sizeof item_first, "the head has to come first");
    expect_body(neither, sizeof neither, "message 2, byte 7");
    expect_body(both, sizeof both, "neither a head nor an item");
    expect_body(long_length, sizeof long_length, "the length of a message is wrong");
    expect_body(two_heads, sizeof two_heads, "the head has to come first, and once");
    memcpy(many, head, sizeof head);
    for (size_t i = 7; i < sizeof many; i += 3)
        memcpy(many + i, (const uint8_t[]){ 2, 0x12, 0 }, 3);
    expect_body(many, sizeof many, "too many items");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM stray"), 0);
}

static int ask(const char *method, const char *path, const char *type, const char *identity,
               bool is_mutual, size_t n)
{
    static const uint8_t body[(4u << 20) + 1];
    struct http_request request = { .method = method,
                                    .path = path,
                                    .content_type = type,
                                    .peer = "127.0.0.1",
                                    .identity = identity,
                                    .is_mutual = is_mutual,
                                    .body = { body, n } };
    struct http_response response;

    office_handle(office.o, &request, &response);
    assert_true(response.body.n > 0);
    assert_string_equal(response.content_type, "application/json");
    buf_free(&response.body);
    return response.status;
}

static void only_enrolled_laptops_are_heard(void **state)
{
    const char *pb = "application/x-protobuf";

    (void)state;
    assert_int_equal(ask("POST", "/v1/sync", pb, "", true, 0), 403);
    assert_int_equal(ask("POST", "/v1/sync", pb, "gasoffice", true, 0), 403);
    assert_int_equal(ask("POST", "/v1/sync", pb, "01900000-0000-7000-8000-000000000000", true, 0),
                     403);
    assert_int_equal(ask("POST", "/v1/sync", pb, laptop.id_text, false, 0), 404);
    assert_int_equal(ask("POST", "/v1/enrol", "application/json", laptop.id_text, true, 0), 404);
    assert_int_equal(ask("GET", "/v1/sync", pb, laptop.id_text, true, 0), 405);
    assert_int_equal(ask("POST", "/v1/nothing", pb, laptop.id_text, true, 0), 404);
    assert_int_equal(ask("POST", "/v1/sync", "text/plain", laptop.id_text, true, 0), 415);
    assert_int_equal(ask("POST", "/v1/sync", pb, laptop.id_text, true, (4u << 20) + 1), 413);
    assert_int_equal(ask("POST", "/v1/sync", pb, laptop.id_text, true, 4u << 20), 400);
    assert_int_equal(ask("GET", "/healthz", "", laptop.id_text, true, 0), 200);

    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(ho_revoke(office.o, laptop.id_text), 1);
    assert_int_equal(oaid_fetch(&laptop), 403);
    assert_non_null(strstr(laptop.error, "\"revoked\""));
}

static void revoking_voids_the_tickets_that_are_out(void **state)
{
    gasm_Ticket before, after;

    (void)state;
    before = oaid_ticket(&laptop, 1);
    oaid_laptop_new(&other, &office, "S001");
    assert_int_equal(oaid_fetch(&other), 200);
    assert_memory_equal(other.tickets[1].ticket.bytes, laptop.tickets[1].ticket.bytes, 20);
    assert_int_equal(ho_revoke(office.o, laptop.id_text), 1);
    assert_int_equal(oaid_fetch(&other), 200);
    assert_int_equal(other.n_tickets, 2);
    after = oaid_ticket(&other, 1);
    assert_true(after.serial_floor > before.serial);
    assert_int_equal(ho_revoke(office.o, "S001"), 1); /* the other one too */
    assert_int_equal(oaid_fetch(&other), 403);
    assert_int_equal(ho_revoke(office.o, "S001"), 0);
    office.o->fail = (struct gf_fail){ 0 };
    assert_int_equal(ho_revoke(office.o, "S999"), GF_E_FORMAT);
}

/* The file may not grow: some of the records of one request do not fit, so none of them counts. */
static void a_full_disk_changes_nothing(void **state)
{
    sync_Item item;
    sync_Job job;
    int64_t pages, limit;
    uint64_t seq;

    (void)state;
    oaid_needs_file(&office);
    job = laptop.jobs[0];
    oaid_begin(&laptop);
    for (int i = 0; i < 60; i++) {
        item = oaid_step(&job, "scan");
        item.receipt.size = sizeof item.receipt.bytes; /* ballast */
        memset(item.receipt.bytes, i, sizeof item.receipt.bytes);
        oaid_add(&laptop, &item);
    }
    seq = laptop.seq;
    assert_int_equal(odb_number(office.o->db, &pages, "PRAGMA page_count", ODB_NONE), 1);
    assert_int_equal(odb_number(office.o->db, &limit, "PRAGMA max_page_count=1", ODB_NONE), 1);
    assert_int_equal(limit, pages);
    assert_int_equal(oaid_send(&laptop), 503);
    assert_non_null(strstr(laptop.error, "DISK_FULL"));
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM item"), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT MAX(chain_seq) FROM device"), 0);
    oaid_office_restart(&office); /* there is room again */
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.n_verdicts, seq);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM item WHERE verdict = 1"),
                     (int64_t)seq);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(no_altered_body_does_harm),
        T(no_key_is_in_the_database),
        T(every_prefix_of_a_body_is_refused_whole),
        T(wrong_bodies_are_refused_with_their_place),
        T(only_enrolled_laptops_are_heard),
        T(revoking_voids_the_tickets_that_are_out),
        T(a_full_disk_changes_nothing),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
