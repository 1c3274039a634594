/* heap.c - what must not be in an image: a heap, with all that one needs. See target.mk. */
#include <stddef.h>
#include <stdlib.h>

void *_sbrk(ptrdiff_t n);
void vector_nmi(void);

void *_sbrk(ptrdiff_t n)
{
    static char room[64];

    return n <= (ptrdiff_t)sizeof room ? room : NULL;
}

void vector_nmi(void)
{
    char *volatile p = malloc(16);

    free(p);
}
