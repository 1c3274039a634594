/* office_store.c - transactions that are run again, and what a restore asks for; see office_in.h. */
#include "backend/office_in.h"

#include <stdlib.h>

#include "backend/metrics.h"

#define ATTEMPTS 12
#define MARK_KEPT_MS (INT64_C(24) * 3600 * 1000)
#define SKIP_AFTER_RESTORE 1000
#define RESTORES_TEXT 1024 /* of over 70 restores */
#define SKIP_CHANGES 1000000

/* One transaction under way, over all its attempts. */
struct again {
    struct office *o;
    uint8_t mark[GF_UUID_LEN];
    struct gf_fail before; /* o->fail when it began */
    bool is_unsure;        /* its last commit may have been one */
    int result;            /* of the body then */
};

static void wait_a_little(struct again *a, unsigned attempt)
{
    const struct gf_random *random = a->o->ports.random;
    uint32_t draw = 0;

    if (random->fill(random->ctx, (uint8_t *)&draw, sizeof draw) != 0)
        draw = attempt * UINT32_C(7919); /* only how long to wait hangs on it */
    odb_pause(attempt, draw);
}

/* One attempt. 0 or more: done, that is the result. */
static int attempt_once(struct again *a, int (*body)(struct office *o, void *ctx), void *ctx)
{
    struct office *o = a->o;
    int r = odb_begin_marked(o->db, a->mark, ho_now_ms(o));

    if (r != 0)
        return r > 0 ? a->result : r; /* above 0: what was not sure was done */
    a->is_unsure = false;
    ho_log_begin(o);
    r = body(o, ctx);
    if (r < 0)
        return r;
    a->result = r;
    if ((r = ho_log_settle(o)) < 0)
        return r;
    r = odb_commit(o->db);
    a->is_unsure = r == GF_E_STORE_UNSURE;
    return r < 0 ? r : a->result;
}

/* Is this failure a reason to try again? */
static bool wants_again(const struct again *a)
{
    int code = odb_code(a->o->db);

    return code == GF_E_AGAIN || code == GF_E_STORE_UNSURE
           || (a->is_unsure && (code == GF_E_NOT_NOW || code == GF_E_STORE_AWAY));
}

/* All attempts of a transaction. */
static int run(struct office *o, int (*body)(struct office *o, void *ctx), void *ctx)
{
    struct again a = { .o = o, .before = o->fail };
    int r;

    if (odb_is_open(o->db))
        return ho_fail(o, GF_E_BUG, "transaction", "within another");
    if (odb_can_lose_commit(o->db)
        && gf_uuid7(o->ports.clock, o->ports.random, a.mark) != 0)
        return ho_fail(o, GF_E_RANDOM, "transaction", "");
    for (unsigned attempt = 0;; attempt++) {
        r = attempt_once(&a, body, ctx);
        if (r >= 0)
            break;
        if (o->fail.code == 0)
            (void)ho_db_fail(o);
        odb_rollback(o->db);
        if (!wants_again(&a) || attempt + 1 == ATTEMPTS)
            break;
        o->fail = a.before;
        wait_a_little(&a, attempt);
    }
    if (r < 0 && a.is_unsure) {
        o->fail = a.before;
        return ho_fail(o, GF_E_STORE_UNSURE, "database", "the server does not come back");
    }
    if (r >= 0 && a.mark[GF_UUID_LEN - 1] % 64 == 1) /* now and then; another time is as good */
        (void)odb_prune_marks(o->db, ho_now_ms(o) - MARK_KEPT_MS);
    return r;
}

int ho_transaction(struct office *o, int (*body)(struct office *o, void *ctx), void *ctx)
{
    const struct gf_clock *clock = o->ports.clock;
    int64_t began_ms = clock->mono_ms(clock->ctx);
    int r = run(o, body, ctx);

    metrics_transaction(o->watch.metrics, (clock->mono_ms(clock->ctx) - began_ms) * 1000);
    return r;
}

/* The newest first: one that was restored before may lose what it made since then, too. */
static int mark_restored(struct odb *db, int64_t now_ms)
{
    char now[24];

    (void)snprintf(now, sizeof now, "%lld", (long long)now_ms);
    return odb_exec(db,
                    "INSERT INTO setting (org_id, name, value) VALUES (?1, 'restored at ms', ?2) "
                    "ON CONFLICT (org_id, name) DO UPDATE SET value = excluded.value || ' ' || "
                    "setting.value",
                    ODB(ODB_T(now)));
}

int ho_restore_numbers(struct odb *db, int64_t now_ms)
{
    int r = mark_restored(db, now_ms);

    if (r >= 0)
        r = odb_exec(db,
                     "UPDATE counter SET last = last + ?2 WHERE org_id = ?1 AND name IN "
                     "('account', 'order', 'swap', 'certificate')",
                     ODB(ODB_I(SKIP_AFTER_RESTORE)));
    if (r >= 0)
        r = odb_exec(db,
                     "UPDATE counter SET last = last + ?2 WHERE org_id = ?1 AND name = 'change'",
                     ODB(ODB_I(SKIP_CHANGES)));
    return r < 0 ? r : 0;
}

int64_t ho_restore_skip(struct office *o, int64_t newest_made_at_ms)
{
    struct odb_query *q = odb_query(
        o->db, "SELECT value FROM setting WHERE org_id = ?1 AND name = 'restored at ms'", ODB_NONE);
    char text[RESTORES_TEXT] = "", *at = text;
    int64_t skip = 0;

    if (odb_next(o->db, q) == 1)
        odb_text(q, 0, text, sizeof text);
    odb_end(q);
    while (*at != '\0' && newest_made_at_ms < strtoll(at, &at, 10))
        skip += SKIP_AFTER_RESTORE;
    return skip;
}
