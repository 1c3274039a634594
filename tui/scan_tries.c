/* scan_tries.c - decoding a picture by zbar's image scanner, as it is and made clearer; see
 * scan.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zbar.h>

#include "common/text.h"
#include "tui/scan.h"

#define ENLARGE_PIXELS_MAX (1u << 20)   /* larger pictures have no small codes */
#define PAPER_RADIUS 16                 /* of the surroundings that say what is dark, in pixels */
#define PAPER_MARGIN 2                  /* greys that ink is darker than those at least */
#define EDGE_RADIUS 2
#define EDGE_GAIN 3

/* Grey pixels without gaps. */
struct grey {
    uint8_t *p;
    size_t cap;
    unsigned width, height;
};

struct scanner {
    zbar_image_scanner_t *zbar;
    struct grey seen, a, b;             /* the picture; room to work in */
    unsigned *sums;                     /* of columns */
    size_t sums_cap;
    size_t tried;
    struct scan_code codes[SCAN_CODES_MAX];
    size_t n;
    bool label;                         /* one of them is a meter's */
};

struct scanner *scanner_new(void)
{
    struct scanner *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->zbar = zbar_image_scanner_create();
    if (s->zbar == NULL)
        return scanner_free(s);
    (void)zbar_image_scanner_set_config(s->zbar, ZBAR_NONE, ZBAR_CFG_ENABLE, 0);
    (void)zbar_image_scanner_set_config(s->zbar, ZBAR_QRCODE, ZBAR_CFG_ENABLE, 1);
    (void)zbar_image_scanner_set_config(s->zbar, ZBAR_CODE128, ZBAR_CFG_ENABLE, 1);
    return s;
}

struct scanner *scanner_free(struct scanner *s)
{
    if (s == NULL)
        return NULL;
    if (s->zbar != NULL)
        zbar_image_scanner_destroy(s->zbar);
    free(s->seen.p);
    free(s->a.p);
    free(s->b.p);
    free(s->sums);
    free(s);
    return NULL;
}

/* ---- making a picture clearer ---- */

static bool room(struct grey *g, unsigned width, unsigned height)
{
    size_t n = (size_t)width * height;

    if (n > g->cap) {
        uint8_t *more = realloc(g->p, n);

        if (more == NULL)
            return false;
        g->p = more;
        g->cap = n;
    }
    g->width = width;
    g->height = height;
    return true;
}

/* Add line y of the picture to the sums of its columns, or take it away. */
static void sum_line(struct scanner *s, const struct grey *from, unsigned y, unsigned sign)
{
    const uint8_t *line = from->p + (size_t)y * from->width;

    for (unsigned x = 0; x < from->width; x++)
        s->sums[x] += sign * line[x];
}

/* One line of means over `rows` summed lines and 2 r + 1 columns, fewer at the edges. */
static void mean_line(const unsigned *sums, unsigned width, unsigned r, unsigned rows, uint8_t *to)
{
    unsigned sum = 0, cols = 0;

    for (; cols < r && cols < width; cols++)
        sum += sums[cols];
    for (unsigned x = 0; x < width; x++) {
        if (x + r < width) {
            sum += sums[x + r];
            cols++;
        }
        if (x > r) {
            sum -= sums[x - r - 1];
            cols--;
        }
        to[x] = (uint8_t)(sum / (cols * rows));
    }
}

/* The mean of each pixel's surroundings, r pixels each way. */
static bool smooth(struct scanner *s, const struct grey *from, unsigned r, struct grey *to)
{
    unsigned rows = 0;

    if (from->width > s->sums_cap) {
        unsigned *more = realloc(s->sums, from->width * sizeof *more);

        if (more == NULL)
            return false;
        s->sums = more;
        s->sums_cap = from->width;
    }
    if (!room(to, from->width, from->height))
        return false;
    memset(s->sums, 0, from->width * sizeof *s->sums);
    for (; rows < r && rows < from->height; rows++)
        sum_line(s, from, rows, 1);
    for (unsigned y = 0; y < from->height; y++) {
        if (y + r < from->height) {
            sum_line(s, from, y + r, 1);
            rows++;
        }
        if (y > r) {
            sum_line(s, from, y - r - 1, (unsigned)-1);
            rows--;
        }
        mean_line(s->sums, from->width, r, rows, to->p + (size_t)y * from->width);
    }
    return true;
}

/* Twice as wide and high; between the pixels, of both. */
static bool enlarge(const struct grey *from, struct grey *to)
{
    unsigned w = from->width, h = from->height;

    if ((size_t)w * h > ENLARGE_PIXELS_MAX || !room(to, w * 2, h * 2))
        return false;
    for (unsigned y = 0; y < h * 2; y++) {
        unsigned near = y / 2, far = y % 2 == 0 ? (near > 0 ? near - 1 : 0)
                                                : (near + 1 < h ? near + 1 : near);
        const uint8_t *a = from->p + (size_t)near * w, *b = from->p + (size_t)far * w;
        uint8_t *line = to->p + (size_t)y * w * 2;

        for (unsigned x = 0; x < w; x++) {
            unsigned left = x > 0 ? x - 1 : 0, right = x + 1 < w ? x + 1 : x;
            unsigned here = 3u * a[x] + b[x];

            line[2 * x] = (uint8_t)((3 * here + 3u * a[left] + b[left]) / 16);
            line[2 * x + 1] = (uint8_t)((3 * here + 3u * a[right] + b[right]) / 16);
        }
    }
    return true;
}

/* ---- the tries: each leaves what is to be scanned in s->a ---- */

static bool try_smooth(struct scanner *s)
{
    return smooth(s, &s->seen, 1, &s->a);
}

static bool try_inverted(struct scanner *s)
{
    size_t n = (size_t)s->seen.width * s->seen.height;

    if (!room(&s->a, s->seen.width, s->seen.height))
        return false;
    for (size_t i = 0; i < n; i++)
        s->a.p[i] = (uint8_t)(255 - s->seen.p[i]);
    return true;
}

/* Black what is darker than its surroundings, white the rest: for pale, noisy and shaded ones. */
static bool try_contrast(struct scanner *s)
{
    struct grey swap;

    if (!enlarge(&s->seen, &s->b) || !smooth(s, &s->b, 1, &s->a) ||
        !smooth(s, &s->a, PAPER_RADIUS, &s->b))
        return false;
    for (size_t i = 0, n = (size_t)s->a.width * s->a.height; i < n; i++)
        s->b.p[i] = s->a.p[i] + PAPER_MARGIN < s->b.p[i] ? 0 : 255;
    swap = s->a;
    s->a = s->b;
    s->b = swap;
    return true;
}

/* What differs from the surroundings, more so: for small and blurred ones. */
static bool try_sharp(struct scanner *s)
{
    if (!enlarge(&s->seen, &s->a) || !smooth(s, &s->a, EDGE_RADIUS, &s->b))
        return false;
    for (size_t i = 0, n = (size_t)s->a.width * s->a.height; i < n; i++) {
        int v = s->a.p[i] + EDGE_GAIN * (s->a.p[i] - s->b.p[i]);

        s->a.p[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    return true;
}

/* In this order, after the picture as it is: the quick ones first. */
static bool (*const tries[])(struct scanner *s) = {
    try_smooth, try_inverted, try_contrast, try_sharp,
};
#define N_TRIES (sizeof tries / sizeof tries[0])

/* ---- looking ---- */

int frame_check(const struct frame *f, struct gf_fail *why)
{
    char text[80];

    if (f->width > 0 && f->height > 0 && f->width <= SCAN_SIDE_MAX && f->height <= SCAN_SIDE_MAX &&
        (size_t)f->width * f->height <= SCAN_PIXELS_MAX && f->stride / f->step >= f->width &&
        f->len >= (size_t)(f->height - 1) * f->stride + (f->width - 1) * f->step + 1)
        return 0;
    (void)snprintf(text, sizeof text, "%u x %u pixels in %zu bytes", f->width, f->height, f->len);
    return gf_fail(why, GF_E_IMAGE, "picture", text);
}

int scanner_take(struct scanner *s, const struct frame *f, struct gf_fail *why)
{
    int r = frame_check(f, why);

    if (r != 0)
        return r;
    if (!room(&s->seen, f->width, f->height))
        return gf_fail(why, GF_E_MEMORY, "picture", "");
    for (unsigned y = 0; y < f->height; y++) {
        const uint8_t *from = f->p + (size_t)y * f->stride;
        uint8_t *to = s->seen.p + (size_t)y * f->width;

        for (unsigned x = 0; x < f->width; x++)
            to[x] = from[x * f->step];
    }
    s->tried = 0;
    s->n = 0;
    s->label = false;
    return 0;
}

/* The codes that this look found, unless an earlier one found some and these are no better. */
static void take_codes(struct scanner *s, const zbar_image_t *image)
{
    struct scan_code codes[SCAN_CODES_MAX];
    struct gf_label label;
    size_t n = 0;

    for (const zbar_symbol_t *at = zbar_image_first_symbol(image);
         at != NULL && n < SCAN_CODES_MAX; at = zbar_symbol_next(at)) {
        const char *kind = zbar_symbol_get_type(at) == ZBAR_QRCODE ? "QR code" : "Code 128";

        (void)gf_copy(codes[n].kind, sizeof codes[n].kind, kind);
        gf_visible(codes[n].text, sizeof codes[n].text, zbar_symbol_get_data(at),
                   zbar_symbol_get_data_length(at));
        s->label = s->label || gf_label_parse(codes[n].text, &label, NULL) == 0;
        n++;
    }
    if (s->n == 0 || s->label) {
        memcpy(s->codes, codes, n * sizeof codes[0]);
        s->n = n;
    }
}

static void look_at(struct scanner *s, const struct grey *g)
{
    zbar_image_t *image = zbar_image_create();

    if (image == NULL)
        return;
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, g->width, g->height);
    zbar_image_set_data(image, g->p, (unsigned long)g->width * g->height, NULL);
    if (zbar_scan_image(s->zbar, image) > 0)
        take_codes(s, image);
    zbar_image_destroy(image);
}

bool scanner_try(struct scanner *s)
{
    if (s->tried == 0)
        look_at(s, &s->seen);
    else if (tries[s->tried - 1](s))
        look_at(s, &s->a);
    s->tried++;
    return !s->label && s->tried <= N_TRIES;
}

size_t scanner_codes(const struct scanner *s, struct scan_code *ret, size_t cap)
{
    size_t n = s->n < cap ? s->n : cap;

    memcpy(ret, s->codes, n * sizeof *ret);
    return n;
}

int scanner_look(struct scanner *s, const struct frame *f, struct scan_code *ret, size_t cap,
                 struct gf_fail *why)
{
    int r = scanner_take(s, f, why);

    if (r != 0)
        return r;
    while (scanner_try(s))
        ;
    return (int)scanner_codes(s, ret, cap);
}
