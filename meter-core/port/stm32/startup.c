/* startup.c - from reset to main(): stack painted, variables set, floating point left off; and the
 * vectors of the core. Those of the part are its board file's (vectors_part). */
#include "meter-core/port/stm32/image.h"
#include "meter-core/port/stm32/vectors.h"

#define PAINT 0xA55A5AA5u

int main(void);

/* ARMv7-M B1.5.2: the stack's top, then the core's exceptions. The part's interrupts follow in
 * section .vectors_part (the linker script puts one behind the other). */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*core[15])(void);
} vectors = {
    &stack_top,
    {
        vector_reset, vector_nmi, vector_fault, vector_fault, vector_fault, vector_fault,
        NULL, NULL, NULL, NULL, vector_unhandled, vector_unhandled, NULL, vector_unhandled,
        vector_systick,
    },
};

__attribute__((noreturn)) void vector_reset(void)
{
    uint32_t *sp;

    __asm volatile("mov %0, sp" : "=r"(sp));
    /* 16 words below the present depth are left for this function itself */
    for (volatile uint32_t *p = &stack_bottom; p < sp - 16; p++)
        *p = PAINT;
    for (volatile uint32_t *to = &data_start, *from = (uint32_t *)(uintptr_t)&data_image;
         to < &data_end; to++)
        *to = *from++;
    for (volatile uint32_t *p = &bss_start; p < &bss_end; p++)
        *p = 0;
    (void)main();
    for (;;)
        ;
}

const uint8_t *image_start(void)
{
    return (const uint8_t *)&image_first;
}

size_t image_bytes(void)
{
    return (size_t)((uintptr_t)&image_last - (uintptr_t)&image_first);
}

uint32_t image_stack_used(void)
{
    const volatile uint32_t *p = &stack_bottom;

    while (p < &stack_top && *p == PAINT)
        p++;
    return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)p);
}
