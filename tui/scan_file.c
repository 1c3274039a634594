/* scan_file.c - a PNG file as a source of pictures; see scan.h. */
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tui/scan.h"

struct file_source {
    struct frame_source port;
    const char *path;
    uint8_t *grey;
    unsigned width, height;
};

/* What is open while a file is read; libpng leaves by longjmp, so it lives outside the function
 * that reads. */
struct reading {
    FILE *f;
    png_structp png;
    png_infop info;
    char reason[80];
};

static void on_png_error(png_structp png, png_const_charp text)
{
    struct reading *rd = png_get_error_ptr(png);

    gf_visible(rd->reason, sizeof rd->reason, text, strlen(text));
    png_longjmp(png, 1);
}

/* Warnings are about metadata; the picture is there all the same. */
static void on_png_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

/* Every kind of PNG to 8 bits of grey on white paper. */
static void want_grey(png_structp png, png_infop info)
{
    png_color_16 white = {.red = 255, .green = 255, .blue = 255, .gray = 255};
    png_byte colour = png_get_color_type(png, info);

    png_set_expand(png);            /* palette to RGB, 1-4 bits to 8, tRNS to alpha */
    png_set_strip_16(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS) != 0 || (colour & PNG_COLOR_MASK_ALPHA) != 0)
        png_set_background(png, &white, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
    if ((colour & PNG_COLOR_MASK_COLOR) != 0)
        png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, PNG_RGB_TO_GRAY_DEFAULT,
                            PNG_RGB_TO_GRAY_DEFAULT);
}

/* Reads rd->f; false with rd->reason when it is no whole PNG inside the limits. */
static bool read_png(struct reading *rd, struct file_source *s)
{
    if (setjmp(png_jmpbuf(rd->png)) != 0)
        return false;
    png_init_io(rd->png, rd->f);
    png_set_user_limits(rd->png, SCAN_SIDE_MAX, SCAN_SIDE_MAX);
    png_read_info(rd->png, rd->info);
    s->width = png_get_image_width(rd->png, rd->info);
    s->height = png_get_image_height(rd->png, rd->info);
    if ((size_t)s->width * s->height > SCAN_PIXELS_MAX)
        png_error(rd->png, "more pixels than permitted");
    want_grey(rd->png, rd->info);

    int passes = png_set_interlace_handling(rd->png);

    png_read_update_info(rd->png, rd->info);
    if (png_get_rowbytes(rd->png, rd->info) != s->width)
        png_error(rd->png, "a kind of PNG that is not known");
    s->grey = calloc(s->height, s->width);
    if (s->grey == NULL)
        png_error(rd->png, "out of memory");
    for (int pass = 0; pass < passes; pass++)
        for (unsigned y = 0; y < s->height; y++)
            png_read_row(rd->png, s->grey + (size_t)y * s->width, NULL);
    png_read_end(rd->png, NULL);
    return true;
}

static void file_close(void *ctx)
{
    struct file_source *s = ctx;

    free(s->grey);
    s->grey = NULL;
}

static int file_open(void *ctx, struct gf_fail *why)
{
    struct file_source *s = ctx;
    struct reading rd = {.f = fopen(s->path, "rbe")};
    char text[sizeof why->detail];
    bool whole = false;

    if (rd.f == NULL) {
        (void)snprintf(text, sizeof text, "%.100s: %s", s->path, strerror(errno));
        return gf_fail(why, GF_E_FILE, "picture", text);
    }
    (void)gf_copy(rd.reason, sizeof rd.reason, "out of memory");
    rd.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &rd, on_png_error, on_png_warning);
    rd.info = rd.png != NULL ? png_create_info_struct(rd.png) : NULL;
    if (rd.info != NULL)
        whole = read_png(&rd, s);
    png_destroy_read_struct(&rd.png, &rd.info, NULL);
    (void)fclose(rd.f);
    if (whole)
        return 0;
    file_close(s);
    (void)snprintf(text, sizeof text, "%.70s: %s", s->path, rd.reason);
    return gf_fail(why, GF_E_IMAGE, "picture", text);
}

static size_t file_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    (void)ret;
    (void)cap;
    return 0;
}

static int file_next(void *ctx, struct frame *ret, struct gf_fail *why)
{
    struct file_source *s = ctx;

    (void)why;
    *ret = (struct frame){.p = s->grey,
                          .len = (size_t)s->width * s->height,
                          .width = s->width,
                          .height = s->height,
                          .stride = s->width,
                          .step = 1};
    return 1;
}

struct frame_source *scan_file_new(const char *path)
{
    struct file_source *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->path = path;
    s->port = (struct frame_source){s, file_open, file_fds, file_next, file_close, free};
    return &s->port;
}
