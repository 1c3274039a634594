/* session.c - handshake and sealed messages, both ends; see session.h. */
#include "meter-core/session.h"

#include "meter-core/frame.h"
#include "meter-core/gatt.h"
#include "meter-core/pb.h"

enum phase { PHASE_NONE = 0, PHASE_HELLO = 1, PHASE_OPEN = 2 };

enum {
    HEADER_LEN = 1 + 8,                         /* kind, counter */
    FIRST_HEADER_LEN = HEADER_LEN + MC_HASH_LEN /* ... and proof_c */
};

_Static_assert(gasm_Request_size + MC_SEAL_OVERHEAD <= MC_MESSAGE_MAX,
               "a request fits one message");
_Static_assert(gasm_Response_size + HEADER_LEN + MC_AEAD_TAG_LEN <= MC_MESSAGE_MAX,
               "an answer fits one message");

#define LABEL(text) ((struct gf_span){ (const uint8_t *)(text), sizeof(text) - 1 })

void mc_session_end(struct mc_session *s)
{
    gf_wipe(s, sizeof *s);
}

/* End the session and hand `code` on. */
static int ended(struct mc_session *s, int code)
{
    mc_session_end(s);
    return code;
}

/* ---- what both ends compute from the two hellos ---- */

struct proofs {
    uint8_t m[MC_HASH_LEN], c[MC_HASH_LEN];
};

static int transcript(const struct mc_crypto *c, struct gf_span hello,
                      const uint8_t nonce_m[static 16], uint8_t ret[static MC_HASH_LEN])
{
    static const uint8_t version = MC_PROTOCOL_VERSION;
    static const uint8_t nonce_field[] = { gasm_ServerHello_nonce_m_tag << 3 | 2, 16 };
    const struct gf_span nonce[] = { { nonce_field, sizeof nonce_field }, { nonce_m, 16 } };
    const struct gf_span parts[] = { { &version, 1 }, hello, nonce[0], nonce[1] };

    return c->sha256(c->ctx, parts, 4, ret);
}

static int make_proofs(const struct mc_crypto *c, const uint8_t *ticket_key, struct gf_span hello,
                       const uint8_t nonce_m[static 16], struct proofs *ret)
{
    const struct gf_span label = LABEL("gasm proof");
    uint8_t key[MC_KEY_LEN], hash[MC_HASH_LEN];
    const struct gf_span of_m[] = { LABEL("m"), { hash, sizeof hash } };
    const struct gf_span of_c[] = { LABEL("c"), { hash, sizeof hash } };
    int r = c->hkdf(c->ctx, ticket_key, MC_KEY_LEN, &label, 1, key, sizeof key);

    if (r == 0)
        r = transcript(c, hello, nonce_m, hash);
    if (r == 0)
        r = c->hmac(c->ctx, key, sizeof key, of_m, 2, ret->m);
    if (r == 0)
        r = c->hmac(c->ctx, key, sizeof key, of_c, 2, ret->c);
    gf_wipe(key, sizeof key);
    return r;
}

static int make_keys(struct mc_session *s, const struct mc_crypto *c, const uint8_t *ticket_key,
                     const uint8_t nonce_m[static 16])
{
    const struct gf_span nonce_c = { s->nonce_c, sizeof s->nonce_c }, nonce = { nonce_m, 16 };
    const struct gf_span to_m[] = { LABEL("gasm c2m"), nonce_c, nonce };
    const struct gf_span to_c[] = { LABEL("gasm m2c"), nonce_c, nonce };
    int r = c->hkdf(c->ctx, ticket_key, MC_KEY_LEN, to_m, 3, s->key_c2m, sizeof s->key_c2m);

    if (r == 0)
        r = c->hkdf(c->ctx, ticket_key, MC_KEY_LEN, to_c, 3, s->key_m2c, sizeof s->key_m2c);
    return r;
}

/* ---- sealed messages ---- */

static void put_header(uint8_t *ret, enum mc_kind kind, uint64_t counter)
{
    struct gf_writer w = { .p = ret, .cap = HEADER_LEN };

    gf_wr_uint(&w, kind, 1);
    gf_wr_uint(&w, counter, 8);
}

/* 5 zero bytes and the counter as it stands in the header. */
static void put_nonce(uint8_t ret[static MC_NONCE_LEN], const uint8_t *header)
{
    memset(ret, 0, 5);
    memcpy(ret + 5, header + 1, 8);
}

/* Seal `plain` behind the header that stands in ret; the message's length. The counter is used up
 * whatever happens. */
static int seal(struct mc_session *s, const struct mc_crypto *c, const uint8_t *key,
                size_t header_len, struct gf_span plain, uint8_t *ret)
{
    const struct gf_span header = { ret, header_len };
    uint8_t nonce[MC_NONCE_LEN];

    put_nonce(nonce, ret);
    s->sent++;
    if (c->seal(c->ctx, key, nonce, header, plain, ret + header_len) < 0)
        return ended(s, GF_E_CRYPTO);
    return (int)(header_len + plain.n + MC_AEAD_TAG_LEN);
}

/* Open a message whose kind was checked; the plain length. A replay, a gap or a wrong tag ends the
 * session. */
static int open_sealed(struct mc_session *s, const struct mc_crypto *c, const uint8_t *key,
                       size_t header_len, struct gf_span msg, uint8_t *ret)
{
    struct gf_reader r = { .p = msg.p + 1, .left = msg.n - 1 };
    uint8_t nonce[MC_NONCE_LEN];

    if (gf_rd_uint(&r, 8) != s->received + 1)
        return ended(s, GF_E_SESSION);
    put_nonce(nonce, msg.p);
    if (c->open(c->ctx, key, nonce, (struct gf_span){ msg.p, header_len },
                (struct gf_span){ msg.p + header_len, msg.n - header_len }, ret) < 0)
        return ended(s, GF_E_SESSION);
    s->received++;
    return (int)(msg.n - header_len - MC_AEAD_TAG_LEN);
}

/* ---- client ---- */

int mc_client_hello(struct mc_session *s, const struct gf_random *random, struct gf_span ticket,
                    const uint8_t ticket_key[static MC_KEY_LEN], const uint8_t run_id[static 16],
                    uint8_t *ret, size_t cap)
{
    gasm_ClientHello hello = { .version = MC_PROTOCOL_VERSION };

    mc_session_end(s);
    if (ticket.n > sizeof hello.ticket.bytes || cap < 1)
        return GF_E_SPACE;
    hello.ticket.size = (pb_size_t)ticket.n;
    memcpy(hello.ticket.bytes, ticket.p, ticket.n);
    memcpy(hello.run_id, run_id, sizeof hello.run_id);
    if (random->fill(random->ctx, hello.nonce_c, sizeof hello.nonce_c) < 0)
        return GF_E_RANDOM;

    /* s->hello holds the longest of them. */
    s->hello_len = (size_t)mc_pb_encode(gasm_ClientHello_fields, &hello, s->hello, sizeof s->hello);
    if (s->hello_len > cap - 1)
        return ended(s, GF_E_SPACE);
    memcpy(s->nonce_c, hello.nonce_c, sizeof s->nonce_c);
    memcpy(s->ticket_key, ticket_key, sizeof s->ticket_key);
    s->phase = PHASE_HELLO;
    ret[0] = MC_KIND_CLIENT_HELLO;
    memcpy(ret + 1, s->hello, s->hello_len);
    return (int)s->hello_len + 1;
}

/* The answer was a ServerHello: check its proof, make the session's keys, forget what is needed no
 * more. */
static int client_establish(struct mc_session *s, const struct mc_crypto *c,
                            const gasm_ServerHello *hello)
{
    struct proofs proofs;
    int r = make_proofs(c, s->ticket_key, (struct gf_span){ s->hello, s->hello_len },
                        hello->nonce_m, &proofs);

    if (r == 0 && !gf_same_secret(proofs.m, hello->proof_m, sizeof proofs.m))
        r = GF_E_PROOF;
    if (r == 0)
        r = make_keys(s, c, s->ticket_key, hello->nonce_m);
    if (r == 0) {
        memcpy(s->proof_c, proofs.c, sizeof s->proof_c);
        gf_wipe(s->ticket_key, sizeof s->ticket_key);
        gf_wipe(s->hello, sizeof s->hello);
        s->phase = PHASE_OPEN;
    }
    gf_wipe(&proofs, sizeof proofs);
    return r;
}

int mc_client_welcome(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                      gasm_HelloRefusal *ret_refusal)
{
    gasm_ServerHello hello;

    if (s->phase != PHASE_HELLO)
        return ended(s, GF_E_SESSION);
    if (n < 1)
        return ended(s, GF_E_FORMAT);

    const struct gf_span body = { msg + 1, n - 1 };

    if (msg[0] == MC_KIND_REFUSAL && mc_pb_decode(gasm_HelloRefusal_fields, body, ret_refusal) == 0)
        return ended(s, GF_E_TICKET);
    if (msg[0] != MC_KIND_SERVER_HELLO ||
        mc_pb_decode_strict(gasm_ServerHello_fields, body, &hello) < 0)
        return ended(s, GF_E_FORMAT);

    int r = client_establish(s, c, &hello);

    return r == 0 ? 0 : ended(s, r);
}

int mc_client_seal(struct mc_session *s, const struct mc_crypto *c, const gasm_Request *request,
                   uint8_t *ret, size_t cap)
{
    bool first = s->sent == 0;
    size_t header_len = first ? FIRST_HEADER_LEN : HEADER_LEN;
    uint8_t plain[gasm_Request_size];

    if (s->phase != PHASE_OPEN)
        return ended(s, GF_E_SESSION);

    int n = mc_pb_encode(gasm_Request_fields, request, plain, sizeof plain);

    if (n < 0 || cap < header_len + (size_t)n + MC_AEAD_TAG_LEN)
        return GF_E_SPACE;
    put_header(ret, first ? MC_KIND_FIRST : MC_KIND_REQUEST, s->sent + 1);
    if (first) {
        memcpy(ret + HEADER_LEN, s->proof_c, MC_HASH_LEN);
        gf_wipe(s->proof_c, sizeof s->proof_c);
    }
    return seal(s, c, s->key_c2m, header_len, (struct gf_span){ plain, (size_t)n }, ret);
}

int mc_client_open(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                   gasm_Response *ret)
{
    uint8_t plain[MC_MESSAGE_MAX];

    if (s->phase != PHASE_OPEN || n < HEADER_LEN + MC_AEAD_TAG_LEN || n > sizeof plain ||
        msg[0] != MC_KIND_ANSWER)
        return ended(s, GF_E_SESSION);

    int len = open_sealed(s, c, s->key_m2c, HEADER_LEN, (struct gf_span){ msg, n }, plain);

    return len < 0
               ? len
               : mc_pb_decode(gasm_Response_fields, (struct gf_span){ plain, (size_t)len }, ret);
}

/* ---- meter ---- */

int mc_server_welcome(struct mc_session *s, const struct mc_crypto *c,
                      const struct gf_random *random, struct gf_span hello,
                      const gasm_ClientHello *decoded, const uint8_t ticket_key[static MC_KEY_LEN],
                      uint64_t session_no, uint8_t *ret, size_t cap)
{
    gasm_ServerHello answer;
    struct gf_writer no = { .p = answer.nonce_m, .cap = 8 };
    struct proofs proofs;

    mc_session_end(s);
    if (decoded->version != MC_PROTOCOL_VERSION)
        return GF_E_FORMAT;
    if (cap < 1 + gasm_ServerHello_size)
        return GF_E_SPACE;
    gf_wr_uint(&no, session_no, 8);
    if (random->fill(random->ctx, answer.nonce_m + 8, 8) < 0)
        return GF_E_RANDOM;
    memcpy(s->nonce_c, decoded->nonce_c, sizeof s->nonce_c);

    int r = make_proofs(c, ticket_key, hello, answer.nonce_m, &proofs);

    if (r == 0)
        r = make_keys(s, c, ticket_key, answer.nonce_m);
    if (r == 0) {
        memcpy(answer.proof_m, proofs.m, sizeof answer.proof_m);
        memcpy(s->proof_c, proofs.c, sizeof s->proof_c);
        s->phase = PHASE_HELLO;
    }
    gf_wipe(&proofs, sizeof proofs);
    if (r < 0)
        return ended(s, r);
    ret[0] = MC_KIND_SERVER_HELLO;
    return 1 + mc_pb_encode(gasm_ServerHello_fields, &answer, ret + 1, cap - 1);
}

int mc_server_open(struct mc_session *s, const struct mc_crypto *c, const uint8_t *msg, size_t n,
                   uint8_t *ret, size_t cap, bool *ret_proved)
{
    bool first = s->phase == PHASE_HELLO;
    size_t header_len = first ? FIRST_HEADER_LEN : HEADER_LEN;

    *ret_proved = false;
    if (s->phase == PHASE_NONE || n < header_len + MC_AEAD_TAG_LEN ||
        msg[0] != (first ? MC_KIND_FIRST : MC_KIND_REQUEST))
        return ended(s, GF_E_SESSION);
    if (cap < n - header_len - MC_AEAD_TAG_LEN)
        return GF_E_SPACE;
    if (first && !gf_same_secret(s->proof_c, msg + HEADER_LEN, sizeof s->proof_c))
        return ended(s, GF_E_PROOF);

    int len = open_sealed(s, c, s->key_c2m, header_len, (struct gf_span){ msg, n }, ret);

    if (len >= 0 && first) {
        gf_wipe(s->proof_c, sizeof s->proof_c);
        s->phase = PHASE_OPEN;
        *ret_proved = true;
    }
    return len;
}

int mc_server_seal(struct mc_session *s, const struct mc_crypto *c, struct gf_span plain,
                   uint8_t *ret, size_t cap)
{
    if (s->phase != PHASE_OPEN)
        return ended(s, GF_E_SESSION);
    if (cap < HEADER_LEN + MC_AEAD_TAG_LEN || plain.n > cap - HEADER_LEN - MC_AEAD_TAG_LEN)
        return GF_E_SPACE;
    put_header(ret, MC_KIND_ANSWER, s->sent + 1);
    return seal(s, c, s->key_m2c, HEADER_LEN, plain, ret);
}
