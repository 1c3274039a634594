/* sbrk.h - the room that a heap asks the C library's way for, for what must not be in an image; see target.mk. */
#ifndef GF_TESTS_TARGET_FORBIDDEN_SBRK_H
#define GF_TESTS_TARGET_FORBIDDEN_SBRK_H

#include <stddef.h>

void *_sbrk(ptrdiff_t n);

void *_sbrk(ptrdiff_t n)
{
    static char room[64];

    return n <= (ptrdiff_t)sizeof room ? room : NULL;
}

#endif
