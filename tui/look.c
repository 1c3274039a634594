/* look.c - a camera at work in a face; see look.h. */
#include "tui/look.h"

#include <poll.h>
#include <stdio.h>

#define NO_PICTURE_MS 3000
#define NO_CODE_MS 10000
#define DARK_MEAN 24            /* of 255 */

int look_on(struct look *l, struct frame_source *source, int64_t now_ms, struct gf_fail *why)
{
    int r;

    look_off(l);
    l->worker = source != NULL ? scan_worker_new() : NULL;
    r = l->worker == NULL ? gf_fail(why, GF_E_MEMORY, "camera", "") : source->open(source->ctx, why);
    if (r != 0) {
        (void)frame_source_free(source);
        look_off(l);
        return r;
    }
    l->source = source;
    l->since_ms = now_ms;
    return 0;
}

void look_off(struct look *l)
{
    l->source = frame_source_free(l->source);
    l->worker = scan_worker_free(l->worker);
    l->seen = false;
    l->code[0] = '\0';
}

size_t look_fds(const struct look *l, struct gf_pollfd *ret, size_t cap)
{
    size_t n;

    if (l->source == NULL)
        return 0;
    n = l->source->fds(l->source->ctx, ret, cap);
    if (n < cap)
        ret[n++] = (struct gf_pollfd){.fd = scan_worker_fd(l->worker), .events = POLLIN};
    return n;
}

/* The mean of the part of the picture that a pixel of the preview stands for. */
static unsigned char mean(const struct frame *f, const struct look *l, int x, int y)
{
    size_t x0 = (size_t)x * f->width / (size_t)l->cols, y0 = (size_t)y * f->height / (size_t)l->lines,
           x1 = ((size_t)x + 1) * f->width / (size_t)l->cols,
           y1 = ((size_t)y + 1) * f->height / (size_t)l->lines;
    unsigned sum = 0, n = 0;

    for (size_t py = y0; py < y1 || py == y0; py++)
        for (size_t px = x0; px < x1 || px == x0; px++, n++)
            sum += f->p[py * f->stride + px * f->step];
    return (unsigned char)(sum / n);
}

/* The picture in the preview's size, with square pixels. */
static void take_preview(struct look *l, const struct frame *f)
{
    long sum = 0;

    l->width = f->width;
    l->height = f->height;
    l->lines = l->room_lines < LOOK_LINES_MAX ? l->room_lines : LOOK_LINES_MAX;
    l->cols = l->room_cols < LOOK_COLS_MAX ? l->room_cols : LOOK_COLS_MAX;
    if ((size_t)l->lines * f->width < (size_t)l->cols * f->height)
        l->cols = (int)((size_t)l->lines * f->width / f->height);
    else
        l->lines = (int)((size_t)l->cols * f->height / f->width);
    l->lines -= l->lines % 2;
    for (int y = 0; y < l->lines; y++)
        for (int x = 0; x < l->cols; x++) {
            l->preview[y][x] = mean(f, l, x, y);
            sum += l->preview[y][x];
        }
    l->dark = l->lines * l->cols > 0 && sum / (l->lines * l->cols) < DARK_MEAN;
    l->seen = true;
}

/* The next picture, shown, and handed in when the scanner is free. 0 or GF_E_*. */
static int next_picture(struct look *l, struct gf_fail *why)
{
    struct frame f = {0};
    int r = l->source->next(l->source->ctx, &f, why);

    if (r > 0) {
        r = scan_worker_give(l->worker, &f, why);
        if (r >= 0)
            take_preview(l, &f);
    }
    return r < 0 ? r : 0;
}

int look_turn(struct look *l, int64_t now_ms, char ret[static GF_LABEL_TEXT], struct gf_fail *why)
{
    struct scan_code codes[SCAN_CODES_MAX];
    int n, r;

    if (l->source == NULL)
        return 0;
    n = scan_worker_codes(l->worker, codes, SCAN_CODES_MAX);
    if (n > 0) {
        l->since_ms = now_ms;
        (void)snprintf(l->code, sizeof l->code, "%s: %s", codes[0].kind, codes[0].text);
        if (scan_label(codes, (size_t)n, ret, why) == 0)
            return 1;
        return 0;
    }
    r = next_picture(l, why);
    if (r < 0)
        look_off(l);
    return r;
}

const char *look_hint(const struct look *l, int64_t now_ms)
{
    int64_t age_ms = now_ms - l->since_ms;

    if (l->source == NULL)
        return NULL;
    if (!l->seen)
        return age_ms < NO_PICTURE_MS
                   ? NULL
                   : "The camera sends no picture. Take another one, or type the id.";
    if (l->dark)
        return "The picture is dark: open the camera's cover, or make light.";
    if (age_ms < NO_CODE_MS)
        return NULL;
    return "Nothing is read yet: hold the label flat, a hand's breadth away, without a shadow or a "
           "reflection on it; wipe it; or type the id.";
}
