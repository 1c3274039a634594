/* scan.h - from a picture to a meter's label: frames from a camera or a file, decoded by zbar's
 * image scanner.
 *
 * zbar's own video and processor are never used: zbar 0.23.92 crashes while it negotiates a format.
 * Only its scanner of grey pictures is; the pictures come from the sources below. How it is done is
 * told in docs/camera.md.
 */
#ifndef GF_TUI_SCAN_H
#define GF_TUI_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ids.h"
#include "common/port.h"

#define SCAN_SIDE_MAX 8192              /* pixels of width or height */
#define SCAN_PIXELS_MAX (32u << 20)
#define SCAN_CODES_MAX 8
#define SCAN_TEXT_MAX 128

/* One picture: the brightness of each pixel, which may stand among other bytes; p is borrowed until
 * the next call of its source. */
struct frame {
    const uint8_t *p;                   /* brightness of the first pixel */
    size_t len;                         /* bytes at p */
    unsigned width, height;             /* pixels */
    size_t stride;                      /* bytes from one line to the next */
    size_t step;                        /* bytes from one pixel to the next: 1 grey, 2 YUYV */
};

/* Where pictures come from. */
struct frame_source {
    void *ctx;
    /* 0, or GF_E_CAMERA_*, GF_E_IMAGE, GF_E_FILE with the reason. close() may be called at any
     * time, more than once. */
    int (*open)(void *ctx, struct gf_fail *why);
    /* Descriptors that become readable with the next picture; none: ask next() at once. */
    size_t (*fds)(void *ctx, struct gf_pollfd *ret, size_t cap);
    /* 1 and a picture, 0 when there is none yet, GF_E_CAMERA_* when there will be none. Never
     * blocks. */
    int (*next)(void *ctx, struct frame *ret, struct gf_fail *why);
    void (*close)(void *ctx);
    void (*free)(void *ctx);            /* closed before */
};

/* Close and free a source. NULL is fine. Returns NULL. */
struct frame_source *frame_source_free(struct frame_source *s);

#define SCAN_DEVICE_MAX 64
#define SCAN_CAMERAS_MAX 16

/* A camera of this machine. */
struct scan_camera {
    char device[SCAN_DEVICE_MAX];       /* "/dev/video0" */
    char name[32];                      /* what it says it is, made visible */
};

/* The cameras whose pictures can be read, in the order of their numbers: how many (at most cap).
 * When none is found, *why tells the reason: none is there, or this user may not use one. */
size_t scan_cameras(struct scan_camera *ret, size_t cap, struct gf_fail *why);

/* A V4L2 camera, by memory-mapped buffers; the first that scan_cameras() finds for NULL. The name is
 * copied. NULL when out of memory. */
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

/* Do the sizes of a picture fit together? 0 or GF_E_IMAGE. */
int frame_check(const struct frame *f, struct gf_fail *why);

/* Looking at a picture is a row of tries: as it is, smoothed, inverted, enlarged with its contrast
 * raised, enlarged and sharpened. A meter's label ends it; else all are made, and the codes of the
 * first that showed any count.
 *
 * scanner_take() copies the picture: 0, GF_E_MEMORY, or GF_E_IMAGE when its sizes do not fit
 * together. scanner_try() makes the next try; false when it was the last that is needed.
 * scanner_codes() tells what was found: how many (at most cap). */
int scanner_take(struct scanner *s, const struct frame *f, struct gf_fail *why);
bool scanner_try(struct scanner *s);
size_t scanner_codes(const struct scanner *s, struct scan_code *ret, size_t cap);

/* All of them: the codes in a picture, how many (at most cap), or what scanner_take() says. */
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
