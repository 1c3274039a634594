/* entropy.h - the board's raw entropy behind its health tests (SP 800-90B 4.4). Freestanding.
 *
 * A sample is a byte, and is held to carry 4 bits of min-entropy, half of what the part's makers
 * claim; a test is wrong about a good source once in 2^30 samples or windows. Repetition count
 * (4.4.1): 1 + 30 / 4, rounded up. Adaptive proportion (4.4.2): 512 samples, of which a binomial
 * variable with p = 2^-4 reaches the cutoff with less than that probability. They run on every byte
 * that is taken; and before the first, and again after a failure, on ENTROPY_STARTUP bytes that are
 * thrown away (4.3).
 */
#ifndef GF_STM32_ENTROPY_H
#define GF_STM32_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTROPY_BITS_PER_BYTE 4
#define ENTROPY_REPEATS 9u      /* equal bytes one after the other: failed */
#define ENTROPY_WINDOW 512u
#define ENTROPY_SAME 71u        /* bytes of a window that equal its first, with it: failed */
#define ENTROPY_STARTUP 1024u

struct entropy {
    bool has_passed;            /* the start-up test; nothing failed since */
    uint8_t last, first;        /* the byte before; the first of the window */
    uint16_t repeats, seen, same;
    uint32_t failures;          /* counted: of the source, and of the tests */
};

void entropy_init(struct entropy *e);

/* n raw bytes that passed, from board_entropy(). 0; or GF_E_RANDOM with *ret wiped: the source
 * failed or was found bad. The next call tests it from the start. */
int entropy_read(struct entropy *e, uint8_t *ret, size_t n);

#endif
