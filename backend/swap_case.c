/* swap_case.c - cases of meter swaps: rows, terms, keys; see swap_case.h. */
#include "backend/swap_case.h"

#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "SELECT case_id, number, supply_point, reason, state, note, old_meter_id, new_meter_id, "      \
    "old_account_no, new_account_no, cap_l, not_after_s, made_at_ms, settled_at_ms, terms, "       \
    "estimate_l, made_by, estimated_by, confirmed_by FROM swap_case WHERE org_id = ?1 AND "

#define OF_POINT                                                                                   \
    "supply_point = (SELECT supply_point FROM account WHERE org_id = ?1 AND account_no = ?2) AND "
#define NEWEST                                                                                     \
    " ORDER BY CASE state WHEN 'cancelled' THEN 1 ELSE 0 END, made_at_ms DESC, case_id DESC LIMIT 1"

static void read_case(struct odb_query *q, struct swap_case *ret)
{
    struct gf_span terms;

    *ret = (struct swap_case){ .old_account_no = (uint64_t)odb_int(q, 8),
                               .new_account_no = (uint64_t)odb_int(q, 9),
                               .cap_l = (uint64_t)odb_int(q, 10),
                               .not_after_s = odb_int(q, 11),
                               .made_at_ms = odb_int(q, 12),
                               .settled_at_ms = odb_int(q, 13),
                               .has_estimate = !odb_is_null(q, 15),
                               .estimate_l = odb_int(q, 15) };
    (void)odb_copy(q, 0, ret->case_id, sizeof ret->case_id);
    odb_text(q, 1, ret->number, sizeof ret->number);
    odb_text(q, 2, ret->supply_point, sizeof ret->supply_point);
    odb_text(q, 3, ret->reason, sizeof ret->reason);
    odb_text(q, 4, ret->state, sizeof ret->state);
    odb_text(q, 5, ret->note, sizeof ret->note);
    odb_text(q, 6, ret->old_meter_id, sizeof ret->old_meter_id);
    odb_text(q, 7, ret->new_meter_id, sizeof ret->new_meter_id);
    odb_text(q, 16, ret->made_by, sizeof ret->made_by);
    odb_text(q, 17, ret->estimated_by, sizeof ret->estimated_by);
    odb_text(q, 18, ret->confirmed_by, sizeof ret->confirmed_by);
    terms = odb_bytes(q, 14);
    ret->terms_n = terms.n <= sizeof ret->terms ? terms.n : 0;
    if (ret->terms_n > 0)
        memcpy(ret->terms, terms.p, terms.n);
}

/* The first row of a query. 1, 0 or a failure. Ends the query. */
static int one(struct office *o, struct odb_query *q, struct swap_case *ret)
{
    int r = odb_next(o->db, q);

    if (r == 1)
        read_case(q, ret);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int swap_find(struct office *o, const uint8_t case_id[static 16], struct swap_case *ret)
{
    return one(o, odb_query(o->db, COLUMNS "case_id = ?2", ODB(ODB_B(case_id, 16))), ret);
}

int swap_find_number(struct office *o, const char *number, struct swap_case *ret)
{
    return one(o, odb_query(o->db, COLUMNS "number = ?2", ODB(ODB_T(number))), ret);
}

int swap_find_account(struct office *o, uint64_t account_no, bool is_old, struct swap_case *ret)
{
    const struct odb_value no = ODB_I(account_no);

    return one(o,
               is_old ? odb_query(o->db, COLUMNS OF_POINT "old_account_no = ?2" NEWEST, ODB(no))
                      : odb_query(o->db, COLUMNS OF_POINT "new_account_no = ?2" NEWEST, ODB(no)),
               ret);
}

int swap_next(struct office *o, const char *after, const char *state, struct swap_case *ret)
{
    return one(o,
               state == NULL
                   ? odb_query(o->db, COLUMNS "number > ?2 ORDER BY number LIMIT 1",
                               ODB(ODB_T(after)))
                   : odb_query(o->db,
                               COLUMNS "state = ?3 AND number > ?2 ORDER BY number LIMIT 1",
                               ODB(ODB_T(after), ODB_T(state))),
               ret);
}

int swap_next_waiting(struct office *o, const char *supply_point, const char *after,
                      struct swap_case *ret)
{
    return one(o,
               odb_query(o->db,
                         COLUMNS "supply_point = ?2 AND state = 'closed' AND number > ?3 ORDER BY "
                                 "number LIMIT 1",
                         ODB(ODB_T(supply_point), ODB_T(after))),
               ret);
}

/* ---- terms ---- */

static int make_terms(struct office *o, struct swap_case *c)
{
    gasm_SwapTerms terms = { .cap_l = c->cap_l, .not_after_s = c->not_after_s };
    int n;

    memcpy(terms.swap_case, c->case_id, sizeof terms.swap_case);
    memcpy(terms.old_meter_id, c->old_meter_id, sizeof terms.old_meter_id);
    memcpy(terms.new_meter_id, c->new_meter_id, sizeof terms.new_meter_id);
    n = mc_terms_encode(&terms, c->terms, sizeof c->terms);
    if (n < 0)
        return ho_fail(o, n, "terms", c->number);
    c->terms_n = (size_t)n;
    return 0;
}

int swap_renew_terms(struct office *o, struct swap_case *c, int64_t not_after_s)
{
    int r;

    if (strcmp(c->state, "planned") != 0
        || c->not_after_s > ho_now_ms(o) / 1000 + HO_TICKET_LEFT_S)
        return 0;
    c->not_after_s = not_after_s;
    if ((r = make_terms(o, c)) != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE swap_case SET not_after_s = ?3, terms = ?4 WHERE org_id = ?1 AND case_id "
                 "= ?2",
                 ODB(ODB_B(c->case_id, 16), ODB_I(not_after_s), ODB_B(c->terms, c->terms_n)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int swap_begin(struct office *o, struct swap_case *c)
{
    int64_t n;
    int r = ho_next_number(o, "swap", 1, &n);

    if (r != 0)
        return r;
    (void)snprintf(c->number, sizeof c->number, "SW-%06lld", (long long)n);
    (void)snprintf(c->state, sizeof c->state, "planned");
    c->made_at_ms = ho_now_ms(o);
    if ((r = make_terms(o, c)) != 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO swap_case (org_id, case_id, number, supply_point, reason, "
                 "old_meter_id, new_meter_id, old_account_no, new_account_no, cap_l, not_after_s, "
                 "terms, state, made_at_ms, made_by, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
                 "?9, ?10, ?11, ?12, 'planned', ?13, ?14, ?15)",
                 ODB(ODB_B(c->case_id, 16), ODB_T(c->number), ODB_T(c->supply_point),
                     ODB_T(c->reason), ODB_T(c->old_meter_id), ODB_T(c->new_meter_id),
                     ODB_I(c->old_account_no), ODB_I(c->new_account_no), ODB_I(c->cap_l),
                     ODB_I(c->not_after_s), ODB_B(c->terms, c->terms_n), ODB_I(c->made_at_ms),
                     ODB_T(c->made_by), ODB_T(c->note)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, c->made_by, "swap planned", "%s: %s for %s at %s, account %llu for %llu",
                  c->number, c->new_meter_id, c->old_meter_id, c->supply_point,
                  (unsigned long long)c->new_account_no, (unsigned long long)c->old_account_no);
}

/* ---- the swap key ---- */

/* K_swap comes from the key under which the new meter is shown the terms: the highest live one. */
static int swap_key(struct office *o, const struct swap_case *c, uint8_t ret[static MC_KEY_LEN])
{
    uint8_t root[HO_KEY_LEN];
    int64_t epoch = 0;
    int r = odb_number(o->db, &epoch,
                       "SELECT MAX(epoch) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "state IN ('new', 'active')",
                       ODB(ODB_T(c->new_meter_id)));

    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if ((r = ho_root_key(o, c->new_meter_id, (uint32_t)epoch, root)) != 1)
        return r;
    if (mc_swap_key(o->ports.crypto, root, (struct gf_span){ c->terms, c->terms_n }, ret) != 0)
        r = ho_fail(o, GF_E_CRYPTO, "swap key", c->number);
    gf_wipe(root, sizeof root);
    return r;
}

int swap_key_for(struct office *o, const struct swap_case *c, uint32_t wrap_epoch, uint8_t *ret,
                 size_t cap)
{
    uint8_t root[HO_KEY_LEN], key[MC_KEY_LEN];
    const struct mc_wrap wrap = { .meter_id = c->old_meter_id,
                                  .wrap_epoch = wrap_epoch,
                                  .wrap_root = root };
    int r = swap_key(o, c, key);

    if (r == 1 && (r = ho_root_key(o, c->old_meter_id, wrap_epoch, root)) == 1
        && (r = mc_swap_key_seal(o->ports.crypto, &wrap,
                                 (struct gf_span){ c->terms, c->terms_n }, key, ret, cap))
               < 0)
        r = ho_fail(o, r, "swap key", c->number);
    gf_wipe(root, sizeof root);
    gf_wipe(key, sizeof key);
    return r;
}
