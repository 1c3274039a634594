/* swap_estimate.c - a dead meter's credit: estimated by one person, confirmed by another; see
 * swap_case.h. */
#include <string.h>

#include "backend/swap_in.h"

int swap_check_person(struct office *o, const char *where, const char *staff_no, bool or_technician)
{
    int64_t n = 0;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2 AND left_at_ms "
                   "IS NULL AND (role = 'supervisor' OR (role = 'technician' AND ?3 = 1))",
                   ODB(ODB_T(staff_no), ODB_I(or_technician)))
        < 0)
        return ho_db_fail(o);
    return n > 0 ? 0
                 : ho_fail(o, GF_E_FORMAT, where,
                           or_technician ? "has to be a technician or a supervisor"
                                         : "has to be a supervisor");
}

/* 1: may be estimated; 0: it is already, so; or a failure. */
static int check_estimate(struct office *o, const struct swap_case *c, int64_t residual_l,
                          const char *estimated_by, const char *confirmed_by)
{
    struct credit_account account;
    int r;

    if (c->has_estimate)
        return c->estimate_l == residual_l && strcmp(c->estimated_by, estimated_by) == 0
                       && strcmp(c->confirmed_by, confirmed_by) == 0
                   ? 0
                   : ho_fail(o, GF_E_MISMATCH, "residual_l", "this case was estimated otherwise");
    if (strcmp(c->state, "planned") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "swap case", "only a planned case can be estimated");
    if (residual_l > (int64_t)c->cap_l || residual_l < -(int64_t)c->cap_l)
        return ho_fail(o, GF_E_RANGE, "residual_l", "an estimate stays within the case's cap");
    if (strcmp(estimated_by, confirmed_by) == 0)
        return ho_fail(o, GF_E_FORMAT, "confirmed_by", "another person has to confirm it");
    if ((r = swap_check_person(o, "estimated_by", estimated_by, true)) != 0
        || (r = swap_check_person(o, "confirmed_by", confirmed_by, false)) != 0)
        return r;
    if ((r = credit_find_account(o, c->new_account_no, &account)) != 1)
        return r < 0 ? r : ho_fail(o, GF_E_STORE_DAMAGED, "account", c->number);
    return strcmp(account.state, "open") == 0
               ? 1
               : ho_fail(o, GF_E_NOT_NOW, "swap case", "the new meter's account is not open yet");
}

/* Out of what is adjusted, into the transit of the case. 0 or a failure. */
static int post_adjusted(struct office *o, const struct swap_case *c, const char *kind,
                         int64_t litres, int64_t at_s, const char *by)
{
    char owner[33];
    struct ledger_entry e = { .kind = kind,
                              .effective_s = at_s,
                              .made_by = by,
                              .note = c->number,
                              .postings = { { LEDGER_LITRE, LEDGER_ADJUSTED, owner, -litres },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, owner, litres } },
                              .n = 2 };
    int r;

    memcpy(e.op_id, c->case_id, sizeof e.op_id);
    ledger_owner_case(c->case_id, owner);
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

int swap_undo_estimate(struct office *o, const struct swap_case *c, int64_t at_s)
{
    char owner[33];
    int64_t adjusted_l = 0;
    int r;

    ledger_owner_case(c->case_id, owner);
    r = ledger_balance(o, LEDGER_LITRE, LEDGER_ADJUSTED, owner, &adjusted_l);
    return r == 0 ? post_adjusted(o, c, "estimate-undone", adjusted_l, at_s, "office") : r;
}

/* The old account is closed as far as people can say. 0 or a failure. */
static int store(struct office *o, const struct swap_case *c, const char *estimated_by,
                 const char *confirmed_by)
{
    const struct odb_value litres = ODB_I(c->estimate_l);

    if (odb_exec(o->db,
                 "UPDATE swap_case SET estimate_l = ?3, estimated_by = ?4, confirmed_by = ?5 WHERE "
                 "org_id = ?1 AND case_id = ?2",
                 ODB(ODB_B(c->case_id, 16), litres, ODB_T(estimated_by), ODB_T(confirmed_by)))
            < 0
        || odb_exec(o->db,
                    "UPDATE account SET state = 'closed', closed_at_s = ?3, residual_l = ?4 WHERE "
                    "org_id = ?1 AND account_no = ?2",
                    ODB(ODB_I(c->old_account_no), ODB_I(ho_now_ms(o) / 1000), litres))
               < 0)
        return ho_db_fail(o);
    return ho_log(o, confirmed_by, "swap estimated", "%s: %lld l, by %s", c->number,
                  (long long)c->estimate_l, estimated_by);
}

int swap_estimate(struct office *o, const uint8_t case_id[static 16], int64_t residual_l,
                  const char *estimated_by, const char *confirmed_by)
{
    struct swap_case c;
    struct credit_end end = { .swap_case = case_id, .is_estimate = true };
    int64_t voided_l;
    int r = swap_find(o, case_id, &c);

    if (r == 0)
        r = ho_fail(o, GF_E_FORMAT, "swap case", "there is no such swap case");
    if (r == 1)
        r = check_estimate(o, &c, residual_l, estimated_by, confirmed_by);
    if (r != 1)
        return r;
    c.has_estimate = true;
    c.estimate_l = residual_l;
    end.account_no = c.old_account_no;
    if ((r = store(o, &c, estimated_by, confirmed_by)) != 0
        || (r = swap_last_taken(o, c.old_account_no, &end.last_seq)) != 0
        || (r = post_adjusted(o, &c, "estimate", residual_l, ho_now_ms(o) / 1000,
                               confirmed_by)) != 0
        || (r = credit_void_after(o, &end, &voided_l)) != 0
        || (r = swap_set_state(o, &c, "closed")) != 0
        || (r = swap_carry_money(o, c.old_account_no)) != 0
        || (r = swap_settle_now(o, &c, confirmed_by)) != 0)
        return r;
    return swap_settle_waiting(o, c.supply_point);
}
