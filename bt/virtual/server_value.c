/* server_value.c - the GATT server of a link: reading, writing, notifying; see server.h. */
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/app.h"
#include "bt/virtual/att.h"
#include "bt/virtual/db.h"
#include "bt/virtual/error.h"
#include "bt/virtual/link.h"
#include "bt/virtual/server.h"
#include "common/bytes.h"

#define PREPARED_MAX 30

static struct vb_adapter *adapter_of(const struct vb_link *link)
{
    return link->at_peripheral->adapter;
}

static void forget_prepared(struct vb_server *server)
{
    struct vb_prepared *part;

    while ((part = TAILQ_FIRST(&server->prepared)) != NULL) {
        TAILQ_REMOVE(&server->prepared, part, next);
        free(part->bytes);
        free(part);
    }
}

void vb_server_init(struct vb_link *link)
{
    TAILQ_INIT(&link->server.prepared);
    TAILQ_INIT(&link->server.indications);
}

void vb_server_done(struct vb_link *link)
{
    struct vb_server *server = &link->server;
    struct vb_indication *indication;

    vb_timer_stop(&server->late);
    vb_timer_stop(&server->batch_timer);
    server->call = sd_bus_slot_unref(server->call);
    forget_prepared(server);
    while ((indication = TAILQ_FIRST(&server->indications)) != NULL) {
        TAILQ_REMOVE(&server->indications, indication, next);
        free(indication);
    }
    for (size_t i = 0; i < server->n_cccs; i++)
        if (server->cccs[i].value && server->cccs[i].node)
            vb_app_poke(link->vb, server->cccs[i].node, "StopNotify");
    free(server->cccs);
    server->cccs = NULL;
    server->n_cccs = 0;
}

/* ---- asking the application ------------------------------------------------------------------ */

/* The application has answered, or it is too late for that. */
static void asked_end(struct vb_link *link)
{
    vb_timer_stop(&link->server.late);
    link->server.call = sd_bus_slot_unref(link->server.call);
}

static void too_late(void *arg)
{
    struct vb_link *link = arg;

    asked_end(link);
    forget_prepared(&link->server);
    vb_server_error(link, link->server.op, link->server.handle, VB_ATT_E_UNLIKELY);
}

/* Ask about a request; fn answers it. */
static void ask(struct vb_link *link, uint8_t op, const struct vb_attr *attr, uint16_t offset,
                const struct vb_bytes *bytes, sd_bus_message_handler_t fn)
{
    struct vb_server *server = &link->server;
    struct vb_app_call call = {attr->node, link->at_peripheral->path, link->mtu, offset};

    server->op = op;
    server->handle = attr->handle;
    server->offset = offset;
    vb_timer_set(link->vb, &server->late, VB_ATTRIBUTE_US, too_late, link);
    if (vb_app_call(link->vb, &call, bytes, fn, link, &server->call) < 0)
        too_late(link);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Answer a read with the part of a value that fits. */
static void answer_value(struct vb_link *link, uint8_t op, const uint8_t *bytes, size_t n)
{
    uint8_t pdu[VB_ATT_MTU_MAX];
    struct gf_writer w = {.p = pdu, .cap = link->mtu};

    gf_wr_uint(&w, op == VB_ATT_BLOB_REQ ? VB_ATT_BLOB_RSP : VB_ATT_READ_RSP, 1);
    if (n > 0)
        gf_wr(&w, bytes, n < (size_t)link->mtu - 1 ? n : (size_t)link->mtu - 1);
    vb_link_answer(link, pdu, w.n);
}

static int on_read(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb_link *link = userdata;
    struct vb_server *server = &link->server;
    const void *bytes = NULL;
    size_t n = 0;

    (void)error;
    asked_end(link);
    if (sd_bus_message_is_method_error(m, NULL))
        vb_server_error(link, server->op, server->handle,
                        vb_att_from_dbus(sd_bus_message_get_error(m), VB_ATT_E_READ));
    else if (sd_bus_message_read_array(m, 'y', &bytes, &n) < 0)
        vb_server_error(link, server->op, server->handle, VB_ATT_E_UNSUPPORTED);
    else /* the application has cut the value at the offset itself */
        answer_value(link, server->op, bytes, n < VB_ATT_VALUE_MAX ? n : VB_ATT_VALUE_MAX);
    return 0;
}

/* What an access lacks, or 0. */
static uint8_t check_access(const struct vb_attr *attr, unsigned access)
{
    if (!attr)
        return VB_ATT_E_HANDLE;
    if (!(attr->perm & access))
        return access == VB_PERM_READ ? VB_ATT_E_READ : VB_ATT_E_WRITE;
    if (attr->perm & VB_PERM_AUTHENTICATE)
        return VB_ATT_E_AUTHENTICATION;
    return attr->perm & VB_PERM_ENCRYPT ? VB_ATT_E_ENCRYPTION : VB_ATT_OK;
}

static struct vb_ccc *find_ccc(struct vb_server *server, uint16_t handle)
{
    for (size_t i = 0; i < server->n_cccs; i++)
        if (server->cccs[i].handle == handle)
            return &server->cccs[i];
    return NULL;
}

/* A value that the daemon knows. */
static struct gf_span own_value(struct vb_link *link, const struct vb_attr *attr, uint8_t ccc[2])
{
    struct vb_adapter *adapter = adapter_of(link);
    const struct vb_ccc *state = find_ccc(&link->server, attr->handle);

    switch (attr->source) {
    case VB_FROM_NAME:
        return (struct gf_span){(const uint8_t *)adapter->alias, strlen(adapter->alias)};
    case VB_FROM_HASH:
        return (struct gf_span){adapter->db.hash, sizeof adapter->db.hash};
    case VB_FROM_CLIENT_FEATURES:
        return (struct gf_span){&link->server.client_features, 1};
    case VB_FROM_CCC:
        ccc[0] = (uint8_t)(state ? state->value : 0);
        ccc[1] = 0;
        return (struct gf_span){ccc, 2};
    case VB_FROM_TABLE:
    case VB_FROM_APP:
        break;
    }
    return (struct gf_span){attr->value.p, attr->value.n};
}

void vb_server_read(struct vb_link *link, uint8_t op, uint16_t handle, uint16_t offset)
{
    const struct vb_attr *attr = vb_db_find(&adapter_of(link)->db, handle);
    uint8_t code = check_access(attr, VB_PERM_READ), ccc[2];
    struct gf_span value;

    if (code) {
        vb_server_error(link, op, handle, code);
        return;
    }
    if (attr->source == VB_FROM_APP) {
        ask(link, op, attr, offset, NULL, on_read);
        return;
    }
    value = own_value(link, attr, ccc);
    if (offset > value.n)
        vb_server_error(link, op, handle, VB_ATT_E_OFFSET);
    else
        answer_value(link, op, value.p ? value.p + offset : NULL, value.n - offset);
}

/* ---- subscribing ----------------------------------------------------------------------------- */

/* Write a client configuration; 0 or an ATT error. */
static uint8_t write_ccc(struct vb_link *link, const struct vb_attr *attr, const uint8_t *bytes,
                         size_t n)
{
    struct vb_server *server = &link->server;
    struct vb_ccc *state = find_ccc(server, attr->handle);
    uint16_t value = (uint16_t)(n > 0 ? bytes[0] | (n > 1 ? bytes[1] << 8 : 0) : 0);
    unsigned props = attr->node ? attr->node->props : VB_PROP_INDICATE;

    if (n == 0 || n > 2)
        return VB_ATT_E_LENGTH;
    if (value > 2 || (value == 1 && !(props & VB_PROP_NOTIFY)) ||
        (value == 2 && !(props & VB_PROP_INDICATE)))
        return VB_ATT_E_CCC;
    if (!state) {
        server->cccs = vb_grow(server->cccs, server->n_cccs + 1, sizeof *server->cccs);
        state = &server->cccs[server->n_cccs++];
        *state = (struct vb_ccc){attr->handle, 0, attr->node};
    }
    if (state->value == value)
        return VB_ATT_OK;
    state->value = value;
    if (attr->node) /* the application is told, not asked */
        vb_app_poke(link->vb, attr->node, value ? "StartNotify" : "StopNotify");
    return VB_ATT_OK;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void answer_written(struct vb_link *link, uint8_t op, uint16_t handle, uint8_t code)
{
    uint8_t pdu = op == VB_ATT_EXECUTE_REQ ? VB_ATT_EXECUTE_RSP : VB_ATT_WRITE_RSP;

    if (op == VB_ATT_WRITE_CMD)
        return;
    if (code)
        vb_server_error(link, op, handle, code);
    else
        vb_link_answer(link, &pdu, 1);
}

static void execute_next(struct vb_link *link);

static int on_written(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb_link *link = userdata;
    struct vb_server *server = &link->server;
    uint8_t code = VB_ATT_OK;

    (void)error;
    asked_end(link);
    if (sd_bus_message_is_method_error(m, NULL))
        code = vb_att_from_dbus(sd_bus_message_get_error(m), VB_ATT_E_WRITE);
    if (code)
        forget_prepared(server);
    if (server->op == VB_ATT_EXECUTE_REQ && !code)
        execute_next(link);
    else
        answer_written(link, server->op, server->handle, code);
    return 0;
}

/* Releases up to 5.71 count the header's bytes too. */
static uint8_t check_length(const struct vb_link *link, size_t header, size_t n, size_t offset)
{
    if (link->vb->opt.version >= VB_BLUEZ_WRITE_512)
        header = 0;
    if (offset > VB_ATT_VALUE_MAX)
        return VB_ATT_E_OFFSET;
    return header + n + offset > VB_ATT_VALUE_MAX ? VB_ATT_E_LENGTH : VB_ATT_OK;
}

/* Hand a value to the application, which is asked, unless the characteristic takes commands: then
 * a request is answered before the application has seen it. False: the answer comes later. */
static bool write_app(struct vb_link *link, uint8_t op, const struct vb_attr *attr, uint16_t offset,
                      struct vb_bytes bytes)
{
    struct vb_app_call call = {attr->node, link->at_peripheral->path, link->mtu, offset};
    bool is_value = attr->node->kind == VB_NODE_CHARACTERISTIC;

    if (op == VB_ATT_WRITE_CMD || (is_value && (attr->node->props & VB_PROP_WRITE_CMD))) {
        vb_app_tell(link->vb, &call, &bytes);
        return true;
    }
    ask(link, op, attr, offset, &bytes, on_written);
    return false;
}

void vb_server_write(struct vb_link *link, uint8_t op, uint16_t handle, const uint8_t *bytes,
                     size_t n)
{
    const struct vb_attr *attr = vb_db_find(&adapter_of(link)->db, handle);
    uint8_t code = attr ? check_length(link, 2, n, 0) : VB_ATT_E_HANDLE;
    uint8_t *copy;

    if (!code)
        code = check_access(attr, VB_PERM_WRITE);
    if (!code && attr->source == VB_FROM_CCC) {
        code = write_ccc(link, attr, bytes, n);
    } else if (!code && attr->source == VB_FROM_CLIENT_FEATURES) {
        link->server.client_features |= n > 0 ? bytes[0] & 7 : 0;
        code = n > 0 ? VB_ATT_OK : VB_ATT_E_LENGTH;
    } else if (!code && attr->source == VB_FROM_APP) {
        bool answered;

        copy = vb_dup_bytes(bytes, n);
        answered = write_app(link, op, attr, 0, (struct vb_bytes){copy, n});
        free(copy);
        if (!answered)
            return;
    }
    answer_written(link, op, handle, code);
}

void vb_server_prepare(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    struct gf_reader in = {.p = pdu + 1, .left = n - 1};
    uint16_t handle = (uint16_t)gf_rd_uint(&in, 2), offset = (uint16_t)gf_rd_uint(&in, 2);
    struct vb_server *server = &link->server;
    struct vb_prepared *part;
    const struct vb_attr *attr = vb_db_find(&adapter_of(link)->db, handle);
    uint8_t code = in.bad ? VB_ATT_E_PDU : check_access(attr, VB_PERM_WRITE);
    uint8_t echo[VB_ATT_MTU_MAX];
    unsigned n_parts = 0;

    TAILQ_FOREACH(part, &server->prepared, next)
        n_parts++;
    if (!code)
        code = check_length(link, 4, in.left, offset);
    if (!code && n_parts >= PREPARED_MAX)
        code = VB_ATT_E_QUEUE_FULL;
    if (code) {
        vb_server_error(link, VB_ATT_PREPARE_REQ, handle, code);
        return;
    }
    part = TAILQ_LAST(&server->prepared, vb_prepared_list);
    if (!part || part->handle != handle || part->offset + part->n != offset) {
        part = vb_new(sizeof *part);
        part->handle = handle;
        part->offset = offset;
        TAILQ_INSERT_TAIL(&server->prepared, part, next);
    }
    part->bytes = vb_grow(part->bytes, part->n + in.left + 1, 1);
    memcpy(part->bytes + part->n, in.p, in.left);
    part->n += in.left;
    memcpy(echo, pdu, n);
    echo[0] = VB_ATT_PREPARE_RSP;
    vb_link_answer(link, echo, n);
}

/* Write what was prepared, part by part; the last one's answer is the request's. */
static void execute_next(struct vb_link *link)
{
    struct vb_server *server = &link->server;
    struct vb_prepared *part;

    while ((part = TAILQ_FIRST(&server->prepared)) != NULL) {
        const struct vb_attr *attr = vb_db_find(&adapter_of(link)->db, part->handle);
        struct vb_bytes bytes = {part->bytes, part->n};
        bool answered = true;

        TAILQ_REMOVE(&server->prepared, part, next);
        if (attr && attr->source == VB_FROM_APP)
            answered = write_app(link, VB_ATT_EXECUTE_REQ, attr, part->offset, bytes);
        free(part->bytes);
        free(part);
        if (!answered)
            return;
    }
    answer_written(link, VB_ATT_EXECUTE_REQ, 0, VB_ATT_OK);
}

void vb_server_execute(struct vb_link *link, uint8_t flags)
{
    if (flags == 0)
        forget_prepared(&link->server);
    execute_next(link);
}

/* ---- notifying ------------------------------------------------------------------------------- */

static void indicate_next(struct vb_link *link)
{
    const struct vb_indication *indication = TAILQ_FIRST(&link->server.indications);

    if (indication)
        vb_link_answer(link, indication->bytes, indication->n);
}

static void indicate(struct vb_link *link, struct vb_node *node, const uint8_t *pdu, size_t n)
{
    struct vb_server *server = &link->server;
    struct vb_indication *indication = vb_new(sizeof *indication + n);
    bool idle = TAILQ_EMPTY(&server->indications);

    indication->node = node;
    indication->n = n;
    memcpy(indication->bytes, pdu, n);
    TAILQ_INSERT_TAIL(&server->indications, indication, next);
    if (idle)
        indicate_next(link);
}

void vb_server_confirmed(struct vb_link *link)
{
    struct vb_indication *indication = TAILQ_FIRST(&link->server.indications);

    if (!indication)
        return;
    TAILQ_REMOVE(&link->server.indications, indication, next);
    if (indication->node)
        vb_app_poke(link->vb, indication->node, "Confirm");
    free(indication);
    indicate_next(link);
}

static void send_batch(void *arg)
{
    struct vb_link *link = arg;
    size_t n = link->server.batch_n;

    vb_timer_stop(&link->server.batch_timer);
    link->server.batch_n = 0;
    vb_link_answer(link, link->server.batch, n);
}

/* To a client that takes several values in a PDU BlueZ sends no others: each waits for more, and
 * has its length before it. The value that begins a PDU is cut to what is left of the MTU. */
static void add_to_batch(struct vb_link *link, uint16_t handle, const void *bytes, size_t n)
{
    struct vb_server *server = &link->server;
    struct gf_writer w = {.p = server->batch, .cap = link->mtu};

    if (server->batch_n > 0 && server->batch_n + 4 + n > link->mtu)
        send_batch(link);
    w.n = server->batch_n;
    if (w.n == 0)
        gf_wr_uint(&w, VB_ATT_NOTIFY_MULTIPLE, 1);
    n = n < w.cap - w.n - 4 ? n : w.cap - w.n - 4;
    gf_wr_uint(&w, handle, 2);
    gf_wr_uint(&w, n, 2);
    gf_wr(&w, bytes, n);
    server->batch_n = w.n;
    if (!vb_timer_running(&server->batch_timer))
        vb_timer_set(link->vb, &server->batch_timer, link->vb->opt.notify_wait_ms * VB_MS,
                     send_batch, link);
}

static void send_value(struct vb_link *link, struct vb_node *node, uint16_t ccc, uint16_t handle,
                       const void *bytes, size_t n)
{
    const struct vb_ccc *state = find_ccc(&link->server, ccc);
    size_t room = (size_t)link->mtu - 3;
    uint8_t pdu[VB_ATT_MTU_MAX];
    struct gf_writer w = {.p = pdu, .cap = sizeof pdu};

    if (!state || !state->value)
        return;
    if (n > VB_ATT_VALUE_MAX)
        n = VB_ATT_VALUE_MAX;
    if (state->value == 1 && (link->server.client_features & VB_CLIENT_MULTIPLE) &&
        link->vb->opt.notify_wait_ms > 0) {
        add_to_batch(link, handle, bytes, n);
        return;
    }
    gf_wr_uint(&w, state->value == 1 ? VB_ATT_NOTIFY : VB_ATT_INDICATE, 1);
    gf_wr_uint(&w, handle, 2);
    gf_wr(&w, bytes, n < room ? n : room);
    if (state->value == 1)
        vb_link_answer(link, pdu, w.n);
    else
        indicate(link, node, pdu, w.n);
}

void vb_server_notify(struct vb_link *link, struct vb_node *node, const void *bytes, size_t n)
{
    send_value(link, node, node->ccc, node->handle, bytes, n);
}

void vb_server_services_changed(struct vb_link *link, const struct vb_app *app)
{
    const struct vb_db *db = &adapter_of(link)->db;
    uint8_t range[4] = {0xff, 0xff, 0, 0};
    uint16_t value = 0, first = 0;

    for (size_t i = 0; i < db->n; i++) {
        if (vb_uuid_is(&db->attrs[i].type, VB_UUID_SERVICE_CHANGED))
            value = db->attrs[i].handle;
        if (!db->attrs[i].node || db->attrs[i].node->app != app)
            continue;
        if (!first)
            first = db->attrs[i].handle;
        range[0] = (uint8_t)first;
        range[1] = (uint8_t)(first >> 8);
        range[2] = (uint8_t)db->attrs[i].handle;
        range[3] = (uint8_t)(db->attrs[i].handle >> 8);
    }
    if (first)
        send_value(link, NULL, (uint16_t)(value + 1), value, range, sizeof range);
}
