/* line.h - a serial line: a terminal device of this machine, or a Unix stream socket that stands for
 * one (an emulator's). Opened again when it breaks. */
#ifndef GF_METER_LINE_H
#define GF_METER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define GM_LINE_BAUD 115200     /* 8 data bits, no parity, one stop bit, no flow control of its own */
#define GM_LINE_AGAIN_MS 500    /* real time between two tries to open */

struct gm_line {                /* private */
    const char *path;           /* borrowed for life */
    int fd;                     /* -1: not open */
};

/* 0, also when nobody is at the other end of a socket yet. GF_E_FILE: the path is neither a terminal
 * nor a socket, is in another's hands, or may not be used; why says which. */
int gm_line_open(struct gm_line *l, const char *path, struct gf_fail *why);
void gm_line_close(struct gm_line *l);

/* True when it is open; else one try to open it. */
bool gm_line_again(struct gm_line *l);

/* Bytes that are there, 0 when none. Negative: it broke, and is closed. */
int gm_line_read(struct gm_line *l, uint8_t *ret, size_t cap);

/* How many bytes it took, perhaps 0. Negative: it broke, and is closed. */
int gm_line_write(struct gm_line *l, const uint8_t *p, size_t n);

#endif
