/* token.h - credit on its way to one meter: sealed tokens, and the 25 digits of a typed one.
 * Freestanding.
 *
 * A token names an account, a sequence that grows, and four ceilings: what was sold, transferred
 * in, forgiven and settled downwards ever. The meter takes the maximum of each (cmd_credit.c), so a
 * lost token is healed by the next one. Head office seals, the meter opens; both with this code.
 */
#ifndef GF_METER_TOKEN_H
#define GF_METER_TOKEN_H

#include "common/ids.h"
#include "meter-core/keys.h"

#define MC_TOKEN_MAX 160            /* bytes of a SealedToken, at most */
#define MC_TYPED_DIGITS 25
#define MC_TYPED_TEXT 26            /* with the NUL */
#define MC_TYPED_SEQ_BITS 12        /* of the sequence that are typed */
#define MC_TYPED_PURCHASED_BITS 27  /* purchased_l of a typed token is below 2^27 */
#define MC_TYPED_MAC_LEN 5
#define MC_SEQUENCE_MAX (UINT64_C(1) << 48)  /* a sequence above it is RANGE */
#define MC_CEILING_MAX_L (UINT64_C(1) << 48) /* a ceiling above it is RANGE: sums stay exact */

/* Whose token, under which key: root = K[epoch]. */
struct mc_token_for {
    const char *meter_id;           /* GF_METER_ID_LEN characters */
    uint32_t epoch;
    const uint8_t *root;            /* MC_KEY_LEN bytes */
};

/* Seal a token: AES-128-CCM under HKDF(root, "gasm token"), associated data "gasm token" | meter id
 * | epoch LE32, nonce the first 13 bytes of HMAC(HKDF(root, "gasm token nonce"), associated data |
 * Token bytes). Writes an encoded SealedToken; its length, or GF_E_SPACE, GF_E_CRYPTO. The same
 * token gives the same bytes. */
int mc_token_seal(const struct mc_crypto *c, const struct mc_token_for *to, const gasm_Token *token,
                  uint8_t *ret, size_t cap);

/* Open one: GF_E_FORMAT (the outer message or the Token inside is not in its one strict form),
 * GF_E_MISMATCH (another meter, another epoch), GF_E_CRYPTO (tag, or the library failed). *ret is
 * written only on 0. */
int mc_token_open(const struct mc_crypto *c, const struct mc_token_for *to, struct gf_span sealed,
                  gasm_Token *ret);

/* Meter and epoch that a sealed token is for, unverified. 0 or GF_E_FORMAT. */
int mc_token_peek(struct gf_span sealed, char ret_meter_id[static GF_METER_ID_TEXT],
                  uint32_t *ret_epoch);

/* What a token means, whoever carries it: SHA-256 of "gasm token" | account, sequence, purchased,
 * imported, forgiven, debited, each LE64. The content hash of a recharge. 0 or GF_E_CRYPTO. */
int mc_token_content(const struct mc_crypto *c, const gasm_Token *token,
                     uint8_t ret[static MC_HASH_LEN]);

/* The operation id of a recharge: the first 16 bytes of SHA-256 over "gasm recharge" | meter id |
 * account LE64 | sequence LE64. 0 or GF_E_CRYPTO. */
int mc_op_id_recharge(const struct mc_crypto *c, const char *meter_id, uint64_t account_no,
                      uint64_t sequence, uint8_t ret[static 16]);

/* ---- typed ----
 * 79 bits, as 24 decimal digits with leading zeroes, most significant first: sequence mod 2^12 |
 * purchased_l 27 | mac 40; then a check digit (ISO/IEC 7064 MOD 11,10). mac: the first 5 bytes of
 * HMAC(HKDF(root, "gasm typed"), "gasm typed" | meter id | the six numbers of mc_token_content()),
 * so the other three ceilings have to be what the meter holds. Expiry and order id do not
 * travel. */
struct mc_typed {
    uint16_t seq_low;               /* sequence mod 2^12 */
    uint32_t purchased_l;
    uint8_t mac[MC_TYPED_MAC_LEN];
};

/* The digits of a token. 0; GF_E_RANGE when purchased_l needs more than 27 bits; GF_E_CRYPTO. */
int mc_typed_make(const struct mc_crypto *c, const struct mc_token_for *to, const gasm_Token *token,
                  char ret[static MC_TYPED_TEXT]);

/* Read digits; spaces and hyphens between them are dropped. 0; GF_E_FORMAT (not 25 digits, a number
 * of more than 79 bits); GF_E_MISMATCH (the check digit). Nothing secret is looked at. */
int mc_typed_parse(const char *text, struct mc_typed *ret);

/* Does the mac hold for this token (full sequence, all ceilings)? 0; GF_E_MISMATCH; GF_E_CRYPTO.
 * In constant time. */
int mc_typed_verify(const struct mc_crypto *c, const struct mc_token_for *to,
                    const struct mc_typed *typed, const gasm_Token *token);

/* The nearest sequence above `last` whose low 12 bits are these. */
uint64_t mc_typed_sequence(uint64_t last, uint16_t seq_low);

#endif
