/* small.c - functions of the C library; see small.h. */
#include "meter-core/port/stm32/small.h"

#include <stdint.h>

/* Four bytes of anything, at any address: the core reads and writes them so (CCR.UNALIGN_TRP is 0). */
struct word {
    uint32_t v;
} __attribute__((packed, may_alias));

int small_memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= 4 && ((const struct word *)x)->v == ((const struct word *)y)->v; n -= 4) {
        x += 4;
        y += 4;
    }
    for (; n > 0; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *small_memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)to - (uintptr_t)from < n) {
        while (n-- > 0)             /* it begins within what is moved: from the end */
            t[n] = f[n];
        return to;
    }
    for (; n >= 4; n -= 4, t += 4, f += 4)
        *(struct word *)t = *(const struct word *)f;
    while (n-- > 0)
        *t++ = *f++;
    return to;
}

size_t small_strlen(const char *text)
{
    const char *end = text;

    while (*end != '\0')
        end++;
    return (size_t)(end - text);
}
