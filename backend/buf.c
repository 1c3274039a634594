/* buf.c - bytes that grow; see buf.h. */
#include "backend/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

/* Room for n more. The old place is wiped, since answers hold ticket keys. */
static bool reserve(struct buf *b, size_t n)
{
    size_t cap = b->cap > 0 ? b->cap : 1024;

    if (b->bad || n > SIZE_MAX / 4 - b->n)
        b->bad = true;
    if (b->bad || n <= b->cap - b->n)
        return !b->bad;
    while (cap < b->n + n)
        cap *= 2;

    uint8_t *p = malloc(cap);
    if (p == NULL) {
        b->bad = true;
        return false;
    }
    if (b->n > 0)
        memcpy(p, b->p, b->n);
    if (b->p != NULL)
        gf_wipe(b->p, b->n);
    free(b->p);
    b->p = p;
    b->cap = cap;
    return true;
}

uint8_t *buf_more(struct buf *b, size_t n)
{
    return reserve(b, n) ? b->p + b->n : NULL;
}

void buf_add(struct buf *b, const void *from, size_t n)
{
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->p + b->n, from, n);
    b->n += n;
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_print(struct buf *b, const char *format, ...)
{
    size_t room = b->cap - b->n;
    va_list args;

    va_start(args, format);
    int n = vsnprintf(room > 0 ? (char *)b->p + b->n : NULL, room, format, args);
    va_end(args);
    if (n < 0 || b->bad || ((size_t)n >= room && !reserve(b, (size_t)n + 1))) {
        b->bad = true;
        return;
    }
    if ((size_t)n >= room) { /* now there is room for all of it */
        va_start(args, format);
        (void)vsnprintf((char *)b->p + b->n, (size_t)n + 1, format, args);
        va_end(args);
    }
    b->n += (size_t)n;
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->bad = false;
}

void buf_free(struct buf *b)
{
    if (b->p != NULL)
        gf_wipe(b->p, b->n);
    free(b->p);
    *b = (struct buf){ 0 };
}
