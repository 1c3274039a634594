/* json_out.c - JSON into bytes that grow; see json_out.h. */
#include "backend/json_out.h"

#include <stdbool.h>
#include <string.h>

/* Is there an element before the place where the next one comes? */
static bool wants_comma(const struct buf *b)
{
    return b->n > 0 && b->p[b->n - 1] != '{' && b->p[b->n - 1] != '[';
}

void json_comma(struct buf *b)
{
    if (wants_comma(b))
        buf_add(b, ",", 1);
}

uint8_t *json_put_name(uint8_t *at, const char *name)
{
    *at++ = '"';
    at = (uint8_t *)stpcpy((char *)at, name);
    *at++ = '"';
    *at++ = ':';
    return at;
}

void json_name(struct buf *b, const char *name)
{
    const bool comma = wants_comma(b);
    uint8_t *at = buf_room(b, JSON_NAME_MAX(strlen(name)) + 1);

    if (at == NULL)
        return;
    if (comma)
        *at++ = ',';
    b->n = (size_t)(json_put_name(at, name) - b->p);
}

/* The short escape of a byte, 0 when it has none. */
static char short_escape(unsigned char c)
{
    static const char of[] = "\"\\\b\f\n\r\t", is[] = "\"\\bfnrt";
    const char *at = memchr(of, c, sizeof of - 1);

    return at != NULL ? is[at - of] : '\0';
}

static uint8_t *put_escape(uint8_t *at, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char is_short = short_escape(c);

    *at++ = '\\';
    if (is_short != '\0') {
        *at++ = (uint8_t)is_short;
        return at;
    }
    memcpy(at, "u00", 3);
    at[3] = (uint8_t)digits[c >> 4];
    at[4] = (uint8_t)digits[c & 15];
    return at + 5;
}

/* Is there one of eight bytes that does not stand as it is? Bit tricks for "below n" and "equal to":
 * a byte of 0 after the exclusive or is one that borrows. Bytes from 0x80 on may be said to be. */
static bool has_special(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

    return (((eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight) & ones << 7) != 0;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\';
}

/* Copy the bytes that stand as they are, up to the first that does not: how many. Up to eight bytes
 * that do not count may be written behind them. */
static size_t put_plain(uint8_t *at, const char *text, size_t n)
{
    uint64_t eight;
    size_t i = 0;

    for (; n - i >= sizeof eight; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        memcpy(at + i, &eight, sizeof eight);
        if (has_special(eight))
            break;
    }
    for (; i < n && is_plain((unsigned char)text[i]); i++)
        at[i] = (uint8_t)text[i];
    return i;
}

uint8_t *json_put_text(uint8_t *at, const char *text, size_t n)
{
    size_t from = put_plain(at + 1, text, n);

    *at = '"';
    at += 1 + from;
    while (from < n) {
        at = put_escape(at, (unsigned char)text[from++]);

        size_t run = put_plain(at, text + from, n - from);
        at += run;
        from += run;
    }
    *at = '"';
    return at + 1;
}

void json_text(struct buf *b, const char *text, size_t n)
{
    uint8_t *at = buf_room(b, JSON_TEXT_MAX(n));

    if (at != NULL)
        b->n = (size_t)(json_put_text(at, text, n) - b->p);
}

uint8_t *json_put_int(uint8_t *at, int64_t v)
{
    char text[2 * JSON_INT_MAX] = "", *from = text + JSON_INT_MAX; /* digits end in its middle */
    uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do
        *--from = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (v < 0)
        *--from = '-';
    memcpy(at, from, JSON_INT_MAX); /* always as many: no call */
    return at + (text + JSON_INT_MAX - from);
}

void json_int(struct buf *b, int64_t v)
{
    uint8_t *at = buf_room(b, JSON_INT_MAX);

    if (at != NULL)
        b->n = (size_t)(json_put_int(at, v) - b->p);
}
