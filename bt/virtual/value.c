/* value.c - reading and writing of values for D-Bus clients; see value.h. */
#include "bt/virtual/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "common/bytes.h"

#define NOT_CONNECTED "Not connected"
#define READ_MAX 65535

uint8_t vb_response_error(const uint8_t *pdu, size_t n, uint8_t expected)
{
    if (pdu && pdu[0] == expected)
        return VB_ATT_OK;
    return pdu && pdu[0] == VB_ATT_ERROR_RSP && n == 5 && pdu[4] ? pdu[4] : VB_ATT_E_UNLIKELY;
}

/* ---- long reads ------------------------------------------------------------------------------ */

struct long_read {
    enum vb_purpose purpose;
    uint16_t handle, offset;
    struct vb_bytes got;
    vb_long_read_fn *fn;
    void *arg;
};

static void on_part(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n);

static void read_part(struct vb_link *link, struct long_read *r)
{
    size_t offset = r->offset + r->got.n;
    uint8_t pdu[5] = {offset ? VB_ATT_BLOB_REQ : VB_ATT_READ_REQ, (uint8_t)r->handle,
                      (uint8_t)(r->handle >> 8), (uint8_t)offset, (uint8_t)(offset >> 8)};

    vb_link_request(link, r->purpose, pdu, offset ? 5 : 3, on_part, r);
}

static void on_part(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct long_read *r = arg;
    bool first = r->offset + r->got.n == 0;
    uint8_t code = vb_response_error(pdu, n, first ? VB_ATT_READ_RSP : VB_ATT_BLOB_RSP);

    if (!code && n > 1) {
        r->got.p = vb_grow(r->got.p, r->got.n + n - 1, 1);
        memcpy(r->got.p + r->got.n, pdu + 1, n - 1);
        r->got.n += n - 1;
    }
    if (!code && n >= link->mtu && r->offset + r->got.n < READ_MAX) {
        read_part(link, r); /* a full answer: there may be more */
        return;
    }
    r->fn(link, r->arg, code, r->got.p, r->got.n);
    free(r->got.p);
    free(r);
}

void vb_read_long(struct vb_link *link, enum vb_purpose purpose, uint16_t handle, uint16_t offset,
                  vb_long_read_fn *fn, void *arg)
{
    struct long_read *r = vb_new(sizeof *r);

    r->purpose = purpose;
    r->handle = handle;
    r->offset = offset;
    r->fn = fn;
    r->arg = arg;
    read_part(link, r);
}

/* ---- operations ------------------------------------------------------------------------------ */

/* What the methods of a characteristic and of a descriptor have in common. */
struct spot {
    struct vb_device *device;
    const char *path, *iface;
    uint16_t handle;
    struct vb_bytes *value;
    bool *has_value;
    struct vb_op **reading, **writing;
};

static struct spot char_spot(struct vb_char *chr)
{
    return (struct spot){chr->service->device, chr->path,      VB_CHARACTERISTIC, chr->value_handle,
                         &chr->value,          &chr->has_value, &chr->reading,     &chr->writing};
}

static struct spot desc_spot(struct vb_desc *desc)
{
    return (struct spot){desc->chr->service->device, desc->path,       VB_DESCRIPTOR,
                         desc->handle,               &desc->value,     &desc->has_value,
                         &desc->reading,             &desc->writing};
}

static void add_call(struct vb_op *op, sd_bus_message *m)
{
    op->calls = vb_grow(op->calls, op->n_calls + 1, sizeof(sd_bus_message *));
    op->calls[op->n_calls++] = sd_bus_message_ref(m);
}

static struct vb_op *op_new(const struct spot *spot, struct vb_op **slot, sd_bus_message *m)
{
    struct vb_op *op = vb_new(sizeof *op);

    op->slot = slot;
    op->value = spot->value;
    op->has_value = spot->has_value;
    op->path = spot->path;
    op->iface = spot->iface;
    op->handle = spot->handle;
    add_call(op, m);
    *slot = op;
    return op;
}

static void op_free(struct vb_op *op)
{
    for (size_t i = 0; i < op->n_calls; i++)
        sd_bus_message_unref(op->calls[i]);
    free(op->calls);
    free(op->bytes.p);
    free(op);
}

static void answer_failed(struct vb_op *op, uint8_t code)
{
    for (size_t i = 0; i < op->n_calls; i++)
        vb_fail_att(op->calls[i], code);
}

void vb_op_end(struct vb *vb, struct vb_op *op, uint8_t code)
{
    (void)vb;
    if (op->slot) {
        *op->slot = NULL;
        if (code)
            answer_failed(op, code);
        for (size_t i = 0; !code && i < op->n_calls; i++)
            vb_ok(op->calls[i]);
    }
    op_free(op);
}

static void drop(struct vb_op **slot)
{
    struct vb_op *op = *slot;

    if (!op)
        return;
    answer_failed(op, VB_ATT_E_UNLIKELY);
    op->slot = NULL; /* its response, still to come, frees it */
    *slot = NULL;
}

void vb_value_drop(struct vb_op **reading, struct vb_op **writing)
{
    drop(reading);
    drop(writing);
}

/* Put bytes at an offset of a kept value, which ends with them. */
static void store(struct vb_bytes *value, bool *has_value, size_t offset, const uint8_t *bytes,
                  size_t n)
{
    size_t before = offset < value->n ? offset : value->n;

    value->p = vb_grow(value->p, offset + n + 1, 1);
    memset(value->p + before, 0, offset - before);
    if (n > 0)
        memcpy(value->p + offset, bytes, n);
    value->n = offset + n;
    *has_value = true;
}

void vb_char_set_value(struct vb_char *chr, const uint8_t *bytes, size_t n)
{
    store(&chr->value, &chr->has_value, 0, bytes, n);
    vb_changed(chr->service->device->adapter->vb, chr->path, VB_CHARACTERISTIC, "Value", NULL);
}

/* ---- options --------------------------------------------------------------------------------- */

struct options {
    uint16_t offset;
    const char *type; /* NULL: not given */
};

static int parse_option(sd_bus_message *m, struct options *ret)
{
    const char *key, *sig;
    int r = sd_bus_message_read(m, "s", &key);

    if (r >= 0)
        r = sd_bus_message_peek_type(m, NULL, &sig);
    if (r < 0)
        return r;
    if (strcasecmp(key, "offset") == 0)
        return sd_bus_message_read(m, "v", "q", &ret->offset);
    if (strcasecmp(key, "type") == 0)
        return sd_bus_message_read(m, "v", "s", &ret->type);
    return sd_bus_message_skip(m, "v");
}

static bool parse_options(sd_bus_message *m, struct options *ret)
{
    int r = sd_bus_message_enter_container(m, 'a', "{sv}");

    *ret = (struct options){0, NULL};
    while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
        r = parse_option(m, ret);
        if (r >= 0)
            r = sd_bus_message_exit_container(m);
    }
    return r >= 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void answer_read(sd_bus_message *call, const struct vb_bytes *value, size_t offset)
{
    sd_bus_message *m = NULL;

    if (sd_bus_message_new_method_return(call, &m) >= 0 &&
        sd_bus_message_append_array(m, 'y', value->p ? value->p + offset : NULL,
                                    value->n - offset) >= 0)
        (void)sd_bus_send(NULL, m, NULL);
    sd_bus_message_unref(m);
}

static void on_value_read(struct vb_link *link, void *arg, uint8_t code, const uint8_t *bytes,
                          size_t n)
{
    struct vb_op *op = arg;

    if (code || !op->slot) {
        vb_op_end(link->vb, op, code ? code : VB_ATT_E_UNLIKELY);
        return;
    }
    store(op->value, op->has_value, op->offset, bytes, n);
    vb_changed(link->vb, op->path, op->iface, "Value", NULL);
    for (size_t i = 0; i < op->n_calls; i++)
        answer_read(op->calls[i], op->value, op->offset);
    *op->slot = NULL;
    op_free(op);
}

static void read_spot(const struct spot *spot, sd_bus_message *m)
{
    struct vb_link *link = spot->device->link;
    struct options options;
    struct vb_op *op = *spot->reading;

    if (!link) {
        vb_fail(m, VB_E_FAILED, NOT_CONNECTED);
    } else if (!parse_options(m, &options)) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
    } else if (op && op->offset != options.offset) {
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
    } else if (op) {
        add_call(op, m);
    } else {
        op = op_new(spot, spot->reading, m);
        op->offset = options.offset;
        vb_read_long(link, VB_FOR_CLIENT, op->handle, op->offset, on_value_read, op);
    }
}

void vb_char_read(struct vb *vb, void *self, sd_bus_message *m)
{
    struct spot spot = char_spot(self);

    (void)vb;
    read_spot(&spot, m);
}

void vb_desc_read(struct vb *vb, void *self, sd_bus_message *m)
{
    struct spot spot = desc_spot(self);

    (void)vb;
    read_spot(&spot, m);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void on_written(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    vb_op_end(link->vb, arg, vb_response_error(pdu, n, VB_ATT_WRITE_RSP));
}

/* A write request or command; returns its length. */
static size_t make_write(uint8_t pdu[static VB_ATT_MTU_MAX], uint8_t op, uint16_t handle,
                         const uint8_t *bytes, size_t n)
{
    struct gf_writer w = {.p = pdu, .cap = VB_ATT_MTU_MAX};

    gf_wr_uint(&w, op, 1);
    gf_wr_uint(&w, handle, 2);
    if (n > 0)
        gf_wr(&w, bytes, n);
    return w.bad ? SIZE_MAX : w.n;
}

static void write_request(const struct spot *spot, sd_bus_message *m, const uint8_t *bytes,
                          size_t n, uint16_t offset, bool reliable)
{
    struct vb_link *link = spot->device->link;
    struct vb_op *op = op_new(spot, spot->writing, m);
    uint8_t pdu[VB_ATT_MTU_MAX];

    op->offset = offset;
    if (!reliable && offset == 0 && n + 3 <= link->mtu) {
        vb_link_request(link, VB_FOR_CLIENT, pdu,
                        make_write(pdu, VB_ATT_WRITE_REQ, spot->handle, bytes, n), on_written, op);
        return;
    }
    op->bytes.p = vb_dup_bytes(bytes, n);
    op->bytes.n = n;
    vb_write_long(link, op);
}

static void write_command(const struct spot *spot, sd_bus_message *m, const uint8_t *bytes,
                          size_t n)
{
    uint8_t pdu[VB_ATT_MTU_MAX];

    if (vb_link_command(spot->device->link, pdu,
                        make_write(pdu, VB_ATT_WRITE_CMD, spot->handle, bytes, n)))
        vb_ok(m); /* queued is all that it says */
    else
        vb_fail(m, VB_E_FAILED, "Failed to initiate write");
}

/* Which write it is: what the type says, else what the characteristic offers. */
static void write_char(struct vb_char *chr, sd_bus_message *m, const uint8_t *bytes, size_t n,
                       const struct options *options)
{
    struct spot spot = char_spot(chr);
    const char *type = options->type;

    if (type ? strcasecmp(type, "reliable") == 0 : (chr->ext_props & VB_EXT_RELIABLE) != 0)
        write_request(&spot, m, bytes, n, options->offset, true);
    else if (type ? strcasecmp(type, "request") == 0 : (chr->props & VB_PROP_WRITE) != 0)
        write_request(&spot, m, bytes, n, options->offset, false);
    else if (options->offset == 0 &&
             (type ? strcasecmp(type, "command") == 0 : (chr->props & VB_PROP_WRITE_CMD) != 0))
        write_command(&spot, m, bytes, n);
    else
        vb_fail(m, VB_E_NOT_SUPPORTED, NULL);
}

static bool read_arguments(sd_bus_message *m, const uint8_t **bytes, size_t *n,
                           struct options *options)
{
    const void *at;

    if (sd_bus_message_read_array(m, 'y', &at, n) < 0 || !parse_options(m, options)) {
        vb_fail(m, VB_E_INVALID_ARGUMENTS, NULL);
        return false;
    }
    *bytes = at;
    return true;
}

/* Services that plugins use are read-only for clients. */
static bool is_refused(const struct vb *vb, const struct vb_service *service, sd_bus_message *m)
{
    if (!service->claimed || vb->opt.version < VB_BLUEZ_CLAIMED)
        return false;
    vb_fail(m, VB_E_NOT_AUTHORIZED, NULL);
    return true;
}

void vb_char_write(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_char *chr = self;
    struct options options;
    const uint8_t *bytes;
    size_t n;

    if (!chr->service->device->link)
        vb_fail(m, VB_E_FAILED, NOT_CONNECTED);
    else if (is_refused(vb, chr->service, m))
        return;
    else if (chr->write_pipe)
        vb_fail(m, VB_E_NOT_PERMITTED, "Write acquired");
    else if (chr->writing)
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
    else if (read_arguments(m, &bytes, &n, &options))
        write_char(chr, m, bytes, n, &options);
}

void vb_desc_write(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_desc *desc = self;
    struct spot spot = desc_spot(desc);
    struct options options;
    const uint8_t *bytes;
    size_t n;

    if (!spot.device->link)
        vb_fail(m, VB_E_FAILED, NOT_CONNECTED);
    else if (is_refused(vb, desc->chr->service, m))
        return;
    else if (desc->writing)
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
    else if (!read_arguments(m, &bytes, &n, &options))
        return;
    else if (vb_uuid_is(&desc->uuid, VB_UUID_CCC))
        vb_fail(m, VB_E_NOT_PERMITTED, "Write not permitted");
    else
        write_request(&spot, m, bytes, n, options.offset, false);
}
