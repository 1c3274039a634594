/* daemon.c - virtual-bluez: bus, name, signals, the loop; see daemon.h. */
#include "bt/virtual/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bt/virtual/adapter.h"
#include "bt/virtual/agent.h"
#include "bt/virtual/door.h"
#include "bt/virtual/fault.h"
#include "bt/virtual/ghost.h"
#include "bt/virtual/link.h"
#include "bt/virtual/model.h"
#include "bt/virtual/stranger.h"
#include "bt/virtual/trace.h"

#define NAME "org.bluez"
#define ROOT "/org/bluez"

static int complain(const char *what, int error)
{
    (void)fprintf(stderr, "virtual-bluez: %s: %s\n", what, strerror(error < 0 ? -error : error));
    return error < 0 ? error : -1;
}

static int open_bus(struct vb *vb)
{
    int r;

    if (!vb->opt.bus) {
        r = sd_bus_open_system(&vb->bus);
        return r < 0 ? complain("cannot reach the system bus; name another with --bus", r) : 0;
    }
    r = sd_bus_new(&vb->bus);
    if (r >= 0)
        r = sd_bus_set_address(vb->bus, vb->opt.bus);
    if (r >= 0)
        r = sd_bus_set_bus_client(vb->bus, 1);
    if (r >= 0)
        r = sd_bus_negotiate_fds(vb->bus, 1);
    if (r >= 0)
        r = sd_bus_start(vb->bus);
    return r < 0 ? complain(vb->opt.bus, r) : 0;
}

/* ---- clients that leave ---------------------------------------------------------------------- */

static int on_name_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *name, *before, *after;
    struct vb *vb = userdata;

    (void)error;
    if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0 || *name != ':' || *after)
        return 0;
    for (unsigned i = 0; i < vb->n_adapters; i++)
        vb_adapter_name_lost(&vb->adapters[i], name);
    vb_agents_drop(vb, name);
    return 0;
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb *vb = userdata;

    (void)m;
    (void)error;
    (void)fprintf(stderr, "virtual-bluez: the bus has gone\n");
    return sd_event_exit(vb->event, EXIT_FAILURE);
}

/* ---- the name -------------------------------------------------------------------------------- */

static void announce(struct vb *vb)
{
    for (unsigned i = 0; i < vb->n_adapters; i++)
        (void)printf("hci%u %s\n", i, vb->adapters[i].addr_text);
    (void)puts("ready");
    (void)fflush(stdout);
    if (vb->opt.ready_fd >= 0) {
        if (write(vb->opt.ready_fd, "ready\n", 6) != 6)
            (void)fprintf(stderr, "virtual-bluez: nobody reads --ready-fd\n");
        (void)close(vb->opt.ready_fd);
        vb->opt.ready_fd = -1;
    }
}

static int on_name(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct vb *vb = userdata;
    uint32_t answer = 0;

    (void)error;
    if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &answer) >= 0 &&
        answer == 1) {
        announce(vb);
        return 0;
    }
    if (sd_bus_message_is_method_error(m, NULL))
        (void)fprintf(stderr, "virtual-bluez: the bus refuses " NAME ": %s\n",
                      sd_bus_message_get_error(m)->message);
    else
        (void)fprintf(stderr, "virtual-bluez: " NAME " is taken on this bus (by bluetoothd?); "
                              "give a bus of its own with --bus\n");
    return sd_event_exit(vb->event, EXIT_FAILURE);
}

/* ---- start and end --------------------------------------------------------------------------- */

static void accept_profile(struct vb *vb, void *self, sd_bus_message *m)
{
    (void)vb;
    (void)self;
    vb_ok(m); /* profiles are for Bluetooth Classic, which nothing here speaks */
}

static const struct vb_method profile_methods[] = {
    {"RegisterProfile", "osa{sv}", "", "profile UUID options", accept_profile},
    {"UnregisterProfile", "o", "", "profile", accept_profile},
    {NULL, NULL, NULL, NULL, NULL}};
static const struct vb_iface profile_manager = {"org.bluez.ProfileManager1", profile_methods, NULL};

void vb_daemon_adapters(struct vb *vb)
{
    for (vb->n_adapters = 0; vb->n_adapters < vb->opt.adapters; vb->n_adapters++)
        vb_adapter_init(vb, vb->n_adapters, vb->n_adapters);
}

static int set_up(struct vb *vb, bool adapters)
{
    struct vb_mount root[] = {{&vb_agent_manager, vb}, {&profile_manager, vb}, {NULL, NULL}};
    int r;

    vb_object_add(vb, ROOT, root);
    vb->adapters = vb_new(vb->opt.adapters * sizeof *vb->adapters);
    if (adapters)
        vb_daemon_adapters(vb);
    r = vb_objects_start(vb);
    if (r >= 0)
        r = sd_bus_match_signal_async(vb->bus, NULL, "org.freedesktop.DBus", NULL,
                                      "org.freedesktop.DBus", "NameOwnerChanged",
                                      on_name_owner_changed, NULL, vb);
    if (r >= 0)
        r = sd_bus_match_signal_async(vb->bus, NULL, "org.freedesktop.DBus.Local", NULL,
                                      "org.freedesktop.DBus.Local", "Disconnected",
                                      on_disconnected, NULL, vb);
    if (r >= 0)
        r = sd_bus_request_name_async(vb->bus, NULL, NAME, 0, on_name, vb);
    return r < 0 ? complain("cannot use the bus", r) : 0;
}

static void tear_down(struct vb *vb)
{
    vb->ending = true;
    for (unsigned i = 0; i < vb->n_adapters; i++)
        vb_links_drop(&vb->adapters[i]);
    for (unsigned i = vb->n_adapters; i-- > 0;)
        vb_adapter_done(&vb->adapters[i]);
    vb_links_reap(vb);
    vb_ghosts_done(vb);
    vb_agents_drop(vb, NULL);
    vb_objects_done(vb);
    free(vb->adapters);
    vb->adapters = NULL;
    vb->n_adapters = 0;
}

void vb_daemon_leave(struct vb *vb, bool orderly)
{
    (void)sd_bus_detach_event(vb->bus);
    if (!orderly)
        sd_bus_close(vb->bus); /* nobody is told of what ends now */
    tear_down(vb);
    vb_faults_forget_calls(vb);
    vb->bus = sd_bus_flush_close_unref(vb->bus);
    vb->ending = false;
}

static int begin(struct vb *vb, bool adapters)
{
    int r = open_bus(vb);

    if (r >= 0)
        r = sd_bus_attach_event(vb->bus, vb->event, SD_EVENT_PRIORITY_NORMAL);
    return r >= 0 ? set_up(vb, adapters) : r;
}

void vb_daemon_return(struct vb *vb, bool adapters)
{
    if (begin(vb, adapters) < 0)
        (void)sd_event_exit(vb->event, EXIT_FAILURE);
}

static int start_loop(struct vb *vb)
{
    sigset_t signals;
    int r;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    r = sd_event_new(&vb->event);
    if (r >= 0)
        r = sd_event_add_signal(vb->event, NULL, SIGTERM, NULL, NULL);
    if (r >= 0)
        r = sd_event_add_signal(vb->event, NULL, SIGINT, NULL, NULL);
    return r < 0 ? complain("cannot start the loop", r) : 0;
}

int vb_run(const struct vb_options *opt)
{
    struct vb vb = {.opt = *opt, .rng = opt->seed};
    int r;

    TAILQ_INIT(&vb.links);
    TAILQ_INIT(&vb.dead_links);
    TAILQ_INIT(&vb.agents);
    TAILQ_INIT(&vb.faults);
    TAILQ_INIT(&vb.ghosts);
    TAILQ_INIT(&vb.passages);
    for (unsigned i = 0; i < opt->n_faults; i++)
        vb_fault_order(&vb, opt->faults[i]);
    r = start_loop(&vb);
    if (r >= 0) {
        r = vb_trace_open(&vb);
        if (r < 0)
            (void)complain(vb.opt.trace, r);
    }
    if (r >= 0 && opt->door && (r = vb_door_open(&vb, opt->door)) < 0)
        (void)complain(opt->door, r);
    if (r >= 0)
        r = begin(&vb, true);
    if (r >= 0)
        r = sd_event_loop(vb.event);
    tear_down(&vb);
    vb_faults_done(&vb);
    vb_stranger_done(&vb);
    vb_trace_close(&vb);
    vb_door_done(&vb);
    if (vb.bus)
        (void)sd_bus_flush_close_unref(vb.bus);
    sd_event_unref(vb.event);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
