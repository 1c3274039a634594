/* test_vectors_swap.c - tests/vectors/swap.json: a swap from terms to certificate, on each crypto
 * port, for programs in other languages; and the file followed with the primitives alone.
 * GENERATE=1 writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/swap.h"
#include "meter-core/synthetic.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/json.h"
#include "tests/aid/swap_aid.h"
#include "tests/aid/vectors.h"

#define AD_LEN (13 + GF_METER_ID_LEN + 4 + MC_HASH_LEN)

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){p, n};
}

static struct aid_swap sample(int64_t residual_l)
{
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 7, 5000);

    aid_swap_certify(&s, residual_l);
    return s;
}

/* ---- writing ---- */

static void write_key(const char *name, const uint8_t *root, struct gf_span label, size_t n)
{
    const struct mc_crypto *c = aid_crypto();
    uint8_t key[MC_KEY_LEN];

    assert_int_equal(c->hkdf(c->ctx, root, MC_KEY_LEN, &label, 1, key, n), 0);
    aid_json_hex(name, key, n);
}

static void write_terms(const struct aid_swap *s)
{
    const struct mc_crypto *c = aid_crypto();
    const struct gf_span terms = aid_swap_terms(s);
    uint8_t hash[MC_HASH_LEN];
    uint64_t tag;
    struct gf_writer w = {hash, sizeof hash, 0, false};

    aid_json_open("fields", '{');
    aid_json_hex("swap_case", s->terms.swap_case, sizeof s->terms.swap_case);
    aid_json_text("old_meter_id", AID_METER_ID);
    aid_json_text("new_meter_id", AID_OTHER_ID);
    aid_json_number("cap_l", (int64_t)s->terms.cap_l);
    aid_json_number("not_after_s", s->terms.not_after_s);
    aid_json_close('}');
    aid_json_hex("terms", s->bytes, s->n);
    assert_int_equal(c->sha256(c->ctx, &terms, 1, hash), 0);
    aid_json_hex("terms_hash", hash, sizeof hash);
    assert_int_equal(mc_case_tag(c, s->terms.swap_case, &tag), 0);
    gf_wr_uint(&w, tag, 8);
    aid_json_hex("case_tag", hash, 8);
}

static void write_swap_key(const struct aid_swap *s, const uint8_t *old_root,
                           const uint8_t key[MC_KEY_LEN])
{
    const struct mc_crypto *c = aid_crypto();
    const struct mc_wrap wrap = {
        .meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = old_root};
    const struct gf_span terms = aid_swap_terms(s);
    uint8_t ad[AD_LEN + 1], bytes[MC_SWAP_KEY_MAX];
    gasm_SwapKey k;
    int n = snprintf((char *)ad, sizeof ad, "gasm swap key%s\1", AID_METER_ID);

    assert_int_equal(n, 13 + GF_METER_ID_LEN + 1);
    memset(ad + n, 0, 3);
    assert_int_equal(c->sha256(c->ctx, &terms, 1, ad + n + 3), 0);
    aid_json_number("wrap_epoch", 1);
    write_key("wrap_key", old_root, MC_LABEL("gasm swap wrap"), MC_AEAD_KEY_LEN);
    write_key("wrap_nonce_key", old_root, MC_LABEL("gasm swap wrap nonce"), MC_KEY_LEN);
    aid_json_hex("associated_data", ad, AD_LEN);
    n = mc_swap_key_seal(c, &wrap, terms, key, bytes, sizeof bytes);
    assert_true(n > 0);
    assert_int_equal(mc_pb_decode(gasm_SwapKey_fields, span(bytes, (size_t)n), &k), 0);
    aid_json_hex("nonce", k.nonce, sizeof k.nonce);
    aid_json_hex("sealed", k.sealed, sizeof k.sealed);
    aid_json_hex("swap_key_message", bytes, (size_t)n);
}

static void write_certificate_fields(const gasm_Certificate *c)
{
    aid_json_open("fields", '{');
    aid_json_text("meter_id", AID_METER_ID);
    aid_json_number("account_no", (int64_t)c->account_no);
    aid_json_number("key_epoch", c->key_epoch);
    aid_json_hex("swap_case", c->swap_case.bytes, c->swap_case.size);
    aid_json_hex("counterpart_id", c->counterpart_id.bytes, c->counterpart_id.size);
    aid_json_number("residual_l", c->residual_l);
    aid_json_open("totals", '{');
    aid_json_number("index_l", (int64_t)c->totals.index_l);
    aid_json_number("purchased_l", (int64_t)c->totals.purchased_l);
    aid_json_number("debited_l", (int64_t)c->totals.debited_l);
    aid_json_number("exported_l", (int64_t)c->totals.exported_l);
    aid_json_close('}');
    aid_json_number("token_seq", (int64_t)c->token_seq);
    aid_json_number("at_s", c->at_s);
    aid_json_number("clock_valid", c->clock_valid);
    aid_json_number("valve_fault", c->valve_fault);
    aid_json_number("receipt_seq", (int64_t)c->receipt_seq);
    aid_json_close('}');
}

/* key: K_swap, or NULL for an account that just ends. */
static void write_certificate(const gasm_Certificate *c, const uint8_t *old_root,
                              const uint8_t *key)
{
    uint8_t bytes[MC_CERTIFICATE_MAX];
    gasm_SealedCertificate s;
    int n = mc_certificate_seal(aid_crypto(), old_root, key, c, bytes, sizeof bytes);

    assert_true(n > 0);
    assert_int_equal(mc_pb_decode(gasm_SealedCertificate_fields, span(bytes, (size_t)n), &s), 0);
    aid_json_open(NULL, '{');
    write_certificate_fields(c);
    aid_json_hex("body", s.body.bytes, s.body.size);
    aid_json_hex("mac", s.mac, sizeof s.mac);
    aid_json_hex("swap_mac", s.swap_mac.bytes, s.swap_mac.size);
    aid_json_hex("certificate", bytes, (size_t)n);
    aid_json_close('}');
}

static void write_refused(const char *why, const char *refusal, const uint8_t *bytes, size_t n)
{
    aid_json_open(NULL, '{');
    aid_json_text("why", why);
    aid_json_text("refusal", refusal);
    aid_json_hex("certificate", bytes, n);
    aid_json_close('}');
}

static void write_all_refused(const struct aid_swap *s, const uint8_t key[MC_KEY_LEN])
{
    struct aid_swap larger = *s;
    uint8_t bytes[MC_CERTIFICATE_MAX + 2];
    gasm_Certificate c;

    aid_json_open("refused", '[');
    memcpy(bytes, s->certificate, s->certificate_n);
    bytes[s->certificate_n - 1] ^= 1;
    assert_int_equal(
        mc_certificate_open_swap(aid_crypto(), key, span(bytes, s->certificate_n), &c),
        GF_E_CRYPTO);
    write_refused("last bit of the mac under K_swap", "PROOF", bytes, s->certificate_n);
    memcpy(bytes, s->certificate, s->certificate_n);
    memcpy(bytes + s->certificate_n, "\x20\x01", 2);
    assert_int_equal(mc_certificate_peek(span(bytes, s->certificate_n + 2), &c), GF_E_FORMAT);
    write_refused("unknown field 4", "FORMAT", bytes, s->certificate_n + 2);
    assert_int_equal(mc_certificate_peek(span(bytes, s->certificate_n - 18), &c), GF_E_FORMAT);
    write_refused("the mac under K_swap is missing", "FORMAT", bytes, s->certificate_n - 18);
    larger.terms.cap_l++;
    aid_swap_settle(&larger);
    aid_swap_certify(&larger, s->closed.residual_l);
    assert_int_equal(mc_certificate_open_swap(
                         aid_crypto(), key, span(larger.certificate, larger.certificate_n), &c),
                     GF_E_CRYPTO);
    write_refused("under the K_swap of a cap that is one litre larger", "PROOF",
                  larger.certificate, larger.certificate_n);
    aid_json_close(']');
}

static void swap_vectors(void **state)
{
    const struct aid_swap credit = sample(1234), debt = sample(-77);
    gasm_Certificate alone = credit.closed;
    uint8_t old_root[MC_KEY_LEN], new_root[MC_KEY_LEN], key[MC_KEY_LEN];

    (void)state;
    alone.swap_case.size = alone.counterpart_id.size = 0;
    aid_meter_root(AID_METER_ID, 1, old_root);
    aid_meter_root(AID_OTHER_ID, 1, new_root);
    assert_int_equal(mc_swap_key(aid_crypto(), new_root, aid_swap_terms(&credit), key), 0);
    aid_json_begin(
        "K_swap = HKDF(new_root, \"gasm swap\" | terms); sealed = AES-128-CCM(wrap_key, nonce, "
        "associated_data, K_swap), nonce = first 13 bytes of HMAC(wrap_nonce_key, associated_data "
        "| K_swap), associated_data = \"gasm swap key\" | old meter id | wrap epoch LE32 | "
        "SHA-256(terms); mac and swap_mac = first 16 bytes of HMAC(receipt_key or K_swap, \"gasm "
        "certificate\" | body); case_tag = first 8 bytes of SHA-256(\"gasm case\" | case)");
    write_terms(&credit);
    aid_json_hex("old_root", old_root, sizeof old_root);
    aid_json_hex("new_root", new_root, sizeof new_root);
    aid_json_hex("swap_key", key, sizeof key);
    write_swap_key(&credit, old_root, key);
    write_key("receipt_key", old_root, MC_LABEL("gasm receipt"), MC_KEY_LEN);
    aid_json_open("certificates", '[');
    write_certificate(&credit.closed, old_root, key);
    write_certificate(&debt.closed, old_root, key);
    write_certificate(&alone, old_root, NULL);
    aid_json_close(']');
    write_all_refused(&credit, key);
    aid_vectors_settle("swap",
                       getenv("GENERATE") != NULL && aid_crypto() == mc_crypto_openssl());
}

/* ---- following ---- */

static void assert_same(struct gf_span a, struct gf_span b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

static void hkdf_gives(const char *label, struct gf_span root, struct gf_span more,
                       struct gf_span want)
{
    const struct gf_span info[] = {span(label, strlen(label)), more};
    uint8_t key[MC_KEY_LEN];

    assert_int_equal(aid_crypto()->hkdf(aid_crypto()->ctx, root.p, root.n, info, 2, key, want.n),
                     0);
    assert_same(span(key, want.n), want);
}

/* want is the first bytes of HMAC(key, a | b). */
static void hmac_gives(struct gf_span key, struct gf_span a, struct gf_span b, struct gf_span want)
{
    const struct gf_span parts[] = {a, b};
    uint8_t mac[MC_HASH_LEN];

    assert_int_equal(aid_crypto()->hmac(aid_crypto()->ctx, key.p, key.n, parts, 2, mac), 0);
    assert_same(span(mac, want.n), want);
}

static void follow_certificates(const json_t *j)
{
    const struct gf_span label = span("gasm certificate", 16);
    const json_t *certificate;
    size_t i;

    json_array_foreach(json_object_get(j, "certificates"), i, certificate)
    {
        struct gf_span body = aid_vectors_bytes(certificate, "body");
        struct gf_span swap_mac = aid_vectors_bytes(certificate, "swap_mac");
        struct gf_span whole = aid_vectors_bytes(certificate, "certificate");

        hmac_gives(aid_vectors_bytes(j, "receipt_key"), label, body,
                   aid_vectors_bytes(certificate, "mac"));
        if (swap_mac.n > 0)
            hmac_gives(aid_vectors_bytes(j, "swap_key"), label, body, swap_mac);
        /* The message is plain: 0A, length, body, 12 10, mac, and perhaps 1A 10, mac. */
        assert_int_equal(whole.n, body.n + (body.n < 128 ? 2u : 3u) + 18 + (swap_mac.n > 0) * 18u);
        assert_memory_equal(whole.p + (body.n < 128 ? 2 : 3), body.p, body.n);
    }
    assert_int_equal(i, 3);
}

/* With the primitives alone, and nothing that this project computes. */
static void swap_can_be_followed_from_the_file(void **state)
{
    const struct mc_crypto *c = aid_crypto();
    json_t *j = aid_vectors_load("swap");
    const struct gf_span terms = aid_vectors_bytes(j, "terms"), none = span(NULL, 0);
    const struct gf_span old_root = aid_vectors_bytes(j, "old_root");
    const struct gf_span key = aid_vectors_bytes(j, "swap_key");
    const struct gf_span ad = aid_vectors_bytes(j, "associated_data");
    const struct gf_span nonce = aid_vectors_bytes(j, "nonce");
    const struct gf_span wrap_key = aid_vectors_bytes(j, "wrap_key");
    uint8_t out[MC_KEY_LEN], hash[MC_HASH_LEN];

    (void)state;
    hkdf_gives("gasm swap", aid_vectors_bytes(j, "new_root"), terms, key);
    hkdf_gives("gasm swap wrap", old_root, none, wrap_key);
    hkdf_gives("gasm swap wrap nonce", old_root, none, aid_vectors_bytes(j, "wrap_nonce_key"));
    hkdf_gives("gasm receipt", old_root, none, aid_vectors_bytes(j, "receipt_key"));
    assert_int_equal(c->sha256(c->ctx, &terms, 1, hash), 0);
    assert_same(span(hash, sizeof hash), aid_vectors_bytes(j, "terms_hash"));
    assert_memory_equal(ad.p + ad.n - sizeof hash, hash, sizeof hash);
    hmac_gives(aid_vectors_bytes(j, "wrap_nonce_key"), ad, key, nonce);
    assert_int_equal(
        c->open(c->ctx, wrap_key.p, nonce.p, ad, aid_vectors_bytes(j, "sealed"), out), 0);
    assert_same(span(out, sizeof out), key);
    follow_certificates(j);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(swap_vectors),
        AID_WITH_EACH_CRYPTO(swap_can_be_followed_from_the_file),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
