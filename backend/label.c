/* label.c - a meter's label as a QR code; see label.h. */
#include "backend/label.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <qrencode.h>

#define PIXELS_PER_M 11811 /* 300 dots an inch: 0.5 mm a module at scale 6 */

int label_code(const char *text, struct label_code *ret)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_Q);
    static const uint8_t white[256];
    size_t n = code != NULL ? (size_t)code->width : 0;

    *ret = (struct label_code){ .size = n + 2 * LABEL_QUIET };
    if (n == 0 || ret->size > sizeof white) {
        QRcode_free(code);
        return GF_E_SPACE;
    }
    for (size_t y = 0; y < ret->size; y++) {
        bool is_quiet = y < LABEL_QUIET || y >= LABEL_QUIET + n;

        buf_add(&ret->modules, white, is_quiet ? ret->size : LABEL_QUIET);
        for (size_t x = 0; !is_quiet && x < n; x++)
            buf_add(&ret->modules, &(uint8_t){ code->data[(y - LABEL_QUIET) * n + x] & 1 }, 1);
        buf_add(&ret->modules, white, is_quiet ? 0 : LABEL_QUIET);
    }
    QRcode_free(code);
    return ret->modules.bad ? GF_E_MEMORY : 0;
}

static bool is_black(const struct label_code *code, size_t x, size_t y)
{
    return y < code->size && code->modules.p[y * code->size + x] == 1;
}

/* A row of characters: one row of modules in ASCII, two in half blocks. */
static void print_row(const struct label_code *code, size_t y, bool ascii, bool to_terminal,
                      FILE *out)
{
    static const char *const halves[2][2] = { { "\xE2\x96\x88", "\xE2\x96\x80" },
                                              { "\xE2\x96\x84", " " } };

    for (size_t x = 0; x < code->size; x++) {
        bool black = is_black(code, x, y);

        if (!ascii)
            (void)fputs(halves[black][is_black(code, x, y + 1)], out);
        else if (to_terminal)
            (void)fputs(black ? "\033[40m  " : "\033[107m  ", out);
        else
            (void)fputs(black ? "##" : "  ", out);
    }
}

void label_print(const struct label_code *code, bool ascii, bool to_terminal, FILE *out)
{
    for (size_t y = 0; y < code->size; y += ascii ? 1 : 2) {
        if (to_terminal)
            (void)fputs("\033[40;97m", out);
        print_row(code, y, ascii, to_terminal, out);
        (void)fputs(to_terminal ? "\033[0m\n" : "\n", out);
    }
}

/* ---- SVG ---- */

static void xml_text(struct buf *ret, const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '&' || *text == '<' || *text == '>' || *text == '"')
            buf_print(ret, "&#%d;", *text);
        else
            buf_add(ret, text, 1);
}

int label_svg(const struct label_code *code, const char *text, struct buf *ret)
{
    size_t n = code->size;

    buf_print(ret,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.1fmm\" height=\"%.1fmm\" "
              "viewBox=\"0 0 %zu %zu\">\n<title>",
              (double)n * LABEL_MODULE_MM, (double)n * LABEL_MODULE_MM, n, n);
    xml_text(ret, text);
    buf_print(ret, "</title>\n<path fill=\"#fff\" d=\"M0 0h%zuv%zuH0z\"/>\n<path d=\"", n, n);
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0, run; x < n; x += run + 1) {
            for (run = 0; x + run < n && is_black(code, x + run, y);)
                run++;
            if (run > 0)
                buf_print(ret, "M%zu %zuh%zuv1h-%zuz", x, y, run, run);
        }
    buf_text(ret, "\"/>\n</svg>\n");
    return ret->bad ? GF_E_MEMORY : 0;
}

/* ---- PNG ---- */

static void take_bytes(png_structp png, png_bytep p, size_t n)
{
    buf_add(png_get_io_ptr(png), p, n);
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

/* Write the rows: each row of modules `scale` times. `row` has room for one row of bits. */
static void write_rows(png_structp png, const struct label_code *code, unsigned scale, uint8_t *row,
                       size_t row_n)
{
    for (size_t y = 0; y < code->size; y++) {
        memset(row, 0xFF, row_n); /* white */
        for (size_t x = 0; x < code->size * scale; x++)
            if (is_black(code, x / scale, y))
                row[x / 8] = (uint8_t)(row[x / 8] & ~(0x80u >> x % 8));
        for (unsigned i = 0; i < scale; i++)
            png_write_row(png, row);
    }
}

int label_png(const struct label_code *code, const char *text, unsigned scale, struct buf *ret)
{
    size_t side = code->size * scale, row_n = (side + 7) / 8;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    uint8_t *row = malloc(row_n);
    char title[64];

    (void)snprintf(title, sizeof title, "%s", text);
    if (info == NULL || row == NULL || setjmp(png_jmpbuf(png)) != 0) {
        png_destroy_write_struct(&png, &info);
        free(row);
        return GF_E_MEMORY;
    }
    png_text note = { .compression = PNG_TEXT_COMPRESSION_NONE,
                      .key = (char *)(uintptr_t) "Title",
                      .text = title,
                      .text_length = strlen(title) };
    png_set_write_fn(png, ret, take_bytes, flush_nothing);
    png_set_IHDR(png, info, (png_uint_32)side, (png_uint_32)side, 1, PNG_COLOR_TYPE_GRAY,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_pHYs(png, info, PIXELS_PER_M, PIXELS_PER_M, PNG_RESOLUTION_METER);
    png_set_text(png, info, &note, 1);
    png_write_info(png, info);
    write_rows(png, code, scale, row, row_n);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(row);
    return ret->bad ? GF_E_MEMORY : 0;
}
