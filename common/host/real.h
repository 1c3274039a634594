/* real.h - this machine's clock, random source and files. For programs' main.c only. */
#ifndef GF_HOST_REAL_H
#define GF_HOST_REAL_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/port.h"

/* The real clock. UTC is the machine's; mono runs `rate` times faster than real time (1: as it is), so that fixed
 * waits of a whole system can be shortened together (--clock-rate). Set once, before the first use. */
const struct gf_clock *gf_real_clock(void);
void gf_real_clock_rate(unsigned rate);

/* Turn ms of the port's monotonic clock into ms of poll(2): divided by the rate, rounded up; negative stays. */
int gf_real_wait_ms(int mono_ms);

/* getrandom(2). */
const struct gf_random *gf_real_random(void);

/* Read a whole file of at most cap bytes. Its length, or GF_E_FILE (why: path and reason), GF_E_SPACE. */
int gf_file_read(const char *path, uint8_t *ret, size_t cap, struct gf_fail *why);

/* Write a file whole: a new file beside it, fdatasync, rename, fdatasync of the folder. mode as of open(2).
 * 0, GF_E_FILE or GF_E_DISK_FULL. */
int gf_file_write(const char *path, const void *p, size_t n, unsigned mode, struct gf_fail *why);

/* Print a failure as the system says it everywhere: "E061 the radio link was lost (detail). Do this." and return the
 * table's exit status. `program` stands before it. */
int gf_report(const char *program, const struct gf_fail *why);

/* Open /dev/null in the place of a closed standard input, output or error, so that no file of ours gets its number
 * and is read or written as if it were a terminal. First thing in main(). */
void gf_std_files(void);

#endif
