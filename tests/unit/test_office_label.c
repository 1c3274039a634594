/* test_office_label.c - a meter's label as it is drawn is a label as it is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <png.h>
#include <zbar.h>

#include "backend/label.h"
#include "common/ids.h"

#define TEXT "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"

static struct label_code code;
static struct buf png;

static int start(void **state)
{
    (void)state;
    png = (struct buf){ 0 };
    return label_code(TEXT, &code);
}

static int stop(void **state)
{
    (void)state;
    buf_free(&code.modules);
    buf_free(&png);
    return 0;
}

/* The PNG's pixels, 8 bits of grey; the caller frees. */
static uint8_t *pixels(unsigned *ret_side)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    uint8_t *p;

    assert_int_equal(png_image_begin_read_from_memory(&image, png.p, png.n), 1);
    assert_int_equal(image.width, image.height);
    image.format = PNG_FORMAT_GRAY;
    p = malloc(PNG_IMAGE_SIZE(image));
    assert_non_null(p);
    assert_int_equal(png_image_finish_read(&image, NULL, p, 0, NULL), 1);
    *ret_side = image.width;
    return p;
}

/* What zbar reads from grey pixels: the text of the one code. Owned by the scanner, so it is
 * copied. */
static void scan(const uint8_t *p, unsigned side, char ret[static 64])
{
    zbar_image_scanner_t *scanner = zbar_image_scanner_create();
    zbar_image_t *image = zbar_image_create();

    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, side, side);
    zbar_image_set_data(image, p, (unsigned long)side * side, NULL);
    assert_int_equal(zbar_scan_image(scanner, image), 1);
    (void)snprintf(ret, 64, "%s", zbar_symbol_get_data(zbar_image_first_symbol(image)));
    zbar_image_destroy(image);
    zbar_image_scanner_destroy(scanner);
}

static void each_scale_reads_back(void **state)
{
    (void)state;
    for (unsigned scale = 2; scale <= 12; scale++) {
        char text[64];
        unsigned side;
        uint8_t *p;

        buf_clear(&png);
        assert_int_equal(label_png(&code, TEXT, scale, &png), 0);
        p = pixels(&side);
        assert_int_equal(side, code.size * scale);
        scan(p, side, text);
        assert_string_equal(text, TEXT);
        free(p);
    }
}

static void the_quiet_zone_is_four_modules_of_white(void **state)
{
    (void)state;
    for (size_t y = 0; y < code.size; y++)
        for (size_t x = 0; x < code.size; x++) {
            bool is_edge = x < 4 || y < 4 || x >= code.size - 4 || y >= code.size - 4;

            assert_true(!is_edge || code.modules.p[y * code.size + x] == 0);
        }
    assert_int_equal(code.modules.p[4 * code.size + 4],
                     1); /* the finder's corner comes right behind it */
}

/* What is printed, as lines. */
static size_t print(bool ascii, bool to_terminal, char *ret, size_t cap)
{
    FILE *out = tmpfile();

    assert_non_null(out);
    label_print(&code, ascii, to_terminal, out);
    rewind(out);
    size_t n = fread(ret, 1, cap - 1, out);
    ret[n] = '\0';
    (void)fclose(out);
    return n;
}

static void ascii_has_two_characters_a_module(void **state)
{
    static char text[32768];
    size_t n = print(true, false, text, sizeof text);

    (void)state;
    assert_int_equal(n, code.size * (2 * code.size + 1));
    for (size_t y = 0; y < code.size; y++)
        for (size_t x = 0; x < code.size; x++)
            assert_memory_equal(text + y * (2 * code.size + 1) + 2 * x,
                                code.modules.p[y * code.size + x] == 1 ? "##" : "  ", 2);
}

/* Half blocks drawn again as pixels read back: light is the colour of the characters. */
static void half_blocks_read_back(void **state)
{
    static char text[32768];
    static uint8_t p[300 * 300];
    unsigned side = (unsigned)code.size * 4;
    size_t y = 0, x = 0;
    char read[64];

    (void)state;
    assert_true(side <= 300);
    (void)print(false, false, text, sizeof text);
    memset(p, 0xFF, sizeof p);
    for (const char *at = text; *at != '\0';) {
        bool top, bottom;

        if (*at == '\n') {
            y += 2;
            x = 0;
            at++;
            continue;
        }
        top = strncmp(at, "\xE2\x96\x88", 3) == 0 || strncmp(at, "\xE2\x96\x80", 3) == 0;
        bottom = strncmp(at, "\xE2\x96\x88", 3) == 0 || strncmp(at, "\xE2\x96\x84", 3) == 0;
        at += *at == ' ' ? 1 : 3;
        for (size_t i = 0; i < 16; i++) {
            if (y < code.size)
                p[(y * 4 + i / 4) * side + x * 4 + i % 4] = top ? 0xFF : 0;
            if (y + 1 < code.size)
                p[((y + 1) * 4 + i / 4) * side + x * 4 + i % 4] = bottom ? 0xFF : 0;
        }
        x++;
    }
    scan(p, side, read);
    assert_string_equal(read, TEXT);
}

static void a_terminal_gets_its_colours_set_and_given_back(void **state)
{
    static char text[65536];
    size_t lines = 0;

    (void)state;
    (void)print(false, true, text, sizeof text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        assert_memory_equal(line, "\033[40;97m", 8);
        assert_string_equal(line + strlen(line) - 4, "\033[0m");
    }
    assert_int_equal(lines, (code.size + 1) / 2);
}

static void a_text_that_does_not_fit_is_refused(void **state)
{
    static char text[4000];
    struct label_code big;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    assert_int_equal(label_code(text, &big), GF_E_SPACE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(each_scale_reads_back),
        T(the_quiet_zone_is_four_modules_of_white),
        T(ascii_has_two_characters_a_module),
        T(half_blocks_read_back),
        T(a_terminal_gets_its_colours_set_and_given_back),
        T(a_text_that_does_not_fit_is_refused),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
