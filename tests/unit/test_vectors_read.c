/* test_vectors_read.c - tests/vectors/ as another program would use them: followed from the files
 * with the primitives of each crypto port alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/frame.h"
#include "tests/aid/crypto_each.h"
#include "tests/aid/vectors.h"

static struct gf_span span(const void *p, size_t n)
{
    return (struct gf_span){ p, n };
}

static void assert_same(struct gf_span a, struct gf_span b)
{
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.p, b.p, a.n);
}

static void opened_as(const json_t *j, const char *message, size_t header, struct gf_span key,
                      const char *plain)
{
    struct gf_span m = aid_vectors_bytes(j, message), want = aid_vectors_bytes(j, plain);
    const struct mc_crypto *c = aid_crypto();
    uint8_t nonce[MC_NONCE_LEN] = { 0 }, out[MC_MESSAGE_MAX];

    memcpy(nonce + 5, m.p + 1, 8);
    assert_int_equal(c->open(c->ctx, key.p, nonce, span(m.p, header),
                             span(m.p + header, m.n - header), out), 0);
    assert_same(span(out, m.n - header - MC_AEAD_TAG_LEN), want);
}

/* With the primitives alone, and nothing that this project computes. */
static void handshake_can_be_followed_from_the_file(void **state)
{
    static const uint8_t version = 1;
    const struct mc_crypto *c = aid_crypto();
    json_t *j = aid_vectors_load("handshake");
    struct gf_span root = aid_vectors_bytes(j, "root");
    struct gf_span ticket_key = aid_vectors_bytes(j, "ticket_key");
    struct gf_span hello = aid_vectors_bytes(j, "client_hello_message");
    const struct gf_span ticket[] = { span("gasm ticket", 11), aid_vectors_bytes(j, "ticket") };
    const struct gf_span nonces[] = { aid_vectors_bytes(j, "nonce_c"),
                                      aid_vectors_bytes(j, "nonce_m") };
    const struct gf_span c2m[] = { span("gasm c2m", 8), nonces[0], nonces[1] };
    const struct gf_span m2c[] = { span("gasm m2c", 8), nonces[0], nonces[1] };
    const struct gf_span h[] = { span(&version, 1), span(hello.p + 1, hello.n - 1),
                                 span("\x0A\x10", 2), nonces[1] };
    struct gf_span proof = span("gasm proof", 10);
    uint8_t key[32], hash[32];
    const struct gf_span of_m[] = { span("m", 1), span(hash, 32) };
    const struct gf_span of_c[] = { span("c", 1), span(hash, 32) };

    (void)state;
    assert_int_equal(c->hkdf(c->ctx, root.p, 32, ticket, 2, key, 32), 0);
    assert_same(span(key, 32), ticket_key);
    assert_int_equal(c->hkdf(c->ctx, ticket_key.p, 32, c2m, 3, key, 16), 0);
    assert_same(span(key, 16), aid_vectors_bytes(j, "key_c2m"));
    assert_int_equal(c->hkdf(c->ctx, ticket_key.p, 32, m2c, 3, key, 16), 0);
    assert_same(span(key, 16), aid_vectors_bytes(j, "key_m2c"));
    assert_int_equal(c->sha256(c->ctx, h, 4, hash), 0);
    assert_int_equal(c->hkdf(c->ctx, ticket_key.p, 32, &proof, 1, key, 32), 0);

    uint8_t mac[32];

    assert_int_equal(c->hmac(c->ctx, key, 32, of_m, 2, mac), 0);
    assert_same(span(mac, 32), aid_vectors_bytes(j, "proof_m"));
    assert_int_equal(c->hmac(c->ctx, key, 32, of_c, 2, mac), 0);
    assert_same(span(mac, 32), aid_vectors_bytes(j, "proof_c"));

    const json_t *exchanges = json_object_get(j, "exchanges");

    assert_int_equal(json_array_size(exchanges), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *e = json_array_get(exchanges, i);

        opened_as(e, "request_message", i == 0 ? 41 : 9, aid_vectors_bytes(j, "key_c2m"),
                  "request");
        opened_as(e, "answer_message", 9, aid_vectors_bytes(j, "key_m2c"), "response");
    }
    json_decref(j);
}

/* Each stream put together from its fragments, by the rules for a receiver only. */
static void streams_can_be_put_together_from_the_file(void **state)
{
    json_t *j = aid_vectors_load("fragments");
    const json_t *stream, *step;
    size_t i, k;

    (void)state;
    json_array_foreach(json_object_get(j, "streams"), i, stream)
    {
        struct mc_pipe to[2];
        unsigned whole[2] = { 0 };

        mc_pipe_reset(&to[0], 5, 20, MC_WINDOW);
        mc_pipe_reset(&to[1], 5, 20, MC_WINDOW);
        json_array_foreach(json_object_get(stream, "flow"), k, step)
        {
            bool by_client =
                strcmp(json_string_value(json_object_get(step, "from")), "client") == 0;
            struct mc_pipe *end = &to[by_client];
            struct gf_span frag;
            size_t n;

            if (json_object_get(step, "lost") != NULL)
                continue;
            frag = aid_vectors_bytes(step, "fragment");
            if (mc_pipe_feed(end, frag.p, frag.n) != MC_FEED_MESSAGE)
                continue;
            whole[by_client]++;

            const uint8_t *msg = mc_pipe_message(end, &n);

            assert_same(span(msg, n), aid_vectors_bytes(stream, by_client ? "request" : "answer"));
        }
        assert_int_equal(whole[0], 1);
        assert_int_equal(whole[1], 1);
    }
    assert_int_equal(i, 7);
    json_decref(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AID_WITH_EACH_CRYPTO(handshake_can_be_followed_from_the_file),
        cmocka_unit_test(streams_can_be_put_together_from_the_file),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
