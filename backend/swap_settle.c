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

static int told(struct office *o, const struct ho_order *order)
{
    return order->staff_no[0] != '\0' ? ho_changed(o, order) : 0;
}

static int told_anew(struct office *o, const struct ho_order *order)
{
    int r = ho_void_order_tickets(o, order->id);

    return r < 0 ? r : told(o, order);
}

int swap_orders_changed(struct office *o, const struct swap_case *c, bool anew)
{
    return ho_each_order(o,
                         odb_query(o->db,
                                   "SELECT order_id FROM work_order WHERE org_id = ?1 AND "
                                   "swap_case = ?2 AND closed_at_ms IS NULL",
                                   ODB(ODB_B(c->case_id, 16))),
                         anew ? told_anew : told);
}

/* ---- the rest of a case ---- */

int swap_transit(struct office *o, const struct swap_case *c, int64_t *ret)
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

/* How many tokens the case has caused. 0 or a failure. */
static int count_tokens(struct office *o, const struct swap_case *c, int64_t *ret)
{
    if (odb_number(o->db, ret,
                   "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND swap_case = ?2",
                   ODB(ODB_B(c->case_id, 16)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

/* A token brings what is in transit to an account, or takes it from there. */
static int issue_rest(struct office *o, const struct swap_case *c, uint64_t account_no,
                      int64_t transit_l, const char *by)
{
    uint8_t cause[16];
    struct credit_token token;
    const struct credit_new what = { .account_no = account_no,
                                     .kind = transit_l > 0 ? "transfer" : "debit",
                                     .litres = transit_l > 0 ? transit_l : -transit_l,
                                     .cause_id = cause,
                                     .made_by = by,
                                     .reason = c->number,
                                     .swap_case = c->case_id };
    int64_t n = 0;
    int r = count_tokens(o, c, &n);

    if (r == 0)
        r = cause_of(o, c, n, cause);
    return r == 0 ? credit_issue(o, &what, &token) : r;
}

/* Nobody is there to get it: it is as what a removed meter leaves. */
static int leave_rest(struct office *o, const struct swap_case *c, uint64_t account_no,
                      int64_t transit_l, const char *by)
{
    char owner[33], account[24];
    struct ledger_entry e = { .kind = "left",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = by,
                              .note = c->number,
                              .postings = { { LEDGER_LITRE, LEDGER_TRANSIT, owner, -transit_l },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, account, transit_l } },
                              .n = 2 };
    int64_t n = 0;
    int r;

    ledger_owner_case(c->case_id, owner);
    ledger_owner(account_no, account);
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM posting WHERE org_id = ?1 AND unit = 'litre' AND code = "
                   "'transit' AND owner = ?2 AND kind = 'left'",
                   ODB(ODB_T(owner)))
        < 0)
        return ho_db_fail(o);
    if ((r = cause_of(o, c, n, e.op_id)) != 0)
        return r;
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

/* What is in transit goes to whom it belongs. 0 or a failure. */
static int pass_on(struct office *o, const struct swap_case *c, int64_t transit_l, const char *by)
{
    struct credit_account to;
    int heir = swap_heir(o, c->new_account_no, &to);

    if (heir < 0)
        return heir;
    return heir == SWAP_NO_HEIR ? leave_rest(o, c, to.account_no, transit_l, by)
                                : issue_rest(o, c, to.account_no, transit_l, by);
}

/* The case is settled. Its orders' next tickets have no terms; those that are out are void when the
 * new meter has not taken the certificate. */
static int finish(struct office *o, struct swap_case *c, int64_t transit_l, const char *by)
{
    const int imported = is_imported(o, c);
    int r = imported < 0 ? imported : 0;

    if (r == 0 && transit_l != 0)
        r = pass_on(o, c, transit_l, by);
    if (r == 0 && strcmp(c->state, "settled") != 0)
        r = swap_set_state(o, c, "settled");
    return r == 0 ? swap_orders_changed(o, c, transit_l != 0 && imported == 0) : r;
}

int swap_settle_now(struct office *o, struct swap_case *c, const char *by)
{
    int64_t transit_l;
    int r = swap_transit(o, c, &transit_l);

    return r == 0 ? finish(o, c, transit_l, by) : r;
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

/* Is it known which way the litres went: by certificate; by a token of the case (also one whose
 * arrival reopened it); by an estimate, which nobody certifies; or the new meter's account has ended,
 * and its papers say what it took? 1, 0 or a failure. */
static int is_decided(struct office *o, const struct swap_case *c)
{
    int64_t n = c->has_estimate ? 1 : 0;
    int r = is_imported(o, c);

    if (r == 0)
        r = n == 0 ? count_tokens(o, c, &n) : 0;
    if (r != 0 || n > 0)
        return r != 0 ? r : 1;
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                   "closed_seq IS NOT NULL",
                   ODB(ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    return n > 0;
}

/* Has somebody to come first: an account that is not open yet, or a token? 1, 0 or a failure. */
static int has_to_wait(struct office *o, const struct swap_case *c, int64_t transit_l)
{
    struct credit_account to;
    int heir = swap_heir(o, c->new_account_no, &to);

    return heir < 0 || heir == SWAP_HEIR_LATER ? (heir < 0 ? heir : 1)
                                               : is_token_out(o, c, transit_l);
}

/* It is settled as far as papers can; a person may have to look at it again. */
static int wait(struct office *o, struct swap_case *c)
{
    return strcmp(c->state, "settled") == 0 ? swap_set_state(o, c, "closed") : 0;
}

int swap_settle_rest(struct office *o, struct swap_case *c)
{
    int64_t transit_l;
    int r = swap_transit(o, c, &transit_l);

    if (r != 0)
        return r;
    if (transit_l == 0)
        return strcmp(c->state, "settled") == 0 ? 0 : finish(o, c, 0, "office");
    if (strcmp(c->state, "settled") != 0 && (r = is_decided(o, c)) != 1)
        return r;
    if ((r = has_to_wait(o, c, transit_l)) != 0)
        return r < 0 ? r : wait(o, c);
    r = finish(o, c, transit_l, "office");
    if (r != GF_E_RANGE || strcmp(o->fail.where, "litres") != 0)
        return r;
    o->fail = (struct gf_fail){ 0 }; /* no token bears so much: that stops no record */
    return wait(o, c);
}

int swap_settle_waiting(struct office *o, const char *supply_point)
{
    struct swap_case c;
    char after[sizeof c.number] = "";
    int r, settled = 0;

    while (settled == 0 && (r = swap_next_waiting(o, supply_point, after, &c)) == 1) {
        (void)gf_copy(after, sizeof after, c.number);
        settled = swap_settle_rest(o, &c);
    }
    return settled != 0 ? settled : r;
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
    if ((r = swap_transit(o, &c, &transit_l)) != 0 || transit_l == 0)
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
