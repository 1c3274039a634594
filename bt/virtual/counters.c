/* counters.c - org.gasfitter.VirtualBluez1; see counters.h. */
#include "bt/virtual/counters.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t off;
} table[] = {
    {"requests", offsetof(struct vb_counters, requests)},
    {"responses", offsetof(struct vb_counters, responses)},
    {"errors", offsetof(struct vb_counters, errors)},
    {"commands", offsetof(struct vb_counters, commands)},
    {"notifications", offsetof(struct vb_counters, notifications)},
    {"indications", offsetof(struct vb_counters, indications)},
    {"confirmations", offsetof(struct vb_counters, confirmations)},
    {"bytes-out", offsetof(struct vb_counters, bytes_out)},
    {"bytes-in", offsetof(struct vb_counters, bytes_in)},
    {"events", offsetof(struct vb_counters, events)},
    {"retransmissions", offsetof(struct vb_counters, retransmissions)},
    {"discovery-requests", offsetof(struct vb_counters, discovery_requests)},
    {"plugin-requests", offsetof(struct vb_counters, plugin_requests)},
};

static int append_counters(sd_bus_message *to, const struct vb_counters *counters)
{
    int r = sd_bus_message_open_container(to, 'a', "{st}");

    for (size_t i = 0; r >= 0 && i < sizeof table / sizeof table[0]; i++) {
        uint64_t v;

        memcpy(&v, (const char *)counters + table[i].off, sizeof v);
        r = sd_bus_message_append(to, "{st}", table[i].name, v);
    }
    return r < 0 ? r : sd_bus_message_close_container(to);
}

static void get_counters(struct vb *vb, void *self, sd_bus_message *m)
{
    const struct vb_adapter *adapter = self;
    const struct vb_device *device;
    sd_bus_message *reply = NULL;
    int r;

    (void)vb;
    r = sd_bus_message_new_method_return(m, &reply);
    if (r >= 0)
        r = sd_bus_message_open_container(reply, 'a', "{oa{st}}");
    TAILQ_FOREACH(device, &adapter->devices, next) {
        if (r >= 0)
            r = sd_bus_message_open_container(reply, 'e', "oa{st}");
        if (r >= 0)
            r = sd_bus_message_append(reply, "o", device->path);
        if (r >= 0)
            r = append_counters(reply, &device->counters);
        if (r >= 0)
            r = sd_bus_message_close_container(reply);
    }
    if (r >= 0 && sd_bus_message_close_container(reply) >= 0)
        (void)sd_bus_send(NULL, reply, NULL);
    sd_bus_message_unref(reply);
}

static void reset_counters(struct vb *vb, void *self, sd_bus_message *m)
{
    const struct vb_adapter *adapter = self;
    struct vb_device *device;

    (void)vb;
    TAILQ_FOREACH(device, &adapter->devices, next)
        device->counters = (struct vb_counters){0};
    vb_ok(m);
}

static const struct vb_method methods[] = {
    {"GetCounters", "", "a{oa{st}}", "counters", get_counters},
    {"ResetCounters", "", "", "", reset_counters},
    {NULL, NULL, NULL, NULL, NULL}};

const struct vb_iface vb_counters_iface = {"org.gasfitter.VirtualBluez1", methods, NULL};
