/* keys.c - data keys in memory, sealing with them, and their table; see keys.h. */
#include "backend/keys_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ids.h"

static void le32(uint32_t v, uint8_t ret[static 4])
{
    for (size_t i = 0; i < 4; i++)
        ret[i] = (uint8_t)(v >> (8 * i));
}

uint32_t keys_sealed_version(const uint8_t sealed[static KEYS_SEALED_LEN])
{
    struct gf_reader r = { sealed, 4, false };

    return (uint32_t)gf_rd_uint(&r, 4);
}

/* What is authenticated with a wrapped data key: which one it is. */
static size_t wrap_label(int64_t version, char ret[static 48])
{
    return (size_t)snprintf(ret, 48, "gasoffice data key %lld", (long long)version);
}

/* ---- the table ---- */

static int store_one(struct odb *db, int64_t version, const char *kind, const struct keys_master *m,
                     const uint8_t wrapped[static KEYS_WRAPPED_LEN], int64_t now_ms)
{
    return odb_exec(
        db,
        "INSERT INTO master_key (org_id, version, kind, master_id, parameters, wrapped, "
        "made_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (org_id, version) DO UPDATE "
        "SET kind = excluded.kind, master_id = excluded.master_id, parameters = "
        "excluded.parameters, wrapped = excluded.wrapped",
        ODB(ODB_I(version), ODB_T(kind), ODB_T(m->id), ODB_T(m->parameters),
            ODB_B(wrapped, KEYS_WRAPPED_LEN), ODB_I(now_ms)));
}

int keys_store(struct odb *db, const struct keys_vault *v, enum keys_kind kind,
               const struct keys_master *m, const struct office_ports *ports, struct gf_fail *why)
{
    uint8_t wrapped[KEYS_WRAPPED_LEN];
    char label[48];
    int r = 0;

    for (size_t i = 0; r == 0 && i < v->n; i++) {
        struct gf_span ad[2] = { { NULL, 0 }, { (const uint8_t *)label, 0 } };

        ad[1].n = wrap_label(v->held[i].version, label);
        r = keys_gcm_seal(ports, m->key, ad, v->held[i].key, wrapped, why);
        if (r == 0
            && store_one(db, v->held[i].version, keys_kind_word(kind), m, wrapped,
                         ports->clock->utc_ms(ports->clock->ctx))
                   < 0)
            r = odb_fail(db, why);
    }
    return r;
}

static int add_random(struct keys_vault *v, int64_t version, const struct office_ports *ports,
                      struct gf_fail *why)
{
    v->held[v->n].version = version;
    if (ports->random->fill(ports->random->ctx, v->held[v->n].key, KEYS_LEN) != 0)
        return gf_fail(why, GF_E_RANDOM, "data key", "");
    v->n++;
    return 0;
}

/* The first data keys under a master key; of the first schema, the master key itself is one. */
static int create(struct odb *db, const struct keys_master *m, enum keys_kind kind,
                  bool from_schema_1, const struct office_ports *ports, struct gf_fail *why)
{
    struct keys_vault *v = keys_lock_new(sizeof *v, why);
    int r = v != NULL ? add_random(v, KEYS_DERIVING, ports, why) : GF_E_MEMORY;

    if (r == 0)
        r = add_random(v, 1, ports, why);
    if (r == 0 && from_schema_1) {
        v->held[v->n].version = KEYS_SCHEMA_1;
        memcpy(v->held[v->n++].key, m->key, KEYS_LEN);
    }
    if (r == 0)
        r = keys_store(db, v, kind, m, ports, why);
    keys_lock_free(v, sizeof *v);
    return r;
}

int keys_create(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
                struct gf_fail *why)
{
    struct keys_master *m = keys_lock_new(sizeof *m, why);
    int r = m != NULL ? keys_master_make(source, ports, m, why) : GF_E_MEMORY;

    if (r == 0)
        r = create(db, m, source->kind, false, ports, why);
    if (r == 0)
        r = keys_files_settle(source->dir, source->kind == KEYS_FILE ? m->id : "", ports, why);
    keys_lock_free(m, sizeof *m);
    return r;
}

/* A database that has no data keys yet began with the first schema: what stands in master.key
 * sealed its rows. */
static int adopt(struct keys *k, struct gf_fail *why)
{
    const struct keys_source s = { .kind = KEYS_FILE, .dir = k->dir };
    struct keys_master *m = keys_lock_new(sizeof *m, why);
    int64_t n = 0;

    if (m == NULL)
        return GF_E_MEMORY;

    int r = keys_file_ops.get(&s, &k->ports, NULL, m, why);
    if (r == 0)
        r = keys_master_id(&k->ports, m->key, m->id, why);
    if (r == 0 && (r = odb_begin(k->db)) != 0)
        (void)odb_fail(k->db, why);
    if (r == 0
        && odb_number(k->db, &n, "SELECT COUNT(*) FROM master_key WHERE org_id = ?1", ODB_NONE) < 0)
        r = odb_fail(k->db, why);
    if (r == 0 && n == 0)
        r = create(k->db, m, KEYS_FILE, true, &k->ports, why);
    if (r == 0 && (r = odb_commit(k->db)) != 0)
        (void)odb_fail(k->db, why);
    if (r != 0)
        odb_rollback(k->db);
    keys_lock_free(m, sizeof *m);
    return r;
}

/* ---- reading ---- */

/* The rows as they stand, all of one master key. */
struct rows {
    char kind[16];
    struct keys_master *m; /* id and parameters */
    size_t n;
    int64_t version[KEYS_HELD_MAX];
    uint8_t wrapped[KEYS_HELD_MAX][KEYS_WRAPPED_LEN];
};

static int read_rows(struct keys *k, struct rows *ret, struct gf_fail *why)
{
    struct odb_query *q = odb_query(k->db,
                                    "SELECT version, kind, master_id, parameters, wrapped FROM "
                                    "master_key WHERE org_id = ?1 AND retired_at_ms IS NULL ORDER "
                                    "BY version",
                                    ODB_NONE);
    bool is_whole = true;
    int r;

    ret->n = 0;
    while ((r = odb_next(k->db, q)) == 1 && ret->n < KEYS_HELD_MAX) {
        char id[KEYS_ID_TEXT];

        odb_text(q, 2, id, sizeof id);
        if (ret->n == 0) {
            odb_text(q, 1, ret->kind, sizeof ret->kind);
            memcpy(ret->m->id, id, sizeof id);
            odb_text(q, 3, ret->m->parameters, sizeof ret->m->parameters);
        }
        is_whole = is_whole && strcmp(id, ret->m->id) == 0
                   && odb_copy(q, 4, ret->wrapped[ret->n], KEYS_WRAPPED_LEN);
        ret->version[ret->n++] = odb_int(q, 0);
    }
    odb_end(q);
    if (r < 0)
        return odb_fail(k->db, why);
    if (r == 1 || !is_whole)
        return gf_fail(why, GF_E_STORE_DAMAGED, "master_key",
                       "its rows are not of one master key: restore the table from a backup");
    return 0;
}

static int unwrap(const struct rows *rows, struct keys_vault *v, struct gf_fail *why)
{
    char label[48];

    for (size_t i = 0; i < rows->n; i++) {
        struct gf_span ad[2] = { { NULL, 0 }, { (const uint8_t *)label, 0 } };

        ad[1].n = wrap_label(rows->version[i], label);
        v->held[i].version = rows->version[i];
        if (keys_gcm_open(rows->m->key, ad, rows->wrapped[i], v->held[i].key) != 0)
            return gf_fail(why, GF_E_CRYPTO, "master_key", label);
    }
    v->n = rows->n;
    return 0;
}

/* One try: the rows, their master key, what it opens. *ret_moved: the rows changed meanwhile. */
static int load(struct keys *k, const struct keys_source *s, struct keys_vault *v,
                struct rows *rows, bool *ret_moved, struct gf_fail *why)
{
    char before[KEYS_ID_TEXT];
    struct gf_fail ignored = { 0 };
    struct keys_source source = *s;
    int r = read_rows(k, rows, why);

    *ret_moved = false;
    if (r != 0 || rows->n == 0)
        return r;
    if (keys_kind_parse(rows->kind, &source.kind, &ignored) != 0)
        return gf_fail(why, GF_E_STORE_DAMAGED, "master_key", rows->kind);
    memcpy(before, rows->m->id, sizeof before);
    r = keys_master_get(&source, &k->ports, &k->refused, rows->m, why);
    if (r == 0)
        r = unwrap(rows, v, why);
    if (r == 0) {
        k->kind = source.kind;
        memcpy(k->master_id, before, sizeof before);
        return 0;
    }
    if (read_rows(k, rows, &ignored) == 0)
        *ret_moved = strcmp(before, rows->m->id) != 0;
    return r;
}

int keys_reload(struct keys *k, int (*ask)(const char *, bool, char *, struct gf_fail *),
                struct gf_fail *why)
{
    const struct keys_source s = {
        .dir = k->dir, .passphrase_file = k->passphrase_file, .pin_file = k->pin_file, .ask = ask
    };
    struct rows rows = { .m = keys_lock_new(sizeof *rows.m, why) };
    struct keys_vault *v = keys_lock_new(sizeof *v, why);
    struct gf_fail first = { 0 };
    bool has_moved = true;
    int r = rows.m == NULL || v == NULL ? GF_E_MEMORY : 0;

    for (int tries = 0; tries < 3 && has_moved && rows.m != NULL && v != NULL; tries++) {
        first = (struct gf_fail){ 0 };
        r = load(k, &s, v, &rows, &has_moved, &first);
    }
    if (r != 0)
        (void)gf_fail(why, r, first.where, first.detail);
    if (r == 0) {
        memcpy(k->vault, v, sizeof *v);
        r = (int)v->n;
    }
    keys_lock_free(rows.m, sizeof *rows.m);
    keys_lock_free(v, sizeof *v);
    return r;
}

/* A rotation that was killed left files: put them in order, unless one is under way. */
static void settle(struct keys *k)
{
    struct gf_fail ignored = { 0 };
    char kind[16] = "", id[KEYS_ID_TEXT] = "";
    int fd = keys_folder_lock(k->dir, &ignored);

    if (fd < 0)
        return;

    struct odb_query *q =
        odb_query(k->db,
                  "SELECT kind, master_id FROM master_key WHERE org_id = ?1 AND version = ?2",
                  ODB(ODB_I(KEYS_DERIVING)));
    if (odb_next(k->db, q) == 1) {
        odb_text(q, 0, kind, sizeof kind);
        odb_text(q, 1, id, sizeof id);
    }
    odb_end(q);
    if (strcmp(id, k->master_id) == 0) /* that one is known to open all */
        (void)keys_files_settle(k->dir, k->kind == KEYS_FILE ? id : "", &k->ports, &ignored);
    keys_folder_unlock(fd);
}

static char *copy(const char *text)
{
    return text != NULL ? strdup(text) : NULL;
}

/* All but the keys themselves. NULL without memory. */
static struct keys *new_keys(struct odb *db, const struct keys_source *source,
                             const struct office_ports *ports, struct gf_fail *why)
{
    struct keys *k = calloc(1, sizeof *k);

    if (k == NULL) {
        (void)gf_fail(why, GF_E_MEMORY, "keys", "");
        return NULL;
    }
    *k = (struct keys){ .db = db,
                        .ports = *ports,
                        .dir = copy(source->dir),
                        .passphrase_file = copy(source->passphrase_file),
                        .pin_file = copy(source->pin_file),
                        .vault = keys_lock_new(sizeof *k->vault, why) };
    if (k->vault != NULL && k->dir != NULL)
        return k;
    (void)gf_fail(why, GF_E_MEMORY, "keys", "");
    return keys_close(k);
}

int keys_open(struct odb *db, const struct keys_source *source, const struct office_ports *ports,
              struct keys **ret, struct gf_fail *why)
{
    struct keys *k = new_keys(db, source, ports, why);
    int r = k != NULL ? keys_reload(k, source->ask, why) : GF_E_MEMORY;

    if (r == 0 && (r = adopt(k, why)) == 0)
        r = keys_reload(k, source->ask, why);
    if (r < 0) {
        (void)keys_close(k);
        return r;
    }
    settle(k);
    *ret = k;
    return 0;
}

int keys_open_beside(const struct keys *first, struct odb *db, struct keys **ret,
                     struct gf_fail *why)
{
    const struct keys_source same = { .kind = first->kind,
                                      .dir = first->dir,
                                      .passphrase_file = first->passphrase_file,
                                      .pin_file = first->pin_file };
    struct keys *k = new_keys(db, &same, &first->ports, why);

    if (k == NULL)
        return GF_E_MEMORY;
    memcpy(k->vault, first->vault, sizeof *k->vault);
    memcpy(k->master_id, first->master_id, sizeof k->master_id);
    k->kind = first->kind;
    *ret = k;
    return 0;
}

struct keys *keys_close(struct keys *k)
{
    if (k == NULL)
        return NULL;
    keys_lock_free(k->vault, sizeof *k->vault);
    free(k->dir);
    free(k->passphrase_file);
    free(k->pin_file);
    free(k);
    return NULL;
}

/* ---- using them ---- */

static const uint8_t *held(const struct keys *k, int64_t version)
{
    for (size_t i = 0; i < k->vault->n; i++)
        if (k->vault->held[i].version == version)
            return k->vault->held[i].key;
    return NULL;
}

/* The key of a version; one that is not known is read when the table has it. */
static int find_key(struct keys *k, int64_t version, const uint8_t **ret, struct gf_fail *why)
{
    char detail[80];
    int64_t there = 0;

    if ((*ret = held(k, version)) != NULL)
        return 0;
    if (odb_number(k->db, &there,
                   "SELECT COUNT(*) FROM master_key WHERE org_id = ?1 AND version = ?2 AND "
                   "retired_at_ms IS NULL",
                   ODB(ODB_I(version)))
        < 0)
        return odb_fail(k->db, why);
    if (there == 1) {
        struct gf_fail reason = { 0 };
        int r = keys_reload(k, NULL, &reason);

        /* another program rotated, and the new secret is not where this one looks: it may come */
        if (r == GF_E_PASSPHRASE || r == GF_E_FILE)
            r = GF_E_NOT_NOW;
        if (r < 0)
            return gf_fail(why, r, reason.where, reason.detail);
        if ((*ret = held(k, version)) != NULL)
            return 0;
    }
    (void)snprintf(detail, sizeof detail, "there is no data key %lld", (long long)version);
    return gf_fail(why, GF_E_CRYPTO, "master_key", detail);
}

int keys_seal(struct keys *k, const char *label, const uint8_t key[static KEYS_LEN],
              uint8_t ret[static KEYS_SEALED_LEN], struct gf_fail *why)
{
    const uint8_t *by = NULL;
    uint8_t sealed[KEYS_SEALED_LEN];
    int64_t newest = 0;

    if (odb_number(k->db, &newest,
                   "SELECT MAX(version) FROM master_key WHERE org_id = ?1 AND retired_at_ms IS "
                   "NULL",
                   ODB_NONE)
        < 0)
        return odb_fail(k->db, why);

    int r = find_key(k, newest, &by, why);
    if (r != 0)
        return r;
    le32((uint32_t)newest, sealed);

    const struct gf_span ad[2] = { { sealed, 4 }, { (const uint8_t *)label, strlen(label) } };
    r = keys_gcm_seal(&k->ports, by, ad, key, sealed + 4, why);
    if (r == 0)
        memcpy(ret, sealed, sizeof sealed);
    return r;
}

int keys_unseal(struct keys *k, const char *label, struct gf_span sealed,
                uint8_t ret[static KEYS_LEN], struct gf_fail *why)
{
    struct gf_span ad[2] = { { NULL, 0 }, { (const uint8_t *)label, strlen(label) } };
    const uint8_t *by = NULL, *at = sealed.p;
    int64_t version = KEYS_SCHEMA_1;

    if (sealed.n == KEYS_SEALED_LEN) {
        ad[0] = (struct gf_span){ sealed.p, 4 };
        version = keys_sealed_version(sealed.p);
        at += 4;
    } else if (sealed.n != KEYS_WRAPPED_LEN)
        return gf_fail(why, GF_E_CRYPTO, "sealed key", label);

    int r = find_key(k, version, &by, why);
    if (r == 0 && keys_gcm_open(by, ad, at, ret) != 0)
        r = gf_fail(why, GF_E_CRYPTO, "sealed key", label);
    return r;
}

void keys_provider_label(const char *name, char ret[static KEYS_LABEL_MAX])
{
    (void)snprintf(ret, KEYS_LABEL_MAX, "provider %s", name);
}

int keys_derive(struct keys *k, const char *label, uint8_t ret[static KEYS_LEN],
                struct gf_fail *why)
{
    const struct mc_crypto *c = k->ports.crypto;
    const struct gf_span info = { (const uint8_t *)label, strlen(label) };
    const uint8_t *from = NULL;
    int r = find_key(k, KEYS_DERIVING, &from, why);

    if (r == 0 && c->hkdf(c->ctx, from, KEYS_LEN, &info, 1, ret, KEYS_LEN) != 0)
        r = gf_fail(why, GF_E_CRYPTO, "key", label);
    return r;
}
