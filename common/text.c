/* text.c - strict numbers, visible text, dates; see text.h. */
#include "common/text.h"

#include <stdbool.h>
#include <string.h>

#include "common/err.h"

bool gf_copy(char *to, size_t cap, const char *from)
{
    size_t i = 0;

    for (; from[i] != '\0' && i + 1 < cap; i++)
        to[i] = from[i];
    to[i] = '\0';
    return from[i] == '\0';
}

/* Bytes of the well-formed UTF-8 character at p (Unicode 15, table 3-7), or 0. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : p[0] >= 0xE0 && p[0] < 0xF0 ? 3
                 : p[0] >= 0xF0 && p[0] < 0xF5 ? 4 : 0;

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

void gf_visible(char *to, size_t cap, const char *from, size_t n)
{
    const unsigned char *p = (const unsigned char *)from;
    size_t out = 0;

    for (size_t i = 0; i < n;) {
        size_t len = utf8_len(p + i, n - i);
        /* C0, DEL, and C1 (U+0080..9F, encoded C2 80..9F) steer terminals. */
        bool control = len == 0 || p[i] < 0x20 || p[i] == 0x7F || (p[i] == 0xC2 && len == 2 && p[i + 1] < 0xA0);
        size_t put = control ? 1 : len;

        if (out + put + 1 > cap)
            break;
        if (control)
            to[out] = '?';
        else
            memcpy(to + out, from + i, len);
        out += put;
        i += len == 0 ? 1 : len;
    }
    to[out] = '\0';
}

int gf_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    bool negative = text[0] == '-';
    const char *p = text + negative;
    uint64_t v = 0;

    if (*p == '\0')
        return GF_E_FORMAT;
    for (; *p != '\0'; p++) {
        if (*p < '0' || *p > '9')
            return GF_E_FORMAT;
        if (v > (UINT64_MAX - 9) / 10)
            return GF_E_RANGE;
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (v > (uint64_t)INT64_MAX)
        return GF_E_RANGE;

    int64_t s = negative ? -(int64_t)v : (int64_t)v;
    if (s < min || s > max)
        return GF_E_RANGE;
    *ret = s;
    return 0;
}

char *gf_dec(int64_t v, char ret[static 21])
{
    char digits[20];
    size_t n = 0, out = 0;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do
        digits[n++] = (char)('0' + u % 10);
    while ((u /= 10) != 0);
    if (v < 0)
        ret[out++] = '-';
    while (n > 0)
        ret[out++] = digits[--n];
    ret[out] = '\0';
    return ret;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (years are counted from March, so that the leap day is
 * the last of its year). */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;

    int64_t era = y / 400, yoe = y % 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void put_digits(char *to, int64_t v, int n)
{
    while (n-- > 0) {
        to[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

void gf_utc_text(int64_t utc_s, char ret[static 21])
{
    if (utc_s < 0)
        utc_s = 0;
    if (utc_s > 253402300799)           /* 9999-12-31T23:59:59Z */
        utc_s = 253402300799;

    int64_t z = utc_s / 86400 + 719468, s = utc_s % 86400;
    int64_t era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2);

    memcpy(ret, "0000-00-00T00:00:00Z", 21);
    put_digits(ret, y, 4);
    put_digits(ret + 5, m, 2);
    put_digits(ret + 8, doy - (153 * mp + 2) / 5 + 1, 2);
    put_digits(ret + 11, s / 3600, 2);
    put_digits(ret + 14, s / 60 % 60, 2);
    put_digits(ret + 17, s % 60, 2);
}

/* n digits at p as a number, or -1. */
static int64_t take_digits(const char *p, int n)
{
    int64_t v = 0;

    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

int gf_utc_parse(const char *text, int64_t *ret_utc_s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    char back[21];
    size_t i = 0;

    for (; shape[i] != '\0'; i++)
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
            return GF_E_FORMAT;
    if (text[i] != '\0')
        return GF_E_FORMAT;

    int64_t t = days_of(take_digits(text, 4), take_digits(text + 5, 2), take_digits(text + 8, 2)) * 86400 +
                take_digits(text + 11, 2) * 3600 + take_digits(text + 14, 2) * 60 + take_digits(text + 17, 2);

    /* A date that does not exist comes back as another one. */
    gf_utc_text(t, back);
    if (t < 0 || memcmp(back, text, sizeof back) != 0)
        return GF_E_FORMAT;
    *ret_utc_s = t;
    return 0;
}
