/* port.h - what any part may ask of the world: time and randomness. Freestanding.
 *
 * Only a program's main.c makes real ones; everything else is handed these tables, so that the whole system can run
 * in one process from one seed. `ctx` is passed back to each function.
 */
#ifndef GF_PORT_H
#define GF_PORT_H

#include <stddef.h>
#include <stdint.h>

struct gf_clock {
    void *ctx;
    int64_t (*utc_ms)(void *ctx);   /* UTC, ms since 1970; may step */
    int64_t (*mono_ms)(void *ctx);  /* ms since some start; never goes back; runs at the program's --clock-rate */
};

struct gf_random {
    void *ctx;
    int (*fill)(void *ctx, uint8_t *buf, size_t n);  /* 0, or GF_E_RANDOM with buf untrusted */
};

#endif
