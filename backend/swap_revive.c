/* swap_revive.c - swaps that were cancelled here and done in the field all the same; see
 * swap_case.h. */
#include <string.h>

#include "backend/office_issue.h"
#include "backend/swap_in.h"

int swap_take_place(struct office *o, const struct swap_case *c)
{
    const struct swap_move move = { .supply_point = c->supply_point,
                                    .from_meter_id = c->old_meter_id,
                                    .to_meter_id = c->new_meter_id,
                                    .from_account_no = c->old_account_no,
                                    .to_account_no = c->new_account_no };
    int64_t stands = 0;

    if (odb_number(o->db, &stands,
                   "SELECT COUNT(*) FROM account a WHERE a.org_id = ?1 AND a.account_no = ?2 AND "
                   "a.state = 'open' AND NOT EXISTS (SELECT 1 FROM account b WHERE b.org_id = "
                   "a.org_id AND b.supply_point = a.supply_point AND b.account_no > a.account_no "
                   "AND (b.state = 'open' OR b.closed_seq IS NOT NULL))",
                   ODB(ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    return stands > 0 ? swap_move_place(o, &move) : 0;
}

/* ---- a cancelled case ---- */

/* Other cases of the old account cannot happen any more. One that holds credit is left to people. */
static int cancel_others(struct office *o, const struct swap_case *c)
{
    struct swap_case other;
    int r = swap_find_account(o, c->old_account_no, true, &other);

    if (r != 1 || strcmp(other.state, "planned") != 0
        || memcmp(other.case_id, c->case_id, sizeof c->case_id) == 0)
        return r < 0 ? r : 0;
    r = swap_cancel(o, other.case_id, "office");
    return r == GF_E_NOT_NOW ? 0 : r;
}

/* What the old account exported was its own, as of a meter that is removed: it is the case's. */
static int take_exported(struct office *o, const struct swap_case *c)
{
    char from[24], to[33];
    int64_t litres = 0;
    struct ledger_entry e = { .kind = "revived",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = "office",
                              .note = c->number,
                              .postings = { { LEDGER_LITRE, LEDGER_TRANSIT, from, 0 },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, to, 0 } },
                              .n = 2 };
    int r;

    ledger_owner(c->old_account_no, from);
    ledger_owner_case(c->case_id, to);
    if (odb_number(o->db, &litres,
                   "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM posting WHERE org_id = ?1 "
                   "AND unit = 'litre' AND code = 'transit' AND owner = ?2 AND kind IN ('reading', "
                   "'last-reading')",
                   ODB(ODB_T(from)))
        < 0)
        return ho_db_fail(o);
    memcpy(e.op_id, c->case_id, sizeof e.op_id);
    e.postings[0].amount = -litres;
    e.postings[1].amount = litres;
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

/* The closing looked like a removal, and ended what the customer's programs may talk to: that is as
 * it was, to go over with the place; unless somebody else has that by now. */
static int bind_again(struct office *o, const struct swap_case *c)
{
    if (odb_exec(o->db,
                 "UPDATE binding SET ended_at_ms = NULL WHERE org_id = ?1 AND meter_id = ?2 AND "
                 "account_no = ?3 AND ended_at_ms >= ?4 AND NOT EXISTS (SELECT 1 FROM account b "
                 "WHERE b.org_id = ?1 AND b.supply_point = ?5 AND b.account_no > ?6 AND (b.state = "
                 "'open' OR b.closed_seq IS NOT NULL))",
                 ODB(ODB_T(c->old_meter_id), ODB_I(c->old_account_no), ODB_I(c->made_at_ms),
                     ODB_T(c->supply_point), ODB_I(c->new_account_no)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int swap_revive(struct office *o, struct swap_case *c)
{
    int64_t closed = 0;
    int r = cancel_others(o, c);

    if (r != 0)
        return r;
    if (odb_exec(o->db,
                 "UPDATE account SET state = CASE WHEN opened_seq IS NULL THEN 'reserved' ELSE "
                 "'open' END, closed_at_s = NULL, residual_l = NULL WHERE org_id = ?1 AND "
                 "account_no = ?2 AND closed_seq IS NULL",
                 ODB(ODB_I(c->new_account_no)))
            < 0
        || odb_number(o->db, &closed,
                      "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                      "closed_seq IS NOT NULL",
                      ODB(ODB_I(c->old_account_no)))
               < 0)
        return ho_db_fail(o);
    if ((r = take_exported(o, c)) == 0)
        r = swap_set_state(o, c, closed > 0 ? "closed" : "planned");
    if (r == 0 && closed > 0)
        r = swap_carry_money(o, c->old_account_no);
    if (r == 0)
        r = bind_again(o, c);
    return r == 0 ? swap_take_place(o, c) : r;
}

/* The case of the order whose ticket a receipt names. 1, 0 or a failure. */
static int case_of_ticket(struct office *o, const char *meter_id, uint64_t serial,
                          struct swap_case *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT w.swap_case FROM ticket t JOIN work_order w ON "
                                    "w.org_id = t.org_id AND w.order_id = t.order_id WHERE "
                                    "t.org_id = ?1 AND t.meter_id = ?2 AND t.serial = ?3 AND "
                                    "w.swap_case IS NOT NULL",
                                    ODB(ODB_T(meter_id), ODB_I(serial)));
    uint8_t case_id[16];
    int r = odb_next(o->db, q);

    if (r == 1)
        (void)odb_copy(q, 0, case_id, sizeof case_id);
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o) : 0;
    return swap_find(o, case_id, ret);
}

int swap_foresee(struct office *o, const char *meter_id, const gasm_Receipt *receipt)
{
    struct swap_case c;
    int r = 0;

    if (receipt->account_no == 0)
        return 0;
    if (ledger_says_closed(receipt) && receipt->ticket_serial != 0) {
        r = case_of_ticket(o, meter_id, receipt->ticket_serial, &c);
        if (r == 1 && c.old_account_no != receipt->account_no)
            r = 0;
    } else if (receipt->command == gasm_Command_IMPORT_CREDIT) {
        r = swap_find_account(o, receipt->account_no, false, &c);
    }
    return r == 1 && strcmp(c.state, "cancelled") == 0 ? swap_revive(o, &c) : r < 0 ? r : 0;
}
