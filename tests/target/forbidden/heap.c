/* heap.c - what must not be in an image: a heap, with all that one needs. See target.mk. */
#include <stdlib.h>

#include "tests/target/forbidden/sbrk.h"

void vector_nmi(void);

void vector_nmi(void)
{
    char *volatile p = malloc(16);

    free(p);
}
