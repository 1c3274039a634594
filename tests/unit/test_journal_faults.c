/* test_journal_faults.c - the journal when a call of the NVM fails, when numbers come to their end,
 * and when a sector says what no journal wrote. */
#include "meter-core/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/crc.h"
#include "tests/aid/flash.h"
#include "tests/aid/ports_fail.h"

#define SECTOR 1024u
#define SECTORS 3u
#define LAST_NUMBER 0x7FFFFFFFu  /* of records and generations */
#define COUNT 120u               /* four sectors of records */

/* It counts up, one record a number; a carry-over is the last number. */
struct counter {
    struct aid_flash flash;
    struct aid_ports_fail fail;
    struct mc_nvm real, nvm;
    struct mc_journal j;
    uint32_t number;            /* the last that was acknowledged, and that a replay showed */
    uint32_t seen;              /* numbers that replays showed */
    uint8_t rec[64];
};

static void setup(struct counter *c)
{
    memset(c, 0, sizeof *c);
    aid_flash_init(&c->flash, SECTOR, SECTORS, 16);
    c->real = aid_flash_port(&c->flash);
    c->fail.in = -1;
    c->nvm = aid_ports_fail_nvm(&c->fail, &c->real);
}

static int put(struct counter *c, struct mc_journal *j, enum mc_record_type type, uint32_t number)
{
    struct gf_writer w = {c->rec + MC_JOURNAL_HEAD, 8, 0, false};

    gf_wr_uint(&w, number, 8);
    return mc_journal_append(j, type, c->rec, w.n, NULL);
}

static int begin(struct counter *c)
{
    int rc = mc_journal_format(&c->j, &c->nvm);

    c->number = 0;
    if (rc == 0)
        rc = put(c, &c->j, MC_RECORD_SNAPSHOT, 0);
    return rc == 0 ? mc_journal_commit(&c->j) : rc;
}

static int turn(struct counter *c)
{
    struct mc_journal next;
    int rc = mc_journal_prepare(&c->j);

    if (rc == 0)
        rc = mc_journal_turn(&c->j, &next);
    if (rc == 0)
        rc = put(c, &next, MC_RECORD_SNAPSHOT, c->number);
    if (rc == 0)
        rc = mc_journal_commit(&next);
    if (rc == 0)
        c->j = next;
    return rc;
}

static int count(struct counter *c)
{
    int rc = put(c, &c->j, MC_RECORD_CHANGE, c->number + 1);

    if (rc == GF_E_SPACE) {
        rc = turn(c);
        if (rc == 0)
            rc = put(c, &c->j, MC_RECORD_CHANGE, c->number + 1);
    }
    c->number += rc == 0;
    return rc;
}

static int visit(void *ctx, const struct mc_record *record)
{
    struct counter *c = ctx;
    uint8_t b[8];
    struct gf_reader r = {b, sizeof b, false};

    if (record->type != MC_RECORD_CHANGE && record->type != MC_RECORD_SNAPSHOT)
        return 0;
    if (c->nvm.read(c->nvm.ctx, record->addr, b, sizeof b) != 0)
        return GF_E_STORE;
    c->number = (uint32_t)gf_rd_uint(&r, 8);
    c->seen++;
    return 0;
}

static int recover(struct counter *c)
{
    int rc = mc_journal_open(&c->j, &c->nvm);

    if (rc == 0)
        rc = mc_journal_replay(&c->j, visit, c);
    if (rc == 0)
        rc = mc_journal_settle(&c->j, c->rec, sizeof c->rec);
    if (rc != 0 && rc != GF_E_SPACE)
        return rc;
    return rc == GF_E_SPACE ? turn(c) : mc_journal_prepare(&c->j);
}

/* One failed call: whoever made it says so; what was acknowledged is there after a restart. */
static bool survive(enum aid_port port, uint32_t at)
{
    struct counter c;
    uint32_t done = 0;
    int rc = 0;

    setup(&c);
    assert_int_equal(begin(&c), 0);
    c.fail.port = port;
    c.fail.in = at;
    for (uint32_t i = 0; i < COUNT && rc == 0; i++) {
        rc = i % 25 == 24 ? recover(&c) : count(&c);
        done = rc == 0 ? c.number : done;
    }
    assert_int_equal(rc, c.fail.failed ? GF_E_STORE : 0);
    c.fail.in = -1;
    c.number = UINT32_MAX;
    assert_int_equal(recover(&c), 0);
    assert_true(c.number == done || c.number == done + 1);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(count(&c), 0);
    aid_flash_free(&c.flash);
    return c.fail.failed;
}

static void test_calls(void **state)
{
    (void)state;
    for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_ERASE; port++) {
        uint32_t at = 0;

        while (survive(port, at))
            at++;
        assert_true(at > 1);
    }
}

static void test_format_fails(void **state)
{
    struct counter c;

    (void)state;
    for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_ERASE; port++)
        for (uint32_t at = 0;; at++) {
            int rc;

            setup(&c);
            c.fail.port = port;
            c.fail.in = at;
            rc = begin(&c);
            assert_int_equal(rc, c.fail.failed ? GF_E_STORE : 0);
            aid_flash_free(&c.flash);
            if (rc == 0)
                break;
        }
}

/* Records and generations end before their numbers would read as erased flash. */
static void test_ends(void **state)
{
    struct mc_journal next;
    struct counter c;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    c.j.sequence = LAST_NUMBER - 1;
    assert_int_equal(count(&c), 0);
    assert_int_equal(count(&c), GF_E_STORE);
    assert_int_equal(recover(&c), 0);
    assert_int_equal(c.number, 1);
    assert_int_equal(count(&c), GF_E_STORE);
    aid_flash_free(&c.flash);

    setup(&c);
    assert_int_equal(begin(&c), 0);
    c.j.generation = LAST_NUMBER - 1;
    assert_int_equal(turn(&c), 0);
    assert_int_equal(recover(&c), 0);
    assert_int_equal(c.j.generation, LAST_NUMBER);
    assert_int_equal(mc_journal_turn(&c.j, &next), GF_E_STORE);
    aid_flash_free(&c.flash);
}

/* A sector that begins as no journal begins one is not ours, whatever else it holds: a generation
 * that none reaches, another record in the place of the first, a first record of another length. */
static void test_foreign_sector(void **state)
{
    static const struct {
        uint64_t generation;
        enum mc_record_type type;
        size_t len;
    } first[] = {
        {(uint64_t)LAST_NUMBER + 1, MC_RECORD_SECTOR, 8},
        {2, MC_RECORD_CHANGE, 8},
        {2, MC_RECORD_SECTOR, 4},
        {2, MC_RECORD_SECTOR, 8},       /* this one is */
    };
    size_t n = sizeof first / sizeof first[0];

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct mc_journal next = {.sector = 1, .pos = 2 * MC_JOURNAL_SLOT};
        struct counter c;
        struct gf_writer w = {c.rec + MC_JOURNAL_HEAD, 8, 0, false};

        setup(&c);
        assert_int_equal(begin(&c), 0);
        next.nvm = &c.nvm;
        gf_wr_uint(&w, first[i].generation, 8);
        assert_int_equal(mc_journal_append(&next, first[i].type, c.rec, first[i].len, NULL), 0);
        next.pos = 4 * MC_JOURNAL_SLOT;
        assert_int_equal(put(&c, &next, MC_RECORD_SNAPSHOT, 77), 0);
        assert_int_equal(mc_journal_commit(&next), 0);
        assert_int_equal(recover(&c), 0);
        assert_int_equal(c.j.sector, i + 1 == n);
        assert_int_equal(c.number, i + 1 == n ? 77 : 0);
        aid_flash_free(&c.flash);
    }
}

/* Each start copies the last record; it counts once all the same. */
static void test_copy_counts_once(void **state)
{
    struct counter c;
    uint32_t before;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(count(&c), 0);
        assert_int_equal(recover(&c), 0);
        assert_int_equal(recover(&c), 0);
        before = c.seen;
        assert_int_equal(mc_journal_replay(&c.j, visit, &c), 0);
        assert_int_equal(c.seen - before, 1 + c.number);        /* and the snapshot */
    }
    aid_flash_free(&c.flash);
}

/* A header that is whole, of a record that would not end in its sector: no record. */
static void test_longer_than_the_sector(void **state)
{
    uint8_t head[MC_JOURNAL_SLOT] = {0};
    struct gf_writer w = {head, sizeof head, 0, false};
    struct counter c;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    assert_int_equal(count(&c), 0);
    gf_wr_uint(&w, c.j.sequence + 1, 4);
    gf_wr_uint(&w, MC_RECORD_CHANGE, 2);
    gf_wr_uint(&w, SECTOR, 2);
    gf_wr_uint(&w, gf_crc32(0, head, 8), 4);
    assert_int_equal(c.nvm.program(c.nvm.ctx, c.j.pos, head, sizeof head), 0);
    assert_int_equal(recover(&c), 0);
    assert_int_equal(c.number, 1);
    assert_int_equal(count(&c), 0);
    assert_int_equal(recover(&c), 0);
    assert_int_equal(c.number, 2);
    aid_flash_free(&c.flash);
}

/* The last slot of a sector may be taken: then a start finds it full, and nothing is skipped. */
static void test_full_to_the_end(void **state)
{
    struct counter c;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    while (mc_journal_free(&c.j) > 0) {
        uint32_t number = c.number;

        /* Records of two slots, then of one. */
        if (mc_journal_free(&c.j) >= 2 * MC_JOURNAL_SLOT)
            assert_int_equal(count(&c), 0);
        else
            assert_int_equal(mc_journal_commit(&c.j), 0);
        assert_true(c.number <= number + 1);
    }
    assert_int_equal(mc_journal_open(&c.j, &c.nvm), 0);
    assert_int_equal(mc_journal_free(&c.j), 0);
    assert_int_equal(mc_journal_settle(&c.j, c.rec, sizeof c.rec), GF_E_SPACE);
    assert_int_equal(mc_journal_free(&c.j), 0);
    assert_int_equal(turn(&c), 0);
    assert_int_equal(recover(&c), 0);
    aid_flash_free(&c.flash);
}

/* A copy needs scratch for the whole record. */
static void test_settle_scratch(void **state)
{
    struct counter c;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    assert_int_equal(count(&c), 0);
    assert_int_equal(mc_journal_open(&c.j, &c.nvm), 0);
    assert_int_equal(mc_journal_settle(&c.j, c.rec, mc_journal_cost(8) - 1), GF_E_SPACE);
    assert_int_equal(mc_journal_settle(&c.j, c.rec, mc_journal_cost(8)), 0);
    aid_flash_free(&c.flash);
}

/* Two records say how often a sector was erased: one is enough. */
static void test_cycles_without_mark(void **state)
{
    struct counter c;
    uint32_t cycles;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    for (uint32_t i = 0; i < 3 * COUNT; i++)
        assert_int_equal(count(&c), 0);
    cycles = mc_journal_cycles(&c.j);
    assert_true(cycles > 2);
    c.flash.bytes[c.j.sector * SECTOR + MC_JOURNAL_HEAD] ^= 1;
    assert_int_equal(mc_journal_cycles(&c.j), cycles);
    c.flash.bytes[c.j.sector * SECTOR + 2 * MC_JOURNAL_SLOT + MC_JOURNAL_HEAD] ^= 1;
    assert_int_equal(mc_journal_cycles(&c.j), 0);
    aid_flash_free(&c.flash);
}

static void test_cycles(void **state)
{
    struct counter c;

    (void)state;
    setup(&c);
    assert_int_equal(begin(&c), 0);
    assert_true(mc_journal_cycles(&c.j) > 0);
    c.fail.port = AID_PORT_READ;
    c.fail.in = 0;
    assert_int_equal(mc_journal_cycles(&c.j), 0);
    aid_flash_free(&c.flash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_format_fails),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_foreign_sector),
        cmocka_unit_test(test_copy_counts_once),
        cmocka_unit_test(test_longer_than_the_sector),
        cmocka_unit_test(test_full_to_the_end),
        cmocka_unit_test(test_settle_scratch),
        cmocka_unit_test(test_cycles_without_mark),
        cmocka_unit_test(test_cycles),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
