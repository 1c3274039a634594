/* dbus.c - two ends of a bus in one process; see dbus.h. */
#include "tests/aid/dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/aid/proc.h"

#define ROOT "/org/bluez/"
#define CALL_US 60000000u

sd_bus *aid_connect(struct aid_loop *loop, const char *address)
{
    sd_bus *bus = NULL;
    int r = sd_bus_new(&bus);

    if (r >= 0)
        r = sd_bus_set_address(bus, address);
    if (r >= 0)
        r = sd_bus_set_bus_client(bus, 1);
    if (r >= 0)
        r = sd_bus_negotiate_fds(bus, 1);
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0 || loop->n == AID_BUSES_MAX) {
        (void)fprintf(stderr, "# no connection to %s: %s\n", address, strerror(-r));
        return sd_bus_unref(bus);
    }
    loop->buses[loop->n++] = bus;
    return bus;
}

void aid_disconnect(struct aid_loop *loop, sd_bus *bus)
{
    for (size_t i = 0; bus && i < loop->n; i++) {
        if (loop->buses[i] != bus)
            continue;
        loop->buses[i] = loop->buses[--loop->n];
        (void)sd_bus_flush_close_unref(bus);
        return;
    }
}

void aid_pump(struct aid_loop *loop, int timeout_ms)
{
    struct pollfd fds[AID_BUSES_MAX];

    for (size_t i = 0; i < loop->n; i++) {
        fds[i] = (struct pollfd){.fd = sd_bus_get_fd(loop->buses[i])};
        while (sd_bus_process(loop->buses[i], NULL) > 0)
            timeout_ms = 0; /* something happened: the caller looks first */
    }
    for (size_t i = 0; i < loop->n; i++)
        fds[i].events = (short)sd_bus_get_events(loop->buses[i]);
    (void)poll(fds, loop->n, timeout_ms);
    for (size_t i = 0; i < loop->n; i++)
        while (sd_bus_process(loop->buses[i], NULL) > 0)
            ;
}

bool aid_wait(struct aid_loop *loop, bool (*done)(void *arg), void *arg, int timeout_ms)
{
    long long end = aid_now_ms() + timeout_ms;

    while (!done(arg)) {
        long long left = end - aid_now_ms();

        if (left <= 0)
            return false;
        aid_pump(loop, left < 100 ? (int)left : 100);
    }
    return true;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct aid_call *call = userdata;

    (void)error;
    call->reply = sd_bus_message_ref(m);
    if (call->log)
        aid_log_line(call->log, "answered", "", "");
    return 0;
}

void aid_call_send(sd_bus *bus, struct aid_call *call, sd_bus_message *m)
{
    *call = (struct aid_call){0};
    if (sd_bus_call_async(bus, &call->slot, m, on_reply, call, CALL_US) < 0)
        (void)fprintf(stderr, "# a call could not be sent\n");
    sd_bus_message_unref(m);
}

void aid_call_start(sd_bus *bus, struct aid_call *call, const char *path, const char *iface,
                    const char *member, const char *types, ...)
{
    sd_bus_message *m = NULL;
    va_list ap;

    (void)sd_bus_message_new_method_call(bus, &m, "org.bluez", path, iface, member);
    va_start(ap, types);
    if (types && sd_bus_message_appendv(m, types, ap) < 0)
        (void)fprintf(stderr, "# wrong arguments for %s\n", member);
    va_end(ap);
    aid_call_send(bus, call, m);
}

static bool has_reply(void *arg)
{
    return ((struct aid_call *)arg)->reply != NULL;
}

const char *aid_call_end(struct aid_loop *loop, struct aid_call *call)
{
    static const char prefix[] = "org.bluez.Error.";
    static char text[512];
    const sd_bus_error *error;
    const char *name;

    if (!aid_wait(loop, has_reply, call, AID_WAIT_MS))
        return "no answer";
    if (!sd_bus_message_is_method_error(call->reply, NULL))
        return "";
    error = sd_bus_message_get_error(call->reply);
    name = error->name;
    if (strncmp(name, prefix, strlen(prefix)) == 0)
        name += strlen(prefix);
    (void)snprintf(text, sizeof text, "%s: %s", name, error->message);
    return text;
}

void aid_call_done(struct aid_call *call)
{
    sd_bus_slot_unref(call->slot);
    sd_bus_message_unref(call->reply);
    *call = (struct aid_call){0};
}

const char *aid_do(struct aid_loop *loop, sd_bus *bus, const char *path, const char *iface,
                   const char *member)
{
    struct aid_call call;
    const char *text;

    aid_call_start(bus, &call, path, iface, member, NULL);
    text = aid_call_end(loop, &call);
    aid_call_done(&call);
    return text;
}

const char *aid_get(struct aid_loop *loop, sd_bus *bus, const char *path, const char *iface,
                    const char *name)
{
    static char value[4096];
    struct aid_call call;
    const char *text;

    aid_call_start(bus, &call, path, "org.freedesktop.DBus.Properties", "Get", "ss", iface, name);
    text = aid_call_end(loop, &call);
    if (*text == '\0') {
        value[0] = '\0';
        aid_value_text(call.reply, value, sizeof value);
        text = value;
    }
    aid_call_done(&call);
    return text;
}

/* ---- values as text -------------------------------------------------------------------------- */

static void put(char *out, size_t cap, const char *text)
{
    size_t n = strlen(out);

    (void)snprintf(out + n, cap - n, "%s", text);
}

static void put_bytes(sd_bus_message *m, char *out, size_t cap)
{
    const void *bytes;
    size_t n = 0;

    if (sd_bus_message_read_array(m, 'y', &bytes, &n) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        char hex[3];

        (void)snprintf(hex, sizeof hex, "%02x", ((const uint8_t *)bytes)[i]);
        put(out, cap, hex);
    }
}

static void put_basic(sd_bus_message *m, char type, char *out, size_t cap)
{
    union {
        const char *s;
        uint8_t y;
        int16_t n;
        uint16_t q;
        int i;
        uint32_t u;
        uint64_t t;
    } v;
    char number[24];

    if (sd_bus_message_read_basic(m, type, &v) <= 0)
        return;
    if (type == 's' || type == 'o') {
        put(out, cap, v.s);
        return;
    }
    if (type == 'b') {
        put(out, cap, v.i ? "true" : "false");
        return;
    }
    (void)snprintf(number, sizeof number, "%lld",
                   type == 'n' ? (long long)v.n : type == 'q' ? (long long)v.q
                   : type == 'y' ? (long long)v.y : type == 'u' ? (long long)v.u : (long long)v.t);
    put(out, cap, number);
}

void aid_value_text(sd_bus_message *m, char *out, size_t cap)
{
    const char *contents;
    bool first = true;
    char type;

    if (sd_bus_message_peek_type(m, &type, &contents) <= 0)
        return;
    if (type == 'a' && strcmp(contents, "y") == 0) {
        put_bytes(m, out, cap);
        return;
    }
    if (type != 'a' && type != 'v' && type != 'e') {
        put_basic(m, type, out, cap);
        return;
    }
    (void)sd_bus_message_enter_container(m, type, contents);
    while (sd_bus_message_at_end(m, 0) == 0) {
        if (!first)
            put(out, cap, type == 'e' ? ":" : ",");
        first = false;
        aid_value_text(m, out, cap);
    }
    (void)sd_bus_message_exit_container(m);
}

/* ---- the log --------------------------------------------------------------------------------- */

void aid_log_line(struct aid_log *log, const char *first, const char *second, const char *third)
{
    size_t n = strlen(first) + strlen(second) + strlen(third) + 1;
    char *text = realloc(log->text, log->n + n + 1);

    if (!text)
        abort();
    log->text = text;
    (void)snprintf(text + log->n, n + 1, "%s%s%s\n", first, second, third);
    log->n += n;
}

static const char *short_path(const char *path)
{
    return strncmp(path, ROOT, strlen(ROOT)) == 0 ? path + strlen(ROOT) : path;
}

static int on_managed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    bool added = strcmp(sd_bus_message_get_member(m), "InterfacesAdded") == 0;
    const char *path;

    (void)error;
    if (sd_bus_message_read(m, "o", &path) > 0)
        aid_log_line(userdata, added ? "added " : "removed ", short_path(path), "");
    return 0;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    const char *path = short_path(sd_bus_message_get_path(m)), *name;
    struct aid_log *log = userdata;

    (void)error;
    (void)sd_bus_message_skip(m, "s");
    (void)sd_bus_message_enter_container(m, 'a', "{sv}");
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        char value[2048] = "=", head[256];

        (void)sd_bus_message_read(m, "s", &name);
        (void)snprintf(head, sizeof head, "%s %s", path, name);
        aid_value_text(m, value, sizeof value);
        aid_log_line(log, head, value, "");
        (void)sd_bus_message_exit_container(m);
    }
    (void)sd_bus_message_exit_container(m);
    (void)sd_bus_message_enter_container(m, 'a', "s");
    while (sd_bus_message_read(m, "s", &name) > 0) {
        char head[256];

        (void)snprintf(head, sizeof head, "%s %s", path, name);
        aid_log_line(log, head, "!", "");
    }
    return 0;
}

int aid_log_start(struct aid_log *log, sd_bus *bus)
{
    int r = sd_bus_match_signal_async(bus, NULL, "org.bluez", "/",
                                      "org.freedesktop.DBus.ObjectManager", NULL, on_managed, NULL,
                                      log);

    if (r >= 0)
        r = sd_bus_match_signal_async(bus, NULL, "org.bluez", NULL,
                                      "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                      on_changed, NULL, log);
    *log = (struct aid_log){NULL, 0};
    return r;
}

void aid_log_clear(struct aid_log *log)
{
    log->n = 0;
    if (log->text)
        log->text[0] = '\0';
}

void aid_log_done(struct aid_log *log)
{
    free(log->text);
    *log = (struct aid_log){NULL, 0};
}

/* The next line that is `line` at or after text; the place behind it, or NULL. */
static const char *find_line(const char *text, const char *line)
{
    size_t n = strlen(line);

    while (text && *text) {
        const char *end = strchr(text, '\n');

        if ((size_t)(end - text) == n && memcmp(text, line, n) == 0)
            return end + 1;
        text = end + 1;
    }
    return NULL;
}

unsigned aid_log_count(const struct aid_log *log, const char *line)
{
    const char *at = log->text;
    unsigned n = 0;

    while ((at = find_line(at, line)) != NULL)
        n++;
    return n;
}

bool aid_log_order(const struct aid_log *log, const char *const lines[])
{
    const char *at = log->text;

    for (size_t i = 0; lines[i]; i++) {
        at = find_line(at, lines[i]);
        if (!at) {
            (void)fprintf(stderr, "# not in order: %s\n%s", lines[i], log->text ? log->text : "");
            return false;
        }
    }
    return true;
}

bool aid_log_wait(struct aid_loop *loop, struct aid_log *log, const char *line)
{
    long long end = aid_now_ms() + AID_WAIT_MS;

    while (!find_line(log->text, line)) {
        if (aid_now_ms() >= end) {
            (void)fprintf(stderr, "# not in the log: %s\n%s", line, log->text ? log->text : "");
            return false;
        }
        aid_pump(loop, 100);
    }
    return true;
}
