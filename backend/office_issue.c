/* office_issue.c - account keys and tickets; see office_issue.h. */
#include "backend/office_issue.h"

#include <stdio.h>
#include <string.h>

#include "backend/keys_epoch.h"
#include "common/text.h"
#include "meter-core/keys.h"

int ho_date_parse(const char *text, int64_t *ret_s)
{
    char full[32];

    if (strlen(text) != 10)
        return GF_E_FORMAT;
    (void)snprintf(full, sizeof full, "%sT00:00:00Z", text);
    return gf_utc_parse(full, ret_s);
}

void ho_date_text(int64_t utc_s, char ret[static 11])
{
    char full[21];

    gf_utc_text(utc_s, full);
    memcpy(ret, full, 10);
    ret[10] = '\0';
}

void ho_key_label(const char *meter_id, uint32_t epoch, char ret[static 48])
{
    (void)snprintf(ret, 48, "%.12s epoch %u", meter_id, epoch);
}

int ho_root_key(struct office *o, const char *meter_id, uint32_t epoch,
                uint8_t ret[static HO_KEY_LEN])
{
    char label[48];
    struct odb_query *q =
        epoch == 0
            ? odb_query(o->db, "SELECT factory_key FROM meter WHERE org_id = ?1 AND meter_id = ?2",
                        ODB(ODB_T(meter_id)))
            : odb_query(
                o->db,
                "SELECT sealed FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3",
                ODB(ODB_T(meter_id), ODB_I(epoch)));
    int r = odb_next(o->db, q);

    ho_key_label(meter_id, epoch, label);
    if (r < 0)
        (void)ho_db_fail(o);
    if (r == 1 && ho_unseal(o, label, odb_bytes(q, 0), ret) != 0)
        r = o->fail.code;
    odb_end(q);
    return r;
}

/* ---- keys ---- */

static int make_key(struct office *o, const char *meter_id, uint32_t epoch, uint32_t wrap_epoch)
{
    uint8_t root[HO_KEY_LEN], key[HO_KEY_LEN], sealed[HO_SEALED_LEN], envelope[MC_ENVELOPE_MAX];
    const struct mc_wrap wrap = {
        .meter_id = meter_id, .epoch = epoch, .wrap_epoch = wrap_epoch, .wrap_root = root
    };
    char label[48];
    int n = 0, r = ho_root_key(o, meter_id, wrap_epoch, root);

    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "key", "the key that wraps the new one is missing");
    if (r == 1)
        r = o->ports.random->fill(o->ports.random->ctx, key, sizeof key) == 0
                ? 0
                : ho_fail(o, GF_E_RANDOM, "key", meter_id);
    ho_key_label(meter_id, epoch, label);
    if (r == 0)
        r = ho_seal(o, label, key, sealed);
    if (r == 0
        && (n = mc_envelope_seal(o->ports.crypto, &wrap, key, envelope, sizeof envelope)) < 0)
        r = ho_fail(o, n, "key", meter_id);
    gf_wipe(root, sizeof root);
    gf_wipe(key, sizeof key);
    if (r == 0
        && odb_exec(o->db,
                    "INSERT INTO account_key (org_id, meter_id, epoch, sealed, wrap_epoch, "
                    "envelope, state, made_at_ms, sealed_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
                    "'new', ?7, ?8)",
                    ODB(ODB_T(meter_id), ODB_I(epoch), ODB_B(sealed, sizeof sealed),
                        ODB_I(wrap_epoch), ODB_B(envelope, (size_t)n), ODB_I(ho_now_ms(o)),
                        ODB_I(keys_sealed_version(sealed))))
               < 0)
        r = ho_db_fail(o);
    return r == 0 ? ho_log(o, "office", "account key made", "%s epoch %u", meter_id, epoch) : r;
}

/* The epoch that an order's work is done under. A meter in factory state gets a new key: the one
 * that an earlier order left, when there is one; a number whose key was withdrawn is never used
 * again. Any other meter goes on under the key that it has. */
static int choose_epoch(struct office *o, const struct order_kind *kind,
                        const struct ho_meter *meter, uint32_t *ret)
{
    *ret = meter->active_epoch;
    if (!kind->new_key || meter->life_state > gasm_LifeState_FACTORY)
        return 0;
    return ho_epoch_next(o, meter, ret);
}

/* The order begins: note what was registered. */
static int begin_order(struct office *o, const struct order_kind *kind, struct ho_order *order,
                       const struct ho_meter *meter)
{
    uint32_t epoch;
    int r = choose_epoch(o, kind, meter, &epoch);

    if (r != 0)
        return r;
    order->has_begun = true;
    order->began_state = meter->life_state;
    order->began_epoch = meter->active_epoch;
    order->began_seq = meter->last_seq;
    order->key_epoch = epoch;
    if (odb_exec(o->db,
                 "UPDATE work_order SET began_state = ?3, began_epoch = ?4, began_seq = ?5, "
                 "key_epoch = ?6 WHERE org_id = ?1 AND order_id = ?2",
                 ODB(ODB_B(order->id, GF_UUID_LEN), ODB_I(meter->life_state),
                     ODB_I(meter->active_epoch), ODB_I(meter->last_seq), ODB_I(epoch)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int ho_issue(struct office *o, struct ho_order *order, const struct ho_meter *meter)
{
    const struct order_kind *kind = order_kind_find(order->kind);
    int64_t keys = 0;
    int r = 0;

    if (kind == NULL)
        return ho_fail(o, GF_E_STORE_DAMAGED, "kind", order->number);
    if (!order->has_begun && (r = begin_order(o, kind, order, meter)) != 0)
        return r;
    if (kind->new_key
        && odb_number(o->db, &keys,
                      "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                      "epoch = ?3",
                      ODB(ODB_T(order->meter_id), ODB_I(order->key_epoch)))
               < 0)
        return ho_db_fail(o);
    if (kind->new_key && keys == 0)
        r = make_key(o, order->meter_id, order->key_epoch, order->began_epoch);
    return r == 0 ? ho_issue_tickets(o, order, kind, meter) : r;
}

int ho_key_issue(struct office *o, const struct ho_order *order, sync_KeyIssue *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT envelope FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3 AND "
        "state <> 'withdrawn'",
        ODB(ODB_T(order->meter_id), ODB_I(order->key_epoch)));
    int r = odb_next(o->db, q);

    *ret = (sync_KeyIssue){ .epoch = order->key_epoch };
    if (r < 0)
        (void)ho_db_fail(o);
    if (r == 1) {
        struct gf_span bytes = odb_bytes(q, 0);

        memcpy(ret->job_id, order->id, GF_UUID_LEN);
        (void)gf_copy(ret->meter_id, sizeof ret->meter_id, order->meter_id);
        if (bytes.n > sizeof ret->envelope.bytes)
            r = ho_fail(o, GF_E_STORE_DAMAGED, "key", order->number);
        else {
            memcpy(ret->envelope.bytes, bytes.p, bytes.n);
            ret->envelope.size = (pb_size_t)bytes.n;
        }
    }
    odb_end(q);
    return r;
}
