/* adv_parse.c - what an advertisement says; see adv_parse.h. */
#include "bt/virtual/adv_parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"

#define PACKET 31
#define NAME_MAX_LEN (PACKET - 2)
#define FLAG_GENERAL 0x02
#define FLAG_NO_BREDR 0x04

/* What is collected while the properties are read. */
struct parse {
    struct vb_report report;
    const struct vb_adapter *adapter;
    unsigned n_bytes[3]; /* of 16-, 32- and 128-bit UUIDs, services; their heads come on top */
    unsigned other_bytes;
    bool has_type, include_name, include_tx, include_appearance, discoverable;
    uint16_t timeout_s, discoverable_timeout_s;
    uint32_t min_ms, max_ms;
};

void vb_report_done(struct vb_report *report)
{
    vb_blobs_free(&report->manufacturer, &report->n_manufacturer);
    vb_blobs_free(&report->service_data, &report->n_service_data);
    free(report->uuids);
    free(report->name);
    *report = (struct vb_report){0};
}

static int parse_type(sd_bus_message *m, struct parse *p)
{
    const char *text;
    int r = sd_bus_message_read(m, "s", &text);

    if (r < 0 || (strcmp(text, "peripheral") != 0 && strcmp(text, "broadcast") != 0))
        return -EINVAL;
    p->has_type = true;
    p->report.connectable = strcmp(text, "peripheral") == 0;
    return 0;
}

static int parse_uuids(sd_bus_message *m, struct parse *p)
{
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
        struct vb_report *report = &p->report;
        struct vb_uuid uuid;
        uint16_t n;

        if (!vb_uuid_parse(text, &uuid))
            return -EINVAL;
        report->uuids = vb_grow(report->uuids, report->n_uuids + 1, sizeof *report->uuids);
        report->uuids[report->n_uuids++] = uuid;
        p->n_bytes[vb_uuid_short(&uuid, &n) ? 0 : 2] += vb_uuid_short(&uuid, &n) ? 2 : 16;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Solicited UUIDs only take room: no client is told of them. */
static int parse_solicit(sd_bus_message *m, struct parse *p)
{
    unsigned bytes[2] = {0, 0};
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
        struct vb_uuid uuid;
        uint16_t n;

        if (!vb_uuid_parse(text, &uuid))
            return -EINVAL;
        bytes[vb_uuid_short(&uuid, &n) ? 0 : 1] += vb_uuid_short(&uuid, &n) ? 2 : 16;
    }
    for (int i = 0; i < 2; i++)
        p->other_bytes += bytes[i] > 0 ? bytes[i] + 2 : 0;
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_blob(sd_bus_message *m, struct vb_blob *blob)
{
    const void *bytes;
    size_t n;
    int r = sd_bus_message_enter_container(m, 'v', "ay");

    if (r >= 0)
        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
    if (r < 0)
        return r;
    blob->data.p = vb_dup_bytes(bytes, n);
    blob->data.n = n;
    return sd_bus_message_exit_container(m);
}

static int parse_manufacturer(sd_bus_message *m, struct parse *p)
{
    struct vb_report *report = &p->report;
    int r = sd_bus_message_enter_container(m, 'a', "{qv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "qv")) > 0) {
        struct vb_blob blob = {0};

        r = sd_bus_message_read(m, "q", &blob.company);
        if (r >= 0)
            r = read_blob(m, &blob);
        report->manufacturer = vb_grow(report->manufacturer, report->n_manufacturer + 1,
                                       sizeof *report->manufacturer);
        report->manufacturer[report->n_manufacturer++] = blob;
        p->other_bytes += (unsigned)(4 + blob.data.n);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int parse_service_data(sd_bus_message *m, struct parse *p)
{
    struct vb_report *report = &p->report;
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        struct vb_blob blob = {0};
        uint8_t wire[16];

        r = sd_bus_message_read(m, "s", &text);
        if (r < 0 || !vb_uuid_parse(text, &blob.uuid))
            return -EINVAL;
        r = read_blob(m, &blob);
        report->service_data = vb_grow(report->service_data, report->n_service_data + 1,
                                       sizeof *report->service_data);
        report->service_data[report->n_service_data++] = blob;
        p->other_bytes += (unsigned)(2 + vb_uuid_wire(&blob.uuid, wire) + blob.data.n);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int parse_includes(sd_bus_message *m, struct parse *p)
{
    const char *text;
    int r = sd_bus_message_enter_container(m, 'a', "s");

    while (r >= 0 && (r = sd_bus_message_read(m, "s", &text)) > 0) {
        if (strcmp(text, "tx-power") == 0)
            p->include_tx = true;
        else if (strcmp(text, "appearance") == 0)
            p->include_appearance = true;
        else if (strcmp(text, "local-name") == 0)
            p->include_name = true;
        else if (strcmp(text, "rsi") != 0)
            return -EINVAL;
    }
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int parse_local_name(sd_bus_message *m, struct parse *p)
{
    const char *text;
    int r = sd_bus_message_read(m, "s", &text);

    if (r >= 0)
        p->report.name = vb_dup(text);
    return r;
}

static int parse_appearance(sd_bus_message *m, struct parse *p)
{
    p->report.has_appearance = true;
    return sd_bus_message_read(m, "q", &p->report.appearance);
}

static int parse_discoverable(sd_bus_message *m, struct parse *p)
{
    int truth = 0, r = sd_bus_message_read(m, "b", &truth);

    p->discoverable = truth;
    return r;
}

static int parse_timeout(sd_bus_message *m, struct parse *p)
{
    return sd_bus_message_read(m, "q", &p->timeout_s);
}

static int parse_discoverable_timeout(sd_bus_message *m, struct parse *p)
{
    return sd_bus_message_read(m, "q", &p->discoverable_timeout_s);
}

static int parse_min(sd_bus_message *m, struct parse *p)
{
    int r = sd_bus_message_read(m, "u", &p->min_ms);

    return r >= 0 && (p->min_ms < 20 || p->min_ms > 10485) ? -EINVAL : r;
}

static int parse_max(sd_bus_message *m, struct parse *p)
{
    int r = sd_bus_message_read(m, "u", &p->max_ms);

    return r >= 0 && (p->max_ms < 20 || p->max_ms > 10485) ? -EINVAL : r;
}

static int parse_tx_power(sd_bus_message *m, struct parse *p)
{
    int r = sd_bus_message_read(m, "n", &p->report.tx_power);

    return r >= 0 && (p->report.tx_power < -127 || p->report.tx_power > 20) ? -EINVAL : r;
}

static const struct {
    const char *name, *sig;
    int (*parse)(sd_bus_message *m, struct parse *p);
} parsers[] = {
    {"Type", "s", parse_type},
    {"ServiceUUIDs", "as", parse_uuids},
    {"SolicitUUIDs", "as", parse_solicit},
    {"ManufacturerData", "a{qv}", parse_manufacturer},
    {"ServiceData", "a{sv}", parse_service_data},
    {"Includes", "as", parse_includes},
    {"LocalName", "s", parse_local_name},
    {"Appearance", "q", parse_appearance},
    {"Timeout", "q", parse_timeout},
    {"Discoverable", "b", parse_discoverable},
    {"DiscoverableTimeout", "q", parse_discoverable_timeout},
    {"MinInterval", "u", parse_min},
    {"MaxInterval", "u", parse_max},
    {"TxPower", "n", parse_tx_power},
};

static int parse_entry(sd_bus_message *m, struct parse *p)
{
    const char *name;
    size_t i = 0;
    int r = sd_bus_message_read(m, "s", &name);

    if (r < 0)
        return r;
    while (i < sizeof parsers / sizeof parsers[0] && strcmp(parsers[i].name, name) != 0)
        i++;
    if (i == sizeof parsers / sizeof parsers[0])
        return sd_bus_message_skip(m, "v");
    r = sd_bus_message_enter_container(m, 'v', parsers[i].sig);
    if (r <= 0)
        return -EINVAL;
    r = parsers[i].parse(m, p);
    return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* Cut a name to the scan response, not within a character. */
static void cut_name(char *name)
{
    size_t n = NAME_MAX_LEN;

    if (strlen(name) <= n)
        return;
    while (n > 0 && ((unsigned char)name[n] & 0xc0) == 0x80)
        n--;
    name[n] = '\0';
}

/* What belongs together, and whether it fits. */
static bool check(struct parse *p)
{
    struct vb_report *report = &p->report;
    unsigned bytes = p->other_bytes;

    if (!p->has_type || (p->include_name && report->name) ||
        (p->discoverable && !report->connectable) ||
        (p->timeout_s && p->timeout_s < p->discoverable_timeout_s) || p->min_ms > p->max_ms)
        return false;
    for (int i = 0; i < 3; i++)
        bytes += p->n_bytes[i] > 0 ? p->n_bytes[i] + 2 : 0;
    if (p->discoverable || (report->connectable && p->adapter->discoverable)) {
        report->flags = FLAG_GENERAL | FLAG_NO_BREDR;
        bytes += 3;
    }
    if (p->include_tx) {
        report->has_tx_power = true;
        bytes += 3;
    }
    if (p->include_appearance)
        report->has_appearance = true;
    if (report->has_appearance)
        bytes += 4;
    if (p->include_name)
        report->name = vb_dup(p->adapter->alias);
    if (report->name)
        cut_name(report->name);
    return bytes <= PACKET;
}

bool vb_adv_parse(sd_bus_message *m, const struct vb_adapter *adapter, struct vb_report *ret,
                  unsigned *ret_interval_ms, unsigned *ret_timeout_s)
{
    struct parse p = {.adapter = adapter};
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = parse_entry(m, &p);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    if (r < 0 || !check(&p)) {
        vb_report_done(&p.report);
        return false;
    }
    *ret = p.report;
    *ret_interval_ms = p.max_ms ? p.max_ms : adapter->vb->opt.adv_ms;
    *ret_timeout_s = p.timeout_s;
    return true;
}
