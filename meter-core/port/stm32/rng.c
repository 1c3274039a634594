/* rng.c - board_entropy() on the random number generator of the STM32F4 and L4; see board.h. */
#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_stm32.h"

/* A word takes 40 clocks of 48 MHz (RM0090 24.3.1) once it runs, and some more when it starts. */
#define WORD_TURNS 5000u

/* One word. False when none comes, or the generator says that its noise or its clock is bad. */
static bool take(uint32_t *ret)
{
    uint32_t sr = 0;

    for (uint32_t i = 0; i < WORD_TURNS && sr == 0; i++)
        sr = RNG_SR & (RNG_SR_DRDY | RNG_SR_CEIS | RNG_SR_SEIS);
    if (sr != RNG_SR_DRDY)
        return false;
    *ret = RNG_DR;
    return true;
}

/* Each word has to differ from the one before, and the first is not used (RM0090 24.3.1). */
static bool take_all(uint8_t *ret, size_t n)
{
    uint32_t word = 0, last;

    if (!take(&last))
        return false;
    while (n > 0) {
        size_t step = n < sizeof word ? n : sizeof word;

        if (!take(&word) || word == last)
            return false;
        last = word;
        memcpy(ret, &word, step);
        ret += step;
        n -= step;
    }
    return true;
}

int board_entropy(uint8_t *ret, size_t n)
{
    bool good = part_rng_clock(true);

    if (good) {
        RNG_SR = 0;                 /* errors of before are cleared by writing 0 */
        RNG_CR = RNG_CR_RNGEN;
        good = take_all(ret, n);
        RNG_CR = 0;
    }
    (void)part_rng_clock(false);    /* nothing is asked of it any more */
    if (!good)
        gf_wipe(ret, n);
    return good ? 0 : GF_E_RANDOM;
}
