/* swap_settle.c - settling swaps, by token and by estimate; see swap_case.h. */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/swap_in.h"
#include "common/text.h"

int swap_set_state(struct office *o, struct swap_case *c, const char *state)
{
    const bool is_settled = strcmp(state, "settled") == 0;
    const struct odb_value none = { .type = ODB_NULL };

    (void)gf_copy(c->state, sizeof c->state, state);
    c->settled_at_ms = is_settled ? ho_now_ms(o) : 0;
    if (odb_exec(o->db,
                 "UPDATE swap_case SET state = ?3, settled_at_ms = ?4 WHERE org_id = ?1 AND "
                 "case_id = ?2",
                 ODB(ODB_B(c->case_id, 16), ODB_T(state),
                     is_settled ? ODB_I(c->settled_at_ms) : none))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "swap case", "%s is %s", c->number, state);
}

int swap_orders_changed(struct office *o, const struct swap_case *c, bool anew)
{
    struct buf ids = { 0 };
    struct ho_order order;
    struct odb_query *q = odb_query(o->db,
                                    "SELECT order_id FROM work_order WHERE org_id = ?1 AND "
                                    "swap_case = ?2 AND closed_at_ms IS NULL",
                                    ODB(ODB_B(c->case_id, 16)));
    int r;

    while ((r = odb_next(o->db, q)) == 1)
        buf_add(&ids, odb_bytes(q, 0).p, odb_bytes(q, 0).n);
    odb_end(q);
    if (r < 0)
        (void)ho_db_fail(o);
    for (size_t at = 0; r >= 0 && at + GF_UUID_LEN <= ids.n; at += GF_UUID_LEN) {
        r = ho_find_order(o, ids.p + at, &order);
        if (r == 1 && anew)
            r = ho_void_order_tickets(o, order.id);
        if (r >= 0 && order.staff_no[0] != '\0')
            r = ho_changed(o, &order);
    }
    buf_free(&ids);
    return r < 0 ? r : 0;
}

/* ---- the rest of a case ---- */

static int transit_of(struct office *o, const struct swap_case *c, int64_t *ret)
{
    char owner[33];

    ledger_owner_case(c->case_id, owner);
    return ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, ret);
}

/* Did the new meter take the certificate? 1, 0 or a failure. */
static int is_imported(struct office *o, const struct swap_case *c)
{
    struct ledger_totals totals = { 0 };
    int64_t n = 0;
    int r = ledger_posted(o, c->new_meter_id, c->new_account_no, &totals);

    if (r < 0 || totals.certified_l != 0)
        return r < 0 ? r : 1;
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM receipt WHERE org_id = ?1 AND account_no = ?2 AND command "
                   "= ?3",
                   ODB(ODB_I(c->new_account_no), ODB_I(gasm_Command_IMPORT_CREDIT)))
        < 0)
        return ho_db_fail(o);
    return n > 0;
}

/* The id of what a case causes for the n-th time. */
static int cause_of(struct office *o, const struct swap_case *c, int64_t n, uint8_t ret[static 16])
{
    const struct mc_crypto *crypto = o->ports.crypto;
    uint8_t number[8], hash[32];
    struct gf_writer w = { .p = number, .cap = sizeof number };
    const struct gf_span parts[] = { { (const uint8_t *)"gasm settle", 11 },
                                     { c->case_id, sizeof c->case_id },
                                     { number, sizeof number } };

    gf_wr_uint(&w, (uint64_t)n, 8);
    if (crypto->sha256(crypto->ctx, parts, 3, hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "settlement", c->number);
    memcpy(ret, hash, 16);
    return 0;
}

/* A token brings what is in transit to the new account, or takes it from there. */
static int issue_rest(struct office *o, const struct swap_case *c, int64_t transit_l,
                      const char *by)
{
    uint8_t cause[16];
    struct credit_token token;
    const struct credit_new what = { .account_no = c->new_account_no,
                                     .kind = transit_l > 0 ? "transfer" : "debit",
                                     .litres = transit_l > 0 ? transit_l : -transit_l,
                                     .cause_id = cause,
                                     .made_by = by,
                                     .reason = c->number,
                                     .swap_case = c->case_id };
    int64_t n = 0;
    int r;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND swap_case = ?2 AND account_no "
                   "= ?3",
                   ODB(ODB_B(c->case_id, 16), ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    if ((r = cause_of(o, c, n, cause)) != 0)
        return r;
    return credit_issue(o, &what, &token);
}

/* The case is settled: the rest goes by token. Its orders' next tickets have no terms; those that
 * are out are void when the new meter has not taken the certificate. */
static int finish(struct office *o, struct swap_case *c, int64_t transit_l, const char *by)
{
    const int imported = is_imported(o, c);
    int r = imported < 0 ? imported : 0;

    if (r == 0 && transit_l != 0)
        r = issue_rest(o, c, transit_l, by);
    if (r == 0 && strcmp(c->state, "settled") != 0)
        r = swap_set_state(o, c, "settled");
    return r == 0 ? swap_orders_changed(o, c, transit_l != 0 && imported == 0) : r;
}

/* More came over than was certified, and a token of the case waits: it says totals, so it may bring
 * less than it was made for, and that is seen when it arrives. 1, 0 or a failure. */
static int is_token_out(struct office *o, const struct swap_case *c, int64_t transit_l)
{
    int64_t n = 0;

    if (transit_l > 0)
        return 0;
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND swap_case = ?2 AND account_no "
                   "= ?3 AND kind = 'transfer' AND state = 'pending'",
                   ODB(ODB_B(c->case_id, 16), ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    return n > 0;
}

/* Is it known which way the litres went: by certificate, or by a token of the case (also one whose
 * arrival reopened the case)? 1, 0 or a failure. */
static int is_decided(struct office *o, const struct swap_case *c)
{
    int64_t n = 0;
    int r = is_imported(o, c);

    if (r != 0)
        return r;
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND swap_case = ?2 AND account_no "
                   "= ?3",
                   ODB(ODB_B(c->case_id, 16), ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    return n > 0;
}

int swap_settle_rest(struct office *o, struct swap_case *c)
{
    struct credit_account account;
    int64_t transit_l;
    int r = transit_of(o, c, &transit_l);

    if (r != 0)
        return r;
    if (transit_l == 0)
        return strcmp(c->state, "settled") == 0 ? 0 : finish(o, c, 0, "office");
    if (strcmp(c->state, "settled") != 0 && (r = is_decided(o, c)) != 1)
        return r;
    if ((r = credit_find_account(o, c->new_account_no, &account)) != 1)
        return r;
    if ((r = is_token_out(o, c, transit_l)) < 0)
        return r;
    if (r == 0 && strcmp(account.state, "open") == 0)
        return finish(o, c, transit_l, "office");
    /* late papers, and no account to settle with or a token to wait for: a case to look at again */
    return strcmp(c->state, "settled") == 0 ? swap_set_state(o, c, "closed") : 0;
}

/* May the new meter still take credit or debt from the certificate? 1, 0 or a failure. */
static int may_import(struct office *o, const struct swap_case *c)
{
    int64_t residual_l = 0;
    int r;

    if (ho_now_ms(o) / 1000 > c->not_after_s)
        return 0;
    if (odb_number(o->db, &residual_l,
                   "SELECT residual_l FROM account WHERE org_id = ?1 AND account_no = ?2",
                   ODB(ODB_I(c->old_account_no)))
        < 0)
        return ho_db_fail(o);
    if (residual_l == 0)
        return 0;
    r = is_imported(o, c);
    return r < 0 ? r : r == 0;
}

int swap_settle(struct office *o, const uint8_t case_id[static 16], bool online, const char *by)
{
    struct swap_case c;
    char why[120], until[21];
    int64_t transit_l;
    int r = swap_find(o, case_id, &c);

    if (r <= 0)
        return r < 0 ? r : ho_fail(o, GF_E_FORMAT, "swap case", "there is no such swap case");
    if (strcmp(c.state, "planned") == 0 || strcmp(c.state, "cancelled") == 0)
        return ho_fail(o, GF_E_NOT_NOW, "swap case", "the old meter's account is not closed yet");
    if ((r = transit_of(o, &c, &transit_l)) != 0 || transit_l == 0)
        return r == 0 ? swap_settle_rest(o, &c) : r;
    if (!online && (r = may_import(o, &c)) != 0) {
        if (r < 0)
            return r;
        gf_utc_text(c.not_after_s, until);
        (void)snprintf(why, sizeof why,
                       "the new meter may take the certificate itself until %s, unless settled "
                       "online",
                       until);
        return ho_fail(o, GF_E_NOT_NOW, "swap case", why);
    }
    r = finish(o, &c, transit_l, by);
    return r == 0 ? ho_log(o, by, "swap settled", "%s: %lld l by token", c.number,
                           (long long)transit_l)
                  : r;
}

/* ---- a dead meter ---- */

/* Is there such a member of the staff, with one of two roles? */
static int check_person(struct office *o, const char *where, const char *staff_no, bool supervisor)
{
    int64_t n = 0;

    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2 AND left_at_ms "
                   "IS NULL AND (role = 'supervisor' OR (role = 'technician' AND ?3 = 0))",
                   ODB(ODB_T(staff_no), ODB_I(supervisor)))
        < 0)
        return ho_db_fail(o);
    return n > 0 ? 0
                 : ho_fail(o, GF_E_FORMAT, where,
                           supervisor ? "has to be a supervisor"
                                      : "has to be a technician or a supervisor");
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
    if ((r = check_person(o, "estimated_by", estimated_by, false)) != 0
        || (r = check_person(o, "confirmed_by", confirmed_by, true)) != 0)
        return r;
    if ((r = credit_find_account(o, c->new_account_no, &account)) != 1)
        return r < 0 ? r : ho_fail(o, GF_E_STORE_DAMAGED, "account", c->number);
    return strcmp(account.state, "open") == 0
               ? 1
               : ho_fail(o, GF_E_NOT_NOW, "swap case", "the new meter's account is not open yet");
}

static int post_estimate(struct office *o, const struct swap_case *c, const char *confirmed_by)
{
    char owner[33];
    struct ledger_entry e = { .kind = "estimate",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = confirmed_by,
                              .note = c->number,
                              .postings = { { LEDGER_LITRE, LEDGER_ADJUSTED, owner,
                                              -c->estimate_l },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, owner,
                                              c->estimate_l } },
                              .n = 2 };
    int r;

    memcpy(e.op_id, c->case_id, sizeof e.op_id);
    ledger_owner_case(c->case_id, owner);
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

int swap_estimate(struct office *o, const uint8_t case_id[static 16], int64_t residual_l,
                  const char *estimated_by, const char *confirmed_by)
{
    struct swap_case c;
    uint64_t last_seq;
    int64_t voided_l, transit_l;
    int r = swap_find(o, case_id, &c);

    if (r == 0)
        r = ho_fail(o, GF_E_FORMAT, "swap case", "there is no such swap case");
    if (r == 1)
        r = check_estimate(o, &c, residual_l, estimated_by, confirmed_by);
    if (r != 1)
        return r;
    c.has_estimate = true;
    c.estimate_l = residual_l;
    if (odb_exec(o->db,
                 "UPDATE swap_case SET estimate_l = ?3, estimated_by = ?4, confirmed_by = ?5 WHERE "
                 "org_id = ?1 AND case_id = ?2",
                 ODB(ODB_B(c.case_id, 16), ODB_I(residual_l), ODB_T(estimated_by),
                     ODB_T(confirmed_by)))
            < 0
        || odb_exec(o->db,
                    "UPDATE account SET state = 'closed', closed_at_s = ?3, residual_l = ?4 WHERE "
                    "org_id = ?1 AND account_no = ?2",
                    ODB(ODB_I(c.old_account_no), ODB_I(ho_now_ms(o) / 1000), ODB_I(residual_l)))
               < 0)
        return ho_db_fail(o);
    if ((r = swap_last_taken(o, c.old_account_no, &last_seq)) != 0)
        return r;
    r = ho_log(o, confirmed_by, "swap estimated", "%s: %lld l, by %s", c.number,
               (long long)residual_l, estimated_by);
    if (r == 0)
        r = post_estimate(o, &c, confirmed_by);
    if (r == 0)
        r = credit_void_after(o, c.old_account_no, last_seq, c.case_id, &voided_l);
    if (r == 0)
        r = swap_set_state(o, &c, "closed");
    if (r == 0)
        r = transit_of(o, &c, &transit_l);
    return r == 0 ? finish(o, &c, transit_l, confirmed_by) : r;
}
