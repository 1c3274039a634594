/* test_session.c - handshake and sealed messages as they should be, and misuse. */
#include "meter-core/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/gatt.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/session_pair.h"

static const struct mc_crypto *crypto;

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

/* ---- as it should be ---- */

static void both_ends_talk(void **state)
{
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    for (uint64_t i = 1; i <= 300; i++) {
        aid_pair_exchange(&p, i, i == 1);
        assert_int_equal(p.request.p[0], i == 1 ? MC_KIND_FIRST : MC_KIND_REQUEST);
        assert_int_equal(p.answer.p[0], MC_KIND_ANSWER);
        assert_int_equal(p.request.p[1] | p.request.p[2] << 8, i);
        assert_int_equal(p.answer.p[1] | p.answer.p[2] << 8, i);
    }
}

/* Everything put together by hand from the words of the header. */
static void messages_are_as_documented(void **state)
{
    static const uint8_t version = 1;
    uint8_t hash[32], key[32], mac[32], m2c[16], c2m[16], nonce[13] = { 0 }, plain[64];
    gasm_ClientHello ch;
    gasm_ServerHello sh;
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    aid_pair_exchange(&p, 5, true);
    assert_int_equal(p.hello.p[0], 1);
    assert_int_equal(p.welcome.p[0], 2);
    assert_int_equal(mc_pb_decode(gasm_ClientHello_fields, span(p.hello.p + 1, p.hello.n - 1), &ch),
                     0);
    assert_int_equal(
        mc_pb_decode(gasm_ServerHello_fields, span(p.welcome.p + 1, p.welcome.n - 1), &sh), 0);
    assert_int_equal(ch.version, 1);
    assert_memory_equal(ch.run_id, "run id 16 bytes", 16);
    assert_memory_equal(sh.nonce_m, "\x08\x07\0\0\0\0\0\0", 8);

    const struct gf_span h[] = { span(&version, 1), span(p.hello.p + 1, p.hello.n - 1),
                                 span("\x0A\x10", 2), span(sh.nonce_m, 16) };
    struct gf_span label = span("gasm proof", 10);
    const struct gf_span m[] = { span("m", 1), span(hash, 32) }, c[] = { span("c", 1), m[1] };

    assert_int_equal(crypto->sha256(crypto->ctx, h, 4, hash), 0);
    assert_int_equal(crypto->hkdf(crypto->ctx, p.ticket_key, 32, &label, 1, key, 32), 0);
    assert_int_equal(crypto->hmac(crypto->ctx, key, 32, m, 2, mac), 0);
    assert_memory_equal(sh.proof_m, mac, 32);
    assert_int_equal(crypto->hmac(crypto->ctx, key, 32, c, 2, mac), 0);
    assert_memory_equal(p.request.p, "\x03\x01\0\0\0\0\0\0\0", 9);
    assert_memory_equal(p.request.p + 9, mac, 32);

    struct gf_span info[] = { span("gasm c2m", 8), span(ch.nonce_c, 16), span(sh.nonce_m, 16) };

    assert_int_equal(crypto->hkdf(crypto->ctx, p.ticket_key, 32, info, 3, c2m, 16), 0);
    info[0] = span("gasm m2c", 8);
    assert_int_equal(crypto->hkdf(crypto->ctx, p.ticket_key, 32, info, 3, m2c, 16), 0);
    nonce[5] = 1;
    assert_int_equal(crypto->open(crypto->ctx, c2m, nonce, span(p.request.p, 41),
                                  span(p.request.p + 41, p.request.n - 41), plain),
                     0);
    assert_memory_equal(p.answer.p, "\x05\x01\0\0\0\0\0\0\0", 9);
    assert_int_equal(crypto->open(crypto->ctx, m2c, nonce, span(p.answer.p, 9),
                                  span(p.answer.p + 9, p.answer.n - 9), plain),
                     0);
}

/* The session number alone makes another session, should the random source repeat itself. */
static void session_numbers_separate_sessions(void **state)
{
    struct aid_pair a, b;

    (void)state;
    aid_pair_begin(&a);
    b = a;
    b.session_no++;
    assert_true(aid_pair_welcome(&a) > 0 && aid_pair_welcome(&b) > 0);
    assert_memory_equal(a.client.nonce_c, b.client.nonce_c, 16);
    assert_int_equal(aid_pair_take_welcome(&a), 0);
    assert_int_equal(aid_pair_take_welcome(&b), 0);
    aid_pair_ask(&a, 1);
    aid_pair_ask(&b, 1);
    assert_memory_not_equal(a.request.p + 9, b.request.p + 9, 32);
    assert_memory_not_equal(a.request.p + 41, b.request.p + 41, a.request.n - 41);
    b.request = a.request;

    bool proved = true;

    assert_int_equal(aid_pair_hear(&b, 1, &proved), GF_E_PROOF);
    assert_false(proved);
    aid_pair_assert_ended(&b.server);
}

static void end_leaves_nothing(void **state)
{
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    mc_session_end(&p.client);
    aid_pair_assert_ended(&p.client);
    mc_session_end(&p.server);
    aid_pair_assert_ended(&p.server);
    mc_session_end(&p.server);
    aid_pair_assert_ended(&p.server);
}

/* Once it is needed no more, a secret is gone from the struct. */
static void secrets_go_when_they_are_used(void **state)
{
    static const uint8_t none[sizeof(struct mc_session)];
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    assert_memory_equal(p.client.ticket_key, none, MC_KEY_LEN);
    assert_memory_equal(p.server.ticket_key, none, MC_KEY_LEN);
    aid_pair_exchange(&p, 1, true);
    assert_memory_equal(p.client.proof_c, none, MC_HASH_LEN);
    assert_memory_equal(p.server.proof_c, none, MC_HASH_LEN);
}

/* ---- misuse, lack of room, failing ports ---- */

static void nothing_works_in_the_wrong_phase(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    gasm_HelloRefusal refusal;
    struct aid_pair p, fresh;
    bool proved;

    (void)state;
    aid_pair_establish(&fresh);
    aid_pair_ask(&fresh, 1);
    aid_pair_begin(&p);
    p.request = fresh.request;
    p.welcome = fresh.welcome;
    assert_int_equal(aid_pair_hear(&p, 1, &proved), GF_E_SESSION); /* no hello was taken */
    assert_int_equal(mc_server_seal(&p.server, crypto, span("x", 1), p.answer.p, 100),
                     GF_E_SESSION);
    assert_int_equal(mc_client_seal(&p.client, crypto, &request, p.request.p, 100), GF_E_SESSION);
    assert_int_equal(mc_client_welcome(&p.client, crypto, p.welcome.p, p.welcome.n, &refusal),
                     GF_E_SESSION);
    assert_int_equal(aid_pair_read_reply(&p, 1), GF_E_SESSION);

    /* The meter says nothing sealed before the client has proved itself. */
    aid_pair_begin(&p);
    assert_true(aid_pair_welcome(&p) > 0);
    assert_int_equal(mc_server_seal(&p.server, crypto, span("x", 1), p.answer.p, 100),
                     GF_E_SESSION);

    /* A second welcome is no welcome. */
    aid_pair_establish(&p);
    assert_int_equal(aid_pair_take_welcome(&p), GF_E_SESSION);
    aid_pair_assert_ended(&p.client);
}

/* Before there is a session its keys are zeroes, which anybody knows. */
static void zero_keys_open_nothing(void **state)
{
    static const uint8_t zero_key[MC_AEAD_KEY_LEN];
    const uint8_t nonce[MC_NONCE_LEN] = { 0, 0, 0, 0, 0, 1 };
    uint8_t forged[9 + 2 + MC_AEAD_TAG_LEN] = { MC_KIND_REQUEST, 1 }, plain[64];
    struct mc_session none = { 0 };
    gasm_Response response;
    bool proved;

    (void)state;
    assert_int_equal(crypto->seal(crypto->ctx, zero_key, nonce, span(forged, 9),
                                  span("\x08\x01", 2), forged + 9),
                     0);
    assert_int_equal(
        mc_server_open(&none, crypto, forged, sizeof forged, plain, sizeof plain, &proved),
        GF_E_SESSION);
    forged[0] = MC_KIND_ANSWER;
    assert_int_equal(crypto->seal(crypto->ctx, zero_key, nonce, span(forged, 9),
                                  span("\x08\x01", 2), forged + 9),
                     0);
    assert_int_equal(mc_client_open(&none, crypto, forged, sizeof forged, &response), GF_E_SESSION);
}

static void lack_of_room_uses_nothing_up(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    struct aid_pair p, before;
    bool proved;

    (void)state;
    aid_pair_establish(&p);
    before = p;

    int n = mc_client_seal(&p.client, crypto, &request, p.request.p, sizeof p.request.p);

    assert_true(n > 0);
    for (size_t cap = 0; cap < (size_t)n; cap++) {
        struct aid_pair q = before;

        assert_int_equal(mc_client_seal(&q.client, crypto, &request, q.request.p, cap), GF_E_SPACE);
        assert_memory_equal(&q.client, &before.client, sizeof q.client);
    }

    p = before;
    aid_pair_ask(&p, 1);
    for (size_t cap = 0; cap < p.request.n - 41 - 16; cap++) {
        uint8_t plain[64];
        struct mc_session server = p.server;

        assert_int_equal(
            mc_server_open(&server, crypto, p.request.p, p.request.n, plain, cap, &proved),
            GF_E_SPACE);
        assert_memory_equal(&server, &p.server, sizeof server);
    }
    assert_int_equal(aid_pair_hear(&p, 1, &proved), 0);
    for (size_t cap = 0; cap < 9 + 5 + 16; cap++) {
        struct mc_session server = p.server;

        assert_int_equal(mc_server_seal(&server, crypto, span("12345", 5), p.answer.p, cap),
                         GF_E_SPACE);
        assert_memory_equal(&server, &p.server, sizeof server);
    }
    assert_int_equal(mc_server_seal(&p.server, crypto, span("12345", 5), p.answer.p, 30), 30);
}

/* A request that cannot be written is refused, and uses nothing up. */
static void a_request_that_cannot_be_written_uses_nothing_up(void **state)
{
    gasm_Request request = gasm_Request_init_zero;
    uint8_t bytes[MC_MESSAGE_MAX];
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    request.op_id.size = sizeof request.op_id.bytes + 1;
    for (uint64_t i = 1; i <= 2; i++) {
        assert_int_equal(mc_client_seal(&p.client, crypto, &request, bytes, sizeof bytes),
                         GF_E_SPACE);
        aid_pair_exchange(&p, i, i == 1);
    }
}

/* A message longer than any ends the session before anything is opened. */
static void a_message_longer_than_any_is_not_opened(void **state)
{
    static uint8_t bytes[MC_MESSAGE_MAX + 1];
    gasm_Response got;
    struct aid_pair p;

    (void)state;
    aid_pair_establish(&p);
    bytes[0] = MC_KIND_ANSWER;
    assert_int_equal(mc_client_open(&p.client, crypto, bytes, sizeof bytes, &got), GF_E_SESSION);
    aid_pair_assert_ended(&p.client);
}

static void hello_refuses_what_does_not_fit(void **state)
{
    static const uint8_t run_id[16], ticket[MC_TICKET_MAX + 1];
    uint8_t out[256], key[MC_KEY_LEN] = { 1 };
    struct aid_random source = { .state = 1 };
    struct gf_random random = aid_random_port(&source);
    struct mc_session s;

    (void)state;
    assert_int_equal(
        mc_client_hello(&s, &random, span(ticket, sizeof ticket), key, run_id, out, sizeof out),
        GF_E_SPACE);
    aid_pair_assert_ended(&s);

    int n = mc_client_hello(&s, &random, span(ticket, MC_TICKET_MAX), key, run_id, out, sizeof out);

    assert_true(n > 0 && n <= 1 + gasm_ClientHello_size);
    for (size_t cap = 0; cap < (size_t)n; cap++) {
        assert_int_equal(
            mc_client_hello(&s, &random, span(ticket, MC_TICKET_MAX), key, run_id, out, cap),
            GF_E_SPACE);
        aid_pair_assert_ended(&s);
    }
}

static void welcome_needs_its_room(void **state)
{
    gasm_ClientHello hello = { .version = MC_PROTOCOL_VERSION };
    struct aid_random source = { .state = 1 };
    struct gf_random random = aid_random_port(&source);
    uint8_t out[64], key[MC_KEY_LEN] = { 1 };
    struct mc_session s;

    (void)state;
    for (size_t cap = 0; cap <= 53; cap++) {
        assert_int_equal(
            mc_server_welcome(&s, crypto, &random, span("hello", 5), &hello, key, 1, out, cap),
            cap < 53 ? GF_E_SPACE : 53);
        if (cap < 53)
            aid_pair_assert_ended(&s);
    }
}

static void failed_random_source_makes_no_session(void **state)
{
    static const uint8_t run_id[16];
    struct aid_random source = { .fail = true };
    struct gf_random random = aid_random_port(&source);
    uint8_t out[256], key[MC_KEY_LEN] = { 1 };
    struct mc_session s;
    struct aid_pair p;

    (void)state;
    assert_int_equal(mc_client_hello(&s, &random, span("t", 1), key, run_id, out, sizeof out),
                     GF_E_RANDOM);
    aid_pair_assert_ended(&s);
    aid_pair_begin(&p);
    p.random.fail = true;
    assert_int_equal(aid_pair_welcome(&p), GF_E_RANDOM);
    aid_pair_assert_ended(&p.server);
}

/* The n-th call into the crypto library fails, for every n. */
static void failing_library_ends_the_session(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    gasm_HelloRefusal refusal;
    gasm_ClientHello hello;
    struct aid_pair p;
    bool proved;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct gf_random random = aid_random_port(&p.random);

        aid_pair_begin(&p);
        assert_int_equal(
            mc_pb_decode(gasm_ClientHello_fields, span(p.hello.p + 1, p.hello.n - 1), &hello), 0);
        assert_int_equal(mc_server_welcome(&p.server, aid_failing_crypto(i), &random,
                                           span(p.hello.p + 1, p.hello.n - 1), &hello, p.ticket_key,
                                           1, p.welcome.p, 100),
                         GF_E_CRYPTO);
        aid_pair_assert_ended(&p.server);

        assert_true(aid_pair_welcome(&p) > 0);
        assert_int_equal(
            mc_client_welcome(&p.client, aid_failing_crypto(i), p.welcome.p, p.welcome.n, &refusal),
            GF_E_CRYPTO);
        aid_pair_assert_ended(&p.client);
    }
    aid_pair_establish(&p);
    assert_int_equal(
        mc_client_seal(&p.client, aid_failing_crypto(0), &request, p.request.p, sizeof p.request.p),
        GF_E_CRYPTO);
    aid_pair_assert_ended(&p.client);
    aid_pair_establish(&p);
    aid_pair_ask(&p, 1);
    assert_int_equal(aid_pair_hear(&p, 1, &proved), 0);
    assert_int_equal(
        mc_server_seal(&p.server, aid_failing_crypto(0), span("x", 1), p.answer.p, 100),
        GF_E_CRYPTO);
    aid_pair_assert_ended(&p.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_talk),
        cmocka_unit_test(messages_are_as_documented),
        cmocka_unit_test(session_numbers_separate_sessions),
        cmocka_unit_test(end_leaves_nothing),
        cmocka_unit_test(secrets_go_when_they_are_used),
        cmocka_unit_test(nothing_works_in_the_wrong_phase),
        cmocka_unit_test(zero_keys_open_nothing),
        cmocka_unit_test(lack_of_room_uses_nothing_up),
        cmocka_unit_test(a_request_that_cannot_be_written_uses_nothing_up),
        cmocka_unit_test(a_message_longer_than_any_is_not_opened),
        cmocka_unit_test(hello_refuses_what_does_not_fit),
        cmocka_unit_test(welcome_needs_its_room),
        cmocka_unit_test(failed_random_source_makes_no_session),
        cmocka_unit_test(failing_library_ends_the_session),
    };

    crypto = mc_crypto_openssl();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
