/* picture_labels.c - camera frames with a label in them; see picture_labels.h. */
#include "tests/aid/picture_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/label.h"

#define WALL 150                /* grey behind the label */
#define FINE 3                  /* samples a pixel, each way */
#define COS_1 0.99984769515639123916     /* of one degree */
#define SIN_1 0.01745240643728351282

/* A measure that grows through the frames of a kind. */
struct span {
    double from, to;
};

struct kind {
    const char *name;
    unsigned n;
    int turn_by;                /* degrees from frame to frame; 0: drawn */
    bool inverted;              /* white on black */
    struct span module;         /* pixels */
    struct span blur;           /* radius, in pixels */
    struct span contrast;       /* between black and white, of 255 */
    struct span noise;          /* most that a pixel is off, of 255 */
    struct span damage;         /* part of the code that is covered */
    struct span slant;          /* how much smaller the far side is seen */
    struct span shade;          /* part of the light that is missing at the dark side */
};

#define AS_IS .contrast = {200, 200}
static const struct kind kinds[] = {
    {"turned", 24, 15, false, {4, 4}, AS_IS, .noise = {6, 6}},
    {"small", 24, 0, false, {3, 1.1}, AS_IS, .noise = {6, 6}},
    {"blurred", 24, 0, false, {4, 4}, {0.5, 5}, AS_IS, .noise = {6, 6}},
    {"pale", 24, 0, false, {4, 4}, {0, 1}, .contrast = {90, 8}, .noise = {3, 3}},
    {"noisy", 24, 0, false, {4, 4}, AS_IS, .noise = {20, 180}},
    {"damaged", 24, 0, false, {5, 5}, AS_IS, .noise = {6, 6}, .damage = {0.01, 0.2}},
    {"aslant", 24, 0, false, {5, 5}, AS_IS, .noise = {6, 6}, .slant = {0.05, 0.6}},
    {"inverted", 12, 30, true, {4, 3}, AS_IS, .noise = {6, 6}},
    {"shaded", 12, 0, false, {4, 4}, {0, 1}, AS_IS, .noise = {6, 6}, .shade = {0.3, 0.97}},
    {"all of it", 24, 0, false, {4, 2.2}, {0, 1.5}, {160, 60}, {6, 20}, {0, 0.04}, {0, 0.25},
     {0, 0.5}},
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

size_t labels_kinds(void)
{
    return N_KINDS;
}

const char *labels_kind_name(size_t kind)
{
    return kinds[kind].name;
}

size_t labels_count(void)
{
    size_t n = 0;

    for (size_t i = 0; i < N_KINDS; i++)
        n += kinds[i].n;
    return n;
}

/* The kind of a frame; *ret_i is its number inside the kind. */
static size_t kind_of(size_t frame, unsigned *ret_i)
{
    size_t k = 0;

    for (; frame >= kinds[k].n; k++)
        frame -= kinds[k].n;
    *ret_i = (unsigned)frame;
    return k;
}

size_t labels_kind(size_t frame)
{
    unsigned i;

    return kind_of(frame, &i);
}

/* ---- chance ---- */

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* A number in a span. */
static double draw_in(uint32_t *seed, double from, double to)
{
    return from + (to - from) * draw(seed) / (1u << 24);
}

/* ---- drawing ---- */

/* One frame being drawn. */
struct scene {
    struct picture p;
    struct label_code code;
    uint32_t seed;
    double module, slant, cos, sin, x, y;   /* x, y: the code's middle */
    double dark, light;                     /* grey of ink and paper */
};

static void turn(struct scene *s, int degrees)
{
    s->cos = 1;
    s->sin = 0;
    for (int i = 0; i < degrees; i++) {
        double turned = s->cos * COS_1 - s->sin * SIN_1;

        s->sin = s->sin * COS_1 + s->cos * SIN_1;
        s->cos = turned;
    }
}

/* The grey that is seen at a place: of the module there, or of the wall. Seen from a slant, what is
 * further up is further off and smaller. */
static double grey_at(const struct scene *s, double px, double py)
{
    double side = (double)s->code.size, far, x, y;
    long mx, my;

    px -= s->x;
    py -= s->y;
    far = 1 + s->slant * py / (side * s->module);
    if (far < 0.2)
        return WALL;
    px /= far * s->module;
    py /= far * s->module;
    x = px * s->cos + py * s->sin + side / 2;
    y = py * s->cos - px * s->sin + side / 2;
    mx = (long)(x + 1000) - 1000;
    my = (long)(y + 1000) - 1000;
    if (mx < 0 || my < 0 || (size_t)mx >= s->code.size || (size_t)my >= s->code.size)
        return WALL;
    return s->code.modules.p[(size_t)my * s->code.size + (size_t)mx] != 0 ? s->dark : s->light;
}

static void draw_code(struct scene *s)
{
    double reach = s->module * (double)s->code.size;

    memset(s->p.grey, WALL, (size_t)s->p.width * s->p.height);
    for (unsigned y = 0; y < s->p.height; y++)
        for (unsigned x = 0; x < s->p.width; x++) {
            double sum = 0;

            if (x < s->x - reach || x > s->x + reach || y < s->y - reach || y > s->y + reach)
                continue;

            for (int i = 0; i < FINE * FINE; i++)
                sum += grey_at(s, x + (i % FINE + 0.5) / FINE, y + (i / FINE + 0.5) / FINE);
            s->p.grey[(size_t)y * s->p.width + x] = (uint8_t)(sum / (FINE * FINE) + 0.5);
        }
}

/* Stickers and scratches: oblongs of one colour, until so much of the code is covered. */
static void damage(struct scene *s, double part)
{
    size_t side = s->code.size - 2 * LABEL_QUIET, covered = 0;

    while ((double)covered < part * (double)(side * side)) {
        size_t w = 1 + draw(&s->seed) % 6, h = 1 + draw(&s->seed) % 6,
               x = LABEL_QUIET + draw(&s->seed) % (side - w),
               y = LABEL_QUIET + draw(&s->seed) % (side - h);
        unsigned char ink = draw(&s->seed) % 2 != 0;

        for (size_t i = 0; i < w * h; i++)
            s->code.modules.p[(y + i / w) * s->code.size + x + i % w] = ink;
        covered += w * h;
    }
}

/* Means over 2 r + 1 pixels of a line; between whole radii, of both. `step` is from pixel to
 * pixel. */
static void blur_line(uint8_t *line, size_t n, size_t step, double r, uint8_t *room)
{
    int whole = (int)r;
    double edge = r - whole;

    for (size_t i = 0; i < n; i++)
        room[i] = line[i * step];
    for (int i = 0; i < (int)n; i++) {
        double sum = 0;

        for (int k = -whole - 1; k <= whole + 1; k++) {
            int at = i + k < 0 ? 0 : i + k >= (int)n ? (int)n - 1 : i + k;

            sum += room[at] * (k < -whole || k > whole ? edge : 1);
        }
        line[(size_t)i * step] = (uint8_t)(sum / (2 * r + 1) + 0.5);
    }
}

/* Twice a mean each way: nearly what a lens out of focus does. */
static void blur(struct picture *p, double r)
{
    uint8_t room[LABELS_WIDTH];

    for (int pass = 0; pass < 2 && r > 0; pass++) {
        for (unsigned y = 0; y < p->height; y++)
            blur_line(p->grey + (size_t)y * p->width, p->width, 1, r, room);
        for (unsigned x = 0; x < p->width; x++)
            blur_line(p->grey + x, p->height, p->width, r, room);
    }
}

/* Light that falls from the left to the right, and the camera's noise. */
static void light(struct scene *s, double shade, double noise)
{
    for (unsigned y = 0; y < s->p.height; y++)
        for (unsigned x = 0; x < s->p.width; x++) {
            uint8_t *at = &s->p.grey[(size_t)y * s->p.width + x];
            double v = *at * (1 - shade * x / s->p.width) +
                       (draw_in(&s->seed, -0.5, 0.5) + draw_in(&s->seed, -0.5, 0.5)) * noise;

            *at = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

struct picture labels_frame(size_t frame, uint32_t seed, const char *text)
{
    unsigned i;
    const struct kind *k = &kinds[kind_of(frame, &i)];
    double part = (double)i / (k->n - 1), half;
    struct scene s = {.seed = seed * 1000003u + (uint32_t)frame};
#define NOW(span) (k->span.from + (k->span.to - k->span.from) * part)

    assert_int_equal(label_code(text, &s.code), 0);
    s.p = picture_new(LABELS_WIDTH, LABELS_HEIGHT);
    for (int skip = 0; skip < 8; skip++)
        (void)draw(&s.seed);
    s.module = NOW(module);
    s.slant = NOW(slant);
    turn(&s, k->turn_by != 0 ? (int)i * k->turn_by : (int)(draw(&s.seed) % 360));
    half = s.module * (double)s.code.size * 0.72;
    s.x = draw_in(&s.seed, half, LABELS_WIDTH - half);
    s.y = draw_in(&s.seed, half, LABELS_HEIGHT - half);
    s.dark = 128 - NOW(contrast) / 2;
    s.light = 128 + NOW(contrast) / 2;
    if (k->inverted) {
        double swap = s.dark;

        s.dark = s.light;
        s.light = swap;
    }
    damage(&s, NOW(damage));
    draw_code(&s);
    blur(&s.p, NOW(blur));
    light(&s, NOW(shade), NOW(noise));
    buf_free(&s.code.modules);
    return s.p;
#undef NOW
}
