/* session_pair.c - both ends of a session; see session_pair.h. */
#include "tests/aid/session_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "tests/aid/crypto_each.h"

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

void aid_pair_assert_ended(const struct mc_session *s)
{
    static const struct mc_session none;

    assert_memory_equal(s, &none, sizeof none);
}

void aid_pair_begin(struct aid_pair *p)
{
    uint8_t ticket[MC_TICKET_MAX];
    size_t n = aid_ticket_bytes(ticket);
    static const uint8_t run_id[16] = "run id 16 bytes";

    memset(p, 0, sizeof *p);
    p->random.state = 4711;
    p->session_no = AID_SESSION_NO;
    aid_root_key(0x30, p->root);
    assert_int_equal(mc_ticket_key(aid_crypto(), p->root, span(ticket, n), p->ticket_key),
                     0);

    struct gf_random random = aid_random_port(&p->random);
    int len = mc_client_hello(&p->client, &random, span(ticket, n), p->ticket_key, run_id,
                              p->hello.p, sizeof p->hello.p);

    assert_true(len > 0);
    p->hello.n = (size_t)len;
}

int aid_pair_welcome(struct aid_pair *p)
{
    struct gf_random random = aid_random_port(&p->random);
    struct gf_span body = span(p->hello.p + 1, p->hello.n - 1);
    uint8_t key[MC_KEY_LEN];
    gasm_ClientHello hello;

    if (p->hello.n < 1 || p->hello.p[0] != MC_KIND_CLIENT_HELLO ||
        mc_pb_decode(gasm_ClientHello_fields, body, &hello) < 0)
        return GF_E_FORMAT;
    assert_int_equal(mc_ticket_key(aid_crypto(), p->root,
                                   span(hello.ticket.bytes, hello.ticket.size), key),
                     0);

    int n = mc_server_welcome(&p->server, aid_crypto(), &random, body, &hello, key,
                              p->session_no, p->welcome.p, sizeof p->welcome.p);

    p->welcome.n = n > 0 ? (size_t)n : 0;
    return n;
}

/* The message in memory of its exact length, so that a sanitizer sees its end. */
static uint8_t *exact(const struct aid_message *m)
{
    uint8_t *p = malloc(m->n);

    assert_true(p != NULL || m->n == 0);
    memcpy(p, m->p, m->n);
    return p;
}

int aid_pair_take_welcome(struct aid_pair *p)
{
    uint8_t *msg = exact(&p->welcome);
    gasm_HelloRefusal refusal;
    int r = mc_client_welcome(&p->client, aid_crypto(), msg, p->welcome.n, &refusal);

    free(msg);
    return r;
}

void aid_pair_establish(struct aid_pair *p)
{
    aid_pair_begin(p);
    assert_true(aid_pair_welcome(p) > 0);
    assert_int_equal(aid_pair_take_welcome(p), 0);
}

void aid_pair_ask(struct aid_pair *p, uint64_t from_seq)
{
    gasm_Request request = { .command = gasm_Command_READ_RECEIPTS,
                             .which_body = gasm_Request_read_receipts_tag,
                             .body.read_receipts.from_seq = from_seq };
    int n = mc_client_seal(&p->client, aid_crypto(), &request, p->request.p,
                           sizeof p->request.p);

    assert_true(n > 0);
    p->request.n = (size_t)n;
}

int aid_pair_hear(struct aid_pair *p, uint64_t from_seq, bool *ret_proved)
{
    uint8_t plain[MC_MESSAGE_MAX], *msg = exact(&p->request);
    gasm_Request request;
    int n = mc_server_open(&p->server, aid_crypto(), msg, p->request.n, plain, sizeof plain,
                           ret_proved);

    free(msg);
    if (n < 0)
        return n;
    assert_int_equal(mc_pb_decode(gasm_Request_fields, span(plain, (size_t)n), &request), 0);
    assert_int_equal(request.which_body, gasm_Request_read_receipts_tag);
    assert_true(request.body.read_receipts.from_seq == from_seq);
    return 0;
}

void aid_pair_reply(struct aid_pair *p, uint64_t seq)
{
    gasm_Response response = { .command = gasm_Command_READ_RECEIPTS, .receipt_seq = seq };
    uint8_t plain[gasm_Response_size];
    int n = mc_pb_encode(gasm_Response_fields, &response, plain, sizeof plain);

    assert_true(n > 0);
    n = mc_server_seal(&p->server, aid_crypto(), span(plain, (size_t)n), p->answer.p,
                       sizeof p->answer.p);
    assert_true(n > 0);
    p->answer.n = (size_t)n;
}

int aid_pair_read_reply(struct aid_pair *p, uint64_t seq)
{
    uint8_t *msg = exact(&p->answer);
    gasm_Response response;
    int r = mc_client_open(&p->client, aid_crypto(), msg, p->answer.n, &response);

    free(msg);
    if (r == 0)
        assert_true(response.receipt_seq == seq);
    return r;
}

void aid_pair_exchange(struct aid_pair *p, uint64_t seq, bool first)
{
    bool proved = !first;

    aid_pair_ask(p, seq);
    assert_int_equal(aid_pair_hear(p, seq, &proved), 0);
    assert_int_equal(proved, first);
    aid_pair_reply(p, seq + 1);
    assert_int_equal(aid_pair_read_reply(p, seq + 1), 0);
}
