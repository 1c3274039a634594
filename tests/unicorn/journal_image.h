/* journal_image.h - what the image shows to who runs it, and the NVM that it is built with. */
#ifndef GF_TESTS_UNICORN_JOURNAL_IMAGE_H
#define GF_TESTS_UNICORN_JOURNAL_IMAGE_H

#include <stdint.h>

#include "meter-core/meter.h"

extern struct image {
    uint32_t number;        /* the last that was appended, or that a replay showed */
    uint8_t buffer[256];    /* of program and read */
} image;

/* Of the part: image_f405.c, image_l476.c. */
struct mc_nvm image_nvm(void);

void image_start(void);
int image_begin(void);
int image_recover(void);
int image_count(uint32_t times, uint32_t len);
uint32_t image_free(void);
int image_program(uint32_t addr, uint32_t n);
int image_read(uint32_t addr, uint32_t n);
int image_erase(uint32_t sector);

#endif
