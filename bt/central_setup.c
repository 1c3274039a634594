/*
 * central_setup.c - from a link to a usable one: the meter's service, MTU, subscription, CTL; see
 * central_state.h.
 */
#include "bt/central_state.h"

#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define CHARACTERISTIC "org.bluez.GattCharacteristic1"
#define MTU_MIN 23
#define MTU_MAX 517

/* ---- resolve, grace ---- */

/* The meter's characteristics below our device: right service, right UUID, right flags. */
struct wanted {
    struct bt_central *c;
    bool rx, tx, ctl;
};

static bool is_meter_service(const struct bt_central *c, const char *path)
{
    const struct bt_object *s = bt_mirror_find(bt_bus_mirror(c->bus), path);

    return s != NULL && (s->ifaces & BT_SERVICE) != 0 && strcmp(s->uuid, MC_UUID_SERVICE) == 0;
}

static bool take_characteristic(void *ctx, const struct bt_object *o)
{
    struct wanted *w = ctx;
    const struct {
        const char *uuid;
        unsigned must, must_not;
        bool *found;
        char *path;
    } rows[] = {
        {MC_UUID_RX, BT_FLAG_COMMAND, BT_FLAG_WRITE, &w->rx, w->c->rx},
        {MC_UUID_TX, BT_FLAG_NOTIFY, 0, &w->tx, w->c->tx},
        {MC_UUID_CTL, BT_FLAG_READ | BT_FLAG_WRITE, 0, &w->ctl, w->c->ctl},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(o->uuid, rows[i].uuid) == 0 && (o->flags & rows[i].must) == rows[i].must &&
            (o->flags & rows[i].must_not) == 0 && is_meter_service(w->c, o->service)) {
            *rows[i].found = true;
            (void)gf_copy(rows[i].path, BT_PATH_CAP, o->path);
        }
    return true;
}

bool bt_setup_is_whole(struct bt_central *c)
{
    struct wanted w = {.c = c};

    bt_mirror_each(bt_bus_mirror(c->bus), BT_CHARACTERISTIC, c->device, take_characteristic, &w);
    return w.rx && w.tx && w.ctl;
}

/* ServicesResolved=true is also what BlueZ says after a failed discovery: the objects decide. */
void bt_setup_resolve(struct bt_central *c)
{
    const struct bt_object *o = bt_central_device(c);

    if (o == NULL || !o->connected)
        bt_central_link_fell(c, NULL);
    else if (o->resolved)
        bt_central_go(c, bt_setup_is_whole(c) ? BT_MTU : BT_GRACE);
}

void bt_setup_resolve_again(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_setup_resolve(c);
}

void bt_setup_late_objects(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    if (bt_setup_is_whole(c))
        bt_central_go(c, BT_MTU);
}

/* What BlueZ remembers of this device may be of an older life of it. */
void bt_setup_no_service(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_forget(c, GF_E_GATT, "the meter's service was not found on the device");
}

/* Objects came or went while connected: the paths count only if they are all there still. */
void bt_setup_objects_changed(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    if (!bt_setup_is_whole(c))
        bt_central_go(c, BT_RESOLVE);
}

/* ---- mtu, subscribe, read ---- */

void bt_setup_mtu(struct bt_central *c)
{
    const struct bt_call call = {.path = c->rx, .iface = BT_PROPERTIES, .member = "Get",
                                 .timeout_ms = BT_CALL_MS, .end = bt_central_step_end, .ctx = c};
    const struct bt_object *o = bt_central_device(c);

    bt_trace_up(c->trace, o != NULL ? o->address : "");
    c->mtu = MTU_MIN;
    c->call = bt_bus_call(c->bus, &call, "ss", CHARACTERISTIC, "MTU");
}

void bt_setup_mtu_got(struct bt_central *c, const struct bt_end *end)
{
    uint16_t mtu;

    if (sd_bus_message_read(end->answer, "v", "q", &mtu) > 0 && mtu > MTU_MIN)
        c->mtu = mtu < MTU_MAX ? mtu : MTU_MAX;
    bt_central_go(c, BT_SUBSCRIBE);
}

/* BlueZ before 5.62 has no such property: the least that every link has. */
void bt_setup_mtu_unknown(struct bt_central *c, const struct bt_end *end)
{
    if (end->code == GF_E_GATT)
        bt_central_go(c, BT_SUBSCRIBE);
    else
        bt_central_again_after(c, end);
}

static void start_notify(struct bt_central *c)
{
    bt_central_step_call(c, c->tx, CHARACTERISTIC, "StartNotify", "");
}

void bt_setup_subscribe(struct bt_central *c)
{
    c->renotified = false;
    start_notify(c);
}

/* The handles that BlueZ remembers may be of other attributes now. */
void bt_setup_refused(struct bt_central *c, const struct bt_end *end)
{
    if (end->retry == BT_RETRY_FORGET)
        bt_central_forget(c, end->code, end->text);
    else
        bt_central_again_after(c, end);
}

void bt_setup_subscribed(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_go(c, BT_READ);
}

/* A subscription of an earlier link that BlueZ renews by itself is ended and made anew. */
void bt_setup_not_subscribed(struct bt_central *c, const struct bt_end *end)
{
    if (end->retry != BT_RETRY_WAIT || c->renotified) {
        bt_setup_refused(c, end);
        return;
    }
    c->renotified = true;
    bt_bus_tell(c->bus, c->tx, CHARACTERISTIC, "StopNotify");
    start_notify(c);
}

void bt_setup_read(struct bt_central *c)
{
    bt_trace_pdu(c->trace, BT_ATT_READ, c->ctl, NULL, 0);
    bt_central_step_call(c, c->ctl, CHARACTERISTIC, "ReadValue", "a{sv}");
}

void bt_setup_ctl_read(struct bt_central *c, const struct bt_end *end)
{
    struct link_ready ready = {.att_mtu = c->mtu};
    struct mc_ctl ctl;
    const void *p;
    size_t n;

    if (sd_bus_message_read_array(end->answer, 'y', &p, &n) < 0 || n > sizeof ready.ctl ||
        (mc_ctl_decode(p, n, &ctl) < 0 && !c->forgot)) {
        bt_central_forget(c, GF_E_GATT, "the value of CTL is not understood");
        return;
    }
    bt_trace_pdu(c->trace, BT_ATT_READ_RSP, NULL, p, n);
    if (n > 0)
        memcpy(ready.ctl, p, n);
    ready.ctl_len = n;
    c->deadline_ms = 0;
    bt_central_go(c, BT_READY);
    if (c->events != NULL)
        c->events->ready(c->events->ctx, &ready);
}
