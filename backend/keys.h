/* keys.h - keys at rest: the master key, the data keys under it, and what is sealed with them.
 *
 * A data key (32 bytes, one a version, kept in memory that is locked and never dumped) seals rows
 * by AES-256-GCM: version LE32 | nonce, 12 | key, 32 | tag, 16; the version and a label are
 * authenticated with it. In the database each data key stands wrapped (AES-256-GCM too) under the
 * present master key, 32 bytes which come from one of
 *   file        the file master.key of the owner alone, beside the certificates
 *   passphrase  scrypt (RFC 7914) of a passphrase: salt 16 random bytes, N 2^17, r 8, p 1 unless
 *               more work is asked for
 *   pkcs11      a key pair that a token made: the master key is random, encrypted for the pair by
 *               RSA-OAEP (RFC 8017, SHA-256), and only the token can decrypt it
 * The table master_key says which; it never holds a secret that opens by itself.
 *
 * Two versions are special: KEYS_DERIVING seals nothing, keys_derive() draws from it and it lives
 * as long as the office; KEYS_SCHEMA_1 is there in an office that began with the first schema,
 * whose rows were sealed by the master key itself, without a version before the nonce.
 *
 * Rotation makes a new master key and a new data key, wraps all data keys anew in one transaction
 * (from then on the old master key opens nothing), and re-seals row by row while others serve: a
 * program that meets a version that it does not know reads table, file, passphrase and PIN again.
 */
#ifndef GF_KEYS_H
#define GF_KEYS_H

#include "backend/office.h"
#include "backend/office_db.h"

#define KEYS_LEN 32
#define KEYS_SEALED_LEN (4 + 12 + KEYS_LEN + 16)
#define KEYS_DERIVING (-1)
#define KEYS_SCHEMA_1 0
#define KEYS_SECRET_MAX 256 /* bytes of a passphrase or PIN */

struct keys;

/* Where the master key comes from, and where secrets are. Texts are borrowed during the calls. For
 * opening, the table says the kind and what is not secret; only dir, passphrase_file, pin_file and
 * ask are looked at. */
struct keys_source {
    enum keys_kind { KEYS_FILE, KEYS_PASSPHRASE, KEYS_PKCS11, KEYS_KINDS } kind;
    const char *dir; /* the office's folder */
    /* First line of a file that nobody else may read. NULL: the file that the environment names
     * (GASOFFICE_PASSPHRASE_FILE, GASOFFICE_PIN_FILE), else "passphrase" or "pin" in
     * $CREDENTIALS_DIRECTORY, else `ask`; "": `ask` at once. Opening tries FILE.new too when FILE
     * does not fit, so that a new passphrase can lie ready before a rotation. */
    const char *passphrase_file, *pin_file;
    /* Ask a person: the secret into ret, 0 or a failure. `again`: a new one is typed twice. NULL:
     * nobody is there. */
    int (*ask)(const char *prompt, bool again, char ret[static KEYS_SECRET_MAX],
               struct gf_fail *why);
    unsigned work;                       /* passphrase: log2 of scrypt's N, 14..22; 0: 17 */
    const char *module, *token, *object; /* pkcs11: the library's path, the token's label, the label
                                          * that the new key pair gets */
};

/* "file", "passphrase", "pkcs11" to *ret. 0 or GF_E_USAGE. */
int keys_kind_parse(const char *word, enum keys_kind *ret, struct gf_fail *why);
const char *keys_kind_word(enum keys_kind kind);

/* keys_source.ask on this terminal, without echo. GF_E_PASSPHRASE when there is no terminal. */
int keys_ask_terminal(const char *prompt, bool again, char ret[static KEYS_SECRET_MAX],
                      struct gf_fail *why);

/* Make the first master key and data keys of a fresh database, in the caller's transaction. 0;
 * GF_E_PASSPHRASE (none there, too short, a wrong PIN); GF_E_FILE (file, library or token cannot be
 * used); GF_E_USAGE (something of pkcs11 is not named); GF_E_RANDOM, GF_E_CRYPTO, GF_E_MEMORY
 * (memory cannot be locked), store errors. */
int keys_create(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
                struct gf_fail *why);

/* Open the data keys; the database and the ports are borrowed until keys_close(). An office of the
 * first schema gets its data keys. 0; GF_E_PASSPHRASE (wrong or none); GF_E_FILE (no file, another
 * key's file, no token); GF_E_CRYPTO (a wrapped key is damaged); GF_E_MEMORY, store errors. */
int keys_open(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
              struct keys **ret, struct gf_fail *why);
/* The same keys once more, for another thread with a connection `db` of its own: nobody is asked
 * again, and from here on the two share nothing. 0 or GF_E_MEMORY. */
int keys_open_beside(const struct keys *first, struct odb *db, struct keys **ret,
                     struct gf_fail *why);
struct keys *keys_close(struct keys *k); /* wipes; NULL is fine; returns NULL */

/* Seal under the newest data key of the database; `label` says which key it is and has to be the
 * same for opening. To be called in the transaction that stores the row: a rotation counts on it.
 * 0; GF_E_RANDOM, GF_E_CRYPTO (the bytes, the label or the data key are not the right ones), store
 * errors; GF_E_NOT_NOW: another program rotated, and the new file, passphrase or PIN is not here.
 */
int keys_seal(struct keys *k, const char *label, const uint8_t key[static KEYS_LEN],
              uint8_t ret[static KEYS_SEALED_LEN], struct gf_fail *why);
int keys_unseal(struct keys *k, const char *label, struct gf_span sealed,
                uint8_t ret[static KEYS_LEN], struct gf_fail *why);

/* The version that sealed these bytes: for sealed_version columns. */
uint32_t keys_sealed_version(const uint8_t sealed[static KEYS_SEALED_LEN]);

/* The label of provider.sealed: "provider NAME", cut to fit. ho_key_label() has those of meter and
 * account_key. */
#define KEYS_LABEL_MAX 144
void keys_provider_label(const char *name, char ret[static KEYS_LABEL_MAX]);

/* A key of its own for another purpose, HKDF-SHA-256 of KEYS_DERIVING with this label ("enrol
 * codes", "webhook demo"): stays the same through rotations. 0 or GF_E_CRYPTO. */
int keys_derive(struct keys *k, const char *label, uint8_t ret[static KEYS_LEN],
                struct gf_fail *why);

/* Hold a head office's folder: who makes one, restores one or rotates does so all along. A
 * descriptor, or GF_E_NOT_NOW (somebody else has it), GF_E_FILE. */
int keys_folder_lock(const char *dir, struct gf_fail *why);
void keys_folder_unlock(int fd); /* below zero is fine */

/* Rotation. `progress` (may be NULL) is told rows done and rows in all, between transactions;
 * returning false stops it (GF_E_CANCELLED), to be gone on with by keys_rotate_rest(). */
struct keys_progress {
    void *ctx;
    bool (*tell)(void *ctx, int64_t done, int64_t all);
};
/* Rotate to a new master key of `to`. Safe to interrupt anywhere, and to call again. GF_E_NOT_NOW
 * when another rotation is under way; GF_E_STORE_DAMAGED when rows could not be opened: they are
 * named in the audit log, the rest is re-sealed and the data keys that they need are kept, no
 * others. Failures are in o->fail. */
int keys_rotate(struct office *o, const struct keys_source *to,
                const struct keys_progress *progress);
/* Re-seal what an interrupted rotation left, and retire data keys that seal nothing. */
int keys_rotate_rest(struct office *o, const struct keys_progress *progress);

/* This process: no core dumps, no ptrace by others of the same user, private keys of OpenSSL in
 * locked memory. 0, GF_E_BUG, or GF_E_MEMORY (none may be locked). Call once, first thing in main.
 */
int keys_protect_process(struct gf_fail *why);

#endif
