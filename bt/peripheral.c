/* peripheral.c - registration at BlueZ and its renewal, the one central; see peripheral.h. */
#include "bt/peripheral.h"

#include <stdlib.h>
#include <string.h>

#include "bt/peripheral_state.h"
#include "common/err.h"
#include "common/text.h"

#define GATT_MANAGER "org.bluez.GattManager1"
#define ADVERT_MANAGER "org.bluez.LEAdvertisingManager1"
#define REGISTER_MS 30000
#define BACK_MIN_MS 250
#define BACK_MAX_MS 8000
#define DROP_MS 5000            /* BlueZ takes 2 s */
#define MTU_MIN 23
#define LENGTH_BYTES 2          /* of a value in a Multiple Handle Value Notification */
#define NEEDED (BT_ADAPTER | BT_GATT_MANAGER | BT_ADVERT_MANAGER)

static int64_t now_ms(const struct bt_peripheral *p)
{
    return p->config.clock->mono_ms(p->config.clock->ctx);
}

static void tell(struct bt_peripheral *p, int code, const char *detail)
{
    if (p->told == code)
        return;
    p->told = code;
    p->config.events->state(p->config.events->ctx, code, detail);
}

/* ---- the central ---- */

static void central_gone(struct bt_peripheral *p)
{
    if (p->central[0] == '\0')
        return;
    p->central[0] = '\0';
    p->dropping = false;
    p->drop_at_ms = 0;
    p->config.events->disconnected(p->config.events->ctx);
}

static void central_mtu(struct bt_peripheral *p, uint16_t mtu)
{
    p->mtu = mtu;
    p->config.events->connected(p->config.events->ctx, (uint16_t)(mtu - LENGTH_BYTES));
}

bool bt_peripheral_admit(struct bt_peripheral *p, const char *device, uint16_t mtu)
{
    mtu = mtu < MTU_MIN ? MTU_MIN : mtu;
    if (device == NULL || p->dropping)
        return false;
    if (p->central[0] != '\0' && strcmp(device, p->central) != 0) {
        bt_bus_tell(p->bus, device, "org.bluez.Device1", "Disconnect");
        return false;
    }
    if (p->central[0] == '\0') {
        (void)gf_copy(p->central, sizeof p->central, device);
        central_mtu(p, mtu);
    } else if (mtu > p->mtu) {
        central_mtu(p, mtu);
    }
    return true;
}

/* Its device is gone from the bus when BlueZ says so; a deaf BlueZ is asked again. */
static void ask_drop(struct bt_peripheral *p)
{
    p->dropping = true;
    p->drop_at_ms = now_ms(p) + DROP_MS;
    bt_bus_tell(p->bus, p->central, "org.bluez.Device1", "Disconnect");
}

void bt_peripheral_drop(struct bt_peripheral *p)
{
    if (p->central[0] != '\0' && !p->dropping)
        ask_drop(p);
}

void bt_peripheral_notify(struct bt_peripheral *p, const uint8_t *value, size_t n)
{
    if (p->central[0] != '\0' && !p->dropping)
        bt_gatt_notify(p, value, n);
}

/* ---- registration ---- */

static void register_app(struct bt_peripheral *p);
static void register_advert(struct bt_peripheral *p);

static void refused(struct bt_peripheral *p, const struct bt_end *end)
{
    p->stand = BT_STAND_WAIT;
    p->wait_ms = p->wait_ms == 0 ? BACK_MIN_MS : p->wait_ms * 2;
    p->wait_ms = p->wait_ms > BACK_MAX_MS ? BACK_MAX_MS : p->wait_ms;
    p->timer_ms = now_ms(p) + p->wait_ms;
    tell(p, end->code == GF_E_BLUEZ_AWAY || end->code == GF_E_BLUEZ_DENIED ? end->code
                                                                           : GF_E_ADAPTER,
         end->text);
}

static void on_advert(void *ctx, const struct bt_end *end)
{
    struct bt_peripheral *p = ctx;

    p->call = 0;
    if (end->code != 0) {
        refused(p, end);
        return;
    }
    p->has_advert = true;
    p->stand = BT_STAND_UP;
    p->wait_ms = 0;
    p->timer_ms = p->config.readvertise_ms > 0 ? now_ms(p) + p->config.readvertise_ms : 0;
    tell(p, 0, p->address);
}

/* The application is found already there after a power cycle of the adapter. */
static void on_app(void *ctx, const struct bt_end *end)
{
    struct bt_peripheral *p = ctx;

    p->call = 0;
    if (end->code == 0 || strstr(end->text, "Already Exists") != NULL)
        register_advert(p);
    else
        refused(p, end);
}

static void register_call(struct bt_peripheral *p, enum bt_stand stand, const char *iface,
                          const char *member, const char *path,
                          void (*end)(void *ctx, const struct bt_end *end))
{
    const struct bt_call call = {.path = p->adapter, .iface = iface, .member = member,
                                 .timeout_ms = REGISTER_MS, .end = end, .ctx = p};

    p->stand = stand;
    p->timer_ms = 0;
    bt_bus_cancel(p->bus, &p->call);
    p->call = bt_bus_call(p->bus, &call, "oa{sv}", path, 0);
}

static void register_app(struct bt_peripheral *p)
{
    register_call(p, BT_STAND_APP, GATT_MANAGER, "RegisterApplication", BT_APP_PATH, on_app);
}

/* One that is there already, of before a power cycle, is not on the air any more. */
static void register_advert(struct bt_peripheral *p)
{
    const struct bt_call remove = {.path = p->adapter, .iface = ADVERT_MANAGER,
                                   .member = "UnregisterAdvertisement", .timeout_ms = REGISTER_MS};

    if (p->has_advert)
        (void)bt_bus_call(p->bus, &remove, "o", BT_ADVERT_PATH);
    p->has_advert = false;
    register_call(p, BT_STAND_ADVERT, ADVERT_MANAGER, "RegisterAdvertisement", BT_ADVERT_PATH,
                  on_advert);
}

void bt_peripheral_released(struct bt_peripheral *p)
{
    p->has_advert = false;
    if (p->stand == BT_STAND_UP) {
        p->stand = BT_STAND_WAIT;
        p->timer_ms = now_ms(p) + BACK_MIN_MS;
    }
}

static void run_timers(struct bt_peripheral *p)
{
    if (p->drop_at_ms != 0 && now_ms(p) >= p->drop_at_ms)
        ask_drop(p);
    if (p->timer_ms == 0 || now_ms(p) < p->timer_ms)
        return;
    p->timer_ms = 0;
    if (p->stand == BT_STAND_WAIT)
        register_app(p);
    else if (p->stand == BT_STAND_UP && p->central[0] == '\0')
        register_advert(p);
    else if (p->stand == BT_STAND_UP)
        p->timer_ms = now_ms(p) + p->config.readvertise_ms;
}

/* ---- the adapter ---- */

static struct bt_choice choice_of(const struct bt_peripheral *p)
{
    return (struct bt_choice){p->want_adapter, NEEDED, BT_ROLE_PERIPHERAL,
                              p->config.is_blocked};
}

static void lose_adapter(struct bt_peripheral *p, int code, const char *detail)
{
    p->adapter[0] = '\0';
    p->stand = BT_STAND_AWAY;
    p->timer_ms = 0;
    bt_bus_cancel(p->bus, &p->call);
    central_gone(p);
    tell(p, code, detail);
}

static void choose_adapter(struct bt_peripheral *p)
{
    struct bt_choice choice = choice_of(p);
    const struct bt_object *best;
    char why[96];

    if (bt_is_usable(bt_mirror_find(bt_bus_mirror(p->bus), p->adapter), &choice))
        return;
    best = bt_mirror_adapter(bt_bus_mirror(p->bus), &choice, why, sizeof why);
    if (best == NULL || p->adapter[0] != '\0')
        lose_adapter(p, GF_E_ADAPTER, best == NULL ? why : "another adapter is taken");
    if (best == NULL)
        return;
    (void)gf_copy(p->adapter, sizeof p->adapter, best->path);
    (void)gf_copy(p->address, sizeof p->address, best->address);
    p->wait_ms = 0;
    register_app(p);
}

/* ---- the bus tells ---- */

static void on_opened(void *ctx, sd_bus *bus)
{
    struct bt_peripheral *p = ctx;

    /* It lives as long as the bus. Out of memory, registration is refused, and tried again. */
    (void)sd_bus_add_fallback(bus, NULL, BT_APP_PATH, bt_gatt_call, p);
}

static void on_service(void *ctx, int code, const char *detail)
{
    struct bt_peripheral *p = ctx;

    if (code == 0) {
        choose_adapter(p);
        return;
    }
    p->has_advert = false;
    lose_adapter(p, code, detail);
}

static void on_changed(void *ctx, const struct bt_object *o, unsigned what)
{
    struct bt_peripheral *p = ctx;

    if (strcmp(o->path, p->central) == 0) {
        if ((what & BT_REMOVED) != 0 || !o->connected)
            central_gone(p);
    } else if ((o->ifaces & NEEDED) != 0 || strcmp(o->path, p->adapter) == 0) {
        choose_adapter(p);
    }
}

/* ---- the source ---- */

static size_t source_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    return bt_bus_fds(((struct bt_peripheral *)ctx)->bus, ret, cap);
}

static int source_timeout_ms(void *ctx)
{
    struct bt_peripheral *p = ctx;
    const int64_t timers[] = {p->timer_ms, p->drop_at_ms};

    return bt_bus_timeout_ms(p->bus, timers, sizeof timers / sizeof timers[0]);
}

static void source_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct bt_peripheral *p = ctx;

    (void)fds;
    (void)n;
    bt_bus_process(p->bus);
    run_timers(p);
}

struct bt_peripheral *bt_peripheral_new(const struct bt_peripheral_config *config)
{
    struct bt_peripheral *p = calloc(1, sizeof *p);
    const struct bt_bus_config bus = {
        .address = config->bus_address, .clock = config->clock, .service_uuid = MC_UUID_SERVICE,
        .company = MC_ADVERT_COMPANY, .ctx = p, .opened = on_opened, .service = on_service,
        .changed = on_changed,
    };

    if (p == NULL)
        return NULL;
    p->config = *config;
    p->told = 1;
    if (config->adapter_address != NULL)
        (void)gf_copy(p->want_adapter, sizeof p->want_adapter, config->adapter_address);
    p->source = (struct gf_source){p, source_fds, source_timeout_ms, source_process};
    p->bus = bt_bus_new(&bus);
    return p->bus != NULL ? p : bt_peripheral_free(p);
}

struct bt_peripheral *bt_peripheral_free(struct bt_peripheral *p)
{
    if (p == NULL)
        return NULL;
    p->bus = bt_bus_free(p->bus);
    free(p);
    return NULL;
}

const struct gf_source *bt_peripheral_source(struct bt_peripheral *p)
{
    return &p->source;
}
