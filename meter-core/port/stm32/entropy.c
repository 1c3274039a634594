/* entropy.c - the health tests; see entropy.h. */
#include "meter-core/port/stm32/entropy.h"

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/port/stm32/board.h"

#define CHUNK 32u

/* One byte through both tests. */
static bool is_healthy(struct entropy *e, uint8_t byte)
{
    e->repeats = e->repeats > 0 && byte == e->last ? (uint16_t)(e->repeats + 1) : 1;
    e->last = byte;
    if (e->seen == 0) {
        e->first = byte;
        e->same = 0;
    }
    e->same = (uint16_t)(e->same + (byte == e->first));
    e->seen = (uint16_t)((e->seen + 1u) % ENTROPY_WINDOW);
    return e->repeats < ENTROPY_REPEATS && e->same < ENTROPY_SAME;
}

static bool take(struct entropy *e, uint8_t *ret, size_t n)
{
    if (board_entropy(ret, n) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_healthy(e, ret[i]))
            return false;
    return true;
}

static bool passes_startup(struct entropy *e)
{
    uint8_t chunk[CHUNK];
    bool good = true;

    e->repeats = e->seen = e->same = 0;
    for (size_t n = 0; good && n < ENTROPY_STARTUP; n += sizeof chunk)
        good = take(e, chunk, sizeof chunk);
    gf_wipe(chunk, sizeof chunk);
    return good;
}

void entropy_init(struct entropy *e)
{
    *e = (struct entropy){.has_passed = false};
}

int entropy_read(struct entropy *e, uint8_t *ret, size_t n)
{
    e->has_passed = (e->has_passed || passes_startup(e)) && take(e, ret, n);
    if (e->has_passed)
        return 0;
    e->failures++;
    gf_wipe(ret, n);
    return GF_E_RANDOM;
}
