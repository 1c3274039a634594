/* test_common.c - ids, labels, text, checksums, error table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/crc.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/text.h"

static int64_t fixed_utc(void *ctx)
{
    return *(int64_t *)ctx;
}

static int count_up(void *ctx, uint8_t *buf, size_t n)
{
    uint8_t *next = ctx;

    for (size_t i = 0; i < n; i++)
        buf[i] = (*next)++;
    return 0;
}

static int no_random(void *ctx, uint8_t *buf, size_t n)
{
    (void)ctx;
    memset(buf, 0, n);
    return GF_E_RANDOM;
}

static void uuid7_has_time_version_and_variant(void **state)
{
    int64_t now = 0x0123456789AB;
    uint8_t seed = 0xF0, id[16], back[16];
    struct gf_clock clock = {&now, fixed_utc, fixed_utc};
    struct gf_random random = {&seed, count_up}, broken = {NULL, no_random};
    char text[GF_UUID_TEXT];

    (void)state;
    assert_int_equal(gf_uuid7(&clock, &random, id), 0);
    gf_uuid_text(id, text);
    assert_string_equal(text, "01234567-89ab-76f7-b8f9-fafbfcfdfeff");
    assert_int_equal(gf_uuid_parse(text, back), 0);
    assert_memory_equal(id, back, 16);
    assert_int_equal(gf_uuid7(&clock, &broken, id), GF_E_RANDOM);
    assert_memory_equal(id, back, 16);
    for (size_t cut = 0; cut < GF_UUID_TEXT - 1; cut++) {
        char bad[GF_UUID_TEXT];

        memcpy(bad, text, sizeof bad);
        bad[cut] = text[cut] == '-' ? '0' : 'g';
        assert_int_equal(gf_uuid_parse(bad, back), GF_E_FORMAT);
        bad[cut] = '\0';
        assert_int_equal(gf_uuid_parse(bad, back), GF_E_FORMAT);
    }
}

static void crcs_have_their_published_check_values(void **state)
{
    (void)state;
    assert_int_equal(gf_crc16("123456789", 9), 0x29B1);
    assert_int_equal(gf_crc32(0, "123456789", 9), 0xCBF43926u);
    assert_int_equal(gf_crc32(gf_crc32(0, "1234", 4), "56789", 5), 0xCBF43926u);
}

/* Every wrong digit and every swap of neighbours must be caught: ISO/IEC 7064 MOD 97-10 promises it. */
static void meter_id_catches_every_wrong_character_and_swap(void **state)
{
    char id[GF_METER_ID_TEXT] = "GM24000012", digits[3];
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(gf_meter_id_digits(id, digits), 0);
    memcpy(id + 10, digits, 3);
    assert_int_equal(gf_meter_id_check(id, &why), 0);
    for (size_t i = 0; i < GF_METER_ID_LEN; i++) {
        char bad[GF_METER_ID_TEXT];

        for (char c = i < 2 ? 'A' : '0'; c <= (i < 2 ? 'Z' : '9'); c++) {
            memcpy(bad, id, sizeof bad);
            bad[i] = c;
            assert_int_equal(gf_meter_id_check(bad, NULL), c == id[i] ? 0 : GF_E_METER_ID);
        }
        memcpy(bad, id, sizeof bad);
        bad[i] = ' ';
        why = (struct gf_fail){0};
        assert_int_equal(gf_meter_id_check(bad, &why), GF_E_FORMAT);
        assert_int_equal(why.code, GF_E_FORMAT);
        bad[i] = '\0';
        assert_int_equal(gf_meter_id_check(bad, NULL), GF_E_FORMAT);
        if (i > 2 && id[i] != id[i - 1]) {
            memcpy(bad, id, sizeof bad);
            bad[i] = id[i - 1];
            bad[i - 1] = id[i];
            assert_int_equal(gf_meter_id_check(bad, NULL), GF_E_METER_ID);
        }
    }
    why = (struct gf_fail){0};
    assert_int_equal(gf_meter_id_check("GM2400001x34", &why), GF_E_FORMAT);
    assert_string_equal(why.detail, "character 10");
    assert_int_equal(gf_meter_id_check("GM24000012345", NULL), GF_E_FORMAT);
}

static void label_round_trip_and_every_damage(void **state)
{
    struct gf_label label = {.address = "02:00:00:00:00:01"}, back;
    char text[GF_LABEL_TEXT], bad[GF_LABEL_TEXT + 8], digits[3];

    (void)state;
    memcpy(label.meter_id, "GM24000012", 11);
    assert_int_equal(gf_meter_id_digits(label.meter_id, digits), 0);
    memcpy(label.meter_id + 10, digits, 3);
    for (int with_address = 0; with_address < 2; with_address++) {
        if (!with_address)
            label.address[0] = '\0';
        else
            memcpy(label.address, "02:00:00:00:00:01", 18);
        assert_int_equal(gf_label_format(&label, text), 0);
        assert_int_equal(gf_label_parse(text, &back, NULL), 0);
        assert_string_equal(back.meter_id, label.meter_id);
        assert_string_equal(back.address, label.address);
        for (size_t i = 0; text[i] != '\0'; i++) {
            for (int bit = 0; bit < 7; bit++) {
                memcpy(bad, text, sizeof text);
                bad[i] = (char)(bad[i] ^ 1 << bit);
                assert_true(gf_label_parse(bad, &back, NULL) < 0);
            }
            memcpy(bad, text, sizeof text);
            bad[i] = '\0';
            assert_true(gf_label_parse(bad, &back, NULL) < 0);
        }
        memcpy(bad, " ", 1);
        memcpy(bad + 1, text, strlen(text));
        memcpy(bad + 1 + strlen(text), "\r\n", 3);
        assert_int_equal(gf_label_parse(bad, &back, NULL), 0);
    }
}

static void label_says_what_a_foreign_code_contains(void **state)
{
    struct gf_label back;
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(gf_label_parse("https://example.org/\x1b[31m", &back, &why), GF_E_LABEL_FOREIGN);
    assert_string_equal(why.detail, "https://example.org/?[31m");
    assert_int_equal(gf_label_parse("", &back, NULL), GF_E_LABEL_FOREIGN);
}

static void numbers_are_strict(void **state)
{
    static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1e3", "0x10", "1.0", "--1"};
    int64_t v = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(gf_parse_int(bad[i], -10, 10, &v), GF_E_FORMAT);
    assert_int_equal(gf_parse_int("99999999999999999999999", 0, INT64_MAX, &v), GF_E_RANGE);
    assert_int_equal(gf_parse_int("9223372036854775808", 0, INT64_MAX, &v), GF_E_RANGE);
    assert_int_equal(gf_parse_int("11", -10, 10, &v), GF_E_RANGE);
    assert_int_equal(v, 7);
    assert_int_equal(gf_parse_int("9223372036854775807", 0, INT64_MAX, &v), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(gf_parse_int("-10", -10, 10, &v), 0);
    assert_true(v == -10);
}

/* Every day of 1970..2470 (a whole 400-year cycle and more), there and back. */
static void dates_go_there_and_back(void **state)
{
    char text[21];
    int64_t back;

    (void)state;
    for (int64_t day = 0; day < 182622; day++) {
        int64_t t = day * 86400 + day % 86400;

        gf_utc_text(t, text);
        assert_int_equal(gf_utc_parse(text, &back), 0);
        assert_true(back == t);
    }
    gf_utc_text(951782400, text);
    assert_string_equal(text, "2000-02-29T00:00:00Z");
    assert_int_equal(gf_utc_parse("2023-02-29T00:00:00Z", &back), GF_E_FORMAT);
    assert_int_equal(gf_utc_parse("2024-02-29T24:00:00Z", &back), GF_E_FORMAT);
    assert_int_equal(gf_utc_parse("2024-02-29T00:00:00", &back), GF_E_FORMAT);
}

static void visible_text_never_steers_a_terminal(void **state)
{
    static const struct { const char *in, *out; size_t cap; } rows[] = {
        {"plain", "plain", 80}, {"a\x1b]0;x\x07" "b", "a?]0;x?b", 80}, {"caf\xC3\xA9", "caf\xC3\xA9", 80},
        {"caf\xC3\xA9", "caf", 5}, {"\xC2\x9B" "31m", "?31m", 80}, {"\xE2\x82", "??", 80}, {"\xC0\x80", "??", 80},
        {"\xED\xA0\x80", "???", 80}, {"\xF0\x9F\x94\xA5", "\xF0\x9F\x94\xA5", 80}, {"abc", "ab", 3},
    };
    char out[80];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        gf_visible(out, rows[i].cap, rows[i].in, strlen(rows[i].in));
        assert_string_equal(out, rows[i].out);
    }
}

static void error_table_is_well_formed(void **state)
{
    size_t n;
    const struct gf_err_row *rows = gf_err_rows(&n);
    struct gf_fail why = {0};

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(rows[i].code < 0 && rows[i].exit_status >= 1 && rows[i].exit_status <= 8);
        assert_true(strlen(rows[i].what) >= 8 && strlen(rows[i].todo) >= 8);
        assert_true(rows[i].what[strlen(rows[i].what) - 1] != '.' && rows[i].todo[strlen(rows[i].todo) - 1] != '.');
        assert_ptr_equal(gf_err_row(rows[i].code), &rows[i]);
        for (size_t k = 0; k < i; k++)
            assert_true(rows[i].code < rows[k].code);       /* unique, and in the order of their numbers */
    }
    assert_int_equal(gf_fail(&why, GF_E_RANGE, "volume", "1 to 20"), GF_E_RANGE);
    assert_int_equal(gf_fail(&why, GF_E_BUG, "later", "later"), GF_E_BUG);
    assert_int_equal(why.code, GF_E_RANGE);
    assert_string_equal(why.where, "volume");
}

static void readers_and_writers_stop_at_their_ends(void **state)
{
    uint8_t b[8];
    struct gf_writer w = {b, sizeof b, 0, false};
    struct gf_reader r = {b, 5, false};

    (void)state;
    gf_wr_uint(&w, 0x1122334455, 5);
    gf_wr_uint(&w, 1, 4);
    assert_true(w.bad && w.n == 5);
    gf_wr_uint(&w, 1, 1);
    assert_int_equal(w.n, 5);
    assert_true(gf_rd_uint(&r, 5) == 0x1122334455);
    assert_true(gf_rd_uint(&r, 1) == 0 && r.bad);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid7_has_time_version_and_variant),
        cmocka_unit_test(crcs_have_their_published_check_values),
        cmocka_unit_test(meter_id_catches_every_wrong_character_and_swap),
        cmocka_unit_test(label_round_trip_and_every_damage),
        cmocka_unit_test(label_says_what_a_foreign_code_contains),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(dates_go_there_and_back),
        cmocka_unit_test(visible_text_never_steers_a_terminal),
        cmocka_unit_test(error_table_is_well_formed),
        cmocka_unit_test(readers_and_writers_stop_at_their_ends),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
