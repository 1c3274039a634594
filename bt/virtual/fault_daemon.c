/* fault_daemon.c - faults of bus, daemon and adapter, F01 to F12; see fault_state.h. */
#include <string.h>

#include "bt/virtual/adapter.h"
#include "bt/virtual/daemon.h"
#include "bt/virtual/door.h"
#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/stranger.h"

#define AWAY_US (2 * VB_S)    /* what a service manager takes to start the daemon again */
#define LATE_US (45 * VB_S)   /* longer than anybody waits */
#define BUSY_TRIES 5

static struct vb_adapter *hci0(const struct vb_fault *f)
{
    return &f->vb->adapters[0];
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static void come_back(void *arg)
{
    vb_daemon_return(((struct vb_fault *)arg)->vb, true);
}

/* F01: killed, or ended in good order */
bool vb_strike_restart(struct vb_fault *f, struct vb_scene *scene)
{
    bool orderly = f->draw % 2 == 0;

    (void)scene;
    if (!vb_fault_count(f, "the daemon is gone for 2 s, %s", orderly ? "in good order" : "killed"))
        return false;
    vb_daemon_leave(f->vb, orderly);
    vb_timer_set(f->vb, &f->later, AWAY_US, come_back, f);
    return false;
}

static void adapters_come(void *arg)
{
    vb_daemon_adapters(((struct vb_fault *)arg)->vb);
}

static void come_back_bare(void *arg)
{
    struct vb_fault *f = arg;

    vb_daemon_return(f->vb, false);
    vb_timer_set(f->vb, &f->later, 5 * VB_S, adapters_come, f);
}

/* F02 */
bool vb_strike_bare_restart(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "the daemon is gone for 2 s, and has no adapter for 5 s"))
        return false;
    vb_daemon_leave(f->vb, false);
    vb_timer_set(f->vb, &f->later, AWAY_US, come_back_bare, f);
    return false;
}

/* ---- the adapter ----------------------------------------------------------------------------- */

static void plug_in(void *arg)
{
    struct vb_fault *f = arg;

    vb_adapter_init(f->vb, 0, f->step);
}

/* F03 */
bool vb_strike_replug(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "the adapter is gone for 2 s, and comes back under another number"))
        return false;
    f->step = f->vb->opt.adapters;
    vb_adapter_unplug(hci0(f));
    vb_timer_set(f->vb, &f->later, AWAY_US, plug_in, f);
    return false;
}

/* F12 */
bool vb_strike_vanish(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "all objects of the adapter are removed, without Connected=false"))
        return false;
    f->step = 0;
    f->vb->mute_changes = true;
    vb_adapter_unplug(hci0(f));
    f->vb->mute_changes = false;
    vb_timer_set(f->vb, &f->later, AWAY_US, plug_in, f);
    return false;
}

static void power_back(void *arg)
{
    struct vb_fault *f = arg;

    vb_adapter_power(hci0(f), true);
}

/* F04 */
bool vb_strike_power(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "the adapter is switched off for 3 s"))
        return false;
    vb_adapter_power(hci0(f), false);
    vb_timer_set(f->vb, &f->later, 3 * VB_S, power_back, f);
    return false;
}

/* F05 */
bool vb_strike_rfkill(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "the adapter is blocked by rfkill"))
        return false;
    hci0(f)->power_refusal = VB_E_BLOCKED;
    vb_adapter_power(hci0(f), false);
    return false;
}

static void switch_on(void *arg)
{
    struct vb_fault *f = arg;

    if (++f->step == BUSY_TRIES)
        hci0(f)->power_refusal = VB_E_OK;
    vb_stranger_power_on(f->vb, hci0(f)->path);
    if (f->step < BUSY_TRIES)
        vb_timer_set(f->vb, &f->later, VB_S, switch_on, f);
}

/* F06 */
bool vb_strike_power_busy(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (!vb_fault_count(f, "the adapter is off, and busy when it shall be switched on, for 5 s"))
        return false;
    hci0(f)->power_refusal = VB_E_BUSY;
    vb_adapter_power(hci0(f), false);
    vb_timer_set(f->vb, &f->later, VB_S, switch_on, f);
    return false;
}

/* ---- the bus --------------------------------------------------------------------------------- */

/* F07 */
bool vb_strike_eof(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    if (f->vb->door && vb_fault_count(f, "the client's connection to the bus ends"))
        vb_door_slam(f->vb);
    return false;
}

/* F08 */
bool vb_strike_no_reply(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_fault_count(f, "%s is never answered", scene->member))
        return false;
    vb_fault_keep(f, scene->m, UINT64_MAX);
    return true;
}

/* F09 */
bool vb_strike_late_reply(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_fault_count(f, "%s is answered after 45 s", scene->member))
        return false;
    vb_fault_keep(f, scene->m, LATE_US);
    return true;
}

/* F10: methods that are answered at once, so that the second answer is the wrong one */
bool vb_strike_twice(struct vb_fault *f, struct vb_scene *scene)
{
    static const char *const at_once[] = {"GetManagedObjects", "SetDiscoveryFilter",
                                          "StartDiscovery", "StopDiscovery", "Get"};

    const struct vb_char *chr = vb_fault_char(f->vb, scene->m);
    bool fits = chr && strcmp(scene->member, "WriteValue") == 0 &&
                (chr->props & VB_PROP_WRITE_CMD) != 0;

    for (size_t i = 0; i < sizeof at_once / sizeof at_once[0]; i++)
        fits = fits || strcmp(at_once[i], scene->member) == 0;
    if (!fits || !vb_fault_count(f, "%s is answered twice", scene->member))
        return false;
    vb_objects_call(f->vb, scene->m);
    vb_ok(scene->m);
    return true;
}

/* F11 */
bool vb_strike_denied(struct vb_fault *f, struct vb_scene *scene)
{
    return vb_fault_count(f, "%s is denied", scene->member) &&
           vb_fault_refuse(scene->m, SD_BUS_ERROR_ACCESS_DENIED,
                           "Rejected send message, 2 matched rules; type=\"method_call\"");
}
