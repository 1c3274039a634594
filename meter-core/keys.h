/* keys.h - keys, tickets, envelopes, receipts: what meter and office compute alike. Freestanding.
 *
 * Every key is HKDF-SHA-256 of a root key with the label named here; K[0] is K_factory, K[e] the
 * account key of epoch e. Bytes are used as received, never re-encoded. Secrets on the stack are
 * wiped.
 */
#ifndef GF_METER_KEYS_H
#define GF_METER_KEYS_H

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/crypto.h"
#include "meter-core/proto/meter.pb.h"

#define MC_TICKET_MAX 208   /* bytes of an encoded Ticket, at most */
#define MC_ENVELOPE_MAX 120 /* of a KeyEnvelope */
#define MC_RECEIPT_MAX 464  /* of a SealedReceipt */
#define MC_RECEIPT_MAC_LEN 16

/* K_ticket = HKDF(root, "gasm ticket" | ticket bytes), root = K[ticket.epoch]. 0 or GF_E_CRYPTO. */
int mc_ticket_key(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                  struct gf_span ticket, uint8_t ret[static MC_KEY_LEN]);

/* Decode a ticket; any unknown field, wrong wire type or trailing byte is GF_E_FORMAT, so are
 * fields out of order or twice, and no bytes at all. */
int mc_ticket_decode(struct gf_span bytes, gasm_Ticket *ret);

/* Encode a ticket: its length in bytes, or GF_E_SPACE. */
int mc_ticket_encode(const gasm_Ticket *ticket, uint8_t *ret, size_t cap);

/* Seal `key` of `epoch` for one meter under the wrapping key of K[wrap_epoch] = wrap_root:
 * AES-128-CCM under HKDF(wrap_root, "gasm wrap"),
 * associated data "gasm key" | meter id | epoch LE32 | wrap epoch LE32,
 * nonce the first 13 bytes of HMAC(HKDF(wrap_root, "gasm wrap nonce"), associated data | key).
 * Writes an encoded KeyEnvelope; its length, or GF_E_SPACE, GF_E_CRYPTO. The same input gives the
 * same bytes. */
struct mc_wrap {
    const char *meter_id; /* GF_METER_ID_LEN characters */
    uint32_t epoch, wrap_epoch;
    const uint8_t *wrap_root; /* MC_KEY_LEN bytes */
};
int mc_envelope_seal(const struct mc_crypto *c, const struct mc_wrap *wrap,
                     const uint8_t key[static MC_KEY_LEN], uint8_t *ret, size_t cap);

/* Open an envelope made for wrap->meter_id under wrap->wrap_root; checks meter id, both epochs and
 * the tag. GF_E_FORMAT (also unknown fields, epoch 0), GF_E_MISMATCH (another meter, another wrap
 * epoch), GF_E_CRYPTO (tag). wrap->epoch is ignored; the envelope's goes to *ret_epoch. */
int mc_envelope_open(const struct mc_crypto *c, const struct mc_wrap *wrap, struct gf_span envelope,
                     uint32_t *ret_epoch, uint8_t ret_key[static MC_KEY_LEN]);

/* Encode and authenticate a receipt under HKDF(root, "gasm receipt"), root = K[receipt->key_epoch].
 * Length of the SealedReceipt written, or GF_E_SPACE, GF_E_CRYPTO. */
int mc_receipt_seal(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                    const gasm_Receipt *receipt, uint8_t *ret, size_t cap);

/* Decode a SealedReceipt without verifying it: for its epoch and meter. GF_E_FORMAT: the
 * SealedReceipt has one form only, since its hash goes into the next receipt; unknown fields are
 * skipped in the Receipt inside. */
int mc_receipt_peek(struct gf_span sealed, gasm_Receipt *ret);

/* Verify under K[epoch of the receipt] and decode. GF_E_FORMAT or GF_E_CRYPTO. */
int mc_receipt_open(const struct mc_crypto *c, const uint8_t root[static MC_KEY_LEN],
                    struct gf_span sealed, gasm_Receipt *ret);

/* SHA-256 of a SealedReceipt's bytes: what the next receipt names as prev_hash. */
int mc_receipt_hash(const struct mc_crypto *c, struct gf_span sealed,
                    uint8_t ret[static MC_HASH_LEN]);

/* Signed litres left:
 * purchased + imported + forgiven
 * - (index - after_closing - opening_index - purged + opening_purged)
 * - cleared - debited - exported. */
int64_t mc_residual_l(const gasm_Totals *t);

/* The operation ids that a meter gives to what it does by itself (so both sides can tell them):
 * first 16 bytes of SHA-256 over the label and the parts. Key activation: "gasm key activated" |
 * meter id | epoch LE32. End of a purge without purge_stop: "gasm purge end" | op id of the
 * purge_start. */
int mc_op_id_activation(const struct mc_crypto *c, const char *meter_id, uint32_t epoch,
                        uint8_t ret[static 16]);
int mc_op_id_purge_end(const struct mc_crypto *c, const uint8_t start_op[static 16],
                       uint8_t ret[static 16]);

#endif
