/* test_vectors.c - tests/vectors/: what the code computes on each crypto port is what is published,
 * for programs in other languages. GENERATE=1 writes the files anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/gatt.h"
#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/json.h"
#include "tests/aid/pipes.h"
#include "tests/aid/session_pair.h"
#include "tests/aid/vectors.h"

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

/* GENERATE=1 publishes what OpenSSL gives; BearSSL must agree with that too. */
static void settle(const char *name)
{
    aid_vectors_settle(name, getenv("GENERATE") != NULL && aid_crypto() == mc_crypto_openssl());
}

/* ---- ticket ---- */

static void write_ticket_fields(const gasm_Ticket *t)
{
    aid_json_open("fields", '{');
    aid_json_text("meter_id", AID_METER_ID);
    aid_json_text("subject", t->subject);
    aid_json_number("role", t->role);
    aid_json_number("rights", t->rights);
    aid_json_number("not_before_s", t->not_before_s);
    aid_json_number("not_after_s", t->not_after_s);
    aid_json_number("epoch", t->epoch);
    aid_json_number("serial", (int64_t)t->serial);
    aid_json_number("serial_floor", (int64_t)t->serial_floor);
    aid_json_number("use_count", t->use_count);
    aid_json_number("account_no", (int64_t)t->account_no);
    aid_json_number("purge_volume_l", t->purge_volume_l);
    aid_json_number("purge_grant_s", t->purge_grant_s);
    aid_json_number("installs_epoch", t->installs_epoch);
    aid_json_close('}');
}

/* A ticket with something behind it, and whether that is FORMAT. */
static void write_bad_ticket(const char *why, const uint8_t *ticket, size_t n, const char *more,
                             size_t more_n)
{
    uint8_t bytes[MC_TICKET_MAX];
    gasm_Ticket t;

    memcpy(bytes, ticket, n);
    memcpy(bytes + n, more, more_n);
    assert_int_equal(mc_ticket_decode(span(bytes, n + more_n), &t), GF_E_FORMAT);
    aid_json_open(NULL, '{');
    aid_json_text("why", why);
    aid_json_hex("ticket", bytes, n + more_n);
    aid_json_close('}');
}

static void ticket_vectors(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_TICKET_MAX], key[MC_KEY_LEN];
    const gasm_Ticket t = aid_ticket();
    size_t n = aid_ticket_bytes(bytes);

    (void)state;
    aid_root_key(0x30, root);
    assert_int_equal(mc_ticket_key(aid_crypto(), root, span(bytes, n), key), 0);
    aid_json_begin(
        "K_ticket = HKDF-SHA-256(root, no salt, info \"gasm ticket\" | ticket), 32 bytes");
    aid_json_hex("root", root, sizeof root);
    write_ticket_fields(&t);
    aid_json_hex("ticket", bytes, n);
    aid_json_hex("ticket_key", key, sizeof key);
    aid_json_open("refused", '[');
    write_bad_ticket("unknown field 15", bytes, n, "\x78\x01", 2);
    write_bad_ticket("field 14 twice", bytes, n, "\x70\x02", 2);
    write_bad_ticket("trailing zero byte", bytes, n, "\0", 1);
    write_bad_ticket("epoch as bytes", bytes, 0, "\x3A\x01\x01", 3);
    write_bad_ticket("epoch longer than it needs", bytes, 0, "\x38\x81\0", 3);
    aid_json_close(']');
    settle("ticket");
}

/* ---- envelope ---- */

static void envelope_vectors(void **state)
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN], bytes[MC_ENVELOPE_MAX];
    const struct mc_wrap wrap = { AID_METER_ID, 1, 0, root };
    gasm_KeyEnvelope e;

    (void)state;
    aid_root_key(0x00, root);
    aid_root_key(0xA0, key);

    int n = mc_envelope_seal(aid_crypto(), &wrap, key, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_pb_decode(gasm_KeyEnvelope_fields, span(bytes, (size_t)n), &e), 0);
    aid_json_begin("sealed = AES-128-CCM(HKDF(wrap_root, \"gasm wrap\"), nonce, "
                   "\"gasm key\" | meter id | epoch LE32 | wrap epoch LE32, key); nonce = first 13 "
                   "bytes of HMAC(HKDF(wrap_root, \"gasm wrap nonce\"), associated data | key)");
    aid_json_text("meter_id", wrap.meter_id);
    aid_json_number("epoch", wrap.epoch);
    aid_json_number("wrap_epoch", wrap.wrap_epoch);
    aid_json_hex("wrap_root", root, sizeof root);
    aid_json_hex("key", key, sizeof key);
    aid_json_hex("nonce", e.nonce, sizeof e.nonce);
    aid_json_hex("sealed", e.sealed, sizeof e.sealed);
    aid_json_hex("envelope", bytes, (size_t)n);
    settle("envelope");
}

/* ---- receipt ---- */

static void receipt_vectors(void **state)
{
    uint8_t root[MC_KEY_LEN], bytes[MC_RECEIPT_MAX], hash[MC_HASH_LEN], id[16];
    const gasm_Receipt r = aid_receipt();
    gasm_SealedReceipt s;

    (void)state;
    aid_root_key(0x60, root);

    int n = mc_receipt_seal(aid_crypto(), root, &r, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_pb_decode(gasm_SealedReceipt_fields, span(bytes, (size_t)n), &s), 0);
    assert_int_equal(mc_receipt_hash(aid_crypto(), span(bytes, (size_t)n), hash), 0);
    aid_json_begin("mac = first 16 bytes of HMAC(HKDF(root, \"gasm receipt\"), \"gasm receipt\" | "
                   "body); hash = SHA-256(sealed), the next receipt's prev_hash");
    aid_json_hex("root", root, sizeof root);
    aid_json_number("seq", (int64_t)r.seq);
    aid_json_number("residual_before_l", mc_residual_l(&r.before));
    aid_json_number("residual_after_l", mc_residual_l(&r.after));
    aid_json_hex("body", s.body.bytes, s.body.size);
    aid_json_hex("mac", s.mac, sizeof s.mac);
    aid_json_hex("sealed", bytes, (size_t)n);
    aid_json_hex("hash", hash, sizeof hash);
    assert_int_equal(mc_op_id_activation(aid_crypto(), AID_METER_ID, 1, id), 0);
    aid_json_text("meter_id", AID_METER_ID);
    aid_json_hex("activation_of_epoch_1_op_id", id, sizeof id);
    assert_int_equal(mc_op_id_purge_end(aid_crypto(), r.op_id.bytes, id), 0);
    aid_json_hex("purge_start_op_id", r.op_id.bytes, r.op_id.size);
    aid_json_hex("purge_end_op_id", id, sizeof id);
    settle("receipt");
}

/* ---- handshake ---- */

static void write_exchange(struct aid_pair *p, uint64_t seq)
{
    gasm_Request request = { .command = gasm_Command_READ_RECEIPTS,
                             .which_body = gasm_Request_read_receipts_tag,
                             .body.read_receipts.from_seq = seq };
    gasm_Response response = { .command = gasm_Command_READ_RECEIPTS, .receipt_seq = seq + 1 };
    uint8_t plain[64];
    int n = mc_pb_encode(gasm_Request_fields, &request, plain, sizeof plain);

    assert_true(n > 0);
    aid_pair_exchange(p, seq, seq == 1);
    aid_json_open(NULL, '{');
    aid_json_hex("request", plain, (size_t)n);
    aid_json_hex("request_message", p->request.p, p->request.n);
    n = mc_pb_encode(gasm_Response_fields, &response, plain, sizeof plain);
    assert_true(n > 0);
    aid_json_hex("response", plain, (size_t)n);
    aid_json_hex("answer_message", p->answer.p, p->answer.n);
    aid_json_close('}');
}

static void handshake_vectors(void **state)
{
    static struct aid_pair p;
    uint8_t ticket[MC_TICKET_MAX];
    size_t n = aid_ticket_bytes(ticket);
    gasm_ServerHello hello;

    (void)state;
    aid_pair_establish(&p);
    assert_int_equal(
        mc_pb_decode(gasm_ServerHello_fields, span(p.welcome.p + 1, p.welcome.n - 1), &hello), 0);
    aid_json_begin("The whole way from the ticket to the second answer; meter-core/session.h has "
                   "the formulas. Messages begin with their kind byte.");
    aid_json_hex("root", p.root, sizeof p.root);
    aid_json_hex("ticket", ticket, n);
    aid_json_hex("ticket_key", p.ticket_key, sizeof p.ticket_key);
    aid_json_number("session_no", AID_SESSION_NO);
    aid_json_hex("client_hello_message", p.hello.p, p.hello.n);
    aid_json_hex("server_hello_message", p.welcome.p, p.welcome.n);
    aid_json_hex("nonce_c", p.client.nonce_c, sizeof p.client.nonce_c);
    aid_json_hex("nonce_m", hello.nonce_m, sizeof hello.nonce_m);
    aid_json_hex("proof_m", hello.proof_m, sizeof hello.proof_m);
    aid_json_hex("proof_c", p.client.proof_c, sizeof p.client.proof_c);
    aid_json_hex("key_c2m", p.client.key_c2m, sizeof p.client.key_c2m);
    aid_json_hex("key_m2c", p.client.key_m2c, sizeof p.client.key_m2c);
    aid_json_open("exchanges", '[');
    write_exchange(&p, 1);
    write_exchange(&p, 2);
    aid_json_close(']');
    settle("handshake");
}

/* ---- fragments ---- */

static void write_ctl(void)
{
    const struct mc_ctl ctl = { .version = MC_PROTOCOL_VERSION,
                                .life_state = gasm_LifeState_KEYED,
                                .active_epoch = 1,
                                .fragment_limit = MC_FRAGMENT_MAX,
                                .credits = MC_WINDOW,
                                .fragment_epoch = 4,
                                .meter_id = AID_METER_ID };
    const struct mc_ctl_reset reset = { .fragment_epoch = 5,
                                        .fragment_limit = 244,
                                        .credits = MC_WINDOW };
    uint8_t bytes[MC_CTL_LEN], reset_bytes[MC_CTL_RESET_LEN], hash[MC_ID_HASH_LEN];

    mc_ctl_encode(&ctl, bytes);
    mc_ctl_reset_encode(&reset, reset_bytes);
    assert_int_equal(mc_id_hash(aid_crypto(), AID_METER_ID, hash), 0);
    aid_json_text("meter_id", AID_METER_ID);
    aid_json_hex("advertised_id_hash", hash, sizeof hash);
    aid_json_hex("ctl_read", bytes, sizeof bytes);
    aid_json_hex("ctl_write_reset", reset_bytes, sizeof reset_bytes);
}

/* Deliver and write down everything until the link is quiet. */
static void write_flow(struct aid_link *w, size_t answer_n)
{
    for (;;) {
        for (int from = AID_CLIENT; from <= AID_METER; from++) {
            size_t before = w->on_wire[from];
            unsigned lost = (unsigned)w->emitted;

            aid_link_pump(w, from);
            lost = (unsigned)w->emitted - lost - (unsigned)(w->on_wire[from] - before);
            if (lost > 0) {
                aid_json_open(NULL, '{');
                aid_json_text("from", from == AID_CLIENT ? "client" : "meter");
                aid_json_number("lost", lost);
                aid_json_close('}');
            }
        }

        int from = w->on_wire[AID_CLIENT] > 0 ? AID_CLIENT : AID_METER;

        if (w->on_wire[from] == 0)
            return;
        aid_json_open(NULL, '{');
        aid_json_text("from", from == AID_CLIENT ? "client" : "meter");
        aid_json_hex("fragment", w->wire[from][0].p, w->wire[from][0].n);
        aid_json_close('}');
        aid_link_deliver(w, 1 - from, answer_n);
    }
}

static void write_stream(const char *name, uint16_t limit, size_t request_n, size_t answer_n,
                         int lose)
{
    static struct aid_link w;

    aid_link_begin(&w, limit, MC_WINDOW);
    w.lose[0] = lose;
    aid_link_ask(&w, request_n);
    aid_json_open(NULL, '{');
    aid_json_text("name", name);
    aid_json_number("limit", limit);
    aid_json_hex("request", w.message[AID_CLIENT], request_n);
    aid_json_open("flow", '[');
    write_flow(&w, answer_n);
    if (w.got[AID_CLIENT] == 0) {
        assert_int_equal(mc_pipe_nudge(&w.pipe[AID_CLIENT]), MC_FEED_MORE);
        write_flow(&w, answer_n);
    }
    assert_int_equal(w.got[AID_CLIENT], 1);
    aid_json_close(']');
    aid_json_hex("answer", w.message[AID_METER], answer_n);
    aid_json_close('}');
}

static void fragment_vectors(void **state)
{
    (void)state;
    aid_json_begin("One request and its answer each, epoch 5, 8 credits both ways, in the order of "
                   "arrival; meter-core/frame.h has the rules. Limit: bytes of a fragment");
    write_ctl();
    aid_json_open("streams", '[');
    write_stream("one fragment each way", 20, 10, 14, AID_NEVER);
    write_stream("several, with acks alone", 20, 60, 150, AID_NEVER);
    write_stream("at ATT_MTU 247", 244, 100, 600, AID_NEVER);
    write_stream("at ATT_MTU 517", 509, 503, 504, AID_NEVER);
    write_stream("second fragment of the request lost", 20, 60, 10, 1);
    write_stream("last fragment of the request lost, client nudges", 20, 60, 10, 3);
    write_stream("whole answer lost, client nudges", 20, 10, 10, 1);
    aid_json_close(']');
    settle("fragments");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(ticket_vectors),
        AID_WITH_EACH_CRYPTO(envelope_vectors),
        AID_WITH_EACH_CRYPTO(receipt_vectors),
        AID_WITH_EACH_CRYPTO(handshake_vectors),
        AID_WITH_EACH_CRYPTO(fragment_vectors),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
