/* flash.c - what must not be in an image: more flash than the budget. See target.mk. */
#include <stdint.h>

void vector_nmi(void);

void vector_nmi(void)
{
    static const volatile uint8_t much[64 << 10] = {1};

    (void)much[0];
}
