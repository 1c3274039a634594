/* stdio.c - what must not be in an image: formatted output, with all that it needs. See target.mk. */
#include <stddef.h>
#include <stdio.h>

void *_sbrk(ptrdiff_t n);
void vector_nmi(void);

void *_sbrk(ptrdiff_t n)
{
    static char room[64];

    return n <= (ptrdiff_t)sizeof room ? room : NULL;
}

void vector_nmi(void)
{
    static volatile int number;
    static char text[16];

    number = snprintf(text, sizeof text, "%d %d", number, 1);
}
