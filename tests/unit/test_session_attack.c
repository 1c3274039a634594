/* test_session_attack.c - handshakes and messages that somebody disturbed. */
#include "meter-core/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/session_pair.h"

static const struct mc_crypto *crypto;

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* ---- disturbed handshakes ---- */

static void any_flipped_bit_of_the_client_hello_is_caught(void **state)
{
    struct aid_pair p;

    (void)state;
    aid_pair_begin(&p);
    for (size_t bit = 0; bit < p.hello.n * 8; bit++) {
        aid_pair_begin(&p);
        flip(p.hello.p, bit);
        if (aid_pair_welcome(&p) < 0)
            continue;
        assert_int_equal(aid_pair_take_welcome(&p), GF_E_PROOF);
        aid_pair_assert_ended(&p.client);
    }
    for (size_t n = 0; n < p.hello.n; n++) {
        aid_pair_begin(&p);
        p.hello.n = n;
        if (aid_pair_welcome(&p) >= 0)
            assert_int_equal(aid_pair_take_welcome(&p), GF_E_PROOF);
    }
}

static void any_flipped_bit_of_the_server_hello_is_caught(void **state)
{
    struct aid_pair p;
    int r;

    (void)state;
    aid_pair_establish(&p);
    for (size_t bit = 0; bit < p.welcome.n * 8; bit++) {
        aid_pair_begin(&p);
        assert_true(aid_pair_welcome(&p) > 0);
        flip(p.welcome.p, bit);
        r = aid_pair_take_welcome(&p);
        /* Kind 2 with its third bit set is 6: a refusal, and no more than a hint. */
        assert_true(r == GF_E_PROOF || r == GF_E_FORMAT || (bit == 2 && r == GF_E_TICKET));
        aid_pair_assert_ended(&p.client);
    }
    for (size_t n = 0; n < 53; n++) {
        aid_pair_begin(&p);
        assert_true(aid_pair_welcome(&p) > 0);
        p.welcome.n = n;
        assert_int_equal(aid_pair_take_welcome(&p), GF_E_FORMAT);
        aid_pair_assert_ended(&p.client);
    }
}

static void more_than_a_server_hello_is_refused(void **state)
{
    struct aid_pair p;

    (void)state;
    aid_pair_begin(&p);
    assert_true(aid_pair_welcome(&p) > 0);
    memcpy(p.welcome.p + p.welcome.n, "\x18\x01", 2); /* a field that no proof covers */
    p.welcome.n += 2;
    assert_int_equal(aid_pair_take_welcome(&p), GF_E_FORMAT);
}

static void another_ticket_key_fails_on_both_sides(void **state)
{
    struct aid_pair p, other;
    bool proved = true;

    (void)state;
    aid_pair_begin(&p);
    p.root[0] ^= 1; /* this meter has another key */
    assert_true(aid_pair_welcome(&p) > 0);
    assert_int_equal(aid_pair_take_welcome(&p), GF_E_PROOF);
    aid_pair_assert_ended(&p.client);

    /* A client that goes on all the same can only send a proof of another key. */
    aid_pair_establish(&other);
    aid_pair_ask(&other, 1);
    p.request = other.request;
    assert_int_equal(aid_pair_hear(&p, 1, &proved), GF_E_PROOF);
    assert_false(proved);
    aid_pair_assert_ended(&p.server);
}

static void refusal_is_told_and_ends_the_session(void **state)
{
    gasm_HelloRefusal refusal = { .reason = gasm_Refusal_KEY_EXPIRED,
                                  .active_epoch = 4,
                                  .retry_after_s = 9 };
    uint8_t msg[1 + gasm_HelloRefusal_size] = { MC_KIND_REFUSAL };
    struct aid_pair p;

    (void)state;
    aid_pair_begin(&p);

    int n = mc_pb_encode(gasm_HelloRefusal_fields, &refusal, msg + 1, sizeof msg - 1);

    assert_true(n > 0);
    memset(&refusal, 0, sizeof refusal);
    assert_int_equal(mc_client_welcome(&p.client, crypto, msg, (size_t)n + 1, &refusal),
                     GF_E_TICKET);
    assert_int_equal(refusal.reason, gasm_Refusal_KEY_EXPIRED);
    assert_int_equal(refusal.active_epoch, 4);
    assert_int_equal(refusal.retry_after_s, 9);
    aid_pair_assert_ended(&p.client);

    /* Where an answer is due, it means that the meter has forgotten the session. */
    gasm_Response response;

    aid_pair_establish(&p);
    aid_pair_ask(&p, 1);
    assert_int_equal(mc_client_open(&p.client, crypto, msg, (size_t)n + 1, &response),
                     GF_E_SESSION);
    aid_pair_assert_ended(&p.client);
}

static void damaged_refusal_is_refused(void **state)
{
    static const uint8_t msg[] = { MC_KIND_REFUSAL, 0x08 };
    gasm_HelloRefusal refusal;
    struct aid_pair p;

    (void)state;
    aid_pair_begin(&p);
    assert_int_equal(mc_client_welcome(&p.client, crypto, msg, sizeof msg, &refusal), GF_E_FORMAT);
    aid_pair_assert_ended(&p.client);
}

static void another_version_is_refused(void **state)
{
    struct aid_pair p;

    (void)state;
    aid_pair_begin(&p);
    assert_int_equal(p.hello.p[1], 0x08);
    p.hello.p[2] = 2;
    assert_int_equal(aid_pair_welcome(&p), GF_E_FORMAT);
    aid_pair_assert_ended(&p.server);
}

/* ---- disturbed messages ---- */

static void any_flipped_bit_of_a_request_ends_the_session(void **state)
{
    struct aid_pair fresh, p;
    bool proved;

    (void)state;
    for (unsigned turn = 1; turn <= 2; turn++) {
        aid_pair_establish(&fresh);
        if (turn == 2)
            aid_pair_exchange(&fresh, 1, true);
        aid_pair_ask(&fresh, turn);
        for (size_t bit = 0; bit < fresh.request.n * 8; bit++) {
            bool in_proof = turn == 1 && bit >= 9 * 8 && bit < 41 * 8;

            p = fresh;
            flip(p.request.p, bit);
            assert_int_equal(aid_pair_hear(&p, turn, &proved),
                             in_proof ? GF_E_PROOF : GF_E_SESSION);
            assert_false(proved);
            aid_pair_assert_ended(&p.server);
        }
        for (size_t n = 0; n < fresh.request.n + 3; n++) {
            p = fresh;
            p.request.n = n;
            assert_int_equal(aid_pair_hear(&p, turn, &proved),
                             n == fresh.request.n ? 0 : GF_E_SESSION);
        }
    }
}

static void any_flipped_bit_of_an_answer_ends_the_session(void **state)
{
    struct aid_pair fresh, p;
    bool proved;

    (void)state;
    aid_pair_establish(&fresh);
    aid_pair_ask(&fresh, 1);
    assert_int_equal(aid_pair_hear(&fresh, 1, &proved), 0);
    aid_pair_reply(&fresh, 2);
    for (size_t bit = 0; bit < fresh.answer.n * 8; bit++) {
        p = fresh;
        flip(p.answer.p, bit);
        assert_int_equal(aid_pair_read_reply(&p, 2), GF_E_SESSION);
        aid_pair_assert_ended(&p.client);
    }
    for (size_t n = 0; n < fresh.answer.n + 3; n++) {
        p = fresh;
        p.answer.n = n;
        assert_int_equal(aid_pair_read_reply(&p, 2), n == fresh.answer.n ? 0 : GF_E_SESSION);
    }
}

/* Requests 1, 2, 3 arrive in every order of two and three, with repetitions. */
static void requests_out_of_order_end_the_session(void **state)
{
    struct aid_pair fresh, p;
    struct aid_message sent[3];
    bool proved;

    (void)state;
    aid_pair_establish(&fresh);
    for (unsigned i = 0; i < 3; i++) {
        aid_pair_ask(&fresh, i + 1);
        sent[i] = fresh.request;
    }
    for (unsigned order = 0; order < 27; order++) {
        const unsigned pick[] = { order / 9, order / 3 % 3, order % 3 };
        bool good = true;

        p = fresh;
        for (unsigned i = 0; i < 3 && good; i++) {
            p.request = sent[pick[i]];
            good = pick[i] == i;
            assert_int_equal(aid_pair_hear(&p, i + 1, &proved), good ? 0 : GF_E_SESSION);
        }
        if (!good)
            aid_pair_assert_ended(&p.server);
    }
}

static void answers_out_of_order_end_the_session(void **state)
{
    struct aid_pair fresh, p;
    struct aid_message sent[3];
    bool proved;

    (void)state;
    aid_pair_establish(&fresh);
    aid_pair_ask(&fresh, 1);
    assert_int_equal(aid_pair_hear(&fresh, 1, &proved), 0);
    for (unsigned i = 0; i < 3; i++) {
        aid_pair_reply(&fresh, i + 1);
        sent[i] = fresh.answer;
    }
    for (unsigned order = 0; order < 27; order++) {
        const unsigned pick[] = { order / 9, order / 3 % 3, order % 3 };
        bool good = true;

        p = fresh;
        for (unsigned i = 0; i < 3 && good; i++) {
            p.answer = sent[pick[i]];
            good = pick[i] == i;
            assert_int_equal(aid_pair_read_reply(&p, i + 1), good ? 0 : GF_E_SESSION);
        }
        if (!good)
            aid_pair_assert_ended(&p.client);
    }
}

/* Each way has a key of its own: a message sent back to its sender is refused. */
static void reflected_messages_are_refused(void **state)
{
    struct aid_pair p;
    bool proved;

    (void)state;
    aid_pair_establish(&p);
    aid_pair_exchange(&p, 1, true);
    aid_pair_ask(&p, 2);
    p.answer = p.request;
    p.answer.p[0] = MC_KIND_ANSWER;
    assert_int_equal(aid_pair_read_reply(&p, 2), GF_E_SESSION);

    aid_pair_establish(&p);
    aid_pair_exchange(&p, 1, true);
    aid_pair_ask(&p, 2);
    assert_int_equal(aid_pair_hear(&p, 2, &proved), 0);
    aid_pair_reply(&p, 2);
    aid_pair_ask(&p, 3);
    p.request = p.answer;
    p.request.p[0] = MC_KIND_REQUEST;
    p.request.p[1] = 3;
    assert_int_equal(aid_pair_hear(&p, 3, &proved), GF_E_SESSION);
}

static void authentic_nonsense_is_a_format_error(void **state)
{
    gasm_Response response;
    struct aid_pair p;
    bool proved;

    (void)state;
    aid_pair_establish(&p);
    aid_pair_ask(&p, 1);
    assert_int_equal(aid_pair_hear(&p, 1, &proved), 0);

    int n = mc_server_seal(&p.server, crypto, span("\x0A", 1), p.answer.p, sizeof p.answer.p);

    assert_true(n > 0);
    assert_int_equal(mc_client_open(&p.client, crypto, p.answer.p, (size_t)n, &response),
                     GF_E_FORMAT);
    aid_pair_exchange(&p, 2, false);
}

/* Whatever comes instead of a message: refused, and nothing is read or written outside. */
static void noise_is_refused(void **state)
{
    struct aid_random random = { .state = 99 };
    struct aid_pair fresh, p;
    bool proved;

    (void)state;
    aid_pair_establish(&fresh);
    aid_pair_exchange(&fresh, 1, true);
    for (size_t i = 0; i < 20000; i++) {
        size_t n = aid_random_next(&random) % 80;
        uint8_t *noise = malloc(n + 1), plain[80];
        gasm_Response response;

        assert_non_null(noise);
        for (size_t j = 0; j < n; j++)
            noise[j] = (uint8_t)aid_random_next(&random);
        if (n > 0 && i % 2)
            noise[0] = (uint8_t)(i % 7);
        if (n > 9 && i % 3)
            memcpy(noise + 1, "\x02\0\0\0\0\0\0\0", 8);
        p = fresh;
        assert_int_equal(mc_server_open(&p.server, crypto, noise, n, plain, sizeof plain, &proved),
                         GF_E_SESSION);
        assert_int_equal(mc_client_open(&p.client, crypto, noise, n, &response), GF_E_SESSION);
        free(noise);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_flipped_bit_of_the_client_hello_is_caught),
        cmocka_unit_test(any_flipped_bit_of_the_server_hello_is_caught),
        cmocka_unit_test(more_than_a_server_hello_is_refused),
        cmocka_unit_test(another_ticket_key_fails_on_both_sides),
        cmocka_unit_test(refusal_is_told_and_ends_the_session),
        cmocka_unit_test(damaged_refusal_is_refused),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(any_flipped_bit_of_a_request_ends_the_session),
        cmocka_unit_test(any_flipped_bit_of_an_answer_ends_the_session),
        cmocka_unit_test(requests_out_of_order_end_the_session),
        cmocka_unit_test(answers_out_of_order_end_the_session),
        cmocka_unit_test(reflected_messages_are_refused),
        cmocka_unit_test(authentic_nonsense_is_a_format_error),
        cmocka_unit_test(noise_is_refused),
    };

    crypto = mc_crypto_openssl();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
