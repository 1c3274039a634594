/* credit.c - accounts and tokens in the books: found, issued, carried; see credit.h. */
#include <stdio.h>
#include <string.h>

#include "backend/credit_in.h"
#include "backend/office_issue.h"
#include "common/text.h"

int credit_find_account(struct office *o, uint64_t account_no, struct credit_account *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT a.customer_no, a.supply_point, a.meter_id, a.state, s.tariff_class FROM account a "
        "JOIN supply_point s ON s.org_id = a.org_id AND s.supply_point = a.supply_point WHERE "
        "a.org_id = ?1 AND a.account_no = ?2",
        ODB(ODB_I(account_no)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        *ret = (struct credit_account){ .account_no = account_no };
        odb_text(q, 0, ret->customer_no, sizeof ret->customer_no);
        odb_text(q, 1, ret->supply_point, sizeof ret->supply_point);
        odb_text(q, 2, ret->meter_id, sizeof ret->meter_id);
        odb_text(q, 3, ret->state, sizeof ret->state);
        odb_text(q, 4, ret->tariff_class, sizeof ret->tariff_class);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

/* ---- rows of tokens ---- */

#define TOKEN_COLUMNS                                                                              \
    "SELECT account_no, sequence, meter_id, kind, state, made_by, litres, purchased_l, "           \
    "imported_l, forgiven_l, debited_l, made_at_ms, cost_milli, price_minor, op_id, order_ref, "   \
    "payment_id, swap_case, currency, tariff_id, reason, from_l, to_l, refunds_seq, settled_seq "  \
    "FROM token WHERE org_id = ?1 AND "

static void read_token(struct odb_query *q, struct credit_token *ret)
{
    *ret = (struct credit_token){ .account_no = (uint64_t)odb_int(q, 0),
                                  .sequence = (uint64_t)odb_int(q, 1),
                                  .litres = odb_int(q, 6),
                                  .purchased_l = (uint64_t)odb_int(q, 7),
                                  .imported_l = (uint64_t)odb_int(q, 8),
                                  .forgiven_l = (uint64_t)odb_int(q, 9),
                                  .debited_l = (uint64_t)odb_int(q, 10),
                                  .made_at_ms = odb_int(q, 11),
                                  .cost_milli = odb_int(q, 12),
                                  .price_minor = odb_int(q, 13),
                                  .from_l = odb_int(q, 21),
                                  .to_l = odb_int(q, 22),
                                  .refunds_seq = (uint64_t)odb_int(q, 23),
                                  .settled_seq = (uint64_t)odb_int(q, 24) };
    odb_text(q, 2, ret->meter_id, sizeof ret->meter_id);
    odb_text(q, 3, ret->kind, sizeof ret->kind);
    odb_text(q, 4, ret->state, sizeof ret->state);
    odb_text(q, 5, ret->made_by, sizeof ret->made_by);
    (void)odb_copy(q, 14, ret->op_id, sizeof ret->op_id);
    (void)odb_copy(q, 15, ret->order_ref, sizeof ret->order_ref);
    ret->has_payment = odb_copy(q, 16, ret->payment_id, sizeof ret->payment_id);
    ret->has_case = odb_copy(q, 17, ret->swap_case, sizeof ret->swap_case);
    odb_text(q, 18, ret->currency, sizeof ret->currency);
    odb_text(q, 19, ret->tariff_id, sizeof ret->tariff_id);
    odb_text(q, 20, ret->reason, sizeof ret->reason);
}

static int first_token(struct office *o, struct odb_query *q, struct credit_token *ret)
{
    int r = odb_next(o->db, q);

    if (r == 1)
        read_token(q, ret);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int credit_find_token(struct office *o, uint64_t account_no, uint64_t sequence,
                      struct credit_token *ret)
{
    return first_token(o,
                       odb_query(o->db, TOKEN_COLUMNS "account_no = ?2 AND sequence = ?3",
                                 ODB(ODB_I(account_no), ODB_I(sequence))),
                       ret);
}

int credit_next_token(struct office *o, uint64_t account_no, uint64_t after,
                      struct credit_token *ret)
{
    return first_token(o,
                       odb_query(o->db,
                                 TOKEN_COLUMNS
                                 "account_no = ?2 AND sequence > ?3 ORDER BY sequence LIMIT 1",
                                 ODB(ODB_I(account_no), ODB_I(after))),
                       ret);
}

int credit_next_pending(struct office *o, uint64_t account_no, uint64_t after,
                        struct credit_token *ret)
{
    return first_token(o,
                       odb_query(o->db,
                                 TOKEN_COLUMNS
                                 "account_no = ?2 AND sequence > ?3 AND state = 'pending' ORDER BY "
                                 "sequence LIMIT 1",
                                 ODB(ODB_I(account_no), ODB_I(after))),
                       ret);
}

static int find_by_cause(struct office *o, const uint8_t cause_id[static 16], const char *kind,
                         struct credit_token *ret)
{
    return first_token(o,
                       odb_query(o->db, TOKEN_COLUMNS "cause_id = ?2 AND kind = ?3",
                                 ODB(ODB_B(cause_id, 16), ODB_T(kind))),
                       ret);
}

/* ---- running totals ---- */

/* All tokens of one kind that count, and on top what the meter shows beyond those that are known to
 * have arrived: certificates, and tokens that a restored copy of the books has forgotten. */
static int64_t sum_of(int64_t all_l, int64_t arrived_l, uint64_t shown_l)
{
    return (int64_t)shown_l > arrived_l ? all_l + ((int64_t)shown_l - arrived_l) : all_l;
}

/* Of each kind, from one pass over an index of the account's tokens; without that of a refund under
 * way. */
static int sum_tokens(struct office *o, uint64_t account_no, const uint64_t shown_l[CREDIT_CEILINGS],
                      int64_t ret[CREDIT_CEILINGS])
{
    struct refund refund = { 0 };
    struct odb_query *q;
    int64_t all_l[CREDIT_CEILINGS] = { 0 }, arrived_l[CREDIT_CEILINGS] = { 0 };
    char state[16], name[16];
    int r = refund_under_way(o, account_no, &refund);

    if (r < 0)
        return r;
    q = odb_query(o->db,
                  "SELECT state, kind, CAST(SUM(litres) AS BIGINT) FROM token WHERE org_id = ?1 "
                  "AND account_no = ?2 AND state <> 'voided' AND sequence <> ?3 GROUP BY state, "
                  "kind",
                  ODB(ODB_I(account_no), ODB_I(refund.sequence)));
    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, state, sizeof state);
        odb_text(q, 1, name, sizeof name);

        const struct credit_kind *kind = credit_kind_find(name);
        if (kind == NULL || kind->sign == 0)
            continue;
        all_l[kind->ceiling] += odb_int(q, 2);
        if (strcmp(state, "posted") == 0)
            arrived_l[kind->ceiling] += odb_int(q, 2);
    }
    odb_end(q);
    for (unsigned i = 0; i < CREDIT_CEILINGS; i++)
        ret[i] = sum_of(all_l[i], arrived_l[i], shown_l[i]);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* The newest token of an account, and when it was made. */
static int find_last(struct office *o, uint64_t account_no, struct credit_sums *ret)
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT sequence, made_at_ms FROM token WHERE org_id = ?1 AND "
                                    "account_no = ?2 ORDER BY sequence DESC LIMIT 1",
                                    ODB(ODB_I(account_no)));
    int r = odb_next(o->db, q);

    if (r == 1) {
        ret->last_seq = (uint64_t)odb_int(q, 0);
        ret->last_made_at_ms = odb_int(q, 1);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

int credit_sums(struct office *o, const struct credit_account *account, struct credit_sums *ret)
{
    struct ledger_totals shown = { 0 };
    int r = ledger_posted(o, account->meter_id, account->account_no, &shown);

    *ret = (struct credit_sums){ 0 };
    if (r >= 0)
        r = sum_tokens(o, account->account_no,
                       (const uint64_t[CREDIT_CEILINGS]){ shown.purchased_l, shown.imported_l,
                                                          shown.forgiven_l, shown.debited_l },
                       ret->litres);
    return r >= 0 ? find_last(o, account->account_no, ret) : r;
}

/* ---- issuing ---- */

/* Is what is asked for complete? */
static int check_new(struct office *o, const struct credit_new *what,
                     const struct credit_kind *kind)
{
    bool is_sale = kind != NULL && kind->from == LEDGER_SOLD && kind->sign != 0;

    if (kind == NULL || what->cause_id == NULL || what->made_by == NULL
        || is_sale != (what->payment_id != NULL && what->tariff != NULL)
        || (kind->from == LEDGER_TRANSIT && what->swap_case == NULL)
        || (kind->sign == 0) != (what->refunds_seq != 0))
        return ho_fail(o, GF_E_BUG, "token", "of no kind, or without what belongs to it");
    if (kind->sign == 0 ? what->litres != 0
                        : what->litres < 1 || what->litres > (int64_t)MC_CEILING_MAX_L)
        return ho_fail(o, GF_E_RANGE, "litres", "a token brings 1 to 2^48 litres");
    return 0;
}

static bool same_bytes(bool has, const uint8_t *a, const uint8_t *b)
{
    return b == NULL ? !has : has && memcmp(a, b, 16) == 0;
}

/* The same cause again: is it the same token? */
static int is_same(struct office *o, const struct credit_new *what, const struct credit_token *t)
{
    if (t->account_no == what->account_no && t->litres == what->litres
        && t->refunds_seq == what->refunds_seq && t->cost_milli == what->cost_milli
        && t->price_minor == what->price_minor
        && same_bytes(t->has_payment, t->payment_id, what->payment_id)
        && same_bytes(t->has_case, t->swap_case, what->swap_case))
        return 0;
    return ho_fail(o, GF_E_MISMATCH, "token", "this cause has a token with other content");
}

/* May this account get a token now? While a refund waits for its meter no sale: its litres would
 * hide whether the token that is given back was taken. */
static int check_account(struct office *o, const struct credit_account *a, bool is_sale)
{
    struct refund refund;
    char why[160];
    int r;

    if (strcmp(a->state, "open") != 0) {
        (void)snprintf(why, sizeof why, "account %llu is %s", (unsigned long long)a->account_no,
                       a->state);
        return ho_fail(o, GF_E_NOT_NOW, "account_no", why);
    }
    r = is_sale ? refund_under_way(o, a->account_no, &refund) : 0;
    if (r != 1)
        return r;
    (void)snprintf(why, sizeof why,
                   "token %llu is being given back: bring token %llu to the meter first",
                   (unsigned long long)refund.sequence, (unsigned long long)refund.by_sequence);
    return ho_fail(o, GF_E_NOT_NOW, "account_no", why);
}

int credit_can_sell(struct office *o, const struct credit_account *account)
{
    return check_account(o, account, true);
}

/* The numbers of the new token: what there is, and its litres on top. */
static int count(struct office *o, const struct credit_account *a, const struct credit_kind *kind,
                 struct credit_token *t)
{
    struct credit_sums sums;
    int r = credit_sums(o, a, &sums);

    if (r != 0)
        return r;
    sums.litres[kind->ceiling] += t->litres;
    t->sequence = sums.last_seq + 1 + (uint64_t)ho_restore_skip(o, sums.last_made_at_ms);
    t->purchased_l = (uint64_t)sums.litres[CREDIT_PURCHASED];
    t->imported_l = (uint64_t)sums.litres[CREDIT_IMPORTED];
    t->forgiven_l = (uint64_t)sums.litres[CREDIT_FORGIVEN];
    t->debited_l = (uint64_t)sums.litres[CREDIT_DEBITED];
    if (t->sequence > MC_SEQUENCE_MAX || t->purchased_l > MC_CEILING_MAX_L
        || t->imported_l > MC_CEILING_MAX_L || t->forgiven_l > MC_CEILING_MAX_L
        || t->debited_l > MC_CEILING_MAX_L)
        return ho_fail(o, GF_E_RANGE, "litres", "the account's total would be above 2^48 litres");
    return 0;
}

static gasm_Token wire_token(const struct credit_token *t)
{
    gasm_Token ret = { .account_no = t->account_no,
                       .sequence = t->sequence,
                       .purchased_l = t->purchased_l,
                       .imported_l = t->imported_l,
                       .forgiven_l = t->forgiven_l,
                       .debited_l = t->debited_l };

    ret.order_id.size = sizeof t->order_ref;
    memcpy(ret.order_id.bytes, t->order_ref, sizeof t->order_ref);
    return ret;
}

static struct odb_value bytes_or_null(const uint8_t *p)
{
    return ODB_B(p, p != NULL ? 16 : 0);
}

static int store_token(struct office *o, const struct credit_new *what, struct credit_token *t)
{
    const struct mc_crypto *c = o->ports.crypto;
    const gasm_Token wire = wire_token(t);
    const bool is_sale = what->tariff != NULL;
    const struct odb_value none = { .type = ODB_NULL };
    uint8_t content[MC_HASH_LEN];

    if (mc_op_id_recharge(c, t->meter_id, t->account_no, t->sequence, t->op_id) != 0
        || mc_token_content(c, &wire, content) != 0)
        return ho_fail(o, GF_E_CRYPTO, "token", "its operation id");
    if (odb_exec(
            o->db,
            "INSERT INTO token (org_id, account_no, sequence, op_id, cause_id, meter_id, kind, "
            "litres, purchased_l, imported_l, forgiven_l, debited_l, order_ref, content, state, "
            "made_at_ms, made_by, refunds_seq, payment_id, swap_case, tariff_id, from_l, to_l, "
            "cost_milli, price_minor, currency, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
            "?9, ?10, ?11, ?12, ?13, ?14, 'pending', ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, "
            "?24, ?25, ?26)",
            ODB(ODB_I(t->account_no), ODB_I(t->sequence), ODB_B(t->op_id, 16),
                ODB_B(what->cause_id, 16), ODB_T(t->meter_id), ODB_T(t->kind), ODB_I(t->litres),
                ODB_I(t->purchased_l), ODB_I(t->imported_l), ODB_I(t->forgiven_l),
                ODB_I(t->debited_l), ODB_B(t->order_ref, 16), ODB_B(content, sizeof content),
                ODB_I(t->made_at_ms), ODB_T(t->made_by),
                what->refunds_seq != 0 ? ODB_I(what->refunds_seq) : none,
                bytes_or_null(what->payment_id), bytes_or_null(what->swap_case),
                ODB_T(is_sale ? what->tariff->id : NULL), is_sale ? ODB_I(what->from_l) : none,
                is_sale ? ODB_I(what->to_l) : none, is_sale ? ODB_I(what->cost_milli) : none,
                is_sale ? ODB_I(what->price_minor) : none,
                ODB_T(is_sale ? what->tariff->currency : NULL), ODB_T(t->reason)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, t->made_by, "token issued", "%llu/%llu on %s: %s of %lld l",
                  (unsigned long long)t->account_no, (unsigned long long)t->sequence, t->meter_id,
                  t->kind, (long long)t->litres);
}

/* The row of a new token, but for its numbers. */
static struct credit_token new_row(const struct office *o, const struct credit_new *what,
                                   const struct credit_account *a)
{
    struct credit_token t = { .account_no = what->account_no,
                              .litres = what->litres,
                              .made_at_ms = ho_now_ms(o),
                              .cost_milli = what->cost_milli,
                              .price_minor = what->price_minor,
                              .has_payment = what->payment_id != NULL,
                              .has_case = what->swap_case != NULL,
                              .from_l = what->from_l,
                              .to_l = what->to_l,
                              .refunds_seq = what->refunds_seq,
                              .state = "pending" };

    (void)gf_copy(t.meter_id, sizeof t.meter_id, a->meter_id);
    (void)gf_copy(t.kind, sizeof t.kind, what->kind);
    (void)gf_copy(t.made_by, sizeof t.made_by, what->made_by);
    (void)gf_copy(t.reason, sizeof t.reason, what->reason != NULL ? what->reason : "");
    memcpy(t.order_ref, what->cause_id, sizeof t.order_ref);
    if (t.has_payment)
        memcpy(t.payment_id, what->payment_id, sizeof t.payment_id);
    if (t.has_case)
        memcpy(t.swap_case, what->swap_case, sizeof t.swap_case);
    if (what->tariff != NULL) {
        (void)gf_copy(t.currency, sizeof t.currency, what->tariff->currency);
        (void)gf_copy(t.tariff_id, sizeof t.tariff_id, what->tariff->id);
    }
    return t;
}

int credit_issue(struct office *o, const struct credit_new *what, struct credit_token *ret)
{
    const struct credit_kind *kind = credit_kind_find(what->kind);
    struct credit_account account;
    struct credit_token t;
    int r = check_new(o, what, kind);

    if (r == 0 && (r = find_by_cause(o, what->cause_id, what->kind, &t)) == 1) {
        r = is_same(o, what, &t);
        if (r == 0)
            *ret = t;
        return r;
    }
    if (r == 0 && (r = credit_find_account(o, what->account_no, &account)) == 0)
        r = ho_fail(o, GF_E_FORMAT, "account_no", "there is no such account");
    if (r >= 0)
        r = check_account(o, &account, kind->sign > 0 && kind->from == LEDGER_SOLD);
    if (r != 0)
        return r;
    t = new_row(o, what, &account);
    if ((r = count(o, &account, kind, &t)) == 0 && (r = store_token(o, what, &t)) == 0
        && (r = credit_post_issued(o, &t)) == 0)
        *ret = t;
    return r;
}

/* ---- carriers ---- */

int credit_carrier(struct office *o, const struct credit_token *token, uint32_t epoch,
                   struct credit_carrier *ret)
{
    const gasm_Token wire = wire_token(token);
    uint8_t root[HO_KEY_LEN];
    const struct mc_token_for to = { token->meter_id, epoch, root };
    int64_t live = 0;
    int n = 0, r = odb_number(o->db, &live,
                              "SELECT COUNT(*) FROM account_key WHERE org_id = ?1 AND meter_id = "
                              "?2 AND epoch = ?3 AND state IN ('new', 'active')",
                              ODB(ODB_T(token->meter_id), ODB_I(epoch)));

    if (r < 0)
        return ho_db_fail(o);
    if (epoch == 0 || live == 0)
        return ho_fail(o, GF_E_NOT_NOW, "epoch", "the meter has no live key of this epoch");
    r = ho_root_key(o, token->meter_id, epoch, root);
    if (r == 0)
        r = ho_fail(o, GF_E_STORE_DAMAGED, "key", token->meter_id);
    *ret = (struct credit_carrier){ .epoch = epoch };
    if (r == 1) {
        n = mc_token_seal(o->ports.crypto, &to, &wire, ret->sealed, sizeof ret->sealed);
        ret->n = n > 0 ? (size_t)n : 0;
        r = n > 0 ? 0 : ho_fail(o, n, "token", "cannot be sealed");
    }
    /* Digits carry one ceiling: of a token that raises another they could never hold. */
    if (r == 0 && credit_kind_find(token->kind)->ceiling == CREDIT_PURCHASED) {
        r = mc_typed_make(o->ports.crypto, &to, &wire, ret->digits);
        if (r == GF_E_RANGE)
            r = 0;
    }
    gf_wipe(root, sizeof root);
    return r < 0 && o->fail.code == 0 ? ho_fail(o, r, "token", "its digits") : r;
}

void credit_qr_text(const struct credit_token *token, const struct credit_carrier *carrier,
                    char ret[static CREDIT_QR_TEXT])
{
    int at = snprintf(ret, CREDIT_QR_TEXT, "GASM-TOKEN:1:%.12s:", token->meter_id);

    for (size_t i = 0; i < carrier->n; i++, at += 2)
        (void)snprintf(ret + at, CREDIT_QR_TEXT - (size_t)at, "%02X", carrier->sealed[i]);
}

int credit_epochs(struct office *o, const char *meter_id, uint32_t after, uint32_t *ret)
{
    int64_t epoch = 0;
    int r = odb_number(o->db, &epoch,
                       "SELECT MIN(epoch) FROM account_key WHERE org_id = ?1 AND meter_id = ?2 AND "
                       "epoch > ?3 AND state IN ('new', 'active')",
                       ODB(ODB_T(meter_id), ODB_I(after)));

    *ret = (uint32_t)epoch;
    return r < 0 ? ho_db_fail(o) : r;
}
