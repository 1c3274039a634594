/* json_out.c - JSON into bytes that grow; see json_out.h. */
#include "backend/json_out.h"

#include <string.h>

void json_comma(struct buf *b)
{
    if (b->n > 0 && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[')
        buf_add(b, ",", 1);
}

void json_name(struct buf *b, const char *name)
{
    json_comma(b);
    buf_add(b, "\"", 1);
    buf_add(b, name, strlen(name));
    buf_add(b, "\":", 2);
}

/* The short escape of a byte, 0 when it has none. */
static char short_escape(unsigned char c)
{
    static const char of[] = "\"\\\b\f\n\r\t", is[] = "\"\\bfnrt";
    const char *at = memchr(of, c, sizeof of - 1);

    return at != NULL ? is[at - of] : '\0';
}

static void escape(struct buf *b, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char is_short = short_escape(c);
    char text[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };

    text[1] = is_short != '\0' ? is_short : 'u';
    buf_add(b, text, is_short != '\0' ? 2 : sizeof text);
}

void json_text(struct buf *b, const char *text, size_t n)
{
    size_t from = 0;

    buf_add(b, "\"", 1);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(b, text + from, i - from);
        escape(b, c);
        from = i + 1;
    }
    buf_add(b, text + from, n - from);
    buf_add(b, "\"", 1);
}

void json_int(struct buf *b, int64_t v)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (v < 0)
        *--at = '-';
    buf_add(b, at, (size_t)(digits + sizeof digits - at));
}
