/* scan.h - from a picture to a meter's label: frames from a camera or a file, decoded by zbar's
 * image scanner.
 *
 * zbar's own video and processor are never used: zbar 0.23.92 crashes while it negotiates a format.
 * Only its scanner of grey pictures is; the pictures come from the sources below.
 */
#ifndef GF_TUI_SCAN_H
#define GF_TUI_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "common/ids.h"
#include "common/port.h"

#define SCAN_SIDE_MAX 8192              /* pixels of width or height */
#define SCAN_PIXELS_MAX (32u << 20)
#define SCAN_CODES_MAX 8
#define SCAN_TEXT_MAX 128

enum frame_format { FRAME_GREY /* 1 byte a pixel */, FRAME_YUYV /* 2 bytes a pixel, Y first */ };

/* One picture; p is borrowed until the next call of its source. */
struct frame {
    const uint8_t *p;
    size_t len;                         /* bytes at p */
    unsigned width, height;             /* pixels */
    size_t stride;                      /* bytes from one line to the next */
    enum frame_format format;
};

/* Where pictures come from. */
struct frame_source {
    void *ctx;
    /* 0, or GF_E_CAMERA, GF_E_IMAGE, GF_E_FILE with the reason. close() may be called at any time,
     * more than once. */
    int (*open)(void *ctx, struct gf_fail *why);
    /* Descriptors that become readable with the next picture; none: ask next() at once. */
    size_t (*fds)(void *ctx, struct gf_pollfd *ret, size_t cap);
    /* 1 and a picture, 0 when there is none yet, GF_E_CAMERA when there will be none. Never
     * blocks. */
    int (*next)(void *ctx, struct frame *ret, struct gf_fail *why);
    void (*close)(void *ctx);
    void (*free)(void *ctx);            /* closed before */
};

/* Close and free a source. NULL is fine. Returns NULL. */
struct frame_source *frame_source_free(struct frame_source *s);

/* A V4L2 camera that gives YUYV, by memory-mapped buffers. `device` is borrowed. NULL when out of
 * memory. */
struct frame_source *scan_camera_new(const char *device);

/* A PNG file of any kind, as one grey picture; transparent parts are white. next() gives it again
 * and again. GF_E_FILE when it cannot be opened; GF_E_IMAGE when it is no PNG, damaged, or larger
 * than the limits above. */
struct frame_source *scan_file_new(const char *path);

/* One code found in a picture, its content made visible. */
struct scan_code {
    char kind[16];                      /* "QR code", "Code 128" */
    char text[SCAN_TEXT_MAX];
};

struct scanner;

/* Looks for QR codes and Code 128. NULL when out of memory. */
struct scanner *scanner_new(void);
struct scanner *scanner_free(struct scanner *s);

/* The codes in a picture: how many (at most cap), or GF_E_IMAGE when its sizes do not fit
 * together. */
int scanner_look(struct scanner *s, const struct frame *f, struct scan_code *ret, size_t cap,
                 struct gf_fail *why);

/* The one meter label among n codes. 0 and its text; GF_E_LABEL_NONE for none, GF_E_LABEL_FOREIGN
 * when none is a meter's (the detail says what the first contains), GF_E_LABEL_TWO when there are
 * labels of different meters (both ids), and what gf_label_parse() says of a damaged one. */
int scan_label(const struct scan_code *codes, size_t n, char ret[static GF_LABEL_TEXT],
               struct gf_fail *why);

/* All of it for an image file: the label's text, or why not. */
int scan_label_file(const char *path, char ret[static GF_LABEL_TEXT], struct gf_fail *why);

#endif
