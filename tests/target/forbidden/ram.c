/* ram.c - what must not be in an image: more variables than the budget. See target.mk. */
#include <stdint.h>

void vector_nmi(void);

void vector_nmi(void)
{
    static volatile uint8_t much[16 << 10];

    much[0] = much[1];
}
