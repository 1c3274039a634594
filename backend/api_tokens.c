/* api_tokens.c - tokens and corrections over HTTP; see credit.h. */
#include <stdio.h>
#include <string.h>

#include "backend/api_account.h"
#include "backend/api_money_in.h"
#include "backend/credit_json.h"
#include "common/text.h"

#define NO_SUCH "there is no such token"
#define COLUMNS                                                                                    \
    "SELECT account_no, sequence, meter_id, kind, state, litres, purchased_l, imported_l, "        \
    "forgiven_l, debited_l, made_at_ms, made_by, settled_at_ms, settled_seq, refunds_seq, "        \
    "payment_id, swap_case, tariff_id, cost_milli, price_minor, currency, reason FROM token "      \
    "WHERE org_id = ?1 AND "

#define LITRES_MAX (INT64_C(1) << 48)

static const struct api_field carrier_fields[] = {
    { .name = "epoch", .type = API_INT, .min = 1, .max = UINT32_MAX, .what = "of the account key" },
    { .name = "sealed",
      .type = API_HEX,
      .min = 1,
      .max = MC_TOKEN_MAX,
      .what = "gasm.SealedToken" },
    { .name = "qr", .type = API_TEXT, .max = 512, .what = "the text of its QR code" },
    { .name = "digits",
      .type = API_ID,
      .is_optional = true,
      .min = MC_TYPED_DIGITS,
      .max = MC_TYPED_DIGITS,
      .what = "to be typed; left out when it cannot be" },
};
static const struct api_message carrier_message = API_MESSAGE("TokenCarrier", carrier_fields);

static const struct api_field fields[] = {
    { .name = "account_no", .type = API_INT, .min = 1, .what = "whose", .max = INT64_MAX >> 10 },
    { .name = "sequence", .type = API_INT, .min = 1, .max = LITRES_MAX, .what = "of the account" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "that it is for" },
    { .name = "kind",
      .type = API_WORD,
      .words = "sale|transfer|forgive|debit|refund",
      .what = "why it was issued" },
    { .name = "state",
      .type = API_WORD,
      .words = "pending|posted|voided",
      .what = "whether a receipt showed that the meter has its litres" },
    { .name = "litres", .type = API_INT, .max = LITRES_MAX, .what = "what it brings, or takes" },
    { .name = "purchased_l",
      .type = API_INT,
      .max = LITRES_MAX,
      .what = "ceiling that it carries" },
    { .name = "imported_l", .type = API_INT, .max = LITRES_MAX, .what = "ceiling" },
    { .name = "forgiven_l", .type = API_INT, .max = LITRES_MAX, .what = "ceiling" },
    { .name = "debited_l", .type = API_INT, .max = LITRES_MAX, .what = "ceiling" },
    { .name = "made_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "made_by", .type = API_TEXT, .max = 63, .what = "who caused it" },
    { .name = "settled_at_ms", .type = API_INT, .is_optional = true, .what = "posted or voided" },
    { .name = "settled_seq", .type = API_INT, .is_optional = true, .what = "by this receipt" },
    { .name = "refunds_seq", .type = API_INT, .is_optional = true, .what = "which it takes back" },
    { .name = "payment_id", .type = API_UUID, .is_optional = true, .what = "of a sale" },
    { .name = "swap_case", .type = API_UUID, .is_optional = true, .what = "of a swap" },
    { .name = "tariff_id",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 31,
      .what = "of a sale" },
    { .name = "cost_milli",
      .type = API_INT,
      .is_optional = true,
      .what = "thousandths of the minor unit, exact" },
    { .name = "price_minor",
      .type = API_INT,
      .is_optional = true,
      .what = "cost, rounded half up" },
    { .name = "currency",
      .type = API_ID,
      .is_optional = true,
      .min = 3,
      .max = 3,
      .what = "of both" },
    { .name = "reason", .type = API_TEXT, .max = 159, .what = "of a correction or refund" },
    { .name = "carriers",
      .type = API_LIST,
      .of = &carrier_message,
      .max = 8,
      .what = "one for each live key of the meter" },
};
#define ROW_FIELDS (sizeof fields / sizeof fields[0] - 1)
const struct api_message api_token_message = {
    .name = "Token", .fields = fields, .n = ROW_FIELDS /* without its carriers */
};
const struct api_message api_carried_message = API_MESSAGE("CarriedToken", fields);

static const struct api_field correction_fields[] = {
    { .name = "correction_id",
      .type = API_UUID,
      .what = "the caller's: the same again is the same" },
    { .name = "kind",
      .type = API_WORD,
      .words = "forgive|debit",
      .what = "litres given without a sale, or taken" },
    { .name = "litres", .type = API_INT, .min = 1, .max = INT64_C(1000000000), .what = "how many" },
    { .name = "reason", .type = API_TEXT, .min = 1, .max = 150, .what = "for the books" },
};
const struct api_message api_correction_message = API_MESSAGE("Correction", correction_fields);

/* A technician sees the tokens of accounts that an own open order is about: the order's, and of a
 * swap the old meter's too. What else there is is answered as if it were not there. */
static bool may_see(struct api_call *c, uint64_t account_no)
{
    int64_t n = 1;

    if (c->role == API_TECHNICIAN
        && odb_number(c->o->db, &n,
                      "SELECT COUNT(*) FROM work_order w LEFT JOIN swap_case s ON s.org_id = "
                      "w.org_id AND s.case_id = w.swap_case WHERE w.org_id = ?1 AND w.staff_no = "
                      "?2 AND w.state IN ('assigned', 'on-site') AND (w.account_no = ?3 OR "
                      "s.old_account_no = ?3)",
                      ODB(ODB_T(c->who), ODB_I(account_no)))
               < 0) {
        (void)ho_db_fail(c->o);
        api_fail(c);
        return false;
    }
    if (n == 0)
        api_refuse(c, 404, "not_found", NULL, "no open order of yours is about such an account");
    return n > 0;
}

void api_list_tokens(struct api_call *c)
{
    uint64_t account_no;
    int64_t after;

    if (!api_account_word(c, c->words[0], &account_no) || !may_see(c, account_no)
        || !api_after_number(c, 0, &after))
        return;
    api_list_rows(c,
                  odb_query(c->o->db,
                            COLUMNS "account_no = ?2 AND sequence > ?3 ORDER BY sequence LIMIT ?4",
                            ODB(ODB_I(account_no), ODB_I(after), ODB_I(c->limit + 1))),
                  &api_token_message, "sequence");
}

static json_t *carrier_json(const struct credit_token *t, const struct credit_carrier *carrier)
{
    char hex[2 * MC_TOKEN_MAX + 1], qr[CREDIT_QR_TEXT];
    json_t *ret;

    gf_hex(carrier->sealed, carrier->n, hex);
    credit_qr_text(t, carrier, qr);
    ret =
        json_pack("{s:I, s:s, s:s}", "epoch", (json_int_t)carrier->epoch, "sealed", hex, "qr", qr);
    if (ret != NULL && carrier->digits[0] != '\0'
        && json_object_set_new(ret, "digits", json_string(carrier->digits)) != 0) {
        json_decref(ret);
        ret = NULL;
    }
    return ret;
}

json_t *credit_carriers(struct office *o, const struct credit_token *t)
{
    struct credit_carrier carrier;
    json_t *ret = json_array();
    uint32_t epoch = 0;
    int r;

    while ((r = credit_epochs(o, t->meter_id, epoch, &epoch)) == 1
           && (r = credit_carrier(o, t, epoch, &carrier)) == 0)
        if (json_array_append_new(ret, carrier_json(t, &carrier)) != 0) {
            r = ho_fail(o, GF_E_MEMORY, "token", "");
            break;
        }
    if (r < 0) {
        json_decref(ret);
        ret = NULL;
    }
    return ret;
}

static void answer_token(struct api_call *c, uint64_t account_no, uint64_t sequence)
{
    struct odb_query *q = odb_query(c->o->db, COLUMNS "account_no = ?2 AND sequence = ?3",
                                    ODB(ODB_I(account_no), ODB_I(sequence)));
    struct credit_token t;
    json_t *row = NULL;
    int r = odb_next(c->o->db, q);

    if (r == 1)
        row = api_row(q, &api_token_message);
    odb_end(q);
    if (r < 0)
        (void)ho_db_fail(c->o);
    if (r == 1)
        r = credit_find_token(c->o, account_no, sequence, &t);
    if (r == 1) {
        json_t *carriers = credit_carriers(c->o, &t);

        r = carriers != NULL && json_object_set_new(row, "carriers", carriers) == 0
                ? 1
                : ho_fail(c->o, GF_E_MEMORY, "token", "");
    }
    if (r == 1) {
        api_answer(c, 200, row);
        return;
    }
    json_decref(row);
    if (r == 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    else
        api_fail(c);
}

void api_get_token(struct api_call *c)
{
    uint64_t account_no;
    int64_t sequence;

    if (!api_account_word(c, c->words[0], &account_no) || !may_see(c, account_no))
        return;
    if (gf_parse_int(c->words[1], 1, LITRES_MAX, &sequence) != 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    else
        answer_token(c, account_no, (uint64_t)sequence);
}

struct correcting {
    struct credit_new what;
    struct credit_token token;
};

static int correct(struct office *o, void *ctx)
{
    struct correcting *x = ctx;

    return credit_issue(o, &x->what, &x->token);
}

void api_correct(struct api_call *c)
{
    uint8_t id[GF_UUID_LEN];
    struct correcting x = { .what = { .kind = api_text(c, "kind", ""),
                                      .litres = api_whole(c, "litres", 0),
                                      .cause_id = id,
                                      .made_by = c->who,
                                      .reason = api_text(c, "reason", "") } };

    if (!api_account_word(c, c->words[0], &x.what.account_no))
        return;
    api_uuid(c, "correction_id", id);
    if (ho_transaction(c->o, correct, &x) < 0)
        api_fail(c);
    else
        answer_token(c, x.what.account_no, x.token.sequence);
}
