/* central_radio.c - which adapter, discovery on it, who is heard; see central_state.h. */
#include "bt/central_state.h"

#include <string.h>

#include "common/err.h"
#include "common/text.h"

#define ADAPTER "org.bluez.Adapter1"
#define ASK_MS 10000
#define BACK_MIN_MS 250
#define BACK_MAX_MS 4000
#define STARTED_MS 2000     /* after StartDiscovery, until Discovering=true must have been seen */
#define SILENT_MS 15000     /* heard no device at all: discovery is started anew */

static const struct bt_object *adapter_of(const struct bt_central *c)
{
    return c->adapter[0] != '\0' ? bt_mirror_find(bt_bus_mirror(c->bus), c->adapter) : NULL;
}

static void tell_radio(struct bt_central *c, int code, const char *detail)
{
    if (c->radio == code && strcmp(c->radio_detail, detail) == 0)
        return;
    c->radio = code;
    (void)gf_copy(c->radio_detail, sizeof c->radio_detail, detail);
    if (c->events != NULL)
        c->events->radio(c->events->ctx, code, c->radio_detail);
}

void bt_radio_tell_again(struct bt_central *c)
{
    if (c->radio <= 0 && c->events != NULL)
        c->events->radio(c->events->ctx, c->radio, c->radio_detail);
}

/* ---- the adapter ---- */

static struct bt_choice choice_of(const struct bt_central *c)
{
    return (struct bt_choice){c->want_adapter, BT_ADAPTER, BT_ROLE_CENTRAL, c->is_blocked};
}

static void lose_adapter(struct bt_central *c, int code, const char *detail)
{
    c->adapter[0] = '\0';
    c->scan = BT_SCAN_OFF;
    c->scan_at_ms = 0;
    bt_bus_cancel(c->bus, &c->scan_call);
    tell_radio(c, code, detail);
    bt_central_event(c, BT_E_RADIO_DOWN, NULL);
}

static void choose_adapter(struct bt_central *c)
{
    struct bt_choice choice = choice_of(c);
    const struct bt_object *best;
    char why[sizeof c->radio_detail];

    if (bt_is_usable(adapter_of(c), &choice))
        return;
    best = bt_mirror_adapter(bt_bus_mirror(c->bus), &choice, why, sizeof why);
    if (best == NULL || c->adapter[0] != '\0')
        lose_adapter(c, GF_E_ADAPTER, best == NULL ? why : "another adapter is taken");
    if (best == NULL)
        return;
    (void)gf_copy(c->adapter, sizeof c->adapter, best->path);
    c->scan_wait_ms = 0;
    tell_radio(c, 0, best->address);
    bt_central_event(c, BT_E_RADIO_UP, NULL);
    bt_radio_scan(c);
}

void bt_radio_service(struct bt_central *c, int code, const char *detail)
{
    if (code == 0)
        choose_adapter(c);
    else
        lose_adapter(c, code, detail);
}

/* ---- discovery ---- */

static bool is_wanted(const struct bt_central *c)
{
    switch (c->state) {
    case BT_IDLE:
        return c->listening;
    case BT_SEARCH:
        return true;
    case BT_CONNECT:
        return c->scan_through;
    case BT_RADIO:
    case BT_QUIET:
    case BT_RESOLVE:
    case BT_GRACE:
    case BT_MTU:
    case BT_SUBSCRIBE:
    case BT_READ:
    case BT_READY:
    case BT_DROP:
    case BT_FORGET:
    case BT_PAUSE:
    case BT_STATES:
        break;
    }
    return false;   /* a scan beside a connection makes both worse */
}

bool bt_radio_is_quiet(const struct bt_central *c)
{
    const struct bt_object *o = adapter_of(c);

    return c->scan == BT_SCAN_OFF && (o == NULL || !o->discovering);
}

static void scan_ended(struct bt_central *c, bool by_fault)
{
    c->scan = BT_SCAN_OFF;
    c->scan_at_ms = 0;
    if (by_fault) {
        c->scan_wait_ms = c->scan_wait_ms == 0 ? BACK_MIN_MS : c->scan_wait_ms * 2;
        c->scan_wait_ms = c->scan_wait_ms > BACK_MAX_MS ? BACK_MAX_MS : c->scan_wait_ms;
        c->scan_at_ms = bt_now(c) + c->scan_wait_ms;
    }
    if (bt_radio_is_quiet(c))
        bt_central_event(c, BT_E_QUIET, NULL);
}

static void adapter_call(struct bt_central *c, enum bt_scan state, const char *member,
                         void (*end)(void *ctx, const struct bt_end *end))
{
    const struct bt_call call = {.path = c->adapter, .iface = ADAPTER, .member = member,
                                 .timeout_ms = ASK_MS, .end = end, .ctx = c};

    c->scan = state;
    c->scan_at_ms = 0;
    c->scan_call = bt_bus_call(c->bus, &call, "");
    if (c->scan_call == 0)
        scan_ended(c, true);
}

/* Whatever StopDiscovery says (not ready, none started, in progress): ours is over. */
static void on_stopped(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    (void)end;
    c->scan_call = 0;
    scan_ended(c, false);
}

/* InProgress says that this connection discovers already. Whether it is true, Discovering shows. */
static void on_started(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;
    const struct bt_object *o = adapter_of(c);

    c->scan_call = 0;
    if (end->code != 0 && end->code != GF_E_NOT_NOW) {
        scan_ended(c, true);
        if (end->code == GF_E_BLUEZ_DENIED && c->state == BT_SEARCH)
            bt_central_event(c, BT_E_FAIL, end);    /* waiting does not mend it */
        return;
    }
    c->scan = BT_SCAN_ON;
    c->scan_seen = o != NULL && o->discovering;
    c->scan_at_ms = bt_now(c) + (c->scan_seen ? SILENT_MS : STARTED_MS);
}

/* A filter that the daemon refuses is no reason not to listen: all is checked again here. */
static void on_filtered(void *ctx, const struct bt_end *end)
{
    struct bt_central *c = ctx;

    (void)end;
    c->scan_call = 0;
    if (is_wanted(c))
        adapter_call(c, BT_SCAN_STARTING, "StartDiscovery", on_started);
    else
        adapter_call(c, BT_SCAN_STOPPING, "StopDiscovery", on_stopped);
}

/* No RSSI key, not even the lowest: with one the kernel drops every report whose signal strength
 * the controller does not know. Without it new releases tell the strength in steps of 8 dB.
 * DuplicateData, or a device that BlueZ knows already may be heard without a word of it. */
static void set_filter(struct bt_central *c)
{
    const struct bt_call call = {.path = c->adapter, .iface = ADAPTER,
                                 .member = "SetDiscoveryFilter", .timeout_ms = ASK_MS,
                                 .end = on_filtered, .ctx = c};

    c->scan = BT_SCAN_FILTER;
    c->scan_at_ms = 0;
    c->scan_call = bt_bus_call(c->bus, &call, "a{sv}", 3, "Transport", "s", "le", "UUIDs", "as", 1,
                               MC_UUID_SERVICE, "DuplicateData", "b", 1);
    if (c->scan_call == 0)
        scan_ended(c, true);
}

void bt_radio_scan(struct bt_central *c)
{
    bool due = c->scan_at_ms == 0 || bt_now(c) >= c->scan_at_ms;

    if (c->adapter[0] == '\0')
        return;
    if (c->scan == BT_SCAN_OFF && !is_wanted(c)) {
        c->scan_at_ms = 0;
    } else if (c->scan == BT_SCAN_OFF && due) {
        set_filter(c);
    } else if (c->scan == BT_SCAN_ON) {
        /* Some controllers fall deaf until their scan is begun again. */
        if (!is_wanted(c) || (c->scan_seen && due))
            adapter_call(c, BT_SCAN_STOPPING, "StopDiscovery", on_stopped);
        else if (due)
            scan_ended(c, true);
    }
}

static void on_discovering(struct bt_central *c, const struct bt_object *adapter)
{
    if (adapter->discovering) {
        c->scan_seen = true;
        if (c->scan == BT_SCAN_ON) {
            c->scan_at_ms = bt_now(c) + SILENT_MS;
            c->scan_wait_ms = 0;
        }
    } else if (c->scan == BT_SCAN_ON && c->scan_seen) {
        scan_ended(c, true);        /* not by us: power, another program, the controller */
    } else if (bt_radio_is_quiet(c)) {
        bt_central_event(c, BT_E_QUIET, NULL);
    }
}

/* ---- who is heard ---- */

static void tell_sighting(struct bt_central *c, const struct bt_object *o)
{
    struct link_sighting s = {.rssi_dbm = o->rssi_dbm, .has_id_hash = o->has_id_hash};

    (void)gf_copy(s.address, sizeof s.address, o->address);
    (void)gf_copy(s.name, sizeof s.name, o->name);
    memcpy(s.id_hash, o->id_hash, sizeof s.id_hash);
    if (c->events != NULL)
        c->events->sighting(c->events->ctx, &s);
}

void bt_radio_changed(struct bt_central *c, const struct bt_object *o, unsigned what)
{
    struct bt_choice choice = choice_of(c);
    bool is_adapter = strcmp(o->path, c->adapter) == 0;

    if (is_adapter || (o->ifaces & BT_ADAPTER) != 0) {
        if (is_adapter && bt_is_usable(o, &choice))
            on_discovering(c, o);
        else
            choose_adapter(c);
        return;
    }
    if ((what & BT_REMOVED) != 0 || (o->ifaces & BT_DEVICE) == 0 || c->adapter[0] == '\0' ||
        !bt_path_below(o->path, c->adapter))
        return;
    if (c->scan == BT_SCAN_ON && c->scan_seen && (what & BT_SEEN) != 0)
        c->scan_at_ms = bt_now(c) + SILENT_MS;
    if (c->listening && c->scan == BT_SCAN_ON && o->is_ours && (what & BT_SEEN) != 0)
        tell_sighting(c, o);
    bt_central_event(c, BT_E_SEEN, NULL);
}
