/* test_session.c - both ends of the handshake and of sealed messages, and every way to disturb them. */
#include "meter-core/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/frame.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"

enum { SESSION_NO = 0x0708 };

static const struct mc_crypto *crypto;

struct message {
    uint8_t p[MC_MESSAGE_MAX];
    size_t n;
};

/* A client with a ticket, a meter that knows the root key, and their last messages. */
struct pair {
    struct aid_random random;
    uint8_t root[MC_KEY_LEN], ticket_key[MC_KEY_LEN];
    struct mc_session client, server;
    struct message hello, welcome, request, answer;
    uint64_t session_no;
};

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void assert_ended(const struct mc_session *s)
{
    static const struct mc_session none;

    assert_memory_equal(s, &none, sizeof none);
}

static void begin(struct pair *p)
{
    uint8_t ticket[MC_TICKET_MAX];
    size_t n = aid_ticket_bytes(ticket);
    static const uint8_t run_id[16] = "run id 16 bytes";

    memset(p, 0, sizeof *p);
    p->random.state = 4711;
    p->session_no = SESSION_NO;
    aid_root_key(0x30, p->root);
    assert_int_equal(mc_ticket_key(crypto, p->root, span(ticket, n), p->ticket_key), 0);

    struct gf_random random = aid_random_port(&p->random);
    int len = mc_client_hello(&p->client, &random, span(ticket, n), p->ticket_key, run_id,
                              p->hello.p, sizeof p->hello.p);

    assert_true(len > 0);
    p->hello.n = (size_t)len;
}

/* What a meter does with the hello: decode, derive the key from the ticket shown, answer. */
static int welcome(struct pair *p)
{
    struct gf_random random = aid_random_port(&p->random);
    struct gf_span body = span(p->hello.p + 1, p->hello.n - 1);
    uint8_t key[MC_KEY_LEN];
    gasm_ClientHello hello;

    if (p->hello.n < 1 || p->hello.p[0] != MC_KIND_CLIENT_HELLO ||
        mc_pb_decode(gasm_ClientHello_fields, body, &hello) < 0)
        return GF_E_FORMAT;
    assert_int_equal(
        mc_ticket_key(crypto, p->root, span(hello.ticket.bytes, hello.ticket.size), key), 0);

    int n = mc_server_welcome(&p->server, crypto, &random, body, &hello, key, p->session_no,
                              p->welcome.p, sizeof p->welcome.p);

    p->welcome.n = n > 0 ? (size_t)n : 0;
    return n;
}

static int take_welcome(struct pair *p)
{
    gasm_HelloRefusal refusal;

    return mc_client_welcome(&p->client, crypto, p->welcome.p, p->welcome.n, &refusal);
}

static void establish(struct pair *p)
{
    begin(p);
    assert_true(welcome(p) > 0);
    assert_int_equal(take_welcome(p), 0);
}

static void ask(struct pair *p, uint64_t from_seq)
{
    gasm_Request request = { .command = gasm_Command_READ_RECEIPTS,
                             .which_body = gasm_Request_read_receipts_tag,
                             .body.read_receipts.from_seq = from_seq };
    int n = mc_client_seal(&p->client, crypto, &request, p->request.p, sizeof p->request.p);

    assert_true(n > 0);
    p->request.n = (size_t)n;
}

/* The meter opens the request; 0 when it asks for from_seq, else the error. */
static int hear(struct pair *p, uint64_t from_seq, bool *ret_proved)
{
    uint8_t plain[MC_MESSAGE_MAX];
    gasm_Request request;
    int n = mc_server_open(&p->server, crypto, p->request.p, p->request.n, plain, sizeof plain,
                           ret_proved);

    if (n < 0)
        return n;
    assert_int_equal(mc_pb_decode(gasm_Request_fields, span(plain, (size_t)n), &request), 0);
    assert_int_equal(request.which_body, gasm_Request_read_receipts_tag);
    assert_true(request.body.read_receipts.from_seq == from_seq);
    return 0;
}

static void reply(struct pair *p, uint64_t seq)
{
    gasm_Response response = { .command = gasm_Command_READ_RECEIPTS, .receipt_seq = seq };
    uint8_t plain[gasm_Response_size];
    int n = mc_pb_encode(gasm_Response_fields, &response, plain, sizeof plain);

    assert_true(n > 0);
    n = mc_server_seal(&p->server, crypto, span(plain, (size_t)n), p->answer.p, sizeof p->answer.p);
    assert_true(n > 0);
    p->answer.n = (size_t)n;
}

static int read_reply(struct pair *p, uint64_t seq)
{
    gasm_Response response;
    int r = mc_client_open(&p->client, crypto, p->answer.p, p->answer.n, &response);

    if (r == 0)
        assert_true(response.receipt_seq == seq);
    return r;
}

static void exchange(struct pair *p, uint64_t seq, bool first)
{
    bool proved = !first;

    ask(p, seq);
    assert_int_equal(hear(p, seq, &proved), 0);
    assert_int_equal(proved, first);
    reply(p, seq + 1);
    assert_int_equal(read_reply(p, seq + 1), 0);
}

/* ---- as it should be ---- */

static void both_ends_talk(void **state)
{
    struct pair p;

    (void)state;
    establish(&p);
    for (uint64_t i = 1; i <= 300; i++) {
        exchange(&p, i, i == 1);
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
    struct pair p;

    (void)state;
    establish(&p);
    exchange(&p, 5, true);
    assert_int_equal(p.hello.p[0], 1);
    assert_int_equal(p.welcome.p[0], 2);
    assert_int_equal(
        mc_pb_decode(gasm_ClientHello_fields, span(p.hello.p + 1, p.hello.n - 1), &ch), 0);
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
                                  span(p.request.p + 41, p.request.n - 41), plain), 0);
    assert_memory_equal(p.answer.p, "\x05\x01\0\0\0\0\0\0\0", 9);
    assert_int_equal(crypto->open(crypto->ctx, m2c, nonce, span(p.answer.p, 9),
                                  span(p.answer.p + 9, p.answer.n - 9), plain), 0);
}

/* The session number alone makes another session, should the random source repeat itself. */
static void session_numbers_separate_sessions(void **state)
{
    struct pair a, b;

    (void)state;
    begin(&a);
    b = a;
    b.session_no++;
    assert_true(welcome(&a) > 0 && welcome(&b) > 0);
    assert_memory_equal(a.client.nonce_c, b.client.nonce_c, 16);
    assert_int_equal(take_welcome(&a), 0);
    assert_int_equal(take_welcome(&b), 0);
    ask(&a, 1);
    ask(&b, 1);
    assert_memory_not_equal(a.request.p + 9, b.request.p + 9, 32);
    assert_memory_not_equal(a.request.p + 41, b.request.p + 41, a.request.n - 41);
    b.request = a.request;

    bool proved = true;

    assert_int_equal(hear(&b, 1, &proved), GF_E_PROOF);
    assert_false(proved);
    assert_ended(&b.server);
}

static void end_leaves_nothing(void **state)
{
    struct pair p;

    (void)state;
    establish(&p);
    mc_session_end(&p.client);
    assert_ended(&p.client);
    mc_session_end(&p.server);
    assert_ended(&p.server);
    mc_session_end(&p.server);
    assert_ended(&p.server);
}

/* Once it is needed no more, a secret is gone from the struct. */
static void secrets_go_when_they_are_used(void **state)
{
    static const uint8_t none[sizeof(struct mc_session)];
    struct pair p;

    (void)state;
    establish(&p);
    assert_memory_equal(p.client.ticket_key, none, MC_KEY_LEN);
    assert_memory_equal(p.server.ticket_key, none, MC_KEY_LEN);
    exchange(&p, 1, true);
    assert_memory_equal(p.client.proof_c, none, MC_HASH_LEN);
    assert_memory_equal(p.server.proof_c, none, MC_HASH_LEN);
}

/* ---- disturbed handshakes ---- */

static void any_flipped_bit_of_the_client_hello_is_caught(void **state)
{
    struct pair p;

    (void)state;
    begin(&p);
    for (size_t bit = 0; bit < p.hello.n * 8; bit++) {
        begin(&p);
        flip(p.hello.p, bit);
        if (welcome(&p) < 0)
            continue;
        assert_int_equal(take_welcome(&p), GF_E_PROOF);
        assert_ended(&p.client);
    }
    for (size_t n = 0; n < p.hello.n; n++) {
        begin(&p);
        p.hello.n = n;
        if (welcome(&p) >= 0)
            assert_int_equal(take_welcome(&p), GF_E_PROOF);
    }
}

static void any_flipped_bit_of_the_server_hello_is_caught(void **state)
{
    struct pair p;
    int r;

    (void)state;
    establish(&p);
    for (size_t bit = 0; bit < p.welcome.n * 8; bit++) {
        begin(&p);
        assert_true(welcome(&p) > 0);
        flip(p.welcome.p, bit);
        r = take_welcome(&p);
        /* Kind 2 with its third bit set is 6: a refusal, and no more than a hint. */
        assert_true(r == GF_E_PROOF || r == GF_E_FORMAT || (bit == 2 && r == GF_E_TICKET));
        assert_ended(&p.client);
    }
    for (size_t n = 0; n < 53; n++) {
        begin(&p);
        assert_true(welcome(&p) > 0);
        p.welcome.n = n;
        assert_int_equal(take_welcome(&p), n == 19 || n == 1 ? GF_E_PROOF : GF_E_FORMAT);
        assert_ended(&p.client);
    }
}

static void more_than_a_server_hello_is_refused(void **state)
{
    struct pair p;

    (void)state;
    begin(&p);
    assert_true(welcome(&p) > 0);
    memcpy(p.welcome.p + p.welcome.n, "\x18\x01", 2); /* a field that no proof covers */
    p.welcome.n += 2;
    assert_int_equal(take_welcome(&p), GF_E_FORMAT);
}

static void another_ticket_key_fails_on_both_sides(void **state)
{
    struct pair p, other;
    bool proved = true;

    (void)state;
    begin(&p);
    p.root[0] ^= 1; /* this meter has another key */
    assert_true(welcome(&p) > 0);
    assert_int_equal(take_welcome(&p), GF_E_PROOF);
    assert_ended(&p.client);

    /* A client that goes on all the same can only send a proof of another key. */
    establish(&other);
    ask(&other, 1);
    p.request = other.request;
    assert_int_equal(hear(&p, 1, &proved), GF_E_PROOF);
    assert_false(proved);
    assert_ended(&p.server);
}

static void refusal_is_told_and_ends_the_session(void **state)
{
    gasm_HelloRefusal refusal = { .reason = gasm_Refusal_KEY_EXPIRED, .active_epoch = 4,
                                  .retry_after_s = 9 };
    uint8_t msg[1 + gasm_HelloRefusal_size] = { MC_KIND_REFUSAL };
    struct pair p;

    (void)state;
    begin(&p);

    int n = mc_pb_encode(gasm_HelloRefusal_fields, &refusal, msg + 1, sizeof msg - 1);

    assert_true(n > 0);
    memset(&refusal, 0, sizeof refusal);
    assert_int_equal(mc_client_welcome(&p.client, crypto, msg, (size_t)n + 1, &refusal),
                     GF_E_TICKET);
    assert_int_equal(refusal.reason, gasm_Refusal_KEY_EXPIRED);
    assert_int_equal(refusal.active_epoch, 4);
    assert_int_equal(refusal.retry_after_s, 9);
    assert_ended(&p.client);

    /* Where an answer is due, it means that the meter has forgotten the session. */
    gasm_Response response;

    establish(&p);
    ask(&p, 1);
    assert_int_equal(mc_client_open(&p.client, crypto, msg, (size_t)n + 1, &response),
                     GF_E_SESSION);
    assert_ended(&p.client);
}

static void damaged_refusal_is_refused(void **state)
{
    static const uint8_t msg[] = { MC_KIND_REFUSAL, 0x08 };
    gasm_HelloRefusal refusal;
    struct pair p;

    (void)state;
    begin(&p);
    assert_int_equal(mc_client_welcome(&p.client, crypto, msg, sizeof msg, &refusal), GF_E_FORMAT);
    assert_ended(&p.client);
}

static void another_version_is_refused(void **state)
{
    struct pair p;

    (void)state;
    begin(&p);
    assert_int_equal(p.hello.p[1], 0x08);
    p.hello.p[2] = 2;
    assert_int_equal(welcome(&p), GF_E_FORMAT);
    assert_ended(&p.server);
}

/* ---- disturbed messages ---- */

static void any_flipped_bit_of_a_request_ends_the_session(void **state)
{
    struct pair fresh, p;
    bool proved;

    (void)state;
    for (unsigned turn = 1; turn <= 2; turn++) {
        establish(&fresh);
        if (turn == 2)
            exchange(&fresh, 1, true);
        ask(&fresh, turn);
        for (size_t bit = 0; bit < fresh.request.n * 8; bit++) {
            bool in_proof = turn == 1 && bit >= 9 * 8 && bit < 41 * 8;

            p = fresh;
            flip(p.request.p, bit);
            assert_int_equal(hear(&p, turn, &proved), in_proof ? GF_E_PROOF : GF_E_SESSION);
            assert_false(proved);
            assert_ended(&p.server);
        }
        for (size_t n = 0; n < fresh.request.n + 3; n++) {
            p = fresh;
            p.request.n = n;
            assert_int_equal(hear(&p, turn, &proved), n == fresh.request.n ? 0 : GF_E_SESSION);
        }
    }
}

static void any_flipped_bit_of_an_answer_ends_the_session(void **state)
{
    struct pair fresh, p;
    bool proved;

    (void)state;
    establish(&fresh);
    ask(&fresh, 1);
    assert_int_equal(hear(&fresh, 1, &proved), 0);
    reply(&fresh, 2);
    for (size_t bit = 0; bit < fresh.answer.n * 8; bit++) {
        p = fresh;
        flip(p.answer.p, bit);
        assert_int_equal(read_reply(&p, 2), GF_E_SESSION);
        assert_ended(&p.client);
    }
    for (size_t n = 0; n < fresh.answer.n + 3; n++) {
        p = fresh;
        p.answer.n = n;
        assert_int_equal(read_reply(&p, 2), n == fresh.answer.n ? 0 : GF_E_SESSION);
    }
}

/* Requests 1, 2, 3 arrive in every order of two and three, with repetitions. */
static void requests_out_of_order_end_the_session(void **state)
{
    struct pair fresh, p;
    struct message sent[3];
    bool proved;

    (void)state;
    establish(&fresh);
    for (unsigned i = 0; i < 3; i++) {
        ask(&fresh, i + 1);
        sent[i] = fresh.request;
    }
    for (unsigned order = 0; order < 27; order++) {
        const unsigned pick[] = { order / 9, order / 3 % 3, order % 3 };
        bool good = true;

        p = fresh;
        for (unsigned i = 0; i < 3 && good; i++) {
            p.request = sent[pick[i]];
            good = pick[i] == i;
            assert_int_equal(hear(&p, i + 1, &proved), good ? 0 : GF_E_SESSION);
        }
        if (!good)
            assert_ended(&p.server);
    }
}

static void answers_out_of_order_end_the_session(void **state)
{
    struct pair fresh, p;
    struct message sent[3];
    bool proved;

    (void)state;
    establish(&fresh);
    ask(&fresh, 1);
    assert_int_equal(hear(&fresh, 1, &proved), 0);
    for (unsigned i = 0; i < 3; i++) {
        reply(&fresh, i + 1);
        sent[i] = fresh.answer;
    }
    for (unsigned order = 0; order < 27; order++) {
        const unsigned pick[] = { order / 9, order / 3 % 3, order % 3 };
        bool good = true;

        p = fresh;
        for (unsigned i = 0; i < 3 && good; i++) {
            p.answer = sent[pick[i]];
            good = pick[i] == i;
            assert_int_equal(read_reply(&p, i + 1), good ? 0 : GF_E_SESSION);
        }
        if (!good)
            assert_ended(&p.client);
    }
}

/* Each way has a key of its own: a message sent back to its sender is refused. */
static void reflected_messages_are_refused(void **state)
{
    struct pair p;
    bool proved;

    (void)state;
    establish(&p);
    exchange(&p, 1, true);
    ask(&p, 2);
    p.answer = p.request;
    p.answer.p[0] = MC_KIND_ANSWER;
    assert_int_equal(read_reply(&p, 2), GF_E_SESSION);

    establish(&p);
    exchange(&p, 1, true);
    ask(&p, 2);
    assert_int_equal(hear(&p, 2, &proved), 0);
    reply(&p, 2);
    ask(&p, 3);
    p.request = p.answer;
    p.request.p[0] = MC_KIND_REQUEST;
    p.request.p[1] = 3;
    assert_int_equal(hear(&p, 3, &proved), GF_E_SESSION);
}

static void authentic_nonsense_is_a_format_error(void **state)
{
    gasm_Response response;
    struct pair p;
    bool proved;

    (void)state;
    establish(&p);
    ask(&p, 1);
    assert_int_equal(hear(&p, 1, &proved), 0);

    int n = mc_server_seal(&p.server, crypto, span("\x0A", 1), p.answer.p, sizeof p.answer.p);

    assert_true(n > 0);
    assert_int_equal(mc_client_open(&p.client, crypto, p.answer.p, (size_t)n, &response),
                     GF_E_FORMAT);
    exchange(&p, 2, false);
}

/* ---- misuse, lack of room, failing ports ---- */

static void nothing_works_in_the_wrong_phase(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    gasm_HelloRefusal refusal;
    struct pair p, fresh;
    bool proved;

    (void)state;
    establish(&fresh);
    ask(&fresh, 1);
    begin(&p);
    p.request = fresh.request;
    p.welcome = fresh.welcome;
    assert_int_equal(hear(&p, 1, &proved), GF_E_SESSION); /* no hello was taken */
    assert_int_equal(mc_server_seal(&p.server, crypto, span("x", 1), p.answer.p, 100),
                     GF_E_SESSION);
    assert_int_equal(mc_client_seal(&p.client, crypto, &request, p.request.p, 100), GF_E_SESSION);
    assert_int_equal(mc_client_welcome(&p.client, crypto, p.welcome.p, p.welcome.n, &refusal),
                     GF_E_SESSION);
    assert_int_equal(read_reply(&p, 1), GF_E_SESSION);

    /* The meter says nothing sealed before the client has proved itself. */
    begin(&p);
    assert_true(welcome(&p) > 0);
    assert_int_equal(mc_server_seal(&p.server, crypto, span("x", 1), p.answer.p, 100),
                     GF_E_SESSION);

    /* A second welcome is no welcome. */
    establish(&p);
    assert_int_equal(take_welcome(&p), GF_E_SESSION);
    assert_ended(&p.client);
}

static void lack_of_room_uses_nothing_up(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    struct pair p, before;
    bool proved;

    (void)state;
    establish(&p);
    before = p;

    int n = mc_client_seal(&p.client, crypto, &request, p.request.p, sizeof p.request.p);

    assert_true(n > 0);
    for (size_t cap = 0; cap < (size_t)n; cap++) {
        struct pair q = before;

        assert_int_equal(mc_client_seal(&q.client, crypto, &request, q.request.p, cap), GF_E_SPACE);
        assert_memory_equal(&q.client, &before.client, sizeof q.client);
    }

    p = before;
    ask(&p, 1);
    for (size_t cap = 0; cap < p.request.n - 41 - 16; cap++) {
        uint8_t plain[64];
        struct mc_session server = p.server;

        assert_int_equal(mc_server_open(&server, crypto, p.request.p, p.request.n, plain, cap,
                                        &proved), GF_E_SPACE);
        assert_memory_equal(&server, &p.server, sizeof server);
    }
    assert_int_equal(hear(&p, 1, &proved), 0);
    for (size_t cap = 0; cap < 9 + 5 + 16; cap++) {
        struct mc_session server = p.server;

        assert_int_equal(mc_server_seal(&server, crypto, span("12345", 5), p.answer.p, cap),
                         GF_E_SPACE);
        assert_memory_equal(&server, &p.server, sizeof server);
    }
    assert_int_equal(mc_server_seal(&p.server, crypto, span("12345", 5), p.answer.p, 30), 30);
}

static void hello_refuses_what_does_not_fit(void **state)
{
    static const uint8_t run_id[16], ticket[MC_TICKET_MAX + 1];
    uint8_t out[256], key[MC_KEY_LEN] = { 1 };
    struct aid_random source = { .state = 1 };
    struct gf_random random = aid_random_port(&source);
    struct mc_session s;

    (void)state;
    assert_int_equal(mc_client_hello(&s, &random, span(ticket, sizeof ticket), key, run_id, out,
                                     sizeof out), GF_E_SPACE);
    assert_ended(&s);

    int n = mc_client_hello(&s, &random, span(ticket, MC_TICKET_MAX), key, run_id, out, sizeof out);

    assert_true(n > 0 && n <= 1 + gasm_ClientHello_size);
    for (size_t cap = 0; cap < (size_t)n; cap++) {
        assert_int_equal(mc_client_hello(&s, &random, span(ticket, MC_TICKET_MAX), key, run_id,
                                         out, cap), GF_E_SPACE);
        assert_ended(&s);
    }
}

static void failed_random_source_makes_no_session(void **state)
{
    static const uint8_t run_id[16];
    struct aid_random source = { .fail = true };
    struct gf_random random = aid_random_port(&source);
    uint8_t out[256], key[MC_KEY_LEN] = { 1 };
    struct mc_session s;
    struct pair p;

    (void)state;
    assert_int_equal(mc_client_hello(&s, &random, span("t", 1), key, run_id, out, sizeof out),
                     GF_E_RANDOM);
    assert_ended(&s);
    begin(&p);
    p.random.fail = true;
    assert_int_equal(welcome(&p), GF_E_RANDOM);
    assert_ended(&p.server);
}

/* The n-th call into the crypto library fails, for every n. */
static void failing_library_ends_the_session(void **state)
{
    gasm_Request request = { .command = gasm_Command_IDENTIFY };
    gasm_HelloRefusal refusal;
    gasm_ClientHello hello;
    struct pair p;
    bool proved;

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct gf_random random = aid_random_port(&p.random);

        begin(&p);
        assert_int_equal(mc_pb_decode(gasm_ClientHello_fields,
                                      span(p.hello.p + 1, p.hello.n - 1), &hello), 0);
        assert_int_equal(mc_server_welcome(&p.server, aid_failing_crypto(i), &random,
                                           span(p.hello.p + 1, p.hello.n - 1), &hello,
                                           p.ticket_key, 1, p.welcome.p, 100), GF_E_CRYPTO);
        assert_ended(&p.server);

        assert_true(welcome(&p) > 0);
        assert_int_equal(mc_client_welcome(&p.client, aid_failing_crypto(i), p.welcome.p,
                                           p.welcome.n, &refusal), GF_E_CRYPTO);
        assert_ended(&p.client);
    }
    establish(&p);
    assert_int_equal(mc_client_seal(&p.client, aid_failing_crypto(0), &request, p.request.p,
                                    sizeof p.request.p), GF_E_CRYPTO);
    assert_ended(&p.client);
    establish(&p);
    ask(&p, 1);
    assert_int_equal(hear(&p, 1, &proved), 0);
    assert_int_equal(mc_server_seal(&p.server, aid_failing_crypto(0), span("x", 1), p.answer.p,
                                    100), GF_E_CRYPTO);
    assert_ended(&p.server);
}

/* Whatever comes instead of a message: refused, and nothing is read or written outside. */
static void noise_is_refused(void **state)
{
    struct aid_random random = { .state = 99 };
    struct pair fresh, p;
    bool proved;

    (void)state;
    establish(&fresh);
    exchange(&fresh, 1, true);
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
        cmocka_unit_test(both_ends_talk),
        cmocka_unit_test(messages_are_as_documented),
        cmocka_unit_test(session_numbers_separate_sessions),
        cmocka_unit_test(end_leaves_nothing),
        cmocka_unit_test(secrets_go_when_they_are_used),
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
        cmocka_unit_test(nothing_works_in_the_wrong_phase),
        cmocka_unit_test(lack_of_room_uses_nothing_up),
        cmocka_unit_test(hello_refuses_what_does_not_fit),
        cmocka_unit_test(failed_random_source_makes_no_session),
        cmocka_unit_test(failing_library_ends_the_session),
        cmocka_unit_test(noise_is_refused),
    };

    crypto = mc_crypto_openssl();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
