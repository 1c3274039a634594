/* fault.c - faults on order: reading orders, phases, places, strikes; see fault.h. */
#include "bt/virtual/fault.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/cache.h"
#include "bt/virtual/fault_state.h"
#include "bt/virtual/stranger.h"
#include "common/text.h"

/* Requests, answers and handshakes come often: the order's draw says how many pass first. */
static const unsigned many[VB_PHASES] = {
    [VB_PHASE_REQUEST] = 16, [VB_PHASE_ANSWER] = 16, [VB_PHASE_HANDSHAKE] = 2,
};

const char *const vb_fault_groups[VB_FAULT_GROUPS] = {"daemon", "scan", "connect", "discovery",
                                                      "data"};

/* ---- orders ---------------------------------------------------------------------------------- */

uint32_t vb_fault_random(struct vb_fault *f, uint32_t n)
{
    return vb_random_of(&f->rng) % n;
}

static const struct vb_fault_kind *find_kind(const char *text, size_t n)
{
    for (size_t i = 0; i < vb_n_fault_kinds; i++)
        if (strlen(vb_fault_kinds[i].id) == n && strncmp(vb_fault_kinds[i].id, text, n) == 0)
            return &vb_fault_kinds[i];
    return NULL;
}

/* Read an order into *ret; *ret_times is -1 when it names none. */
static bool parse(const char *text, struct vb_fault *ret, int64_t *ret_times)
{
    const char *at = strchr(text, '@'), *colon = at ? strchr(at, ':') : NULL;
    size_t n = at ? (colon ? (size_t)(colon - at) : strlen(at)) - 1 : 0;

    *ret_times = -1;
    ret->kind = at ? find_kind(text, (size_t)(at - text)) : NULL;
    ret->phase = at ? vb_phase_find(at + 1, n) : VB_PHASES;
    if (colon && gf_parse_int(colon + 1, 0, 1000000, ret_times) < 0)
        return false;
    return ret->kind && ret->phase != VB_PHASES;
}

bool vb_fault_is_order(const char *text)
{
    struct vb_fault scratch = {.kind = NULL};
    int64_t times;

    return parse(text, &scratch, &times);
}

void vb_fault_set_mtu(struct vb *vb, unsigned mtu)
{
    vb->opt.mtu = mtu;
    vb->opt.notify_wait_ms = 0;
}

void vb_fault_order(struct vb *vb, const char *text)
{
    struct vb_fault *f = vb_new(sizeof *f);
    int64_t times;

    if (!parse(text, f, &times)) {
        free(f);
        return;
    }
    f->vb = vb;
    if (f->kind->mtu)
        vb_fault_set_mtu(vb, f->kind->mtu);
    f->rng = vb->opt.fault_seed * 1000003u + (uint64_t)(f->kind - vb_fault_kinds) * 101u + f->phase;
    f->draw = vb_random_of(&f->rng);
    f->skip = many[f->phase] ? vb_fault_random(f, many[f->phase]) : 0;
    f->left = times < 0 ? f->kind->times : (unsigned)times;
    if (f->left == VB_FAULT_EVER)
        f->left = UINT_MAX;
    TAILQ_INSERT_TAIL(&vb->faults, f, next);
}

void vb_fault_list(void)
{
    for (size_t i = 0; i < vb_n_fault_kinds; i++) {
        const struct vb_fault_kind *k = &vb_fault_kinds[i];

        (void)printf("%s\t%s\t%s\t%d\t%s\t%s\n", k->id, vb_fault_groups[k->group],
                     k->home < VB_PHASES ? vb_phases[k->home].name : "any", -k->sentence,
                     k->at_end ? "to the end" : "while working", k->what);
    }
    for (unsigned i = 0; i < VB_PHASES; i++)
        (void)printf("phase\t%s\t%s\n", vb_phases[i].name, vb_phases[i].what);
}

static void forget_kept(struct vb_fault *f)
{
    for (unsigned i = 0; i < f->n_kept; i++)
        sd_bus_message_unref(f->kept[i].m);
    f->n_kept = 0;
    vb_timer_stop(&f->release);
}

void vb_faults_forget_calls(struct vb *vb)
{
    struct vb_fault *f;

    TAILQ_FOREACH(f, &vb->faults, next)
        forget_kept(f);
}

void vb_faults_done(struct vb *vb)
{
    struct vb_fault *f;

    while ((f = TAILQ_FIRST(&vb->faults)) != NULL) {
        TAILQ_REMOVE(&vb->faults, f, next);
        forget_kept(f);
        vb_timer_stop(&f->begin);
        vb_timer_stop(&f->later);
        free(f);
    }
}

/* ---- what strikes have in common ------------------------------------------------------------- */

bool vb_fault_count(struct vb_fault *f, const char *format, ...)
{
    va_list ap;

    if (f->left == 0)
        return false;
    if (f->left != UINT_MAX)
        f->left--;
    f->struck++;
    if (f->struck > 20) /* for ever, or many: the first ones tell it */
        return true;
    (void)printf("fault %s %s: ", f->kind->id, vb_phases[f->phase].name);
    va_start(ap, format);
    (void)vprintf(format, ap);
    va_end(ap);
    (void)puts("");
    (void)fflush(stdout);
    return true;
}

static void release(void *arg);

static void release_next(struct vb_fault *f)
{
    uint64_t now = vb_now_us(f->vb), due = UINT64_MAX;

    for (unsigned i = 0; i < f->n_kept; i++)
        due = f->kept[i].due_us < due ? f->kept[i].due_us : due;
    if (due != UINT64_MAX)
        vb_timer_set(f->vb, &f->release, due > now ? due - now : 0, release, f);
}

/* What is due goes its usual way, in the order in which it came. */
static void release(void *arg)
{
    struct vb_fault *f = arg;
    uint64_t now = vb_now_us(f->vb);
    unsigned i = 0;

    while (i < f->n_kept) {
        struct vb_kept one = f->kept[i];

        if (one.due_us > now) {
            i++;
            continue;
        }
        f->n_kept--;
        memmove(f->kept + i, f->kept + i + 1, (f->n_kept - i) * sizeof f->kept[0]);
        vb_objects_call(f->vb, one.m);
        sd_bus_message_unref(one.m);
    }
    release_next(f);
}

void vb_fault_keep(struct vb_fault *f, sd_bus_message *m, uint64_t us)
{
    if (f->n_kept == VB_FAULT_KEPT)
        return; /* as if lost */
    f->kept[f->n_kept].m = sd_bus_message_ref(m);
    f->kept[f->n_kept++].due_us = us == UINT64_MAX ? us : vb_now_us(f->vb) + us;
    release_next(f);
}

void vb_fault_let_go(struct vb_fault *f)
{
    for (unsigned i = 0; i < f->n_kept; i++)
        f->kept[i].due_us = vb_now_us(f->vb);
    release_next(f);
}

void vb_fault_end_kept(struct vb_fault *f, const char *name, const char *text)
{
    for (unsigned i = 0; i < f->n_kept; i++)
        (void)vb_fault_refuse(f->kept[i].m, name, text);
    forget_kept(f);
}

bool vb_fault_refuse(sd_bus_message *m, const char *name, const char *text)
{
    (void)sd_bus_reply_method_errorf(m, name, "%s", text);
    return true;
}

struct vb_char *vb_fault_char(struct vb *vb, sd_bus_message *m)
{
    const struct vb_object *object = vb_object_find(vb, sd_bus_message_get_path(m));
    const struct vb_mount *mount = object ? vb_object_mount(object, VB_CHARACTERISTIC) : NULL;

    return mount ? mount->self : NULL;
}

struct vb_device *vb_fault_target(struct vb *vb)
{
    struct vb_device *device, *best = NULL;

    if (vb->n_adapters == 0)
        return NULL;
    TAILQ_FOREACH(device, &vb->adapters[0].devices, next) {
        if (device->link)
            return device;
        if (!best || (device->connecting && !best->connecting))
            best = device;
    }
    return best;
}

struct vb_link *vb_fault_link(struct vb *vb)
{
    const struct vb_device *device = vb_fault_target(vb);

    return device ? device->link : NULL;
}

void vb_fault_cut(struct vb *vb)
{
    struct vb_link *link = vb_fault_link(vb);

    if (link)
        vb_link_down(link, NULL, VB_REASON_TIMEOUT);
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* The link falls, so that the client has to come back: through a scan, when the fault is one of
 * scanning, since a device that is known and was heard lately need not be searched. */
static void send_back(const struct vb_fault *f)
{
    struct vb_device *device = vb_fault_target(f->vb);

    if (device && f->kind->home <= VB_PHASE_SCANNING)
        vb_device_remove(device);
    else
        vb_fault_cut(f->vb);
}

static void begin(void *arg)
{
    struct vb_fault *f = arg;
    struct vb_scene scene = {.place = VB_AT_BEGIN};

    if (f->kind->home < f->phase)
        send_back(f);
    if ((f->kind->places & 1u << VB_AT_BEGIN) != 0)
        (void)f->kind->strike(f, &scene);
}

/* A phase begins: its orders are armed now, what they do by themselves comes with the loop's next
 * turn, since objects may go by it, and before all else that is due then. */
static void enter(struct vb *vb, enum vb_phase phase)
{
    struct vb_fault *f;

    TAILQ_FOREACH(f, &vb->faults, next) {
        if (f->armed || f->phase != phase || f->skip-- > 0)
            continue;
        f->armed = true;
        f->armed_us = vb_now_us(vb);
        vb_timer_set(vb, &f->begin, 0, begin, f);
        (void)sd_event_source_set_priority(f->begin.source, SD_EVENT_PRIORITY_IMPORTANT);
    }
}

/* Ask the faults that are on, and those that have struck for the last time but hold something back;
 * the first that takes over ends it. */
static bool ask(struct vb *vb, struct vb_scene *scene)
{
    struct vb_fault *f;

    TAILQ_FOREACH(f, &vb->faults, next)
        if (f->armed && (f->left > 0 || f->pdu_n > 0) &&
            (f->kind->places & 1u << scene->place) != 0 && f->kind->strike(f, scene))
            return true;
    return false;
}

/* ---- places ---------------------------------------------------------------------------------- */

static bool is_peripherals(const struct vb *vb, const char *sender)
{
    for (unsigned i = 1; i < vb->n_adapters; i++) {
        const struct vb_app *app;

        TAILQ_FOREACH(app, &vb->adapters[i].apps, next)
            if (strcmp(app->owner, sender) == 0)
                return true;
    }
    return false;
}

static bool any_peripheral(const struct vb *vb)
{
    for (unsigned i = 1; i < vb->n_adapters; i++)
        if (!TAILQ_EMPTY(&vb->adapters[i].advs))
            return true;
    return false;
}

static void enter_by_call(struct vb *vb, const char *member)
{
    if (strcmp(member, "GetManagedObjects") == 0) {
        if (any_peripheral(vb))
            enter(vb, VB_PHASE_IDLE);
    } else if (strcmp(member, "StartDiscovery") == 0) {
        enter(vb, VB_PHASE_SCANNING);
    } else if (strcmp(member, "Connect") == 0) {
        enter(vb, VB_PHASE_CONNECTING);
    } else if (strcmp(member, "Disconnect") == 0) {
        enter(vb, VB_PHASE_CLOSING);
    }
}

bool vb_fault_on_call(struct vb *vb, sd_bus_message *m)
{
    const char *path = sd_bus_message_get_path(m), *sender = sd_bus_message_get_sender(m);
    struct vb_scene scene = {.place = VB_AT_CALL, .m = m};
    const char *hci0;

    if (TAILQ_EMPTY(&vb->faults) || vb->n_adapters == 0 || vb_stranger_is(vb, sender) ||
        is_peripherals(vb, sender))
        return false;
    hci0 = vb->adapters[0].path;
    if (strcmp(path, "/") != 0 && (!hci0 || strncmp(path, hci0, strlen(hci0)) != 0))
        return false;
    scene.member = sd_bus_message_get_member(m);
    enter_by_call(vb, scene.member);
    return ask(vb, &scene);
}

static bool is_ours(const struct vb_link *link)
{
    return !TAILQ_EMPTY(&link->vb->faults) && link->at_central->adapter->index == 0;
}

bool vb_fault_on_pdu(struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                     size_t n)
{
    struct vb_scene scene = {.place = VB_AT_PDU, .link = link, .direction = direction, .p = pdu,
                             .n = n};
    enum vb_phase phase;

    if (!is_ours(link))
        return false;
    phase = vb_phase_of_pdu(&link->course, link->ready, direction == VB_TO_PERIPHERAL, pdu, n,
                            vb_now_us(link->vb));
    if (phase == VB_PHASE_PURGE)
        enter(link->vb, VB_PHASE_REQUEST);
    if (phase != VB_PHASES)
        enter(link->vb, phase);
    return ask(link->vb, &scene);
}

void vb_fault_on_link_up(struct vb_link *link)
{
    struct vb_scene scene = {.place = VB_AT_LINK_UP, .link = link};

    if (!is_ours(link))
        return;
    enter(link->vb, VB_PHASE_DISCOVERING);
    (void)ask(link->vb, &scene);
}

void vb_fault_on_link_down(struct vb_device *device)
{
    struct vb_scene scene = {.place = VB_AT_LINK_DOWN, .device = device};

    if (device->adapter->index == 0)
        (void)ask(device->adapter->vb, &scene);
}

bool vb_fault_on_services(struct vb_link *link)
{
    struct vb_scene scene = {.place = VB_AT_SERVICES, .link = link};
    bool taken;

    if (!is_ours(link))
        return false;
    taken = ask(link->vb, &scene);
    enter(link->vb, VB_PHASE_SUBSCRIBING);
    return taken;
}

bool vb_fault_on_heard(struct vb_adapter *adapter, struct vb_adapter *from, struct vb_heard *how)
{
    struct vb_scene scene = {.place = VB_AT_HEARD, .from = from, .how = how};

    return adapter->index == 0 && ask(adapter->vb, &scene);
}

bool vb_fault_on_value(struct vb_char *chr, const uint8_t *p, size_t n)
{
    struct vb_scene scene = {.place = VB_AT_VALUE, .chr = chr, .p = p, .n = n};

    return chr->service->device->adapter->index == 0 &&
           ask(chr->service->device->adapter->vb, &scene);
}

uint16_t vb_fault_mtu(const struct vb_link *link)
{
    struct vb_scene scene = {.place = VB_AT_MTU, .mtu = link->mtu};

    if (link->at_central->adapter->index == 0)
        (void)ask(link->vb, &scene);
    return scene.mtu;
}
