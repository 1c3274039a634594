/* watchdog.c - the independent watchdog; see watchdog.h. */
#include "meter-core/port/stm32/watchdog.h"

#include "meter-core/port/stm32/rm_stm32.h"

#define RELOAD 4095u
/* Five clocks of the slow oscillator are 300 us at most, 14400 clocks of the core. */
#define UPDATE_TURNS 5000u

void watchdog_start(void)
{
    IWDG_KR = IWDG_KR_START;
    IWDG_KR = IWDG_KR_WRITE;
    IWDG_PR = IWDG_PR_64;
    IWDG_RLR = RELOAD;
    (void)rm_wait(&IWDG_SR, IWDG_SR_UPDATING, 0, UPDATE_TURNS);
    watchdog_feed();
}

void watchdog_feed(void)
{
    IWDG_KR = IWDG_KR_FEED;
}
