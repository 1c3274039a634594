/*
 * central_data.c - fragments out, in order, and CTL writes; see central_state.h.
 *
 * One WriteValue is under way at a time: BlueZ answers as soon as it has queued the fragment, so
 * the daemon's turn-around (some 20 us) is all that it costs, and a write that BlueZ was too busy
 * for can be repeated without overtaking another.
 */
#include "bt/central_state.h"

#include <string.h>

#include "common/err.h"

#define CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define COMMAND_MS 5000
#define REQUEST_MS 10000    /* shorter than ATT's 30 s, after which BlueZ ends the link */
#define BUSY_MS 10
#define BUSY_MAX_MS 5000

static void on_command(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    c->write_call = 0;
    if (end->code != 0 && end->retry == BT_RETRY_WAIT &&
        bt_now(c) - c->write_since_ms < BUSY_MAX_MS) {
        c->rewrite_at_ms = bt_now(c) + BUSY_MS;
        return;
    }
    if (end->code != 0) {
        bt_central_event(c, BT_E_FAIL, end);
        return;
    }
    bt_trace_pdu(c->trace, BT_ATT_COMMAND, c->rx, c->fifo[c->fifo_at].p, c->fifo[c->fifo_at].n);
    c->fifo_at = (c->fifo_at + 1) % BT_FIFO;
    c->fifo_n--;
    c->write_since_ms = 0;
    bt_data_pump(c);
}

void bt_data_pump(struct bt_central *c)
{
    const struct bt_call call = {.path = c->rx, .iface = CHARACTERISTIC, .member = "WriteValue",
                                 .timeout_ms = COMMAND_MS, .end = on_command, .ctx = c};
    const struct bt_fragment *f = &c->fifo[c->fifo_at];

    if (c->state != BT_READY || c->fifo_n == 0 || c->write_call != 0 ||
        bt_now(c) < c->rewrite_at_ms)
        return;
    c->rewrite_at_ms = 0;
    if (c->write_since_ms == 0)
        c->write_since_ms = bt_now(c);
    c->write_call = bt_bus_write_value(c->bus, &call, "command", f->p, f->n);
}

int bt_data_send(struct bt_central *c, const uint8_t *p, size_t n)
{
    struct bt_fragment *f;

    if (c->state != BT_READY)
        return GF_E_LINK_LOST;
    if (c->fifo_n == BT_FIFO || n > sizeof f->p || n + 3 > c->mtu)
        return GF_E_SPACE;
    f = &c->fifo[(c->fifo_at + c->fifo_n) % BT_FIFO];
    memcpy(f->p, p, n);
    f->n = (uint16_t)n;
    c->fifo_n++;
    bt_data_pump(c);
    return 0;
}

static void on_ctl(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    c->ctl_call = 0;
    if (end->code == 0)
        bt_trace_pdu(c->trace, BT_ATT_WRITE_RSP, NULL, NULL, 0);
    if (c->events != NULL)
        c->events->ctl_written(c->events->ctx, end->code);
}

int bt_data_write_ctl(struct bt_central *c, const uint8_t *p, size_t n)
{
    const struct bt_call call = {.path = c->ctl, .iface = CHARACTERISTIC, .member = "WriteValue",
                                 .timeout_ms = REQUEST_MS, .end = on_ctl, .ctx = c};

    if (c->state != BT_READY)
        return GF_E_LINK_LOST;
    if (c->ctl_call != 0)
        return GF_E_NOT_NOW;
    /* Longer than one packet would become a long write, which a meter does not take. */
    if (n + 3 > c->mtu)
        return GF_E_SPACE;
    c->ctl_call = bt_bus_write_value(c->bus, &call, "request", p, n);
    if (c->ctl_call == 0)
        return GF_E_NOT_NOW;
    bt_trace_pdu(c->trace, BT_ATT_WRITE, c->ctl, p, n);
    return 0;
}

void bt_data_reset(struct bt_central *c)
{
    bool owed = c->ctl_call != 0;

    bt_bus_cancel(c->bus, &c->write_call);
    bt_bus_cancel(c->bus, &c->ctl_call);
    c->fifo_n = 0;
    c->rewrite_at_ms = 0;
    c->write_since_ms = 0;
    if (owed && c->events != NULL)
        c->events->ctl_written(c->events->ctx, GF_E_LINK_LOST);
}
