/* startup.c - from reset to main(): stacks painted, variables set, floating point left off; and the
 * vectors of the core. Those of the part are its board file's (vectors_part).
 *
 * main() has a stack of its own (PSP), interrupts and faults another (MSP): when main's overflows,
 * the fault still has one to note it on. */
#include "meter-core/port/stm32/image.h"
#include "meter-core/port/stm32/rm_core.h"
#include "meter-core/port/stm32/vectors.h"

#define PAINT 0xA55A5AA5u

/* ARMv7-M B1.5.2: the handlers' stack, then the core's exceptions. The part's interrupts follow in
 * section .vectors_part (the linker script puts one behind the other). */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*core[15])(void);
} vectors = {
    &handler_stack_top,
    {
        vector_reset, vector_nmi, vector_fault, vector_fault, vector_fault, vector_fault,
        NULL, NULL, NULL, NULL, vector_unhandled, vector_unhandled, NULL, vector_unhandled,
        vector_systick,
    },
};

static void paint(uint32_t *from, const uint32_t *to)
{
    for (volatile uint32_t *p = from; p < to; p++)
        *p = PAINT;
}

/* Bytes from the first that is not painted to the stack's top. */
static uint32_t used(const uint32_t *bottom, const uint32_t *top)
{
    const volatile uint32_t *p = bottom;

    while (p < top && *p == PAINT)
        p++;
    return (uint32_t)((uintptr_t)top - (uintptr_t)p);
}

static void guard_handlers(void)
{
    MPU_RBAR = (uint32_t)(uintptr_t)&stack_guard | MPU_RBAR_REGION_0;
    MPU_RASR = MPU_RASR_32_BYTES;
    MPU_CTRL = MPU_CTRL_ON;
}

/* Runs on the handlers' stack, and leaves it empty. */
__attribute__((noreturn)) void vector_reset(void)
{
    uint32_t *sp;

    __asm volatile("mov %0, sp" : "=r"(sp));
    paint(&main_stack_bottom, &main_stack_top);
    /* 16 words below the present depth are left for this function itself */
    paint(&handler_stack_bottom, sp - 16);
    for (volatile uint32_t *to = &data_start, *from = (uint32_t *)(uintptr_t)&data_image;
         to < &data_end; to++)
        *to = *from++;
    for (volatile uint32_t *p = &bss_start; p < &bss_end; p++)
        *p = 0;
    guard_handlers();
    /* ARMv7-M B1.4.4: CONTROL.SPSEL, main's stack from here on */
    __asm volatile("msr psp, %0\n msr msp, %1\n msr control, %2\n isb\n bl main\n b ." ::"r"(
                       &main_stack_top),
                   "r"(&handler_stack_top), "r"(2));
    __builtin_unreachable();
}

const uint8_t *image_start(void)
{
    return (const uint8_t *)&image_first;
}

size_t image_bytes(void)
{
    return (size_t)((uintptr_t)&image_last - (uintptr_t)&image_first);
}

uint32_t image_main_stack_used(void)
{
    return used(&main_stack_bottom, &main_stack_top);
}

uint32_t image_handler_stack_used(void)
{
    return used(&handler_stack_bottom, &handler_stack_top);
}
