/* keys_source_passphrase.c - a master key out of a passphrase, by scrypt (RFC 7914); see
 * keys_in.h. */
#include "backend/keys_in.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/ids.h"
#include "common/text.h"

#define WORK 17 /* log2 of N */
#define WORK_MIN 14
#define WORK_MAX 22
#define BLOCK 8 /* r */
#define LANES 1 /* p */
#define SALT_LEN 16
#define LENGTH_MIN 12 /* bytes of a new passphrase */

static int derive(const char *passphrase, const uint8_t salt[static SALT_LEN], unsigned work,
                  uint8_t ret[static KEYS_LEN], struct gf_fail *why)
{
    uint64_t n = UINT64_C(1) << work, room = 128 * BLOCK * (n + LANES + 8);

    return EVP_PBE_scrypt(passphrase, strlen(passphrase), salt, SALT_LEN, n, BLOCK, LANES, room,
                          ret, KEYS_LEN)
                   == 1
               ? 0
               : gf_fail(why, GF_E_CRYPTO, "scrypt", "");
}

/* A new passphrase: from its file, or typed twice. */
static int read_new(const struct keys_source *s, char ret[static KEYS_SECRET_MAX],
                    struct gf_fail *why)
{
    struct keys_source silent = *s;
    struct gf_fail ignored = { 0 };
    int r;

    silent.ask = NULL;
    r = keys_secret_read(&keys_secret_passphrase, s->passphrase_file, false, &silent, ret,
                         s->ask != NULL ? &ignored : why);
    if (r != 1 && s->ask != NULL && ignored.code == GF_E_PASSPHRASE)
        r = s->ask(keys_secret_passphrase.what, true, ret, why) == 0 ? 1 : GF_E_PASSPHRASE;
    if (r < 0)
        return gf_fail(why, r, ignored.where, ignored.detail);
    if (strlen(ret) < LENGTH_MIN)
        return gf_fail(why, GF_E_PASSPHRASE, "passphrase", "a new one has at least 12 bytes");
    return 0;
}

static int make(const struct keys_source *s, const struct office_ports *ports,
                struct keys_master *ret, struct gf_fail *why)
{
    unsigned work = s->work != 0 ? s->work : WORK;
    char passphrase[KEYS_SECRET_MAX], hex[2 * SALT_LEN + 1];
    uint8_t salt[SALT_LEN];
    int r;

    if (work < WORK_MIN || work > WORK_MAX)
        return gf_fail(why, GF_E_RANGE, "work", "14 to 22");
    if (ports->random->fill(ports->random->ctx, salt, sizeof salt) != 0)
        return gf_fail(why, GF_E_RANDOM, "salt", "");
    gf_hex(salt, sizeof salt, hex);
    (void)snprintf(ret->parameters, sizeof ret->parameters, "work=%u;r=%d;p=%d;salt=%s", work,
                   BLOCK, LANES, hex);
    r = read_new(s, passphrase, why);
    if (r == 0)
        r = derive(passphrase, salt, work, ret->key, why);
    gf_wipe(passphrase, sizeof passphrase);
    return r;
}

/* What the table says of it. */
static int read_parameters(const struct keys_master *m, unsigned *ret_work,
                           uint8_t ret_salt[static SALT_LEN], struct gf_fail *why)
{
    char work[8], salt[2 * SALT_LEN + 1], r[8], p[8];
    int64_t n = 0;

    if (!keys_parameter(m->parameters, "work", work, sizeof work)
        || gf_parse_int(work, WORK_MIN, WORK_MAX, &n) != 0
        || !keys_parameter(m->parameters, "r", r, sizeof r) || strcmp(r, "8") != 0
        || !keys_parameter(m->parameters, "p", p, sizeof p) || strcmp(p, "1") != 0
        || !keys_parameter(m->parameters, "salt", salt, sizeof salt)
        || gf_unhex(salt, ret_salt, SALT_LEN) != 0)
        return gf_fail(why, GF_E_STORE_DAMAGED, "master_key", m->parameters);
    *ret_work = (unsigned)n;
    return 0;
}

static int get(const struct keys_source *s, const struct office_ports *ports,
               struct keys_refused *refused, struct keys_master *m, struct gf_fail *why)
{
    char passphrase[KEYS_SECRET_MAX], id[KEYS_ID_TEXT];
    uint8_t salt[SALT_LEN];
    unsigned work = 0;
    int r = read_parameters(m, &work, salt, why);
    bool is_right = false;

    for (int next = 0; r == 0 && !is_right && next < 2; next++) {
        r = keys_secret_read(&keys_secret_passphrase, s->passphrase_file, next == 1, s, passphrase,
                             why);
        bool is_new = r == 1 && !keys_was_refused(refused, ports, passphrase);

        r = r < 0 ? r : is_new ? derive(passphrase, salt, work, m->key, why) : 0;
        if (r == 0 && is_new && (r = keys_master_id(ports, m->key, id, why)) == 0)
            is_right = strcmp(id, m->id) == 0;
        if (r == 0 && is_new && !is_right && next == 0)
            keys_note_refused(refused, ports, passphrase);
    }
    gf_wipe(passphrase, sizeof passphrase);
    return r != 0 || is_right
               ? r
               : gf_fail(why, GF_E_PASSPHRASE, "master key", "the passphrase does not open it");
}

const struct keys_kind_ops keys_passphrase_ops = { "passphrase", make, get };
