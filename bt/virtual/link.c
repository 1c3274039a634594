/* link.c - a connection between two adapters; see link.h. */
#include "bt/virtual/link.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/adv.h"
#include "bt/virtual/att.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/notify.h"
#include "bt/virtual/trace.h"
#include "bt/virtual/value.h"
#include "bt/virtual/walk.h"
#include "common/bytes.h"

/* ---- requests of the client ------------------------------------------------------------------ */

static void response_late(void *arg)
{
    struct vb_link *link = arg;

    /* ATT allows nothing after a transaction that timed out (Core spec Vol 3 Part F 3.3.3). */
    vb_link_down(link, link->at_central, VB_REASON_LOCAL);
}

static void transmit(struct vb_link *link)
{
    struct vb_request *request = TAILQ_FIRST(&link->requests);
    struct vb_counters *counters = &link->at_central->counters;

    if (!request)
        return;
    counters->requests++;
    counters->discovery_requests += request->purpose == VB_FOR_DISCOVERY;
    counters->plugin_requests += request->purpose == VB_FOR_PLUGIN;
    counters->bytes_out += request->n;
    vb_timer_set(link->vb, &link->response_timer, VB_ATT_TIMEOUT_US, response_late, link);
    vb_air_send(link, VB_TO_PERIPHERAL, request->bytes, request->n);
}

void vb_link_request(struct vb_link *link, enum vb_purpose purpose, const uint8_t *pdu, size_t n,
                     vb_response_fn *fn, void *arg)
{
    struct vb_request *request = vb_new(sizeof *request + n);
    bool idle = TAILQ_EMPTY(&link->requests);

    request->purpose = purpose;
    request->fn = fn;
    request->arg = arg;
    request->n = n;
    memcpy(request->bytes, pdu, n);
    TAILQ_INSERT_TAIL(&link->requests, request, next);
    if (idle)
        transmit(link);
}

bool vb_link_command(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    if (n > link->mtu)
        return false;
    link->at_central->counters.commands++;
    link->at_central->counters.bytes_out += n;
    vb_air_send(link, VB_TO_PERIPHERAL, pdu, n);
    return true;
}

static void responded(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    struct vb_request *request = TAILQ_FIRST(&link->requests);

    if (!request)
        return;
    vb_timer_stop(&link->response_timer);
    TAILQ_REMOVE(&link->requests, request, next);
    if (pdu[0] == VB_ATT_ERROR_RSP)
        link->at_central->counters.errors++;
    else
        link->at_central->counters.responses++;
    /* The next one leaves before the answer is looked at: what that asks for queues behind it. */
    transmit(link);
    request->fn(link, request->arg, pdu, n);
    free(request);
}

static void fail_requests(struct vb_link *link)
{
    struct vb_request *request;
    struct vb_op *op;

    vb_timer_stop(&link->response_timer);
    while ((request = TAILQ_FIRST(&link->requests)) != NULL) {
        TAILQ_REMOVE(&link->requests, request, next);
        request->fn(link, request->arg, NULL, 0);
        free(request);
    }
    while ((op = TAILQ_FIRST(&link->long_writes)) != NULL) { /* those whose turn never came */
        TAILQ_REMOVE(&link->long_writes, op, next);
        vb_op_end(link->vb, op, VB_ATT_E_UNLIKELY);
    }
}

/* ---- what crosses the air -------------------------------------------------------------------- */

void vb_link_answer(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    vb_air_send(link, VB_TO_CENTRAL, pdu, n);
}

/* The values of a Handle Value Notification or Indication, or of a Multiple one, whose values have
 * their lengths before them. */
static void values_arrived(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    struct gf_reader in = {.p = pdu + 1, .left = n - 1};

    while (in.left > 0 && !in.bad && !link->dead) {
        uint16_t handle = (uint16_t)gf_rd_uint(&in, 2);
        size_t len = pdu[0] == VB_ATT_NOTIFY_MULTIPLE ? (size_t)gf_rd_uint(&in, 2) : in.left;
        const uint8_t *value = gf_rd(&in, len);

        if (!in.bad)
            vb_notify_arrived(link, handle, value, len);
    }
}

static void to_client(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    static const uint8_t confirm = VB_ATT_CONFIRM;
    struct vb_counters *counters = &link->at_central->counters;

    counters->bytes_in += n;
    if (pdu[0] == VB_ATT_NOTIFY || pdu[0] == VB_ATT_NOTIFY_MULTIPLE) {
        counters->notifications++;
        values_arrived(link, pdu, n);
    } else if (pdu[0] == VB_ATT_INDICATE) {
        counters->indications++;
        counters->confirmations++;
        counters->bytes_out += 1;
        vb_air_send(link, VB_TO_PERIPHERAL, &confirm, 1);
        values_arrived(link, pdu, n);
    } else {
        responded(link, pdu, n);
    }
}

void vb_link_arrived(struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                     size_t n)
{
    if (direction == VB_TO_PERIPHERAL) {
        vb_server_take(link, pdu, n);
        return;
    }
    vb_trace_pdu(link, direction, pdu, n);
    to_client(link, pdu, n);
}

/* ---- begin and end --------------------------------------------------------------------------- */

static void reap(void *arg)
{
    vb_links_reap(arg);
}

void vb_links_reap(struct vb *vb)
{
    struct vb_link *link;

    vb_timer_stop(&vb->reaper);
    while ((link = TAILQ_FIRST(&vb->dead_links)) != NULL) {
        TAILQ_REMOVE(&vb->dead_links, link, next);
        free(link);
    }
}

static void link_up(struct vb_device *device)
{
    struct vb *vb = device->adapter->vb;
    struct vb_link *link = vb_new(sizeof *link);

    link->vb = vb;
    link->number = vb->last_link = (uint16_t)((vb->last_link + 1) % 0xf00);
    link->mtu = VB_ATT_MTU_MIN;
    TAILQ_INIT(&link->requests);
    TAILQ_INIT(&link->long_writes);
    link->at_central = device;
    TAILQ_INSERT_TAIL(&vb->links, link, next);
    vb_air_init(link);
    vb_trace_link(link, true);
    vb_server_init(link);
    link->at_peripheral = vb_device_for_central(device->peer, device->adapter);
    vb_device_linked(link->at_peripheral, link);
    vb_device_linked(device, link);
    vb_fault_on_link_up(link);
    vb_walk_start(link);
}

void vb_link_down(struct vb_link *link, const struct vb_device *by, enum vb_reason reason)
{
    struct vb *vb = link->vb;
    struct vb_device *at_central = link->at_central, *at_peripheral = link->at_peripheral;
    enum vb_reason seen[2] = {reason, reason};

    if (link->dead)
        return;
    link->dead = true;
    vb_trace_link(link, false);
    if (by) {
        seen[0] = by == at_central ? reason : VB_REASON_REMOTE;
        seen[1] = by == at_peripheral ? reason : VB_REASON_REMOTE;
    }
    TAILQ_REMOVE(&vb->links, link, next);
    TAILQ_INSERT_TAIL(&vb->dead_links, link, next);
    vb_timer_set(vb, &vb->reaper, 0, reap, vb);
    vb_air_done(link);
    fail_requests(link);
    vb_walk_end(link);
    vb_server_done(link);
    vb_notify_link_down(at_central);
    vb_fault_on_link_down(at_central);
    vb_device_unlinked(at_central, seen[0]);
    vb_device_unlinked(at_peripheral, seen[1]);
    vb_advs_wake(vb);
    vb_links_try_pending(vb);
}

/* The first device whose Connect waits and may be connected now; peripheral NULL means any. */
static struct vb_device *find_waiting(struct vb *vb, const struct vb_adapter *peripheral)
{
    for (unsigned i = 0; i < vb->n_adapters; i++) {
        struct vb_device *device;

        TAILQ_FOREACH(device, &vb->adapters[i].devices, next)
            if (device->connecting && (!peripheral || device->peer == peripheral) &&
                vb_adv_connectable(device->peer))
                return device;
    }
    return NULL;
}

void vb_links_try_pending(struct vb *vb)
{
    struct vb_device *device;

    if (vb->opt.ci_us > 0)
        return; /* the link model connects when an advertisement is heard */
    while ((device = find_waiting(vb, NULL)) != NULL)
        link_up(device);
}

void vb_links_heard(struct vb_adapter *peripheral)
{
    struct vb_device *device = find_waiting(peripheral->vb, peripheral);

    if (device)
        link_up(device);
}

bool vb_links_pending(const struct vb *vb)
{
    for (unsigned i = 0; i < vb->n_adapters; i++) {
        const struct vb_device *device;

        TAILQ_FOREACH(device, &vb->adapters[i].devices, next)
            if (device->connecting)
                return true;
    }
    return false;
}

struct vb_link *vb_link_of_peripheral(const struct vb_adapter *adapter)
{
    struct vb_link *link;

    TAILQ_FOREACH(link, &adapter->vb->links, next)
        if (link->at_central->peer == adapter)
            return link;
    return NULL;
}

void vb_links_drop_peripheral(struct vb_adapter *adapter)
{
    struct vb_link *link = vb_link_of_peripheral(adapter);

    if (link)
        vb_link_down(link, NULL, VB_REASON_TIMEOUT);
}

void vb_links_drop(struct vb_adapter *adapter)
{
    struct vb_link *link = TAILQ_FIRST(&adapter->vb->links);

    while (link) {
        struct vb_link *following = TAILQ_NEXT(link, next);

        if (link->at_central->adapter == adapter)
            vb_link_down(link, link->at_central, VB_REASON_LOCAL);
        else if (link->at_central->peer == adapter)
            vb_link_down(link, link->at_peripheral, VB_REASON_LOCAL);
        link = following;
    }
}

/* ---- from the application -------------------------------------------------------------------- */

void vb_links_notify(struct vb_adapter *peripheral, struct vb_node *node, const void *bytes,
                     size_t n)
{
    struct vb_link *link = vb_link_of_peripheral(peripheral);

    if (link)
        vb_server_notify(link, node, bytes, n);
}

void vb_links_services_changed(struct vb_adapter *peripheral, const struct vb_app *app)
{
    struct vb_link *link = vb_link_of_peripheral(peripheral);

    if (link)
        vb_server_services_changed(link, app);
}
