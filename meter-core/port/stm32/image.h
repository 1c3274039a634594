/* image.h - the program's own bytes in flash: what the firmware's digest is made of. Freestanding. */
#ifndef GF_STM32_IMAGE_H
#define GF_STM32_IMAGE_H

#include <stddef.h>
#include <stdint.h>

const uint8_t *image_start(void);
size_t image_bytes(void);

/* Deepest stack of main and of the handlers since the start, bytes: what the start-up code painted
 * and somebody wrote over. */
uint32_t image_main_stack_used(void);
uint32_t image_handler_stack_used(void);

#endif
