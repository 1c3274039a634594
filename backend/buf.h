/* buf.h - bytes that grow, with a sticky "bad" flag for want of memory: one check when all is
 * added. */
#ifndef GF_BACKEND_BUF_H
#define GF_BACKEND_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one. Its owner frees it. */
struct buf {
    uint8_t *p;
    size_t n, cap;
    bool bad;
};

/* Add n bytes, or a text without its NUL. */
void buf_add(struct buf *b, const void *from, size_t n);
void buf_text(struct buf *b, const char *text);

/* private: of buf_room(), when there is no room yet */
uint8_t *buf_more(struct buf *b, size_t n);

/* Room for n bytes at the end: the caller fills some of them, and counts these (b->n). NULL: none. */
static inline uint8_t *buf_room(struct buf *b, size_t n)
{
    return !b->bad && n < b->cap - b->n ? b->p + b->n : buf_more(b, n);
}

/* Add a text as printf(3) makes it. */
__attribute__((format(printf, 2, 3))) void buf_print(struct buf *b, const char *format, ...);

/* Forget what is in it, keep the memory. */
void buf_clear(struct buf *b);

/* Overwrite with zeroes and give the memory back. */
void buf_free(struct buf *b);

#endif
