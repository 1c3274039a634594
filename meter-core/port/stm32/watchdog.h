/* watchdog.h - the independent watchdog: 8 s on the nominal 32 kHz of its own oscillator, 5.5 s on
 * the fastest (47 kHz) and 15 s on the slowest that the data sheets allow. Freestanding. */
#ifndef GF_STM32_WATCHDOG_H
#define GF_STM32_WATCHDOG_H

/* Nothing stops it again before a reset; it runs in a stop too. */
void watchdog_start(void);

void watchdog_feed(void);

#endif
