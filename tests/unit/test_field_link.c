/* test_field_link.c - one meter over a link that fails in every way: each operation comes to
 * exactly one end. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/field_link_scene.h"

/* ---- good ---- */

static void connects_opens_and_asks(void **state)
{
    struct scene s;
    gasm_Request r = change();
    struct ticket_row t = ticket_of(0, 1);

    (void)state;
    begin(&s, 1);
    assert_true(ml_down(s.ml));
    assert_int_equal(meter_link_ask(s.ml, &r, false), GF_E_NOT_NOW);    /* no ticket yet */
    assert_int_equal(meter_link_connect(s.ml), 0);
    assert_int_equal(meter_link_connect(s.ml), GF_E_NOT_NOW);
    assert_int_equal(meter_link_open(s.ml, &t), GF_E_NOT_NOW);
    assert_int_equal(await(&s), 0);
    assert_false(s.has_answer);
    assert_true(ml_connected(s.ml));
    assert_false(ml_session(s.ml, 0));
    assert_int_equal(ml_mtu(s.ml), 247);
    assert_string_equal(ml_ctl(s.ml)->meter_id, AID_METER_ID);
    assert_int_equal(meter_link_connect(s.ml), 0);
    assert_int_equal(await(&s), 0);
    assert_int_equal(open_with(&s, 1), 0);
    assert_int_equal(s.answer.which_body, gasm_Response_identity_tag);
    assert_true(ml_session(s.ml, 0));
    assert_false(ml_session(s.ml, 1));
    assert_int_equal(ask(&s, false), 0);
    assert_int_equal(s.answer.result, gasm_Refusal_OK);
    assert_int_equal(receipts(&s), 1);
    assert_int_equal(ask(&s, false), 0);                /* the same operation: the stored answer */
    assert_int_equal(receipts(&s), 1);
    assert_int_equal(s.w->link.attempts, 1);
    end(&s);
}

static void asking_makes_what_it_lacks(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 2);
    assert_int_equal(open_with(&s, 1), 0);
    meter_link_close(s.ml);
    pass(&s, 100);
    assert_true(ml_down(s.ml));
    assert_int_equal(s.ends, 1);
    assert_int_equal(ask(&s, false), 0);
    assert_int_equal(s.answer.result, gasm_Refusal_OK);
    assert_int_equal(s.w->link.attempts, 2);
    end(&s);
}

/* Another ticket: another handshake on the same connection; the same ticket: none. */
static void a_new_ticket_is_a_new_handshake(void **state)
{
    struct scene s;
    uint64_t sessions;

    (void)state;
    begin(&s, 3);
    assert_int_equal(open_with(&s, 1), 0);
    sessions = s.w->meter->meter->session_next;
    assert_int_equal(open_with(&s, 1), 0);
    assert_int_equal(s.w->meter->meter->session_next, sessions);
    assert_int_equal(open_with(&s, 2), 0);
    assert_int_equal(s.w->meter->meter->session_next, sessions + 1);
    assert_int_equal(s.w->meter->meter->ticket.serial, 2);
    assert_int_equal(s.w->link.attempts, 1);
    end(&s);
}

/* The meter takes one hello a second; the wait is no attempt. */
static void waits_when_the_meter_is_busy(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 4);
    for (uint64_t serial = 1; serial <= 5; serial++) {
        assert_int_equal(open_with(&s, serial), 0);
        assert_int_equal(s.most_attempts, 1);
    }
    assert_int_equal(s.w->link.attempts, 1);
    end(&s);
}

static void keeps_an_idle_session(void **state)
{
    struct scene s;
    uint64_t before;

    (void)state;
    begin(&s, 5);
    assert_int_equal(open_with(&s, 1), 0);
    before = s.w->link.fragments;
    pass(&s, 600000);
    assert_true(ml_session(s.ml, 0));
    assert_int_equal(s.w->link.connections, 1);
    assert_in_range(s.w->link.fragments - before, 100, 400);    /* one exchange in 10 s */
    assert_int_equal(s.ends, 1);
    assert_int_equal(ask(&s, false), 0);
    end(&s);
}

/* An operation that begins while the idle question is in flight waits for its answer. */
static void asks_while_an_idle_question_is_in_flight(void **state)
{
    (void)state;
    for (int64_t at = 9900; at < 10100; at += 10) {
        struct scene s;

        begin(&s, 6);
        assert_int_equal(open_with(&s, 1), 0);
        pass(&s, at - 200);
        assert_int_equal(ask(&s, true), 0);
        assert_int_equal(s.answer.command, gasm_Command_INSTALL_KEY);
        end(&s);
    }
}

static void an_end_may_begin_another(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 7);
    s.again = true;
    assert_int_equal(meter_link_connect(s.ml), 0);
    pass(&s, 500);
    assert_int_equal(s.ends, 2);
    end(&s);
}

/* ---- another ---- */

static void another_meter_answers(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 11);
    s.w->link.impostor = "GM2400001320";
    assert_int_equal(meter_link_connect(s.ml), 0);
    assert_int_equal(await(&s), GF_E_ID_MISMATCH);
    assert_non_null(strstr(s.why.detail, "connected to GM2400001320, not to " AID_METER_ID));
    assert_true(ml_down(s.ml));
    assert_int_equal(s.w->link.attempts, 1);
    assert_int_equal(s.w->link.fragments, 0);
    end(&s);
}

static void another_protocol(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 12);
    s.w->link.ctl_version = 2;
    assert_int_equal(meter_link_connect(s.ml), 0);
    assert_int_equal(await(&s), GF_E_FORMAT);
    assert_int_equal(s.w->link.attempts, 1);
    end(&s);
}

static void a_refused_reset_is_tried_again(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 13);
    s.w->link.ctl_fails = GF_E_GATT;
    assert_int_equal(open_with(&s, 1), 0);
    assert_int_equal(s.most_attempts, 2);
    assert_int_equal(s.w->link.attempts, 2);
    end(&s);
}

/* The meter takes shorter fragments than the MTU allows, or longer ones. */
static void fragments_keep_to_both_limits(void **state)
{
    static const struct {
        uint16_t mtu, ctl, longest;
    } cases[] = {{247, 40, 40}, {247, 509, 244}, {23, 509, 20}, {517, 509, 509}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene s;

        begin(&s, 20);
        s.w->link.mtu = cases[i].mtu;
        s.w->link.ctl_limit = cases[i].ctl;
        assert_int_equal(open_with(&s, 1), 0);
        assert_int_equal(ask(&s, false), 0);
        assert_in_range(s.w->link.longest, cases[i].longest < 100 ? cases[i].longest : 100,
                        cases[i].longest);
        end(&s);
    }
}

static void a_full_port_is_waited_for(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 14);
    s.w->link.mtu = 23;
    for (unsigned full = 1; full < 40; full += 7) {
        s.w->link.full = full;
        assert_int_equal(open_with(&s, full), 0);
        assert_int_equal(s.most_attempts, 1);
    }
    assert_int_equal(s.w->link.attempts, 1);
    end(&s);
}

/* ---- tickets ---- */

static void refused_tickets(void **state)
{
    struct scene s;
    struct ticket_row t = ticket_of(1, 1);      /* the meter has no such epoch */

    (void)state;
    begin(&s, 15);
    assert_int_equal(meter_link_open(s.ml, &t), 0);
    assert_int_equal(await(&s), GF_E_TICKET);
    assert_int_equal(ml_refusal(s.ml)->reason, gasm_Refusal_KEY_EXPIRED);
    assert_true(ml_connected(s.ml));            /* another one may be tried at once */
    t = ticket_of(0, 1);
    t.key[0] ^= 1;
    assert_int_equal(meter_link_open(s.ml, &t), 0);
    assert_int_equal(await(&s), GF_E_PROOF);
    assert_int_equal(open_with(&s, 1), 0);
    end(&s);
}

/* ---- closed ---- */

static void closed_at_every_moment(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 300; at += 10) {
        struct scene s;
        struct ticket_row t = ticket_of(0, 1);

        begin(&s, 16);
        assert_int_equal(meter_link_open(s.ml, &t), 0);
        pass(&s, at);
        meter_link_close(s.ml);
        meter_link_close(s.ml);
        assert_int_equal(s.ends, s.code == 0 && s.has_answer);      /* never from inside the call */
        pass(&s, 1000);
        assert_int_equal(s.ends, 1);
        assert_true(s.code == GF_E_CANCELLED || s.has_answer);
        assert_true(ml_down(s.ml));
        assert_false(s.w->link.up);
        assert_int_equal(open_with(&s, 1), 0);
        end(&s);
    }
}

static void freed_at_every_moment(void **state)
{
    (void)state;
    for (int64_t at = 0; at < 200; at += 10) {
        struct scene s;
        struct ticket_row t = ticket_of(0, 1);

        begin(&s, 17);
        assert_int_equal(meter_link_open(s.ml, &t), 0);
        pass(&s, at);
        s.ml = meter_link_free(s.ml);
        for (int i = 0; i < 100; i++)
            field_world_step(s.w);
        assert_false(s.w->link.up);
        field_world_free(s.w);
    }
    assert_null(meter_link_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_opens_and_asks),
        cmocka_unit_test(asking_makes_what_it_lacks),
        cmocka_unit_test(a_new_ticket_is_a_new_handshake),
        cmocka_unit_test(waits_when_the_meter_is_busy),
        cmocka_unit_test(keeps_an_idle_session),
        cmocka_unit_test(asks_while_an_idle_question_is_in_flight),
        cmocka_unit_test(an_end_may_begin_another),
        cmocka_unit_test(another_meter_answers),
        cmocka_unit_test(another_protocol),
        cmocka_unit_test(a_refused_reset_is_tried_again),
        cmocka_unit_test(fragments_keep_to_both_limits),
        cmocka_unit_test(a_full_port_is_waited_for),
        cmocka_unit_test(refused_tickets),
        cmocka_unit_test(closed_at_every_moment),
        cmocka_unit_test(freed_at_every_moment),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
