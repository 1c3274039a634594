/* seal.c - AES-256-GCM over single values, and the data key behind the passphrase; see store.h.
 *
 * A sealed value is nonce (12 bytes, random) | ciphertext | tag (16 bytes). The associated data are
 * column and row, so that a value copied to another place does not open. One data key seals far
 * fewer than the 2^32 values up to which random nonces are fit for GCM (NIST SP 800-38D, 8.3).
 */
#include <string.h>

#include <openssl/evp.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "common/bytes.h"
#include "db/store.h"

#define NONCE_LEN 12
#define TAG_LEN 16
#define SALT_LEN 16
#define SCRYPT_R 8
#define SCRYPT_MIN 16u
#define SCRYPT_MAX (1u << 20)
#define MESSAGE_MAX 2048        /* the longest sealed message, plain */

/* One pass of GCM over `from`, either way. 1 done; 0: the tag is wrong; GF_E_CRYPTO. */
static int gcm(EVP_CIPHER_CTX *c, const uint8_t *key, bool sealing, const uint8_t *nonce,
               struct seal_place at, struct gf_span from, uint8_t *to, uint8_t tag[static TAG_LEN])
{
    int n = 0, tail = 0, enc = sealing ? 1 : 0, name_len = (int)strlen(at.column) + 1;

    /* The NUL of the column ends it, so column and row cannot be told apart in two ways. */
    if (EVP_CipherInit_ex2(c, EVP_aes_256_gcm(), key, nonce, enc, NULL) != 1 ||
        EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)at.column, name_len) != 1 ||
        (at.row_len > 0 && EVP_CipherUpdate(c, NULL, &n, at.row, (int)at.row_len) != 1) ||
        (from.n > 0 && EVP_CipherUpdate(c, to, &n, from.p, (int)from.n) != 1))
        return GF_E_CRYPTO;
    if (!sealing && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1)
        return GF_E_CRYPTO;
    if (EVP_CipherFinal_ex(c, to + from.n, &tail) != 1)
        return sealing ? GF_E_CRYPTO : 0;
    if (sealing && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1)
        return GF_E_CRYPTO;
    return 1;
}

static int seal_with(struct db *db, const uint8_t *key, struct seal_place at, const void *plain,
                     size_t n, uint8_t *ret)
{
    int r = db->random->fill(db->random->ctx, ret, NONCE_LEN);

    if (r != 0)
        return db_refuse(db, r, at.column, NULL);
    r = gcm(db->gcm, key, true, ret, at, (struct gf_span){plain, n}, ret + NONCE_LEN,
            ret + NONCE_LEN + n);
    return r == 1 ? 0 : db_refuse(db, GF_E_CRYPTO, at.column, "sealing failed");
}

/* 1 opened (n - SEAL_EXTRA bytes); 0: another key, or changed; GF_E_CRYPTO. */
static int unseal_with(struct db *db, const uint8_t *key, struct seal_place at,
                       const uint8_t *sealed, size_t n, uint8_t *ret)
{
    uint8_t tag[TAG_LEN];

    if (n < SEAL_EXTRA)
        return 0;
    memcpy(tag, sealed + n - TAG_LEN, TAG_LEN);
    return gcm(db->gcm, key, false, sealed, at,
               (struct gf_span){sealed + NONCE_LEN, n - SEAL_EXTRA}, ret, tag);
}

int db_seal(struct db *db, struct seal_place at, const void *plain, size_t n, uint8_t *ret)
{
    return seal_with(db, db->key, at, plain, n, ret);
}

int db_unseal(struct db *db, struct seal_place at, sqlite3_stmt *s, int col, uint8_t *ret,
              size_t cap, size_t *ret_n)
{
    const uint8_t *sealed = sqlite3_column_blob(s, col);
    size_t n = (size_t)sqlite3_column_bytes(s, col);

    *ret_n = 0;
    if (sealed == NULL)
        return 0;
    if (n < SEAL_EXTRA || n - SEAL_EXTRA > cap)
        return db_refuse(db, GF_E_STORE_DAMAGED, at.column,
                         "a sealed value has an impossible length");

    int r = unseal_with(db, db->key, at, sealed, n, ret);
    if (r != 1) {
        gf_wipe(ret, n - SEAL_EXTRA);
        return db_refuse(db, r == 0 ? GF_E_STORE_DAMAGED : r, at.column,
                         "a sealed value does not open");
    }
    *ret_n = n - SEAL_EXTRA;
    return 0;
}

int db_seal_message(struct db *db, struct seal_place at, const pb_msgdesc_t *fields,
                    const void *msg, uint8_t *ret, size_t cap, size_t *ret_n)
{
    uint8_t plain[MESSAGE_MAX];
    pb_ostream_t out = pb_ostream_from_buffer(plain, sizeof plain);

    if (!pb_encode(&out, fields, msg) || out.bytes_written + SEAL_EXTRA > cap)
        return db_refuse(db, GF_E_SPACE, at.column, "a message is longer than it can be");

    int r = db_seal(db, at, plain, out.bytes_written, ret);
    gf_wipe(plain, sizeof plain);
    *ret_n = out.bytes_written + SEAL_EXTRA;
    return r;
}

int db_unseal_message(struct db *db, struct seal_place at, sqlite3_stmt *s, int col,
                      const pb_msgdesc_t *fields, void *ret)
{
    uint8_t plain[MESSAGE_MAX];
    size_t n;
    int r = db_unseal(db, at, s, col, plain, sizeof plain, &n);

    if (r != 0)
        return r;
    pb_istream_t in = pb_istream_from_buffer(plain, n);
    if (!pb_decode(&in, fields, ret))
        r = db_refuse(db, GF_E_STORE_DAMAGED, at.column, PB_GET_ERROR(&in));
    gf_wipe(plain, sizeof plain);
    return r;
}

/* The key that wraps the data key: scrypt (RFC 7914) of the passphrase. */
static int wrapping_key(struct db *db, const struct db_config *cfg, uint32_t n, const uint8_t *salt,
                        uint8_t ret[static SEAL_KEY_LEN])
{
    uint64_t room = 128ull * SCRYPT_R * n + (1u << 20);

    if (EVP_PBE_scrypt((const char *)cfg->passphrase, cfg->passphrase_len, salt, SALT_LEN, n,
                       SCRYPT_R, 1, room, ret, SEAL_KEY_LEN) != 1)
        return db_refuse(db, GF_E_CRYPTO, "passphrase",
                         "scrypt failed; it needs 128 MiB of memory");
    return 0;
}

static bool is_scrypt_n(int64_t n)
{
    return n >= SCRYPT_MIN && n <= SCRYPT_MAX && (n & (n - 1)) == 0;
}

int db_vault_make(struct db *db, const struct db_config *cfg)
{
    uint32_t n = cfg->scrypt_n != 0 ? cfg->scrypt_n : DB_SCRYPT_N;
    uint8_t salt[SALT_LEN], kek[SEAL_KEY_LEN], wrapped[SEAL_KEY_LEN + SEAL_EXTRA];

    if (!is_scrypt_n(n))
        return db_refuse(db, GF_E_RANGE, "scrypt_n", "not a power of two from 16 to 1048576");

    int r = db->random->fill(db->random->ctx, salt, sizeof salt);
    if (r == 0)
        r = db->random->fill(db->random->ctx, db->key, sizeof db->key);
    if (r != 0)
        return db_refuse(db, r, "vault", NULL);
    r = wrapping_key(db, cfg, n, salt, kek);
    if (r == 0)
        r = seal_with(db, kek, (struct seal_place){"vault.wrapped", salt, sizeof salt}, db->key,
                      sizeof db->key, wrapped);
    gf_wipe(kek, sizeof kek);
    if (r == 0)
        r = db_run(db, SQL_VAULT_PUT,
                   DB_ARGS(db_int(n), db_blob(salt, sizeof salt), db_blob(wrapped, sizeof wrapped),
                           db_int(db->clock->utc_ms(db->clock->ctx))));
    return r < 0 ? r : 0;
}

int db_vault_open(struct db *db, const struct db_config *cfg)
{
    uint8_t salt[SALT_LEN], kek[SEAL_KEY_LEN], wrapped[SEAL_KEY_LEN + SEAL_EXTRA];
    sqlite3_stmt *s;
    int64_t n = 0;
    int r = db_query(db, SQL_VAULT, DB_NO_ARGS, &s);

    if (r != 0)
        return r;
    r = db_row(db, s);
    if (r == 1) {
        n = sqlite3_column_int64(s, 0);
        r = db_col_bytes(db, s, 1, salt, sizeof salt);
        if (r == 0)
            r = db_col_bytes(db, s, 2, wrapped, sizeof wrapped);
    } else if (r == 0) {
        r = GF_E_STORE_DAMAGED;
    }
    db_done(s);
    if (r == GF_E_STORE_DAMAGED || (r == 0 && !is_scrypt_n(n)))
        return db_refuse(db, GF_E_STORE_DAMAGED, "vault",
                         "the wrapped key is not there as it was made");
    if (r != 0)
        return r;

    r = wrapping_key(db, cfg, (uint32_t)n, salt, kek);
    if (r == 0) {
        r = unseal_with(db, kek, (struct seal_place){"vault.wrapped", salt, sizeof salt}, wrapped,
                        sizeof wrapped, db->key);
        r = r == 1 ? 0 : db_refuse(db, r == 0 ? GF_E_PASSPHRASE : r, "passphrase", NULL);
    }
    gf_wipe(kek, sizeof kek);
    return r;
}
