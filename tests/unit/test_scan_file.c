/* test_scan_file.c - labels in image files: every kind of PNG, damaged ones, and what was typed for
 * a label. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <png.h>

#include "common/host/real.h"
#include "tests/aid/picture.h"
#include "tests/aid/proc.h"
#include "tui/entry.h"
#include "tui/scan.h"

#define ID "GM2400000156"
#define LABEL "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"
#define FILE_MAX 65536

static char path[512];
static uint8_t whole[FILE_MAX];

static struct picture with_label(void)
{
    struct picture p = picture_new(203, 207);

    picture_qr(&p, LABEL, 101, 103, 5, 0);
    return p;
}

static int make(void **state)
{
    (void)state;
    (void)snprintf(path, sizeof path, "%s/label.png", aid_tmpdir());
    return 0;
}

static void test_every_kind(void **state)
{
    static const struct {
        int colour_type, bits;
    } kinds[] = {
        {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},
        {PNG_COLOR_TYPE_GRAY, 4},        {PNG_COLOR_TYPE_GRAY, 8},
        {PNG_COLOR_TYPE_GRAY, 16},       {PNG_COLOR_TYPE_PALETTE, 1},
        {PNG_COLOR_TYPE_PALETTE, 2},     {PNG_COLOR_TYPE_PALETTE, 4},
        {PNG_COLOR_TYPE_PALETTE, 8},     {PNG_COLOR_TYPE_RGB, 8},
        {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16},
    };
    struct picture p = with_label();
    char label[GF_LABEL_TEXT];
    struct gf_fail why = {0};

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (int interlaced = 0; interlaced < 2; interlaced++) {
            picture_png(&p, path, kinds[i].colour_type, kinds[i].bits, interlaced == 1);
            if (scan_label_file(path, label, &why) != 0)
                fail_msg("colour type %d, %d bits, interlaced %d: %s", kinds[i].colour_type,
                         kinds[i].bits, interlaced, why.detail);
            assert_string_equal(label, LABEL);
        }
    picture_free(&p);
}

static int read_bytes(size_t n, struct gf_fail *why)
{
    char label[GF_LABEL_TEXT];

    *why = (struct gf_fail){0};
    assert_int_equal(gf_file_write(path, whole, n, 0600, NULL), 0);
    return scan_label_file(path, label, why);
}

/* Cut anywhere: refused with the reason, as an image, before the picture's end. */
static void test_cut(void **state)
{
    struct picture p = with_label();
    struct gf_fail why;
    int n;

    (void)state;
    picture_png(&p, path, PNG_COLOR_TYPE_GRAY, 8, false);
    picture_free(&p);
    n = gf_file_read(path, whole, sizeof whole, NULL);
    assert_true(n > 500);
    for (int cut = 0; cut < n; cut += cut < 64 ? 1 : 13) {
        assert_int_equal(read_bytes((size_t)cut, &why), GF_E_IMAGE);
        assert_int_equal(why.code, GF_E_IMAGE);
        assert_non_null(strstr(why.detail, "label.png: "));
        assert_true(strlen(strstr(why.detail, "label.png: ")) > strlen("label.png: "));
    }
    assert_int_equal(read_bytes((size_t)n, &why), 0);
}

/* Any byte changed: refused, or it was one that does not matter; never another label. */
static void test_changed(void **state)
{
    struct picture p = with_label();
    char label[GF_LABEL_TEXT];
    struct gf_fail why;
    int n;

    (void)state;
    picture_png(&p, path, PNG_COLOR_TYPE_RGB, 8, false);
    picture_free(&p);
    n = gf_file_read(path, whole, sizeof whole, NULL);
    for (int at = 0; at < n; at += at < 64 ? 1 : 17) {
        uint8_t kept = whole[at];

        whole[at] ^= 0x5A;
        why = (struct gf_fail){0};
        assert_int_equal(gf_file_write(path, whole, (size_t)n, 0600, NULL), 0);
        if (scan_label_file(path, label, &why) == 0)
            assert_string_equal(label, LABEL);
        else
            assert_in_set((unsigned long)-why.code,
                          ((unsigned long[]){-GF_E_IMAGE, -GF_E_LABEL_NONE}), 2);
        whole[at] = kept;
    }
}

/* A header that promises more than is permitted is refused before memory is asked for. */
static void test_too_large(void **state)
{
    static const unsigned sizes[][2] = {
        {100000, 10}, {10, 100000}, {8192, 8192}, {0x7FFFFFFF, 0x7FFFFFFF}};
    struct picture p = with_label();
    struct gf_fail why;
    int n;

    (void)state;
    picture_png(&p, path, PNG_COLOR_TYPE_GRAY, 8, false);
    picture_free(&p);
    n = gf_file_read(path, whole, sizeof whole, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int b = 0; b < 4; b++) {
            whole[16 + b] = (uint8_t)(sizes[i][0] >> (24 - 8 * b));
            whole[20 + b] = (uint8_t)(sizes[i][1] >> (24 - 8 * b));
        }
        /* the chunk's check, so that the size itself is what is refused */
        uint32_t crc = 0xFFFFFFFF;
        for (int b = 12; b < 29; b++) {
            crc ^= whole[b];
            for (int k = 0; k < 8; k++)
                crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
        for (int b = 0; b < 4; b++)
            whole[29 + b] = (uint8_t)(~crc >> (24 - 8 * b));
        assert_int_equal(read_bytes((size_t)n, &why), GF_E_IMAGE);
        assert_non_null(
            strstr(why.detail, i == 2 ? "more pixels than permitted" : "Invalid IHDR data"));
    }
}

static void test_no_image(void **state)
{
    static const char text[] =
        "this is no picture, it is a letter to the gas company about its pictures";
    char label[GF_LABEL_TEXT];
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(scan_label_file("/nonexistent/label.png", label, &why), GF_E_FILE);
    assert_non_null(strstr(why.detail, "No such file"));
    why = (struct gf_fail){0};
    assert_int_equal(scan_label_file(aid_tmpdir(), label, &why), GF_E_IMAGE);
    memcpy(whole, text, sizeof text);
    assert_int_equal(read_bytes(sizeof text, &why), GF_E_IMAGE);
    assert_non_null(strstr(why.detail, "PNG"));
}

static void test_typed(void **state)
{
    struct entry e = {0};
    char answer[ENTRY_ANSWER_MAX];
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(entry_take(&e, LABEL, answer, &why), 1);               /* a hand scanner */
    assert_string_equal(answer, LABEL);
    assert_int_equal(entry_take(&e, "  " LABEL " ", answer, &why), 1);
    assert_int_equal(entry_take(&e, "gm2400000156", answer, &why), 0);      /* typed: once more */
    assert_int_equal(entry_take(&e, "GM2400000156", answer, &why), 1);
    assert_string_equal(answer, "GM2400000156 GM2400000156");
    assert_int_equal(entry_take(&e, "GM2400000156", answer, &why),
                     0); /* another id is told by who asked */
    assert_int_equal(entry_take(&e, "GM2400000253", answer, &why), 1);
    assert_string_equal(answer, "GM2400000156 GM2400000253");
}

static void test_typed_wrong(void **state)
{
    static const struct {
        const char *line;
        int code;
    } rows[] = {
        {"GM2400000157", GF_E_METER_ID},
        {"GM24000001", GF_E_FORMAT},
        {"1234567890123456", GF_E_FORMAT},
        {"https://example.org", GF_E_LABEL_FOREIGN},
        {"GASM:1:GM2400000156:-:0000", GF_E_LABEL_CHECK},
        {"12345678901234567890", GF_E_LABEL_FOREIGN},
        {"/nonexistent/x.PNG", GF_E_FILE},
        {"", GF_E_LABEL_FOREIGN},
    };
    char answer[ENTRY_ANSWER_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct entry e = {.first = ID};
        struct gf_fail why = {0};

        assert_int_equal(entry_take(&e, rows[i].line, answer, &why), rows[i].code);
        assert_int_equal(why.code, rows[i].code);
        assert_string_equal(e.first, "");       /* it starts from the beginning */
    }
}

static void test_typed_image(void **state)
{
    struct picture p = with_label();
    struct entry e = {0};
    char answer[ENTRY_ANSWER_MAX];
    struct gf_fail why = {0};

    (void)state;
    picture_png(&p, path, PNG_COLOR_TYPE_GRAY, 8, false);
    picture_free(&p);
    assert_int_equal(entry_take(&e, path, answer, &why), 1);
    assert_string_equal(answer, LABEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind),  cmocka_unit_test(test_cut),
        cmocka_unit_test(test_changed),     cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_no_image),    cmocka_unit_test(test_typed),
        cmocka_unit_test(test_typed_wrong), cmocka_unit_test(test_typed_image),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make, NULL);
}
