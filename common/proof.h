/* proof.h - one signature for many records: a Merkle tree (RFC 9162 section 2.1), and what head
 * office's acknowledgements are as its leaves (sync.proto, Verdict). Freestanding.
 *
 * Who signs fills the leaves, builds the tree, signs gf_ack_message() of its root once, and hands out
 * each record with its path. Who holds one record makes the root again from it and checks the one
 * signature: no other record is needed. A leaf hash begins with 00 and a node hash with 01, so that
 * neither can pass for the other.
 */
#ifndef GF_PROOF_H
#define GF_PROOF_H

#include "common/bytes.h"
#include "common/err.h"

#define GF_PROOF_LEAVES_MAX 1024
#define GF_PROOF_PATH_MAX (10 * 32) /* bytes: a tree of so many leaves is ten nodes high */
#define GF_PROOF_NODES(leaves) (2 * (leaves) + 10)
#define GF_ACK_MESSAGE (9 + 16 + 4 + 32)

struct gf_digest {
    uint8_t b[32];
};

/* SHA-256 of parts one after the other: struct mc_crypto's function with its ctx. */
struct gf_hash_port {
    void *ctx;
    int (*sha256)(void *ctx, const struct gf_span *parts, size_t n, uint8_t ret[static 32]);
};

/* An acknowledgement, as far as it is signed. */
struct gf_ack {
    const uint8_t *id, *item_hash; /* 16 and 32 bytes */
    uint8_t kind;
    int64_t office_ms;
};

/* The leaf hash of an acknowledgement. 0 or GF_E_CRYPTO. */
int gf_ack_leaf(const struct gf_hash_port *h, const struct gf_ack *ack, struct gf_digest *ret);

/* What is signed for all leaves of a tree, and for one laptop. */
void gf_ack_message(const uint8_t device[static 16], uint32_t leaves, const struct gf_digest *root,
                    uint8_t ret[static GF_ACK_MESSAGE]);

/* Build the tree over nodes[0 .. leaves - 1]; `nodes` has room for GF_PROOF_NODES(leaves). The number
 * of nodes, the last of which is the root; GF_E_RANGE when leaves is not 1 .. GF_PROOF_LEAVES_MAX,
 * GF_E_CRYPTO. */
int gf_proof_build(const struct gf_hash_port *h, struct gf_digest *nodes, uint32_t leaves);

/* The siblings of a leaf of a built tree, from below (RFC 9162 section 2.1.3.1). How many bytes. */
size_t gf_proof_path(const struct gf_digest *nodes, uint32_t leaves, uint32_t leaf,
                     uint8_t ret[static GF_PROOF_PATH_MAX]);

/* The root that a leaf and its path give (RFC 9162 section 2.1.3.2). 0; GF_E_FORMAT when leaf and
 * leaves are no place in a tree, or the path has not the length of that place; GF_E_CRYPTO. */
int gf_proof_root(const struct gf_hash_port *h, const struct gf_digest *leaf_hash, uint32_t leaf,
                  uint32_t leaves, struct gf_span path, struct gf_digest *ret);

#endif
