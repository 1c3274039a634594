/* picture.c - pictures for tests of scanning; see picture.h. */
#include "tests/aid/picture.h"

#include <png.h>
#include <qrencode.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define QUIET 4                 /* modules of white around a QR code */
#define COS_1 0.99984769515639123916     /* of one degree */
#define SIN_1 0.01745240643728351282

struct picture picture_new(unsigned width, unsigned height)
{
    struct picture p = {width, height, malloc((size_t)width * height)};

    assert_non_null(p.grey);
    memset(p.grey, 255, (size_t)width * height);
    return p;
}

void picture_free(struct picture *p)
{
    free(p->grey);
    *p = (struct picture){0};
}

static int whole(double v)
{
    return (int)(v + 1000) - 1000;          /* down, for what is not far below 0 */
}

void picture_qr(struct picture *p, const char *text, double x, double y, double scale, int degrees)
{
    QRcode *qr = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    double c = 1, s = 0, half;

    assert_non_null(qr);
    for (int i = 0; i < degrees; i++) {
        double turned = c * COS_1 - s * SIN_1;

        s = s * COS_1 + c * SIN_1;
        c = turned;
    }
    half = qr->width / 2.0;
    for (unsigned py = 0; py < p->height; py++)
        for (unsigned px = 0; px < p->width; px++) {
            double dx = (px + 0.5 - x) / scale, dy = (py + 0.5 - y) / scale;
            int mx = whole(dx * c + dy * s + half), my = whole(dy * c - dx * s + half);

            if (mx < -QUIET || my < -QUIET || mx >= qr->width + QUIET || my >= qr->width + QUIET)
                continue;
            p->grey[(size_t)py * p->width + px] = 255;
            if (mx >= 0 && my >= 0 && mx < qr->width && my < qr->width &&
                (qr->data[my * qr->width + mx] & 1) != 0)
                p->grey[(size_t)py * p->width + px] = 0;
        }
    QRcode_free(qr);
}

/* Widths of bar, gap, bar, gap, bar, gap of each value of Code 128 (ISO/IEC 15417); 106 is the
 * stop, with a last bar. */
static const char *const code128[] = {
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312",  "132212",
    "221213", "221312", "231212", "112232", "122132", "122231", "113222", "123122",  "123221",
    "223211", "221132", "221231", "213212", "223112", "312131", "311222", "321122",  "321221",
    "312212", "322112", "322211", "212123", "212321", "232121", "111323", "131123",  "131321",
    "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331",  "132131",
    "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311",  "213131",
    "311123", "311321", "331121", "312113", "312311", "332111", "314111", "221411",  "431111",
    "111224", "111422", "121124", "121421", "141122", "141221", "112214", "112412",  "122114",
    "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",  "111242",
    "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211",  "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113",  "411311",
    "113141", "114131", "311141", "411131", "211412", "211214", "211232", "2331112",
};
#define START_B 104
#define STOP 106

static unsigned draw_value(struct picture *p, unsigned value, unsigned x, unsigned y,
                           unsigned scale, unsigned height)
{
    for (size_t i = 0; code128[value][i] != '\0'; i++) {
        unsigned width = (unsigned)(code128[value][i] - '0') * scale;

        for (unsigned row = y; i % 2 == 0 && row < y + height && row < p->height; row++)
            for (unsigned col = x; col < x + width && col < p->width; col++)
                p->grey[(size_t)row * p->width + col] = 0;
        x += width;
    }
    return x;
}

void picture_code128(struct picture *p, const char *text, unsigned x, unsigned y, unsigned scale,
                     unsigned height)
{
    unsigned sum = START_B;

    x = draw_value(p, START_B, x, y, scale, height);
    for (unsigned i = 0; text[i] != '\0'; i++) {
        unsigned value = (unsigned)text[i] - ' ';

        sum += value * (i + 1);
        x = draw_value(p, value, x, y, scale, height);
    }
    x = draw_value(p, sum % 103, x, y, scale, height);
    (void)draw_value(p, STOP, x, y, scale, height);
}

uint8_t *picture_yuyv(const struct picture *p, size_t pad, size_t *ret_len, size_t *ret_stride)
{
    uint8_t *yuyv;

    *ret_stride = (size_t)p->width * 2 + pad;
    *ret_len = *ret_stride * p->height;
    yuyv = malloc(*ret_len);
    assert_non_null(yuyv);
    for (unsigned y = 0; y < p->height; y++) {
        uint8_t *line = yuyv + y * *ret_stride;

        memset(line, 0x55, *ret_stride);
        for (unsigned x = 0; x < p->width; x++) {
            line[2 * x] = p->grey[(size_t)y * p->width + x];
            line[2 * x + 1] = (uint8_t)(128 + x % 7); /* colour, which nobody should look at */
        }
    }
    return yuyv;
}

/* One pixel into a line of samples of `bits`. */
static void put(uint8_t *line, size_t sample, int bits, unsigned value)
{
    if (bits == 16) {
        line[2 * sample] = (uint8_t)(value >> 8);
        line[2 * sample + 1] = (uint8_t)value;
    } else if (bits == 8) {
        line[sample] = (uint8_t)value;
    } else {
        size_t bit = sample * (size_t)bits;

        line[bit / 8] = (uint8_t)(line[bit / 8] | value << (8 - (size_t)bits - bit % 8));
    }
}

static void fill_line(const struct picture *p, unsigned y, int colour_type, int bits, uint8_t *line)
{
    unsigned top = (1u << bits) - 1;
    size_t at = 0;

    for (unsigned x = 0; x < p->width; x++) {
        bool white = p->grey[(size_t)y * p->width + x] > 127;
        bool alpha = (colour_type & PNG_COLOR_MASK_ALPHA) != 0;
        unsigned value = white && !alpha ? top : 0; /* with alpha, white is what shines through */

        put(line, at++, bits, value);
        for (int more = 0; more < 2 && colour_type != PNG_COLOR_TYPE_PALETTE &&
                           (colour_type & PNG_COLOR_MASK_COLOR) != 0;
             more++)
            put(line, at++, bits, value);
        if (alpha)
            put(line, at++, bits, white ? 0 : top);
    }
}

void picture_png(const struct picture *p, const char *path, int colour_type, int bits,
                 bool interlaced)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    size_t cap = (size_t)p->width * 8 + 8;
    uint8_t *lines = calloc(p->height, cap);
    png_bytepp rows = calloc(p->height, sizeof *rows);
    png_color palette[256];
    FILE *f = fopen(path, "wb");

    assert_true(png != NULL && info != NULL && lines != NULL && rows != NULL && f != NULL);
    if (setjmp(png_jmpbuf(png)) != 0)
        fail_msg("libpng cannot write %s", path);
    png_init_io(png, f);
    png_set_IHDR(png, info, p->width, p->height, bits, colour_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    for (int i = 0; i < 1 << (bits < 8 ? bits : 8); i++) {
        png_byte grey = (png_byte)(i * 255 / ((1 << (bits < 8 ? bits : 8)) - 1));

        palette[i] = (png_color){grey, grey, grey};
    }
    if (colour_type == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << bits);
    for (unsigned y = 0; y < p->height; y++) {
        rows[y] = lines + y * cap;
        fill_line(p, y, colour_type, bits, rows[y]);
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    assert_int_equal(fclose(f), 0);
    free(rows);
    free(lines);
}
