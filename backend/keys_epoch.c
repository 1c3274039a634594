/* keys_epoch.c - the life of an account key; see keys_epoch.h. */
#include "backend/keys_epoch.h"

#include <string.h>

#include "backend/buf.h"

int ho_epoch_next(struct office *o, const struct ho_meter *meter, uint32_t *ret)
{
    const struct odb_value id = ODB_T(meter->id), active = ODB_I(meter->active_epoch);
    int64_t epoch = 0, made_at_ms = 0;
    int r = odb_number(o->db, &epoch,
                       "SELECT MIN(epoch) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "epoch > ?3 AND state = 'new'",
                       ODB(id, active));

    if (r == 0) {
        r = odb_number(o->db, &epoch,
                       "SELECT MAX(epoch) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "epoch > ?3",
                       ODB(id, active));
        epoch = (r == 1 ? epoch : (int64_t)meter->active_epoch) + 1;
        if (r >= 0)
            r = odb_number(o->db, &made_at_ms,
                           "SELECT MAX(made_at_ms) FROM account_key WHERE org_id = ?1 AND meter_id "
                           "= ?2",
                           ODB(id));
        epoch += ho_restore_skip(o, made_at_ms);
    }
    *ret = (uint32_t)epoch;
    return r < 0 ? ho_db_fail(o) : 0;
}

/* The state of a key: 1, 0 when there is none, or a failure. */
static int find_state(struct office *o, const char *meter_id, uint32_t epoch, char ret[static 16])
{
    struct odb_query *q = odb_query(
        o->db, "SELECT state FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND epoch = ?3",
        ODB(ODB_T(meter_id), ODB_I(epoch)));
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, ret, 16);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* ---- orders go over to another epoch ---- */

/* The open orders of a meter whose work is done under an epoch of from..to: their ids. */
static int find_orders(struct office *o, const char *meter_id, uint32_t from, uint32_t to,
                       struct buf *ret)
{
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT order_id FROM work_order WHERE org_id = ?1 AND meter_id = ?2 AND "
                  "key_epoch >= ?3 AND key_epoch <= ?4 AND closed_at_ms IS NULL ORDER BY order_id",
                  ODB(ODB_T(meter_id), ODB_I(from), ODB_I(to)));
    int r;

    while ((r = odb_next(o->db, q)) == 1)
        buf_add(ret, odb_bytes(q, 0).p, odb_bytes(q, 0).n);
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    return ret->bad ? ho_fail(o, GF_E_MEMORY, "orders", meter_id) : 0;
}

static int set_order(struct office *o, const uint8_t *id, uint32_t epoch)
{
    struct ho_order order;
    int r;

    if (odb_exec(
            o->db,
            "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND order_id = ?2 AND is_void = 0",
            ODB(ODB_B(id, GF_UUID_LEN)))
            < 0
        || odb_exec(o->db,
                    "UPDATE work_order SET key_epoch = ?3 WHERE org_id = ?1 AND order_id = ?2",
                    ODB(ODB_B(id, GF_UUID_LEN), ODB_I(epoch)))
               < 0)
        return ho_db_fail(o);
    r = ho_find_order(o, id, &order);
    return r == 1 ? ho_changed(o, &order) : r;
}

static int set_orders(struct office *o, const char *meter_id, uint32_t from, uint32_t to,
                      uint32_t epoch)
{
    struct buf ids = { 0 };
    int r = find_orders(o, meter_id, from, to, &ids);

    for (size_t at = 0; r == 0 && at + GF_UUID_LEN <= ids.n; at += GF_UUID_LEN)
        r = set_order(o, ids.p + at, epoch);
    buf_free(&ids);
    return r;
}

/* ---- changes ---- */

/* The meter uses a key that was withdrawn. Keys above it that only an older key opens can never
 * reach the meter now, and open orders go on under the key that it has. */
static int revive(struct office *o, const struct ho_meter *meter, uint32_t epoch)
{
    if (odb_exec(o->db,
                 "UPDATE account_key SET state = 'withdrawn', ended_at_ms = ?4 WHERE org_id = ?1 "
                 "AND meter_id = ?2 AND epoch > ?3 AND state = 'new' AND wrap_epoch <> 0 AND "
                 "wrap_epoch <> ?3",
                 ODB(ODB_T(meter->id), ODB_I(epoch), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);

    int r = set_orders(o, meter->id, epoch + 1, UINT32_MAX, epoch);
    return r == 0 ? ho_log(o, "office", "withdrawn key is in use", "%s epoch %u", meter->id, epoch)
                  : r;
}

int ho_epoch_activate(struct office *o, struct ho_meter *meter, uint32_t epoch)
{
    const struct odb_value id = ODB_T(meter->id), no = ODB_I(epoch), now = ODB_I(ho_now_ms(o));
    char state[16] = "";
    int r;

    if (epoch <= meter->active_epoch)
        return 0;
    if ((r = find_state(o, meter->id, epoch, state)) < 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE account_key SET state = 'active', active_since_ms = ?4 WHERE org_id = ?1 "
                 "AND meter_id = ?2 AND epoch = ?3",
                 ODB(id, no, now))
            < 0
        || odb_exec(o->db,
                    "UPDATE account_key SET state = 'expired', ended_at_ms = COALESCE(ended_at_ms, "
                    "?4) WHERE org_id = ?1 AND meter_id = ?2 AND epoch < ?3 AND state IN ('new', "
                    "'active')",
                    ODB(id, no, now))
               < 0
        || odb_exec(o->db, "UPDATE meter SET active_epoch = ?3 WHERE org_id = ?1 AND meter_id = ?2",
                    ODB(id, no))
               < 0)
        return ho_db_fail(o);
    meter->active_epoch = epoch;
    if (strcmp(state, "withdrawn") == 0 && (r = revive(o, meter, epoch)) != 0)
        return r;
    return ho_log(o, "office", "key active", "%s epoch %u", meter->id, epoch);
}

int ho_epoch_withdraw(struct office *o, const struct ho_meter *meter, uint32_t epoch,
                      const char *who)
{
    const struct odb_value id = ODB_T(meter->id), no = ODB_I(epoch);
    char state[16] = "";
    uint32_t next = 0;
    int r = find_state(o, meter->id, epoch, state);

    if (r != 1)
        return r;
    if (strcmp(state, "withdrawn") == 0)
        return 1;
    if (strcmp(state, "new") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "epoch",
                       "the meter has gone beyond: only a new key can be withdrawn");
    if (odb_exec(o->db,
                 "UPDATE account_key SET state = 'withdrawn', ended_at_ms = ?4 WHERE org_id = ?1 "
                 "AND meter_id = ?2 AND epoch = ?3",
                 ODB(id, no, ODB_I(ho_now_ms(o))))
            < 0
        || odb_exec(o->db,
                    "UPDATE ticket SET is_void = 1 WHERE org_id = ?1 AND meter_id = ?2 AND epoch = "
                    "?3",
                    ODB(id, no))
               < 0)
        return ho_db_fail(o);
    if ((r = ho_epoch_next(o, meter, &next)) != 0
        || (r = set_orders(o, meter->id, epoch, epoch, next)) != 0)
        return r;
    r = ho_log(o, who, "key withdrawn", "%s epoch %u", meter->id, epoch);
    return r == 0 ? 1 : r;
}
