/* customer_wait.c - waits after wrong passwords; see customer_wait.h. */
#include "backend/customer_wait.h"

#include <string.h>

#include "common/text.h"

#define FREE_FAILURES 5 /* wrong passwords in a row before an address waits */
#define WAIT_MAX_S (15 * 60)
#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define FAMILIAR_MS (90 * DAY_MS)
#define STRANGERS_MS (INT64_C(6) * 60 * 1000) /* one wrong password of strangers so often, */
#define STRANGERS_AT_ONCE 100                 /* and so many at once */

/* Of a login, or of a name that is none. */
struct counts {
    int64_t failed, until_ms, familiar_until_ms; /* of the address */
    int64_t strangers_ms; /* wrong passwords of strangers are paid for up to this moment */
};

/* ---- names that are no login ---- */

/* What is remembered of a name at a group, or at all strangers' (""); NULL: nothing. */
static struct ho_no_login *find_no_login(struct office *o, const char *name, const char *group)
{
    for (size_t i = 0; i < HO_NO_LOGINS; i++)
        if (strcmp(o->no_logins[i].name, name) == 0 && strcmp(o->no_logins[i].group, group) == 0)
            return &o->no_logins[i];
    return NULL;
}

/* Remember it; what failed longest ago gives way. */
static void keep_no_login(struct office *o, const char *name, const char *group, int64_t failed,
                          int64_t until_ms)
{
    struct ho_no_login *place = find_no_login(o, name, group);

    if (place == NULL) {
        place = &o->no_logins[0];
        for (size_t i = 1; i < HO_NO_LOGINS; i++)
            if (o->no_logins[i].failed_at_ms < place->failed_at_ms)
                place = &o->no_logins[i];
    }
    *place = (struct ho_no_login){ .failed = failed,
                                   .failed_at_ms = ho_now_ms(o),
                                   .until_ms = until_ms };
    (void)gf_copy(place->name, sizeof place->name, name);
    (void)gf_copy(place->group, sizeof place->group, group);
}

static void recall(struct office *o, const struct customer_try *t, struct counts *ret)
{
    char group[ADDRESS_GROUP_MAX];
    const struct ho_no_login *here, *strangers = find_no_login(o, t->login, "");

    address_group(t->address, group);
    here = find_no_login(o, t->login, group);
    if (strangers != NULL)
        ret->strangers_ms = strangers->until_ms;
    if (here != NULL) {
        ret->failed = here->failed;
        ret->until_ms = here->until_ms;
    }
}

/* ---- logins ---- */

/* The address's group as it is stored, different for each login. */
static int group_hash(struct office *o, const struct customer_try *t, uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    char group[ADDRESS_GROUP_MAX];
    uint8_t key[HO_KEY_LEN];
    int r = ho_derive(o, "customers' addresses", key);

    address_group(t->address, group);

    const struct gf_span parts[] = { { (const uint8_t *)t->login, strlen(t->login) + 1 },
                                     { (const uint8_t *)group, strlen(group) } };
    if (r == 0 && c->hmac(c->ctx, key, sizeof key, parts, 2, ret) != 0)
        r = ho_fail(o, GF_E_CRYPTO, "login", "");
    gf_wipe(key, sizeof key);
    return r;
}

static int read_counts(struct office *o, const char *login, const uint8_t hash[static 32],
                       struct counts *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT l.strangers_ms, a.failed, a.until_ms, a.familiar_until_ms FROM customer_login l "
        "LEFT JOIN customer_address a ON a.org_id = l.org_id AND a.login = l.login AND a.address "
        "= ?3 WHERE l.org_id = ?1 AND l.login = ?2",
        ODB(ODB_T(login), ODB_B(hash, 32)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        ret->strangers_ms = odb_int(q, 0);
        if (!odb_is_null(q, 1)) {
            ret->failed = odb_int(q, 1);
            ret->until_ms = odb_int(q, 2);
            ret->familiar_until_ms = odb_int(q, 3);
        }
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* What is counted of an attempt, now. 0 or a failure. */
static int find_counts(struct office *o, const struct customer_try *t, struct counts *ret)
{
    uint8_t hash[32];
    int r = 0;

    *ret = (struct counts){ 0 };
    if (t->is_login) {
        r = group_hash(o, t, hash);
        if (r == 0)
            r = read_counts(o, t->login, hash, ret);
    } else {
        recall(o, t, ret);
    }
    if (ret->until_ms <= ho_now_ms(o) - DAY_MS)
        ret->failed = 0;
    return r;
}

/* ---- waiting ---- */

int customer_wait_s(struct office *o, const struct customer_try *t)
{
    struct counts c;
    int64_t left_ms, now = ho_now_ms(o);

    if (find_counts(o, t, &c) != 0)
        return o->fail.code;
    left_ms = c.until_ms - now;
    if (c.familiar_until_ms <= now) {
        int64_t strangers_ms = c.strangers_ms - (STRANGERS_AT_ONCE - 1) * STRANGERS_MS - now;

        left_ms = strangers_ms > left_ms ? strangers_ms : left_ms;
    }
    return left_ms > 0 ? (int)((left_ms + 999) / 1000) : 0;
}

/* One wrong password more: from the fifth on 1 s, 2 s, 4 s, ... */
static void count(struct counts *c, int64_t now)
{
    int64_t beyond = c->failed + 1 - FREE_FAILURES;

    c->failed++;
    c->until_ms = now + (beyond < 0 ? 0 : 1000 * (beyond > 9 ? WAIT_MAX_S : (int64_t)1 << beyond));
    if (c->familiar_until_ms <= now)
        c->strangers_ms = (c->strangers_ms > now ? c->strangers_ms : now) + STRANGERS_MS;
}

/* Rows that say nothing any more; so a login has a bounded number of them. */
static int forget_old(struct office *o, const char *login)
{
    int64_t now = ho_now_ms(o);

    return odb_exec(o->db,
                    "DELETE FROM customer_address WHERE org_id = ?1 AND login = ?2 AND "
                    "familiar_until_ms <= ?3 AND until_ms <= ?4",
                    ODB(ODB_T(login), ODB_I(now), ODB_I(now - DAY_MS)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

static int store_counts(struct office *o, const struct customer_try *t, const struct counts *c)
{
    uint8_t hash[32];
    int r = group_hash(o, t, hash);

    if (r == 0
        && odb_exec(o->db,
                    "INSERT INTO customer_address (org_id, login, address, failed, until_ms, "
                    "familiar_until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (org_id, "
                    "login, address) DO UPDATE SET failed = excluded.failed, until_ms = "
                    "excluded.until_ms, familiar_until_ms = excluded.familiar_until_ms",
                    ODB(ODB_T(t->login), ODB_B(hash, 32), ODB_I(c->failed), ODB_I(c->until_ms),
                        ODB_I(c->familiar_until_ms)))
               < 0)
        r = ho_db_fail(o);
    return r == 0 ? forget_old(o, t->login) : r;
}

static int store_wrong(struct office *o, void *ctx)
{
    const struct customer_try *t = ctx;
    struct counts c;

    if (find_counts(o, t, &c) != 0)
        return o->fail.code;
    count(&c, ho_now_ms(o));
    if (odb_exec(o->db,
                 "UPDATE customer_login SET strangers_ms = ?3 WHERE org_id = ?1 AND login = ?2",
                 ODB(ODB_T(t->login), ODB_I(c.strangers_ms)))
        < 0)
        return ho_db_fail(o);
    return store_counts(o, t, &c);
}

static int remember_wrong(struct office *o, const struct customer_try *t)
{
    char group[ADDRESS_GROUP_MAX];
    struct counts c;

    if (find_counts(o, t, &c) != 0)
        return o->fail.code;
    count(&c, ho_now_ms(o));
    address_group(t->address, group);
    keep_no_login(o, t->login, "", 0, c.strangers_ms);
    keep_no_login(o, t->login, group, c.failed, c.until_ms);
    return 0;
}

int customer_was_wrong(struct office *o, const struct customer_try *t)
{
    struct customer_try copy = *t;

    return t->is_login ? ho_transaction(o, store_wrong, &copy) : remember_wrong(o, t);
}

int customer_was_right(struct office *o, const struct customer_try *t)
{
    return store_counts(
        o, t, &(struct counts){ .familiar_until_ms = ho_now_ms(o) + FAMILIAR_MS });
}

int customer_forget_tries(struct office *o, const char *login)
{
    if (odb_exec(o->db, "DELETE FROM customer_address WHERE org_id = ?1 AND login = ?2",
                 ODB(ODB_T(login)))
            < 0
        || odb_exec(o->db,
                    "UPDATE customer_login SET strangers_ms = 0 WHERE org_id = ?1 AND login = ?2",
                    ODB(ODB_T(login)))
               < 0)
        return ho_db_fail(o);
    return 0;
}
