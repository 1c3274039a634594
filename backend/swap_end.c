/* swap_end.c - swaps that did not happen, and the credit of accounts that were closed without one;
 * see swap_case.h. */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/swap_in.h"

/* ---- cancelled ---- */

/* 0: the new account holds nothing; GF_E_NOT_NOW; or a failure. */
static int check_empty(struct office *o, const struct swap_case *c)
{
    static const enum ledger_code codes[] = { LEDGER_RESIDUAL, LEDGER_IN_TOKENS };
    char owner[24];
    int64_t held_l;

    ledger_owner(c->new_account_no, owner);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        int r = ledger_balance(o, LEDGER_LITRE, codes[i], owner, &held_l);

        if (r != 0)
            return r;
        if (held_l != 0)
            return ho_fail(o, GF_E_NOT_NOW, "swap case", "the new account holds credit or debt");
    }
    return 0;
}

/* Everything is the old meter's again, when the new one had got it. */
static int give_back(struct office *o, const struct swap_case *c)
{
    const struct swap_move back = { .supply_point = c->supply_point,
                                    .from_meter_id = c->new_meter_id,
                                    .to_meter_id = c->old_meter_id,
                                    .from_account_no = c->new_account_no,
                                    .to_account_no = c->old_account_no };
    struct credit_account account;
    int r = credit_find_account(o, c->new_account_no, &account);

    if (r != 1)
        return r;
    if (strcmp(account.state, "open") == 0 && (r = swap_move_place(o, &back)) != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE account SET state = 'closed', closed_at_s = ?3, residual_l = 0 WHERE "
                 "org_id = ?1 AND account_no = ?2",
                 ODB(ODB_I(c->new_account_no), ODB_I(ho_now_ms(o) / 1000)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int swap_cancel(struct office *o, const uint8_t case_id[static 16], const char *by)
{
    struct swap_case c;
    int r = swap_find(o, case_id, &c);

    if (r <= 0)
        return r < 0 ? r : ho_fail(o, GF_E_FORMAT, "swap case", "there is no such swap case");
    if (strcmp(c.state, "cancelled") == 0)
        return 0;
    if (strcmp(c.state, "planned") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "swap case", "the old meter's account is closed");
    if ((r = check_empty(o, &c)) != 0 || (r = give_back(o, &c)) != 0
        || (r = swap_orders_changed(o, &c, true)) != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE work_order SET state = 'unable', code = 'cancelled', closed_at_ms = ?3 "
                 "WHERE org_id = ?1 AND swap_case = ?2 AND closed_at_ms IS NULL",
                 ODB(ODB_B(c.case_id, 16), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    r = swap_set_state(o, &c, "cancelled");
    return r == 0 ? ho_log(o, by, "swap cancelled", "%s", c.number) : r;
}

/* ---- without a swap ---- */

/* The token of a move that was made before. 1, 0 none, or a failure. */
static int find_moved(struct office *o, const uint8_t move_id[static 16], uint64_t to_account_no,
                      struct credit_token *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT account_no, sequence FROM token WHERE org_id = ?1 AND "
                                    "cause_id = ?2 AND kind = 'transfer'",
                                    ODB(ODB_B(move_id, 16)));
    int64_t no = 0, sequence = 0;
    int r = odb_next(o->db, q);

    if (r == 1) {
        no = odb_int(q, 0);
        sequence = odb_int(q, 1);
    }
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    if ((uint64_t)no != to_account_no)
        return ho_fail(o, GF_E_MISMATCH, "id", "this move was made before, to another account");
    return credit_find_token(o, to_account_no, (uint64_t)sequence, ret);
}

/* What the account left, when it may go over. 0, GF_E_*. */
static int check_move(struct office *o, uint64_t from_no, uint64_t to_no, int64_t *ret_l)
{
    struct credit_account from, to;
    char owner[24];
    int f = credit_find_account(o, from_no, &from), t = credit_find_account(o, to_no, &to), r;

    if (f < 0 || t < 0)
        return f < 0 ? f : t;
    if (f == 0 || t == 0)
        return ho_fail(o, GF_E_FORMAT, f == 0 ? "from_account_no" : "to_account_no",
                       "there is no such account");
    if (strcmp(from.state, "closed") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "from_account_no", "the account is not closed");
    if (strcmp(to.state, "open") != 0)
        return ho_fail(o, GF_E_NOT_NOW, "to_account_no", "the account is not open");
    if (strcmp(from.customer_no, to.customer_no) != 0)
        return ho_fail(o, GF_E_MISMATCH, "to_account_no", "it is another customer's account");
    ledger_owner(from_no, owner);
    if ((r = ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, ret_l)) != 0)
        return r;
    return *ret_l > 0 ? 0
                      : ho_fail(o, GF_E_NOT_NOW, "from_account_no", "no credit of it is left over");
}

int swap_move_residual(struct office *o, const uint8_t move_id[static 16], uint64_t from_account_no,
                       uint64_t to_account_no, const char *by, struct credit_token *ret)
{
    char from[24], to[33], note[LEDGER_NOTE_MAX];
    int64_t left_l = 0;
    struct ledger_entry e = { .kind = "moved",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = by,
                              .note = note,
                              .postings = { { LEDGER_LITRE, LEDGER_TRANSIT, from, 0 },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, to, 0 } },
                              .n = 2 };
    struct credit_new what = { .account_no = to_account_no,
                               .kind = "transfer",
                               .cause_id = move_id,
                               .made_by = by,
                               .reason = note,
                               .swap_case = move_id };
    int r = find_moved(o, move_id, to_account_no, ret);

    if (r != 0)
        return r < 0 ? r : 0;
    if ((r = check_move(o, from_account_no, to_account_no, &left_l)) != 0)
        return r;
    (void)snprintf(note, sizeof note, "of closed account %llu",
                   (unsigned long long)from_account_no);
    memcpy(e.op_id, move_id, sizeof e.op_id);
    ledger_owner(from_account_no, from);
    ledger_owner_case(move_id, to);
    e.postings[0].amount = -left_l;
    e.postings[1].amount = left_l;
    what.litres = left_l;
    r = ledger_post(o, &e);
    return r < 0 ? r : credit_issue(o, &what, ret);
}
