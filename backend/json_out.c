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

void json_name(struct buf *b, const char *name)
{
    const size_t n = strlen(name), comma = wants_comma(b) ? 1 : 0;
    uint8_t *at = buf_room(b, n + 4);

    if (at == NULL)
        return;
    at[0] = ',';
    at += comma;
    b->n += comma + n + 3;
    *at++ = '"';
    memcpy(at, name, n);
    at[n] = '"';
    at[n + 1] = ':';
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

/* Is there one of eight bytes that does not stand as it is? Bit tricks for "below n" and "equal to":
 * a byte of 0 after the exclusive or is one that borrows. Bytes from 0x80 on may be said to be. */
static bool has_special(uint64_t eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t quote = eight ^ ones * '"', backslash = eight ^ ones * '\\';

    return (((eight - ones * 0x20) | (quote - ones) | (backslash - ones) | eight) & ones << 7) != 0;
}

/* How many bytes stand as they are. */
static size_t plain(const char *text, size_t n)
{
    size_t i = 0;
    uint64_t eight;

    for (; n - i >= sizeof eight; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        if (has_special(eight))
            break;
    }
    while (i < n && (unsigned char)text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

void json_text(struct buf *b, const char *text, size_t n)
{
    size_t from = 0, run = plain(text, n);
    uint8_t *at = run == n ? buf_room(b, n + 2) : NULL;

    if (at != NULL) { /* most are: nothing to escape */
        at[0] = '"';
        if (n > 0)
            memcpy(at + 1, text, n);
        at[n + 1] = '"';
        b->n += n + 2;
        return;
    }
    buf_add(b, "\"", 1);
    for (;;) {
        buf_add(b, text + from, run);
        from += run;
        if (from == n)
            break;
        escape(b, (unsigned char)text[from++]);
        run = plain(text + from, n - from);
    }
    buf_add(b, "\"", 1);
}

void json_int(struct buf *b, int64_t v)
{
    const uint64_t whole = v < 0 ? -(uint64_t)v : (uint64_t)v;
    uint64_t left = whole;
    size_t n = v < 0 ? 1 : 0;
    uint8_t *at = buf_room(b, 20);

    if (at == NULL)
        return;
    *at = '-'; /* of a positive one overwritten below */
    do
        n++;
    while ((left /= 10) > 0);
    left = whole;
    b->n += n;
    for (at += n; n > (v < 0 ? 1 : 0); n--, left /= 10)
        *--at = (uint8_t)('0' + left % 10);
}
