/*
 * central_steps.c - the connection's states, each with what it does and what it makes of events;
 * see central_state.h. docs/bluetooth.md draws them.
 */
#include "bt/central_state.h"

#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define ADAPTER "org.bluez.Adapter1"
#define DEVICE "org.bluez.Device1"
#define CHARACTERISTIC "org.bluez.GattCharacteristic1"

#define LINKLESS_MS 1000        /* from Connect()'s good answer to Connected=true */
#define BUSY_MS 500             /* before asking again what BlueZ was busy with */
#define BACK_OFF_MS 250
#define HARD_MAX 4              /* failures that cost seconds each */
#define TRANSIENT_MAX 9         /* failures that pass by themselves */

/* ---- moving ---- */

void bt_central_go(struct bt_central *c, enum bt_state to)
{
    const struct bt_step *step = &bt_steps[to];
    /* Between attempts the link goes down, but for the user it is still coming up. */
    enum link_phase phase = to == BT_DROP && c->drop_code == 0 ? LINK_CONNECTING : step->phase;

    bt_bus_cancel(c->bus, &c->call);
    c->state = to;
    c->timer_ms = step->timer_ms != 0 ? bt_now(c) + step->timer_ms : 0;
    bt_radio_scan(c);
    if (phase != c->phase) {
        c->phase = phase;
        if (c->events != NULL)
            c->events->phase(c->events->ctx, phase);
    }
    if (step->enter != NULL)
        step->enter(c);
}

/* The state's call. One that cannot be made is ended by the state's timer. */
void bt_central_step_call(struct bt_central *c, const char *path, const char *iface,
                      const char *member, const char *types)
{
    const struct bt_call call = {.path = path, .iface = iface, .member = member,
                                 .timeout_ms = BT_CALL_MS, .end = bt_central_step_end, .ctx = c};

    c->call = bt_bus_call(c->bus, &call, types, 0);
}

/* No link, no attempt: forget the device. BlueZ would subscribe again by itself at its next
 * connection, for as long as we are on the bus. */
static void let_go(struct bt_central *c)
{
    bt_data_reset(c);
    bt_trace_down(c->trace);
    bt_bus_cancel(c->bus, &c->connect_call);
    if (c->tx[0] != '\0')
        bt_bus_tell(c->bus, c->tx, CHARACTERISTIC, "StopNotify");
    c->device[0] = c->rx[0] = c->tx[0] = c->ctl[0] = '\0';
}

/* The end of a connect(): the one place where down() is told. */
static void finish(struct bt_central *c, int code, const char *detail)
{
    char words[sizeof c->drop_detail];

    (void)gf_copy(words, sizeof words, detail);
    let_go(c);
    c->deadline_ms = 0;
    c->cancel_wanted = false;
    bt_central_go(c, BT_IDLE);
    if (c->events != NULL)
        c->events->down(c->events->ctx, code, words);
}

/* End the link, then the connect() with that code. */
void bt_central_drop(struct bt_central *c, int code, const char *detail)
{
    c->drop_code = code;
    (void)gf_copy(c->drop_detail, sizeof c->drop_detail, detail);
    bt_data_reset(c);
    bt_central_go(c, BT_DROP);
}

/* This attempt has failed: end its link, then try again while the budget lasts. */
void bt_central_again(struct bt_central *c, enum bt_failure how, int code, const char *detail)
{
    c->last_code = code;
    (void)gf_copy(c->last_detail, sizeof c->last_detail, detail);
    c->hard += how == BT_HARD;
    c->transient += how == BT_TRANSIENT;
    c->busy += how == BT_BUSY;
    c->next_number = 1 + (int)(how == BT_HARD        ? c->hard
                               : how == BT_TRANSIENT ? c->transient
                                                     : c->busy);
    c->next_most = how == BT_HARD ? HARD_MAX : how == BT_TRANSIENT ? TRANSIENT_MAX : 0;
    bt_central_drop(c, c->hard >= HARD_MAX || c->transient >= TRANSIENT_MAX ? code : 0, detail);
}

void bt_central_forget(struct bt_central *c, int code, const char *detail)
{
    c->forget_next = !c->forgot;
    bt_central_again(c, BT_HARD, code, detail);
}

void bt_central_again_after(struct bt_central *c, const struct bt_end *end)
{
    if (end->retry == BT_RETRY_NO)
        bt_central_drop(c, end->code, end->text);
    else
        bt_central_again(c, end->retry == BT_RETRY_WAIT ? BT_BUSY : BT_TRANSIENT, end->code,
                         end->text);
}

/* ---- events that mean the same in several states ---- */

static void cancel_now(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    finish(c, GF_E_CANCELLED, "");
}

static void cancel_link(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_drop(c, GF_E_CANCELLED, "");
}

/* Never heard is another advice for the user than heard and not reached. */
static int late_code(const struct bt_central *c)
{
    return c->is_heard ? GF_E_LINK_TIMEOUT : GF_E_LINK_AWAY;
}

static void late_now(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    finish(c, late_code(c), c->last_detail);
}

static void late_link(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_drop(c, late_code(c), c->last_detail);
}

static void radio_lost(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    let_go(c);
    bt_central_go(c, BT_RADIO);
}

void bt_central_link_fell(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_again(c, BT_TRANSIENT, GF_E_LINK_LOST, "the link fell while it was set up");
}

static void too_slow(struct bt_central *c, const struct bt_end *end)
{
    char detail[80];

    (void)end;
    (void)snprintf(detail, sizeof detail, "no end of: %s", bt_steps[c->state].name);
    bt_central_again(c, BT_HARD, GF_E_LINK_TIMEOUT, detail);
}

static void to_search(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_go(c, BT_SEARCH);
}

/* ---- idle, radio, search ---- */

static void start(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    c->deadline_ms = bt_now(c) + c->wish_ms;
    c->hard = c->transient = c->busy = 0;
    c->scan_through = c->forgot = c->forget_next = c->is_heard = false;
    c->last_code = 0;
    c->last_detail[0] = '\0';
    bt_central_go(c, c->adapter[0] != '\0' ? BT_SEARCH : BT_RADIO);
}

static void radio_absent(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    finish(c, c->radio < 0 ? c->radio : GF_E_BLUEZ_AWAY, c->radio_detail);
}

static void enter_radio(struct bt_central *c)
{
    if (c->radio == GF_E_BLUEZ_DENIED)
        radio_absent(c, NULL);
}

static void look(struct bt_central *c)
{
    const struct bt_object *best = bt_search_best(c);

    if (best == NULL)
        return;
    c->is_heard = true;
    (void)gf_copy(c->device, sizeof c->device, best->path);
    bt_central_go(c, c->scan_through ? BT_CONNECT : BT_QUIET);
}

static void search_denied(struct bt_central *c, const struct bt_end *end)
{
    finish(c, end->code, end->text);
}

static void look_again(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    look(c);
}

/* ---- quiet, connect ---- */

/* Connecting beside a running scan loses links in their first moments. */
static void enter_quiet(struct bt_central *c)
{
    if (bt_radio_is_quiet(c))
        bt_central_go(c, BT_CONNECT);
}

static void connect_now(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_go(c, BT_CONNECT);
}

/* Its object went away with the scan, or before Connect(): next time the scan goes on. */
static void device_gone(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    c->scan_through = true;
    bt_central_again(c, BT_TRANSIENT, GF_E_LINK_AWAY, "the device is no longer known");
}

static void connect_ended(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    c->connect_call = 0;
    bt_central_event(c, end->code == 0 ? BT_E_CONNECT_OK : BT_E_CONNECT_FAIL, end);
}

static void enter_connect(struct bt_central *c)
{
    const struct bt_call call = {.path = c->device, .iface = DEVICE, .member = "Connect",
                                 .timeout_ms = BT_CALL_MS, .end = connect_ended, .ctx = c};
    const struct bt_object *o = bt_central_device(c);

    if (o != NULL && o->connected)
        bt_central_go(c, BT_RESOLVE);
    else
        c->connect_call = bt_bus_call(c->bus, &call, "");
}

static void connected(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    bt_central_go(c, BT_RESOLVE);
}

/* The answer alone proves no link: it may be of one that is about to end. */
static void connect_said_ok(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    c->timer_ms = bt_now(c) + LINKLESS_MS;
}

/* A bond that the meter, which makes none, does not know any more: forgotten like its services. */
static void connect_failed(struct bt_central *c, const struct bt_end *end)
{
    if (end->retry == BT_RETRY_SEARCH)
        device_gone(c, end);
    else if (end->retry == BT_RETRY_FORGET)
        bt_central_forget(c, end->code, end->text);
    else
        bt_central_again_after(c, end);
}

/* ---- ready ---- */

static void link_lost(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    finish(c, GF_E_LINK_LOST, "");
}

static void link_unusable(struct bt_central *c, const struct bt_end *end)
{
    bt_central_drop(c, end->code == GF_E_GATT ? GF_E_LINK_LOST : end->code, end->text);
}

static void services_changed(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    if (!bt_setup_is_whole(c))
        bt_central_drop(c, GF_E_LINK_LOST, "the meter's services changed");
}

static void radio_lost_ready(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    finish(c, c->radio, c->radio_detail);
}

/* ---- drop, forget, pause ---- */

/* The link is down, and no Connect() under way that could bring it up again. */
static void dropped(struct bt_central *c)
{
    bool forget = c->forget_next && c->drop_code == 0;

    if (c->drop_code != 0) {
        finish(c, c->drop_code, c->drop_detail);
        return;
    }
    c->forget_next = false;
    if (forget && bt_central_device(c) != NULL) {
        bt_central_go(c, BT_FORGET);
        return;
    }
    let_go(c);
    bt_central_go(c, BT_PAUSE);
}

static bool is_down(const struct bt_central *c)
{
    const struct bt_object *o = bt_central_device(c);

    return (o == NULL || !o->connected) && c->connect_call == 0;
}

/* Disconnect() also ends a Connect() that is under way. */
static void enter_drop(struct bt_central *c)
{
    if (is_down(c))
        dropped(c);
    else
        bt_central_step_call(c, c->device, DEVICE, "Disconnect", "");
}

static void drop_look(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    if (is_down(c))
        dropped(c);
}

static void drop_late(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    dropped(c);
}

static void drop_radio_lost(struct bt_central *c, const struct bt_end *end)
{
    if (c->drop_code != 0)
        finish(c, c->drop_code, c->drop_detail);
    else
        radio_lost(c, end);
}

static void drop_cancelled(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    c->drop_code = GF_E_CANCELLED;
    c->drop_detail[0] = '\0';
}

static void drop_deadline(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    if (c->drop_code == 0) {
        c->drop_code = late_code(c);
        (void)gf_copy(c->drop_detail, sizeof c->drop_detail, c->last_detail);
    }
}

static void enter_forget(struct bt_central *c)
{
    const struct bt_call call = {.path = c->adapter, .iface = ADAPTER, .member = "RemoveDevice",
                                 .timeout_ms = BT_CALL_MS, .end = bt_central_step_end, .ctx = c};

    c->forgot = true;
    c->tx[0] = '\0';
    c->call = bt_bus_call(c->bus, &call, "o", c->device);
}

static void forgotten(struct bt_central *c, const struct bt_end *end)
{
    (void)end;
    let_go(c);
    bt_central_go(c, BT_PAUSE);
}

static void enter_pause(struct bt_central *c)
{
    unsigned failed = c->hard + c->transient;

    const struct link_attempt next = {
        c->next_number, c->next_most, c->last_code, c->last_detail,
        c->last_code == GF_E_NOT_NOW || failed == 0 ? BUSY_MS
        : failed < 3                                ? BACK_OFF_MS << (failed - 1)
                                                    : BACK_OFF_MS * 4,
    };

    c->timer_ms = bt_now(c) + next.again_in_ms;
    if (c->events != NULL)
        c->events->attempt(c->events->ctx, &next);
}

/* ---- the table ---- */

#define NO_LINK \
    [BT_E_CANCEL] = cancel_now, [BT_E_DEADLINE] = late_now, [BT_E_RADIO_DOWN] = radio_lost
#define LINK_COMING \
    [BT_E_CANCEL] = cancel_link, [BT_E_DEADLINE] = late_link, [BT_E_RADIO_DOWN] = radio_lost
#define LINK_UP \
    LINK_COMING, [BT_E_DISCONNECTED] = bt_central_link_fell, [BT_E_GONE] = bt_central_link_fell
#define USING LINK_UP, [BT_E_TIMER] = too_slow, [BT_E_OBJECTS] = bt_setup_objects_changed

const struct bt_step bt_steps[BT_STATES] = {
    [BT_IDLE] = {"idle", LINK_IDLE, 0, NULL, {[BT_E_START] = start}},
    [BT_RADIO] = {"waiting for Bluetooth", LINK_SEARCHING, 10000, enter_radio,
                  {[BT_E_RADIO_UP] = to_search, [BT_E_TIMER] = radio_absent,
                   [BT_E_CANCEL] = cancel_now, [BT_E_DEADLINE] = radio_absent}},
    [BT_SEARCH] = {"search", LINK_SEARCHING, 0, look,
                   {NO_LINK, [BT_E_SEEN] = look_again, [BT_E_FAIL] = search_denied}},
    [BT_QUIET] = {"end of discovery", LINK_CONNECTING, 300, enter_quiet,
                  {NO_LINK, [BT_E_QUIET] = connect_now, [BT_E_TIMER] = connect_now,
                   [BT_E_GONE] = device_gone, [BT_E_CONNECTED] = connected}},
    [BT_CONNECT] = {"connect", LINK_CONNECTING, 15000, enter_connect,
                    {LINK_COMING, [BT_E_TIMER] = too_slow, [BT_E_CONNECTED] = connected,
                     [BT_E_GONE] = device_gone, [BT_E_CONNECT_OK] = connect_said_ok,
                     [BT_E_CONNECT_FAIL] = connect_failed}},
    [BT_RESOLVE] = {"reading the list of services", LINK_DISCOVERING, 15000, bt_setup_resolve,
                    {LINK_UP, [BT_E_TIMER] = too_slow, [BT_E_RESOLVED] = bt_setup_resolve_again}},
    [BT_GRACE] = {"late services", LINK_DISCOVERING, 250, NULL,
                  {LINK_UP, [BT_E_OBJECTS] = bt_setup_late_objects,
                   [BT_E_TIMER] = bt_setup_no_service}},
    [BT_MTU] = {"asking for the MTU", LINK_SUBSCRIBING, 5000, bt_setup_mtu,
                {USING, [BT_E_OK] = bt_setup_mtu_got, [BT_E_FAIL] = bt_setup_mtu_unknown}},
    [BT_SUBSCRIBE] = {"subscribing", LINK_SUBSCRIBING, 10000, bt_setup_subscribe,
                      {USING, [BT_E_OK] = bt_setup_subscribed,
                       [BT_E_FAIL] = bt_setup_not_subscribed}},
    [BT_READ] = {"reading CTL", LINK_SUBSCRIBING, 10000, bt_setup_read,
                 {USING, [BT_E_OK] = bt_setup_ctl_read, [BT_E_FAIL] = bt_setup_refused}},
    [BT_READY] = {"ready", LINK_READY, 0, NULL,
                  {[BT_E_CANCEL] = cancel_link, [BT_E_RADIO_DOWN] = radio_lost_ready,
                   [BT_E_DISCONNECTED] = link_lost, [BT_E_GONE] = link_lost,
                   [BT_E_FAIL] = link_unusable, [BT_E_OBJECTS] = services_changed}},
    [BT_DROP] = {"disconnect", LINK_CLOSING, 5000, enter_drop,
                 {[BT_E_CANCEL] = drop_cancelled, [BT_E_DEADLINE] = drop_deadline,
                  [BT_E_RADIO_DOWN] = drop_radio_lost, [BT_E_DISCONNECTED] = drop_look,
                  [BT_E_GONE] = drop_look, [BT_E_OK] = drop_look, [BT_E_FAIL] = drop_look,
                  [BT_E_CONNECT_OK] = drop_look, [BT_E_CONNECT_FAIL] = drop_look,
                  [BT_E_TIMER] = drop_late}},
    [BT_FORGET] = {"forgetting the device", LINK_CONNECTING, 5000, enter_forget,
                   {NO_LINK, [BT_E_OK] = forgotten, [BT_E_FAIL] = forgotten,
                    [BT_E_TIMER] = forgotten}},
    [BT_PAUSE] = {"pause", LINK_CONNECTING, 0, enter_pause,
                  {NO_LINK, [BT_E_TIMER] = to_search}},
};
