/* proof.c - Merkle trees level by level; see proof.h.
 *
 * Splitting n leaves after the largest power of two below n is the same as pairing each level from
 * the left and lifting an odd last node as it is: a node's place then tells its siblings.
 */
#include "common/proof.h"

static int hash(const struct gf_hash_port *h, const struct gf_span *parts, size_t n,
                struct gf_digest *ret)
{
    return h->sha256(h->ctx, parts, n, ret->b);
}

static int hash_node(const struct gf_hash_port *h, const uint8_t *left, const uint8_t *right,
                     struct gf_digest *ret)
{
    static const uint8_t node = 1;
    const struct gf_span parts[] = { { &node, 1 }, { left, 32 }, { right, 32 } };

    return hash(h, parts, sizeof parts / sizeof parts[0], ret);
}

int gf_ack_leaf(const struct gf_hash_port *h, const struct gf_ack *ack, struct gf_digest *ret)
{
    uint8_t message[1 + 16 + 32 + 1 + 8];
    struct gf_writer w = { .p = message, .cap = sizeof message };

    gf_wr_uint(&w, 0, 1);
    gf_wr(&w, ack->id, 16);
    gf_wr(&w, ack->item_hash, 32);
    gf_wr_uint(&w, ack->kind, 1);
    gf_wr_uint(&w, (uint64_t)ack->office_ms, 8);
    return hash(h, &(struct gf_span){ message, w.n }, 1, ret);
}

void gf_ack_message(const uint8_t device[static 16], uint32_t leaves, const struct gf_digest *root,
                    uint8_t ret[static GF_ACK_MESSAGE])
{
    struct gf_writer w = { .p = ret, .cap = GF_ACK_MESSAGE };

    gf_wr(&w, "gasm acks", 9);
    gf_wr(&w, device, 16);
    gf_wr_uint(&w, leaves, 4);
    gf_wr(&w, root->b, sizeof root->b);
}

int gf_proof_build(const struct gf_hash_port *h, struct gf_digest *nodes, uint32_t leaves)
{
    uint32_t at = 0, width = leaves;

    if (leaves == 0 || leaves > GF_PROOF_LEAVES_MAX)
        return GF_E_RANGE;
    while (width > 1) {
        struct gf_digest *above = nodes + at + width;

        for (uint32_t i = 0; i + 1 < width; i += 2) {
            int code = hash_node(h, nodes[at + i].b, nodes[at + i + 1].b, above++);

            if (code < 0)
                return code;
        }
        if (width % 2 == 1)
            *above = nodes[at + width - 1];
        at += width;
        width = (width + 1) / 2;
    }
    return (int)at + 1;
}

size_t gf_proof_path(const struct gf_digest *nodes, uint32_t leaves, uint32_t leaf,
                     uint8_t ret[static GF_PROOF_PATH_MAX])
{
    struct gf_writer w = { .p = ret, .cap = GF_PROOF_PATH_MAX };

    for (uint32_t width = leaves; width > 1; width = (width + 1) / 2) {
        if ((leaf ^ 1) < width)
            gf_wr(&w, nodes[leaf ^ 1].b, sizeof nodes->b);
        nodes += width;
        leaf /= 2;
    }
    return w.n;
}

int gf_proof_root(const struct gf_hash_port *h, const struct gf_digest *leaf_hash, uint32_t leaf,
                  uint32_t leaves, struct gf_span path, struct gf_digest *ret)
{
    struct gf_reader r = { path.p, path.n, false };

    if (leaf >= leaves || leaves > GF_PROOF_LEAVES_MAX)
        return GF_E_FORMAT;
    *ret = *leaf_hash;
    for (uint32_t width = leaves; width > 1; width = (width + 1) / 2, leaf /= 2) {
        if ((leaf ^ 1) >= width)
            continue;

        const uint8_t *sibling = gf_rd(&r, sizeof ret->b);
        if (sibling == NULL)
            return GF_E_FORMAT;

        int code = leaf % 2 == 0 ? hash_node(h, ret->b, sibling, ret)
                                 : hash_node(h, sibling, ret->b, ret);
        if (code < 0)
            return code;
    }
    return r.left == 0 ? 0 : GF_E_FORMAT;
}
