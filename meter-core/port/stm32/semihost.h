/* semihost.h - files of the host, by ARM semihosting (Arm IHI 0077). Only for emulated boards: on
 * silicon without a debugger each call is a fault. Freestanding.
 */
#ifndef GF_STM32_SEMIHOST_H
#define GF_STM32_SEMIHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Modes of SYS_OPEN: as fopen's "rb" and "r+b". */
#define SEMIHOST_READ 1
#define SEMIHOST_UPDATE 3

/* A handle, or negative. */
int semihost_open(const char *path, int mode);
void semihost_close(int file);

/* n bytes at `at`; true when all of them. What was written is in the host's file when it returns. */
bool semihost_read(int file, uint32_t at, void *ret, size_t n);
bool semihost_write(int file, uint32_t at, const void *from, size_t n);
bool semihost_read_next(int file, void *ret, size_t n);

/* The arguments of the emulator, with spaces between them. False when there are none or too many. */
bool semihost_cmdline(char *ret, size_t cap);

/* Seconds since 1970. */
int64_t semihost_time_s(void);

/* End the emulator with this status. */
_Noreturn void semihost_exit(int status);

/* A text to the host's standard error. */
void semihost_say(const char *text);

#endif
