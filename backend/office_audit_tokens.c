/* office_audit_tokens.c - the statements about tokens, prices and money; see office_audit.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/ledger.h"
#include "backend/office_audit.h"
#include "backend/tariff.h"
#include "meter-core/token.h"

#define MILLI 1000 /* of a minor unit */

enum ceiling { PURCHASED, IMPORTED, FORGIVEN, DEBITED, CEILINGS };

/* A token as it is registered. */
struct token {
    uint64_t account_no, sequence;
    char meter_id[GF_METER_ID_TEXT], kind[16], state[16], tariff_id[32], refund_state[16];
    int64_t litres, ceilings[CEILINGS], from_l, to_l, cost_milli, price_minor, made_at_ms, posted_l;
    int64_t certified_l; /* that the account's meter took by certificate: credit less debt */
    int64_t refunded_l;  /* litres of the token that a refund takes back */
    int64_t entry_paid_milli, entry_cost_milli; /* what its journal entry says */
    uint8_t op_id[16], content[32];
    bool has_price, has_payment;
    bool is_approved_alone; /* of a refund: by who asked for it */
};

/* Where the walk stands in an account. */
struct walk {
    uint64_t account_no, last_seq;
    int64_t sums[CEILINGS];   /* of all tokens so far */
    int64_t beyond[CEILINGS]; /* what ceilings held beyond that */
    int64_t taken_back_l;     /* by a refused refund: from some token on they count again */
    bool skipped;             /* numbers were left out, as a restored office does */
    bool was_restored;
    struct tariff tariff;     /* of the sale before */
};

static const char token_columns[] =
    "SELECT t.account_no, t.sequence, t.meter_id, t.kind, t.state, t.litres, t.purchased_l, "
    "t.imported_l, t.forgiven_l, t.debited_l, t.from_l, t.to_l, t.cost_milli, t.price_minor, "
    "t.made_at_ms, t.op_id, t.content, COALESCE(x.litres, 0), COALESCE(t.tariff_id, ''), "
    "COALESCE(r.state, ''), COALESCE(p.amount, 0), COALESCE(m.certified_l, 0), "
    "COALESCE(c.amount, 0), COALESCE(-k.amount, 0), t.payment_id, CASE WHEN r.approved_by = "
    "r.asked_by THEN 1 ELSE 0 END FROM token t LEFT "
    "JOIN token x ON x.org_id = t.org_id AND x.account_no = t.account_no AND x.sequence = "
    "t.refunds_seq LEFT JOIN refund r ON r.org_id = t.org_id AND r.account_no = t.account_no "
    "AND r.by_sequence = t.sequence LEFT JOIN posting p ON p.org_id = t.org_id AND p.op_id = "
    "t.op_id AND p.kind = t.kind AND p.code = 'in-tokens' LEFT JOIN posting c ON c.org_id = "
    "t.org_id AND c.op_id = t.op_id AND c.kind = t.kind AND c.code = 'customer' AND c.unit || '' = "
    "t.currency LEFT JOIN posting k ON k.org_id = t.org_id AND k.op_id = t.op_id AND k.kind = "
    "t.kind AND k.code = 'token-money' AND k.unit || '' = t.currency LEFT JOIN posted_totals m ON "
    "m.org_id = t.org_id AND m.meter_id = t.meter_id AND m.account_no = t.account_no WHERE "
    "t.org_id = ?1 ORDER BY t.account_no, t.sequence";

static void read_token(struct odb_query *q, struct token *ret)
{
    int64_t *const numbers[] = { &ret->litres,
                                 &ret->ceilings[PURCHASED],
                                 &ret->ceilings[IMPORTED],
                                 &ret->ceilings[FORGIVEN],
                                 &ret->ceilings[DEBITED],
                                 &ret->from_l,
                                 &ret->to_l,
                                 &ret->cost_milli,
                                 &ret->price_minor,
                                 &ret->made_at_ms };

    *ret = (struct token){ .account_no = (uint64_t)odb_int(q, 0),
                           .sequence = (uint64_t)odb_int(q, 1),
                           .refunded_l = odb_int(q, 17),
                           .posted_l = odb_int(q, 20),
                           .certified_l = odb_int(q, 21),
                           .entry_paid_milli = odb_int(q, 22),
                           .entry_cost_milli = odb_int(q, 23),
                           .has_payment = !odb_is_null(q, 24),
                           .is_approved_alone = odb_int(q, 25) != 0 };
    odb_text(q, 2, ret->meter_id, sizeof ret->meter_id);
    odb_text(q, 3, ret->kind, sizeof ret->kind);
    odb_text(q, 4, ret->state, sizeof ret->state);
    for (int i = 0; i < 10; i++)
        *numbers[i] = odb_int(q, 5 + i);
    ret->has_price = !odb_is_null(q, 12);
    (void)odb_copy(q, 15, ret->op_id, sizeof ret->op_id);
    (void)odb_copy(q, 16, ret->content, sizeof ret->content);
    odb_text(q, 18, ret->tariff_id, sizeof ret->tariff_id);
    odb_text(q, 19, ret->refund_state, sizeof ret->refund_state);
}

static bool is_kind(const struct token *t, const char *kind)
{
    return strcmp(t->kind, kind) == 0;
}

/* Which ceiling a token raises; a refund none. */
static enum ceiling ceiling_of(const struct token *t)
{
    return is_kind(t, "sale")       ? PURCHASED
           : is_kind(t, "transfer") ? IMPORTED
           : is_kind(t, "forgive")  ? FORGIVEN
           : is_kind(t, "debit")    ? DEBITED
                                    : CEILINGS;
}

__attribute__((format(printf, 4, 5))) static void broken(struct ho_audit *a, enum ho_statement s,
                                                         const struct token *t, const char *what,
                                                         ...)
{
    char text[200];
    va_list args;

    va_start(args, what);
    (void)vsnprintf(text, sizeof text, what, args);
    va_end(args);
    ho_broken(a, s, "token %llu/%llu %s", (unsigned long long)t->account_no,
              (unsigned long long)t->sequence, text);
}

/* ---- what it carries ---- */

/* Its id and the hash of what it carries are those that any carrier of it has. */
static void check_content(struct ho_audit *a, const struct token *t)
{
    const struct mc_crypto *c = a->o->ports.crypto;
    const gasm_Token wire = { .account_no = t->account_no,
                              .sequence = t->sequence,
                              .purchased_l = (uint64_t)t->ceilings[PURCHASED],
                              .imported_l = (uint64_t)t->ceilings[IMPORTED],
                              .forgiven_l = (uint64_t)t->ceilings[FORGIVEN],
                              .debited_l = (uint64_t)t->ceilings[DEBITED] };
    uint8_t op_id[16], content[32];

    if (mc_op_id_recharge(c, t->meter_id, t->account_no, t->sequence, op_id) != 0
        || mc_token_content(c, &wire, content) != 0 || memcmp(op_id, t->op_id, sizeof op_id) != 0
        || memcmp(content, t->content, sizeof content) != 0)
        broken(a, HO_TOKENS, t, "is registered otherwise than it was issued");
}

static void check_sequence(struct ho_audit *a, struct walk *w, const struct token *t)
{
    if (t->sequence == w->last_seq + 1)
        return;
    w->skipped = true;
    if (w->was_restored)
        ho_note(a, HO_TOKENS, "token %llu/%llu follows %llu: a restored office left numbers out",
                (unsigned long long)t->account_no, (unsigned long long)t->sequence,
                (unsigned long long)w->last_seq);
    else
        broken(a, HO_TOKENS, t, "follows %llu", (unsigned long long)w->last_seq);
}

/* What may stand in a ceiling beyond the tokens: what the meter took by certificate, as far as it
 * was known then; and after a restore what the meter had from tokens that are forgotten. */
static bool may_exceed(const struct walk *w, const struct token *t, enum ceiling i, int64_t beyond)
{
    int64_t most = i == IMPORTED ? t->certified_l : i == DEBITED ? -t->certified_l : 0;

    return beyond == 0 || (w->skipped && beyond >= 0)
           || (beyond >= w->beyond[i] && beyond <= most);
}

/* Tokens so far, this one in. While a refund is under way its litres do not count, and no sale is
 * made; whether they count again is the meter's to say. */
static void add_token(struct walk *w, const struct token *t)
{
    enum ceiling own = ceiling_of(t);

    if (is_kind(t, "refund") && strcmp(t->refund_state, "refused") == 0)
        w->taken_back_l = t->refunded_l;
    else if (is_kind(t, "refund"))
        w->sums[PURCHASED] -= t->refunded_l;
    else if (own == PURCHASED)
        w->taken_back_l = 0;
    if (own != CEILINGS)
        w->sums[own] += t->litres;
}

/* The ceilings are the running sums. */
static void check_ceilings(struct ho_audit *a, struct walk *w, const struct token *t)
{
    static const char *const words[] = { "purchased", "imported", "forgiven", "debited" };

    add_token(w, t);
    for (enum ceiling i = PURCHASED; i < CEILINGS; i++) {
        int64_t beyond = t->ceilings[i] - w->sums[i];

        if (i == PURCHASED && beyond == -w->taken_back_l)
            continue;
        if (may_exceed(w, t, i, beyond))
            w->beyond[i] = beyond;
        else
            broken(a, HO_TOKENS, t, "carries %lld l %s, the tokens up to it make %lld",
                   (long long)t->ceilings[i], words[i], (long long)w->sums[i]);
        if (i == PURCHASED)
            w->taken_back_l = 0;
    }
}

static void check_posted(struct ho_audit *a, const struct token *t)
{
    int64_t litres = is_kind(t, "debit") ? -t->litres : is_kind(t, "refund") ? 0 : t->litres;

    if (t->posted_l != litres)
        broken(a, HO_TOKENS, t, "is of %lld l, the ledger has %lld", (long long)litres,
               (long long)t->posted_l);
    if (strcmp(t->state, "pending") == 0)
        ho_note(a, HO_TOKENS, "token %llu/%llu: %s of %lld l not taken yet, %lld days old",
                (unsigned long long)t->account_no, (unsigned long long)t->sequence, t->kind,
                (long long)t->litres, (long long)((ho_now_ms(a->o) - t->made_at_ms) / 86400000));
}

/* ---- what it costs ---- */

/* The tariff of a token; the one before is kept, as most are the same. 1, 0 or a failure. */
static int find_tariff(struct office *o, struct walk *w, const char *id)
{
    return strcmp(w->tariff.id, id) == 0 ? 1 : tariff_by_id(o, id, &w->tariff);
}

static int check_price(struct ho_audit *a, struct walk *w, const struct token *t)
{
    int64_t cost = -1, rounding;
    int r = find_tariff(a->o, w, t->tariff_id);

    ho_checked(a, HO_PRICES);
    if (r < 0 && a->o->fail.code != GF_E_STORE_DAMAGED)
        return r;
    if (r != 1) {
        a->o->fail = (struct gf_fail){ 0 };
        broken(a, HO_PRICES, t, "names tariff %s, which is not there or not one", t->tariff_id);
        return 0;
    }
    if (t->to_l < t->from_l || t->to_l - t->from_l != t->litres
        || tariff_cost(&w->tariff, t->from_l, t->to_l, &cost) != 0 || cost != t->cost_milli)
        broken(a, HO_PRICES, t, "costs %lld, tariff %s says %lld for %lld l from %lld",
               (long long)t->cost_milli, w->tariff.id, (long long)cost, (long long)t->litres,
               (long long)t->from_l);
    else if (__builtin_mul_overflow(t->price_minor, MILLI, &rounding)
             || (rounding -= t->cost_milli) <= -MILLI || rounding >= MILLI)
        broken(a, HO_PRICES, t, "was charged %lld minor units for %lld thousandths",
               (long long)t->price_minor, (long long)t->cost_milli);
    else if (t->posted_l != 0 /* else there is no entry, which was told */
             && (t->cost_milli != t->entry_cost_milli
                 || t->price_minor * MILLI != t->entry_paid_milli))
        broken(a, HO_PRICES, t, "costs %lld and was paid with %lld, its entry says %lld and %lld",
               (long long)t->cost_milli, (long long)(t->price_minor * MILLI),
               (long long)t->entry_cost_milli, (long long)t->entry_paid_milli);
    if (!t->has_payment)
        broken(a, HO_PRICES, t, "was sold, and has no payment");
    return 0;
}

/* ---- the walk ---- */

static int check_token(struct ho_audit *a, struct walk *w, const struct token *t)
{
    if (t->account_no != w->account_no)
        *w = (struct walk){ .account_no = t->account_no,
                            .tariff = w->tariff,
                            .was_restored = w->was_restored };
    ho_checked(a, HO_TOKENS);
    check_content(a, t);
    check_sequence(a, w, t);
    check_ceilings(a, w, t);
    check_posted(a, t);
    if (t->is_approved_alone)
        broken(a, HO_TOKENS, t, "gives back a token, approved by who asked for it");
    w->last_seq = t->sequence;
    return t->has_price ? check_price(a, w, t) : 0;
}

int ho_audit_tokens(struct ho_audit *a)
{
    struct office *o = a->o;
    int64_t restored = 0;
    struct odb_query *q;
    struct token t;
    int r = 0, failed = 0;

    if (odb_number(o->db, &restored,
                   "SELECT COUNT(*) FROM setting WHERE org_id = ?1 AND name = 'restored at ms'",
                   ODB_NONE)
        < 0)
        return ho_db_fail(o);

    struct walk w = { .was_restored = restored > 0 };
    q = odb_query(o->db, token_columns, ODB_NONE);
    while (failed == 0 && (r = odb_next(o->db, q)) == 1) {
        read_token(q, &t);
        failed = check_token(a, &w, &t);
    }
    if (r < 0)
        failed = ho_db_fail(o);
    odb_end(q);
    return failed;
}

/* ---- tariffs are for good ---- */

int ho_audit_tariffs(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db, "SELECT tariff_id, hash FROM tariff WHERE org_id = ?1 ORDER BY tariff_id", ODB_NONE);
    struct tariff t;
    uint8_t hash[32], now[32];
    char id[32];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, id, sizeof id);
        (void)odb_copy(q, 1, hash, sizeof hash);
        if (tariff_by_id(o, id, &t) != 1 || tariff_hash(o, &t, now) != 0
            || memcmp(hash, now, sizeof hash) != 0)
            ho_broken(a, HO_PRICES, "tariff %s is not as it was made", id);
        o->fail = (struct gf_fail){ 0 };
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* ---- money ---- */

/* Rows of a query that each break the statement: the text before, and what the two numbers are. */
static int each_broken(struct ho_audit *a, struct odb_query *q, const char *what)
{
    char unit[LEDGER_UNIT_MAX], owner[LEDGER_OWNER_MAX];
    int r;

    while ((r = odb_next(a->o->db, q)) == 1) {
        int64_t is = odb_int(q, 2), want = odb_int(q, 3);

        odb_text(q, 0, unit, sizeof unit);
        odb_text(q, 1, owner, sizeof owner);
        ho_checked(a, HO_MONEY);
        if (is != want)
            ho_broken(a, HO_MONEY, "%s %s %s: %lld in the ledger, %lld by what it stands for", what,
                      owner, unit, (long long)is, (long long)want);
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

/* Customers' money below zero: want it to be zero. */
static int check_customers(struct ho_audit *a)
{
    return each_broken(
        a,
        odb_query(a->o->db,
                  "SELECT unit, owner, credits - debits, CASE WHEN credits < debits THEN 0 ELSE "
                  "credits - debits END FROM ledger_account WHERE org_id = ?1 AND code = "
                  "'customer' ORDER BY unit, owner",
                  ODB_NONE),
        "customer's money of account");
}

static int check_token_money(struct ho_audit *a)
{
    return each_broken(
        a,
        odb_query(a->o->db,
                  "SELECT l.unit, l.owner, l.credits - l.debits, (SELECT "
                  "CAST(COALESCE(SUM(t.cost_milli), 0) AS BIGINT) FROM token t WHERE t.org_id = "
                  "l.org_id AND t.account_no = CAST(l.owner AS BIGINT) AND t.currency = l.unit AND "
                  "t.state = 'pending') FROM ledger_account l WHERE l.org_id = ?1 AND l.code = "
                  "'token-money' ORDER BY l.unit, l.owner",
                  ODB_NONE),
        "token money of account");
}

/* Cash of a provider: what was confirmed less what was paid back. */
static int check_cash(struct ho_audit *a)
{
    return each_broken(
        a,
        odb_query(
            a->o->db,
            "SELECT l.unit, l.owner, l.debits - l.credits, 1000 * ((SELECT "
            "CAST(COALESCE(SUM(CASE WHEN p.state IN ('confirmed', 'refunded') THEN p.amount_minor "
            "ELSE 0 END) - SUM(COALESCE(r.amount_minor, 0)), 0) AS BIGINT) FROM payment p LEFT "
            "JOIN refund r ON r.org_id = p.org_id AND r.account_no = p.account_no AND r.sequence = "
            "p.token_seq AND r.state = 'paid' WHERE p.org_id = l.org_id AND p.provider = l.owner "
            "AND p.currency = l.unit) - (SELECT CAST(COALESCE(SUM(x.price_minor + "
            "x.change_minor), 0) AS BIGINT) FROM payout x WHERE x.org_id = l.org_id AND x.provider "
            "= l.owner AND x.currency = l.unit AND x.kind = 'pay-out' AND x.state = 'done')) FROM "
            "ledger_account l WHERE l.org_id = ?1 AND l.code = 'cash' ORDER BY l.unit, l.owner",
            ODB_NONE),
        "cash of");
}

/* Each payment that was confirmed has its entry, and no other has one. The joined texts keep SQLite
 * from looking for each entry among all cash of its provider. */
static int check_payments(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT p.payment_id, p.state, CASE WHEN p.state IN ('confirmed', 'refunded') THEN 1000 * "
        "p.amount_minor ELSE 0 END, COALESCE(c.amount, 0) FROM payment p LEFT JOIN posting c ON "
        "c.org_id = p.org_id AND c.op_id = p.payment_id AND c.kind = 'payment' AND c.code = 'cash' "
        "AND c.owner || '' = p.provider AND c.unit || '' = p.currency WHERE p.org_id = ?1 ORDER BY "
        "p.payment_id",
        ODB_NONE);
    uint8_t id[GF_UUID_LEN];
    char name[GF_UUID_TEXT], state[16];
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        (void)odb_copy(q, 0, id, sizeof id);
        odb_text(q, 1, state, sizeof state);
        gf_uuid_text(id, name);
        ho_checked(a, HO_MONEY);
        if (odb_int(q, 2) != odb_int(q, 3))
            ho_broken(a, HO_MONEY, "payment %s is %s: %lld in the ledger, %lld by its amount", name,
                      state, (long long)odb_int(q, 3), (long long)odb_int(q, 2));
    }
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* A payout, and what its entry says: columns of the query below. */
enum payout_column {
    P_ID,
    P_STATE,
    P_KIND,
    P_LITRES,
    P_MONEY,
    P_COST,
    P_BY_OWN, /* who asked decided */
    P_ENTRIES,
    P_ENTRY_LITRES,
    P_ENTRY_MONEY,
    P_ENTRY_COST,
    P_STRANGE, /* lines of other accounts */
};
#define ITS_LINES                                                                                  \
    "FROM posting p WHERE p.org_id = x.org_id AND p.op_id = x.payout_id AND p.kind IN "            \
    "('paid-out', 'written-off') AND p.code "
#define SUM_OF_ITS "COALESCE((SELECT CAST(SUM(p.amount) AS BIGINT) " ITS_LINES

static void check_payout(struct ho_audit *a, struct odb_query *q)
{
    char state[16], kind[16], name[GF_UUID_TEXT];
    uint8_t id[GF_UUID_LEN];
    bool is_done, pays;

    (void)odb_copy(q, P_ID, id, sizeof id);
    gf_uuid_text(id, name);
    odb_text(q, P_STATE, state, sizeof state);
    odb_text(q, P_KIND, kind, sizeof kind);
    is_done = strcmp(state, "done") == 0;
    pays = is_done && strcmp(kind, "pay-out") == 0;

    const int64_t litres = is_done ? odb_int(q, P_LITRES) : 0;
    const int64_t money = pays ? 1000 * odb_int(q, P_MONEY) : 0;
    const int64_t cost = pays ? odb_int(q, P_COST) : 0;

    ho_checked(a, HO_MONEY);
    if (litres != -odb_int(q, P_ENTRY_LITRES) || money != -odb_int(q, P_ENTRY_MONEY)
        || cost != odb_int(q, P_ENTRY_COST))
        ho_broken(a, HO_MONEY,
                  "payout %s is %s: %lld l, %lld and a cost of %lld in the ledger, %lld l, %lld "
                  "and %lld by its row",
                  name, state, (long long)-odb_int(q, P_ENTRY_LITRES),
                  (long long)-odb_int(q, P_ENTRY_MONEY), (long long)odb_int(q, P_ENTRY_COST),
                  (long long)litres, (long long)money, (long long)cost);
    if (odb_int(q, P_STRANGE) != 0)
        ho_broken(a, HO_MONEY, "payout %s: its entry is of another account", name);
    if (is_done && odb_int(q, P_ENTRIES) != 1)
        ho_broken(a, HO_MONEY, "payout %s: no entry of who decided it", name);
    if (is_done && odb_int(q, P_BY_OWN) != 0)
        ho_broken(a, HO_MONEY, "payout %s was decided by who asked for it", name);
}

/* Each that is done was decided by another person than who asked, and has its entry, of its account
 * and by who decided; no other has one. */
static int check_payouts(struct ho_audit *a)
{
    struct office *o = a->o;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT x.payout_id, x.state, x.kind, x.litres, x.price_minor + x.change_minor, "
        "x.cost_milli, CASE WHEN x.decided_by = x.asked_by THEN 1 ELSE 0 END, (SELECT COUNT(*) "
        "FROM journal j WHERE j.org_id = x.org_id AND j.op_id = x.payout_id AND j.kind IN "
        "('paid-out', 'written-off') AND j.made_by = x.decided_by), " SUM_OF_ITS
        "= 'transit'), 0), " SUM_OF_ITS "= 'cash'), 0), " SUM_OF_ITS
        "= 'revenue'), 0), (SELECT COUNT(*) " ITS_LINES
        "IN ('transit', 'bought-back', 'written-off', 'customer') AND p.owner <> "
        "CAST(x.account_no AS TEXT)) FROM payout x WHERE x.org_id = ?1 ORDER BY x.payout_id",
        ODB_NONE);
    int r;

    while ((r = odb_next(o->db, q)) == 1)
        check_payout(a, q);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

int ho_audit_money(struct ho_audit *a)
{
    int r = check_customers(a);

    if (r == 0)
        r = check_token_money(a);
    if (r == 0)
        r = check_cash(a);
    if (r == 0)
        r = check_payments(a);
    return r == 0 ? check_payouts(a) : r;
}
