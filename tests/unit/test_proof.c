/* test_proof.c - one signature for many acknowledgements: roots, paths, and what passes for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/ids.h"
#include "common/proof.h"
#include "tests/aid/crypto_each.h"

#define NOW_MS INT64_C(1795339800000)
#define LEAVES 17 /* trees of up to so many leaves are looked at whole */

static const uint8_t device[16] = "a laptop's id...";

static struct gf_hash_port hasher(void)
{
    return (struct gf_hash_port){ aid_crypto()->ctx, aid_crypto()->sha256 };
}

/* The i-th acknowledgement of these tests. */
struct ack {
    uint8_t id[16], item_hash[32], kind;
    int64_t office_ms;
};

static struct ack ack(unsigned i)
{
    struct ack a = { .kind = (uint8_t)(1 + i % 5), .office_ms = NOW_MS + i };

    memset(a.id, (int)i, sizeof a.id);
    memset(a.item_hash, (int)(0x80 + i), sizeof a.item_hash);
    return a;
}

static struct gf_digest leaf_of(const struct ack *a)
{
    const struct gf_hash_port h = hasher();
    struct gf_digest ret;

    assert_int_equal(
        gf_ack_leaf(&h, &(struct gf_ack){ a->id, a->item_hash, a->kind, a->office_ms }, &ret), 0);
    return ret;
}

/* A tree of the first n acknowledgements; its root. */
static struct gf_digest build(uint32_t n, struct gf_digest *nodes)
{
    const struct gf_hash_port h = hasher();

    for (uint32_t i = 0; i < n; i++) {
        const struct ack a = ack(i);

        nodes[i] = leaf_of(&a);
    }
    int count = gf_proof_build(&h, nodes, n);
    assert_in_range(count, n, GF_PROOF_NODES(n));
    return nodes[count - 1];
}

/* RFC 9162 section 2.1.1 as it is written. */
static struct gf_digest root_model(const struct gf_digest *leaves, size_t n)
{
    static const uint8_t one = 1;
    struct gf_digest left, right;
    size_t k = 1;

    if (n == 1)
        return leaves[0];
    while (2 * k < n)
        k *= 2;
    left = root_model(leaves, k);
    right = root_model(leaves + k, n - k);

    const struct gf_span parts[] = { { &one, 1 }, { left.b, 32 }, { right.b, 32 } };
    const struct mc_crypto *c = aid_crypto();
    assert_int_equal(c->sha256(c->ctx, parts, 3, left.b), 0);
    return left;
}

/* RFC 9162 section 2.1.3.1 as it is written: from the leaf up. */
static void path_model(const struct gf_digest *leaves, size_t n, size_t m, struct gf_writer *ret)
{
    struct gf_digest other;
    size_t k = 1;

    if (n == 1)
        return;
    while (2 * k < n)
        k *= 2;
    if (m < k) {
        path_model(leaves, k, m, ret);
        other = root_model(leaves + k, n - k);
    } else {
        path_model(leaves + k, n - k, m - k, ret);
        other = root_model(leaves, k);
    }
    gf_wr(ret, other.b, sizeof other.b);
}

static void expect_hex(const struct gf_digest *d, const char *hex)
{
    char text[2 * sizeof d->b + 1];

    gf_hex(d->b, sizeof d->b, text);
    assert_string_equal(text, hex);
}

/* The trees that Certificate Transparency publishes its roots of. */
static void published_roots(void **state)
{
    static const char leaves[8][17] = { "",         "\0",
                                        "\x10",     "\x20\x21",
                                        "\x30\x31", "\x40\x41\x42\x43",
                                        "PQRSTUVW", "`abcdefghijklmno" };
    static const size_t lengths[8] = { 0, 1, 1, 2, 2, 4, 8, 16 };
    static const char *const roots[8] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    };
    static const uint8_t zero = 0;
    const struct mc_crypto *c = aid_crypto();
    const struct gf_hash_port h = hasher();

    (void)state;
    for (uint32_t n = 1; n <= 8; n++) {
        struct gf_digest nodes[GF_PROOF_NODES(8)];

        for (size_t i = 0; i < n; i++) {
            const struct gf_span parts[] = { { &zero, 1 },
                                             { (const uint8_t *)leaves[i], lengths[i] } };

            assert_int_equal(c->sha256(c->ctx, parts, 2, nodes[i].b), 0);
        }
        int count = gf_proof_build(&h, nodes, n);
        assert_true(count > 0);
        expect_hex(&nodes[count - 1], roots[n - 1]);
    }
}

/* Roots of acknowledgements, so that others can write the same program. */
static void roots_of_acknowledgements(void **state)
{
    static const struct {
        uint32_t n;
        const char *root;
    } rows[] = {
        { 1, "f4230385e2b8149d1d27684273bb9b75d3d3c76f0c7358e59a5a3ce30d7cb333" },
        { 2, "66f403e62417412aa3c7219911077d548c2b732856eee0b48bef1a2b92051ff6" },
        { 3, "f1e0d9df68a023a044f754ab09ca854db95e3a1133bbadca9d6ce058a4d79a4f" },
        { 7, "af664dd08c0350c7098d18db5babaa638c4b1dedf67d23940dce324c1208213e" },
        { 17, "9812ad973bfe635b93c99369d43fe0b391b82cb9dfe552872268050a703a99b4" },
        { 100, "a9ee4005b31b9d1bb8d26848d5da8507ae940eb8f3d3484edbebd0a67b71cbcf" },
    };
    struct gf_digest nodes[GF_PROOF_NODES(100)];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct gf_digest root = build(rows[i].n, nodes);

        expect_hex(&root, rows[i].root);
    }
}

static void what_is_signed(void **state)
{
    uint8_t message[GF_ACK_MESSAGE], expect[GF_ACK_MESSAGE] = "gasm acks";
    struct gf_digest root;

    (void)state;
    memset(root.b, 7, sizeof root.b);
    memcpy(expect + 9, device, 16);
    expect[25] = 0x04;
    expect[26] = 0x03;
    memset(expect + 29, 7, 32);
    gf_ack_message(device, 0x0304, &root, message);
    assert_memory_equal(message, expect, sizeof message);
}

/* Every tree up to LEAVES, and large ones: root and each path are the RFC's. */
static void roots_and_paths_are_those_of_the_rfc(void **state)
{
    static const uint32_t large[] = { 100, 1000, 1023, GF_PROOF_LEAVES_MAX };
    static struct gf_digest nodes[GF_PROOF_NODES(GF_PROOF_LEAVES_MAX)];
    const struct gf_hash_port h = hasher();

    (void)state;
    for (uint32_t i = 1; i <= LEAVES + sizeof large / sizeof large[0]; i++) {
        const uint32_t n = i <= LEAVES ? i : large[i - LEAVES - 1];
        struct gf_digest root = build(n, nodes), expect = root_model(nodes, n), got;

        assert_memory_equal(root.b, expect.b, 32);
        for (uint32_t leaf = 0; leaf < n; leaf += n <= LEAVES ? 1 : n / 7) {
            uint8_t path[GF_PROOF_PATH_MAX], model[GF_PROOF_PATH_MAX];
            struct gf_writer w = { .p = model, .cap = sizeof model };
            size_t len = gf_proof_path(nodes, n, leaf, path);

            path_model(nodes, n, leaf, &w);
            assert_false(w.bad);
            assert_int_equal(len, w.n);
            assert_memory_equal(path, model, len);
            assert_int_equal(gf_proof_root(&h, &nodes[leaf], leaf, n,
                                           (struct gf_span){ path, len }, &got),
                             0);
            assert_memory_equal(got.b, root.b, 32);
        }
    }
}

/* What a verdict says of itself, in one piece: each of its bits matters. */
struct claim {
    struct ack ack;
    uint32_t leaf, leaves;
    uint8_t path[GF_PROOF_PATH_MAX];
    size_t path_n;
};

/* What the laptop hands to the signature's check; false: refused before that. */
static bool message_of(const struct claim *c, uint8_t ret[static GF_ACK_MESSAGE])
{
    const struct gf_hash_port h = hasher();
    const struct gf_digest leaf = leaf_of(&c->ack);
    struct gf_digest root;

    if (gf_proof_root(&h, &leaf, c->leaf, c->leaves, (struct gf_span){ c->path, c->path_n }, &root)
        != 0)
        return false;
    gf_ack_message(device, c->leaves, &root, ret);
    return true;
}

static void expect_refused(const struct claim *c, const uint8_t signed_message[GF_ACK_MESSAGE])
{
    uint8_t message[GF_ACK_MESSAGE];

    if (message_of(c, message))
        assert_memory_not_equal(message, signed_message, sizeof message);
}

/* Flip each bit of n bytes of the claim in turn. */
static void flip_bits(struct claim *c, void *at, size_t n, const uint8_t *signed_message)
{
    uint8_t *p = at;

    for (size_t bit = 0; bit < 8 * n; bit++) {
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(c, signed_message);
        p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* Every acknowledgement of every tree of up to 17, with every single bit of it altered. */
static void nothing_altered_passes(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= LEAVES; n++) {
        struct gf_digest nodes[GF_PROOF_NODES(LEAVES)], root = build(n, nodes);
        uint8_t right[GF_ACK_MESSAGE], message[GF_ACK_MESSAGE];

        gf_ack_message(device, n, &root, right);
        for (uint32_t leaf = 0; leaf < n; leaf++) {
            struct claim c = { .ack = ack(leaf), .leaf = leaf, .leaves = n };

            c.path_n = gf_proof_path(nodes, n, leaf, c.path);
            assert_true(message_of(&c, message));
            assert_memory_equal(message, right, sizeof right);
            flip_bits(&c, c.ack.id, sizeof c.ack.id, right);
            flip_bits(&c, c.ack.item_hash, sizeof c.ack.item_hash, right);
            flip_bits(&c, &c.ack.kind, sizeof c.ack.kind, right);
            flip_bits(&c, &c.ack.office_ms, sizeof c.ack.office_ms, right);
            flip_bits(&c, &c.leaf, sizeof c.leaf, right);
            flip_bits(&c, &c.leaves, sizeof c.leaves, right);
            flip_bits(&c, c.path, c.path_n, right);
        }
    }
}

/* At no other place, in no other tree, with no other length of its path. */
static void a_proof_holds_at_its_place_only(void **state)
{
    struct gf_digest nodes[GF_PROOF_NODES(LEAVES)];
    uint8_t right[GF_ACK_MESSAGE];

    (void)state;
    for (uint32_t n = 1; n <= LEAVES; n++) {
        struct gf_digest root = build(n, nodes);

        gf_ack_message(device, n, &root, right);
        for (uint32_t leaf = 0; leaf < n; leaf++) {
            struct claim c = { .ack = ack(leaf), .leaf = leaf, .leaves = n };
            size_t len = gf_proof_path(nodes, n, leaf, c.path);

            for (c.path_n = 0; c.path_n <= sizeof c.path; c.path_n++)
                if (c.path_n != len)
                    assert_false(message_of(&c, (uint8_t[GF_ACK_MESSAGE]){ 0 }));
            c.path_n = len;
            for (c.leaves = 0; c.leaves <= 2 * LEAVES; c.leaves++)
                for (c.leaf = 0; c.leaf <= 2 * LEAVES; c.leaf++)
                    if (c.leaf != leaf || c.leaves != n)
                        expect_refused(&c, right);
        }
    }
}

static void trees_of_no_size(void **state)
{
    static struct gf_digest nodes[GF_PROOF_NODES(GF_PROOF_LEAVES_MAX + 1)];
    const struct gf_hash_port h = hasher();
    struct gf_digest root;

    (void)state;
    assert_int_equal(gf_proof_build(&h, nodes, 0), GF_E_RANGE);
    assert_int_equal(gf_proof_build(&h, nodes, GF_PROOF_LEAVES_MAX + 1), GF_E_RANGE);
    assert_int_equal(gf_proof_root(&h, nodes, 0, 0, (struct gf_span){ NULL, 0 }, &root),
                     GF_E_FORMAT);
    assert_int_equal(gf_proof_root(&h, nodes, 0, UINT32_MAX, (struct gf_span){ NULL, 0 }, &root),
                     GF_E_FORMAT);
}

static int broken(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32])
{
    int *left = ctx;

    return (*left)-- > 0 ? aid_crypto()->sha256(aid_crypto()->ctx, parts, n, ret) : GF_E_CRYPTO;
}

/* The hash fails at each of its calls. */
static void a_hash_that_fails_is_told(void **state)
{
    struct gf_digest nodes[GF_PROOF_NODES(7)], root;
    uint8_t path[GF_PROOF_PATH_MAX];
    const struct ack a = ack(0);

    (void)state;
    (void)build(7, nodes);
    size_t len = gf_proof_path(nodes, 7, 2, path);
    for (int good = 0; good <= 6; good++) {
        int left = good;
        const struct gf_hash_port h = { &left, broken };

        assert_int_equal(gf_proof_build(&h, nodes, 7), good < 6 ? GF_E_CRYPTO : 14);
        left = good;
        assert_int_equal(
            gf_proof_root(&h, &nodes[2], 2, 7, (struct gf_span){ path, len }, &root),
            good < 3 ? GF_E_CRYPTO : 0);
        left = good;
        assert_int_equal(gf_ack_leaf(&h,
                                     &(struct gf_ack){ a.id, a.item_hash, a.kind, a.office_ms },
                                     &root),
                         good < 1 ? GF_E_CRYPTO : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_roots),
        cmocka_unit_test(roots_of_acknowledgements),
        cmocka_unit_test(what_is_signed),
        cmocka_unit_test(roots_and_paths_are_those_of_the_rfc),
        cmocka_unit_test(nothing_altered_passes),
        cmocka_unit_test(a_proof_holds_at_its_place_only),
        cmocka_unit_test(trees_of_no_size),
        cmocka_unit_test(a_hash_that_fails_is_told),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
