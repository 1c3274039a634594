/* test_store.c - the store when the journal holds what no meter wrote, when flash rots under a
 * meter that runs, when an operation is larger than its record, when a call of the NVM fails. */
#include "meter-core/store.h"

#include <pb_encode.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"
#include "tests/aid/ports_fail.h"

#define PAYLOAD_MAX (MC_REC_MAX - MC_JOURNAL_EXTRA)
/* Where an operation's record has the length of its answer. */
#define LENGTH_AT (GF_UUID_LEN + 8 + 8 + 1 + MC_HASH_LEN)
#define NO_TAG 0x06             /* no register has it */

static struct aid_world *in_service(void)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);

    w->flash.erase_forbidden = false;
    return w;
}

/* An image of the flash, to go back to. */
static uint8_t *keep(const struct aid_world *w)
{
    size_t n = (size_t)w->flash.sector_size * w->flash.sectors;
    uint8_t *image = malloc(n);

    assert_non_null(image);
    memcpy(image, w->flash.bytes, n);
    return image;
}

static void restore(struct aid_world *w, const uint8_t *image)
{
    memcpy(w->flash.bytes, image, (size_t)w->flash.sector_size * w->flash.sectors);
}

static void put_back(struct aid_world *w, const uint8_t *image)
{
    restore(w, image);
    assert_int_equal(aid_world_restart(w), 0);
}

/* ---- records that no meter wrote ---- */

struct foreign {
    const char *what;
    unsigned type;
    size_t n;
    uint8_t bytes[8];
    bool harmless;
};

static const struct foreign foreign[] = {
    {"an index that is too short", MC_RECORD_INDEX, 15, {0}, false},
    {"a change of an unknown register", MC_RECORD_CHANGE, 2, {NO_TAG, 1}, false},
    {"a change that ends in its register", MC_RECORD_CHANGE, 3, {11, 1, 0}, false},
    {"a key that is cut off", MC_RECORD_CHANGE, 7, {9, 1, 2, 3, 4, 5, 6}, false},
    {"a parameter that does not exist", MC_RECORD_CHANGE, 10, {32, MC_PARAM_COUNT}, false},
    {"a ticket's place that does not exist", MC_RECORD_CHANGE, 26, {0xF0, MC_COUNTED}, false},
    {"a ticket's use that is cut off", MC_RECORD_CHANGE, 25, {0xF0, 0}, false},
    {"an event that is cut off", MC_RECORD_CHANGE, 26, {0xF1}, false},
    {"an operation without an answer", MC_RECORD_OPERATION, LENGTH_AT, {0}, false},
    {"a kept operation without an answer", MC_RECORD_KEPT, LENGTH_AT + 1, {0}, false},
    {"a record longer than any", MC_RECORD_CHANGE, PAYLOAD_MAX + 1, {0}, false},
    {"another sector's mark", MC_RECORD_ERASED, 4, {1}, false},
    {"another sector's beginning", MC_RECORD_SECTOR, 8, {1}, false},
    {"a type of record that does not exist", 11, 8, {0}, false},
    {"a change of nothing", MC_RECORD_CHANGE, 0, {0}, true},
    {"an index", MC_RECORD_INDEX, 16, {0xFF}, true},
};

static void append(struct mc_meter *m, const struct foreign *f)
{
    static uint8_t rec[MC_REC_MAX + MC_JOURNAL_EXTRA];

    memset(rec, 0, sizeof rec);
    memcpy(rec + MC_JOURNAL_HEAD, f->bytes, sizeof f->bytes);
    assert_int_equal(
        mc_journal_append(&m->journal, (enum mc_record_type)f->type, rec, f->n, NULL), 0);
}

/* A meter that finds one does not start: shut, it refuses everything. */
static void test_foreign_records(void **state)
{
    struct aid_world *w = in_service();
    uint8_t *image = keep(w);

    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        int rc;

        append(w->meter, &foreign[i]);
        rc = aid_world_restart(w);
        if (rc != (foreign[i].harmless ? 0 : GF_E_STORE) ||
            w->meter->usable != foreign[i].harmless)
            fail_msg("%s: %d", foreign[i].what, rc);
        put_back(w, image);
    }
    free(image);
    aid_world_free(w);
}

static int count_entry(void *ctx, uint32_t no, struct gf_reader *r)
{
    uint32_t *n = ctx;

    (void)r;
    assert_true(no > 0);
    ++*n;
    return 0;
}

/* An event whose number was there already. */
static void again(struct mc_meter *m, uint64_t no)
{
    static uint8_t rec[64 + MC_JOURNAL_EXTRA];
    struct mc_core core = {.event_seq = no - 1};
    struct gf_writer w = {rec + MC_JOURNAL_HEAD, 64, 0, false};

    mc_log_event(&w, &core, MC_EVENT_RESET, 1, 2, 3);
    assert_int_equal(mc_journal_append(&m->journal, MC_RECORD_CHANGE, rec, w.n, NULL), 0);
}

/* Whoever reads the logs of a running meter passes over what holds none, and what it saw. */
static void test_logs_pass_over(void **state)
{
    struct aid_world *w = in_service();
    uint32_t before = 0, after = 0;

    (void)state;
    assert_int_equal(mc_log_read(w->meter, MC_LOG_EVENTS, 0, count_entry, &before), 0);
    assert_int_equal(before, w->meter->core.event_seq);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (foreign[i].type != MC_RECORD_OPERATION)
            append(w->meter, &foreign[i]);
    again(w->meter, w->meter->core.event_seq);
    again(w->meter, 1);
    again(w->meter, w->meter->core.event_seq + 1);      /* one whose end nobody was told */
    assert_int_equal(mc_log_read(w->meter, MC_LOG_EVENTS, 0, count_entry, &after), 0);
    assert_int_equal(after, before);
    aid_world_free(w);
}

/* ---- flash that rots ---- */

/* The receipt `seq` of this meter is damaged in one way: reading, finding and turning say so. */
static void rot(struct aid_world *w, uint64_t seq, uint32_t at, const uint8_t *bytes, size_t n)
{
    memcpy(w->flash.bytes + w->meter->kept[seq % MC_OPS_KEPT] + at, bytes, n);
}

static void test_rotten_answer(void **state)
{
    static const uint8_t longest[] = {0xFF, 0xFF}, none[] = {0, 0};
    static const uint8_t huge[] = {(MC_RECEIPT_MAX + 4) & 0xFF, (MC_RECEIPT_MAX + 4) >> 8,
                                   gasm_Response_receipt_tag << 3 | 2,
                                   ((MC_RECEIPT_MAX + 1) & 0x7F) | 0x80, (MC_RECEIPT_MAX + 1) >> 7};
    struct aid_world *w = in_service();
    uint64_t seq = w->meter->core.receipt_seq;
    uint8_t receipt[MC_RECEIPT_MAX], id[GF_UUID_LEN];
    uint32_t pos = w->meter->journal.pos;
    struct mc_kept kept;

    (void)state;
    aid_op_id(AID_COMMISSION + 1, id);
    assert_int_equal(mc_store_find(w->meter, id, &kept), 1);
    assert_true(mc_store_sealed(w->meter, seq, receipt) > 0);
    rot(w, seq, LENGTH_AT, none, sizeof none);
    assert_int_equal(mc_store_kept(w->meter, seq, &kept), 1);
    assert_int_equal(kept.answer.n, 0);
    assert_int_equal(mc_store_sealed(w->meter, seq, receipt), GF_E_STORE);
    rot(w, seq, LENGTH_AT, longest, sizeof longest);
    assert_int_equal(mc_store_kept(w->meter, seq, &kept), GF_E_STORE);
    assert_int_equal(mc_store_sealed(w->meter, seq, receipt), GF_E_STORE);
    assert_int_equal(mc_store_find(w->meter, id, &kept), GF_E_STORE);
    assert_int_equal(mc_store_kept(w->meter, 0, &kept), 0);
    assert_int_equal(mc_store_kept(w->meter, seq + 1, &kept), 0);
    assert_int_equal(mc_store_sealed(w->meter, seq + 1, receipt), 0);
    /* A turn does not throw it away in silence: the meter stays in its sector. */
    assert_int_equal(mc_store_room(w->meter, mc_journal_free(&w->meter->journal) + 1), GF_E_STORE);
    assert_int_equal(w->meter->journal.generation, 1);
    assert_true(w->meter->journal.pos >= pos);
    /* A receipt that is longer than any. */
    rot(w, seq, LENGTH_AT, huge, sizeof huge);
    assert_int_equal(mc_store_kept(w->meter, seq, &kept), 1);
    assert_int_equal(mc_store_receipt(kept.answer).n, MC_RECEIPT_MAX + 1);
    assert_int_equal(mc_store_sealed(w->meter, seq, receipt), GF_E_STORE);
    aid_world_free(w);
}

/* ---- answers, byte by byte ---- */

/* The receipt in an answer is found whole or not at all, wherever the answer is cut off. */
static void test_receipt_in_answer(void **state)
{
    static gasm_Response answer;
    static uint8_t bytes[gasm_Response_size];
    pb_ostream_t out = pb_ostream_from_buffer(bytes, sizeof bytes);
    struct gf_span whole, found;
    size_t cut_off = 0;

    (void)state;
    answer.command = gasm_Command_COMMISSION;
    answer.receipt.size = 100;
    memset(answer.receipt.bytes, 0x5A, 100);
    assert_true(pb_encode(&out, gasm_Response_fields, &answer));
    whole = mc_store_receipt((struct gf_span){bytes, out.bytes_written});
    assert_int_equal(whole.n, 100);
    assert_memory_equal(whole.p, answer.receipt.bytes, 100);
    for (size_t n = 0; n < out.bytes_written; n++) {
        found = mc_store_receipt((struct gf_span){bytes, n});
        if (found.p == NULL) {
            assert_int_equal(found.n, 0);
            cut_off++;
        } else {
            assert_int_equal(found.n, 100);
            assert_true(n >= (size_t)(whole.p - bytes) + 100);
        }
    }
    assert_true(cut_off > 100);
    /* A receipt that is a number, and a field that does not end. */
    static const uint8_t number[] = {gasm_Response_receipt_tag << 3, 5};
    static const uint8_t endless[] = {gasm_Response_receipt_tag << 3 | 2, 0x80};
    static const uint8_t group[] = {1 << 3 | 7, 0};

    assert_null(mc_store_receipt((struct gf_span){number, sizeof number}).p);
    assert_null(mc_store_receipt((struct gf_span){endless, sizeof endless}).p);
    assert_null(mc_store_receipt((struct gf_span){group, sizeof group}).p);
}

/* ---- transactions that do not fit ---- */

static void test_too_many_entries(void **state)
{
    struct aid_world *w = in_service();
    struct mc_meter *m = w->meter;
    struct mc_op op = {.command = gasm_Command_COMMISSION, .base_seq = m->core.receipt_seq};
    struct mc_core before = m->core;
    uint32_t pos = m->journal.pos;
    struct gf_span answer;
    struct mc_tx tx;

    (void)state;
    mc_store_begin(m, &tx);
    for (int i = 0; !tx.bad; i++) {
        assert_true(i < 100);
        mc_tx_event(m, &tx, MC_EVENT_RESET, 1, 2);
    }
    assert_int_equal(mc_store_change(m, &tx), GF_E_STORE);
    assert_int_equal(mc_store_operation(m, &tx, &op, &answer), GF_E_STORE);
    assert_memory_equal(&m->core, &before, sizeof before);
    assert_int_equal(m->journal.pos, pos);
    aid_world_free(w);
}

/* An answer that is too long for its record, and one that cannot be encoded. */
static void test_answer_too_long(void **state)
{
    struct aid_world *w = in_service();
    struct mc_meter *m = w->meter;
    struct mc_op op = {.command = gasm_Command_READ_RECEIPTS, .base_seq = m->core.receipt_seq};
    gasm_Receipts *page = &m->response.body.receipts;
    struct mc_core before = m->core;
    uint32_t pos = m->journal.pos;
    struct gf_span answer;
    struct mc_tx tx;

    (void)state;
    m->response = (gasm_Response)gasm_Response_init_zero;
    m->response.which_body = gasm_Response_receipts_tag;
    for (; page->receipts_count < sizeof page->receipts / sizeof page->receipts[0];
         page->receipts_count++)
        page->receipts[page->receipts_count].size = sizeof page->receipts[0].bytes;
    mc_store_begin(m, &tx);
    assert_int_equal(mc_store_operation(m, &tx, &op, &answer), GF_E_STORE);
    assert_memory_equal(&m->core, &before, sizeof before);
    assert_int_equal(m->journal.pos, pos);
    aid_world_free(w);
}

static void test_more_room_than_a_sector(void **state)
{
    struct aid_world *w = in_service();

    (void)state;
    assert_int_equal(mc_store_room(w->meter, w->flash.sector_size), GF_E_NOT_NOW);
    assert_int_equal(mc_store_room(w->meter, 1000), 0);
    aid_world_free(w);
}

/* The index in a sector that is full, while nothing may be erased: said, and kept for later. */
static void test_index_without_room(void **state)
{
    struct aid_world *w = in_service();
    struct mc_meter *m = w->meter;
    uint64_t saved_l;

    (void)state;
    assert_int_equal(mc_store_room(m, mc_journal_free(&m->journal) + 1), 0);
    assert_false(m->journal.prepared);
    m->journal.pos = w->flash.sector_size - 4 * MC_JOURNAL_SLOT;
    m->core.totals.index_l += 5;
    assert_int_equal(mc_store_index(m), 0);
    assert_int_equal(mc_store_index(m), 0);
    saved_l = m->index_saved_l;
    m->core.totals.index_l += 5;
    assert_int_equal(mc_store_index(m), GF_E_NOT_NOW);
    assert_int_equal(m->index_saved_l, saved_l);
    assert_int_equal(mc_store_tidy(m), 0);
    assert_int_equal(mc_store_index(m), 0);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(m->core.totals.index_l, saved_l + 5);
    aid_world_free(w);
}

/* What a grant needs for its pulses and its end nothing else may take. */
static void test_grant_keeps_its_room(void **state)
{
    const uint32_t pulses = 1000, change = mc_journal_cost(PAYLOAD_MAX);
    const uint32_t needs = pulses * mc_journal_cost(16) + change;
    struct aid_world *w = in_service();
    struct mc_meter *m = w->meter;
    int rc = 0;

    (void)state;
    assert_int_equal(mc_store_room(m, mc_journal_free(&m->journal) + 1), 0);
    m->core.grant_open = 1;
    m->core.grant_l = pulses;
    m->core.grant_from_l = m->core.totals.purged_l;
    m->journal.pos = w->flash.sector_size - needs - 2 * change;
    for (uint32_t i = 0; rc == 0; i++) {
        assert_true(i < 1000);
        rc = mc_store_event(m, MC_EVENT_RESET, 1, 2);
    }
    assert_int_equal(rc, GF_E_NOT_NOW);
    assert_true(mc_journal_free(&m->journal) >= needs);
    for (uint32_t i = 0; i < pulses; i++) {
        m->core.totals.index_l++;
        m->core.totals.purged_l++;
        assert_int_equal(mc_store_index(m), 0);
    }
    assert_true(mc_journal_free(&m->journal) >= change);
    aid_world_free(w);
}

/* A turn takes along every receipt that is remembered, and what was used of every ticket. */
static void test_turn_keeps(void **state)
{
    static uint8_t receipts[MC_OPS_KEPT][MC_RECEIPT_MAX];
    struct aid_world *w = in_service();
    struct mc_meter *m = w->meter;
    uint8_t receipt[MC_RECEIPT_MAX];
    struct mc_use uses[MC_COUNTED];
    int n[MC_OPS_KEPT] = {0};
    struct mc_tx tx;

    (void)state;
    for (uint64_t seq = 1; seq <= m->core.receipt_seq; seq++) {
        n[seq] = mc_store_sealed(m, seq, receipts[seq]);
        assert_true(n[seq] > 0);
    }
    /* A ticket of the first account's key, whose serial is 0. */
    mc_store_begin(m, &tx);
    tx.slot = MC_COUNTED - 1;
    tx.use = (struct mc_use){.serial = 0, .scope = 1, .uses = 2, .purged_l = 3, .not_after_s = 4};
    assert_int_equal(mc_store_change(m, &tx), 0);
    memcpy(uses, m->uses, sizeof uses);
    assert_memory_equal(&uses[MC_COUNTED - 1], &tx.use, sizeof tx.use);
    /* Until the sector that they stood in first is erased. */
    for (uint32_t turns = 0; turns < w->flash.sectors; turns++) {
        assert_int_equal(mc_store_tidy(m), 0);
        assert_int_equal(mc_store_room(m, w->flash.sector_size), GF_E_NOT_NOW);
    }
    for (int restarts = 0; restarts < 2; restarts++) {
        if (restarts > 0)
            assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(m->journal.generation, 1 + w->flash.sectors);
        assert_memory_equal(m->uses, uses, sizeof uses);
        for (uint64_t seq = 1; seq <= m->core.receipt_seq; seq++) {
            assert_int_equal(mc_store_sealed(m, seq, receipt), n[seq]);
            assert_memory_equal(receipt, receipts[seq], (size_t)n[seq]);
        }
    }
    aid_world_free(w);
}

/* ... and of a log that is full the newest that are to be kept, not one less. */
static void test_turn_keeps_a_full_log(void **state)
{
    struct aid_world *w = in_service();
    uint32_t n = 0;

    (void)state;
    for (int i = 0; i < 600; i++) {
        assert_int_equal(mc_store_tidy(w->meter), 0);
        assert_int_equal(mc_store_event(w->meter, MC_EVENT_RESET, i, 0), 0);
    }
    assert_int_equal(mc_store_room(w->meter, w->flash.sector_size), GF_E_NOT_NOW);
    assert_int_equal(mc_log_read(w->meter, MC_LOG_EVENTS, 0, count_entry, &n), 0);
    assert_int_equal(n, 512);
    aid_world_free(w);
}

/* ---- calls that fail ---- */

/* What the store is asked, by number; 0 or a positive count, or an error. */
static int ask(struct mc_meter *m, unsigned what)
{
    struct mc_op op = {.command = gasm_Command_SET_PARAMETERS, .base_seq = m->core.receipt_seq};
    uint8_t receipt[MC_RECEIPT_MAX], id[GF_UUID_LEN];
    uint32_t entries = 0;
    struct gf_span answer;
    struct mc_kept kept;
    struct mc_tx tx;

    switch (what) {
    case 0:
        aid_op_id(1, id);
        return mc_store_find(m, id, &kept);
    case 1:
        return mc_store_sealed(m, m->core.receipt_seq, receipt);
    case 2:
        return mc_log_read(m, MC_LOG_EVENTS, 0, count_entry, &entries);
    case 3:
        return mc_store_event(m, MC_EVENT_RESET, 0, 0);
    case 4:
        return mc_store_index(m);
    case 5:
        m->response = (gasm_Response)gasm_Response_init_zero;
        mc_store_begin(m, &tx);
        return mc_store_operation(m, &tx, &op, &answer);
    case 6:
        return mc_store_room(m, mc_journal_free(&m->journal) + 1);
    default:
        return mc_store_tidy(m);
    }
}
#define ASKED 8

/* Each call fails once in each of them: it says so, the registers stay, and after a start the
 * journal holds what it held, or the one record more whose end nobody was told. */
static void fail_each(struct aid_world *w, unsigned what, enum aid_port port)
{
    uint8_t *image = keep(w);
    struct aid_ports_fail f = {.port = port, .in = -1};
    bool hit = true;

    aid_ports_fail(&f, w);
    for (uint32_t at = 0; hit; at++) {
        struct mc_core before;
        int rc;

        put_back(w, image);
        before = w->meter->core;
        f.failed = false;
        f.in = at;
        rc = ask(w->meter, what);
        f.in = -1;
        hit = f.failed;
        if (!hit) {
            assert_true(rc >= 0);
            break;
        }
        assert_int_equal(rc, port == AID_PORT_CRYPTO ? GF_E_CRYPTO : GF_E_STORE);
        assert_memory_equal(&w->meter->core, &before, sizeof before);
        assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(w->meter->core.totals.index_l, before.totals.index_l);
        assert_true(w->meter->core.receipt_seq - before.receipt_seq <= 1);
    }
    w->ports = f.real;
    w->meter->ports = w->ports;
    free(image);
}

static void test_each_call(void **state)
{
    struct aid_world *w = in_service();

    (void)state;
    for (unsigned what = 0; what < ASKED; what++)
        for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_CRYPTO; port++)
            fail_each(w, what, port);
    aid_world_free(w);
}

/* A start in which each call fails once: the meter is shut, and the next start finds all. */
static void start_failing(struct aid_world *w, enum aid_port port)
{
    uint8_t *image = keep(w);
    struct aid_ports_fail f = {.port = port, .in = -1};
    uint64_t receipts = w->meter->core.receipt_seq;
    bool hit = true;

    aid_ports_fail(&f, w);
    for (uint32_t at = 0; hit; at++) {
        int rc;

        restore(w, image);
        f.failed = false;
        f.in = at;
        rc = aid_world_restart(w);
        f.in = -1;
        hit = f.failed;
        assert_int_equal(rc, hit ? GF_E_STORE : 0);
        assert_int_equal(w->meter->usable, !hit);
        assert_int_equal(aid_world_restart(w), 0);
        assert_int_equal(w->meter->core.receipt_seq, receipts);
    }
    w->ports = f.real;
    w->meter->ports = w->ports;
    free(image);
}

static void test_each_call_of_a_start(void **state)
{
    struct aid_world *w = in_service();

    (void)state;
    for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_ERASE; port++)
        start_failing(w, port);
    /* ... where the next sector is not erased yet ... */
    assert_int_equal(mc_store_room(w->meter, mc_journal_free(&w->meter->journal) + 1), 0);
    for (enum aid_port port = AID_PORT_PROGRAM; port <= AID_PORT_ERASE; port++)
        start_failing(w, port);
    /* ... and in a sector that is full, where a start turns. */
    w->meter->journal.pos = w->flash.sector_size - MC_JOURNAL_SLOT;
    assert_int_equal(mc_journal_commit(&w->meter->journal), 0);
    for (enum aid_port port = AID_PORT_PROGRAM; port <= AID_PORT_ERASE; port++)
        start_failing(w, port);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_foreign_records),
        cmocka_unit_test(test_logs_pass_over),
        cmocka_unit_test(test_rotten_answer),
        cmocka_unit_test(test_receipt_in_answer),
        cmocka_unit_test(test_too_many_entries),
        cmocka_unit_test(test_answer_too_long),
        cmocka_unit_test(test_more_room_than_a_sector),
        cmocka_unit_test(test_index_without_room),
        cmocka_unit_test(test_grant_keeps_its_room),
        cmocka_unit_test(test_turn_keeps),
        cmocka_unit_test(test_turn_keeps_a_full_log),
        cmocka_unit_test(test_each_call),
        cmocka_unit_test(test_each_call_of_a_start),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
