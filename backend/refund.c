/* refund.c - an unused token is given back: two persons, and the meter's own receipt; see credit.h.
 */
#include <stdio.h>
#include <string.h>

#include "backend/credit_in.h"
#include "backend/swap_case.h"

/* ---- rows ---- */

#define REFUND_COLUMNS                                                                             \
    "SELECT refund_id, account_no, sequence, by_sequence, state, currency, asked_by, "             \
    "approved_by, reason, amount_minor, asked_at_ms, ended_at_ms, why FROM refund WHERE org_id = " \
    "?1 AND "

static int first_refund(struct office *o, struct odb_query *q, struct refund *ret)
{
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct refund){ .account_no = (uint64_t)odb_int(q, 1),
                                .sequence = (uint64_t)odb_int(q, 2),
                                .by_sequence = (uint64_t)odb_int(q, 3),
                                .amount_minor = odb_int(q, 9),
                                .asked_at_ms = odb_int(q, 10),
                                .ended_at_ms = odb_int(q, 11) };
        (void)odb_copy(q, 0, ret->refund_id, sizeof ret->refund_id);
        odb_text(q, 4, ret->state, sizeof ret->state);
        odb_text(q, 5, ret->currency, sizeof ret->currency);
        odb_text(q, 6, ret->asked_by, sizeof ret->asked_by);
        odb_text(q, 7, ret->approved_by, sizeof ret->approved_by);
        odb_text(q, 8, ret->reason, sizeof ret->reason);
        odb_text(q, 12, ret->why, sizeof ret->why);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int refund_find(struct office *o, const uint8_t refund_id[static 16], struct refund *ret)
{
    return first_refund(
        o, odb_query(o->db, REFUND_COLUMNS "refund_id = ?2", ODB(ODB_B(refund_id, 16))), ret);
}

int refund_next(struct office *o, const uint8_t after[static 16], struct refund *ret)
{
    return first_refund(o,
                        odb_query(o->db, REFUND_COLUMNS "refund_id > ?2 ORDER BY refund_id LIMIT 1",
                                  ODB(ODB_B(after, 16))),
                        ret);
}

int refund_under_way(struct office *o, uint64_t account_no, struct refund *ret)
{
    return first_refund(o,
                        odb_query(o->db, REFUND_COLUMNS "account_no = ?2 AND state = 'asked'",
                                  ODB(ODB_I(account_no))),
                        ret);
}

/* The one of a token that is not refused. */
static int refund_of(struct office *o, uint64_t account_no, uint64_t sequence, struct refund *ret)
{
    return first_refund(o,
                        odb_query(o->db,
                                  REFUND_COLUMNS
                                  "account_no = ?2 AND sequence = ?3 AND state <> 'refused'",
                                  ODB(ODB_I(account_no), ODB_I(sequence))),
                        ret);
}

/* A refused one makes room for another: its column `live` is null. */
static int end_refund(struct office *o, const struct refund *refund, const char *state,
                      const char *why)
{
    const struct odb_value none = { .type = ODB_NULL };

    if (odb_exec(o->db,
                 "UPDATE refund SET state = ?3, ended_at_ms = ?4, why = ?5, live = ?6 WHERE org_id "
                 "= ?1 AND refund_id = ?2",
                 ODB(ODB_B(refund->refund_id, 16), ODB_T(state), ODB_I(ho_now_ms(o)), ODB_T(why),
                     why[0] == '\0' ? ODB_I(1) : none))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, "office", "refund ended", "%llu/%llu: %s%s%s",
                  (unsigned long long)refund->account_no, (unsigned long long)refund->sequence,
                  state, why[0] != '\0' ? ": " : "", why);
}

/* ---- wanted ---- */

static int not_now(struct office *o, const char *why)
{
    return ho_fail(o, GF_E_NOT_NOW, "sequence", why);
}

/* Can this token be given back? Only the newest sale: a later one's ceiling holds the litres of all
 * before it, so that the meter could get them from there. */
static int check_token(struct office *o, uint64_t account_no, uint64_t sequence,
                       struct credit_token *ret)
{
    struct refund other;
    int64_t newest = 0;
    int r = credit_find_token(o, account_no, sequence, ret);

    if (r == 0)
        return ho_fail(o, GF_E_FORMAT, "sequence", "there is no such token");
    if (r == 1)
        r = refund_under_way(o, account_no, &other);
    if (r == 1)
        return not_now(o, "another token of this account is being given back");
    if (r == 0
        && odb_number(o->db, &newest,
                      "SELECT MAX(sequence) FROM token WHERE org_id = ?1 AND account_no = ?2 AND "
                      "kind = 'sale' AND state <> 'voided'",
                      ODB(ODB_I(account_no)))
               < 0)
        r = ho_db_fail(o);
    if (r != 0)
        return r;
    if (strcmp(ret->kind, "sale") != 0)
        return not_now(o, "only what was bought can be given back");
    if (strcmp(ret->state, "pending") != 0)
        return not_now(o, "the token was taken by the meter, or is void");
    return (uint64_t)newest == sequence ? 0 : not_now(o, "only the newest sale can be given back");
}

/* What is paid back: what the token cost, at most what its payment brought; the rest stays with the
 * customer as change. */
static int amount_of(struct office *o, const struct credit_token *t, int64_t *ret_minor)
{
    struct payment payment;
    int r = payment_find(o, t->payment_id, &payment);

    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "payment", "the token's payment is missing");
    if (r < 0)
        return r;
    *ret_minor = t->price_minor < payment.amount_minor ? t->price_minor : payment.amount_minor;
    return 0;
}

int refund_want(struct office *o, const uint8_t refund_id[static 16], uint64_t account_no,
                uint64_t sequence, const char *asked_by, const char *reason)
{
    struct credit_token t;
    struct refund known;
    int64_t amount = 0;
    int r = refund_find(o, refund_id, &known);

    if (r == 1)
        return known.account_no == account_no && known.sequence == sequence
                   ? 0
                   : ho_fail(o, GF_E_MISMATCH, "refund_id", "is of another token");
    if (r == 0 && (r = refund_of(o, account_no, sequence, &known)) == 1)
        return not_now(o, strcmp(known.state, "paid") == 0 ? "this token was given back before"
                                                           : "this token is asked back already");
    if (r != 0 || (r = check_token(o, account_no, sequence, &t)) != 0
        || (r = amount_of(o, &t, &amount)) != 0)
        return r;
    if (odb_exec(o->db,
                 "INSERT INTO refund (org_id, refund_id, account_no, sequence, state, "
                 "amount_minor, currency, asked_by, approved_by, asked_at_ms, reason, live) VALUES "
                 "(?1, ?2, ?3, ?4, 'wanted', ?5, ?6, ?7, '', ?8, ?9, 1)",
                 ODB(ODB_B(refund_id, 16), ODB_I(account_no), ODB_I(sequence), ODB_I(amount),
                     ODB_T(t.currency), ODB_T(asked_by), ODB_I(ho_now_ms(o)), ODB_T(reason)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, asked_by, "refund wanted", "%llu/%llu", (unsigned long long)account_no,
                  (unsigned long long)sequence);
}

/* ---- approved, rejected ---- */

static int find_wanted(struct office *o, const uint8_t refund_id[static 16], struct refund *ret)
{
    int r = refund_find(o, refund_id, ret);

    return r == 0 ? ho_fail(o, GF_E_FORMAT, "refund_id", "there is no such refund") : r;
}

int refund_approve(struct office *o, const uint8_t refund_id[static 16], const char *approved_by,
                   struct refund *ret)
{
    struct credit_token t, by;
    int r = find_wanted(o, refund_id, ret);

    if (r < 0)
        return r;
    if (strcmp(ret->state, "wanted") != 0)
        return strcmp(ret->approved_by, approved_by) == 0
                   ? 0
                   : ho_fail(o, GF_E_NOT_NOW, "refund_id", "it is decided already");
    if (strcmp(ret->asked_by, approved_by) == 0)
        return ho_fail(o, GF_E_NOT_NOW, "approved_by", "another person than who asked has to");
    if ((r = check_token(o, ret->account_no, ret->sequence, &t)) != 0)
        return r;
    /* Under way before its token is made: the ceilings are counted without what is given back. */
    if (odb_exec(o->db,
                 "UPDATE refund SET state = 'asked', approved_by = ?3 WHERE org_id = ?1 AND "
                 "refund_id = ?2",
                 ODB(ODB_B(refund_id, 16), ODB_T(approved_by)))
        < 0)
        return ho_db_fail(o);
    r = credit_issue(o,
                     &(struct credit_new){ .account_no = ret->account_no,
                                           .kind = "refund",
                                           .cause_id = refund_id,
                                           .made_by = approved_by,
                                           .reason = ret->reason,
                                           .refunds_seq = ret->sequence },
                     &by);
    if (r == 0
        && odb_exec(o->db,
                    "UPDATE refund SET by_sequence = ?3 WHERE org_id = ?1 AND refund_id = ?2",
                    ODB(ODB_B(refund_id, 16), ODB_I(by.sequence)))
               < 0)
        r = ho_db_fail(o);
    if (r == 0)
        r = find_wanted(o, refund_id, ret);
    return r < 0 ? r : 0;
}

int refund_reject(struct office *o, const uint8_t refund_id[static 16], const char *by,
                  struct refund *ret)
{
    int r = find_wanted(o, refund_id, ret);

    if (r < 0)
        return r;
    if (strcmp(ret->state, "wanted") != 0)
        return strcmp(ret->state, "refused") == 0 && strcmp(ret->approved_by, by) == 0
                   ? 0
                   : ho_fail(o, GF_E_NOT_NOW, "refund_id", "it is decided already");
    if (odb_exec(o->db, "UPDATE refund SET approved_by = ?3 WHERE org_id = ?1 AND refund_id = ?2",
                 ODB(ODB_B(refund_id, 16), ODB_T(by)))
        < 0)
        return ho_db_fail(o);
    r = end_refund(o, ret, "refused", "rejected");
    if (r == 0)
        r = find_wanted(o, refund_id, ret);
    return r < 0 ? r : 0;
}

int refund_ask(struct office *o, const uint8_t refund_id[static 16], uint64_t account_no,
               uint64_t sequence, const char *asked_by, const char *approved_by, const char *reason,
               uint64_t *ret_sequence)
{
    struct refund refund;
    int r = refund_want(o, refund_id, account_no, sequence, asked_by, reason);

    if (r == 0)
        r = refund_approve(o, refund_id, approved_by, &refund);
    if (r == 0)
        *ret_sequence = refund.by_sequence;
    return r;
}

/* ---- decided by the meter ---- */

int refund_refuse(struct office *o, const struct refund *refund, const char *why)
{
    return end_refund(o, refund, "refused", why);
}

static int pay_out(struct office *o, const struct refund *refund, const struct payment *payment)
{
    const int64_t amount = refund->amount_minor * CREDIT_MILLI;
    char account[24];
    struct ledger_entry e = { .kind = "refund",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = refund->approved_by,
                              .note = refund->reason,
                              .postings = { { refund->currency, LEDGER_CUSTOMER, account, amount },
                                            { refund->currency, LEDGER_CASH, payment->provider,
                                              -amount } },
                              .n = 2 };

    memcpy(e.op_id, refund->refund_id, sizeof e.op_id);
    ledger_owner(refund->account_no, account);

    int r = ledger_post(o, &e);
    if (r >= 0
        && odb_exec(o->db,
                    "UPDATE payment SET state = 'refunded' WHERE org_id = ?1 AND payment_id = ?2",
                    ODB(ODB_B(payment->payment_id, 16)))
               < 0)
        r = ho_db_fail(o);
    return r < 0 ? r : 0;
}

int refund_pay(struct office *o, const struct refund *refund, uint64_t seq, int64_t at_s)
{
    struct credit_token t;
    struct payment payment;
    int r = credit_find_token(o, refund->account_no, refund->sequence, &t);

    if (r == 1)
        r = payment_find(o, t.payment_id, &payment);
    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "refund", "its token or payment is missing");
    if (r == 1 && (r = credit_void(o, &t, seq, at_s, NULL)) == 0
        && (r = pay_out(o, refund, &payment)) == 0)
        r = end_refund(o, refund, "paid", "");
    return r == 0 ? swap_carry_money(o, refund->account_no) : r;
}
