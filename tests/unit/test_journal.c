/* test_journal.c - the journal under power cuts at every program unit and erase, also during
 * recovery. */
#include "meter-core/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "tests/aid/flash.h"

#define SECTOR 4096u             /* small, so that sweeps are quick; the meter asks for more */
#define PAYLOAD_MAX 1400u
#define SEEN_MAX 4000

/* A user of the journal in the way that the meter uses it: it counts up, one record a number, and
 * carries the last number over to the next sector. `try` tells a record from an earlier attempt at
 * the same number. */
struct counter {
    struct aid_flash flash;
    struct mc_nvm nvm;
    struct mc_journal j;
    uint32_t number, try;       /* of the last record that counts */
    uint32_t tries;
    uint32_t seen;              /* records that the last replay showed */
    bool broken_order;
    uint8_t rec[PAYLOAD_MAX + MC_JOURNAL_EXTRA];
};

/* Length of the payload of a number: all lengths round a slot, and now and then a long one. */
static size_t length_of(uint32_t number)
{
    return number % 7 == 0 ? 300 : 8 + number % 20;
}

static int put(struct counter *c, struct mc_journal *j, enum mc_record_type type, uint32_t number,
               uint32_t try)
{
    size_t n = length_of(number);
    struct gf_writer w = {c->rec + MC_JOURNAL_HEAD, n, 0, false};

    memset(c->rec, 0x3C, sizeof c->rec);
    gf_wr_uint(&w, number, 4);
    gf_wr_uint(&w, try, 4);
    return mc_journal_append(j, type, c->rec, n, NULL);
}

static int visit(void *ctx, const struct mc_record *record)
{
    struct counter *c = ctx;
    uint8_t b[8];
    struct gf_reader r = {b, sizeof b, false};
    uint32_t number;

    if (record->type == MC_RECORD_COMMIT || record->type == MC_RECORD_TURN)
        return 0;
    assert_true(record->type == MC_RECORD_SNAPSHOT || record->type == MC_RECORD_CHANGE);
    assert_int_equal(c->nvm.read(c->nvm.ctx, record->addr, b, sizeof b), 0);
    number = (uint32_t)gf_rd_uint(&r, 4);
    assert_int_equal(record->len, length_of(number));
    /* A copy may show a number again; never an older one, never a gap. */
    if (c->seen > 0 && number != c->number && number != c->number + 1)
        c->broken_order = true;
    c->number = number;
    c->try = (uint32_t)gf_rd_uint(&r, 4);
    c->seen++;
    return 0;
}

static int carry_over(struct counter *c)
{
    struct mc_journal next;
    int rc = mc_journal_turn(&c->j, &next);

    if (rc == 0)
        rc = put(c, &next, MC_RECORD_SNAPSHOT, c->number, c->try);
    if (rc == 0)
        rc = mc_journal_commit(&next);
    if (rc == 0)
        c->j = next;
    return rc;
}

static int begin(struct counter *c)
{
    int rc = mc_journal_format(&c->j, &c->nvm);

    c->number = c->try = 0;
    if (rc == 0)
        rc = put(c, &c->j, MC_RECORD_SNAPSHOT, 0, 0);
    return rc == 0 ? mc_journal_commit(&c->j) : rc;
}

static int recover(struct counter *c)
{
    int rc = mc_journal_open(&c->j, &c->nvm);

    c->seen = c->number = c->try = 0;
    c->broken_order = false;
    if (rc == 0)
        rc = mc_journal_replay(&c->j, visit, c);
    if (rc == 0)
        rc = mc_journal_settle(&c->j, c->rec, sizeof c->rec);
    if (rc != 0 && rc != GF_E_SPACE)
        return rc;
    if (mc_journal_prepare(&c->j) != 0)
        return GF_E_STORE;
    if (rc == GF_E_SPACE) {
        rc = carry_over(c);
        if (rc == 0)
            rc = mc_journal_prepare(&c->j);
    }
    return rc;
}

/* Count one up. */
static int count(struct counter *c)
{
    int rc = put(c, &c->j, MC_RECORD_CHANGE, c->number + 1, ++c->tries);

    if (rc == GF_E_SPACE) {
        rc = carry_over(c);
        if (rc == GF_E_NOT_NOW) {
            rc = mc_journal_prepare(&c->j);
            if (rc == 0)
                rc = carry_over(c);
        }
        if (rc == 0)
            rc = put(c, &c->j, MC_RECORD_CHANGE, c->number + 1, c->tries);
    }
    if (rc == 0) {
        c->number++;
        c->try = c->tries;
    }
    return rc;
}

static struct counter *make(uint32_t sectors, uint32_t unit)
{
    struct counter *c = calloc(1, sizeof *c);

    assert_non_null(c);
    aid_flash_init(&c->flash, SECTOR, sectors, unit);
    c->nvm = aid_flash_port(&c->flash);
    return c;
}

static void destroy(struct counter *c)
{
    aid_flash_free(&c->flash);
    free(c);
}

static void test_fits(void **state)
{
    static const struct {
        uint32_t size, sectors, unit;
        bool fits;
    } cases[] = {
        {131072, 2, 4, true},  {262144, 2, 8, true},  {131072, 16, 16, true}, {131072, 1, 4, false},
        {65536, 4, 4, false},  {131072, 2, 1, false}, {131072, 2, 2, false},  {131072, 2, 32, false},
        {131076, 2, 4, false}, {131088, 2, 16, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mc_nvm nvm = {.sector_size = cases[i].size,
                             .sectors = cases[i].sectors,
                             .unit = cases[i].unit};

        assert_int_equal(mc_journal_fits(&nvm), cases[i].fits);
    }
}

/* Foreign, erased and cut-short flash holds no journal; nothing is written by looking. */
static void test_none(void **state)
{
    struct counter *c = make(2, 8);

    (void)state;
    assert_int_equal(recover(c), GF_E_STORE);
    memset(c->flash.bytes, 0xFF, 2 * SECTOR);
    assert_int_equal(recover(c), GF_E_STORE);
    memset(c->flash.bytes, 0, 2 * SECTOR);
    assert_int_equal(recover(c), GF_E_STORE);
    assert_int_equal(c->flash.programmed + c->flash.erased, 0);
    destroy(c);
}

/* Every unit size and number of sectors: all records come back, over many turns. */
static void test_rotation(void **state)
{
    static const uint32_t units[] = {4, 8, 16};

    (void)state;
    for (size_t u = 0; u < 3; u++)
        for (uint32_t sectors = 2; sectors <= 8; sectors++) {
            struct counter *c = make(sectors, units[u]);
            uint32_t generation;

            assert_int_equal(begin(c), 0);
            while (c->j.generation < 3 * sectors) {
                assert_int_equal(count(c), 0);
                if (c->number % 997 == 0) {
                    uint32_t number = c->number, try = c->try;

                    assert_int_equal(recover(c), 0);
                    assert_int_equal(c->number, number);
                    assert_int_equal(c->try, try);
                    assert_false(c->broken_order);
                }
            }
            generation = c->j.generation;
            assert_int_equal(recover(c), 0);
            assert_int_equal(c->j.generation, generation);
            assert_in_range(mc_journal_cycles(&c->j), 3, 4);    /* worn alike */
            destroy(c);
        }
}

/* Turning needs a sector that was erased beforehand, and erases nothing itself. */
static void test_no_erase_in_turn(void **state)
{
    struct counter *c = make(2, 8);
    struct mc_journal next;

    (void)state;
    assert_int_equal(begin(c), 0);
    c->flash.erase_forbidden = true;
    assert_int_equal(carry_over(c), 0);
    assert_int_equal(carry_over(c), GF_E_NOT_NOW);
    assert_int_equal(c->flash.forbidden_erases, 0);
    c->flash.erase_forbidden = false;
    assert_int_equal(mc_journal_prepare(&c->j), 0);
    /* A turn that was begun and given up leaves the next sector to be erased. */
    assert_int_equal(mc_journal_turn(&c->j, &next), 0);
    assert_int_equal(mc_journal_turn(&c->j, &next), GF_E_NOT_NOW);
    assert_int_equal(count(c), 0);
    assert_int_equal(mc_journal_prepare(&c->j), 0);
    assert_int_equal(carry_over(c), 0);
    assert_int_equal(recover(c), 0);
    assert_int_equal(c->number, 1);
    destroy(c);
}

/* A record that does not fit is refused, and the next smaller one still goes in. */
static void test_full(void **state)
{
    struct counter *c = make(2, 16);
    uint8_t rec[PAYLOAD_MAX + MC_JOURNAL_EXTRA];

    (void)state;
    assert_int_equal(begin(c), 0);
    while (mc_journal_free(&c->j) >= mc_journal_cost(PAYLOAD_MAX)) {
        memset(rec, 1, sizeof rec);
        assert_int_equal(mc_journal_append(&c->j, MC_RECORD_INDEX, rec, PAYLOAD_MAX, NULL), 0);
    }
    assert_int_equal(mc_journal_append(&c->j, MC_RECORD_INDEX, rec, PAYLOAD_MAX, NULL), GF_E_SPACE);
    while (mc_journal_free(&c->j) > 0)
        assert_int_equal(mc_journal_append(&c->j, MC_RECORD_INDEX, rec, 0, NULL), 0);
    assert_int_equal(mc_journal_append(&c->j, MC_RECORD_INDEX, rec, 0, NULL), GF_E_SPACE);
    assert_int_equal(mc_journal_open(&c->j, &c->nvm), 0);
    assert_int_equal(mc_journal_free(&c->j), 0);
    assert_int_equal(mc_journal_settle(&c->j, c->rec, sizeof c->rec), GF_E_SPACE);
    destroy(c);
}

/* ---- power cuts ---- */

/* What a sweep starts from: a sector that is nearly full, so that the next records turn to the
 * other one. */
struct image {
    struct counter start;
    uint8_t *bytes;
};

static void load(struct counter *c, const struct image *from)
{
    uint8_t *bytes = c->flash.bytes;

    *c = from->start;
    c->flash.bytes = bytes;
    c->nvm = aid_flash_port(&c->flash);
    c->j.nvm = &c->nvm;
    memcpy(bytes, from->bytes, (size_t)c->flash.sector_size * c->flash.sectors);
}

/* left: bytes that are free at the start, or more than that by less than a record. */
static struct image nearly_full(uint32_t unit, uint32_t left)
{
    struct counter *c = make(2, unit);
    struct image im;

    assert_int_equal(begin(c), 0);
    while (mc_journal_free(&c->j) > 400 + left)
        assert_int_equal(count(c), 0);
    while (left < 100 && mc_journal_free(&c->j) > left) /* exactly: with records that say nothing */
        assert_int_equal(mc_journal_append(&c->j, MC_RECORD_COMMIT, c->rec, 0, NULL), 0);
    im.start = *c;
    im.bytes = c->flash.bytes;
    free(c);
    return im;
}

#define SWEPT 40                /* numbers counted in a sweep: the turn, and an erase after it */

/* Count to the end of the sweep and tidy up. 0, or the power failed. */
static int sweep_on(struct counter *c, uint32_t until)
{
    int rc = 0;

    while (rc == 0 && c->number < until) {
        rc = count(c);
        if (rc == 0 && c->number + 20 == until)
            rc = mc_journal_prepare(&c->j);
    }
    return rc;
}

/* After a cut: recover, with a second cut in the recovery when second >= 0. What was acknowledged
 * is there; what is trusted stays. */
static void check_recovery(struct counter *c, uint32_t until, int64_t second)
{
    uint32_t acked = c->number, trusted, trusted_try;
    uint64_t erased;

    aid_flash_boot(&c->flash);
    c->flash.cut_in = second;
    while (recover(c) != 0) {
        assert_true(c->flash.dead);
        aid_flash_boot(&c->flash);
        c->flash.cut_in = -1;
    }
    c->flash.cut_in = -1;
    assert_false(c->broken_order);
    assert_in_range(c->number, acked, acked + 1);
    trusted = c->number;
    trusted_try = c->try;
    erased = c->flash.erased;
    /* As if the lights flickered: nothing new is written, what is trusted stays. */
    for (int i = 0; i < 4; i++) {
        aid_flash_boot(&c->flash);
        assert_int_equal(recover(c), 0);
        assert_false(c->broken_order);
        assert_int_equal(c->number, trusted);
        assert_int_equal(c->try, trusted_try);
    }
    /* Starts alone do not wear the flash: at most their copies needed the next sector. */
    assert_true(c->flash.cut >= AID_CUT_RIPENS || c->flash.erased - erased <= 2);
    assert_int_equal(sweep_on(c, until), 0);
    trusted_try = c->try;
    for (int i = 0; i < 3; i++) {
        aid_flash_boot(&c->flash);
        assert_int_equal(recover(c), 0);
        assert_false(c->broken_order);
        assert_int_equal(c->number, until);
        assert_int_equal(c->try, trusted_try);
    }
}

/* As check_recovery(), but the meter goes on writing right after the first recovery. */
static void check_going_on(struct counter *c, uint32_t until)
{
    uint32_t acked = c->number, try;

    aid_flash_boot(&c->flash);
    c->flash.cut_in = -1;
    assert_int_equal(recover(c), 0);
    assert_in_range(c->number, acked, acked + 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(count(c), 0);
        acked = c->number;
        try = c->try;
        aid_flash_boot(&c->flash);
        assert_int_equal(recover(c), 0);
        assert_false(c->broken_order);
        assert_int_equal(c->number, acked);
        assert_int_equal(c->try, try);
    }
    assert_int_equal(sweep_on(c, until + 2), 0);
    if (c->j.prepared)
        assert_int_equal(carry_over(c), 0);
}

static bool is_whole_campaign(void)
{
    return getenv("TEST_ALL") != NULL;
}

/* stride: of the first cuts; twice: with second cuts as well. */
static void sweep(const struct image *im, struct counter *c, enum aid_cut cut, int64_t stride,
                  bool twice)
{
    uint32_t until = im->start.number + SWEPT, cuts = 0;

    for (int64_t k = 0;; k += stride) {
        load(c, im);
        c->flash.cut = cut;
        c->flash.cut_in = k;
        if (sweep_on(c, until) == 0)
            break;
        assert_true(c->flash.dead);
        cuts++;
        check_going_on(c, until);
        for (int64_t second = -1; second < (twice ? 60 : 0);
             second += is_whole_campaign() ? 1 : 9) {
            load(c, im);
            c->flash.cut = cut;
            c->flash.cut_in = k;
            assert_int_not_equal(sweep_on(c, until), 0);
            check_recovery(c, until, second);
        }
    }
    assert_true(cuts > 20);
}

static void sweep_units(uint32_t unit)
{
    static const uint32_t left[] = {100, 0, 16, 32};
    int64_t stride = unit == 16 ? 3 : 19;
    bool all = is_whole_campaign();

    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        struct image im = nearly_full(unit, left[i]);
        struct counter *c = make(2, unit);

        for (enum aid_cut cut = 0; cut < AID_CUTS; cut++)
            sweep(&im, c, cut, all || (i == 0 && unit == 16) ? 1 : stride,
                  i == 0 && (all || unit == 16));
        free(im.bytes);
        destroy(c);
    }
}

static void test_cuts_4(void **state)
{
    (void)state;
    sweep_units(4);
}

static void test_cuts_8(void **state)
{
    (void)state;
    sweep_units(8);
}

static void test_cuts_16(void **state)
{
    (void)state;
    sweep_units(16);
}

/* A journal whose making was cut short is none; making it again works. */
static void test_cut_format(void **state)
{
    struct counter *c = make(3, 8);

    (void)state;
    for (enum aid_cut cut = 0; cut < AID_CUTS; cut++)
        for (int64_t k = 0;; k++) {
            aid_flash_free(&c->flash);
            aid_flash_init(&c->flash, SECTOR, 3, 8);
            c->flash.cut = cut;
            c->flash.cut_in = k;
            if (begin(c) == 0)
                break;
            aid_flash_boot(&c->flash);
            c->flash.cut_in = -1;
            if (mc_journal_open(&c->j, &c->nvm) != 0)
                assert_int_equal(begin(c), 0);
            assert_int_equal(recover(c), 0);
            assert_int_equal(c->number, 0);
            assert_int_equal(count(c), 0);
        }
    destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),    cmocka_unit_test(test_none),
        cmocka_unit_test(test_rotation), cmocka_unit_test(test_no_erase_in_turn),
        cmocka_unit_test(test_full),    cmocka_unit_test(test_cut_format),
        cmocka_unit_test(test_cuts_16), cmocka_unit_test(test_cuts_8),
        cmocka_unit_test(test_cuts_4),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
