/* swap_close.c - the end of an account: certificates, receipts, and what follows from them; see
 * swap_case.h. */
#include <string.h>

#include "backend/office_issue.h"
#include "backend/swap_in.h"

/* ---- the books ---- */

int swap_move_place(struct office *o, const struct swap_move *m)
{
    const struct odb_value from = ODB_T(m->from_meter_id), to = ODB_T(m->to_meter_id),
                           old = ODB_I(m->from_account_no), now = ODB_I(ho_now_ms(o));

    if (odb_exec(o->db,
                 "UPDATE supply_point SET meter_id = ?3 WHERE org_id = ?1 AND supply_point = ?2",
                 ODB(ODB_T(m->supply_point), to))
            < 0
        || odb_exec(o->db,
                    "INSERT INTO binding (org_id, customer_no, meter_id, account_no, bound_at_ms) "
                    "SELECT org_id, customer_no, CAST(?2 AS TEXT), CAST(?3 AS BIGINT), CAST(?4 AS "
                    "BIGINT) FROM binding WHERE org_id = ?1 AND meter_id = ?5 AND account_no = ?6 "
                    "AND ended_at_ms IS NULL ON CONFLICT (org_id, customer_no, meter_id) DO UPDATE "
                    "SET account_no = excluded.account_no, bound_at_ms = excluded.bound_at_ms, "
                    "ended_at_ms = NULL",
                    ODB(to, ODB_I(m->to_account_no), now, from, old))
               < 0
        || odb_exec(o->db,
                    "UPDATE binding SET ended_at_ms = ?4 WHERE org_id = ?1 AND meter_id = ?2 AND "
                    "account_no = ?3 AND ended_at_ms IS NULL",
                    ODB(from, old, now))
               < 0)
        return ho_db_fail(o);
    return ho_void_customer_tickets(o, m->from_meter_id);
}

static int free_place(struct office *o, uint64_t account_no, const char *meter_id,
                      uint64_t bound_account_no)
{
    const struct odb_value meter = ODB_T(meter_id);

    if (odb_exec(o->db,
                 "UPDATE supply_point SET meter_id = NULL WHERE org_id = ?1 AND supply_point = "
                 "(SELECT supply_point FROM account WHERE org_id = ?1 AND account_no = ?3) AND "
                 "meter_id = ?2",
                 ODB(meter, ODB_I(account_no)))
            < 0
        || odb_exec(o->db,
                    "UPDATE binding SET ended_at_ms = ?4 WHERE org_id = ?1 AND meter_id = ?2 AND "
                    "account_no = ?3 AND ended_at_ms IS NULL",
                    ODB(meter, ODB_I(bound_account_no), ODB_I(ho_now_ms(o))))
               < 0)
        return ho_db_fail(o);
    return 0;
}

/* A meter is taken away and none comes: its place is free, its customers' programs let go of it; and
 * of the one that it replaced, when its opening has not come home. */
static int leave_place(struct office *o, const struct swap_closing *closing)
{
    const uint64_t no = closing->account_no;
    struct swap_case before;
    int r = swap_find_account(o, no, false, &before);

    if (r == 1 && strcmp(before.state, "cancelled") != 0)
        r = free_place(o, no, before.old_meter_id, before.old_account_no);
    return r < 0 ? r : free_place(o, no, closing->meter_id, no);
}

/* The account's row, the first time that the meter itself says that it is closed. 1, 0 when that
 * was known, or a failure. */
static int close_account(struct office *o, const struct swap_closing *closing)
{
    int n = odb_exec(o->db,
                     "UPDATE account SET state = 'closed', closed_at_s = ?3, closed_seq = ?4, "
                     "residual_l = ?5 WHERE org_id = ?1 AND account_no = ?2 AND closed_seq IS NULL",
                     ODB(ODB_I(closing->account_no), ODB_I(closing->at_s),
                         ODB_I(closing->receipt_seq), ODB_I(closing->residual_l)));

    if (n < 0)
        return ho_db_fail(o);
    if (n == 0)
        return 0;
    n = ho_log(o, "office", "account closed", "%llu on %s with %lld l",
               (unsigned long long)closing->account_no, closing->meter_id,
               (long long)closing->residual_l);
    if (n == 0)
        n = ho_void_customer_tickets(o, closing->meter_id);
    return n == 0 ? 1 : n;
}

/* Cases at an account's place that wait for it. */
static int settle_place(struct office *o, uint64_t account_no)
{
    struct credit_account account;
    int r = credit_find_account(o, account_no, &account);

    return r == 1 ? swap_settle_waiting(o, account.supply_point) : r;
}

int swap_close_books(struct office *o, struct swap_case *c, const struct swap_closing *closing)
{
    const struct credit_end end = { .account_no = closing->account_no,
                                    .last_seq = closing->last_token_seq,
                                    .swap_case = c != NULL ? c->case_id : NULL };
    int64_t voided_l = 0;
    int is_new = close_account(o, closing), r = is_new < 0 ? is_new : 0;

    if (r == 0)
        r = credit_void_after(o, &end, &voided_l);
    if (r == 0 && c == NULL) {
        r = is_new == 1 ? leave_place(o, closing) : 0;
        return r == 0 ? settle_place(o, closing->account_no) : r;
    }
    if (r == 0 && c->has_estimate && is_new == 1)
        r = swap_undo_estimate(o, c, closing->at_s);
    if (r == 0 && strcmp(c->state, "planned") == 0)
        r = swap_set_state(o, c, "closed");
    if (r == 0)
        r = swap_carry_money(o, closing->account_no);
    if (r == 0)
        r = swap_settle_rest(o, c);
    return r == 0 ? swap_settle_waiting(o, c->supply_point) : r;
}

/* ---- certificates ---- */

/* Verify under the meter's receipt key; its account is the meter's. */
static int open_certificate(struct office *o, struct gf_span sealed, char meter_id[static 13],
                            gasm_Certificate *ret)
{
    static const char wrong[] = "the certificate does not verify under its meter's key";
    struct credit_account account;
    uint8_t root[HO_KEY_LEN];
    int r;

    if (mc_certificate_peek(sealed, ret) != 0)
        return ho_fail(o, GF_E_FORMAT, "certificate", "this certificate cannot be decoded");
    if (!ho_wire_meter_id(ret->meter_id, meter_id))
        return ho_fail(o, GF_E_FORMAT, "certificate", "this certificate names no meter");
    if ((r = ho_root_key(o, meter_id, ret->key_epoch, root)) != 1)
        return r < 0 ? r : ho_fail(o, GF_E_SIGNATURE, "certificate", wrong);
    r = mc_certificate_open(o->ports.crypto, root, sealed, ret);
    gf_wipe(root, sizeof root);
    if (r != 0)
        return ho_fail(o, GF_E_SIGNATURE, "certificate", wrong);
    if (!ledger_bears(&ret->totals) || ret->residual_l > (int64_t)MC_CEILING_MAX_L
        || ret->residual_l < -(int64_t)MC_CEILING_MAX_L)
        return ho_fail(o, GF_E_MISMATCH, "residual_l",
                       "it says more than 2^48 litres, which no token brings");
    if ((r = credit_find_account(o, ret->account_no, &account)) < 0)
        return r;
    return r == 1 && strcmp(account.meter_id, meter_id) == 0
               ? 0
               : ho_fail(o, GF_E_MISMATCH, "account_no", "the meter has no account of this number");
}

/* The case that it was made for: the one that it names; or, of a meter that was read after an
 * estimate, the one of its account. 1, 0 or a failure. */
static int find_case(struct office *o, const gasm_Certificate *cert, const char *meter_id,
                     struct gf_span sealed, struct swap_case *ret)
{
    int r;

    if (cert->swap_case.size == 0) {
        r = swap_find_account(o, cert->account_no, true, ret);
        return r == 1 && strcmp(ret->state, "cancelled") == 0 ? 0 : r;
    }
    if ((r = swap_find(o, cert->swap_case.bytes, ret)) < 0)
        return r;
    if (r == 0)
        return ho_fail(o, GF_E_MISMATCH, "swap_case", "there is no such swap case");
    if (strcmp(ret->old_meter_id, meter_id) != 0 || ret->old_account_no != cert->account_no)
        return ho_fail(o, GF_E_MISMATCH, "swap_case", "the case is of another meter or account");
    if (memcmp(cert->counterpart_id.bytes, ret->new_meter_id, GF_METER_ID_LEN) != 0)
        return ho_fail(o, GF_E_MISMATCH, "counterpart_id", "the case has another new meter");
    if ((r = swap_check_mac(o, ret, sealed)) < 0)
        return r;
    return r == 1 ? 1 : ho_fail(o, GF_E_SIGNATURE, "certificate",
                                "its mac for the new meter was changed");
}

/* 1: the same is home; 0: none is; or a failure. */
static int is_home(struct office *o, const gasm_Certificate *cert, const char *meter_id,
                   struct gf_span sealed)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT bytes FROM closing WHERE org_id = ?1 AND meter_id = ?2 AND account_no = ?3",
        ODB(ODB_T(meter_id), ODB_I(cert->account_no)));
    int r = odb_next(o->db, q);
    bool is_same = false;

    if (r == 1) {
        struct gf_span bytes = odb_bytes(q, 0);

        is_same = bytes.n == sealed.n && memcmp(bytes.p, sealed.p, sealed.n) == 0;
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    return r == 1 && !is_same ? ho_fail(o, GF_E_MISMATCH, "certificate",
                                        "another certificate of this account is home")
                              : r;
}

static int store(struct office *o, const gasm_Certificate *cert, const char *meter_id,
                 struct gf_span sealed, const struct swap_case *c, const char *brought_by)
{
    if (odb_exec(o->db,
                 "INSERT INTO closing (org_id, meter_id, account_no, bytes, swap_case, residual_l, "
                 "token_seq, receipt_seq, at_s, valve_fault, received_at_ms, brought_by) VALUES "
                 "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                 ODB(ODB_T(meter_id), ODB_I(cert->account_no), ODB_B(sealed.p, sealed.n),
                     ODB_B(c != NULL ? c->case_id : NULL, 16), ODB_I(cert->residual_l),
                     ODB_I(cert->token_seq), ODB_I(cert->receipt_seq), ODB_I(cert->at_s),
                     ODB_I(cert->valve_fault), ODB_I(ho_now_ms(o)), ODB_T(brought_by)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, brought_by, "certificate home", "%s account %llu: %lld l%s%s", meter_id,
                  (unsigned long long)cert->account_no, (long long)cert->residual_l,
                  c != NULL ? ", " : "", c != NULL ? c->number : "");
}

/* A certificate says all that the receipt of closing does. */
static gasm_Receipt receipt_of(const gasm_Certificate *cert)
{
    gasm_Receipt r = { .account_no = cert->account_no,
                       .key_epoch = cert->key_epoch,
                       .command = gasm_Command_CLOSE_ACCOUNT,
                       .seq = cert->receipt_seq,
                       .at_s = cert->at_s,
                       .clock_valid = cert->clock_valid,
                       .has_after = true,
                       .after = cert->totals,
                       .state = gasm_LifeState_CLOSED };

    memcpy(r.meter_id, cert->meter_id, sizeof r.meter_id);
    return r;
}

/* Once something was written, no failure is the certificate's: the caller takes nothing of it. */
static int not_its_fault(struct office *o, int r)
{
    if (r == GF_E_FORMAT || r == GF_E_SIGNATURE || r == GF_E_MISMATCH)
        r = o->fail.code = GF_E_BUG;
    return r;
}

int swap_take_certificate(struct office *o, struct gf_span sealed, const char *brought_by)
{
    char meter_id[GF_METER_ID_TEXT];
    gasm_Certificate cert;
    struct swap_case c;
    int has_case = 0, r = open_certificate(o, sealed, meter_id, &cert);

    if (r == 0 && (has_case = find_case(o, &cert, meter_id, sealed, &c)) < 0)
        r = has_case;
    if (r == 0)
        r = is_home(o, &cert, meter_id, sealed);
    if (r != 0)
        return r;

    const gasm_Receipt said = receipt_of(&cert);
    const struct swap_closing closing = { .meter_id = meter_id,
                                          .account_no = cert.account_no,
                                          .receipt_seq = cert.receipt_seq,
                                          .residual_l = cert.residual_l,
                                          .at_s = cert.at_s,
                                          .last_token_seq = cert.token_seq };

    r = store(o, &cert, meter_id, sealed, has_case == 1 ? &c : NULL, brought_by);
    if (r == 0 && has_case == 1 && strcmp(c.state, "cancelled") == 0)
        r = swap_revive(o, &c);
    if (r == 0)
        r = credit_follow(o, meter_id, &said);
    if (r == 0)
        r = swap_close_books(o, has_case == 1 ? &c : NULL, &closing);
    return not_its_fault(o, r);
}

/* ---- receipts ---- */

int swap_last_taken(struct office *o, uint64_t account_no, uint64_t *ret)
{
    int64_t last = 0;

    if (odb_number(o->db, &last,
                   "SELECT MAX(sequence) FROM token WHERE org_id = ?1 AND account_no = ?2 AND "
                   "state = 'posted'",
                   ODB(ODB_I(account_no)))
        < 0)
        return ho_db_fail(o);
    *ret = (uint64_t)last;
    return 0;
}

/* A receipt shows that its account is closed: that is as good as the certificate, but for the last
 * token's number, which is that of the last one that arrived. */
static int follow_closing(struct office *o, const char *meter_id, const gasm_Receipt *r)
{
    struct swap_closing closing = { .meter_id = meter_id,
                                    .account_no = r->account_no,
                                    .receipt_seq = r->seq,
                                    .residual_l = r->after.exported_l > 0
                                                      ? (int64_t)r->after.exported_l
                                                      : mc_residual_l(&r->after),
                                    .at_s = r->at_s };
    struct swap_case c;
    int64_t known = 0;
    int has_case, r_last;

    if (odb_number(o->db, &known,
                   "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                   "closed_seq IS NOT NULL",
                   ODB(ODB_I(r->account_no)))
        < 0)
        return ho_db_fail(o);
    if (known > 0)
        return 0;
    if ((r_last = swap_last_taken(o, r->account_no, &closing.last_token_seq)) != 0)
        return r_last;
    has_case = swap_find_account(o, r->account_no, true, &c);
    if (has_case == 1 && strcmp(c.state, "cancelled") == 0)
        has_case = 0;
    return has_case < 0 ? has_case : swap_close_books(o, has_case == 1 ? &c : NULL, &closing);
}

/* What a token should have brought and a certificate had brought before it: tokens say totals, so
 * the second one finds less missing. No token waits, yet something is still in tokens: it is the
 * case's. */
static int follow_overlap(struct office *o, const struct swap_case *c, const gasm_Receipt *r)
{
    const struct ledger_place place = { .meter_id = c->new_meter_id,
                                        .account_no = r->account_no,
                                        .seq = r->seq };
    char account[24], owner[33];
    int64_t pending = 0, left_l = 0;
    struct ledger_entry e = { .kind = "overlap",
                              .effective_s = r->at_s,
                              .made_by = "office",
                              .note = c->number,
                              .postings = { { LEDGER_LITRE, LEDGER_IN_TOKENS, account, 0 },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, owner, 0 } },
                              .n = 2 };
    int done = odb_number(o->db, &pending,
                          "SELECT COUNT(*) FROM token WHERE org_id = ?1 AND account_no = ?2 AND "
                          "state = 'pending'",
                          ODB(ODB_I(c->new_account_no)));

    ledger_owner(c->new_account_no, account);
    ledger_owner_case(c->case_id, owner);
    if (done < 0)
        return ho_db_fail(o);
    if (pending > 0)
        return 0;
    if ((done = ledger_balance(o, LEDGER_LITRE, LEDGER_IN_TOKENS, account, &left_l)) != 0)
        return done;
    if ((done = ledger_receipt_id(o, &place, e.op_id)) != 0)
        return done;
    e.postings[0].amount = -left_l;
    e.postings[1].amount = left_l;
    done = ledger_post(o, &e);
    return done < 0 ? done : 0;
}

static int follow_new(struct office *o, struct swap_case *c, const gasm_Receipt *r)
{
    int done = 0;

    if (strcmp(c->state, "cancelled") == 0)
        return 0;
    if (r->command == gasm_Command_OPEN_ACCOUNT)
        done = swap_take_place(o, c);
    if (strcmp(c->state, "planned") == 0)
        return done;
    if (done == 0)
        done = follow_overlap(o, c, r);
    return done == 0 ? swap_settle_rest(o, c) : done;
}

int swap_follow(struct office *o, const char *meter_id, const gasm_Receipt *receipt)
{
    struct swap_case c;
    int r;

    if (receipt->account_no == 0)
        return 0;
    if (ledger_says_closed(receipt))
        return follow_closing(o, meter_id, receipt);
    r = swap_find_account(o, receipt->account_no, false, &c);
    if (r == 1)
        r = follow_new(o, &c, receipt);
    return r == 0 && receipt->command == gasm_Command_OPEN_ACCOUNT
               ? settle_place(o, receipt->account_no)
               : r;
}
