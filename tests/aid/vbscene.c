/* vbscene.c - a client that is connected to a peripheral over virtual-bluez; see vbscene.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbscene.h"

static const char *value(char letter, size_t n)
{
    static char bytes[600];

    assert_true(n <= sizeof bytes);
    memset(bytes, letter, n);
    return bytes;
}

const char *vbscene_subscribe(struct vbscene *s)
{
    return aid_do(&s->w.loop, s->w.client, s->tx, VB_CHAR1, "StartNotify");
}

static void find(struct vbscene *s)
{
    vbworld_path(&s->w, AID_PEER_RX, s->rx);
    vbworld_path(&s->w, AID_PEER_TX, s->tx);
    vbworld_path(&s->w, AID_PEER_CTL, s->ctl);
    (void)snprintf(s->heard, sizeof s->heard, "%s Value=",
                   s->tx[0] ? s->tx + strlen("/org/bluez/") : "no tx");
}

void vbscene_begin(struct vbscene *s, const char *const options[])
{
    *s = (struct vbscene){.wrote = {NULL, 0}};
    assert_int_equal(vbworld_start(&s->w, options), 0);
    s->w.peer.wrote = &s->wrote;
    assert_int_equal(vbworld_ready(&s->w), 0);
    find(s);
}

void vbscene_search(struct vbscene *s)
{
    aid_log_clear(&s->w.log);
    (void)aid_do(&s->w.loop, s->w.client, VB_HCI0, VB_ADAPTER1, "StartDiscovery");
    assert_true(aid_log_wait(&s->w.loop, &s->w.log, "added " VB_LOG_DEV));
}

void vbscene_connect(struct vbscene *s)
{
    aid_log_clear(&s->w.log);
    assert_string_equal(aid_do(&s->w.loop, s->w.client, VB_DEV, VB_DEVICE1, "Connect"), "");
    assert_true(aid_log_wait(&s->w.loop, &s->w.log, VB_LOG_DEV " ServicesResolved=true"));
    find(s);
}

void vbscene_subscribed(struct vbscene *s, const char *const options[])
{
    vbscene_begin(s, options);
    assert_string_equal(vbscene_subscribe(s), "");
}

void vbscene_end(struct vbscene *s)
{
    assert_int_equal(vbworld_stop(&s->w), 0);
    aid_log_done(&s->wrote);
}

const char *vbscene_command(struct vbscene *s, char letter, size_t n)
{
    return vbworld_write(&s->w, s->rx, value(letter, n), n, "command", 0);
}

const char *vbscene_request(struct vbscene *s, char letter, size_t n)
{
    return vbworld_write(&s->w, s->ctl, value(letter, n), n, "request", 0);
}

void vbscene_notify(struct vbscene *s, char letter, size_t n)
{
    aid_peer_notify(&s->w.peer, false, value(letter, n), n);
}

/* The letter of n digits in hex. */
static char letter_of(const char *hex, size_t n)
{
    for (size_t i = 2; i < n; i++)
        if (hex[i] != hex[i - 2])
            return '?';
    return n < 2 ? '-' : (char)strtol((const char[]){hex[0], hex[1], '\0'}, NULL, 16);
}

static const char *values(const struct aid_log *log, const char *line_begins)
{
    static char text[1024];
    size_t head = strlen(line_begins), at = 0;

    text[0] = '\0';
    for (const char *line = log->text; line && *line; line = strchr(line, '\n') + 1) {
        size_t n = strcspn(line, "\n");

        if (strncmp(line, line_begins, head) == 0 && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%c%zu", at ? " " : "",
                                   letter_of(line + head, n - head), (n - head) / 2);
    }
    return text;
}

const char *vbscene_told(const struct vbscene *s)
{
    return values(&s->w.log, s->heard);
}

const char *vbscene_given(const struct vbscene *s)
{
    return values(&s->wrote, "wrote ");
}

struct wish {
    const struct vbscene *s;
    const char *(*seen)(const struct vbscene *s);
    const char *values;
};

static bool is_granted(void *arg)
{
    const struct wish *wish = arg;

    return strcmp(wish->seen(wish->s), wish->values) == 0;
}

static void assert_seen(struct vbscene *s, const char *(*seen)(const struct vbscene *s),
                        const char *want)
{
    struct wish wish = {s, seen, want};

    (void)aid_wait(&s->w.loop, is_granted, &wish, AID_WAIT_MS);
    assert_string_equal(seen(s), want);
}

void assert_told(struct vbscene *s, const char *values)
{
    assert_seen(s, vbscene_told, values);
}

void assert_given(struct vbscene *s, const char *values)
{
    assert_seen(s, vbscene_given, values);
}

void assert_link_lost(struct vbscene *s)
{
    assert_true(aid_log_wait(&s->w.loop, &s->w.log, VB_LOG_DEV " Connected=false"));
}

unsigned vbscene_strikes(struct vbscene *s)
{
    return vbworld_told(&s->w, "fault ", NULL, 0);
}
