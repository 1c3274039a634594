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

/* Something with file descriptors and timers that a program's one poll loop drives (common/host/loop.h). */
struct gf_pollfd {
    int fd;
    short events, revents;      /* POLLIN, POLLOUT, ... of poll(2) */
};

struct gf_source {
    void *ctx;
    /* What to wait for: writes up to cap entries, returns how many. */
    size_t (*fds)(void *ctx, struct gf_pollfd *ret, size_t cap);
    /* ms of the monotonic port clock until process() must be called without any event; 0: at once; negative: never. */
    int (*timeout_ms)(void *ctx);
    /* Called after every wait with the entries that fds() gave, revents filled. Must return soon. */
    void (*process)(void *ctx, const struct gf_pollfd *fds, size_t n);
};

#endif
