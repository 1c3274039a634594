/* api_money.c - payments, and the routes of money; see api.h. Tokens, tariffs, refunds and webhooks
 * have files of their own. */
#include <stdio.h>
#include <string.h>

#include "backend/api_money_in.h"
#include "backend/provider.h"
#include "common/text.h"

#define LOOKS (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(AUDITOR))
#define NO_SUCH "there is no such payment"
#define COLUMNS                                                                                    \
    "SELECT payment_id, account_no, customer_no, provider, provider_ref, amount_minor, currency, " \
    "state, asked_by, asked_at_ms, confirmed_at_ms, token_seq, reason FROM payment WHERE org_id "  \
    "= ?1 AND "

static const struct api_field payment_fields[] = {
    { .name = "payment_id", .type = API_UUID, .what = "the payer's: the same again is the same" },
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "for which" },
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "whose account" },
    { .name = "provider", .type = API_ID, .min = 1, .max = 31, .what = "counter, or a service" },
    { .name = "provider_ref",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 63,
      .what = "the provider's number of it" },
    { .name = "amount_minor",
      .type = API_INT,
      .min = 1,
      .max = INT64_C(1000000000000),
      .what = "minor units" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "ISO 4217: EUR" },
    { .name = "state",
      .type = API_WORD,
      .words = "requested|confirmed|failed|refunded",
      .what = "requested: the provider has not said yet" },
    { .name = "asked_by", .type = API_TEXT, .max = 63, .what = "who asked for it" },
    { .name = "asked_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "confirmed_at_ms", .type = API_INT, .is_optional = true, .what = "received" },
    { .name = "token_seq",
      .type = API_INT,
      .is_optional = true,
      .what = "of the token that it bought; left out when it bought none" },
    { .name = "reason", .type = API_TEXT, .max = 159, .what = "why it failed, or bought nothing" },
};
static const struct api_message payment_message = API_MESSAGE("Payment", payment_fields);

static const struct api_field counter_fields[] = {
    { .name = "payment_id", .type = API_UUID, .what = "the caller's: the same again is the same" },
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "for which" },
    { .name = "amount_minor",
      .type = API_INT,
      .min = 1,
      .max = INT64_C(1000000000000),
      .what = "minor units that the clerk took" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "the tariff's" },
};
static const struct api_message counter_message = API_MESSAGE("CounterPayment", counter_fields);

/* ---- fields that several files read ---- */

bool api_uuid_word(struct api_call *c, const char *sentence, uint8_t ret[static GF_UUID_LEN])
{
    if (gf_uuid_parse(c->words[0], ret) == 0)
        return true;
    api_refuse(c, 404, "not_found", NULL, sentence);
    return false;
}

void api_uuid(const struct api_call *c, const char *name, uint8_t ret[static GF_UUID_LEN])
{
    memset(ret, 0, GF_UUID_LEN);
    (void)gf_uuid_parse(api_text(c, name, ""), ret); /* the table has checked it */
}

bool api_after_uuid(struct api_call *c, uint8_t ret[static GF_UUID_LEN])
{
    memset(ret, 0, GF_UUID_LEN);
    if (c->after[0] == '\0' || gf_uuid_parse(c->after, ret) == 0)
        return true;
    api_refuse(c, 400, "format", "after", "not what `next` of a page said");
    return false;
}

/* ---- payments ---- */

static void answer_payment(struct api_call *c, const uint8_t id[static GF_UUID_LEN])
{
    api_one_row(c, odb_query(c->o->db, COLUMNS "payment_id = ?2", ODB(ODB_B(id, GF_UUID_LEN))),
                &payment_message, NO_SUCH);
}

static void list_payments(struct api_call *c)
{
    uint8_t after[GF_UUID_LEN];

    if (api_after_uuid(c, after))
        api_list_rows(c,
                      odb_query(c->o->db, COLUMNS "payment_id > ?2 ORDER BY payment_id LIMIT ?3",
                                ODB(ODB_B(after, GF_UUID_LEN), ODB_I(c->limit + 1))),
                      &payment_message, "payment_id");
}

static void get_payment(struct api_call *c)
{
    uint8_t id[GF_UUID_LEN];

    if (api_uuid_word(c, NO_SUCH, id))
        answer_payment(c, id);
}

static int take_money(struct office *o, void *ctx)
{
    const struct payment_new *what = ctx;
    struct payment payment;

    return payment_at_counter(o, what, &payment);
}

static void take_payment(struct api_call *c)
{
    struct payment_new what = { .account_no = (uint64_t)api_whole(c, "account_no", 0),
                                .provider = PROVIDER_COUNTER,
                                .amount_minor = api_whole(c, "amount_minor", 0),
                                .currency = api_text(c, "currency", ""),
                                .asked_by = c->who };

    api_uuid(c, "payment_id", what.payment_id);
    if (ho_transaction(c->o, take_money, &what) < 0)
        api_fail(c);
    else
        answer_payment(c, what.payment_id);
}

#define NOT_NOW_MISMATCH "409 NOT_NOW the reason says why|409 MISMATCH the id is of another one"

static const struct api_route routes[] = {
    { .method = "POST",
      .path = "/v1/payments",
      .roles = API_BIT(CLERK),
      .takes = &counter_message,
      .gives = &payment_message,
      .handler = take_payment,
      .what = "money taken at the counter: credit at once, by the tariff of now",
      .errors = NOT_NOW_MISMATCH },
    { .method = "GET",
      .path = "/v1/payments",
      .roles = LOOKS,
      .gives = &payment_message,
      .flags = API_LIST_ROUTE,
      .handler = list_payments,
      .what = "all payments, by id" },
    { .method = "GET",
      .path = "/v1/payments/{payment_id}",
      .roles = LOOKS,
      .gives = &payment_message,
      .handler = get_payment,
      .what = "a payment",
      .errors = "404 not_found no such payment" },
    { .method = "GET",
      .path = "/v1/accounts/{account_no}/tokens",
      .roles = LOOKS | API_BIT(TECHNICIAN),
      .gives = &api_token_message,
      .flags = API_LIST_ROUTE,
      .handler = api_list_tokens,
      .what = "an account's tokens, by sequence; a technician's: of own open orders",
      .errors = "404 not_found no such account" },
    { .method = "GET",
      .path = "/v1/accounts/{account_no}/tokens/{sequence}",
      .roles = API_BIT(CLERK) | API_BIT(TECHNICIAN),
      .gives = &api_carried_message,
      .handler = api_get_token,
      .what = "a token as it is carried to the meter; a technician's: of own open orders",
      .errors = "404 not_found no such token" },
    { .method = "POST",
      .path = "/v1/accounts/{account_no}/corrections",
      .roles = API_BIT(SUPERVISOR),
      .takes = &api_correction_message,
      .gives = &api_carried_message,
      .handler = api_correct,
      .what = "forgive litres, or take litres back, by a token",
      .errors = "404 not_found no such account|" NOT_NOW_MISMATCH },
    { .method = "POST",
      .path = "/v1/refunds",
      .roles = API_BIT(CLERK) | API_BIT(SUPERVISOR),
      .takes = &api_refund_want_message,
      .gives = &api_refund_message,
      .handler = api_want_refund,
      .what = "want an unused token's money back",
      .errors = NOT_NOW_MISMATCH },
    { .method = "GET",
      .path = "/v1/refunds",
      .roles = LOOKS,
      .gives = &api_refund_message,
      .flags = API_LIST_ROUTE,
      .handler = api_list_refunds,
      .what = "all refunds, by id" },
    { .method = "POST",
      .path = "/v1/refunds/{refund_id}/approve",
      .roles = API_BIT(SUPERVISOR),
      .gives = &api_refund_message,
      .handler = api_approve_refund,
      .what = "approve a refund that another person wants: its token is issued",
      .errors =
          "404 not_found no such refund|409 NOT_NOW decided, one's own, or the token is used" },
    { .method = "POST",
      .path = "/v1/refunds/{refund_id}/reject",
      .roles = API_BIT(SUPERVISOR),
      .gives = &api_refund_message,
      .handler = api_reject_refund,
      .what = "reject a refund",
      .errors = "404 not_found no such refund|409 NOT_NOW decided already" },
    { .method = "POST",
      .path = "/v1/payouts",
      .roles = API_BIT(CLERK) | API_BIT(SUPERVISOR),
      .takes = &api_payout_want_message,
      .gives = &api_payout_message,
      .handler = api_want_payout,
      .what = "want what a closed account left paid out, or written off",
      .errors = NOT_NOW_MISMATCH },
    { .method = "GET",
      .path = "/v1/payouts",
      .roles = LOOKS,
      .gives = &api_payout_message,
      .flags = API_LIST_ROUTE,
      .handler = api_list_payouts,
      .what = "what closed accounts left and somebody wants, by id" },
    { .method = "POST",
      .path = "/v1/payouts/{payout_id}/confirm",
      .roles = API_BIT(SUPERVISOR),
      .gives = &api_payout_message,
      .handler = api_confirm_payout,
      .what = "confirm what another person wants: it is paid out or written off",
      .errors = "404 not_found no such payout|409 NOT_NOW decided, one's own, or what is left has "
                "changed" },
    { .method = "POST",
      .path = "/v1/payouts/{payout_id}/reject",
      .roles = API_BIT(SUPERVISOR),
      .gives = &api_payout_message,
      .handler = api_reject_payout,
      .what = "reject it",
      .errors = "404 not_found no such payout|409 NOT_NOW decided already" },
    { .method = "GET",
      .path = "/v1/tariffs",
      .roles = API_ALL_STAFF,
      .gives = &api_tariff_message,
      .flags = API_LIST_ROUTE,
      .handler = api_list_tariffs,
      .what = "all tariffs, by id" },
    { .method = "POST",
      .path = "/v1/tariffs",
      .roles = API_BIT(SUPERVISOR),
      .takes = &api_new_tariff_message,
      .gives = &api_tariff_message,
      .handler = api_add_tariff,
      .what = "register a tariff, for good",
      .errors = "409 NOT_NOW there is one of this id, or of this class and time" },
    { .method = "POST",
      .path = "/v1/webhooks/{provider}",
      .door = API_OPEN,
      .takes = &api_webhook_message,
      .gives = &api_webhook_answer_message,
      .flags = API_SIGNED,
      .handler = api_take_webhook,
      .what = "a payment provider says how a payment ended",
      .errors = "401 FORMAT the signature's form|401 SIGNATURE it does not sign this body|"
                "401 CLOCK older or newer than 300 s|404 not_found no such provider or payment|"
                "409 MISMATCH not the payment that was asked for|409 NOT_NOW the provider ended" },
};

const struct api_part api_part_money = { .name = "money",
                                         .routes = routes,
                                         .n = sizeof routes / sizeof routes[0] };
