/* keys_rotate.c - a new master key and a new data key while others serve; see keys.h.
 *
 * 1. The new master key is made; what it needs outside the database is durable.
 * 2. One transaction adds the new data key and wraps all of them under the new master key. From its
 *    commit on the old master key opens nothing, and everything sealed is sealed by the new data
 *    key.
 * 3. The files in the folder are put in order.
 * 4. Rows sealed by older data keys are re-sealed, so many a transaction.
 * 5. The older data keys that seal nothing any more are retired: their wrapped form is overwritten.
 *    A row that cannot be opened keeps its own, and no other: rotations go on beside it.
 * Whatever comes between two of them, the database opens, and 4 and 5 can be gone on with.
 */
#include "backend/keys_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/office_in.h"
#include "backend/office_issue.h"

#define BATCH 256
#define NAME_MAX_LEN 128

/* ---- the switch ---- */

struct turn {
    const struct keys_source *to;
    struct keys_master *m;
    struct keys_vault *v; /* as it will be */
};

static int64_t newest_of(const struct keys_vault *v)
{
    int64_t newest = 0;

    for (size_t i = 0; i < v->n; i++)
        if (v->held[i].version > newest)
            newest = v->held[i].version;
    return newest;
}

/* The data keys of the table's versions, out of memory. 1; 0 when one is not there. */
static int collect(struct office *o, struct keys_vault *ret)
{
    const struct keys_vault *known = o->keys->vault;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT version FROM master_key WHERE org_id = ?1 AND retired_at_ms IS NULL",
                  ODB_NONE);
    bool has_all = true;
    int r;

    ret->n = 0;
    while ((r = odb_next(o->db, q)) == 1 && has_all) {
        int64_t version = odb_int(q, 0);
        size_t i = 0;

        while (i < known->n && known->held[i].version != version)
            i++;
        has_all = i < known->n;
        if (has_all)
            ret->held[ret->n++] = known->held[i];
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : has_all;
}

static int add_data_key(struct office *o, struct keys_vault *v)
{
    const struct gf_random *random = o->ports.random;
    int64_t last = 0;

    if (v->n == KEYS_HELD_MAX)
        return ho_fail(o, GF_E_NOT_NOW, "rotation",
                       "too many were left in the middle: go on with the last one first");
    if (odb_number(o->db, &last, "SELECT MAX(version) FROM master_key WHERE org_id = ?1", ODB_NONE)
        < 0)
        return ho_db_fail(o);
    if (last >= UINT32_MAX)
        return ho_fail(o, GF_E_RANGE, "rotation", "versions are used up");
    v->held[v->n].version = last + 1;
    if (random->fill(random->ctx, v->held[v->n].key, KEYS_LEN) != 0)
        return ho_fail(o, GF_E_RANDOM, "data key", "");
    v->n++;
    return 0;
}

static int switch_over(struct office *o, void *ctx)
{
    struct turn *t = ctx;
    int r = collect(o, t->v);

    if (r == 0 && (r = keys_reload(o->keys, NULL, &o->fail)) >= 0)
        r = collect(o, t->v);
    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "master_key", "a data key is missing");
    if (r < 0 || (r = add_data_key(o, t->v)) != 0)
        return r;
    r = keys_store(o->db, t->v, t->to->kind, t->m, &o->ports, &o->fail);
    return r == 0 ? ho_log(o, "administration", "master key changed", "%s %s, data key %" PRId64,
                           keys_kind_word(t->to->kind), t->m->id, newest_of(t->v))
                  : r;
}

/* From now on secrets are read where the new ones were. */
static int set_text(struct office *o, char **text, const char *to)
{
    if (to == NULL || to[0] == '\0')
        return 0;

    char *fresh = strdup(to);
    if (fresh == NULL)
        return ho_fail(o, GF_E_MEMORY, "keys", "");
    free(*text);
    *text = fresh;
    return 0;
}

/* Steps 1 to 3. */
static int turn(struct office *o, const struct keys_source *to)
{
    struct keys *k = o->keys;
    struct keys_source source = *to;
    struct turn t = { .to = &source,
                      .m = keys_lock_new(sizeof *t.m, &o->fail),
                      .v = keys_lock_new(sizeof *t.v, &o->fail) };
    int r = t.m != NULL && t.v != NULL ? 0 : GF_E_MEMORY;

    source.dir = k->dir;
    if (r == 0)
        r = keys_master_make(&source, &o->ports, t.m, &o->fail);
    if (r == 0)
        r = ho_transaction(o, switch_over, &t);
    if (r == 0) {
        memcpy(k->vault, t.v, sizeof *k->vault);
        memcpy(k->master_id, t.m->id, sizeof k->master_id);
        k->kind = source.kind;
        r = keys_files_settle(k->dir, k->kind == KEYS_FILE ? k->master_id : "", &o->ports,
                              &o->fail);
    }
    if (r == 0)
        r = set_text(o, &k->passphrase_file, to->passphrase_file);
    if (r == 0)
        r = set_text(o, &k->pin_file, to->pin_file);
    keys_lock_free(t.m, sizeof *t.m);
    keys_lock_free(t.v, sizeof *t.v);
    return r;
}

/* ---- re-sealing ---- */

/* A table with sealed rows: their name and number, which make the label, and what is sealed. The
 * plus keeps the query on the primary key, so that a batch costs what it touches. */
static const struct {
    const char *count, *select, *update;
    bool is_provider;
} tables[] = {
    { "SELECT COUNT(*) FROM meter WHERE org_id = ?1 AND sealed_version < ?2",
      "SELECT meter_id, 0, factory_key FROM meter WHERE org_id = ?1 AND +sealed_version < ?2 AND "
      "meter_id > ?3 AND CAST(?4 AS BIGINT) >= 0 ORDER BY meter_id LIMIT 256",
      "UPDATE meter SET factory_key = ?4, sealed_version = ?5 WHERE org_id = ?1 AND meter_id = ?2 "
      "AND ?3 = 0",
      false },
    { "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND sealed_version < ?2",
      "SELECT meter_id, epoch, sealed FROM account_key WHERE org_id = ?1 AND +sealed_version < ?2 "
      "AND (meter_id, epoch) > (?3, ?4) ORDER BY meter_id, epoch LIMIT 256",
      "UPDATE account_key SET sealed = ?4, sealed_version = ?5 WHERE org_id = ?1 AND meter_id = ?2 "
      "AND epoch = ?3",
      false },
    { "SELECT COUNT(*) FROM provider WHERE org_id = ?1 AND sealed_version < ?2 AND sealed IS NOT "
      "NULL",
      "SELECT name, 0, sealed FROM provider WHERE org_id = ?1 AND +sealed_version < ?2 AND sealed "
      "IS NOT NULL AND name > ?3 AND CAST(?4 AS BIGINT) >= 0 ORDER BY name LIMIT 256",
      "UPDATE provider SET sealed = ?4, sealed_version = ?5 WHERE org_id = ?1 AND name = ?2 AND ?3 "
      "= 0",
      true },
};
#define N_TABLES (sizeof tables / sizeof tables[0])

struct sealed_row {
    char name[NAME_MAX_LEN];
    int64_t number;
    uint8_t bytes[KEYS_SEALED_LEN];
    size_t n;
};

struct resealing {
    size_t table;
    int64_t version;              /* rows below it are re-sealed */
    struct sealed_row from, next; /* the last one done, committed and not yet */
    int64_t done, damaged, batch_done, batch_damaged;
    char first[KEYS_LABEL_MAX], batch_first[KEYS_LABEL_MAX]; /* of the damaged ones */
    bool is_end;
    struct sealed_row rows[BATCH];
};

static int read_batch(struct office *o, struct resealing *b, size_t *ret_n)
{
    struct odb_query *q =
        odb_query(o->db, tables[b->table].select,
                  ODB(ODB_I(b->version), ODB_T(b->from.name), ODB_I(b->from.number)));
    size_t n = 0;
    int r;

    while ((r = odb_next(o->db, q)) == 1 && n < BATCH) {
        struct sealed_row *row = &b->rows[n++];
        struct gf_span bytes = odb_bytes(q, 2);

        odb_text(q, 0, row->name, sizeof row->name);
        row->number = odb_int(q, 1);
        row->n = bytes.n <= sizeof row->bytes ? bytes.n : 0;
        if (row->n > 0)
            memcpy(row->bytes, bytes.p, row->n);
    }
    odb_end(q);
    *ret_n = n;
    return r < 0 ? ho_db_fail(o) : 0;
}

static int reseal_row(struct office *o, struct resealing *b, const struct sealed_row *row)
{
    uint8_t key[KEYS_LEN], sealed[KEYS_SEALED_LEN];
    char label[KEYS_LABEL_MAX];
    struct gf_fail reason = { 0 };

    if (tables[b->table].is_provider)
        keys_provider_label(row->name, label);
    else
        ho_key_label(row->name, (uint32_t)row->number, label);

    int r = keys_unseal(o->keys, label, (struct gf_span){ row->bytes, row->n }, key, &reason);
    if (r == GF_E_CRYPTO) {
        if (b->batch_damaged++ == 0)
            memcpy(b->batch_first, label, sizeof label);
        return ho_log(o, "administration", "sealed key cannot be opened", "%s", label);
    }
    if (r != 0)
        return ho_fail(o, r, reason.where, reason.detail);
    r = keys_seal(o->keys, label, key, sealed, &o->fail);
    gf_wipe(key, sizeof key);
    if (r == 0
        && odb_exec(o->db, tables[b->table].update,
                    ODB(ODB_T(row->name), ODB_I(row->number), ODB_B(sealed, sizeof sealed),
                        ODB_I(keys_sealed_version(sealed))))
               < 0)
        r = ho_db_fail(o);
    b->batch_done++;
    return r;
}

static int reseal_batch(struct office *o, void *ctx)
{
    struct resealing *b = ctx;
    size_t n = 0;
    int r = read_batch(o, b, &n);

    b->batch_done = b->batch_damaged = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = reseal_row(o, b, &b->rows[i]);
    b->is_end = n < BATCH;
    if (n > 0)
        b->next = b->rows[n - 1];
    return r;
}

static int count_left(struct office *o, int64_t version, int64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < N_TABLES; i++) {
        int64_t n = 0;

        if (odb_number(o->db, &n, tables[i].count, ODB(ODB_I(version))) < 0)
            return ho_db_fail(o);
        *ret += n;
    }
    return 0;
}

static int newest_version(struct office *o, int64_t *ret)
{
    *ret = 0;
    return odb_number(o->db, ret,
                      "SELECT MAX(version) FROM master_key WHERE org_id = ?1 AND retired_at_ms IS "
                      "NULL",
                      ODB_NONE)
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* What could not be opened. */
struct damage {
    int64_t n;
    char first[KEYS_LABEL_MAX]; /* what its label is */
};

/* Step 4. */
static int reseal(struct office *o, const struct keys_progress *progress, struct damage *ret)
{
    struct resealing *b = calloc(1, sizeof *b);
    int64_t all = 0;
    int r = b != NULL ? newest_version(o, &b->version) : ho_fail(o, GF_E_MEMORY, "rotation", "");

    if (r == 0)
        r = count_left(o, b->version, &all);
    for (size_t i = 0; r == 0 && i < N_TABLES; i++) {
        b->table = i;
        b->from = b->next = (struct sealed_row){ 0 };
        b->is_end = false;
        while (r == 0 && !b->is_end) {
            if (progress != NULL && !progress->tell(progress->ctx, b->done, all)) {
                r = ho_fail(o, GF_E_CANCELLED, "rotation",
                            "rows are left that older data keys seal: go on with --continue");
                break;
            }
            r = ho_transaction(o, reseal_batch, b);
            b->from = b->next;
            b->done += b->batch_done;
            if (b->damaged == 0 && b->batch_damaged > 0)
                memcpy(b->first, b->batch_first, sizeof b->first);
            b->damaged += b->batch_damaged;
        }
    }
    if (r == 0 && progress != NULL)
        (void)progress->tell(progress->ctx, b->done, all); /* the end: nothing is left to stop */
    if (b != NULL) {
        ret->n = b->damaged;
        memcpy(ret->first, b->first, sizeof ret->first);
    }
    free(b);
    return r;
}

/* ---- retiring ---- */

struct retiring {
    int64_t versions[KEYS_HELD_MAX]; /* that were retired */
    size_t n;
};

/* The older data keys that are not retired. A count or a failure. */
static int read_older(struct office *o, int64_t newest, int64_t ret[static KEYS_HELD_MAX])
{
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT version FROM master_key WHERE org_id = ?1 AND version >= ?2 AND version "
                  "< ?3 AND retired_at_ms IS NULL ORDER BY version",
                  ODB(ODB_I(KEYS_SCHEMA_1), ODB_I(newest)));
    int n = 0, r;

    while ((r = odb_next(o->db, q)) == 1 && n < KEYS_HELD_MAX)
        ret[n++] = odb_int(q, 0);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : n;
}

static int retire_one(struct office *o, int64_t version, struct retiring *t)
{
    int64_t older = 0, with = 0;
    int r = count_left(o, version, &older);

    if (r == 0)
        r = count_left(o, version + 1, &with);
    if (r != 0 || with > older)
        return r;
    if (odb_exec(o->db,
                 "UPDATE master_key SET retired_at_ms = ?3, wrapped = ?4 WHERE org_id = ?1 AND "
                 "version = ?2 AND retired_at_ms IS NULL",
                 ODB(ODB_I(version), ODB_I(ho_now_ms(o)), ODB_B("", 0)))
        < 0)
        return ho_db_fail(o);
    t->versions[t->n++] = version;
    return ho_log(o, "administration", "data key retired", "%" PRId64, version);
}

static int retire(struct office *o, void *ctx)
{
    struct retiring *t = ctx;
    int64_t newest = 0, older[KEYS_HELD_MAX];
    int n = newest_version(o, &newest), r = n;

    t->n = 0;
    if (r == 0)
        r = n = read_older(o, newest, older);
    for (int i = 0; r >= 0 && i < n; i++)
        r = retire_one(o, older[i], t);
    return r < 0 ? r : 0;
}

static void forget(struct keys_vault *v, const struct retiring *retired)
{
    size_t n = 0;

    for (size_t i = 0; i < v->n; i++) {
        bool stays = true;

        for (size_t k = 0; k < retired->n; k++)
            stays = stays && v->held[i].version != retired->versions[k];
        if (stays)
            v->held[n++] = v->held[i];
    }
    gf_wipe(&v->held[n], (v->n - n) * sizeof v->held[0]);
    v->n = n;
}

static int finish(struct office *o, const struct keys_progress *progress)
{
    struct retiring t = { .n = 0 };
    struct damage damage = { .n = 0 };
    char detail[240];
    int r = reseal(o, progress, &damage);

    if (r == 0)
        r = ho_transaction(o, retire, &t);
    if (r != 0)
        return r;
    forget(o->keys->vault, &t);
    if (damage.n == 0)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "%" PRId64 " cannot be opened and stay, %s first: the audit log has them all; "
                   "the rest is sealed anew",
                   damage.n, damage.first);
    return ho_fail(o, GF_E_STORE_DAMAGED, "sealed keys", detail);
}

int keys_rotate(struct office *o, const struct keys_source *to,
                const struct keys_progress *progress)
{
    o->fail = (struct gf_fail){ 0 };

    int lock = keys_folder_lock(o->keys->dir, &o->fail);
    if (lock < 0)
        return lock;

    int r = turn(o, to);
    if (r == 0)
        r = finish(o, progress);
    keys_folder_unlock(lock);
    return r;
}

int keys_rotate_rest(struct office *o, const struct keys_progress *progress)
{
    o->fail = (struct gf_fail){ 0 };

    int lock = keys_folder_lock(o->keys->dir, &o->fail);
    if (lock < 0)
        return lock;

    int r = finish(o, progress);
    keys_folder_unlock(lock);
    return r;
}
