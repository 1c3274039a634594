/* test_scan.c - from camera frames to a label: turned, small, many codes, none, damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/aid/picture.h"
#include "tui/scan.h"

#define ID "GM2400000156"
#define OTHER "GM2400000253"

static struct scanner *scanner;

static const char *label_of(const char *id)
{
    static char text[GF_LABEL_TEXT];
    struct gf_label l = {.address = "02:00:00:00:00:01"};

    memcpy(l.meter_id, id, sizeof l.meter_id);
    assert_int_equal(gf_label_format(&l, text), 0);
    return text;
}

/* The label in a picture, as a YUYV frame: 0 or the failure. */
static int read_picture(const struct picture *p, size_t pad, char ret[static GF_LABEL_TEXT],
                        struct gf_fail *why)
{
    struct scan_code codes[SCAN_CODES_MAX];
    struct frame f = {.width = p->width, .height = p->height, .step = 2};
    uint8_t *yuyv = picture_yuyv(p, pad, &f.len, &f.stride);
    int n;

    *why = (struct gf_fail){0};
    f.p = yuyv;
    n = scanner_look(scanner, &f, codes, SCAN_CODES_MAX, why);
    free(yuyv);
    return n < 0 ? n : scan_label(codes, (size_t)n, ret, why);
}

static void test_every_turn(void **state)
{
    char label[GF_LABEL_TEXT], want[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    (void)strcpy(want, label_of(ID));
    for (int degrees = 0; degrees < 360; degrees += 15)
        for (int scale = 3; scale <= 7; scale += 2) {
            struct picture p = picture_new(640, 480);

            picture_qr(&p, want, 300 + degrees % 40, 240, scale, degrees);
            if (read_picture(&p, 0, label, &why) != 0)
                fail_msg("%d degrees, scale %d: %s", degrees, scale, why.detail);
            assert_string_equal(label, want);
            picture_free(&p);
        }
}

/* Lines longer than the picture, odd sizes, and colour that means nothing. */
static void test_strides(void **state)
{
    char label[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    for (size_t pad = 0; pad < 70; pad += 23) {
        struct picture p = picture_new(321, 243);

        picture_qr(&p, label_of(ID), 160, 120, 5, 0);
        assert_int_equal(read_picture(&p, pad, label, &why), 0);
        assert_string_equal(label, label_of(ID));
        picture_free(&p);
    }
}

static void test_code128(void **state)
{
    struct picture p = picture_new(1100, 200);
    char label[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    picture_code128(&p, label_of(ID), 60, 60, 2, 80);
    assert_int_equal(read_picture(&p, 0, label, &why), 0);
    assert_string_equal(label, label_of(ID));
    picture_free(&p);
}

static void test_two_codes(void **state)
{
    struct picture p = picture_new(800, 400);
    char label[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    picture_qr(&p, label_of(ID), 200, 200, 6, 0);
    picture_qr(&p, "https://example.org/leaflet", 600, 200, 6, 0);
    assert_int_equal(read_picture(&p, 0, label, &why), 0);      /* the label among foreign codes */
    assert_string_equal(label, label_of(ID));
    picture_qr(&p, label_of(ID), 600, 200, 6, 0);
    assert_int_equal(read_picture(&p, 0, label, &why), 0);      /* the same label twice */
    picture_qr(&p, label_of(OTHER), 600, 200, 6, 0);
    assert_int_equal(read_picture(&p, 0, label, &why), GF_E_LABEL_TWO);
    assert_non_null(strstr(why.detail, ID));
    assert_non_null(strstr(why.detail, OTHER));
    picture_free(&p);
}

static void test_wrong_codes(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *says;
    } rows[] = {
        {"https://example.org/leaflet", GF_E_LABEL_FOREIGN, "https://example.org/leaflet"},
        {"WIFI:S:gasworks;P:\033[2Jsecret;;", GF_E_LABEL_FOREIGN, "?[2J"},
        {"GASM:1:GM2400000156:02:00:00:00:00:01:0000", GF_E_LABEL_CHECK, ""},
        {"GASM:1:GM2400000157:-:0000", GF_E_LABEL_CHECK, ""},
    };
    char label[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct picture p = picture_new(400, 400);

        picture_qr(&p, rows[i].text, 200, 200, 6, 0);
        assert_int_equal(read_picture(&p, 0, label, &why), rows[i].code);
        assert_int_equal(why.code, rows[i].code);
        if (strstr(why.detail, rows[i].says) == NULL)
            fail_msg("%s is not in %s", rows[i].says, why.detail);
        picture_free(&p);
    }
}

/* A damaged label beside a foreign code: the damage is what is told. */
static void test_damage_beats_foreign(void **state)
{
    struct picture p = picture_new(800, 400);
    char label[GF_LABEL_TEXT];
    struct gf_fail why;

    (void)state;
    for (unsigned x = 200; x <= 600; x += 400) {        /* in whatever order they are found */
        picture_qr(&p, "https://example.org", x, 200, 6, 0);
        picture_qr(&p, "GASM:1:GM2400000156:-:0000", 800 - x, 200, 6, 0);
        assert_int_equal(read_picture(&p, 0, label, &why), GF_E_LABEL_CHECK);
    }
    picture_free(&p);
}

/* Nothing to read: white, black, noise, and a code with its middle gone. */
static void test_nothing(void **state)
{
    char label[GF_LABEL_TEXT];
    struct gf_fail why;
    uint32_t seed = 1;

    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        struct picture p = picture_new(320, 240);

        if (kind == 3)
            picture_qr(&p, label_of(ID), 160, 120, 5, 0);
        for (unsigned i = 0; i < 320 * 240; i++) {
            seed = seed * 1664525u + 1013904223u;
            if (kind == 1)
                p.grey[i] = 0;
            if (kind == 2)
                p.grey[i] = (uint8_t)(seed >> 24);
            if (kind == 3 && i / 320 > 60 && i / 320 < 150)
                p.grey[i] = 255;
        }
        assert_int_equal(read_picture(&p, 0, label, &why), GF_E_LABEL_NONE);
        picture_free(&p);
    }
}

/* Half a frame, a stride that is too short, no pixels, too many: refused before anything is
 * read. */
static void test_wrong_measures(void **state)
{
    static const uint8_t bytes[64] = {0};
    static const struct frame rows[] = {
        {bytes, 64, 0, 4, 8, 1},
        {bytes, 64, 4, 0, 8, 1},
        {bytes, 64, 8, 9, 8, 1},
        {bytes, 64, 9, 4, 8, 1},
        {bytes, 64, 8, 4, 8, 2},
        {bytes, 63, 8, 8, 8, 1},
        {bytes, 64, 8193, 1, 8193, 1},
        {bytes, 64, 1, 8193, 1, 1},
        {bytes, 64, 8192, 8192, 8192, 1},
        {bytes, 64, 0xFFFFFFFF, 0xFFFFFFFF, 8, 2},
    };
    struct scan_code codes[1];
    struct gf_fail why;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        why = (struct gf_fail){0};
        assert_int_equal(scanner_look(scanner, &rows[i], codes, 1, &why), GF_E_IMAGE);
        assert_int_equal(why.code, GF_E_IMAGE);
    }
    assert_int_equal(
        scanner_look(scanner, &(struct frame){bytes, 64, 8, 8, 8, 1}, codes, 1, &why), 0);
}

static void test_no_camera(void **state)
{
    static const struct {
        const char *device, *says;
        int code;
    } rows[] = {
        {"/nonexistent/video0", "/nonexistent/video0: opening: No such file", GF_E_CAMERA_NONE},
        {"/dev/null", "/dev/null is not a camera", GF_E_CAMERA},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct frame_source *s = scan_camera_new(rows[i].device);
        struct gf_fail why = {0};
        struct gf_pollfd fd;

        assert_non_null(s);
        assert_int_equal(s->open(s->ctx, &why), rows[i].code);
        assert_non_null(strstr(why.detail, rows[i].says));
        assert_int_equal(s->fds(s->ctx, &fd, 1), 0);
        s->close(s->ctx);
        assert_null(frame_source_free(s));
    }
    assert_null(frame_source_free(NULL));
    assert_null(scanner_free(NULL));
}

static int make(void **state)
{
    (void)state;
    scanner = scanner_new();
    return scanner != NULL ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    scanner = scanner_free(scanner);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_turn),  cmocka_unit_test(test_strides),
        cmocka_unit_test(test_code128),     cmocka_unit_test(test_two_codes),
        cmocka_unit_test(test_wrong_codes), cmocka_unit_test(test_damage_beats_foreign),
        cmocka_unit_test(test_nothing),     cmocka_unit_test(test_wrong_measures),
        cmocka_unit_test(test_no_camera),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, make, drop);
}
