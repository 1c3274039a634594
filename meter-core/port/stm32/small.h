/* small.h - functions of the C library that are small here and large there (memcmp, memmove, strlen).
 *
 * In the firmware they have the standard's names, so that the linker does not ask the library for them.
 * Elsewhere they have names of their own, for tests. The contracts are the standard's. */
#ifndef GF_STM32_SMALL_H
#define GF_STM32_SMALL_H

#include <stddef.h>

#ifdef __arm__
#define small_memcmp memcmp
#define small_memmove memmove
#define small_strlen strlen
#endif

int small_memcmp(const void *a, const void *b, size_t n);
void *small_memmove(void *to, const void *from, size_t n);
size_t small_strlen(const char *text);

#endif
