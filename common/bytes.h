/* bytes.h - bounded little-endian reading and writing with a sticky "bad" flag. Freestanding.
 *
 * A reader or writer that once ran over its end stays bad and moves no further, so one check a message is enough.
 * This is the one header with bodies: the functions are two lines each, and the compiler drops what is unused.
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
static inline const uint8_t *gf_rd(struct gf_reader *r, size_t n)
{
    const uint8_t *at = r->p;

    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    r->p += n;
    r->left -= n;
    return at;
}

/* A little-endian number of n bytes, 1..8; 0 when bad. */
static inline uint64_t gf_rd_uint(struct gf_reader *r, size_t n)
{
    const uint8_t *at = gf_rd(r, n);
    uint64_t v = 0;

    for (size_t i = n; at != NULL && i-- > 0;)
        v = v << 8 | at[i];
    return v;
}

static inline void gf_wr(struct gf_writer *w, const void *from, size_t n)
{
    if (w->bad || n > w->cap - w->n) {
        w->bad = true;
        return;
    }
    memcpy(w->p + w->n, from, n);
    w->n += n;
}

static inline void gf_wr_uint(struct gf_writer *w, uint64_t v, size_t n)
{
    uint8_t b[8];

    for (size_t i = 0; i < n && i < sizeof b; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    gf_wr(w, b, n);
}

/* Equal or not in a time that depends on n alone: for everything secret. */
static inline bool gf_same_secret(const uint8_t *a, const uint8_t *b, size_t n)
{
    volatile uint8_t d = 0;

    for (size_t i = 0; i < n; i++)
        d = (uint8_t)(d | (a[i] ^ b[i]));
    return d == 0;
}

/* Overwrite with zeroes in a way that the optimiser keeps. */
static inline void gf_wipe(void *p, size_t n)
{
    if (n > 0)
        memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory"); /* as if somebody read it now */
}

#endif
