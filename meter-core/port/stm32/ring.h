/* ring.h - bytes between an interrupt and the loop: one end writes, the other reads, no lock.
 * Freestanding.
 *
 * The indices run freely and wrap; a ring of 2^k bytes is full at a difference of 2^k. Each end
 * writes its own index only, after the bytes: on one Cortex-M core that is enough (no reordering
 * against its own interrupts), the compiler is held back by volatile.
 */
#ifndef GF_STM32_RING_H
#define GF_STM32_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_BYTES 256u /* a power of two; the frames of uart_link.h never wait for more */

struct ring {
    volatile uint8_t bytes[RING_BYTES];
    volatile uint16_t put, got;
    volatile uint16_t lost;     /* bytes that came while it was full */
};

static inline size_t ring_n(const struct ring *r)
{
    return (uint16_t)(r->put - r->got);
}

static inline void ring_put(struct ring *r, uint8_t byte)
{
    if (ring_n(r) == RING_BYTES) {
        r->lost++;
        return;
    }
    r->bytes[r->put % RING_BYTES] = byte;
    r->put++;
}

static inline bool ring_get(struct ring *r, uint8_t *ret)
{
    if (ring_n(r) == 0)
        return false;
    *ret = r->bytes[r->got % RING_BYTES];
    r->got++;
    return true;
}

#endif
