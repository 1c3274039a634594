/* keys_source_pkcs11.c - a master key that a token's key pair opens; see keys_in.h.
 *
 * The pair is made in the token and cannot leave it. The master key is 32 random bytes under
 * RSA-OAEP (SHA-256): the token does the raw private operation (CKM_RSA_X_509, which every token
 * has, while OAEP with SHA-256 inside the token is rare), OpenSSL takes the padding off.
 */
#include "backend/keys_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libp11.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "common/ids.h"

#define RSA_BITS 3072
#define CIPHER_MAX 512 /* bytes: keys up to 4096 bits */
#define ID_LEN 8
#define PIN_INCORRECT 0xA0 /* CKR_PIN_INCORRECT and its neighbours, PKCS #11 2.40 */
#define PIN_INVALID 0xA1
#define PIN_LEN_RANGE 0xA2
#define PIN_LOCKED 0xA4

struct place {
    char module[513], token[65], object[65];
    uint8_t id[ID_LEN];
};

struct session {
    PKCS11_CTX *ctx;
    PKCS11_SLOT *slots, *slot;
    unsigned n;
    bool is_loaded;
};

/* The reason of the library's last failure, as words. */
static int token_fail(const char *what, struct gf_fail *why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    char detail[160];

    (void)snprintf(detail, sizeof detail, "%s: %s", what,
                   reason != NULL ? reason : "the token refused");
    ERR_clear_error();
    return gf_fail(why, GF_E_FILE, "token", detail);
}

static void end(struct session *t)
{
    if (t->slots != NULL)
        PKCS11_release_all_slots(t->ctx, t->slots, t->n);
    if (t->is_loaded)
        PKCS11_CTX_unload(t->ctx);
    if (t->ctx != NULL)
        PKCS11_CTX_free(t->ctx);
    ERR_clear_error();
}

/* The path comes from the database: code is loaded from nowhere that others can write to. */
static int check_module(const char *path, struct gf_fail *why)
{
    char detail[160];
    struct stat st;

    if (path[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode)
        && (st.st_uid == 0 || st.st_uid == geteuid()) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "%.60s: no library, or others may change it: name it by its whole path", path);
    return gf_fail(why, GF_E_FILE, "module", detail);
}

static int login(struct session *t, const char *pin, const struct office_ports *ports,
                 struct keys_refused *refused, struct gf_fail *why)
{
    if (keys_was_refused(refused, ports, pin))
        return gf_fail(why, GF_E_PASSPHRASE, "token",
                       "this PIN was wrong before and is not tried again");
    if (PKCS11_login(t->slot, 0, pin) == 0)
        return 0;

    int reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason != PIN_INCORRECT && reason != PIN_INVALID && reason != PIN_LEN_RANGE
        && reason != PIN_LOCKED)
        return token_fail("login", why);
    keys_note_refused(refused, ports, pin);
    ERR_clear_error();
    return gf_fail(why, GF_E_PASSPHRASE, "token",
                   reason == PIN_LOCKED ? "its PIN is locked: unlock the token"
                                        : "the PIN is wrong");
}

static int begin(struct session *t, const struct place *at, bool writing,
                 const struct keys_source *s, const struct office_ports *ports,
                 struct keys_refused *refused, struct gf_fail *why)
{
    char pin[KEYS_SECRET_MAX];
    int r = check_module(at->module, why);

    if (r != 0)
        return r;
    ERR_clear_error();
    if ((t->ctx = PKCS11_CTX_new()) == NULL)
        return gf_fail(why, GF_E_MEMORY, "token", "");
    if (PKCS11_CTX_load(t->ctx, at->module) != 0)
        return token_fail("the library cannot be used", why);
    t->is_loaded = true;
    if (PKCS11_enumerate_slots(t->ctx, &t->slots, &t->n) != 0)
        return token_fail("its slots cannot be listed", why);
    for (unsigned i = 0; i < t->n && t->slot == NULL; i++)
        if (t->slots[i].token != NULL && t->slots[i].token->initialized
            && strcmp(t->slots[i].token->label, at->token) == 0)
            t->slot = &t->slots[i];
    if (t->slot == NULL)
        return gf_fail(why, GF_E_FILE, "there is no token", at->token);
    if (PKCS11_open_session(t->slot, writing) != 0)
        return token_fail("it gives no session", why);
    r = keys_secret_read(&keys_secret_pin, s->pin_file, false, s, pin, why);
    if (r == 1)
        r = login(t, pin, ports, refused, why);
    gf_wipe(pin, sizeof pin);
    return r;
}

/* The pair of that id, to be freed; it encrypts too. NULL when it is not there. */
static EVP_PKEY *find_key(struct session *t, const uint8_t id[static ID_LEN])
{
    PKCS11_KEY *keys = NULL;
    unsigned n = 0;
    int r = PKCS11_enumerate_keys(t->slot->token, &keys, &n);

    for (unsigned i = 0; r == 0 && i < n; i++)
        if (keys[i].id_len == ID_LEN && memcmp(keys[i].id, id, ID_LEN) == 0)
            return PKCS11_get_private_key(&keys[i]);
    return NULL;
}

/* RSA-OAEP, one way or the other: bytes written to ret (room for CIPHER_MAX), or 0. */
static size_t oaep(EVP_PKEY *key, bool encrypting, struct gf_span in,
                   uint8_t ret[static CIPHER_MAX])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t n = CIPHER_MAX;
    bool ok = ctx != NULL && EVP_PKEY_get_size(key) <= CIPHER_MAX
              && (encrypting ? EVP_PKEY_encrypt_init(ctx) : EVP_PKEY_decrypt_init(ctx)) == 1
              && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1
              && EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1
              && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1
              && (encrypting ? EVP_PKEY_encrypt(ctx, ret, &n, in.p, in.n)
                             : EVP_PKEY_decrypt(ctx, ret, &n, in.p, in.n))
                     == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok ? n : 0;
}

/* ---- making ---- */

static int copy_word(const char *name, const char *from, char *to, size_t cap, struct gf_fail *why)
{
    if (from == NULL)
        return gf_fail(why, GF_E_USAGE, "a token's key wants", name);
    if (strlen(from) >= cap || strchr(from, ';') != NULL || from[0] == '\0')
        return gf_fail(why, GF_E_USAGE, name, "too long, or has a semicolon");
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

/* libp11 marks the function as leaving in its 0.5; nothing else makes a pair inside the token. */
static int generate(struct session *t, struct place *at)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    return PKCS11_generate_key(t->slot->token, EVP_PKEY_RSA, RSA_BITS, at->object, at->id, ID_LEN);
#pragma GCC diagnostic pop
}

static int encrypt_for(struct session *t, const struct place *at, struct keys_master *m,
                       struct gf_fail *why)
{
    uint8_t cipher[CIPHER_MAX];
    char id[2 * ID_LEN + 1], hex[2 * CIPHER_MAX + 1];
    EVP_PKEY *key = find_key(t, at->id);
    size_t n = key != NULL ? oaep(key, true, (struct gf_span){ m->key, KEYS_LEN }, cipher) : 0;

    EVP_PKEY_free(key);
    if (n == 0)
        return token_fail("its key pair cannot be used", why);
    gf_hex(at->id, ID_LEN, id);
    gf_hex(cipher, n, hex);

    int len =
        snprintf(m->parameters, sizeof m->parameters, "module=%s;token=%s;object=%s;id=%s;key=%s",
                 at->module, at->token, at->object, id, hex);
    return len > 0 && (size_t)len < sizeof m->parameters
               ? 0
               : gf_fail(why, GF_E_SPACE, "token", "its parameters");
}

static int make(const struct keys_source *s, const struct office_ports *ports,
                struct keys_master *ret, struct gf_fail *why)
{
    struct session t = { 0 };
    struct place at;
    int r = copy_word("--module", s->module, at.module, sizeof at.module, why);

    if (r == 0)
        r = copy_word("--token", s->token, at.token, sizeof at.token, why);
    if (r == 0)
        r = copy_word("--object", s->object != NULL ? s->object : "gasoffice", at.object,
                      sizeof at.object, why);
    if (r != 0)
        return r;
    if (ports->random->fill(ports->random->ctx, ret->key, KEYS_LEN) != 0
        || ports->random->fill(ports->random->ctx, at.id, ID_LEN) != 0)
        return gf_fail(why, GF_E_RANDOM, "master key", "");
    r = begin(&t, &at, true, s, ports, NULL, why);
    if (r == 0 && generate(&t, &at) != 0)
        r = token_fail("it cannot make a key pair", why);
    if (r == 0)
        r = encrypt_for(&t, &at, ret, why);
    end(&t);
    return r;
}

/* ---- opening ---- */

static int read_place(const struct keys_master *m, struct place *ret, uint8_t *ret_cipher,
                      size_t *ret_n, struct gf_fail *why)
{
    char id[2 * ID_LEN + 1], hex[2 * CIPHER_MAX + 1];

    if (!keys_parameter(m->parameters, "module", ret->module, sizeof ret->module)
        || !keys_parameter(m->parameters, "token", ret->token, sizeof ret->token)
        || !keys_parameter(m->parameters, "object", ret->object, sizeof ret->object)
        || !keys_parameter(m->parameters, "id", id, sizeof id) || gf_unhex(id, ret->id, ID_LEN) != 0
        || !keys_parameter(m->parameters, "key", hex, sizeof hex)
        || gf_unhex(hex, ret_cipher, strlen(hex) / 2) != 0)
        return gf_fail(why, GF_E_STORE_DAMAGED, "master_key", "parameters of a token");
    *ret_n = strlen(hex) / 2;
    return 0;
}

static int get(const struct keys_source *s, const struct office_ports *ports,
               struct keys_refused *refused, struct keys_master *m, struct gf_fail *why)
{
    uint8_t cipher[CIPHER_MAX], plain[CIPHER_MAX];
    struct session t = { 0 };
    struct place at;
    size_t n = 0;
    int r = read_place(m, &at, cipher, &n, why);

    if (r == 0)
        r = begin(&t, &at, false, s, ports, refused, why);

    EVP_PKEY *key = r == 0 ? find_key(&t, at.id) : NULL;
    if (r == 0 && key == NULL)
        r = gf_fail(why, GF_E_FILE, "the token has no key pair", at.object);
    if (r == 0 && oaep(key, false, (struct gf_span){ cipher, n }, plain) != KEYS_LEN)
        r = token_fail("it does not open the master key", why);
    if (r == 0)
        memcpy(m->key, plain, KEYS_LEN);
    gf_wipe(plain, sizeof plain);
    EVP_PKEY_free(key);
    end(&t);
    return r;
}

const struct keys_kind_ops keys_pkcs11_ops = { "pkcs11", make, get };
