/* keys.h - keys at rest: the master key, the data keys under it, and what is sealed with them.
 *
 * A data key (32 bytes, one a version, kept in memory that is locked and never dumped) seals rows by
 * AES-256-GCM: version LE32 | nonce, 12 | key, 32 | tag, 16. In the database each data key stands
 * wrapped under the present master key, which is one of
 *   file        32 bytes in a file of the owner alone
 *   passphrase  scrypt (RFC 7914; N 2^17, r 8, p 1, salt 16 random bytes) of a passphrase
 *   pkcs11      a key pair in a token: the data key is encrypted for it (RSA-OAEP), and only the
 *               token can decrypt
 * Rotation makes a new master key and a new data key, wraps all data keys anew, and re-seals row by
 * row while others serve: a program that meets a version that it does not know reads the table again.
 */
#ifndef GF_KEYS_H
#define GF_KEYS_H

#include "backend/office_db.h"
#include "backend/office.h"

#define KEYS_LEN 32
#define KEYS_SEALED_LEN (4 + 12 + KEYS_LEN + 16)

struct keys;

/* Where the master key comes from; texts are borrowed during the calls. */
struct keys_source {
    enum keys_kind { KEYS_FILE, KEYS_PASSPHRASE, KEYS_PKCS11 } kind;
    const char *dir;             /* file: "master.key" stands here */
    const char *passphrase_file; /* passphrase: its first line, read again at each rotation */
    const char *module, *token, *object, *pin_file; /* pkcs11 */
};

/* Make the first master key and data key of a fresh database, in the caller's transaction. */
int keys_create(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
                struct gf_fail *why);

/* Open the data keys. 0; GF_E_PASSPHRASE; GF_E_CRYPTO; GF_E_FILE; store errors. */
int keys_open(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
              struct keys **ret, struct gf_fail *why);
struct keys *keys_close(struct keys *k); /* wipes; NULL is fine; returns NULL */

/* Seal under the newest data key; `label` says which key it is and has to be the same for opening. */
int keys_seal(struct keys *k, const char *label, const uint8_t key[static KEYS_LEN],
              uint8_t ret[static KEYS_SEALED_LEN], struct gf_fail *why);
int keys_unseal(struct keys *k, const char *label, struct gf_span sealed,
                uint8_t ret[static KEYS_LEN], struct gf_fail *why);
uint32_t keys_version(const struct keys *k); /* that keys_seal() uses: for sealed_version columns */

/* A key of its own for another purpose, HKDF-SHA-256 of data key 1 with this label ("enrol codes",
 * "webhook demo"): stays the same through rotations. */
int keys_derive(struct keys *k, const char *label, uint8_t ret[static KEYS_LEN],
                struct gf_fail *why);

/* Rotate to a master key of `to`. Safe to interrupt anywhere and to call again. `progress` (may be
 * NULL) is told rows done and rows in all; returning false stops it (GF_E_CANCELLED), to be gone on
 * with later. */
struct keys_progress {
    void *ctx;
    bool (*tell)(void *ctx, int64_t done, int64_t all);
};
int keys_rotate(struct keys *k, const struct keys_source *to, const struct keys_progress *progress,
                struct gf_fail *why);

/* This process: no core dumps, no ptrace by others of the same user, memory of keys locked. 0 or
 * GF_E_BUG. Call once, first thing in main. */
int keys_protect_process(struct gf_fail *why);

#endif
