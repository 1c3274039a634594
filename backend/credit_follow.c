/* credit_follow.c - which tokens a receipt shows as taken, and which never will be; see credit.h.
 *
 * A meter takes the maximum of each ceiling, so its totals say what arrived, not which token
 * brought it, and that is enough: the ceilings of an account's tokens of one kind grow with each of
 * them, so totals at or above a token's own ceiling hold its litres. docs/payments.md has the rule,
 * and why a refund needs more than that.
 */
#include <string.h>

#include "backend/credit_in.h"

/* A receipt as it is looked at. */
struct shown {
    const char *meter_id;
    const gasm_Receipt *receipt;
    uint64_t account_no;
    int64_t at_s;
    uint64_t ceilings[CREDIT_CEILINGS];
    uint64_t last_seq;                 /* a token of at least this sequence was taken */
    uint64_t brought[CREDIT_CEILINGS]; /* litres of the tokens that it decided */
};

/* A recharge names its token. */
static int name_token(struct office *o, struct shown *s)
{
    const gasm_Receipt *r = s->receipt;
    int64_t sequence = 0, voided = 0;
    const struct odb_value op_id = ODB_B(r->op_id.bytes, r->op_id.size),
                           account = ODB_I(s->account_no);

    if (r->command != gasm_Command_RECHARGE)
        return 0;
    if (odb_number(o->db, &sequence,
                   "SELECT sequence FROM token WHERE org_id = ?1 AND op_id = ?2 AND account_no = "
                   "?3",
                   ODB(op_id, account))
            < 0
        || odb_number(o->db, &voided,
                      "SELECT sequence FROM token WHERE org_id = ?1 AND op_id = ?2 AND account_no "
                      "= ?3 AND state = 'voided'",
                      ODB(op_id, account))
               < 0)
        return ho_db_fail(o);
    s->last_seq = (uint64_t)sequence;
    return voided == 0 ? 0
                       : ho_log(o, "office", "voided token taken", "%llu/%llu on %s, receipt %llu",
                                (unsigned long long)s->account_no, (unsigned long long)voided,
                                s->meter_id, (unsigned long long)r->seq);
}

/* Post every pending token whose own ceiling is reached. Certificates raise what transfers and
 * debits raise too, so only the other two kinds prove that a token of their sequence was taken. */
static int post_reached(struct office *o, struct shown *s)
{
    struct credit_token t = { 0 };
    int r;

    while ((r = credit_next_pending(o, s->account_no, t.sequence, &t)) == 1) {
        const struct credit_kind *kind = credit_kind_find(t.kind);
        const uint64_t own_l[CREDIT_CEILINGS] = { t.purchased_l, t.imported_l, t.forgiven_l,
                                                  t.debited_l };

        if (kind->sign == 0 || s->ceilings[kind->ceiling] < own_l[kind->ceiling])
            continue;
        if ((r = credit_taken(o, &t, s->receipt->seq, s->at_s)) != 0)
            return r;
        s->brought[kind->ceiling] += (uint64_t)t.litres;
        if ((kind->ceiling == CREDIT_PURCHASED || kind->ceiling == CREDIT_FORGIVEN)
            && t.sequence > s->last_seq)
            s->last_seq = t.sequence;
    }
    return r;
}

/* A receipt from the closing on: the certificate says which token was the last. */
static int ask_certificate(struct office *o, struct shown *s)
{
    int64_t last = 0;

    if (s->receipt->state != gasm_LifeState_CLOSED)
        return 0;
    if (odb_number(o->db, &last,
                   "SELECT token_seq FROM closing WHERE org_id = ?1 AND meter_id = ?2 AND "
                   "account_no = ?3 AND receipt_seq <= ?4",
                   ODB(ODB_T(s->meter_id), ODB_I(s->account_no), ODB_I(s->receipt->seq)))
        < 0)
        return ho_db_fail(o);
    if ((uint64_t)last > s->last_seq)
        s->last_seq = (uint64_t)last;
    return 0;
}

/* A refund under way: its token is posted by now when the totals hold its litres. They do not, and
 * the token behind it was taken: then the meter never took it, and never can. */
static int decide_refund(struct office *o, struct shown *s)
{
    struct refund refund;
    struct credit_token t;
    int r = refund_under_way(o, s->account_no, &refund);

    if (r == 1)
        r = credit_find_token(o, s->account_no, refund.sequence, &t);
    if (r != 1)
        return r;
    if (strcmp(t.state, "pending") != 0)
        return refund_refuse(o, &refund, "the meter took the token");
    return s->last_seq >= refund.by_sequence ? refund_pay(o, &refund, s->receipt->seq, s->at_s) : 0;
}

/* Tokens that only take back carry no credit: they are done when one of their sequence or a later
 * one was taken. */
static int post_refunds(struct office *o, const struct shown *s)
{
    if (s->last_seq > 0 /* tokens count from 1 */
        && odb_exec(o->db,
                    "UPDATE token SET state = 'posted', settled_at_ms = ?4, settled_seq = ?5 WHERE "
                    "org_id = ?1 AND account_no = ?2 AND sequence <= ?3 AND kind = 'refund' AND "
                    "state = 'pending'",
                    ODB(ODB_I(s->account_no), ODB_I(s->last_seq), ODB_I(ho_now_ms(o)),
                        ODB_I(s->receipt->seq)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

/* The cases of this meter, and whether it is over in the one where it is the old one: from then on
 * a receipt moves the transit of that. */
struct moved_cases {
    bool has_old, has_new, is_over;
    uint8_t of_old[16], of_new[16]; /* where this meter is the old one, the new one */
};

/* 1, 0 or a store error. Ends the query. */
static int read_case(struct office *o, struct odb_query *q, uint8_t ret[static 16])
{
    int r = odb_next(o->db, q);

    if (r == 1)
        (void)odb_copy(q, 0, ret, 16);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* 0 or a store error. */
static int find_cases(struct office *o, const struct shown *s, struct moved_cases *ret)
{
    const struct odb_value meter = ODB_T(s->meter_id), account = ODB_I(s->account_no);
    int r = read_case(o,
                      odb_query(o->db,
                                "SELECT case_id FROM swap_case WHERE org_id = ?1 AND old_meter_id "
                                "= ?2 AND old_account_no = ?3 AND state <> 'cancelled'",
                                ODB(meter, account)),
                      ret->of_old);

    ret->is_over = s->receipt->after.exported_l > 0 || ledger_says_closed(s->receipt);
    ret->has_old = r == 1;
    if (r >= 0)
        r = read_case(o,
                      odb_query(o->db,
                                "SELECT case_id FROM swap_case WHERE org_id = ?1 AND new_meter_id "
                                "= ?2 AND new_account_no = ?3 AND state <> 'cancelled'",
                                ODB(meter, account)),
                      ret->of_new);
    ret->has_new = r == 1;
    return r < 0 ? r : 0;
}

/* Was the token voided into this case? 1, 0 or a store error. */
static int is_voided_into(struct office *o, const struct credit_token *t,
                          const uint8_t swap_case[static 16])
{
    char owner[33];
    int64_t n = 0;

    if (strcmp(t->state, "voided") != 0)
        return 0;
    ledger_owner_case(swap_case, owner);
    if (odb_number(o->db, &n,
                   "SELECT COUNT(*) FROM posting WHERE org_id = ?1 AND op_id = ?2 AND kind = "
                   "'voided' AND code = 'transit' AND owner = ?3",
                   ODB(ODB_B(t->op_id, 16), ODB_T(owner)))
        < 0)
        return ho_db_fail(o);
    return n > 0;
}

/* The old meter of a swap speaks after it was given up: what it took of the tokens that went over
 * with it is not the case's. From its end on it is in what the meter exported; before that it is in
 * what was estimated, and goes with that. */
static int take_back(struct office *o, struct shown *s, const uint8_t swap_case[static 16])
{
    const enum ledger_code from =
        ledger_says_closed(s->receipt) ? LEDGER_TRANSIT : LEDGER_ADJUSTED;
    struct credit_token t = { 0 };
    int r;

    while ((r = credit_next_token(o, s->account_no, t.sequence, &t)) == 1) {
        const struct credit_kind *kind = credit_kind_find(t.kind);
        const uint64_t own_l[CREDIT_CEILINGS] = { t.purchased_l, t.imported_l, t.forgiven_l,
                                                  t.debited_l };

        if (kind->sign == 0 || s->ceilings[kind->ceiling] < own_l[kind->ceiling])
            continue;
        if ((r = is_voided_into(o, &t, swap_case)) == 1) {
            s->brought[kind->ceiling] += (uint64_t)t.litres;
            r = credit_taken_after_all(o, &t, s->receipt->seq, s->at_s, swap_case, from);
        }
        if (r != 0)
            return r;
    }
    return r;
}

int credit_follow(struct office *o, const char *meter_id, const gasm_Receipt *receipt)
{
    const gasm_Totals *t = &receipt->after;
    struct shown s = { .meter_id = meter_id,
                       .receipt = receipt,
                       .account_no = receipt->account_no,
                       .at_s = receipt->clock_valid ? receipt->at_s : ho_now_ms(o) / 1000,
                       .ceilings = { t->purchased_l, t->imported_l, t->forgiven_l, t->debited_l } };
    struct moved_cases cases;
    int r = 0;

    if (receipt->account_no != 0 && (r = name_token(o, &s)) == 0 && (r = post_reached(o, &s)) == 0
        && (r = ask_certificate(o, &s)) == 0 && (r = decide_refund(o, &s)) == 0)
        r = post_refunds(o, &s);
    if (r == 0)
        r = find_cases(o, &s, &cases);
    if (r == 0 && cases.has_old)
        r = take_back(o, &s, cases.of_old);
    if (r < 0)
        return r;

    const struct ledger_reading reading = { .meter_id = meter_id,
                                            .receipt = receipt,
                                            .imported_by_token_l = s.brought[CREDIT_IMPORTED],
                                            .debited_by_token_l = s.brought[CREDIT_DEBITED],
                                            .swap_case = cases.has_old && cases.is_over
                                                             ? cases.of_old
                                                             : NULL,
                                            .from_case = cases.has_new ? cases.of_new : NULL };
    return ledger_follow(o, &reading);
}

/* ---- receipts of use ---- */

int credit_look(struct office *o, const char *meter_id, uint64_t account_no,
                struct credit_quiet *ret)
{
    int64_t n = 0;
    int r;

    *ret = (struct credit_quiet){ 0 };
    if (odb_number(o->db, &n,
                   "SELECT CASE WHEN EXISTS (SELECT 1 FROM token WHERE org_id = ?1 AND account_no "
                   "= ?2 AND state = 'pending') OR EXISTS (SELECT 1 FROM refund WHERE org_id = ?1 "
                   "AND account_no = ?2 AND state = 'asked') OR EXISTS (SELECT 1 FROM swap_case "
                   "WHERE org_id = ?1 AND supply_point = (SELECT supply_point FROM account WHERE "
                   "org_id = ?1 AND account_no = ?2) AND (old_account_no = ?2 OR new_account_no = "
                   "?2)) THEN 1 ELSE 0 END",
                   ODB(ODB_I(account_no)))
        < 0)
        return ho_db_fail(o);
    r = n == 0 ? ledger_posted(o, meter_id, account_no, &ret->posted) : 0;
    if (r == 1)
        ret->account_no = account_no;
    return r;
}

bool credit_moves(gasm_Command command)
{
    return command == gasm_Command_OPEN_ACCOUNT || command == gasm_Command_CLOSE_ACCOUNT
           || command == gasm_Command_RECHARGE || command == gasm_Command_IMPORT_CREDIT;
}

bool credit_is_plain(const gasm_Receipt *receipt)
{
    return receipt->account_no != 0 && !ledger_says_closed(receipt)
           && !credit_moves(receipt->command);
}

int credit_follow_quiet(struct office *o, const char *meter_id, const gasm_Receipt *receipt,
                        struct credit_quiet *quiet)
{
    const struct ledger_reading reading = { .meter_id = meter_id,
                                            .receipt = receipt,
                                            .posted = &quiet->posted };

    return ledger_follow(o, &reading);
}

/* ---- closing ---- */

/* A refund under way when the account ended. The closing's own totals were followed before: of a
 * token that they hold the refund is decided by now, so this one was never taken, and never can be.
 * No number of a last token says that: one that never came counts as taken too, once a later one
 * brought its litres. Of a dead meter nothing is known. */
static int close_refund(struct office *o, const struct refund *refund,
                        const struct credit_end *end)
{
    if (end->is_estimate)
        return refund_refuse(o, refund,
                             "the meter is dead and was estimated, so nothing proves that the "
                             "token was not used: its litres go on with the swap");
    return refund_pay(o, refund, 0, ho_now_ms(o) / 1000);
}

int credit_void_after(struct office *o, const struct credit_end *end, int64_t *ret_l)
{
    struct credit_token t = { .sequence = end->last_seq };
    struct refund refund;
    int64_t litres = 0;
    int r = refund_under_way(o, end->account_no, &refund);

    if (r == 1)
        r = close_refund(o, &refund, end);
    while (r == 0 && (r = credit_next_pending(o, end->account_no, t.sequence, &t)) == 1) {
        litres += credit_kind_find(t.kind)->sign * t.litres;
        r = credit_void(o, &t, 0, ho_now_ms(o) / 1000, end->swap_case);
    }
    if (r == 0)
        *ret_l = litres;
    return r;
}
