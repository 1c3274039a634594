/* scan.c - decoding pictures and choosing the label among the codes; see scan.h. */
#include "tui/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zbar.h>

#include "common/text.h"

struct scanner {
    zbar_image_scanner_t *zbar;
    uint8_t *grey;                  /* the picture without colour */
    size_t cap;
};

struct frame_source *frame_source_free(struct frame_source *s)
{
    if (s != NULL) {
        s->close(s->ctx);
        s->free(s->ctx);
    }
    return NULL;
}

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
    free(s->grey);
    free(s);
    return NULL;
}

static int frame_check(const struct frame *f, struct gf_fail *why)
{
    size_t line = (size_t)f->width * (f->format == FRAME_YUYV ? 2 : 1);
    char text[80];

    if (f->width > 0 && f->height > 0 && f->width <= SCAN_SIDE_MAX && f->height <= SCAN_SIDE_MAX &&
        (size_t)f->width * f->height <= SCAN_PIXELS_MAX && f->stride >= line &&
        f->len >= (size_t)(f->height - 1) * f->stride + line)
        return 0;
    (void)snprintf(text, sizeof text, "%u x %u pixels in %zu bytes", f->width, f->height, f->len);
    return gf_fail(why, GF_E_IMAGE, "picture", text);
}

/* The brightness of each pixel, without gaps between the lines. */
static int make_grey(struct scanner *s, const struct frame *f, struct gf_fail *why)
{
    size_t n = (size_t)f->width * f->height, step = f->format == FRAME_YUYV ? 2 : 1;

    if (n > s->cap) {
        uint8_t *more = realloc(s->grey, n);

        if (more == NULL)
            return gf_fail(why, GF_E_MEMORY, "picture", "");
        s->grey = more;
        s->cap = n;
    }
    for (unsigned y = 0; y < f->height; y++) {
        const uint8_t *from = f->p + (size_t)y * f->stride;
        uint8_t *to = s->grey + (size_t)y * f->width;

        for (unsigned x = 0; x < f->width; x++)
            to[x] = from[x * step];
    }
    return 0;
}

static size_t take_codes(const zbar_image_t *image, struct scan_code *ret, size_t cap)
{
    size_t n = 0;

    for (const zbar_symbol_t *at = zbar_image_first_symbol(image); at != NULL && n < cap;
         at = zbar_symbol_next(at)) {
        const char *kind = zbar_symbol_get_type(at) == ZBAR_QRCODE ? "QR code" : "Code 128";

        (void)gf_copy(ret[n].kind, sizeof ret[n].kind, kind);
        gf_visible(ret[n].text, sizeof ret[n].text, zbar_symbol_get_data(at),
                   zbar_symbol_get_data_length(at));
        n++;
    }
    return n;
}

int scanner_look(struct scanner *s, const struct frame *f, struct scan_code *ret, size_t cap,
                 struct gf_fail *why)
{
    zbar_image_t *image;
    size_t n = 0;
    int r = frame_check(f, why);

    if (r == 0)
        r = make_grey(s, f, why);
    if (r != 0)
        return r;
    image = zbar_image_create();
    if (image == NULL)
        return gf_fail(why, GF_E_MEMORY, "picture", "");
    zbar_image_set_format(image, zbar_fourcc('Y', '8', '0', '0'));
    zbar_image_set_size(image, f->width, f->height);
    zbar_image_set_data(image, s->grey, (unsigned long)f->width * f->height, NULL);
    if (zbar_scan_image(s->zbar, image) > 0)
        n = take_codes(image, ret, cap);
    zbar_image_destroy(image);
    return (int)n;
}

int scan_label(const struct scan_code *codes, size_t n, char ret[static GF_LABEL_TEXT],
               struct gf_fail *why)
{
    struct gf_label found = {0}, label;
    struct gf_fail first = {0};
    char text[sizeof first.detail];

    if (n == 0)
        return gf_fail(why, GF_E_LABEL_NONE, "label", "");
    for (size_t i = 0; i < n; i++) {
        struct gf_fail bad = {0};

        if (gf_label_parse(codes[i].text, &label, &bad) != 0) {
            /* A damaged label tells more than a foreign code beside it. */
            if (first.code == 0 || first.code == GF_E_LABEL_FOREIGN)
                first = bad;
        } else if (found.meter_id[0] == '\0') {
            found = label;
        } else if (strcmp(found.meter_id, label.meter_id) != 0) {
            (void)snprintf(text, sizeof text, "%s and %s", found.meter_id, label.meter_id);
            return gf_fail(why, GF_E_LABEL_TWO, "label", text);
        }
    }
    if (found.meter_id[0] == '\0')
        return gf_fail(why, first.code, first.where, first.detail);
    return gf_label_format(&found, ret);
}

int scan_label_file(const char *path, char ret[static GF_LABEL_TEXT], struct gf_fail *why)
{
    struct scan_code codes[SCAN_CODES_MAX];
    struct frame_source *file = scan_file_new(path);
    struct scanner *scanner = scanner_new();
    struct frame frame;
    int r = file == NULL || scanner == NULL ? gf_fail(why, GF_E_MEMORY, "picture", "")
                                            : file->open(file->ctx, why);

    if (r == 0) {
        r = file->next(file->ctx, &frame, why);
        if (r > 0)
            r = scanner_look(scanner, &frame, codes, SCAN_CODES_MAX, why);
        if (r >= 0)
            r = scan_label(codes, (size_t)r, ret, why);
    }
    (void)scanner_free(scanner);
    (void)frame_source_free(file);
    return r;
}
