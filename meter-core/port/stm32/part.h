/* part.h - what a part's own files supply to board_stm32.c: its clock tree, its pins, its flash,
 * its power and what it measures of itself. docs/porting.md tells how to write them. Freestanding.
 */
#ifndef GF_STM32_PART_H
#define GF_STM32_PART_H

#include "meter-core/port/stm32/board.h"
#include "meter-core/port/stm32/pins.h"
#include "meter-core/port/stm32/usart.h"

/* Where things are that differ in nothing else. */
struct part {
    struct pins_map pins;
    struct usart_map usart;
    volatile uint32_t *bdcr;    /* RCC_BDCR */
    uint32_t rtc_line;          /* EXTI line of the RTC's wake-up timer */
};
extern const struct part part;

/* Clock tree, clocks of the blocks, supply monitor. Returns BOARD_NO_ bits. */
uint32_t part_start(void);

/* Clock of the core, of SysTick and of USART1, Hz; may be another after part_resume(). */
uint32_t part_hz(void);

/* The 48 MHz of the random number generator on or off. False: they are not to be had. */
bool part_rng_clock(bool on);

/* Select what SLEEPDEEP means: on, a stop with RAM kept and the supply monitor alive. */
void part_stop(bool on);

/* After a stop: the clocks as part_start() left them, or slower ones. */
void part_resume(void);

/* Why the last run ended, and forget it. */
enum board_reset part_reset(void);

/* The supply is below what programming flash needs. */
bool part_power_fails(void);

uint16_t part_supply_mv(void);      /* 0 when it cannot be measured */
int16_t part_temperature_dc(void);  /* PART_NO_TEMPERATURE when it cannot be measured */
#define PART_NO_TEMPERATURE (-2730)

struct mc_nvm part_nvm(void);

/* What flash_f405.h's erase counted since the last call; nothing on a part whose erases stall
 * nothing. Called with interrupts off. */
void part_stalled(uint32_t *ret_edges, uint32_t *ret_ms);

#endif
