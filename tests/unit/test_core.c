/* test_core.c - every register is persisted, comes back, and the largest state fits its record. */
#include "meter-core/core.h"
#include "meter-core/logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/linkaid.h"

#define PAYLOAD_MAX (MC_REC_MAX - MC_JOURNAL_EXTRA)

static size_t written(const struct mc_core *from, const struct mc_core *to, uint8_t *ret)
{
    struct gf_writer w = {ret, PAYLOAD_MAX, 0, false};

    mc_core_write(&w, from, to, false);
    assert_false(w.bad);
    return w.n;
}

/* Each byte of the struct, changed alone, is written and comes back - all but padding. */
static void test_every_byte(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED];
    struct aid_random random = {.state = 5};
    struct mc_core a, b, c;
    size_t padding = 0;

    (void)state;
    for (size_t i = 0; i < sizeof a; i++)
        ((uint8_t *)&a)[i] = (uint8_t)aid_random_next(&random);
    for (size_t i = 0; i < sizeof a; i++) {
        struct gf_reader r = {bytes, 0, false};

        memcpy(&b, &a, sizeof b);
        ((uint8_t *)&b)[i] ^= 0x40;
        r.left = written(&a, &b, bytes);
        if (r.left == 0) {
            padding++;
            continue;
        }
        memcpy(&c, &a, sizeof c);
        assert_int_equal(mc_core_read(&c, uses, &r), 0);
        assert_memory_equal(&c, &b, sizeof c);
    }
    /* A member without a row in core.c's table would show here. */
    assert_int_equal(padding, 4 + 3 + 4);
}

/* All ones everywhere and every counted ticket: the largest snapshot. */
static void test_largest(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED], back[MC_COUNTED];
    struct mc_core full, zero;
    struct gf_writer w = {bytes, sizeof bytes, 0, false};
    struct gf_reader r = {bytes, 0, false};

    (void)state;
    memset(&full, 0xFF, sizeof full);
    memset(&zero, 0, sizeof zero);
    mc_core_write(&w, NULL, &full, true);
    for (size_t i = 0; i < MC_COUNTED; i++) {
        uses[i] = (struct mc_use){UINT64_MAX - i, UINT32_MAX, 3, 4, 5};
        mc_core_write_use(&w, i, &uses[i]);
    }
    mc_log_event(&w, &(struct mc_core){0}, MC_EVENT_RESET, 1, 2, 3);
    assert_false(w.bad);
    print_message("# largest snapshot: %zu of %u bytes\n", w.n, PAYLOAD_MAX);
    r.left = w.n;
    assert_int_equal(mc_core_read(&zero, back, &r), 0);
    assert_memory_equal(back, uses, sizeof uses);
    assert_int_equal(zero.totals.exported_l, UINT64_MAX);
}

/* Entries that are not understood, or cut off, are an error, never a guess. */
static void test_refused(void **state)
{
    static uint8_t bytes[PAYLOAD_MAX];
    static struct mc_use uses[MC_COUNTED];
    static const struct {
        uint8_t tag, place;
        size_t n;
    } bad[] = {{0, 0, 2}, {200, 0, 2}, {0xF0, MC_COUNTED, 26}, {32, MC_PARAM_COUNT, 10}};
    struct mc_core core, full;
    size_t n;

    (void)state;
    memset(&full, 0x55, sizeof full);
    n = written(NULL, &full, bytes);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t entry[64] = {bad[i].tag, bad[i].place};
        struct gf_reader r = {entry, bad[i].n, false};

        assert_int_equal(mc_core_read(&core, uses, &r), GF_E_STORE);
        if (bad[i].place == 0)
            continue;
        /* The place below it is the last one. */
        entry[1]--;
        r = (struct gf_reader){entry, bad[i].n, false};
        assert_int_equal(mc_core_read(&core, uses, &r), 0);
    }
    for (size_t cut = 1; cut < 5; cut++) {     /* inside the last entry: a tag and four bytes */
        struct gf_reader r = {bytes, n - cut, false};

        assert_int_equal(mc_core_read(&core, uses, &r), GF_E_STORE);
    }
}

/* ---- what is believed ---- */

static struct mc_core believable(void)
{
    struct mc_core core;
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    memset(&core, 0, sizeof core);
    memcpy(core.meter_id, AID_METER_ID, sizeof core.meter_id);
    core.pulse_l = 10;
    core.life = gasm_LifeState_IN_SERVICE;
    for (size_t i = 0; i < n; i++)
        core.params[i] = rows[i].def;
    return core;
}

static int check(const struct mc_core *core)
{
    struct mc_core copy = *core;

    return mc_core_check(&copy);
}

/* Registers that no meter ever wrote are refused, each alone. */
static void test_believed(void **state)
{
    const struct mc_core good = believable();
    struct mc_core c;

    (void)state;
    assert_int_equal(check(&good), 0);
    c = good, c.meter_id[5] ^= 1;
    assert_int_equal(check(&c), GF_E_STORE);
    for (uint32_t pulse_l = 0; pulse_l < 20; pulse_l++) {
        c = good, c.pulse_l = pulse_l;
        assert_int_equal(check(&c), pulse_l == 1 || pulse_l == 10 ? 0 : GF_E_STORE);
    }
    for (unsigned life = 0; life < 256; life++) {
        c = good, c.life = (uint8_t)life;
        assert_int_equal(check(&c), life >= gasm_LifeState_FACTORY &&
                                            life <= gasm_LifeState_SCRAPPED ? 0 : GF_E_STORE);
    }
    c = good, c.account_closed = 1;
    assert_int_equal(check(&c), 0);
    c = good, c.account_closed = 2;
    assert_int_equal(check(&c), GF_E_STORE);
    c = good, c.grant_open = 2;
    assert_int_equal(check(&c), GF_E_STORE);
    /* A grant cannot have begun above what was purged; one that ended says nothing. */
    c = good, c.grant_open = 1, c.grant_from_l = c.totals.purged_l = 7;
    assert_int_equal(check(&c), 0);
    c.grant_from_l = 8;
    assert_int_equal(check(&c), GF_E_STORE);
    c.grant_open = 0;
    assert_int_equal(check(&c), 0);
}

/* Counters and times beyond any lifetime, each alone. */
static void test_reachable(void **state)
{
    static const size_t counted[] = {
#define AT(m) offsetof(struct mc_core, m)
        AT(totals.index_l),         AT(totals.purged_l),       AT(totals.opening_index_l),
        AT(totals.opening_purged_l), AT(totals.purchased_l),   AT(totals.imported_l),
        AT(totals.forgiven_l),      AT(totals.debited_l),      AT(totals.cleared_l),
        AT(totals.exported_l),      AT(totals.after_closing_l), AT(closing_index_l),
        AT(token_seq),              AT(receipt_seq),           AT(event_seq),
        AT(starts),                 AT(grant_from_l),          AT(session_reserved),
#undef AT
    };
    const uint64_t end = UINT64_C(1) << 60;
    struct mc_core c;

    (void)state;
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        c = believable();
        memcpy((uint8_t *)&c + counted[i], &(uint64_t){end - 1}, 8);
        assert_int_equal(check(&c), 0);
        memcpy((uint8_t *)&c + counted[i], &end, 8);
        assert_int_equal(check(&c), GF_E_STORE);
    }
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        c = believable(), c.floor_s = sign * (int64_t)(end - 1);
        assert_int_equal(check(&c), 0);
        c.floor_s += sign;
        assert_int_equal(check(&c), GF_E_STORE);
        c = believable(), c.clock_offset_ms = sign * (int64_t)(end - 1);
        assert_int_equal(check(&c), 0);
        c.clock_offset_ms += sign;
        assert_int_equal(check(&c), GF_E_STORE);
    }
}

/* A parameter may stand at either end of its range; beyond it counts as its default. */
static void test_parameters(void **state)
{
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);
    struct mc_core c;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        c = believable(), c.params[i] = rows[i].min;
        assert_int_equal(mc_core_check(&c), 0);
        assert_int_equal(c.params[i], rows[i].min);
        c.params[i] = rows[i].max;
        assert_int_equal(mc_core_check(&c), 0);
        assert_int_equal(c.params[i], rows[i].max);
        c.params[i] = rows[i].min - 1;
        assert_int_equal(mc_core_check(&c), 0);
        assert_int_equal(c.params[i], rows[i].def);
        c.params[i] = rows[i].max + 1;
        assert_int_equal(mc_core_check(&c), 0);
        assert_int_equal(c.params[i], rows[i].def);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_believed),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_parameters),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
