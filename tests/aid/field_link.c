/* field_link.c - the link port over a meter in this process; see field_world.h. */
#include <string.h>

#include "tests/aid/field_world.h"

#define SEARCH_MS 40

static int64_t mono(const struct field_link *l)
{
    return l->meter->mono_ms;
}

/* An event is about to be delivered: false when the program died first. */
static bool may_deliver(struct field_link *l)
{
    if (l->fate->dead || l->events == NULL)
        return false;
    if (++l->fate->events == l->fate->before_event)
        l->fate->dead = true;
    return !l->fate->dead;
}

static void delivered(struct field_link *l)
{
    if (l->fate->events == l->fate->after_event)
        l->fate->dead = true;
}

static void bind(void *ctx, const struct link_events *events)
{
    struct field_link *l = ctx;

    if (!l->fate->dead)
        l->events = events;
}

static void listen_for(void *ctx, bool on)
{
    (void)ctx;
    (void)on;
}

static int connect_to(void *ctx, const uint8_t id_hash[static 6], const char *address,
                      int64_t deadline_ms)
{
    struct field_link *l = ctx;
    uint8_t hash[MC_ID_HASH_LEN];

    (void)address;
    if (l->fate->dead || l->wanted || l->up || l->fall)
        return GF_E_NOT_NOW;
    l->attempts++;
    l->wanted = true;
    l->ready_ms = mono(l) + SEARCH_MS;
    l->deadline_ms = mono(l) + deadline_ms;
    if (mc_id_hash(l->meter->ports.crypto, AID_METER_ID, hash) < 0 ||
        memcmp(hash, id_hash, sizeof hash) != 0)
        l->ready_ms = INT64_MAX;            /* no such meter is near */
    return 0;
}

static int write_ctl(void *ctx, const uint8_t *p, size_t n)
{
    struct field_link *l = ctx;

    if (l->fate->dead || !l->up)
        return GF_E_LINK_LOST;
    if (l->ctl_due)
        return GF_E_NOT_NOW;
    if (l->meter->flash.dead)
        return 0;               /* it will never answer */
    l->ctl_code = l->ctl_fails != 0 ? l->ctl_fails : mc_meter_ctl_write(l->meter->meter, p, n);
    l->ctl_fails = 0;
    l->ctl_due = true;
    return 0;
}

static void fall(struct field_link *l, int code)
{
    if (l->up && !l->meter->flash.dead)
        mc_meter_disconnected(l->meter->meter);
    l->up = l->wanted = l->ctl_due = false;
    l->fall = true;
    l->fall_code = code;
}

void field_link_lose(struct field_link *l)
{
    if (l->up)
        fall(l, GF_E_LINK_LOST);
}

/* Count a fragment. False: the link fell instead of carrying it. */
static bool carries(struct field_link *l)
{
    if (++l->fragments != l->lose_at)
        return true;
    field_link_lose(l);
    return false;
}

static void spoil(struct field_link *l, uint8_t *fragment, size_t n)
{
    if (l->fragments == l->corrupt_at)
        fragment[n - 1] ^= 0x10;
}

static int send_fragment(void *ctx, const uint8_t *p, size_t n)
{
    struct field_link *l = ctx;

    uint8_t copy[MC_FRAGMENT_MAX];

    if (l->fate->dead || !l->up || n > (size_t)l->mtu - 3)
        return GF_E_LINK_LOST;
    if (l->full > 0) {
        l->full--;
        return GF_E_SPACE;
    }
    if (n > l->longest)
        l->longest = (uint16_t)n;
    memcpy(copy, p, n);
    if (carries(l) && !l->meter->flash.dead && l->fragments != l->drop_at &&
        (l->narrow == 0 || n <= l->narrow)) {
        spoil(l, copy, n);
        mc_meter_rx(l->meter->meter, copy, n);
    }
    return 0;
}

static void disconnect(void *ctx)
{
    struct field_link *l = ctx;

    if (!l->fate->dead && (l->up || l->wanted))
        fall(l, GF_E_CANCELLED);
}

void field_link_init(struct field_link *l, struct aid_world *meter, struct field_fate *fate)
{
    *l = (struct field_link){.meter = meter, .fate = fate, .mtu = 247};
    l->port = (struct link_port){l,         bind,          listen_for, connect_to,
                                 write_ctl, send_fragment, disconnect};
}

/* ---- events ---- */

static void become_ready(struct field_link *l)
{
    struct link_ready ready = {.att_mtu = l->mtu, .ctl_len = MC_CTL_LEN};

    l->wanted = false;
    l->up = true;
    l->connections++;
    mc_meter_connected(l->meter->meter, l->mtu);
    mc_meter_ctl_read(l->meter->meter, ready.ctl);
    if (l->impostor != NULL)
        memcpy(ready.ctl + MC_CTL_LEN - GF_METER_ID_LEN, l->impostor, GF_METER_ID_LEN);
    if (l->ctl_limit != 0) {
        ready.ctl[6] = (uint8_t)l->ctl_limit;
        ready.ctl[7] = (uint8_t)(l->ctl_limit >> 8);
    }
    if (l->ctl_version != 0)
        ready.ctl[0] = l->ctl_version;
    if (may_deliver(l)) {
        l->events->phase(l->events->ctx, LINK_READY);
        l->events->ready(l->events->ctx, &ready);
        delivered(l);
    }
}

static void from_meter(struct field_link *l)
{
    uint8_t fragment[MC_FRAGMENT_MAX];
    size_t n;

    while (l->up && !l->meter->flash.dead &&
           (n = mc_meter_tx(l->meter->meter, fragment, sizeof fragment)) > 0) {
        if (!carries(l))
            return;
        spoil(l, fragment, n);
        if (!l->mute && l->fragments != l->drop_at && may_deliver(l)) {
            l->events->fragment(l->events->ctx, fragment, n);
            delivered(l);
        }
    }
    if (l->up && !l->meter->flash.dead && mc_meter_wants_drop(l->meter->meter))
        fall(l, GF_E_LINK_LOST);
}

void field_link_step(struct field_link *l)
{
    if (l->wanted && l->radio_away)
        fall(l, GF_E_BLUEZ_AWAY);
    if (l->wanted && !l->away && !l->meter->flash.dead && mono(l) >= l->ready_ms)
        become_ready(l);
    else if (l->wanted && mono(l) >= l->deadline_ms)
        fall(l, GF_E_LINK_AWAY);
    if (l->ctl_due) {
        l->ctl_due = false;
        if (may_deliver(l)) {
            l->events->ctl_written(l->events->ctx, l->ctl_code);
            delivered(l);
        }
    }
    from_meter(l);
    if (l->fall) {
        l->fall = false;
        if (may_deliver(l)) {
            l->events->down(l->events->ctx, l->fall_code, "the link of a test fell");
            delivered(l);
        }
    }
}

void field_link_bury(struct field_link *l)
{
    fall(l, GF_E_CANCELLED);
    l->fall = false;
    l->events = NULL;
}
