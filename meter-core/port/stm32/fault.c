/* fault.c - faults end the run: note where, shut the valve, reset; see fault.h. */
#include "meter-core/port/stm32/fault.h"

#include <stddef.h>

#include "meter-core/port/stm32/board.h"
#include "meter-core/port/stm32/vectors.h"

#define MAGIC 0x4661756Cu
#define CFSR (*(volatile uint32_t *)0xE000ED28u)
#define NO_CFSR 0x80000000u
#define UNHANDLED 0xFFFFFFFFu

/* Not cleared by the start-up code. Its bytes after power-on are anything: the magic tells. */
static struct fault last __attribute__((section(".noinit")));

const struct fault *fault_of_last_run(void)
{
    return last.magic == MAGIC ? &last : NULL;
}

void fault_forget(void)
{
    last.magic = 0;
}

/* `frame` is what the core pushed: r0-r3, r12, lr, pc, xPSR (ARMv7-M B1.5.6). It may lie anywhere
 * when the stack was the fault, so it is read only when it lies in RAM. */
__attribute__((used)) static _Noreturn void note(const uint32_t *frame, uint32_t status)
{
    const uintptr_t at = (uintptr_t)frame;
    const bool good = at % 4 == 0 && at >= (uintptr_t)&ram_start && at + 32 <= (uintptr_t)&ram_end;

    last = (struct fault){MAGIC, good ? frame[6] : 0, good ? frame[5] : 0, status};
    board_die();
}

__attribute__((used)) static _Noreturn void on_fault(const uint32_t *frame)
{
    uint32_t status = CFSR;

    note(frame, status != 0 ? status : NO_CFSR);
}

__attribute__((used)) static _Noreturn void on_unhandled(const uint32_t *frame)
{
    note(frame, UNHANDLED);
}

/* Bit 2 of EXC_RETURN tells the stack that the frame lies on (ARMv7-M B1.5.8). */
#define HAND_FRAME_TO "tst lr, #4\n ite eq\n mrseq r0, msp\n mrsne r0, psp\n b %0"

__attribute__((naked)) void vector_fault(void)
{
    __asm volatile(HAND_FRAME_TO ::"i"(on_fault));
}

__attribute__((naked)) void vector_unhandled(void)
{
    __asm volatile(HAND_FRAME_TO ::"i"(on_unhandled));
}

__attribute__((naked, weak)) void vector_nmi(void)
{
    __asm volatile("b %0" ::"i"(vector_unhandled));
}
