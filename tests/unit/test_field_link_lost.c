/* test_field_link_lost.c - a link that loses, spoils and drops, at every fragment; attempts, and what is
 * told of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/field_link_scene.h"

/* Everything from connecting to the answer, with the link lost or a fragment spoilt at n. False:
 * beyond the last. */
static bool troubled_at(uint64_t n, uint16_t mtu, bool spoil)
{
    struct scene s;
    bool hit;

    begin(&s, 100 + n);
    s.w->link.mtu = mtu;
    *(spoil ? &s.w->link.corrupt_at : &s.w->link.lose_at) = n;
    assert_int_equal(open_with(&s, 1), 0);
    assert_int_equal(ask(&s, false), 0);
    assert_int_equal(s.answer.result, gasm_Refusal_OK);
    assert_int_equal(receipts(&s), 1);
    assert_int_equal(s.ends, 2);
    hit = s.w->link.fragments >= n;
    end(&s);
    return hit;
}

static void lost_at_every_fragment(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (troubled_at(n, 23, false))
        n++;
    assert_in_range(n, 20, 500);
}

/* A fragment is lost on its way, and nothing falls: the same connection asks for it. */
static void dropped_at_every_fragment(void **state)
{
    static const uint16_t mtus[] = {23, 247};

    (void)state;
    for (size_t i = 0; i < sizeof mtus / sizeof mtus[0]; i++) {
        uint64_t n = 1, fragments;

        do {
            struct scene s;

            begin(&s, 300 + n);
            s.w->link.mtu = mtus[i];
            s.w->link.drop_at = n;
            assert_int_equal(open_with(&s, 1), 0);
            assert_int_equal(ask(&s, false), 0);
            assert_int_equal(s.answer.result, gasm_Refusal_OK);
            assert_int_equal(receipts(&s), 1);
            assert_int_equal(s.w->link.connections, 1);
            fragments = s.w->link.fragments;
            end(&s);
        } while (n++ < fragments);
        assert_in_range(n, 5, 500);
    }
}

static void spoilt_at_every_fragment(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (troubled_at(n, 23, true))
        n++;
    assert_in_range(n, 20, 500);
    for (n = 1; troubled_at(n, 247, true);)
        n++;
}

static void gives_up_after_its_attempts(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 8);
    assert_int_equal(open_with(&s, 1), 0);
    s.w->link.mute = true;
    ask(&s, false);
    assert_true(s.code == GF_E_LINK_TIMEOUT || s.code == GF_E_LINK_LOST);
    assert_int_equal(s.most_attempts, ml_limits_usual.attempts);
    assert_non_null(strstr(s.why.detail, "(attempt 6)"));
    assert_false(s.has_answer);
    s.w->link.mute = false;
    assert_int_equal(ask(&s, false), 0);
    assert_int_equal(receipts(&s), 1);
    end(&s);
}

static void once_is_once(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 9);
    assert_int_equal(open_with(&s, 1), 0);
    s.w->link.lose_at = s.w->link.fragments + 2;
    assert_int_equal(ask(&s, true), GF_E_LINK_LOST);
    assert_int_equal(s.most_attempts, 1);
    /* lost before it was sent, it may be sent */
    assert_int_equal(ask(&s, true), 0);
    end(&s);
}

static void not_heard(void **state)
{
    struct scene s;
    int64_t from;

    (void)state;
    begin(&s, 10);
    s.w->link.away = true;
    from = s.w->meter->mono_ms;
    assert_int_equal(open_with(&s, 1), GF_E_LINK_AWAY);
    assert_in_range(s.w->meter->mono_ms - from, ml_limits_usual.connect_ms,
                    ml_limits_usual.connect_ms + 1000);
    assert_true(ml_down(s.ml));
    end(&s);
}

/* The Bluetooth service starts again after 40 s: waited for, far beyond six attempts, but not for
 * ever. */
static void the_radio_is_waited_for(void **state)
{
    struct scene s;
    struct ticket_row t = ticket_of(0, 1);
    struct ml_try again;

    (void)state;
    begin(&s, 21);
    s.w->link.radio_away = true;
    assert_int_equal(meter_link_open(s.ml, &t), 0);
    pass(&s, 40000);
    assert_int_equal(s.ends, 0);
    assert_true(ml_attempt(s.ml) > 6);
    ml_try(s.ml, &again);
    assert_int_equal(again.number, ml_attempt(s.ml));
    assert_int_equal(again.most, 0);
    assert_int_equal(again.code, GF_E_BLUEZ_AWAY);
    s.w->link.radio_away = false;
    assert_int_equal(await(&s), 0);
    meter_link_close(s.ml);
    pass(&s, 100);
    s.w->link.radio_away = true;
    assert_int_equal(open_with(&s, 1), GF_E_BLUEZ_AWAY);
    assert_non_null(strstr(s.why.detail, "fell (attempt "));
    end(&s);
}

/* BlueZ tells the MTU of an earlier link: what is longer than the true one vanishes without a word.
 * The next attempt goes in pieces that every link carries. */
static void the_mtu_is_stale(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 23);
    s.w->link.narrow = MC_FRAGMENT_MIN;
    assert_int_equal(open_with(&s, 1), 0);
    assert_int_equal(s.most_attempts, 2);
    s.w->link.longest = 0;
    assert_int_equal(ask(&s, false), 0);
    assert_int_equal(s.w->link.longest, MC_FRAGMENT_MIN);
    end(&s);
}

/* The port's own attempts are told as they are while it connects, and ours when they are over. */
static void attempts_are_told(void **state)
{
    const struct link_attempt port = {2, 9, GF_E_LINK_LOST, "le-connection-abort-by-local", 500};
    struct scene s;
    struct ticket_row t = ticket_of(0, 1);
    struct ml_try again;

    (void)state;
    begin(&s, 22);
    s.w->link.away = true;
    ml_try(s.ml, &again);
    assert_int_equal(again.number, 1);
    assert_int_equal(meter_link_open(s.ml, &t), 0);
    pass(&s, 10);
    s.w->link.events->attempt(s.w->link.events->ctx, &port);
    ml_try(s.ml, &again);
    assert_int_equal(again.number, 2);
    assert_int_equal(again.most, 9);
    assert_int_equal(again.code, GF_E_LINK_LOST);
    assert_string_equal(again.detail, "le-connection-abort-by-local");
    assert_int_equal(again.in_ms, 500);
    pass(&s, 200);
    ml_try(s.ml, &again);
    assert_in_range(again.in_ms, 1, 300);
    pass(&s, 400);
    ml_try(s.ml, &again);
    assert_int_equal(again.in_ms, 0);
    meter_link_close(s.ml);
    pass(&s, 100);
    ml_try(s.ml, &again);
    assert_int_equal(again.number, 1);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_at_every_fragment),
        cmocka_unit_test(dropped_at_every_fragment),
        cmocka_unit_test(spoilt_at_every_fragment),
        cmocka_unit_test(gives_up_after_its_attempts),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(not_heard),
        cmocka_unit_test(the_radio_is_waited_for),
        cmocka_unit_test(the_mtu_is_stale),
        cmocka_unit_test(attempts_are_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
