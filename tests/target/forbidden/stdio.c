/* stdio.c - what must not be in an image: formatted output, with all that it needs. See target.mk. */
#include <stdio.h>

#include "tests/target/forbidden/sbrk.h"

void vector_nmi(void);

void vector_nmi(void)
{
    static volatile int number;
    static char text[16];

    number = snprintf(text, sizeof text, "%d %d", number, 1);
}
