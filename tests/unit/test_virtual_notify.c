/* test_virtual_notify.c - virtual-bluez: subscriptions, and the sockets of AcquireX. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/aid/vbworld.h"

#define FAST "--adv-ms", "20", "--clock-rate", "50"

static const char *const wide[] = {FAST, NULL};
static const char *const narrow[] = {FAST, "--mtu", "23", NULL};
static uint8_t bytes[600];

static void ready(struct vbworld *w, const char *const options[])
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(vbworld_start(w, options), 0);
    assert_int_equal(vbworld_ready(w), 0);
}

static const char *on_char(struct vbworld *w, const char *path, const char *member)
{
    return aid_do(&w->loop, w->client, path, VB_CHAR1, member);
}

static bool wrote(void *arg)
{
    return ((struct vbworld *)arg)->peer.n_writes > 0;
}

static void wait_written(struct vbworld *w)
{
    assert_true(aid_wait(&w->loop, wrote, w, AID_WAIT_MS));
}

/* ---- subscribing ----------------------------------------------------------------------------- */

static void subscriptions_start_and_stop(void **state)
{
    static const struct {
        const char *const *options;
        size_t n;
    } rows[] = {{wide, 512}, {narrow, 18}}; /* MTU - 5: the length of each takes two bytes */

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char tx[256], ctl[256], on[300], off[300];
        struct vbworld w;

        ready(&w, rows[i].options);
        vbworld_path(&w, AID_PEER_TX, tx);
        (void)snprintf(on, sizeof on, "%s Notifying=true", tx + strlen("/org/bluez/"));
        (void)snprintf(off, sizeof off, "%s Notifying=false", tx + strlen("/org/bluez/"));
        aid_peer_notify(&w.peer, false, bytes, 3); /* nobody has subscribed: it goes nowhere */
        assert_string_equal(on_char(&w, tx, "StopNotify"), "Failed: No notify session started");
        assert_string_equal(on_char(&w, vbworld_path(&w, AID_PEER_CTL, ctl), "StartNotify"),
                            "NotSupported: Operation is not supported");
        assert_string_equal(on_char(&w, tx, "StartNotify"), "");
        assert_string_equal(on_char(&w, tx, "StartNotify"), "");
        assert_int_equal(w.peer.n_start, 1);
        assert_int_equal(aid_log_count(&w.log, on), 1);
        for (int k = 0; k < 3; k++) /* the same value each time is still told each time */
            aid_peer_notify(&w.peer, false, bytes, 600);
        aid_peer_notify(&w.peer, false, bytes, 1);
        assert_true(aid_log_wait(&w.loop, &w.log, vbworld_line(tx, bytes, 1)));
        assert_int_equal(aid_log_count(&w.log, vbworld_line(tx, bytes, rows[i].n)), 3);
        assert_int_equal(aid_log_count(&w.log, vbworld_line(tx, bytes, 3)), 0);
        assert_string_equal(on_char(&w, tx, "StopNotify"), "");
        assert_true(aid_log_wait(&w.loop, &w.log, off));
        assert_int_equal(vbworld_stop(&w), 0);
    }
}

static bool confirmed(void *arg)
{
    return ((struct vbworld *)arg)->peer.n_confirm == 2;
}

static void indications_are_confirmed_in_turn(void **state)
{
    struct vbworld w;
    char ind[256];

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_IND, ind);
    assert_string_equal(on_char(&w, ind, "StartNotify"), "");
    aid_peer_notify(&w.peer, true, bytes, 2);
    aid_peer_notify(&w.peer, true, bytes, 4);
    assert_true(aid_wait(&w.loop, confirmed, &w, AID_WAIT_MS));
    assert_true(aid_log_wait(&w.loop, &w.log, vbworld_line(ind, bytes, 4)));
    assert_int_equal(vbworld_count(&w, "indications"), 2);
    assert_int_equal(vbworld_count(&w, "confirmations"), 2);
    assert_int_equal(vbworld_stop(&w), 0);
}

static bool stopped(void *arg)
{
    return ((struct vbworld *)arg)->peer.n_stop == 1;
}

static bool started_again(void *arg)
{
    return ((struct vbworld *)arg)->peer.n_start == 2;
}

static void sessions_outlive_the_link(void **state)
{
    struct vbworld w;
    char tx[256];

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_TX, tx);
    assert_string_equal(on_char(&w, tx, "StartNotify"), "");
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Disconnect"), "");
    assert_true(aid_wait(&w.loop, stopped, &w, AID_WAIT_MS));
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "Notifying"), "true");
    assert_string_equal(aid_do(&w.loop, w.client, VB_DEV, VB_DEVICE1, "Connect"), "");
    assert_true(aid_wait(&w.loop, started_again, &w, AID_WAIT_MS));
    assert_string_equal(on_char(&w, tx, "StartNotify"), "");
    aid_peer_notify(&w.peer, false, bytes, 5);
    assert_true(aid_log_wait(&w.loop, &w.log, vbworld_line(tx, bytes, 5)));
    assert_int_equal(vbworld_stop(&w), 0);
}

static void a_client_that_leaves_takes_its_session_along(void **state)
{
    struct vbworld w;
    sd_bus *other;
    char tx[256];

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_TX, tx);
    other = aid_connect(&w.loop, w.bus.address);
    assert_non_null(other);
    assert_string_equal(aid_do(&w.loop, other, tx, VB_CHAR1, "StartNotify"), "");
    assert_string_equal(aid_do(&w.loop, other, VB_HCI0, VB_ADAPTER1, "StartDiscovery"), "");
    aid_disconnect(&w.loop, other);
    assert_true(aid_wait(&w.loop, stopped, &w, AID_WAIT_MS));
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "Notifying"), "false");
    assert_string_equal(aid_get(&w.loop, w.client, VB_HCI0, VB_ADAPTER1, "Discovering"), "false");
    assert_int_equal(vbworld_stop(&w), 0);
}

/* ---- sockets --------------------------------------------------------------------------------- */

/* Acquire; the socket, whose MTU is *mtu; -1 with the error in text. */
static int acquire(struct vbworld *w, const char *path, const char *member, uint16_t *mtu,
                   const char **text)
{
    struct aid_call call;
    int fd = -1, kept = -1;

    aid_call_start(w->client, &call, path, VB_CHAR1, member, "a{sv}", 0);
    *text = aid_call_end(&w->loop, &call);
    if (**text == '\0' && sd_bus_message_read(call.reply, "hq", &fd, mtu) > 0)
        kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    aid_call_done(&call);
    return kept;
}

static ssize_t receive(struct vbworld *w, int fd, void *to, size_t cap)
{
    long long end = aid_now_ms() + AID_WAIT_MS;
    ssize_t n;

    while ((n = recv(fd, to, cap, MSG_DONTWAIT)) < 0 && errno == EAGAIN && aid_now_ms() < end)
        aid_pump(&w->loop, 10);
    return n;
}

static void sockets_carry_values(void **state)
{
    char rx[256], tx[256], ctl[256];
    const char *text;
    struct vbworld w;
    uint8_t got[600];
    uint16_t mtu = 0;
    int to, from;

    (void)state;
    ready(&w, narrow);
    vbworld_path(&w, AID_PEER_RX, rx);
    vbworld_path(&w, AID_PEER_TX, tx);
    to = acquire(&w, rx, "AcquireWrite", &mtu, &text);
    assert_true(to >= 0);
    assert_int_equal(mtu, 23);
    assert_int_equal(acquire(&w, rx, "AcquireWrite", &mtu, &text), -1);
    assert_string_equal(text, "NotPermitted: Write acquired");
    assert_string_equal(vbworld_write(&w, rx, "x", 1, "command", 0),
                        "NotPermitted: Write acquired");
    vbworld_path(&w, AID_PEER_CTL, ctl);
    assert_int_equal(acquire(&w, ctl, "AcquireWrite", &mtu, &text), -1);
    assert_string_equal(text, "NotSupported: Operation is not supported");

    assert_int_equal(send(to, bytes, 21, 0), 21); /* too long for the MTU: lost without a word */
    assert_int_equal(send(to, bytes, 20, 0), 20);
    wait_written(&w);
    assert_int_equal(w.peer.n_value, 20);
    assert_int_equal(w.peer.n_writes, 1);

    from = acquire(&w, tx, "AcquireNotify", &mtu, &text);
    assert_true(from >= 0);
    assert_string_equal(on_char(&w, tx, "StartNotify"), "NotPermitted: Notify acquired");
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "NotifyAcquired"), "true");
    aid_peer_notify(&w.peer, false, bytes, 7);
    assert_int_equal(receive(&w, from, got, sizeof got), 7);
    assert_memory_equal(got, bytes, 7);
    assert_non_null(strstr(aid_get(&w.loop, w.client, tx, VB_CHAR1, "Value"), "No such"));

    vbworld_peer_dies(&w);
    assert_int_equal(receive(&w, from, got, sizeof got), 0); /* hung up */
    assert_int_equal(receive(&w, to, got, sizeof got), 0);
    assert_true(aid_log_wait(&w.loop, &w.log, VB_LOG_DEV " Connected=false"));
    (void)close(from);
    (void)close(to);
    assert_int_equal(vbworld_stop(&w), 0);
}

static void closing_the_socket_ends_the_subscription(void **state)
{
    const char *text;
    struct vbworld w;
    char tx[256];
    uint16_t mtu;
    int from;

    (void)state;
    ready(&w, wide);
    vbworld_path(&w, AID_PEER_TX, tx);
    assert_string_equal(on_char(&w, tx, "StartNotify"), "");
    assert_int_equal(acquire(&w, tx, "AcquireNotify", &mtu, &text), -1);
    assert_string_equal(text, "InProgress: In Progress");
    assert_string_equal(on_char(&w, tx, "StopNotify"), "");
    assert_true(aid_wait(&w.loop, stopped, &w, AID_WAIT_MS));
    from = acquire(&w, tx, "AcquireNotify", &mtu, &text);
    assert_true(from >= 0);
    w.peer.n_stop = 0;
    (void)close(from);
    assert_true(aid_wait(&w.loop, stopped, &w, AID_WAIT_MS));
    assert_string_equal(aid_get(&w.loop, w.client, tx, VB_CHAR1, "NotifyAcquired"), "false");
    assert_int_equal(vbworld_stop(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriptions_start_and_stop),
        cmocka_unit_test(indications_are_confirmed_in_turn),
        cmocka_unit_test(sessions_outlive_the_link),
        cmocka_unit_test(a_client_that_leaves_takes_its_session_along),
        cmocka_unit_test(sockets_carry_values),
        cmocka_unit_test(closing_the_socket_ends_the_subscription),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
