/* test_office_chain.c - the identity of laptops' records, and their place in the chain. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
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

static void what_comes_twice_counts_once(void **state)
{
    sync_Item item, again;
    sync_Job job;
    uint8_t bytes[sync_Item_size];
    size_t n;

    (void)state;
    job = laptop.jobs[0];
    item = oaid_step(&job, "scan");
    oaid_begin(&laptop);
    n = oaid_add_get(&laptop, &item, bytes, sizeof bytes);
    oaid_add_bytes(&laptop, bytes, n); /* twice in one request */
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(laptop.verdicts[0].kind, sync_VerdictKind_APPLIED);
    assert_int_equal(laptop.verdicts[1].kind, sync_VerdictKind_DUPLICATE);
    assert_memory_equal(laptop.verdicts[1].item_hash, laptop.verdicts[0].item_hash, 32);
    oaid_office_restart(&office);
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, bytes, n); /* and after a restart */
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_DUPLICATE);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM item"), 1);

    again = oaid_step(&job, "find"); /* the same id over other content */
    memcpy(again.id, item.id, sizeof again.id);
    oaid_expect(&laptop, &again, sync_VerdictKind_CONFLICT, "id");
    item = oaid_step(&job, "connect"); /* which holds up nothing */
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM stray"), 1);
}

static void a_refusal_is_repeated_as_it_was(void **state)
{
    sync_Application a;
    sync_Item item;
    uint8_t bytes[sync_Item_size];
    size_t n;

    (void)state;
    a = oaid_application_of(&laptop.jobs[0]);
    a.account_no = 5;
    item = oaid_application(&laptop.jobs[0], &a);
    oaid_begin(&laptop);
    n = oaid_add_get(&laptop, &item, bytes, sizeof bytes);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_CONFLICT);
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, bytes, n);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_CONFLICT);
    assert_string_equal(oaid_verdict(&laptop)->field, "account_no");
}

static void a_missing_record_holds_those_behind_it(void **state)
{
    sync_Item items[3];
    uint8_t bytes[3][sync_Item_size];
    size_t n[3];

    (void)state;
    oaid_begin(&laptop);
    for (int i = 0; i < 3; i++) {
        items[i] = oaid_step(&laptop.jobs[0], "scan");
        n[i] = oaid_add_get(&laptop, &items[i], bytes[i], sizeof bytes[i]);
    }
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, bytes[1], n[1]);
    oaid_add_bytes(&laptop, bytes[2], n[2]);
    assert_int_equal(oaid_send(&laptop), 200);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(laptop.verdicts[i].kind, sync_VerdictKind_HELD);
        assert_non_null(strstr(laptop.verdicts[i].reason, "before record 1"));
    }
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM item"), 0);
    oaid_begin(&laptop);
    for (int i = 0; i < 3; i++)
        oaid_add_bytes(&laptop, bytes[i], n[i]);
    assert_int_equal(oaid_send(&laptop), 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(laptop.verdicts[i].kind, sync_VerdictKind_APPLIED);
}

static void a_laptop_restored_from_an_old_copy_is_found_out(void **state)
{
    sync_Item item;
    sync_Job job;
    uint8_t old_hash[32];

    (void)state;
    job = laptop.jobs[0];
    item = oaid_step(&job, "scan");
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    memcpy(old_hash, laptop.prev_hash, sizeof old_hash);
    item = oaid_step(&job, "find");
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_fetch(&laptop), 200);
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM audit_log WHERE what = 'sequence went back'"),
        0);
    laptop.seq = 1; /* the copy */
    memcpy(laptop.prev_hash, old_hash, sizeof old_hash);
    item = oaid_step(&job, "connect");
    oaid_expect(&laptop, &item, sync_VerdictKind_QUARANTINED, "seq");
    item = oaid_step(&job, "connect");
    oaid_expect(&laptop, &item, sync_VerdictKind_QUARANTINED, "prev_hash");
    assert_int_equal(
        oaid_sql_number(&office,
                        "SELECT COUNT(*) FROM audit_log WHERE what = 'sequence went back'"),
        1);

    oaid_laptop_new(&other, &office, "S001"); /* enrolled again, it goes on with its chain */
    other.seq = laptop.seq;
    memcpy(other.prev_hash, laptop.prev_hash, sizeof other.prev_hash);
    item = oaid_step(&job, "connect");
    oaid_expect(&other, &item, sync_VerdictKind_APPLIED, "");
    item = oaid_step(&job, "handshake");
    oaid_expect(&other, &item, sync_VerdictKind_APPLIED, "");
}

static void what_cannot_be_decoded_holds_up_nothing(void **state)
{
    static const uint8_t garbage[] = { 0x0A, 0x10, 1,  2,  3,  4,  5,  6,  7,    8,
                                       9,    10,   11, 12, 13, 14, 15, 16, 0x22, 0x7F };
    static uint8_t large[5000];
    const struct mc_crypto *c = mc_crypto_openssl();
    const struct gf_span parts[] = { { garbage, sizeof garbage }, { large, sizeof large } };
    sync_Item item;
    sync_Job job;

    (void)state;
    job = laptop.jobs[0];
    item = oaid_step(&job, "scan");
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    for (int i = 0; i < 2; i++) { /* the second is larger than an item can be */
        oaid_begin(&laptop);
        oaid_add_bytes(&laptop, parts[i].p, parts[i].n);
        assert_int_equal(oaid_send(&laptop), 200);
        assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_QUARANTINED);
        if (i == 0)
            assert_memory_equal(oaid_verdict(&laptop)->id, garbage + 2, 16);
        assert_int_equal(oaid_send(&laptop), 200); /* again: the same */
        assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_QUARANTINED);
        laptop.seq++;
        assert_int_equal(c->sha256(c->ctx, &parts[i], 1, laptop.prev_hash), 0);
    }
    item = oaid_step(&job, "find");
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM stray WHERE seq IN (2, 3)"), 2);
}

/* Its place is proved by the hash that the next record names, not by its being missing. */
static void what_cannot_be_decoded_fills_no_other_gap(void **state)
{
    static const uint8_t garbage[] = { 0x0A, 0x10, 1, 2, 3 };
    sync_Job job = laptop.jobs[0];
    sync_Item item = oaid_step(&job, "scan");

    (void)state;
    oaid_expect(&laptop, &item, sync_VerdictKind_APPLIED, "");
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, garbage, sizeof garbage);
    assert_int_equal(oaid_send(&laptop), 200);
    laptop.seq = 2;
    memset(laptop.prev_hash, 3, sizeof laptop.prev_hash);
    item = oaid_step(&job, "find");
    oaid_expect(&laptop, &item, sync_VerdictKind_HELD, "seq");
}

static void the_first_record_may_be_one_that_cannot_be_decoded(void **state)
{
    static const uint8_t garbage[] = { 0x0A, 0x10, 1, 2, 3 };
    const struct gf_span bytes = { garbage, sizeof garbage };
    const struct mc_crypto *c = mc_crypto_openssl();
    sync_Item item = oaid_step(&laptop.jobs[0], "scan");

    (void)state;
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, garbage, sizeof garbage);
    laptop.seq = 1;
    assert_int_equal(c->sha256(c->ctx, &bytes, 1, laptop.prev_hash), 0);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    assert_int_equal(oaid_verdict(&laptop)->kind, sync_VerdictKind_APPLIED);
    assert_int_equal(oaid_sql_number(&office, "SELECT seq FROM stray"), 1);
    assert_int_equal(oaid_sql_number(&office, "SELECT chain_start FROM device"), 1);
}

static void unknown_kinds_and_orders_are_refused(void **state)
{
    sync_Item item;

    (void)state;
    item = oaid_step(&laptop.jobs[0], "scan");
    item.kind = (sync_ItemKind)77;
    oaid_expect(&laptop, &item, sync_VerdictKind_QUARANTINED, "kind");
    item = oaid_step(&laptop.jobs[0], "scan");
    item.job_id[0] ^= 1;
    oaid_expect(&laptop, &item, sync_VerdictKind_CONFLICT, "job_id");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(what_comes_twice_counts_once),
        T(a_refusal_is_repeated_as_it_was),
        T(a_missing_record_holds_those_behind_it),
        T(a_laptop_restored_from_an_old_copy_is_found_out),
        T(what_cannot_be_decoded_holds_up_nothing),
        T(what_cannot_be_decoded_fills_no_other_gap),
        T(the_first_record_may_be_one_that_cannot_be_decoded),
        T(unknown_kinds_and_orders_are_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
