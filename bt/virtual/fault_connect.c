/* fault_connect.c - faults of connecting, F24 to F33; see fault_state.h. */
#include <string.h>

#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/stranger.h"

#define FAILED "org.bluez.Error.Failed"
#define IN_PROGRESS "org.bluez.Error.InProgress"
#define ABORTED "le-connection-abort-by-local"
#define WINDOW_TRIES 200
#define SPELL_US (10 * VB_S) /* how long a daemon that is busy, or full, stays so */

static bool is_connect(const struct vb_scene *scene)
{
    return strcmp(scene->member, "Connect") == 0;
}

static struct vb_device *called(const struct vb_fault *f, const struct vb_scene *scene)
{
    struct vb_device *device;

    TAILQ_FOREACH(device, &f->vb->adapters[0].devices, next)
        if (strcmp(device->path, sd_bus_message_get_path(scene->m)) == 0)
            return device;
    return NULL;
}

/* F24 */
bool vb_strike_flap(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = is_connect(scene) ? called(f, scene) : NULL;

    if (!device || device->connected || !vb_fault_count(f, "link up and down, Connect fails"))
        return false;
    device->connected = true;
    vb_changed(f->vb, device->path, VB_DEVICE, "Connected", NULL);
    device->connected = false;
    vb_changed(f->vb, device->path, VB_DEVICE, "Connected", NULL);
    return vb_fault_refuse(scene->m, FAILED, ABORTED);
}

/* F25 */
bool vb_strike_empty_success(struct vb_fault *f, struct vb_scene *scene)
{
    const struct vb_device *device = is_connect(scene) ? called(f, scene) : NULL;

    if (!device || device->connected || !vb_fault_count(f, "Connect succeeds without a link"))
        return false;
    vb_ok(scene->m);
    return true;
}

/* The fault lasts some time from its first strike. */
static bool in_spell(struct vb_fault *f)
{
    if (f->struck == 0)
        f->armed_us = vb_now_us(f->vb);
    return vb_now_us(f->vb) - f->armed_us < SPELL_US;
}

/* F26 */
bool vb_strike_connect_busy(struct vb_fault *f, struct vb_scene *scene)
{
    return is_connect(scene) && in_spell(f) && vb_fault_count(f, "Connect is InProgress") &&
           vb_fault_refuse(scene->m, IN_PROGRESS, "In Progress");
}

/* F32 */
bool vb_strike_limit(struct vb_fault *f, struct vb_scene *scene)
{
    return is_connect(scene) && in_spell(f) && vb_fault_count(f, "too many connections") &&
           vb_fault_refuse(scene->m, FAILED, "le-connection-concurrent-connection-limit");
}

static void hung(void *arg)
{
    struct vb_fault *f = arg;

    vb_fault_end_kept(f, FAILED, ABORTED);
}

/* F27 */
bool vb_strike_hang(struct vb_fault *f, struct vb_scene *scene)
{
    if (strcmp(scene->member, "Disconnect") == 0 && f->n_kept > 0) {
        vb_timer_stop(&f->later);
        vb_fault_end_kept(f, FAILED, "br-connection-canceled");
        return false;
    }
    if (!is_connect(scene) || !vb_fault_count(f, "Connect hangs for 20 s"))
        return false;
    vb_fault_keep(f, scene->m, UINT64_MAX);
    vb_timer_set(f->vb, &f->later, VB_CONNECT_US, hung, f);
    return true;
}

/* F28 */
bool vb_strike_unknown(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = is_connect(scene) ? called(f, scene) : NULL;

    if (!device || device->link || !vb_fault_count(f, "the device's object is gone"))
        return false;
    vb_device_remove(device);
    return vb_fault_refuse(scene->m, SD_BUS_ERROR_UNKNOWN_OBJECT,
                           "Method \"Connect\" with signature \"\" on interface "
                           "\"org.bluez.Device1\" doesn't exist\n");
}

/* F29 */
bool vb_strike_taken(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = vb_fault_target(f->vb);

    if (!device || device->link || (scene->place == VB_AT_CALL && !is_connect(scene)) ||
        !vb_fault_count(f, "another program connects the device"))
        return false;
    vb_stranger_call(f->vb, device->path, VB_DEVICE, "Connect", "");
    if (scene->place != VB_AT_CALL)
        return false;
    vb_fault_keep(f, scene->m, 100 * VB_MS);
    return true;
}

/* F30 */
bool vb_strike_reconnect(struct vb_fault *f, struct vb_scene *scene)
{
    if (scene->place == VB_AT_BEGIN) {
        if (f->phase != VB_PHASE_CLOSING)
            vb_fault_cut(f->vb);
        return false;
    }
    if (vb_fault_count(f, "the link comes back without being asked for"))
        vb_stranger_call(f->vb, scene->device->path, VB_DEVICE, "Connect", "");
    return false;
}

static void cut(void *arg)
{
    vb_fault_cut(((struct vb_fault *)arg)->vb);
}

/* F31 */
bool vb_strike_early_loss(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (vb_fault_count(f, "the link falls 300 ms after it came up"))
        vb_timer_set(f->vb, &f->later, 300 * VB_MS, cut, f);
    return false;
}

/* The other program ends its link; when that is under way, the client's call comes. */
static void disconnect(void *arg)
{
    struct vb_fault *f = arg;
    const struct vb_device *device = vb_fault_target(f->vb);

    if (!device || vb_timer_running(&device->disconnect_timer) || f->step == WINDOW_TRIES) {
        vb_fault_let_go(f);
        return;
    }
    if (device->link && !f->busy) {
        f->busy = true;
        vb_stranger_call(f->vb, device->path, VB_DEVICE, "Disconnect", "");
    }
    f->step++;
    vb_timer_set(f->vb, &f->later, 50 * VB_MS, disconnect, f);
}

/* F33 */
bool vb_strike_window(struct vb_fault *f, struct vb_scene *scene)
{
    struct vb_device *device = is_connect(scene) ? called(f, scene) : NULL;

    if (!device || device->link || !vb_fault_count(f, "Connect while the link is being ended"))
        return false;
    vb_stranger_call(f->vb, device->path, VB_DEVICE, "Connect", "");
    f->step = 0;
    f->busy = false;
    vb_timer_set(f->vb, &f->later, 150 * VB_MS, disconnect, f);
    vb_fault_keep(f, scene->m, UINT64_MAX);
    return true;
}
