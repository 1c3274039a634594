/* vectors.h - the start-up code's symbols: vectors, and where the linker put things. Freestanding. */
#ifndef GF_STM32_VECTORS_H
#define GF_STM32_VECTORS_H

#include <stdint.h>

/* Of the linker script; only their addresses mean something. */
extern uint32_t ram_start, ram_end, stack_bottom, stack_top;
extern uint32_t data_start, data_end, bss_start, bss_end;
extern const uint32_t data_image, image_first, image_last;

/* A handler of the board: interrupt `number` of the part (0 is the first after the core's own). */
struct vector_irq {
    uint16_t number;
    void (*handler)(void);
};

void vector_reset(void);
void vector_fault(void);
void vector_unhandled(void);
void vector_systick(void); /* of the board */

#endif
