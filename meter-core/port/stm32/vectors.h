/* vectors.h - the start-up code's symbols: vectors, and where the linker put things. Freestanding. */
#ifndef GF_STM32_VECTORS_H
#define GF_STM32_VECTORS_H

#include <stdint.h>

/* Of the linker script; only their addresses mean something. */
extern uint32_t ram_start, ram_end;
extern uint32_t main_stack_bottom, main_stack_top, stack_guard;
extern uint32_t handler_stack_bottom, handler_stack_top;
extern uint32_t data_start, data_end, bss_start, bss_end;
extern const uint32_t data_image, image_first, image_last;

/* Places in a part's table (section .vectors_part, from its interrupt 0 on) that nobody serves. */
#define VECTOR_NONE_1 vector_unhandled
#define VECTOR_NONE_2 VECTOR_NONE_1, VECTOR_NONE_1
#define VECTOR_NONE_4 VECTOR_NONE_2, VECTOR_NONE_2
#define VECTOR_NONE_8 VECTOR_NONE_4, VECTOR_NONE_4
#define VECTOR_NONE_16 VECTOR_NONE_8, VECTOR_NONE_8
#define VECTOR_NONE_32 VECTOR_NONE_16, VECTOR_NONE_16

void vector_reset(void);
void vector_fault(void);
void vector_unhandled(void);
void vector_nmi(void);     /* of the board; one that has none of its own gets vector_unhandled() */
void vector_systick(void); /* of the board */

#endif
