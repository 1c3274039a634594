/* test_field_link.c - one meter over a link that fails in every way: each operation comes to
 * exactly one end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "field/meter_link.h"
#include "tests/aid/field_world.h"

static const uint8_t run_id[GF_UUID_LEN] = "a run of a test";

struct scene {
    struct field_world *w;
    struct meter_link *ml;
    unsigned ends;              /* of operations */
    int code;                   /* of the last one */
    bool has_answer;
    gasm_Response answer;
    struct gf_fail why;
    int most_attempts;
    bool again;                 /* the end starts another operation */
};

static void on_ended(void *ctx, int code, const gasm_Response *answer, const struct gf_fail *why)
{
    struct scene *s = ctx;

    s->ends++;
    s->code = code;
    s->why = *why;
    s->has_answer = answer != NULL;
    if (answer != NULL)
        s->answer = *answer;
    if (s->again) {
        s->again = false;
        assert_int_equal(meter_link_connect(s->ml), 0);
    }
}

static void begin(struct scene *s, uint64_t seed)
{
    struct ml_events events = {s, on_ended, NULL};

    *s = (struct scene){.w = field_world_new(seed)};
    s->ml = meter_link_new(&s->w->ports, &ml_limits_usual, &events);
    assert_non_null(s->ml);
    assert_int_equal(meter_link_aim(s->ml, AID_METER_ID, FIELD_LABEL_ADDRESS, run_id), 0);
}

static void end(struct scene *s)
{
    s->ml = meter_link_free(s->ml);
    assert_null(s->w->link.events);
    field_world_free(s->w);
}

static void turn(struct scene *s)
{
    int ms;

    field_world_step(s->w);
    ms = meter_link_tick(s->ml);
    assert_in_range(ms, 0, 1000);
    if (ml_attempt(s->ml) > s->most_attempts)
        s->most_attempts = ml_attempt(s->ml);
}

static void pass(struct scene *s, int64_t ms)
{
    for (; ms > 0; ms -= 10)
        turn(s);
}

/* Until the operation that is under way has ended; then a little more, in which it must not end
 * again. */
static int await(struct scene *s)
{
    unsigned seen = s->ends;
    int64_t from = s->w->meter->mono_ms;

    s->most_attempts = 0;
    while (s->ends == seen) {
        turn(s);
        assert_true(s->w->meter->mono_ms - from <= ml_limits_usual.whole_ms + 5000);
    }
    for (int i = 0; i < 20; i++)
        turn(s);
    assert_int_equal(s->ends, seen + 1);
    assert_int_equal(s->why.code, s->code);
    return s->code;
}

static struct ticket_row ticket_of(uint32_t epoch, uint64_t serial)
{
    gasm_Ticket ticket = aid_world_ticket(epoch, serial);
    struct aid_pass p = aid_world_pass_of(&ticket);
    struct ticket_row row = {
        .ticket_len = p.ticket_n, .epoch = epoch, .not_after_s = ticket.not_after_s};

    memcpy(row.ticket, p.ticket, p.ticket_n);
    memcpy(row.key, p.key, sizeof row.key);
    return row;
}

static int open_with(struct scene *s, uint64_t serial)
{
    struct ticket_row row = ticket_of(0, serial);

    assert_int_equal(meter_link_open(s->ml, &row), 0);
    return await(s);
}

/* A change of the meter: gives it its key. */
static gasm_Request change(void)
{
    gasm_Request r = {.command = gasm_Command_INSTALL_KEY, .op_id = {GF_UUID_LEN, "one operation"},
                      .which_body = gasm_Request_install_key_tag};

    r.body.install_key.envelope.size = (pb_size_t)aid_world_envelope(
        1, 0, r.body.install_key.envelope.bytes);
    return r;
}

static int ask(struct scene *s, bool once)
{
    gasm_Request r = change();

    assert_int_equal(meter_link_ask(s->ml, &r, once), 0);
    return await(s);
}

static uint64_t receipts(const struct scene *s)
{
    return s->w->meter->meter->core.receipt_seq;
}

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

/* ---- lost ---- */

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
        cmocka_unit_test(lost_at_every_fragment),
        cmocka_unit_test(dropped_at_every_fragment),
        cmocka_unit_test(spoilt_at_every_fragment),
        cmocka_unit_test(gives_up_after_its_attempts),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(not_heard),
        cmocka_unit_test(the_radio_is_waited_for),
        cmocka_unit_test(the_mtu_is_stale),
        cmocka_unit_test(attempts_are_told),
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
