/* usart.c - USART1 with its rings; see usart.h. */
#include "meter-core/port/stm32/usart.h"

#include "meter-core/port/stm32/ring.h"
#include "meter-core/port/stm32/rm_stm32.h"

#define STATUS_ORE (1u << 3)
#define STATUS_RXNE (1u << 5)
#define STATUS_TC (1u << 6)
#define STATUS_TXE (1u << 7)
#define CONTROL_RE (1u << 2)
#define CONTROL_TE (1u << 3)
#define CONTROL_RXNEIE (1u << 5)
#define CONTROL_TXEIE (1u << 7)

static struct {
    const struct usart_map *map;
    struct ring in, out;
    volatile uint32_t heard;
    bool wants_room;                /* the last write was cut short */
} line;

void usart_start(const struct usart_map *map, uint32_t hz)
{
    line.map = map;
    *map->control = 0;
    *map->rate = (hz + USART_BAUD / 2u) / USART_BAUD;
    *map->control = map->on | CONTROL_RXNEIE | CONTROL_TE | CONTROL_RE |
                    (ring_n(&line.out) > 0 ? CONTROL_TXEIE : 0);
    NVIC_ISER(IRQ_USART1) = NVIC_BIT(IRQ_USART1);
}

void usart_irq(void)
{
    const struct usart_map *u = line.map;
    const uint32_t status = *u->status;
    uint8_t byte;

    if ((status & (STATUS_RXNE | STATUS_ORE)) != 0) {
        byte = (uint8_t)*u->in;
        if (u->clear != NULL)
            *u->clear = STATUS_ORE;
        line.heard = line.heard + 1;
        if ((status & STATUS_RXNE) != 0)
            ring_put(&line.in, byte);
    }
    if ((status & STATUS_TXE) != 0 && (*u->control & CONTROL_TXEIE) != 0) {
        if (ring_get(&line.out, &byte))
            *u->out = byte;
        else
            *u->control &= ~CONTROL_TXEIE;
    }
}

size_t usart_read(uint8_t *ret, size_t cap)
{
    size_t n = 0;

    while (n < cap && ring_get(&line.in, &ret[n]))
        n++;
    return n;
}

size_t usart_write(const uint8_t *p, size_t n)
{
    size_t took = 0;
    uint32_t masked;

    while (took < n && ring_n(&line.out) < RING_BYTES)
        ring_put(&line.out, p[took++]);
    line.wants_room = took < n;
    masked = irq_off();             /* the interrupt writes this register too */
    *line.map->control |= CONTROL_TXEIE;
    irq_restore(masked);
    return took;
}

bool usart_has_work(void)
{
    return ring_n(&line.in) > 0 || (line.wants_room && ring_n(&line.out) <= RING_BYTES / 2);
}

uint32_t usart_heard(void)
{
    return line.heard;
}

bool usart_is_quiet(void)
{
    return ring_n(&line.out) == 0 && (*line.map->status & STATUS_TC) != 0;
}
