/* entropy.h - the board's raw entropy behind its health tests (SP 800-90B 4.4): repetition count and
 * adaptive proportion, and a start-up test of ENTROPY_STARTUP samples that are thrown away.
 * Freestanding.
 */
#ifndef GF_STM32_ENTROPY_H
#define GF_STM32_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

/* n raw bytes that passed. 0, or GF_E_RANDOM: the source failed or was found bad; it is bad until the
 * next start. */
int entropy_read(uint8_t *ret, size_t n);

#endif
