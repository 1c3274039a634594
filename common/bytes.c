/* bytes.c - bounded reading and writing; see bytes.h. */
#include "common/bytes.h"

/* The next n bytes, or NULL (and bad). */
static const uint8_t *taken(struct gf_reader *r, size_t n)
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

const uint8_t *gf_rd(struct gf_reader *r, size_t n)
{
    return taken(r, n);
}

uint64_t gf_rd_uint(struct gf_reader *r, size_t n)
{
    const uint8_t *at = taken(r, n);
    uint64_t v = 0;

    for (size_t i = n; at != NULL && i-- > 0;)
        v = v << 8 | at[i];
    return v;
}

/* Where the next n bytes go, or NULL (and bad). */
static uint8_t *appended(struct gf_writer *w, size_t n)
{
    if (w->bad || n > w->cap - w->n) {
        w->bad = true;
        return NULL;
    }
    w->n += n;
    return w->p + w->n - n;
}

void gf_wr(struct gf_writer *w, const void *from, size_t n)
{
    uint8_t *at = appended(w, n);

    if (at != NULL)
        memcpy(at, from, n);
}

void gf_wr_uint(struct gf_writer *w, uint64_t v, size_t n)
{
    uint8_t *at = appended(w, n);

    for (size_t i = 0; at != NULL && i < n; i++, v >>= 8)
        at[i] = (uint8_t)v;
}

bool gf_same_secret(const uint8_t *a, const uint8_t *b, size_t n)
{
    volatile uint8_t d = 0;

    for (size_t i = 0; i < n; i++)
        d = (uint8_t)(d | (a[i] ^ b[i]));
    return d == 0;
}

void gf_wipe(void *p, size_t n)
{
    if (n > 0)
        memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory"); /* as if somebody read it now */
}
