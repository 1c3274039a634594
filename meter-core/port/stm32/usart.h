/* usart.h - the radio module's line: USART1 at USART_BAUD, 8 data bits, no parity, one stop bit,
 * with a ring each way that interrupts fill and empty. Freestanding.
 *
 * The STM32F4 (RM0090 30.6) and the L4 (RM0351 40.8) have the same bits in registers that stand at
 * other places; those are handed in.
 */
#ifndef GF_STM32_USART_H
#define GF_STM32_USART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USART_BAUD 115200u

struct usart_map {
    volatile uint32_t *status;      /* USART_SR, USART_ISR */
    volatile uint32_t *in, *out;    /* USART_DR; USART_RDR and USART_TDR */
    volatile uint32_t *rate;        /* USART_BRR */
    volatile uint32_t *control;     /* USART_CR1 */
    volatile uint32_t *clear;       /* USART_ICR; NULL where reading `in` clears errors */
    uint32_t on;                    /* the bit UE of USART_CR1 */
};

/* Its clock and pins are on. hz: the clock of USART1. Again with another clock: what waits is kept.
 * `map` is borrowed for life. */
void usart_start(const struct usart_map *map, uint32_t hz);

/* Bytes that came, up to cap. */
size_t usart_read(uint8_t *ret, size_t cap);

/* Bytes to send: how many the ring took. */
size_t usart_write(const uint8_t *p, size_t n);

/* True when bytes wait; or when the ring has room again for what usart_write() did not take. */
bool usart_has_work(void);

/* Counts every byte that came, lost ones too; wraps. */
uint32_t usart_heard(void);

/* Nothing to send, and nothing on its way. */
bool usart_is_quiet(void);

/* Of its vector. */
void usart_irq(void);

#endif
