/* board.h - what the firmware asks of the board it runs on. One board file implements it: each names
 * its part, pins and clocks; nothing above knows a register. Freestanding.
 *
 * Interrupts only move bytes into rings, count, and stop the valve's motor at its end (but not while
 * an erase of the F405's flash lasts: docs/firmware.md, "Memory"): all else is done by the loop in
 * main.c. Every wait for hardware is bounded; what did not come true in time is a fault bit, and the
 * meter runs on without it (a clock that does not start leaves the internal one, an entropy source
 * that fails refuses sessions).
 */
#ifndef GF_STM32_BOARD_H
#define GF_STM32_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/meter.h"

/* Why the last run ended. */
#define BOARD_RESET_TABLE(X)                                                                       \
    X(POWER, 1, "power-on or brown-out")                                                           \
    X(PIN, 2, "reset pin")                                                                         \
    X(WATCHDOG, 3, "independent watchdog")                                                         \
    X(SOFTWARE, 4, "software")                                                                     \
    X(FAULT, 5, "fault handler")                                                                   \
    X(LOW_POWER, 6, "low-power reset")
enum board_reset {
#define X(name, number, what) BOARD_RESET_##name = number,
    BOARD_RESET_TABLE(X)
#undef X
};

/* What did not work at the start; bits. */
#define BOARD_NO_HSE 1u
#define BOARD_NO_PLL 2u
#define BOARD_NO_LSE 4u
#define BOARD_NO_RTC 8u
#define BOARD_NO_RNG 16u
#define BOARD_NO_NVM 32u

/* Clock tree, pins, watchdog, UART, timers. Returns the fault bits. Called once, interrupts off. */
uint32_t board_start(void);

enum board_reset board_reset_cause(void);

/* Time: ms since the start, and UTC ms of the RTC (0 when it was never set or is not there). */
int64_t board_mono_ms(void);
int64_t board_utc_ms(void);

/* n bytes of raw entropy, not conditioned (entropy.h tests and conditions them). 0 or GF_E_RANDOM. */
int board_entropy(uint8_t *ret, size_t n);

/* The meter's NVM. GF_E_STORE from its functions. */
struct mc_nvm board_nvm(void);

/* The valve: as struct mc_valve. */
int board_valve_drive(bool open);
gasm_ValveState board_valve_state(void);

uint16_t board_supply_mv(void);
int16_t board_temperature_dc(void);

/* Pulses of the measuring unit since the last call; presses of the button likewise. */
uint32_t board_pulses(void);
uint32_t board_presses(void);

/* True while the sense is on. */
bool board_sense(enum mc_sense sense);

/* Power is about to fail (PVD, the hook of a brown-out): the loop begins nothing for a second at
 * most, and the board opens no valve as long as it lasts. */
bool board_power_fails(void);

/* The radio module's line. Bytes that came, up to cap; bytes to send: how many were taken. */
size_t board_uart_rx(uint8_t *ret, size_t cap);
size_t board_uart_tx(const uint8_t *p, size_t n);
/* True when bytes wait, or one was lost. Checked with interrupts off before sleeping. */
bool board_uart_has_rx(void);

/* Feed the watchdog. */
void board_kick(void);

/* Sleep until an interrupt or at most max_ms; returns at once when there is work already (bytes,
 * pulses, presses): the check and the wait are one step with interrupts off. */
void board_idle(uint32_t max_ms);

/* Drive the valve shut without the loop's help, and reset. Never returns. */
_Noreturn void board_die(void);

#endif
