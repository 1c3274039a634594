/* test_virtual_others.c - virtual-bluez: the faults of data that other programs and the peripheral
 * cause, F54 to F60, do what their names say, as a client on the bus and the peripheral's program
 * see it; and where an order strikes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbscene.h"

/* What a strike's line says behind these words, as a number. */
static double said(struct vbscene *s, const char *begin, const char *words)
{
    char line[160] = "";
    const char *at;

    (void)vbworld_told(&s->w, begin, line, sizeof line);
    at = strstr(line, words);
    assert_non_null(at);
    return strtod(at + strlen(words), NULL);
}

/* ---- other programs -------------------------------------------------------------------------- */

/* F54, F55: nobody else writes meanwhile, and then it goes on. That it takes no less is sure: the
 * clock began before it. */
static void check_taken(const char *order, unsigned ms)
{
    char taken[320], given_back[320];
    struct vbscene s;
    long long begun;
    const char *text;

    vbscene_begin(&s, (const char *const[]){FAST, "--fault", order, NULL});
    (void)snprintf(taken, sizeof taken, "%.256s WriteAcquired=true", s.rx + strlen("/org/bluez/"));
    (void)snprintf(given_back, sizeof given_back, "%.256s WriteAcquired=false",
                   s.rx + strlen("/org/bluez/"));
    assert_string_equal(vbscene_request(&s, 'A', 3), ""); /* these writes have no socket */
    assert_int_equal(vbscene_strikes(&s), 0);
    begun = aid_now_ms();
    assert_string_equal(vbscene_command(&s, 'B', 4), "NotPermitted: Write acquired");
    assert_true(aid_log_count(&s.w.log, taken) == 1);
    while (*(text = vbscene_command(&s, 'C', 5)) && aid_now_ms() < begun + AID_WAIT_MS)
        assert_string_equal(text, "NotPermitted: Write acquired");
    assert_true(aid_now_ms() >= begun + ms / 50);
    assert_int_equal(aid_log_count(&s.w.log, given_back), 1);
    assert_given(&s, "A3 C5");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

static void writes_are_taken(void **state)
{
    (void)state;
    check_taken("F54@connecting", 1000);
    check_taken("F55@connecting", 4000);
}

struct count {
    struct vbscene *s;
    unsigned n;
};

static bool is_given(void *arg)
{
    const struct count *count = arg;

    return count->s->w.peer.n_writes >= count->n;
}

static void wait_given(struct vbscene *s, unsigned n)
{
    assert_true(aid_wait(&s->w.loop, is_given, &(struct count){s, n}, AID_WAIT_MS));
}

/* F56: three times; twice noise, and once what the client wrote first. */
static void somebody_else_writes(void **state)
{
    static const char *const wanted[] = {"A5 A5 B6 ?20 C7 ?20 D8 E9", "A5 ?20 B6 A5 C7 ?20 D8 E9",
                                         "A5 ?20 B6 ?20 C7 A5 D8 E9"};
    static const char *const seeds[] = {"1", "2"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vbscene s;
        unsigned k = 0;

        vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F56@connecting", "--fault-seed",
                                                seeds[i], NULL});
        for (unsigned n = 0; n < 5; n++) {
            assert_string_equal(vbscene_command(&s, (char)('A' + n), n + 5), "");
            assert_int_equal(vbscene_strikes(&s), n < 3 ? n + 1 : 3);
            wait_given(&s, n < 3 ? 2 * n + 2 : n + 4);
        }
        while (k < 2 && strcmp(vbscene_given(&s), wanted[k]) != 0)
            k++;
        assert_string_equal(vbscene_given(&s), wanted[k]);
        vbscene_end(&s);
    }
}

/* ---- the peripheral -------------------------------------------------------------------------- */

static bool is_told_or_struck(void *arg)
{
    struct count *count = arg;

    return strlen(vbscene_told(count->s)) >= count->n || vbscene_strikes(count->s) > 0;
}

/* F57: all before the message with byte k has arrived, and nothing of that one, whichever way it
 * goes. */
static void check_loss(const char *seed)
{
    struct vbscene s;
    unsigned sent = 0, k, given = 0, told = 0;
    bool up = true;

    vbscene_subscribed(&s, (const char *const[]){FAST, SINGLE, "--fault", "F57@connecting",
                                                 "--fault-seed", seed, NULL});
    while (vbscene_strikes(&s) == 0) {
        assert_true(sent < 800);
        sent += up ? 50 : 30;
        if (up) {
            assert_string_equal(vbscene_command(&s, 'A', 50), "");
            given += vbscene_strikes(&s) == 0;
        } else {
            vbscene_notify(&s, 'B', 30);
            (void)aid_wait(&s.w.loop, is_told_or_struck,
                           &(struct count){&s, 4 * (told + 1) - 1}, AID_WAIT_MS);
            told += vbscene_strikes(&s) == 0;
        }
        up = !up;
    }
    k = (unsigned)said(&s, "fault F57 ", "at byte ");
    assert_in_range(k, sent - (up ? 30 : 50) + 1, sent);
    assert_link_lost(&s);
    assert_int_equal(s.w.peer.n_writes, given);
    assert_int_equal(strlen(vbscene_told(&s)), told ? 4 * told - 1 : 0);
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

static void the_link_falls_in_a_message(void **state)
{
    (void)state;
    check_loss("1");
    check_loss("2");
    check_loss("3");
}

/* F58 is a line for who runs the peripheral, at its phase, once; nothing else. */
static void the_peripheral_shall_reboot(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, (const char *const[]){FAST, "--fault", "F58@handshake", NULL});
    assert_int_equal(vbscene_strikes(&s), 0);
    for (int i = 0; i < 3; i++) /* the first or second, which is drawn, is the one */
        assert_string_equal(vbscene_request(&s, 'A', 3), "");
    assert_int_equal(vbworld_told(&s.w, "fault F58 handshake: the peripheral loses its power", NULL,
                                  0), 1);
    vbscene_notify(&s, 'B', 4);
    assert_told(&s, "B4");
    assert_given(&s, "A3 A3 A3");
    vbworld_peer_dies(&s.w);
    assert_link_lost(&s);
    vbscene_end(&s);
}

/* F59: an answer comes so much later; BlueZ waits 30 s for it, and then ends the link. The write is
 * one that the peripheral's radio refuses by itself. */
static void check_slow(const char *seed, bool seen[4])
{
    static const double waits_s[4] = {4.9, 5.1, 29, 31};
    const char *text = "";
    struct vbscene s;
    long long begun;
    double wait_s;
    char maker[256];
    size_t k = 0;

    vbscene_begin(&s, (const char *const[]){AT_RATE("100"), "--fault", "F59@handshake",
                                            "--fault-seed", seed, NULL});
    vbworld_path(&s.w, AID_PEER_MAKER, maker);
    begun = aid_now_ms();
    for (int i = 0; i < 2 && vbscene_strikes(&s) == 0; i++)
        text = vbworld_write(&s.w, maker, "abc", 3, "request", 0);
    wait_s = said(&s, "fault F59 ", "nothing for ");
    while (k < 3 && waits_s[k] != wait_s)
        k++;
    assert_true(waits_s[k] == wait_s);
    if (wait_s > 30) {
        assert_string_equal(text, "Failed: Operation failed with ATT error: 0x0e");
        assert_link_lost(&s);
    } else {
        assert_string_equal(text, "NotPermitted: Write not permitted");
        assert_true((double)(aid_now_ms() - begun) >= wait_s * 1000 / 100 - 1);
        assert_string_equal(vbscene_request(&s, 'B', 3), "");
    }
    assert_int_equal(vbscene_strikes(&s), 1);
    seen[k] = true;
    vbscene_end(&s);
}

static void the_peripheral_is_slow(void **state)
{
    bool seen[4] = {false};
    char seed[12];

    (void)state;
    for (unsigned i = 1; !(seen[0] && seen[1] && seen[2] && seen[3]); i++) {
        assert_true(i < 40);
        (void)snprintf(seed, sizeof seed, "%u", i);
        check_slow(seed, seen);
    }
}

static void connect_again(struct vbscene *s)
{
    assert_string_equal(aid_do(&s->w.loop, s->w.client, VB_DEV, VB_DEVICE1, "Disconnect"), "");
    assert_link_lost(s);
    vbscene_connect(s);
}

/* F60: what is as short as an acknowledgement is lost, on one link, with an MTU of 23. */
static void credit_never_comes(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, (const char *const[]){FAST, "--fault", "F60@connecting", NULL});
    assert_string_equal(aid_get(&s.w.loop, s.w.client, s.tx, VB_CHAR1, "MTU"), "23");
    vbscene_notify(&s, 'A', 5);
    vbscene_notify(&s, 'B', 4);
    vbscene_notify(&s, 'C', 1);
    vbscene_notify(&s, 'D', 20);
    assert_told(&s, "A5 D20");
    connect_again(&s);
    assert_string_equal(vbscene_subscribe(&s), "");
    vbscene_notify(&s, 'E', 4);
    assert_told(&s, "E4");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* ---- where an order strikes ------------------------------------------------------------------ */

static void add_value(char *text, char letter)
{
    size_t n = strlen(text);

    (void)snprintf(text + n, 128 - n, "%s%c1", n ? " " : "", letter);
}

/* Twenty requests with their answers, of which one is struck: which. Nothing but it is lost. */
static int struck_one(const char *order, const char *seed, bool is_write)
{
    char writes[128] = "", answers[128] = "";
    struct vbscene s;
    int struck = -1;

    vbscene_subscribed(&s, (const char *const[]){FAST, SINGLE, "--fault", order, "--fault-seed",
                                                 seed, NULL});
    vbscene_notify(&s, '.', 1); /* what ends a handshake: from now on writes are requests */
    assert_told(&s, ".1");
    aid_log_clear(&s.w.log);
    for (int i = 0; i < 20; i++) {
        char letter = (char)('A' + i);

        assert_string_equal(vbscene_command(&s, letter, 1), "");
        if (is_write && struck < 0 && vbscene_strikes(&s) == 1)
            struck = i;
        else
            add_value(writes, letter);
        vbscene_notify(&s, letter, 1);
        (void)aid_wait(&s.w.loop, is_told_or_struck,
                       &(struct count){&s, (unsigned)strlen(answers) + 2}, AID_WAIT_MS);
        if (!is_write && struck < 0 && vbscene_strikes(&s) == 1)
            struck = i;
        else
            add_value(answers, letter);
        assert_given(&s, writes);
        assert_told(&s, answers);
    }
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
    return struck;
}

/* Of requests and answers the seed draws one of the first sixteen. */
static void the_seed_draws_which(void **state)
{
    static const char *const orders[] = {"F46@request", "F47@answer"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        bool is_write = i == 0;
        int first = struck_one(orders[i], "1", is_write);

        assert_in_range(first, 0, 15);
        assert_int_equal(struck_one(orders[i], "1", is_write), first);
        assert_int_not_equal(struck_one(orders[i], "3", is_write), first);
    }
}

/* A fault of subscribing, ordered for a request, meets the client on its way back: the link falls
 * first. */
static void the_link_falls_before_an_earlier_phase(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, (const char *const[]){FAST, SINGLE, "--fault", "F52@handshake", NULL});
    assert_string_equal(vbscene_subscribe(&s), "");
    for (int i = 0; i < 2; i++) /* the first or second, which is drawn, is the one */
        (void)vbscene_request(&s, 'A', 3);
    assert_link_lost(&s);
    assert_int_equal(vbscene_strikes(&s), 0);
    vbscene_connect(&s);
    assert_string_equal(vbscene_subscribe(&s), "");
    assert_told(&s, "?7");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_taken),
        cmocka_unit_test(somebody_else_writes),
        cmocka_unit_test(the_link_falls_in_a_message),
        cmocka_unit_test(the_peripheral_shall_reboot),
        cmocka_unit_test(the_peripheral_is_slow),
        cmocka_unit_test(credit_never_comes),
        cmocka_unit_test(the_seed_draws_which),
        cmocka_unit_test(the_link_falls_before_an_earlier_phase),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
