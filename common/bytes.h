/* bytes.h - bounded little-endian reading and writing with a sticky "bad" flag. Freestanding.
 *
 * A reader or writer that once ran over its end stays bad and moves no further, so one check a message is enough.
 * string.h comes with it: who has bytes copies and compares them.
 */
#ifndef GF_BYTES_H
#define GF_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that someone else owns. */
struct gf_span {
    const uint8_t *p;
    size_t n;
};

struct gf_reader {
    const uint8_t *p;
    size_t left;
    bool bad;
};

struct gf_writer {
    uint8_t *p;
    size_t cap, n;
    bool bad;
};

/* The next n bytes, or NULL (and bad) when there are not so many. */
const uint8_t *gf_rd(struct gf_reader *r, size_t n);

/* A little-endian number of n bytes, 1..8; 0 when bad. */
uint64_t gf_rd_uint(struct gf_reader *r, size_t n);

/* Append n bytes, or the n lowest bytes of v, 1..8; nothing (and bad) when they do not fit. */
void gf_wr(struct gf_writer *w, const void *from, size_t n);
void gf_wr_uint(struct gf_writer *w, uint64_t v, size_t n);

/* Equal or not in a time that depends on n alone: for everything secret. */
bool gf_same_secret(const uint8_t *a, const uint8_t *b, size_t n);

/* Overwrite with zeroes in a way that the optimiser keeps. */
void gf_wipe(void *p, size_t n);

#endif
