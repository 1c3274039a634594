/* office_audit_states.c - the statements about states: accounts, tokens, refunds and swaps are what
 * the papers say that brought them there; see office_audit.h.
 *
 * Each is one walk over the rows of its table; what a row stands on is looked up by key.
 */
#include <string.h>

#include "backend/office_audit.h"
#include "meter-core/swap.h"

#define MILLI 1000 /* of a minor unit */

static bool is_word(struct odb_query *q, int column, const char *word)
{
    char text[32];

    odb_text(q, column, text, sizeof text);
    return strcmp(text, word) == 0;
}

static bool is_end(int64_t life_state)
{
    return life_state == gasm_LifeState_CLOSED || life_state == gasm_LifeState_SCRAPPED
           || life_state == gasm_LifeState_FACTORY;
}

/* Walk a query's rows. 0 or a failure. Ends the query. */
static int each(struct ho_audit *a, struct odb_query *q,
                void (*check)(struct ho_audit *a, struct odb_query *q))
{
    int r;

    while ((r = odb_next(a->o->db, q)) == 1)
        check(a, q);
    odb_end(q);
    return r < 0 ? ho_db_fail(a->o) : 0;
}

/* ---- accounts ---- */

enum {
    A_NO,
    A_METER,
    A_STATE,
    A_CLOSED_SEQ,
    A_CLOSED_AT,
    A_RESIDUAL,
    A_OPENED_AT,
    A_OPENING_AT, /* of the receipt of opening, when its clock was right */
    A_CLOSING,    /* of its certificate: receipt, residual, time */
    A_CLOSING_RESIDUAL,
    A_CLOSING_AT,
    A_PAPER, /* the receipt that closed_seq names */
    A_PAPER_AT,
    A_PAPER_STATE,
    A_ENDED,    /* its meter is on this account, and closed or scrapped */
    A_CLOSINGS, /* receipts of closing */
    A_ESTIMATE,
    A_CANCELLED /* swaps to it that were */
};

static const char account_ends[] =
    "SELECT a.account_no, a.meter_id, a.state, a.closed_seq, a.closed_at_s, a.residual_l, "
    "a.opened_at_s, CASE WHEN b.clock_valid = 1 THEN b.at_s END, c.receipt_seq, c.residual_l, "
    "c.at_s, p.bytes, p.at_s, p.life_state, CASE WHEN m.account_no = a.account_no AND m.life_state "
    "IN (?3, ?4) THEN 1 ELSE 0 END, (SELECT COUNT(*) FROM receipt x WHERE x.org_id = a.org_id AND "
    "x.account_no = a.account_no AND x.command = ?2 AND x.meter_id = a.meter_id), (SELECT "
    "MAX(s.estimate_l) FROM swap_case s WHERE s.org_id = a.org_id AND s.supply_point = "
    "a.supply_point AND s.old_account_no = a.account_no), (SELECT COUNT(*) FROM swap_case s WHERE "
    "s.org_id = a.org_id AND s.supply_point = a.supply_point AND s.new_account_no = a.account_no "
    "AND s.state = 'cancelled') FROM account a LEFT JOIN meter m ON m.org_id = a.org_id AND "
    "m.meter_id = a.meter_id LEFT JOIN receipt b ON b.org_id = a.org_id AND b.meter_id = "
    "a.meter_id AND b.seq = a.opened_seq LEFT JOIN closing c ON c.org_id = a.org_id AND c.meter_id "
    "= a.meter_id AND c.account_no = a.account_no LEFT JOIN receipt p ON p.org_id = a.org_id AND "
    "p.meter_id = a.meter_id AND p.seq = a.closed_seq AND p.account_no = a.account_no WHERE "
    "a.org_id = ?1 ORDER BY a.account_no";

/* What a receipt says that an account was left with. */
static int64_t left_by(struct gf_span receipt)
{
    gasm_Receipt r;

    if (mc_receipt_peek(receipt, &r) != 0)
        return INT64_MIN;
    return r.after.exported_l > 0 ? (int64_t)r.after.exported_l : mc_residual_l(&r.after);
}

/* Closed by its meter: the paper is there, and says what is registered. */
static const char *wrong_closing(struct odb_query *q)
{
    const int64_t seq = odb_int(q, A_CLOSED_SEQ);

    if (!odb_is_null(q, A_CLOSING) && odb_int(q, A_CLOSING) == seq)
        return odb_int(q, A_RESIDUAL) == odb_int(q, A_CLOSING_RESIDUAL)
                       && odb_int(q, A_CLOSED_AT) == odb_int(q, A_CLOSING_AT)
                   ? NULL
                   : "is registered otherwise than its closing certificate says";
    if (odb_is_null(q, A_PAPER) || !is_end(odb_int(q, A_PAPER_STATE)))
        return "has neither receipt nor certificate of its closing";
    return odb_int(q, A_RESIDUAL) == left_by(odb_bytes(q, A_PAPER))
                   && odb_int(q, A_CLOSED_AT) == odb_int(q, A_PAPER_AT)
               ? NULL
               : "is registered otherwise than the receipt says that closed it";
}

static const char *wrong_end(struct odb_query *q)
{
    const bool is_closed = is_word(q, A_STATE, "closed"),
               has_paper = !odb_is_null(q, A_CLOSING) || odb_int(q, A_CLOSINGS) > 0
                           || odb_int(q, A_ENDED) > 0;

    if (!odb_is_null(q, A_OPENED_AT) && !odb_is_null(q, A_OPENING_AT)
        && odb_int(q, A_OPENED_AT) != odb_int(q, A_OPENING_AT))
        return "is registered as opened at another time than its receipt says";
    if (!odb_is_null(q, A_CLOSED_SEQ))
        return is_closed ? wrong_closing(q) : "names a closing";
    if (has_paper)
        return "is not registered as closed by its meter, which closed it";
    if (!is_closed)
        return odb_is_null(q, A_ESTIMATE) && odb_is_null(q, A_RESIDUAL)
                       && odb_is_null(q, A_CLOSED_AT)
                   ? NULL
                   : "has an end";
    if (!odb_is_null(q, A_ESTIMATE))
        return odb_int(q, A_RESIDUAL) == odb_int(q, A_ESTIMATE) ? NULL
                                                                : "was estimated otherwise";
    if (odb_int(q, A_CANCELLED) == 0)
        return "has no closing, no estimate and no cancelled swap";
    return odb_int(q, A_RESIDUAL) == 0 ? NULL : "held nothing when its swap was cancelled";
}

static void check_end(struct ho_audit *a, struct odb_query *q)
{
    char meter_id[GF_METER_ID_TEXT], state[16];
    const char *wrong = wrong_end(q);

    ho_checked(a, HO_ACCOUNT_ENDS);
    odb_text(q, A_METER, meter_id, sizeof meter_id);
    odb_text(q, A_STATE, state, sizeof state);
    if (wrong != NULL)
        ho_broken(a, HO_ACCOUNT_ENDS, "account %lld on %s is %s, and %s",
                  (long long)odb_int(q, A_NO), meter_id, state, wrong);
}

/* ---- tokens ---- */

enum {
    T_NO,
    T_SEQUENCE,
    T_KIND,
    T_STATE,
    T_SETTLED_AT,
    T_SETTLED_SEQ,
    T_COST,
    T_OWN,   /* its own ceiling */
    T_SHOWN, /* what the meter is posted up to of that */
    T_TAKEN, /* entries */
    T_VOIDED,
    T_UNDONE,
    T_RECHARGE, /* the meter's receipt of it */
    T_RECEIPT,  /* the receipt or certificate that settled it is there */
    T_CASE,     /* 0: it names a swap or move that is not there */
    T_REFUND,   /* 0: it takes a token back, and no refund says so */
    T_CAUSE     /* 0: what caused it is not what it carries, or not its payment */
};

#define HAS(kind)                                                                                  \
    "(SELECT COUNT(*) FROM journal j WHERE j.org_id = t.org_id AND j.op_id = t.op_id AND j.kind "  \
    "= '" kind "'), "

static const char token_states[] =
    "SELECT t.account_no, t.sequence, t.kind, t.state, t.settled_at_ms, t.settled_seq, "
    "COALESCE(t.cost_milli, 0), CASE t.kind WHEN 'transfer' THEN t.imported_l WHEN 'forgive' THEN "
    "t.forgiven_l WHEN 'debit' THEN t.debited_l ELSE t.purchased_l END, COALESCE(CASE t.kind WHEN "
    "'transfer' THEN p.imported_l WHEN 'forgive' THEN p.forgiven_l WHEN 'debit' THEN p.debited_l "
    "ELSE p.purchased_l END, 0), " HAS("taken") HAS("voided") HAS("voided-undone")
    "(SELECT COUNT(*) FROM receipt r WHERE r.org_id = t.org_id AND r.meter_id = t.meter_id AND "
    "r.op_id = t.op_id AND r.command = ?2), (SELECT COUNT(*) FROM receipt r WHERE r.org_id = "
    "t.org_id AND r.meter_id = t.meter_id AND r.seq = t.settled_seq) + (SELECT COUNT(*) FROM "
    "closing c WHERE c.org_id = t.org_id AND c.meter_id = t.meter_id AND c.account_no = "
    "t.account_no AND c.receipt_seq = t.settled_seq), CASE WHEN t.swap_case IS NULL THEN 1 ELSE "
    "(SELECT COUNT(*) FROM swap_case s WHERE s.org_id = t.org_id AND s.case_id = t.swap_case) + "
    "(SELECT COUNT(*) FROM journal j WHERE j.org_id = t.org_id AND j.op_id = t.swap_case AND "
    "j.kind = 'moved') END, CASE WHEN t.kind <> 'refund' THEN 1 ELSE (SELECT COUNT(*) FROM refund "
    "f WHERE f.org_id = t.org_id AND f.account_no = t.account_no AND f.by_sequence = t.sequence "
    "AND f.sequence = t.refunds_seq AND f.refund_id = t.cause_id) END, CASE WHEN t.order_ref = "
    "t.cause_id AND (t.kind <> 'sale' OR t.payment_id = t.cause_id) THEN 1 ELSE 0 END FROM token t LEFT JOIN posted_totals p ON p.org_id = "
    "t.org_id AND p.meter_id = t.meter_id AND p.account_no = t.account_no WHERE t.org_id = ?1 "
    "ORDER BY t.account_no, t.sequence";

/* A token that only takes another back has no entries and raises nothing. */
static const char *wrong_token(struct odb_query *q, bool is_refund)
{
    const bool taken = odb_int(q, T_TAKEN) > 0, voided = odb_int(q, T_VOIDED) > 0,
               undone = odb_int(q, T_UNDONE) > 0,
               earns = is_word(q, T_KIND, "sale") && odb_int(q, T_COST) != 0,
               is_shown = is_refund || odb_int(q, T_SHOWN) >= odb_int(q, T_OWN);

    if (is_word(q, T_STATE, "pending"))
        return taken || voided                             ? "an entry says more"
               : odb_int(q, T_RECHARGE) > 0                ? "its receipt is home"
               : is_shown && !is_refund                    ? "its meter holds it"
               : !odb_is_null(q, T_SETTLED_AT) || !odb_is_null(q, T_SETTLED_SEQ) ? "was settled"
                                                                                 : NULL;
    if (odb_is_null(q, T_SETTLED_AT)
        || (!odb_is_null(q, T_SETTLED_SEQ) && odb_int(q, T_RECEIPT) == 0))
        return "what settled it is not there";
    if (is_word(q, T_STATE, "posted"))
        return voided != undone || taken != (earns && !voided) ? "its entries say otherwise"
               : !is_shown                                     ? "its meter does not hold it"
                                                               : NULL;
    return taken || undone || (voided == is_refund) ? "its entries say otherwise" : NULL;
}

static void check_token(struct ho_audit *a, struct odb_query *q)
{
    const long long no = odb_int(q, T_NO), sequence = odb_int(q, T_SEQUENCE);
    const char *wrong = wrong_token(q, is_word(q, T_KIND, "refund"));
    char kind[16], state[16];

    ho_checked(a, HO_TOKEN_STATES);
    odb_text(q, T_KIND, kind, sizeof kind);
    odb_text(q, T_STATE, state, sizeof state);
    if (wrong != NULL)
        ho_broken(a, HO_TOKEN_STATES, "token %lld/%lld (%s) is %s, but %s", no, sequence, kind,
                  state, wrong);
    if (odb_int(q, T_CASE) == 0)
        ho_broken(a, HO_TOKEN_STATES, "token %lld/%lld is of a swap or move that is not there", no,
                  sequence);
    if (odb_int(q, T_CAUSE) == 0)
        ho_broken(a, HO_TOKEN_STATES, "token %lld/%lld has another cause than it carries", no,
                  sequence);
    if (odb_int(q, T_REFUND) == 0)
        ho_broken(a, HO_TOKEN_STATES, "token %lld/%lld takes a token back, and no refund says so",
                  no, sequence);
}

/* ---- refunds ---- */

enum {
    R_NO,
    R_SEQUENCE,
    R_STATE,
    R_ASKED_BY,
    R_APPROVED_BY,
    R_AMOUNT,
    R_ENDED,
    R_BY,     /* its token's sequence */
    R_TOKEN,  /* state of what is given back; null: not there, or no sale in this currency */
    R_TAKES,  /* state of the token that takes it back */
    R_PRICE,  /* what there is to pay back */
    R_PAID,   /* by its entry, thousandths; 0: it has none */
    R_PAYMENT /* its state */
};

static const char refunds[] =
    "SELECT f.account_no, f.sequence, f.state, f.asked_by, f.approved_by, f.amount_minor, "
    "f.ended_at_ms, f.by_sequence, t.state, b.state, CASE WHEN p.amount_minor < t.price_minor THEN "
    "p.amount_minor ELSE t.price_minor END, (SELECT CAST(COALESCE(SUM(-e.amount), 0) AS BIGINT) "
    "FROM posting e WHERE e.org_id = f.org_id AND e.op_id = f.refund_id AND e.kind = 'refund' AND "
    "e.code = 'cash'), p.state FROM refund f LEFT JOIN token t ON t.org_id = f.org_id AND "
    "t.account_no = f.account_no AND t.sequence = f.sequence AND t.currency = f.currency LEFT JOIN "
    "token b ON b.org_id = f.org_id AND b.account_no = f.account_no AND b.sequence = f.by_sequence "
    "AND b.refunds_seq = f.sequence AND b.made_by = f.approved_by LEFT JOIN payment p ON p.org_id = t.org_id AND p.payment_id = "
    "t.payment_id WHERE f.org_id = ?1 ORDER BY f.account_no, f.sequence";

static const char *wrong_refund(struct odb_query *q)
{
    const bool is_wanted = is_word(q, R_STATE, "wanted"), is_asked = is_word(q, R_STATE, "asked"),
               is_paid = is_word(q, R_STATE, "paid"), has_by = !odb_is_null(q, R_BY);
    char asked_by[64], approved_by[64];

    odb_text(q, R_ASKED_BY, asked_by, sizeof asked_by);
    odb_text(q, R_APPROVED_BY, approved_by, sizeof approved_by);
    if (odb_is_null(q, R_TOKEN) || odb_is_null(q, R_PAYMENT))
        return "what it gives back is no sale that was paid for";
    if (odb_int(q, R_AMOUNT) != odb_int(q, R_PRICE))
        return "the token and its payment say another amount";
    if (odb_int(q, R_PAID) != (is_paid ? MILLI * odb_int(q, R_AMOUNT) : 0))
        return "its entry says otherwise";
    if (odb_is_null(q, R_ENDED) != (is_wanted || is_asked))
        return is_wanted || is_asked ? "it ended" : "no time says when it ended";
    if (has_by && (odb_is_null(q, R_TAKES) || approved_by[0] == '\0'
                   || strcmp(asked_by, approved_by) == 0))
        return "no second person approved it, or its token is not there";
    if (is_wanted || !has_by)
        return has_by || is_asked || is_paid || (is_wanted && approved_by[0] != '\0')
                   ? "it was approved or was not"
                   : NULL;
    return is_asked ? (is_word(q, R_TOKEN, "pending") && is_word(q, R_TAKES, "pending")
                           ? NULL
                           : "one of its tokens is decided")
           : is_paid ? (is_word(q, R_TOKEN, "voided") && is_word(q, R_PAYMENT, "refunded")
                            ? NULL
                            : "the token is not void, or its payment not refunded")
           /* void: its meter died, and its litres went on with the swap */
           : is_word(q, R_TOKEN, "pending") ? "the meter did not take the token"
                                            : NULL;
}

static void check_refund(struct ho_audit *a, struct odb_query *q)
{
    const char *wrong = wrong_refund(q);
    char state[16];

    ho_checked(a, HO_REFUNDS);
    odb_text(q, R_STATE, state, sizeof state);
    if (wrong != NULL)
        ho_broken(a, HO_REFUNDS, "refund of token %lld/%lld is %s, but %s",
                  (long long)odb_int(q, R_NO), (long long)odb_int(q, R_SEQUENCE), state, wrong);
}

/* A payment and the token that it bought name each other; one that was refunded has its refund. */
static void check_payment(struct ho_audit *a, struct odb_query *q)
{
    uint8_t id[GF_UUID_LEN];
    char name[GF_UUID_TEXT];

    (void)odb_copy(q, 0, id, sizeof id);
    gf_uuid_text(id, name);
    ho_broken(a, HO_REFUNDS, "payment %s %s", name,
              odb_int(q, 1) != 0 ? "is refunded, and no refund was paid"
                                 : "names a token that was not bought with it, or another's account");
}

/* ---- swaps ---- */

enum {
    S_NUMBER,
    S_STATE,
    S_SETTLED_AT,
    S_ESTIMATE,
    S_ESTIMATED_BY,
    S_CONFIRMED_BY,
    S_ID,
    S_TERMS,
    S_OLD_METER,
    S_NEW_METER,
    S_CAP,
    S_NOT_AFTER,
    S_OLD,         /* state of the old account, if it is this meter's and place's; null: it is not */
    S_OLD_SEQ,     /* of the receipt that closed it */
    S_NEW,         /* of the new account */
    S_ESTIMATED_L, /* by the ledger */
    S_UNDONE_L,
    S_SEEN_TAKEN_L,
    S_CLOSINGS /* certificates that name it */
};

#define ADJUSTED(kind)                                                                             \
    "(SELECT CAST(COALESCE(SUM(j.amount), 0) AS BIGINT) FROM posting j WHERE j.org_id = s.org_id " \
    "AND j.op_id = s.case_id AND j.kind = '" kind "' AND j.code = 'transit'), "

/* What the old account's meter was seen to have taken after its estimate, before its closing: it is
 * undone with that, in the case that was estimated, not in others of the account. */
#define SEEN_TAKEN                                                                                 \
    "(SELECT CAST(COALESCE(SUM(p.amount), 0) AS BIGINT) FROM token t CROSS JOIN posting p WHERE "  \
    "t.org_id = s.org_id AND t.account_no = s.old_account_no AND p.org_id = t.org_id AND p.op_id " \
    "= t.op_id AND p.kind = 'voided-undone' AND p.code = 'adjusted'), "

/* What is in transit stands in office_audit_accounts.c. */
static const char swap_states[] =
    "SELECT s.number, s.state, s.settled_at_ms, s.estimate_l, s.estimated_by, s.confirmed_by, "
    "s.case_id, s.terms, s.old_meter_id, s.new_meter_id, s.cap_l, s.not_after_s, x.state, "
    "x.closed_seq, n.state, " ADJUSTED("estimate") ADJUSTED("estimate-undone") SEEN_TAKEN
    "(SELECT COUNT(*) FROM closing c WHERE c.org_id = s.org_id AND c.meter_id = s.old_meter_id AND "
    "c.account_no = s.old_account_no AND c.swap_case = s.case_id) FROM swap_case s LEFT JOIN "
    "account x ON x.org_id = s.org_id AND x.account_no = s.old_account_no AND x.meter_id = "
    "s.old_meter_id AND x.supply_point = s.supply_point LEFT JOIN account n ON n.org_id = s.org_id "
    "AND n.account_no = s.new_account_no AND n.meter_id = s.new_meter_id AND n.supply_point = "
    "s.supply_point WHERE s.org_id = ?1 ORDER BY s.case_id";

/* The terms are those of the columns beside them. */
static bool same_terms(struct odb_query *q)
{
    gasm_SwapTerms t;
    uint8_t id[16];
    char old_id[GF_METER_ID_TEXT], new_id[GF_METER_ID_TEXT];

    odb_text(q, S_OLD_METER, old_id, sizeof old_id);
    odb_text(q, S_NEW_METER, new_id, sizeof new_id);
    return odb_copy(q, S_ID, id, sizeof id) && mc_terms_decode(odb_bytes(q, S_TERMS), &t) == 0
           && memcmp(t.swap_case, id, sizeof id) == 0
           && memcmp(t.old_meter_id, old_id, GF_METER_ID_LEN) == 0
           && memcmp(t.new_meter_id, new_id, GF_METER_ID_LEN) == 0
           && t.cap_l == (uint64_t)odb_int(q, S_CAP) && t.not_after_s == odb_int(q, S_NOT_AFTER);
}

/* Two persons estimated, the ledger has it, and has it undone once the meter itself spoke. */
static const char *wrong_estimate(struct odb_query *q)
{
    const int64_t estimate_l = odb_int(q, S_ESTIMATE);
    const bool has_estimate = !odb_is_null(q, S_ESTIMATE), spoke = !odb_is_null(q, S_OLD_SEQ);
    char one[64], two[64];

    odb_text(q, S_ESTIMATED_BY, one, sizeof one);
    odb_text(q, S_CONFIRMED_BY, two, sizeof two);
    if (has_estimate ? one[0] == '\0' || two[0] == '\0' || strcmp(one, two) == 0
                     : one[0] != '\0' || two[0] != '\0')
        return "is estimated by fewer than two persons, or without an estimate";
    return odb_int(q, S_ESTIMATED_L) == estimate_l
                   && odb_int(q, S_UNDONE_L)
                          == (spoke && has_estimate ? odb_int(q, S_SEEN_TAKEN_L) - estimate_l : 0)
               ? NULL
               : "is estimated otherwise in the ledger";
}

static const char *wrong_swap(struct odb_query *q)
{
    const bool is_planned = is_word(q, S_STATE, "planned"),
               is_cancelled = is_word(q, S_STATE, "cancelled"),
               is_settled = is_word(q, S_STATE, "settled");
    const char *wrong = wrong_estimate(q);

    if (!same_terms(q))
        return "has other terms than it is registered with";
    if (odb_is_null(q, S_OLD) || odb_is_null(q, S_NEW))
        return "names an account that is not its meter's or its place's";
    if (wrong != NULL)
        return wrong;
    if (is_settled == odb_is_null(q, S_SETTLED_AT))
        return is_settled ? "no time says since when" : "a time says that it is settled";
    if ((is_planned || is_cancelled)
        && (odb_int(q, S_CLOSINGS) > 0 || !odb_is_null(q, S_ESTIMATE)))
        return "the old meter's account has its closing";
    if (is_planned)
        return is_word(q, S_OLD, "closed") ? "the old meter's account is closed" : NULL;
    if (is_cancelled)
        return is_word(q, S_NEW, "closed") ? NULL : "the new meter's account is not closed";
    return is_word(q, S_OLD, "closed") ? NULL : "the old meter's account is not closed";
}

static void check_swap(struct ho_audit *a, struct odb_query *q)
{
    const char *wrong = wrong_swap(q);
    char number[32], state[16];

    ho_checked(a, HO_SWAP_STATES);
    odb_text(q, S_NUMBER, number, sizeof number);
    odb_text(q, S_STATE, state, sizeof state);
    if (wrong != NULL)
        ho_broken(a, HO_SWAP_STATES, "swap %s is %s, and %s", number, state, wrong);
}

int ho_audit_states(struct ho_audit *a)
{
    struct odb *db = a->o->db;
    int r = each(a,
                 odb_query(db, account_ends,
                           ODB(ODB_I(gasm_Command_CLOSE_ACCOUNT), ODB_I(gasm_LifeState_CLOSED),
                               ODB_I(gasm_LifeState_SCRAPPED))),
                 check_end);

    if (r == 0)
        r = each(a, odb_query(db, token_states, ODB(ODB_I(gasm_Command_RECHARGE))), check_token);
    if (r == 0)
        r = each(a, odb_query(db, refunds, ODB_NONE), check_refund);
    if (r == 0)
        r = each(a,
                 odb_query(db,
                           "SELECT p.payment_id, CASE WHEN p.state = 'refunded' AND NOT EXISTS "
                           "(SELECT 1 FROM refund f WHERE f.org_id = p.org_id AND f.account_no = "
                           "p.account_no AND f.sequence = p.token_seq AND f.state = 'paid') THEN 1 "
                           "ELSE 0 END FROM payment p LEFT JOIN token t ON t.org_id = p.org_id AND "
                           "t.account_no = p.account_no AND t.sequence = p.token_seq AND "
                           "t.payment_id = p.payment_id LEFT JOIN account a ON a.org_id = p.org_id "
                           "AND a.account_no = p.account_no AND a.customer_no = p.customer_no "
                           "WHERE p.org_id = ?1 AND (a.account_no IS NULL OR (p.token_seq IS "
                           "NOT NULL AND t.sequence IS NULL) OR (p.state = 'refunded' AND NOT "
                           "EXISTS (SELECT 1 FROM refund f WHERE f.org_id = p.org_id AND "
                           "f.account_no = p.account_no AND f.sequence = p.token_seq AND f.state = "
                           "'paid'))) ORDER BY p.payment_id",
                           ODB_NONE),
                 check_payment);
    return r == 0 ? each(a, odb_query(db, swap_states, ODB_NONE), check_swap) : r;
}
