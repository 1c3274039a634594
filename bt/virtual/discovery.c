/* discovery.c - discovery of an adapter: clients, filters, scanning; see discovery.h. */
#include "bt/virtual/discovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/device.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"

#define ADAPTER "org.bluez.Adapter1"
#define PATHLOSS_MAX 137

static void filter_free(struct vb_filter *filter)
{
    if (!filter)
        return;
    free(filter->uuids);
    free(filter->pattern);
    free(filter);
}

static void scanner_free(struct vb_adapter *adapter, struct vb_scanner *scanner)
{
    TAILQ_REMOVE(&adapter->scanners, scanner, next);
    filter_free(scanner->filter);
    free(scanner->owner);
    free(scanner);
}

static struct vb_scanner *find(const struct vb_adapter *adapter, const char *owner)
{
    struct vb_scanner *scanner;

    TAILQ_FOREACH(scanner, &adapter->scanners, next)
        if (strcmp(scanner->owner, owner) == 0)
            return scanner;
    return NULL;
}

static struct vb_scanner *scanner_new(struct vb_adapter *adapter, const char *owner)
{
    struct vb_scanner *scanner = vb_new(sizeof *scanner);

    scanner->owner = vb_dup(owner);
    TAILQ_INSERT_TAIL(&adapter->scanners, scanner, next);
    return scanner;
}

static bool any_on(const struct vb_adapter *adapter)
{
    const struct vb_scanner *scanner;

    TAILQ_FOREACH(scanner, &adapter->scanners, next)
        if (scanner->on)
            return true;
    return false;
}

/* ---- scanning -------------------------------------------------------------------------------- */

/* At least one client has a filter, and the kernel still has it. */
static bool is_filtered(const struct vb_adapter *adapter)
{
    const struct vb_scanner *scanner;

    if (adapter->filter_lost)
        return false;
    TAILQ_FOREACH(scanner, &adapter->scanners, next)
        if (scanner->on && scanner->filter)
            return true;
    return false;
}

static void turn(void *arg)
{
    struct vb_adapter *adapter = arg;

    adapter->scan_resting = !adapter->scan_resting && !is_filtered(adapter);
    vb_timer_set(adapter->vb, &adapter->scan, adapter->scan_resting ? VB_SCAN_GAP_US : VB_SCAN_US,
                 turn, adapter);
    if (!adapter->scan_resting)
        vb_advs_wake(adapter->vb);
}

/* A fresh scan: at the start, and when a filter changes. */
static void scan_anew(struct vb_adapter *adapter)
{
    adapter->filter_lost = false;
    adapter->scan_resting = false;
    vb_timer_set(adapter->vb, &adapter->scan, VB_SCAN_US, turn, adapter);
    vb_advs_wake(adapter->vb);
}

static void end_scan(struct vb_adapter *adapter)
{
    struct vb_device *device = TAILQ_FIRST(&adapter->devices);

    vb_timer_stop(&adapter->scan);
    while (device) {
        struct vb_device *following = TAILQ_NEXT(device, next);

        vb_device_unheard(device);
        device = following;
    }
    if (!adapter->discovering)
        return;
    adapter->discovering = false;
    vb_changed(adapter->vb, adapter->path, ADAPTER, "Discovering", NULL);
}

void vb_discovery_halt(struct vb_adapter *adapter)
{
    end_scan(adapter);
}

void vb_discovery_resume(struct vb_adapter *adapter)
{
    if (adapter->discovering || !any_on(adapter))
        return;
    adapter->discovering = true;
    vb_changed(adapter->vb, adapter->path, ADAPTER, "Discovering", NULL);
    scan_anew(adapter);
}

bool vb_discovery_listening(const struct vb *vb)
{
    for (unsigned i = 0; i < vb->n_adapters; i++)
        if (vb->adapters[i].discovering && !vb->adapters[i].scan_resting)
            return true;
    return vb_links_pending(vb);
}

void vb_discovery_link_up(struct vb_adapter *adapter)
{
    if (adapter->discovering && adapter->vb->opt.version < VB_BLUEZ_FILTER_KEPT)
        adapter->filter_lost = true;
}

/* ---- what passes the filters ----------------------------------------------------------------- */

static bool has_uuid(const struct vb_report *report, const struct vb_filter *filter)
{
    for (size_t i = 0; i < filter->n_uuids; i++)
        for (size_t k = 0; k < report->n_uuids; k++)
            if (vb_uuid_same(&filter->uuids[i], &report->uuids[k]))
                return true;
    return filter->n_uuids == 0;
}

static bool is_near(const struct vb_report *report, const struct vb_filter *filter, int16_t rssi)
{
    if (filter->has_rssi)
        return rssi >= filter->rssi;
    return !filter->has_pathloss ||
           (report->has_tx_power && report->tx_power - rssi <= filter->pathloss);
}

static bool has_pattern(const struct vb_adapter *from, const struct vb_report *report,
                        const char *pattern)
{
    size_t n = strlen(pattern);

    return strncmp(from->addr_text, pattern, n) == 0 ||
           (report->name && strncmp(report->name, pattern, n) == 0);
}

/* Devices without the discoverable flags are hidden from unfiltered scans; a pattern decides
 * alone. */
static bool is_discoverable(const struct vb_adapter *adapter, const struct vb_adapter *from,
                            const struct vb_report *report)
{
    bool discoverable = is_filtered(adapter) || (report->flags & 0x03) != 0;
    const struct vb_scanner *scanner;

    TAILQ_FOREACH(scanner, &adapter->scanners, next) {
        if (!scanner->on || !scanner->filter || !scanner->filter->pattern)
            continue;
        if (has_pattern(from, report, scanner->filter->pattern))
            return true;
        discoverable = false;
    }
    return discoverable;
}

/* Clients' filters are joined by "or". *how tells what the filters ask for besides. */
static bool passes(const struct vb_adapter *adapter, const struct vb_report *report, int16_t rssi,
                   struct vb_heard *how)
{
    const struct vb_scanner *scanner;
    bool pass = !is_filtered(adapter), proximity = false;

    TAILQ_FOREACH(scanner, &adapter->scanners, next) {
        const struct vb_filter *filter = scanner->filter;

        if (!scanner->on)
            continue;
        if (!filter || (has_uuid(report, filter) && is_near(report, filter, rssi)))
            pass = true;
        how->duplicates = how->duplicates || (filter && filter->duplicates);
        proximity = proximity || (filter && (filter->has_rssi || filter->has_pathloss));
    }
    how->every_rssi = is_filtered(adapter) &&
                      (proximity || adapter->vb->opt.version < VB_BLUEZ_PROXIMITY);
    return pass;
}

static void hear(struct vb_adapter *adapter, struct vb_adv *adv)
{
    struct vb_adapter *from = adv->adapter;
    struct vb_heard how = {.report = &adv->report};
    bool discoverable = is_discoverable(adapter, from, &adv->report);

    how.rssi = (int16_t)(-58 - (int)(from->index % 8) * 4 + (int)(vb_random(adapter->vb) % 5) - 2);
    if (discoverable && passes(adapter, &adv->report, how.rssi, &how) &&
        !vb_fault_on_heard(adapter, from, &how))
        vb_device_heard(adapter, from, &how);
}

void vb_discovery_hear(struct vb_adv *adv)
{
    struct vb *vb = adv->adapter->vb;

    for (unsigned i = 0; i < vb->n_adapters; i++)
        if (&vb->adapters[i] != adv->adapter && vb->adapters[i].discovering &&
            !vb->adapters[i].scan_resting)
            hear(&vb->adapters[i], adv);
    if (adv->report.connectable)
        vb_links_heard(adv->adapter);
}

/* ---- methods --------------------------------------------------------------------------------- */

void vb_discovery_start(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    const char *owner = sd_bus_message_get_sender(m);
    struct vb_scanner *scanner = find(adapter, owner);

    if (!adapter->powered) {
        vb_fail(m, VB_E_NOT_READY, NULL);
        return;
    }
    if (scanner && scanner->on) {
        vb_fail(m, VB_E_BUSY, NULL);
        return;
    }
    if (!scanner)
        scanner = scanner_new(adapter, owner);
    scanner->on = true;
    vb_ok(m);
    if (!adapter->discovering) {
        adapter->discovering = true;
        vb_changed(vb, adapter->path, ADAPTER, "Discovering", NULL);
    }
    scan_anew(adapter);
}

/* A session ends; its filter stays for the next one of the same client. */
static void stop(struct vb_adapter *adapter, struct vb_scanner *scanner)
{
    scanner->on = false;
    if (!scanner->filter)
        scanner_free(adapter, scanner);
    if (!any_on(adapter))
        end_scan(adapter);
}

void vb_discovery_stop(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    struct vb_scanner *scanner = find(adapter, sd_bus_message_get_sender(m));

    (void)vb;
    if (!adapter->powered) {
        vb_fail(m, VB_E_NOT_READY, NULL);
        return;
    }
    if (!scanner || !scanner->on) {
        vb_fail(m, VB_E_FAILED, "No discovery started");
        return;
    }
    vb_ok(m);
    stop(adapter, scanner);
}

void vb_discovery_drop(struct vb_adapter *adapter, const char *owner)
{
    struct vb_scanner *scanner = TAILQ_FIRST(&adapter->scanners);
    bool any = any_on(adapter);

    while (scanner) {
        struct vb_scanner *following = TAILQ_NEXT(scanner, next);

        if (!owner || strcmp(scanner->owner, owner) == 0)
            scanner_free(adapter, scanner);
        scanner = following;
    }
    if (any && !any_on(adapter))
        end_scan(adapter);
}

/* ---- SetDiscoveryFilter ---------------------------------------------------------------------- */

static int parse_uuids(sd_bus_message *m, struct vb_filter *filter)
{
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
        filter->uuids = vb_grow(filter->uuids, filter->n_uuids + 1, sizeof *filter->uuids);
        if (!vb_uuid_parse(text, &filter->uuids[filter->n_uuids++]))
            return -EINVAL;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int parse_rssi(sd_bus_message *m, struct vb_filter *filter)
{
    int r = sd_bus_message_read(m, "n", &filter->rssi);

    filter->has_rssi = true;
    return r >= 0 && (filter->rssi < -127 || filter->rssi > 20) ? -EINVAL : r;
}

static int parse_pathloss(sd_bus_message *m, struct vb_filter *filter)
{
    int r = sd_bus_message_read(m, "q", &filter->pathloss);

    filter->has_pathloss = true;
    return r >= 0 && filter->pathloss > PATHLOSS_MAX ? -EINVAL : r;
}

static int parse_transport(sd_bus_message *m, struct vb_filter *filter)
{
    const char *text;
    int r = sd_bus_message_read(m, "s", &text);

    (void)filter; /* these radios have LE only, so that every accepted value means the same */
    if (r < 0 || strcmp(text, "auto") == 0 || strcmp(text, "le") == 0 || strcmp(text, "bredr") == 0)
        return r;
    return -EINVAL;
}

static int parse_duplicates(sd_bus_message *m, struct vb_filter *filter)
{
    int truth = 0, r = sd_bus_message_read(m, "b", &truth);

    filter->duplicates = truth;
    return r;
}

static int parse_discoverable(sd_bus_message *m, struct vb_filter *filter)
{
    int truth;

    (void)filter; /* making the own adapter discoverable has no effect on what it hears */
    return sd_bus_message_read(m, "b", &truth);
}

static int parse_pattern(sd_bus_message *m, struct vb_filter *filter)
{
    const char *text;
    int r = sd_bus_message_read(m, "s", &text);

    if (r >= 0) {
        free(filter->pattern);
        filter->pattern = vb_dup(text);
    }
    return r;
}

static const struct {
    const char *name, *sig;
    int (*parse)(sd_bus_message *m, struct vb_filter *filter);
} parsers[] = {
    {"UUIDs", "as", parse_uuids},
    {"RSSI", "n", parse_rssi},
    {"Pathloss", "q", parse_pathloss},
    {"Transport", "s", parse_transport},
    {"DuplicateData", "b", parse_duplicates},
    {"Discoverable", "b", parse_discoverable},
    {"Pattern", "s", parse_pattern},
};
#define N_PARSERS (sizeof parsers / sizeof parsers[0])

static int parse_entry(sd_bus_message *m, struct vb_filter *filter)
{
    const char *name;
    size_t i = 0;
    int r = sd_bus_message_read(m, "s", &name);

    while (r >= 0 && i < N_PARSERS && strcmp(parsers[i].name, name) != 0)
        i++;
    if (r < 0 || i == N_PARSERS || sd_bus_message_enter_container(m, 'v', parsers[i].sig) <= 0)
        return -EINVAL;
    r = parsers[i].parse(m, filter);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* False when it is refused; *ret is NULL for an empty filter. */
static bool parse_filter(sd_bus_message *m, struct vb_filter **ret)
{
    struct vb_filter *filter = vb_new(sizeof *filter);
    bool empty = true;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        empty = false;
        r = parse_entry(m, filter);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    if (r < 0 || empty || (filter->has_rssi && filter->has_pathloss)) {
        filter_free(filter);
        *ret = NULL;
        return r >= 0 && empty;
    }
    *ret = filter;
    return true;
}

void vb_discovery_set_filter(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_adapter *adapter = self;
    const char *owner = sd_bus_message_get_sender(m);
    struct vb_scanner *scanner = find(adapter, owner);
    struct vb_filter *filter;

    (void)vb;
    if (!adapter->powered) {
        vb_fail(m, VB_E_NOT_READY, NULL);
        return;
    }
    if (!parse_filter(m, &filter)) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return;
    }
    if (!scanner && filter)
        scanner = scanner_new(adapter, owner);
    if (scanner) {
        filter_free(scanner->filter);
        scanner->filter = filter;
        if (scanner->on)
            scan_anew(adapter);
        else if (!filter)
            scanner_free(adapter, scanner);
    }
    vb_ok(m);
}

void vb_discovery_get_filters(struct vb *vb, void *self, sd_bus_message *m)
{
    sd_bus_message *reply = NULL;
    int r;

    (void)vb;
    (void)self;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "s");
    for (size_t i = 0; r >= 0 && i < N_PARSERS; i++)
        r = sd_bus_message_append(reply, "s", parsers[i].name);
    if (r >= 0 && sd_bus_message_close_container(reply) >= 0)
        (void)sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
}
