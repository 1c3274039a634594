/* rtc.c - the RTC; see rtc.h. */
#include "meter-core/port/stm32/rtc.h"

#include "meter-core/port/stm32/board.h"
#include "meter-core/port/stm32/rm_stm32.h"

/* RM0090 26.6.5: 32768 = 32 * 1024, so that a fraction is about a millisecond. */
#define ASYNC 31u
#define SYNC 1023u
#define PRER_ASYNC_AT 16
/* Two clocks of the crystal are 61 us, 2900 clocks of the core at 48 MHz; the manual's slowest
 * steps take two of them. */
#define TURNS 20000u
#define FIRST_DAY 0x00012101u       /* RTC_DR: 2001-01-01, a Monday */
#define EPOCH_2000_S 946684800

static struct {
    volatile uint32_t *bdcr;
    bool runs;
} rtc;

static void unprotect(void)
{
    RTC_WPR = RTC_WPR_KEY1;
    RTC_WPR = RTC_WPR_KEY2;
}

static void protect(void)
{
    RTC_WPR = 0xFF;
}

/* A bit of RTC_ISR that is cleared by writing 0; INIT stays 0, the others do not mind a 1. */
static void clear_flag(uint32_t flag)
{
    RTC_ISR = ~(flag | RTC_ISR_INIT);
}

/* The first second of a backup domain that knew none. */
static bool set_first(void)
{
    bool good;

    unprotect();
    RTC_ISR = RTC_ISR_INIT;
    good = rm_wait(&RTC_ISR, RTC_ISR_INITF, RTC_ISR_INITF, TURNS);
    if (good) {
        RTC_PRER = SYNC;            /* two writes, in this order (26.3.5) */
        RTC_PRER = ASYNC << PRER_ASYNC_AT | SYNC;
        RTC_TR = 0;
        RTC_DR = FIRST_DAY;
    }
    clear_flag(0);                  /* INIT off: it runs */
    protect();
    return good;
}

void rtc_resume(void)
{
    unprotect();
    clear_flag(RTC_ISR_RSF);
    protect();
    rtc.runs = rtc.runs && rm_wait(&RTC_ISR, RTC_ISR_RSF, RTC_ISR_RSF, TURNS);
}

uint32_t rtc_start(volatile uint32_t *bdcr)
{
    rtc.bdcr = bdcr;
    rtc.runs = false;
    PWR_CR |= PWR_CR_DBP;
    if (!rm_wait(&PWR_CR, PWR_CR_DBP, PWR_CR_DBP, TURNS))
        return BOARD_NO_RTC;
    if ((*bdcr & BDCR_RTCSEL) != 0 && (*bdcr & BDCR_RTCSEL) != BDCR_RTCSEL_LSE) {
        *bdcr |= BDCR_BDRST;        /* another clock was chosen: only this undoes it */
        *bdcr &= ~BDCR_BDRST;
    }
    *bdcr |= BDCR_LSEON;
    if ((*bdcr & BDCR_LSERDY) == 0)
        return BOARD_NO_LSE;
    *bdcr |= BDCR_RTCSEL_LSE | BDCR_RTCEN;
    rtc.runs = (RTC_ISR & RTC_ISR_INITS) != 0 || set_first();
    rtc_resume();
    return rtc.runs ? 0 : BOARD_NO_RTC;
}

static uint32_t bcd(uint32_t reg, uint32_t at, uint32_t tens_bits)
{
    return (reg >> at & 15u) + 10u * (reg >> (at + 4u) & ((1u << tens_bits) - 1u));
}

/* Days from 2000-01-01 to the day that RTC_DR says; y is 1..99, every fourth a leap year. */
static uint32_t days(uint32_t dr)
{
    static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    const uint32_t y = bcd(dr, 16, 4), m = bcd(dr, 8, 1), d = bcd(dr, 0, 2);

    return y * 365u + (y + 3u) / 4u + before[(m - 1u) % 12u] + (y % 4u == 0 && m > 2) + d - 1u;
}

int64_t rtc_utc_ms(void)
{
    uint32_t ssr, tr, dr, seconds;

    if (!rtc.runs && (rtc.bdcr == NULL || rtc_start(rtc.bdcr) != 0))
        return 0;
    /* reading the fraction holds time and date until the date is read (26.3.6) */
    ssr = RTC_SSR & 0xFFFFu;
    tr = RTC_TR;
    dr = RTC_DR;
    seconds = bcd(tr, 16, 2) * 3600u + bcd(tr, 8, 3) * 60u + bcd(tr, 0, 3);
    if (ssr > SYNC)
        ssr = SYNC;
    return ((int64_t)days(dr) * 86400 + seconds + EPOCH_2000_S) * 1000 +
           (int64_t)((SYNC - ssr) * 1000u / (SYNC + 1u));
}

void rtc_wake_off(void)
{
    unprotect();
    RTC_CR &= ~(RTC_CR_WUTE | RTC_CR_WUTIE);
    clear_flag(RTC_ISR_WUTF);
    protect();
}

bool rtc_wake_in(uint32_t ms)
{
    const uint32_t steps = (ms < RTC_WAKE_MS_MAX ? ms : RTC_WAKE_MS_MAX) * 2048u / 1000u;
    bool good;

    if (!rtc.runs)
        return false;
    rtc_wake_off();
    good = rm_wait(&RTC_ISR, RTC_ISR_WUTWF, RTC_ISR_WUTWF, TURNS);
    if (!good)
        return false;
    unprotect();
    RTC_WUTR = steps > 1 ? steps - 1 : 1;
    RTC_CR = (RTC_CR & ~RTC_CR_WUCKSEL) | RTC_CR_WUTE | RTC_CR_WUTIE;
    protect();
    return true;
}
