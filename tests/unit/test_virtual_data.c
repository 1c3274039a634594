/* test_virtual_data.c - virtual-bluez: the faults of writes and notifications, F44 to F53, do what
 * their names say, as often as ordered, as a client on the bus and the peripheral's program see
 * it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/vbscene.h"

/* ---- writes ---------------------------------------------------------------------------------- */

/* F44: so often, whichever the write; reading works meanwhile, and what is written then arrives. */
static void writes_are_busy(void **state)
{
    static const struct {
        const char *order;
        unsigned times;
        bool is_command;
    } rows[] = {
        {"F44@connecting", 5, true}, {"F44@subscribing", 5, false}, {"F44@idle:2", 2, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *(*write)(struct vbscene *, char, size_t) = rows[i].is_command ? vbscene_command
                                                                               : vbscene_request;
        struct vbscene s;
        char got[16];

        vbscene_begin(&s, (const char *const[]){FAST, "--fault", rows[i].order, NULL});
        for (unsigned k = 0; k < rows[i].times; k++) {
            assert_string_equal(write(&s, 'A', 7), "InProgress: In Progress");
            assert_string_equal(vbworld_read(&s.w, s.ctl, 0, got, sizeof got), "");
            assert_int_equal(vbscene_strikes(&s), k + 1);
        }
        assert_string_equal(write(&s, 'B', 7), "");
        assert_given(&s, "B7");
        assert_int_equal(vbscene_strikes(&s), rows[i].times);
        vbscene_end(&s);
    }
}

/* What a client is told of an ATT error; codes without a row are Failed. */
static const struct {
    unsigned code;
    const char *text;
} att_texts[] = {
    {0x02, "NotPermitted: Read not permitted"},
    {0x03, "NotPermitted: Write not permitted"},
    {0x05, "NotPermitted: Not paired"},
    {0x06, "NotSupported: Operation is not supported"},
    {0x07, "InvalidArguments: Invalid offset"},
    {0x08, "NotAuthorized: Operation Not Authorized"},
    {0x0c, "NotPermitted: Not paired"},
    {0x0d, "InvalidArguments: Invalid Length"},
    {0x0f, "NotPermitted: Not paired"},
};

static void assert_att_text(const char *text, unsigned code)
{
    char want[64];

    (void)snprintf(want, sizeof want, "Failed: Operation failed with ATT error: 0x%02x", code);
    for (size_t i = 0; i < sizeof att_texts / sizeof att_texts[0]; i++)
        if (att_texts[i].code == code)
            (void)snprintf(want, sizeof want, "%s", att_texts[i].text);
    assert_string_equal(text, want);
}

/* A write that fails; the code that virtual-bluez says it has drawn. */
static unsigned att_error(struct vbscene *s)
{
    const char *text = vbscene_request(s, 'A', 3);
    char line[128] = "";
    unsigned code;

    (void)vbworld_told(&s->w, "fault F45 ", line, sizeof line);
    code = (unsigned)strtoul(strstr(line, "0x") ? strstr(line, "0x") : "0", NULL, 16);
    assert_att_text(text, code);
    return code;
}

/* F45: once; which code, the seed says. Ordered often, all come: 20 strikes are told on stdout. */
static void writes_fail_with_each_code(void **state)
{
    struct vbscene s;
    unsigned first[2];
    bool seen[256] = {false};
    unsigned n = 0;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F45@connecting", "--fault-seed",
                                        i == 0 ? "1" : "2", NULL});
        first[i] = att_error(&s);
        assert_string_equal(vbscene_request(&s, 'B', 3), "");
        assert_given(&s, "B3");
        assert_int_equal(vbscene_strikes(&s), 1);
        vbscene_end(&s);
    }
    assert_int_not_equal(first[0], first[1]);
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F45@connecting:20", NULL});
    for (int k = 0; k < 20; k++) {
        unsigned code = att_error(&s);

        n += !seen[code];
        seen[code] = true;
    }
    assert_int_equal(n, 20);
    assert_string_equal(vbscene_request(&s, 'B', 3), "");
    assert_given(&s, "B3");
    vbscene_end(&s);
}

/* F46: the client is told yes; what has an answer on the air is not struck. */
static void a_write_is_lost(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F46@connecting", NULL});
    assert_string_equal(vbscene_request(&s, 'A', 3), "");
    assert_int_equal(vbscene_strikes(&s), 0);
    assert_string_equal(vbscene_command(&s, 'B', 4), "");
    assert_int_equal(vbscene_strikes(&s), 1);
    assert_string_equal(vbscene_command(&s, 'C', 5), "");
    assert_given(&s, "A3 C5");
    vbscene_end(&s);
}

/* ---- notifications --------------------------------------------------------------------------- */

/* What is sent to the client, and what it is told then. */
static const struct told_row {
    const char *options[10];
    const char *sent, *told; /* a letter and a number of bytes each; '|': all before it were told */
    unsigned strikes;
} told_rows[] = {
    {{FAST, SINGLE, "--fault", "F48@closing"}, "A5 B5 C5", "A5 B5 C5", 0}, /* it never begins */
    {{FAST, SINGLE, "--fault", "F47@connecting"}, "A5 B5 C5", "B5 C5", 1},
    {{FAST, SINGLE, "--fault", "F47@connecting:2"}, "A5 B5 C5", "C5", 2},
    {{FAST, SINGLE, "--fault", "F48@connecting"}, "A1 B2 C3 D4 E5 F6 G7",
     "A1 A1 B2 B2 C3 C3 D4 D4 E5 E5 F6 G7", 5},
    {{FAST, "--fault", "F48@connecting:1"}, "A1 B2", "A1 A1 B2", 1},
    {{FAST, SINGLE, "--fault", "F50@connecting"}, "A20 B21 C21", "A20 B20 C21", 1},
    {{FAST, "--fault", "F50@connecting"}, "A20 B200 C200", "A20 B20 C200", 1},
};

static void check_told(const struct told_row *row)
{
    struct vbscene s;

    vbscene_subscribed(&s, row->options);
    for (const char *at = row->sent; *at; at += strspn(at, " ")) {
        char letter = *at++, *behind;

        vbscene_notify(&s, letter, strtoul(at, &behind, 10));
        at = behind;
    }
    assert_told(&s, row->told);
    assert_int_equal(vbscene_strikes(&s), row->strikes);
    vbscene_end(&s);
}

/* F47, F48, F50 */
static void notifications_are_lost_doubled_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof told_rows / sizeof told_rows[0]; i++) {
        print_message("# %s: %s\n", told_rows[i].told, told_rows[i].sent);
        check_told(&told_rows[i]);
    }
}

/* F49: one waits for the next, at most 100 ms, and only twice. The clock is slow, so that the next
 * is in time. */
static void notifications_change_places(void **state)
{
    static const char *const slow_f49[] = {AT_RATE("0.2"), "--fault", "F49@connecting", NULL};
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, slow_f49);
    assert_string_equal(aid_get(&s.w.loop, s.w.client, s.tx, VB_CHAR1, "MTU"), "64");
    vbscene_notify(&s, 'A', 5);
    vbscene_notify(&s, 'B', 6);
    assert_told(&s, "B6 A5");
    vbscene_notify(&s, 'C', 5);
    vbscene_notify(&s, 'D', 6);
    assert_told(&s, "B6 A5 D6 C5");
    vbscene_notify(&s, 'E', 5);
    vbscene_notify(&s, 'F', 6);
    assert_told(&s, "B6 A5 D6 C5 E5 F6");
    assert_int_equal(vbscene_strikes(&s), 2);
    vbscene_end(&s);
    vbscene_subscribed(&s, (const char *const[]){FAST, "--fault", "F49@connecting", NULL});
    vbscene_notify(&s, 'A', 5); /* nothing follows it */
    assert_told(&s, "A5");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F51: of values that come within 20 ms the last is told, once. The clock is slow, so that they
 * do. */
static void notifications_become_one(void **state)
{
    static const char *const slow_f51[] = {AT_RATE("0.1"), "--fault", "F51@connecting", NULL};
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, slow_f51);
    assert_string_equal(aid_get(&s.w.loop, s.w.client, s.tx, VB_CHAR1, "MTU"), "64");
    vbscene_notify(&s, 'A', 5);
    vbscene_notify(&s, 'B', 6);
    vbscene_notify(&s, 'C', 7);
    assert_told(&s, "C7");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_notify(&s, 'D', 5);
    vbscene_notify(&s, 'E', 6);
    assert_told(&s, "C7 D5 E6");
    vbscene_end(&s);
}

/* F52: before the answer, and once. */
static void a_value_comes_before_the_answer(void **state)
{
    struct aid_call call;
    struct vbscene s;
    char line[320];

    (void)state;
    vbscene_begin(&s, (const char *const[]){FAST, "--fault", "F52@subscribing", NULL});
    aid_call_start(s.w.client, &call, s.tx, VB_CHAR1, "StartNotify", NULL);
    call.log = &s.w.log;
    assert_string_equal(aid_call_end(&s.w.loop, &call), "");
    aid_call_done(&call);
    (void)snprintf(line, sizeof line, "%sc7000008010055", s.heard);
    assert_true(aid_log_order(&s.w.log, (const char *const[]){line, "answered", NULL}));
    assert_string_equal(vbscene_subscribe(&s), "");
    vbscene_notify(&s, 'A', 5);
    assert_told(&s, "?7 A5");
    assert_int_equal(vbscene_strikes(&s), 1);
    vbscene_end(&s);
}

/* F53: five times, each time when the echo before it has come. */
static void a_value_is_told_again(void **state)
{
    struct vbscene s;

    (void)state;
    vbscene_subscribed(&s, (const char *const[]){FAST, "--fault", "F53@connecting", NULL});
    for (unsigned k = 0; k < 5; k++) {
        char want[64] = "A1 A1 B2 B2 C3 C3 D4 D4 E5 E5";

        want[6 * k + 5] = '\0';
        vbscene_notify(&s, (char)('A' + k), k + 1);
        assert_told(&s, want);
        assert_int_equal(vbscene_strikes(&s), k + 1);
    }
    vbscene_notify(&s, 'F', 6);
    vbscene_notify(&s, 'G', 7);
    assert_told(&s, "A1 A1 B2 B2 C3 C3 D4 D4 E5 E5 F6 G7");
    assert_int_equal(vbscene_strikes(&s), 5);
    vbscene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_are_busy),
        cmocka_unit_test(writes_fail_with_each_code),
        cmocka_unit_test(a_write_is_lost),
        cmocka_unit_test(notifications_are_lost_doubled_cut),
        cmocka_unit_test(notifications_change_places),
        cmocka_unit_test(notifications_become_one),
        cmocka_unit_test(a_value_comes_before_the_answer),
        cmocka_unit_test(a_value_is_told_again),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
