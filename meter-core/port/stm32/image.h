/* image.h - the program's own bytes in flash: what the firmware's digest is made of. Freestanding. */
#ifndef GF_STM32_IMAGE_H
#define GF_STM32_IMAGE_H

#include <stddef.h>
#include <stdint.h>

const uint8_t *image_start(void);
size_t image_bytes(void);

/* Deepest stack since the start, bytes: what the start-up code painted and nobody wrote over. */
uint32_t image_stack_used(void);

#endif
