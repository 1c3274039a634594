/* test_messages_sealed.c - everything that a key authenticates: no prefix, no flipped bit and no
 * byte more of it is opened. */
#include "meter-core/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/session_pair.h"
#include "tests/aid/swap_aid.h"

#define SEALED_MAX 1024

static const struct mc_crypto *crypto;
static struct aid_swap swap;
static struct aid_pair greeted, asked, answered;    /* a session, stage by stage */

/* How something is sealed; its length. And whether its opening takes bytes: 0 or an error. */
typedef size_t seal_it(uint8_t *ret);
typedef int open_it(struct gf_span bytes);

/* ---- under account keys ---- */

static size_t seal_envelope(uint8_t *ret)
{
    return aid_world_envelope(2, 1, ret);
}

static int open_envelope(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    const struct mc_wrap wrap = {.meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = root};
    uint32_t epoch;

    aid_world_root(1, root);
    return mc_envelope_open(crypto, &wrap, bytes, &epoch, key);
}

static size_t seal_receipt(uint8_t *ret)
{
    const gasm_Receipt receipt = aid_receipt();
    uint8_t root[MC_KEY_LEN];
    int n;

    aid_world_root(1, root);
    n = mc_receipt_seal(crypto, root, &receipt, ret, SEALED_MAX);
    assert_true(n > 0);
    return (size_t)n;
}

static int open_receipt(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN];
    gasm_Receipt receipt;

    aid_world_root(1, root);
    return mc_receipt_open(crypto, root, bytes, &receipt);
}

static size_t seal_token(uint8_t *ret)
{
    const gasm_Token token = aid_token(7, 123456);

    return aid_token_sealed(AID_METER_ID, 1, &token, ret);
}

static int open_token(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {AID_METER_ID, 1, root};
    gasm_Token token;

    aid_world_root(1, root);
    return mc_token_open(crypto, &to, bytes, &token);
}

/* ---- of a swap ---- */

static size_t seal_swap_key(uint8_t *ret)
{
    return aid_swap_sealed(&swap, 1, ret);
}

static int open_swap_key(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    const struct mc_wrap wrap = {.meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = root};

    aid_world_root(1, root);
    return mc_swap_key_open(crypto, &wrap, aid_swap_terms(&swap), bytes, key);
}

static size_t seal_terms(uint8_t *ret)
{
    memcpy(ret, swap.bytes, swap.n);
    return swap.n;
}

/* The terms are authenticated by what is sealed under them. */
static int open_under_terms(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN], sealed[MC_SWAP_KEY_MAX];
    const struct mc_wrap wrap = {.meter_id = AID_METER_ID, .wrap_epoch = 1, .wrap_root = root};
    size_t n = aid_swap_sealed(&swap, 1, sealed);

    aid_world_root(1, root);
    return mc_swap_key_open(crypto, &wrap, bytes, (struct gf_span){sealed, n}, key);
}

static size_t seal_certificate(uint8_t *ret)
{
    memcpy(ret, swap.certificate, swap.certificate_n);
    return swap.certificate_n;
}

/* Head office looks at the receipt key's mac, the new meter at that of K_swap: each mac is damaged
 * unseen by the other, so only both together see everything. */
static int open_certificate(struct gf_span bytes)
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    gasm_Certificate certificate;
    int rc;

    aid_meter_root(AID_METER_ID, 1, root);
    aid_swap_key(&swap, key);
    rc = mc_certificate_open(crypto, root, bytes, &certificate);
    return rc != 0 ? rc : mc_certificate_open_swap(crypto, key, bytes, &certificate);
}

/* ---- of a session ---- */

static size_t copy(const struct aid_message *m, uint8_t *ret)
{
    memcpy(ret, m->p, m->n);
    return m->n;
}

static size_t seal_welcome(uint8_t *ret)
{
    return copy(&greeted.welcome, ret);
}

static int open_welcome(struct gf_span bytes)
{
    struct mc_session s = greeted.client;
    gasm_HelloRefusal refusal;

    return mc_client_welcome(&s, crypto, bytes.p, bytes.n, &refusal);
}

static size_t seal_request(uint8_t *ret)
{
    return copy(&asked.request, ret);
}

static int open_request(struct gf_span bytes)
{
    struct mc_session s = asked.server;
    uint8_t plain[MC_MESSAGE_MAX];
    bool proved;
    int rc = mc_server_open(&s, crypto, bytes.p, bytes.n, plain, sizeof plain, &proved);

    assert_int_equal(proved, rc >= 0);
    return rc < 0 ? rc : 0;
}

static size_t seal_answer(uint8_t *ret)
{
    return copy(&answered.answer, ret);
}

static int open_answer(struct gf_span bytes)
{
    struct mc_session s = answered.client;
    gasm_Response response;

    return mc_client_open(&s, crypto, bytes.p, bytes.n, &response);
}

/* ---- the test ---- */

static const struct {
    const char *name;
    seal_it *seal;
    open_it *open;
} rows[] = {
    {"envelope", seal_envelope, open_envelope},
    {"receipt", seal_receipt, open_receipt},
    {"token", seal_token, open_token},
    {"swap key", seal_swap_key, open_swap_key},
    {"swap terms", seal_terms, open_under_terms},
    {"certificate", seal_certificate, open_certificate},
    {"welcome", seal_welcome, open_welcome},
    {"first request", seal_request, open_request},
    {"answer", seal_answer, open_answer},
};

static void refused(size_t row, const uint8_t *bytes, size_t n, const char *what, size_t at)
{
    uint8_t *exact = malloc(n);

    assert_true(exact != NULL || n == 0);
    if (n > 0)
        memcpy(exact, bytes, n);
    if (rows[row].open((struct gf_span){exact, n}) == 0)
        fail_msg("%s was opened: %s %zu", rows[row].name, what, at);
    free(exact);
}

static void test_nothing_damaged_is_opened(void **state)
{
    uint8_t bytes[SEALED_MAX + 1];

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        size_t n = rows[row].seal(bytes);

        assert_int_equal(rows[row].open((struct gf_span){bytes, n}), 0);
        for (size_t len = 0; len < n; len++)
            refused(row, bytes, len, "prefix of length", len);
        for (size_t bit = 0; bit < n * 8; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused(row, bytes, n, "flipped bit", bit);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (unsigned more = 0; more < 256; more++) {
            bytes[n] = (uint8_t)more;
            refused(row, bytes, n + 1, "followed by", more);
        }
    }
}

static int prepare(void **state)
{
    (void)state;
    crypto = mc_crypto_openssl();
    swap = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 3, 9000);
    aid_swap_certify(&swap, -700);
    aid_pair_begin(&greeted);
    assert_true(aid_pair_welcome(&greeted) > 0);
    asked = greeted;
    assert_int_equal(aid_pair_take_welcome(&asked), 0);
    answered = asked;
    aid_pair_ask(&asked, 4);
    aid_pair_exchange(&answered, 4, true);
    aid_pair_reply(&answered, 6);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_damaged_is_opened)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare, NULL);
}
