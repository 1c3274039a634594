/* rtc.h - the RTC of the STM32F4 and L4 on its 32,768 Hz crystal. Freestanding.
 *
 * Nobody sets it: it starts at 2001-01-01 when the backup domain has lost its supply, and runs on.
 * The meter keeps what to add (meter-core/clock.h), and sees from a step back that it has lost the
 * time. The crystal takes up to seconds to start: until then there is no time, and each call looks
 * again. Every wait is bounded.
 */
#ifndef GF_STM32_RTC_H
#define GF_STM32_RTC_H

#include <stdbool.h>
#include <stdint.h>

#define RTC_WAKE_MS_MAX 32000u

/* bdcr: the part's RCC_BDCR. Returns BOARD_NO_LSE while the crystal does not run, BOARD_NO_RTC when
 * it runs but the RTC does not; 0 when there is a time. */
uint32_t rtc_start(volatile uint32_t *bdcr);

/* UTC, ms since 1970, in steps of 1/1024 s; 0 when there is none. */
int64_t rtc_utc_ms(void);

/* Let the wake-up timer raise its EXTI line once in so many ms. False when it cannot. */
bool rtc_wake_in(uint32_t ms);
void rtc_wake_off(void);

/* After a stop: what is read comes from after it. */
void rtc_resume(void);

#endif
