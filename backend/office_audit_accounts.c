/* office_audit_accounts.c - the statements about litres: of each account, between the meters of a
 * swap, in closing certificates; see office_audit.h.
 *
 * One side is the ledger's, the other comes from elsewhere: totals that meters said, tokens as
 * issued, certificates.
 */
#include <stdio.h>
#include <string.h>

#include "backend/ledger.h"
#include "backend/office_audit.h"
#include "backend/office_issue.h"
#include "meter-core/swap.h"

/* ---- accounts ---- */

#define BALANCE(code)                                                                              \
    "COALESCE((SELECT l.debits - l.credits FROM ledger_account l WHERE l.org_id = a.org_id AND "   \
    "l.unit = 'litre' AND l.code = '" code "' AND l.owner = CAST(a.account_no AS TEXT)), 0), "

/* An account with what the ledger, its tokens and its meter say. */
struct row {
    long long no;
    char meter_id[GF_METER_ID_TEXT];
    int64_t sold, forgiven, debited, in_tokens, residual, consumed, cleared; /* balances */
    int64_t by_tokens, voided, overlap;     /* of transfers and certified debts; to a case again */
    int64_t issued;                         /* by all tokens but the voided, signed */
    uint64_t top_purchased, top_forgiven;   /* highest ceilings that were issued */
    bool has_posted;
    int64_t meter_seq; /* of the meter's last receipt, when that is of this account; 0 */
    struct ledger_totals posted;
    struct gf_span receipt, certificate; /* that it is posted up to; no bytes: not home */
};

/* CROSS JOIN keeps SQLite at the account's tokens first: else it may walk all postings for each
 * account. */
static const char account_columns[] =
    "SELECT a.account_no, a.meter_id, " BALANCE("sold") BALANCE("forgiven") BALANCE("debited")
        BALANCE("in-tokens") BALANCE("residual") BALANCE("consumed") BALANCE("cleared")
    "(SELECT CAST(COALESCE(SUM(CASE WHEN t.kind = 'debit' THEN -t.litres ELSE t.litres END), 0) AS "
    "BIGINT) FROM token t WHERE t.org_id = a.org_id AND t.account_no = a.account_no AND (t.kind = "
    "'transfer' OR (t.kind = 'debit' AND t.swap_case IS NOT NULL))), "
    "(SELECT CAST(COALESCE(SUM(v.amount), 0) AS BIGINT) FROM token t CROSS JOIN posting v WHERE "
    "v.org_id = t.org_id AND v.op_id = t.op_id AND v.kind = 'voided' AND v.code = 'transit' AND "
    "t.org_id = a.org_id AND t.account_no = a.account_no AND t.state = 'voided'), (SELECT "
    "CAST(COALESCE(SUM(-v.amount), 0) AS BIGINT) FROM posting v WHERE v.org_id = a.org_id AND "
    "v.unit = 'litre' AND v.code = 'in-tokens' AND v.owner = CAST(a.account_no AS TEXT) AND v.kind "
    "= 'overlap'), "
    "(SELECT CAST(COALESCE(SUM(CASE WHEN t.kind = 'debit' THEN -t.litres ELSE t.litres END), 0) AS "
    "BIGINT) FROM token t WHERE t.org_id = a.org_id AND t.account_no = a.account_no AND t.state <> "
    "'voided'), "
    "(SELECT MAX(t.purchased_l) FROM token t WHERE t.org_id = a.org_id AND t.account_no = "
    "a.account_no), "
    "(SELECT MAX(t.forgiven_l) FROM token t WHERE t.org_id = a.org_id AND t.account_no = "
    "a.account_no), "
    "CASE WHEN m.account_no = a.account_no THEN m.last_seq ELSE 0 END, p.seq, p.index_l, "
    "p.purged_l, p.opening_index_l, p.opening_purged_l, p.purchased_l, p.imported_l, "
    "p.forgiven_l, p.debited_l, p.cleared_l, p.exported_l, p.certified_l, p.debt_l, r.bytes, "
    "c.bytes FROM account a JOIN meter m ON m.org_id = a.org_id AND m.meter_id = a.meter_id LEFT "
    "JOIN posted_totals p ON p.org_id = a.org_id AND p.meter_id = a.meter_id AND p.account_no = "
    "a.account_no LEFT JOIN receipt r ON r.org_id = a.org_id AND r.meter_id = a.meter_id AND r.seq "
    "= p.seq LEFT JOIN closing c ON c.org_id = a.org_id AND c.meter_id = a.meter_id AND "
    "c.account_no = a.account_no AND c.receipt_seq = p.seq WHERE a.org_id = ?1 ORDER BY "
    "a.account_no";

static void read_row(struct odb_query *q, struct row *ret)
{
    int64_t *const balances[] = { &ret->sold,     &ret->forgiven, &ret->debited,
                                  &ret->in_tokens, &ret->residual, &ret->consumed,
                                  &ret->cleared,   &ret->by_tokens, &ret->voided,
                                 &ret->overlap,   &ret->issued };
    uint64_t *const totals[] = { &ret->posted.seq,          &ret->posted.index_l,
                                 &ret->posted.purged_l,     &ret->posted.opening_index_l,
                                 &ret->posted.opening_purged_l, &ret->posted.purchased_l,
                                 &ret->posted.imported_l,   &ret->posted.forgiven_l,
                                 &ret->posted.debited_l,    &ret->posted.cleared_l,
                                 &ret->posted.exported_l };

    *ret = (struct row){ .no = odb_int(q, 0) };
    odb_text(q, 1, ret->meter_id, sizeof ret->meter_id);
    for (int i = 0; i < 11; i++)
        *balances[i] = odb_int(q, 2 + i);
    ret->top_purchased = (uint64_t)odb_int(q, 13);
    ret->top_forgiven = (uint64_t)odb_int(q, 14);
    ret->meter_seq = odb_int(q, 15);
    ret->has_posted = !odb_is_null(q, 16);
    for (int i = 0; i < 11; i++)
        *totals[i] = (uint64_t)odb_int(q, 16 + i);
    ret->posted.certified_l = odb_int(q, 27);
    ret->posted.debt_l = odb_int(q, 28);
    ret->receipt = odb_bytes(q, 29);
    ret->certificate = odb_bytes(q, 30);
}

/* Numbers of a tampered row may leave 64 bits: then they cannot be equal, but must not trap. */
static int64_t sum(const int64_t *terms, size_t n)
{
    uint64_t s = 0;

    for (size_t i = 0; i < n; i++)
        s += (uint64_t)terms[i];
    return (int64_t)s;
}

static void check_litres(struct ho_audit *a, const struct row *w)
{
    const int64_t in[] = { -w->sold, w->posted.certified_l, w->by_tokens, -w->forgiven },
                  out[] = { w->consumed,
                            w->residual,
                            w->cleared,
                            (int64_t)w->posted.exported_l,
                            -w->posted.debt_l,
                            w->voided,
                            w->overlap,
                            w->debited,
                            w->in_tokens };

    ho_checked(a, HO_ACCOUNTS_BALANCE);
    if (sum(in, 4) != sum(out, 9))
        ho_broken(a, HO_ACCOUNTS_BALANCE,
                  "account %lld: sold %lld + imported %lld + forgiven %lld is not consumed %lld + "
                  "residual %lld + cleared %lld + exported %lld + debited %lld + in tokens %lld",
                  w->no, (long long)-w->sold, (long long)sum(in + 1, 2), (long long)-w->forgiven,
                  (long long)w->consumed, (long long)w->residual, (long long)w->cleared,
                  (long long)sum(out + 3, 4), (long long)w->debited, (long long)w->in_tokens);
}

static bool same_totals(const struct ledger_totals *p, const gasm_Totals *t)
{
    return p->index_l == t->index_l - t->after_closing_l && p->purged_l == t->purged_l
           && p->opening_index_l == t->opening_index_l
           && p->opening_purged_l == t->opening_purged_l && p->purchased_l == t->purchased_l
           && p->imported_l == t->imported_l && p->forgiven_l == t->forgiven_l
           && p->debited_l == t->debited_l && p->cleared_l == t->cleared_l
           && p->exported_l == t->exported_l;
}

/* The totals of what an account is posted up to: of its receipt, else of its closing certificate.
 * An opening ends the account before it. */
static bool find_totals(const struct row *w, gasm_Totals *ret)
{
    gasm_Receipt r;
    gasm_Certificate c;

    if (w->receipt.n > 0 && mc_receipt_peek(w->receipt, &r) == 0)
        *ret = r.account_no == (uint64_t)w->no ? r.after : r.before;
    else if (w->certificate.n > 0 && mc_certificate_peek(w->certificate, &c) == 0)
        *ret = c.totals;
    else
        return false;
    return true;
}

static void compare_ledger(struct ho_audit *a, const struct row *w, const gasm_Totals *t)
{
    int64_t consumed_l = (int64_t)(t->index_l - t->after_closing_l - t->opening_index_l
                                   - t->purged_l + t->opening_purged_l);
    const int64_t terms[] = { mc_residual_l(t), w->posted.debt_l };
    int64_t residual_l = sum(terms, 2);

    if (w->residual != residual_l || w->consumed != consumed_l
        || w->cleared != (int64_t)t->cleared_l)
        ho_broken(a, HO_RESIDUALS,
                  "account %lld: residual %lld, consumed %lld, cleared %lld in the ledger, %lld, "
                  "%lld, %lld on the meter (receipt %s %llu)",
                  w->no, (long long)w->residual, (long long)w->consumed, (long long)w->cleared,
                  (long long)residual_l, (long long)consumed_l, (long long)t->cleared_l,
                  w->meter_id, (unsigned long long)w->posted.seq);
}

/* What is posted is what the receipt says up to which it is posted, which is the meter's last. */
static void check_residual(struct ho_audit *a, const struct row *w)
{
    unsigned long long seq = w->posted.seq;
    gasm_Totals t;

    ho_checked(a, HO_RESIDUALS);
    if (w->meter_seq > (int64_t)w->posted.seq)
        ho_broken(a, HO_RESIDUALS, "account %lld: receipt %s %lld is not in the ledger", w->no,
                  w->meter_id, (long long)w->meter_seq);
    if (!w->has_posted)
        return;
    if (!find_totals(w, &t))
        ho_broken(a, HO_RESIDUALS,
                  "account %lld: receipt %s %llu, up to which it is posted, is gone", w->no,
                  w->meter_id, seq);
    else if (!same_totals(&w->posted, &t))
        ho_broken(a, HO_RESIDUALS, "account %lld: what is posted is not what receipt %s %llu says",
                  w->no, w->meter_id, seq);
    else
        compare_ledger(a, w, &t);
}

/* What meters hold by token was issued, and what was issued and is not held is in tokens. */
static void check_tokens(struct ho_audit *a, const struct row *w)
{
    const struct ledger_totals *p = &w->posted;
    const int64_t left[] = { w->issued,
                             -(int64_t)p->purchased_l,
                             -(int64_t)p->forgiven_l,
                             -(int64_t)p->imported_l,
                             (int64_t)p->debited_l,
                             p->certified_l,
                             -w->overlap };

    if (w->in_tokens != sum(left, 7))
        ho_broken(a, HO_TOKENS,
                  "account %lld: %lld l in tokens by the ledger, %lld by its tokens and its meter",
                  w->no, (long long)w->in_tokens, (long long)sum(left, 7));
    if (p->purchased_l > w->top_purchased || p->forgiven_l > w->top_forgiven)
        ho_broken(a, HO_RECHARGES,
                  "account %lld: its meter holds %llu l bought, %llu l forgiven; tokens of %llu "
                  "and %llu l were issued",
                  w->no, (unsigned long long)p->purchased_l, (unsigned long long)p->forgiven_l,
                  (unsigned long long)w->top_purchased, (unsigned long long)w->top_forgiven);
}

int ho_audit_accounts(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(o->db, account_columns, ODB_NONE);
    struct row w;
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        read_row(q, &w);
        check_litres(a, &w);
        check_residual(a, &w);
        check_tokens(a, &w);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- swaps ---- */

/* Both sides of a case but for its ledger accounts: out of the old account, into the new one. */
#define SWAP_ROWS                                                                                  \
    "SELECT s.case_id, s.number, s.state, s.made_at_ms, COALESCE(p.exported_l - p.debt_l, 0), "    \
    "COALESCE(n.certified_l, 0), (SELECT CAST(COALESCE(SUM(CASE WHEN t.kind = 'debit' THEN "       \
    "-t.litres ELSE t.litres END), 0) AS BIGINT) FROM token t WHERE t.org_id = s.org_id AND "      \
    "t.swap_case = s.case_id) FROM swap_case s LEFT JOIN posted_totals p ON p.org_id = s.org_id "  \
    "AND p.meter_id = s.old_meter_id AND p.account_no = s.old_account_no LEFT JOIN posted_totals " \
    "n ON n.org_id = s.org_id AND n.meter_id = s.new_meter_id AND n.account_no = "                 \
    "s.new_account_no WHERE s.org_id = ?1 ORDER BY s.case_id"

/* Litres that came into this case from tokens: voided ones, and such as a certificate overtook; less
 * those that are in the estimate by now, and those that nobody was there to get. */
static int returned_into(struct office *o, const char *owner, int64_t *ret)
{
    *ret = 0;
    if (odb_number(o->db, ret,
                   "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM posting WHERE org_id = ?1 "
                   "AND unit = 'litre' AND code IN ('transit', 'adjusted') AND owner = ?2 AND kind "
                   "IN ('voided', 'voided-undone', 'overlap', 'left')",
                   ODB(ODB_T(owner)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

static int check_case(struct ho_audit *a, struct odb_query *q)
{
    struct office *o = a->o;
    uint8_t id[16];
    char owner[33], number[32], state[16];
    int64_t transit = 0, adjusted = 0, returned = 0;

    (void)odb_copy(q, 0, id, sizeof id);
    ledger_owner_case(id, owner);
    odb_text(q, 1, number, sizeof number);
    odb_text(q, 2, state, sizeof state);

    int r = ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &transit);
    if (r == 0)
        r = ledger_balance(o, LEDGER_LITRE, LEDGER_ADJUSTED, owner, &adjusted);
    if (r == 0)
        r = returned_into(o, owner, &returned);
    if (r != 0)
        return r;

    bool is_over = strcmp(state, "settled") == 0 || strcmp(state, "cancelled") == 0;
    int64_t exported = strcmp(state, "cancelled") == 0 ? 0 : odb_int(q, 4);
    const int64_t out[] = { exported, returned, -adjusted },
                  in[] = { odb_int(q, 5), odb_int(q, 6), transit };

    ho_checked(a, HO_SWAPS);
    if (sum(out, 3) != sum(in, 3))
        ho_broken(a, HO_SWAPS,
                  "swap %s: exported %lld + adjusted %lld is not imported %lld + in transit %lld",
                  number, (long long)sum(out, 2), (long long)-adjusted, (long long)sum(in, 2),
                  (long long)transit);
    else if (is_over && transit != 0)
        ho_broken(a, HO_SWAPS, "swap %s is %s, and %lld l are in transit", number, state,
                  (long long)transit);
    else if (transit == 0 && strcmp(state, "closed") == 0)
        ho_broken(a, HO_SWAPS, "swap %s is closed, and nothing is in transit", number);
    else if (transit != 0)
        ho_note(a, HO_SWAPS, "swap %s: %lld l in transit, %lld days old", number,
                (long long)transit, (long long)((ho_now_ms(o) - odb_int(q, 3)) / 86400000));
    return 0;
}

/* One transit that is not zero: a case has spoken for itself, an account that closed without one is
 * listed, and there is no other. */
static int list_transit(struct ho_audit *a, const char *owner, int64_t litres)
{
    struct office *o = a->o;
    uint8_t id[16];
    int64_t n = 0;

    if (strlen(owner) < 32) {
        ho_note(a, HO_SWAPS, "account %s closed without a swap: %lld l in transit", owner,
                (long long)litres);
        return 0;
    }
    if (gf_unhex(owner, id, sizeof id) == 0
        && odb_number(o->db, &n,
                      "SELECT COUNT(*) FROM swap_case WHERE org_id = ?1 AND case_id = ?2",
                      ODB(ODB_B(id, sizeof id)))
               < 0)
        return ho_db_fail(o);
    if (n == 0)
        ho_broken(a, HO_SWAPS, "transit of %s, which is no swap: %lld l", owner, (long long)litres);
    return 0;
}

static int list_transits(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q =
        odb_query(o->db,
                  "SELECT owner, debits - credits FROM ledger_account WHERE org_id = ?1 AND unit = "
                  "'litre' AND code = 'transit' AND debits <> credits ORDER BY owner",
                  ODB_NONE);
    char owner[LEDGER_OWNER_MAX];
    int r = 0, failed = 0;

    while (failed == 0 && (r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, owner, sizeof owner);
        failed = list_transit(a, owner, odb_int(q, 1));
    }
    if (r < 0)
        failed = ho_db_fail(o);
    odb_end(q);
    return failed;
}

int ho_audit_swaps(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(o->db, SWAP_ROWS, ODB_NONE);
    int r = 0, failed = 0;

    while (failed == 0 && (r = odb_next(o->db, q)) == 1)
        failed = check_case(a, q);
    if (r < 0)
        failed = ho_db_fail(o);
    odb_end(q);
    return failed == 0 ? list_transits(a) : failed;
}

/* ---- closing certificates ---- */

static bool verifies(struct ho_audit *a, const char *meter_id, struct gf_span bytes,
                     gasm_Certificate *ret)
{
    uint8_t root[HO_KEY_LEN];
    bool ok = mc_certificate_peek(bytes, ret) == 0
              && ho_root_key(a->o, meter_id, ret->key_epoch, root) == 1
              && mc_certificate_open(a->o->ports.crypto, root, bytes, ret) == 0;

    gf_wipe(root, sizeof root);
    a->o->fail = (struct gf_fail){ 0 };
    return ok && memcmp(ret->meter_id, meter_id, GF_METER_ID_LEN) == 0;
}

static bool same_certified(const gasm_Totals *a, const gasm_Totals *b)
{
    return a->index_l == b->index_l && a->purged_l == b->purged_l
           && a->opening_index_l == b->opening_index_l
           && a->opening_purged_l == b->opening_purged_l && a->purchased_l == b->purchased_l
           && a->imported_l == b->imported_l && a->forgiven_l == b->forgiven_l
           && a->debited_l == b->debited_l && a->cleared_l == b->cleared_l
           && a->exported_l == b->exported_l && a->after_closing_l == b->after_closing_l;
}

/* The columns beside it: account, case (also where the meter knew of none), residual, token,
 * receipt, time, fault. */
static bool same_columns(struct odb_query *q, const gasm_Certificate *c)
{
    struct gf_span swap_case = odb_bytes(q, 3);

    return c->account_no == (uint64_t)odb_int(q, 1)
           && (c->swap_case.size == 0
               || (c->swap_case.size == swap_case.n
                   && memcmp(c->swap_case.bytes, swap_case.p, swap_case.n) == 0))
           && c->residual_l == odb_int(q, 4) && c->token_seq == (uint64_t)odb_int(q, 5)
           && c->receipt_seq == (uint64_t)odb_int(q, 6) && c->at_s == odb_int(q, 7)
           && c->valve_fault == (odb_int(q, 8) != 0);
}

/* Its receipt, when that is home, says the same. */
static bool same_receipt(struct odb_query *q, const gasm_Certificate *c)
{
    gasm_Receipt r;

    return odb_is_null(q, 9)
           || (mc_receipt_peek(odb_bytes(q, 9), &r) == 0
               && r.command == gasm_Command_CLOSE_ACCOUNT && r.account_no == c->account_no
               && same_certified(&r.after, &c->totals));
}

int ho_audit_closings(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT c.meter_id, c.account_no, c.bytes, c.swap_case, c.residual_l, c.token_seq, "
        "c.receipt_seq, c.at_s, c.valve_fault, r.bytes FROM closing c LEFT JOIN receipt r ON "
        "r.org_id = c.org_id AND r.meter_id = c.meter_id AND r.seq = c.receipt_seq WHERE c.org_id "
        "= ?1 ORDER BY c.meter_id, c.account_no",
        ODB_NONE);
    gasm_Certificate certificate;
    char meter_id[GF_METER_ID_TEXT];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        const char *wrong = NULL;

        odb_text(q, 0, meter_id, sizeof meter_id);
        ho_checked(a, HO_CLOSINGS);
        if (!verifies(a, meter_id, odb_bytes(q, 2), &certificate))
            wrong = "does not verify";
        else if (!same_columns(q, &certificate))
            wrong = "is registered otherwise than it says";
        else if (!same_receipt(q, &certificate))
            wrong = "differs from the receipt of the closing";
        if (wrong != NULL)
            ho_broken(a, HO_CLOSINGS, "closing of account %lld on %s %s", (long long)odb_int(q, 1),
                      meter_id, wrong);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}
