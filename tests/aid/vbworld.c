/* vbworld.c - a private bus with virtual-bluez, a client and a peripheral; see vbworld.h. */
#include "tests/aid/vbworld.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int vbworld_start(struct vbworld *w, const char *const options[])
{
    const char *argv[24];
    sd_bus *peer_bus;
    int r;
    size_t n = 0;

    *w = (struct vbworld){0};
    if (aid_bus_start(&w->bus) < 0)
        return -1;
    argv[n++] = aid_program("virtual-bluez");
    argv[n++] = "--bus";
    argv[n++] = w->bus.address;
    while (*options && n < 23)
        argv[n++] = *options++;
    argv[n] = NULL;
    w->pid = aid_spawn(argv, &w->out);
    if (w->pid < 0)
        return -1;
    r = aid_wait_line(w->out, "ready", AID_WAIT_MS);
    w->client = aid_connect(&w->loop, w->bus.address);
    peer_bus = aid_connect(&w->loop, w->bus.address);
    if (r < 0 || !w->client || !peer_bus || aid_log_start(&w->log, w->client) < 0 ||
        aid_peer_start(&w->peer, peer_bus) < 0) {
        (void)fprintf(stderr, "# virtual-bluez is not ready\n");
        return -1;
    }
    return 0;
}

int vbworld_stop(struct vbworld *w)
{
    int r;

    aid_disconnect(&w->loop, w->peer.bus);
    aid_disconnect(&w->loop, w->client);
    aid_log_done(&w->log);
    r = aid_stop(w->pid);
    (void)close(w->out);
    aid_log_done(&w->said);
    aid_bus_stop(&w->bus);
    if (r != 0)
        (void)fprintf(stderr, "# virtual-bluez ended with %d\n", r);
    return r;
}

static int expect_ok(const char *what, const char *text)
{
    if (*text == '\0')
        return 0;
    (void)fprintf(stderr, "# %s: %s\n", what, text);
    return -1;
}

int vbworld_seen(struct vbworld *w)
{
    if (expect_ok("register", aid_peer_register(&w->loop, &w->peer, VB_HCI1)) < 0 ||
        expect_ok("StartDiscovery",
                  aid_do(&w->loop, w->client, VB_HCI0, VB_ADAPTER1, "StartDiscovery")) < 0)
        return -1;
    return aid_log_wait(&w->loop, &w->log, "added " VB_LOG_DEV) ? 0 : -1;
}

int vbworld_ready(struct vbworld *w)
{
    if (vbworld_seen(w) < 0 ||
        expect_ok("StopDiscovery",
                  aid_do(&w->loop, w->client, VB_HCI0, VB_ADAPTER1, "StopDiscovery")) < 0 ||
        expect_ok("Connect", aid_do(&w->loop, w->client, VB_DEV, VB_DEVICE1, "Connect")) < 0)
        return -1;
    return aid_log_wait(&w->loop, &w->log, VB_LOG_DEV " ServicesResolved=true") ? 0 : -1;
}

/* Take what is in the pipe: whole lines, each of which its writer flushed at once. */
static void listen_to(struct vbworld *w)
{
    struct pollfd p = {.fd = w->out, .events = POLLIN};
    char text[65536 + 1]; /* a pipe holds no more */
    ssize_t n;

    while (poll(&p, 1, 0) > 0 && (n = read(w->out, text, sizeof text - 1)) > 0) {
        text[n - (text[n - 1] == '\n')] = '\0';
        aid_log_line(&w->said, text, "", "");
    }
}

unsigned vbworld_told(struct vbworld *w, const char *begin, char *line, size_t cap)
{
    const char *at;
    unsigned n = 0;

    listen_to(w);
    for (at = w->said.text; at && *at; at = strchr(at, '\n') + 1) {
        if (strncmp(at, begin, strlen(begin)) != 0)
            continue;
        n++;
        if (line)
            (void)snprintf(line, cap, "%.*s", (int)strcspn(at, "\n"), at);
    }
    return n;
}

void vbworld_peer_dies(struct vbworld *w)
{
    aid_disconnect(&w->loop, w->peer.bus);
    w->peer.bus = NULL;
}

/* The object at the reading position: whether it has the characteristic's UUID. */
static bool has_uuid(sd_bus_message *m, const char *uuid)
{
    char text[8192] = "", key[64];

    aid_value_text(m, text, sizeof text);
    (void)snprintf(key, sizeof key, VB_CHAR1 ":UUID:%s", uuid);
    return strstr(text, key) != NULL;
}

/* The last characteristic with this UUID in the object tree, or ""; how many there are. */
static unsigned look_up(struct vbworld *w, const char *uuid, char path[static 256])
{
    struct aid_call call;
    unsigned n = 0;
    const char *at;

    path[0] = '\0';
    aid_call_start(w->client, &call, "/", "org.freedesktop.DBus.ObjectManager",
                   "GetManagedObjects", NULL);
    if (*aid_call_end(&w->loop, &call) == '\0') {
        (void)sd_bus_message_enter_container(call.reply, 'a', "{oa{sa{sv}}}");
        while (sd_bus_message_enter_container(call.reply, 'e', "oa{sa{sv}}") > 0) {
            (void)sd_bus_message_read(call.reply, "o", &at);
            if (has_uuid(call.reply, uuid)) {
                (void)snprintf(path, 256, "%s", at);
                n++;
            }
            (void)sd_bus_message_exit_container(call.reply);
        }
    }
    aid_call_done(&call);
    return n;
}

const char *vbworld_char(struct vbworld *w, const char *uuid)
{
    static char path[256];

    (void)look_up(w, uuid, path);
    return path;
}

unsigned vbworld_n_chars(struct vbworld *w, const char *uuid)
{
    char path[256];

    return look_up(w, uuid, path);
}

const char *vbworld_path(struct vbworld *w, const char *uuid, char path[static 256])
{
    (void)snprintf(path, 256, "%s", vbworld_char(w, uuid));
    return path;
}

const char *vbworld_line(const char *path, const void *bytes, size_t n)
{
    static char line[2048];
    int at = snprintf(line, sizeof line, "%s Value=", path + strlen("/org/bluez/"));

    for (size_t i = 0; i < n; i++)
        at += snprintf(line + at, sizeof line - (size_t)at, "%02x", ((const uint8_t *)bytes)[i]);
    return line;
}

long long vbworld_count(struct vbworld *w, const char *name)
{
    char text[4096] = "", key[64];
    struct aid_call call;
    const char *at = NULL;

    aid_call_start(w->client, &call, VB_HCI0, "org.gasfitter.VirtualBluez1", "GetCounters", NULL);
    if (*aid_call_end(&w->loop, &call) == '\0') {
        aid_value_text(call.reply, text, sizeof text);
        (void)snprintf(key, sizeof key, "%s:", name);
        at = strstr(text, VB_DEV);
        while (at && strncmp(at + 1, key, strlen(key)) != 0)
            at = strpbrk(at + 1, ":,");
    }
    aid_call_done(&call);
    return at ? strtoll(at + 1 + strlen(key), NULL, 10) : -1;
}

const char *vbworld_write(struct vbworld *w, const char *path, const void *bytes, size_t n,
                          const char *type, unsigned offset)
{
    sd_bus_message *m = NULL;
    struct aid_call call;
    const char *text;

    (void)sd_bus_message_new_method_call(w->client, &m, "org.bluez", path, VB_CHAR1, "WriteValue");
    (void)sd_bus_message_append_array(m, 'y', bytes, n);
    (void)sd_bus_message_open_container(m, 'a', "{sv}");
    if (type)
        (void)sd_bus_message_append(m, "{sv}", "type", "s", type);
    if (offset)
        (void)sd_bus_message_append(m, "{sv}", "offset", "q", (uint16_t)offset);
    (void)sd_bus_message_close_container(m);
    aid_call_send(w->client, &call, m);
    text = aid_call_end(&w->loop, &call);
    aid_call_done(&call);
    return text;
}

const char *vbworld_read(struct vbworld *w, const char *path, unsigned offset, char *value,
                         size_t cap)
{
    struct aid_call call;
    const char *text;

    if (offset)
        aid_call_start(w->client, &call, path, VB_CHAR1, "ReadValue", "a{sv}", 1, "offset", "q",
                       (uint16_t)offset);
    else
        aid_call_start(w->client, &call, path, VB_CHAR1, "ReadValue", "a{sv}", 0);
    text = aid_call_end(&w->loop, &call);
    value[0] = '\0';
    if (*text == '\0')
        aid_value_text(call.reply, value, cap);
    aid_call_done(&call);
    return text;
}
