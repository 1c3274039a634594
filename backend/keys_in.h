/* keys_in.h - what the parts of keys share; not for anybody else. */
#ifndef GF_KEYS_IN_H
#define GF_KEYS_IN_H

#include "backend/keys.h"

#define KEYS_HELD_MAX 24 /* data keys that are not retired */
#define KEYS_ID_TEXT 17  /* of a master key: 16 hex digits and a NUL */
#define KEYS_PARAMETERS_MAX 2048
#define KEYS_GCM_NONCE 12
#define KEYS_GCM_TAG 16
#define KEYS_WRAPPED_LEN (KEYS_GCM_NONCE + KEYS_LEN + KEYS_GCM_TAG)

/* A master key; lives in locked memory (keys_lock_new). */
struct keys_master {
    char id[KEYS_ID_TEXT];                /* of SHA-256 of the key: tells which one it is */
    char parameters[KEYS_PARAMETERS_MAX]; /* "name=value;...", nothing secret */
    uint8_t key[KEYS_LEN];
};

/* A secret that was refused, so that it is not tried again: tokens lock after some wrong PINs. */
struct keys_refused {
    bool is_set;
    char master_id[KEYS_ID_TEXT]; /* by which master key */
    uint8_t hash[32];
};

/* A kind of source. */
struct keys_kind_ops {
    const char *word;
    /* Make a new master key: key and parameters. What it needs outside the database is on the
     * disk or in the token when this returns. ret->id is set by keys_master_id(). */
    int (*make)(const struct keys_source *s, const struct office_ports *ports,
                struct keys_master *ret, struct gf_fail *why);
    /* Get the key again from id and parameters. 0, GF_E_PASSPHRASE, GF_E_FILE, GF_E_CRYPTO. */
    int (*get)(const struct keys_source *s, const struct office_ports *ports,
               struct keys_refused *refused, struct keys_master *m, struct gf_fail *why);
};
extern const struct keys_kind_ops keys_file_ops, keys_passphrase_ops, keys_pkcs11_ops;

/* Make one, id and all, and see that it can be got again before anything depends on it. */
int keys_master_make(const struct keys_source *s, const struct office_ports *ports,
                     struct keys_master *ret, struct gf_fail *why);
int keys_master_get(const struct keys_source *s, const struct office_ports *ports,
                    struct keys_refused *refused, struct keys_master *m, struct gf_fail *why);
int keys_master_id(const struct office_ports *ports, const uint8_t key[static KEYS_LEN],
                   char ret[static KEYS_ID_TEXT], struct gf_fail *why);

/* One "name=value" of parameters: true when it is there and fits. */
bool keys_parameter(const char *parameters, const char *name, char *ret, size_t cap);

/* The place of a secret: what it is called, and where it stands unless said. */
struct keys_secret {
    const char *what, *env, *credential;
};
extern const struct keys_secret keys_secret_passphrase, keys_secret_pin;
/* Read one: from `file` (with ".new" behind it when `is_next`), or where `place` says, or asked
 * for. 1; 0 when `is_next` and there is none; or a failure. */
int keys_secret_read(const struct keys_secret *place, const char *file, bool is_next,
                     const struct keys_source *s, char ret[static KEYS_SECRET_MAX],
                     struct gf_fail *why);
/* Was exactly this secret refused before? And remember that it was. */
bool keys_was_refused(const struct keys_refused *r, const struct office_ports *ports,
                      const char *secret);
void keys_note_refused(struct keys_refused *r, const struct office_ports *ports,
                       const char *secret);

/* Zeroed memory that is locked and not dumped; NULL and `why` when that cannot be had. */
void *keys_lock_new(size_t n, struct gf_fail *why);
void keys_lock_free(void *p, size_t n); /* wipes; NULL is fine */

/* With the lock held: master.key is the master key `id` ("" when it is no file), every other file
 * of a master key is gone. 0 or GF_E_FILE. */
int keys_files_settle(const char *dir, const char *id, const struct office_ports *ports,
                      struct gf_fail *why);

/* AES-256-GCM of 32 bytes: nonce | key | tag. The parts of `ad` are authenticated. */
int keys_gcm_seal(const struct office_ports *ports, const uint8_t key[static KEYS_LEN],
                  const struct gf_span ad[static 2], const uint8_t plain[static KEYS_LEN],
                  uint8_t ret[static KEYS_WRAPPED_LEN], struct gf_fail *why);
/* 0, or GF_E_CRYPTO (ret is untouched). */
int keys_gcm_open(const uint8_t key[static KEYS_LEN], const struct gf_span ad[static 2],
                  const uint8_t sealed[static KEYS_WRAPPED_LEN], uint8_t ret[static KEYS_LEN]);

/* The keys in memory. */
struct keys_vault {
    struct {
        int64_t version;
        uint8_t key[KEYS_LEN];
    } held[KEYS_HELD_MAX];
    size_t n;
};

struct keys {
    struct odb *db;
    struct office_ports ports;
    char *dir, *passphrase_file, *pin_file; /* copies; NULL as in the source */
    struct keys_vault *vault;               /* locked */
    enum keys_kind kind;
    char master_id[KEYS_ID_TEXT];
    struct keys_refused refused;
};

/* Read the table again. */
int keys_reload(struct keys *k, int (*ask)(const char *, bool, char *, struct gf_fail *),
                struct gf_fail *why);
/* Wrap every key of the vault under m and store it, in the caller's transaction; rows that are not
 * there are made. */
int keys_store(struct odb *db, const struct keys_vault *v, enum keys_kind kind,
               const struct keys_master *m, const struct office_ports *ports, struct gf_fail *why);

#endif
