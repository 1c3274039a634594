/* api_own.c - a customer's own meters, accounts, payments; see api_own.h. */
#include "backend/api_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backend/api_account.h"
#include "backend/credit.h"
#include "backend/customer.h"
#include "backend/office_issue.h"
#include "backend/office_receipt.h"
#include "backend/provider.h"

#define NO_METER "there is no such meter of yours; bind it first"
#define NO_PAYMENT "there is no such payment"
#define ACCOUNT_MAX (INT64_MAX >> 10)

static const struct api_field meter_fields[] = {
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "as on its label" },
    { .name = "account_no", .type = API_INT, .min = 1, .max = ACCOUNT_MAX, .what = "its account" },
    { .name = "account_state", .type = API_WORD, .words = "reserved|open|closed", .what = "state" },
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "where it stands" },
    { .name = "address", .type = API_TEXT, .min = 1, .max = 159, .what = "where that is" },
    { .name = "bt_address", .type = API_TEXT, .min = 0, .max = 17, .what = "of its radio" },
    { .name = "bound_at_ms", .type = API_INT, .what = "since when, ms since 1970" },
};
const struct api_message own_meter_message = API_MESSAGE("OwnMeter", meter_fields);
const struct api_message own_bind_message = {
    .name = "Bind", .fields = meter_fields, .n = 2 /* meter and account */
};

static const struct api_field ticket_fields[] = {
    { .name = "ticket", .type = API_HEX, .min = 1, .max = MC_TICKET_MAX, .what = "gasm.Ticket" },
    { .name = "ticket_key", .type = API_SECRET, .min = 64, .max = 64, .what = "32 bytes in hex" },
    { .name = "epoch", .type = API_INT, .max = UINT32_MAX, .what = "of the key that it is under" },
    { .name = "serial", .type = API_INT, .max = ACCOUNT_MAX, .what = "of the ticket" },
    { .name = "not_after_s", .type = API_INT, .what = "good until, UTC s" },
};
const struct api_message own_ticket_message = API_MESSAGE("OwnTicket", ticket_fields);

static const struct api_field token_fields[] = {
    { .name = "account_no", .type = API_INT, .min = 1, .max = ACCOUNT_MAX, .what = "whose it is" },
    { .name = "sequence", .type = API_INT, .min = 1, .max = ACCOUNT_MAX, .what = "its number" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "the meter that takes it" },
    { .name = "kind",
      .type = API_WORD,
      .words = "sale|transfer|forgive|debit|refund",
      .what = "what it is for" },
    { .name = "litres", .type = API_INT, .what = "what the credit changes by" },
    { .name = "state",
      .type = API_WORD,
      .words = "pending|posted|voided",
      .what = "not taken yet, taken by the meter, never to be taken" },
    { .name = "made_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "epoch",
      .type = API_INT,
      .is_optional = true,
      .max = UINT32_MAX,
      .what = "the key that it is sealed under; pending ones only" },
    { .name = "sealed",
      .type = API_HEX,
      .is_optional = true,
      .min = 1,
      .max = MC_TOKEN_MAX,
      .what = "what is sent to the meter; pending ones only" },
    { .name = "digits",
      .type = API_TEXT,
      .is_optional = true,
      .min = 1,
      .max = 48,
      .what = "to be typed on the meter, when it can be" },
};
const struct api_message own_token_message = API_MESSAGE("OwnToken", token_fields);

static const struct api_field pay_fields[] = {
    { .name = "payment_id",
      .type = API_UUID,
      .what = "made by the payer: the same again is the same payment" },
    { .name = "account_no", .type = API_INT, .min = 1, .max = ACCOUNT_MAX, .what = "for whom" },
    { .name = "amount_minor",
      .type = API_INT,
      .min = 1,
      .max = INT64_C(1000000000000),
      .what = "minor units of the currency" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "the tariff's" },
    { .name = "provider", .type = API_ID, .min = 1, .max = 31, .what = "who takes the money" },
    { .name = "state",
      .type = API_WORD,
      .words = "requested|confirmed|failed|refunded",
      .what = "whether the money is there" },
    { .name = "asked_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "confirmed_at_ms", .type = API_INT, .is_optional = true, .what = "ms since 1970" },
    { .name = "reason",
      .type = API_TEXT,
      .is_optional = true,
      .min = 1,
      .max = 160,
      .what = "why it failed" },
    { .name = "token",
      .type = API_OBJECT,
      .is_optional = true,
      .of = &own_token_message,
      .what = "what was bought" },
};
const struct api_message own_payment_message = API_MESSAGE("OwnPayment", pay_fields);
const struct api_message own_pay_message = { .name = "Pay", .fields = pay_fields, .n = 5 };

static const struct api_field receipt_fields[] = {
    { .name = "receipt", .type = API_HEX, .min = 1, .max = 1024, .what = "gasm.SealedReceipt" },
};
const struct api_message own_receipt_message = API_MESSAGE("OwnReceipt", receipt_fields);
static const struct api_field verdict_fields[] = {
    { .name = "verdict",
      .type = API_WORD,
      .words = "applied|duplicate",
      .what = "taken now, or home before" },
};
const struct api_message own_verdict_message = API_MESSAGE("OwnVerdict", verdict_fields);

/* ---- meters ---- */

void own_bind(struct api_call *c)
{
    const char *meter_id = api_text(c, "meter_id", "");
    int64_t account_no = api_whole(c, "account_no", 0);
    int r = customer_bind(c->o, c->customer_no, meter_id, (uint64_t)account_no);

    if (r < 0)
        api_fail(c);
    else if (r == 0)
        api_refuse(c, 404, "not_found", "account_no",
                   "there is no such account of yours on this meter");
    else
        api_answer(
            c, 200,
            json_pack("{s:s, s:I}", "meter_id", meter_id, "account_no", (json_int_t)account_no));
}

void own_meters(struct api_call *c)
{
    api_list_rows(
        c,
        odb_query(c->o->db,
                  "SELECT b.meter_id, b.account_no, a.state, a.supply_point, s.address, "
                  "m.bt_address, b.bound_at_ms FROM binding b JOIN account a ON a.org_id = "
                  "b.org_id AND a.account_no = b.account_no JOIN supply_point s ON s.org_id = "
                  "a.org_id AND s.supply_point = a.supply_point JOIN meter m ON m.org_id = "
                  "b.org_id AND m.meter_id = b.meter_id WHERE b.org_id = ?1 AND b.customer_no = ?2 "
                  "AND b.meter_id > ?3 AND b.ended_at_ms IS NULL ORDER BY b.meter_id LIMIT ?4",
                  ODB(ODB_T(c->customer_no), ODB_T(c->after), ODB_I(c->limit + 1))),
        &own_meter_message, "meter_id");
}

struct ticket_for {
    const struct api_call *c;
    struct ho_customer_ticket ticket;
};

static int issue_ticket(struct office *o, void *ctx)
{
    struct ticket_for *t = ctx;

    return ho_customer_ticket(o, t->c->customer_no, t->c->words[0], &t->ticket);
}

void own_ticket(struct api_call *c)
{
    struct ticket_for t = { .c = c };
    char ticket[2 * MC_TICKET_MAX + 1], key[2 * HO_KEY_LEN + 1];
    int r = ho_transaction(c->o, issue_ticket, &t);

    if (r < 0)
        api_fail(c);
    else if (r == 0)
        api_refuse(c, 404, "not_found", NULL, NO_METER);
    else {
        gf_hex(t.ticket.ticket, t.ticket.ticket_n, ticket);
        gf_hex(t.ticket.key, sizeof t.ticket.key, key);
        api_answer(c, 200,
                   json_pack("{s:s, s:s, s:I, s:I, s:I}", "ticket", ticket, "ticket_key", key,
                             "epoch", (json_int_t)t.ticket.epoch, "serial",
                             (json_int_t)t.ticket.serial, "not_after_s",
                             (json_int_t)t.ticket.not_after_s));
    }
    gf_wipe(key, sizeof key);
    gf_wipe(&t, sizeof t);
}

/* ---- accounts and their tokens ---- */

void own_accounts(struct api_call *c)
{
    api_list_accounts(c, c->customer_no);
}

void own_account(struct api_call *c)
{
    api_one_account(c, c->words[0], c->customer_no);
}

/* What the meter takes: sealed under its active epoch, or the next whose key is live. Nothing is
 * added while there is none. */
static int add_carrier(struct api_call *c, const struct credit_token *token, json_t *json)
{
    struct credit_carrier carrier;
    struct ho_meter meter;
    char hex[2 * MC_TOKEN_MAX + 1];
    uint32_t epoch = 0;
    int r = ho_find_meter(c->o, token->meter_id, &meter);

    if (r == 1)
        r = credit_epochs(c->o, token->meter_id,
                          meter.active_epoch > 0 ? meter.active_epoch - 1 : 0, &epoch);
    if (r == 1)
        r = credit_carrier(c->o, token, epoch, &carrier) < 0 ? c->o->fail.code : 1;
    if (r != 1)
        return r;
    gf_hex(carrier.sealed, carrier.n, hex);
    (void)json_object_set_new(json, "epoch", json_integer(carrier.epoch));
    (void)json_object_set_new(json, "sealed", json_string(hex));
    if (carrier.digits[0] != '\0')
        (void)json_object_set_new(json, "digits", json_string(carrier.digits));
    return 0;
}

/* A token as its customer sees it: NULL with the failure in o->fail. */
static json_t *token_json(struct api_call *c, uint64_t account_no, uint64_t sequence)
{
    struct credit_token t;
    int r = credit_find_token(c->o, account_no, sequence, &t);
    json_t *json = NULL;

    if (r == 1)
        json = json_pack("{s:I, s:I, s:s, s:s, s:I, s:s, s:I}", "account_no",
                         (json_int_t)t.account_no, "sequence", (json_int_t)t.sequence, "meter_id",
                         t.meter_id, "kind", t.kind, "litres", (json_int_t)t.litres, "state",
                         t.state, "made_at_ms", (json_int_t)t.made_at_ms);
    if (r == 1 && json == NULL)
        r = ho_fail(c->o, GF_E_MEMORY, "token", "");
    else if (r == 0)
        r = ho_fail(c->o, GF_E_STORE_DAMAGED, "token", "a token that was issued is missing");
    if (r == 1 && strcmp(t.state, "pending") == 0 && add_carrier(c, &t, json) < 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

void own_tokens(struct api_call *c)
{
    struct api_list list;
    struct odb_query *q;
    char key[24];
    uint64_t account_no;
    int64_t after;
    int r;

    if (!api_account_word(c, c->words[0], &account_no) || !api_is_own_account(c, account_no)
        || !api_after_number(c, 0, &after))
        return;
    q = odb_query(c->o->db,
                  "SELECT sequence FROM token WHERE org_id = ?1 AND account_no = ?2 AND sequence > "
                  "?3 ORDER BY sequence LIMIT ?4",
                  ODB(ODB_I(account_no), ODB_I(after), ODB_I(c->limit + 1)));
    api_list_begin(&list);
    while ((r = odb_next(c->o->db, q)) == 1) {
        json_t *json = token_json(c, account_no, (uint64_t)odb_int(q, 0));

        (void)snprintf(key, sizeof key, "%" PRId64, odb_int(q, 0));
        if (json == NULL) {
            r = c->o->fail.code;
            break;
        }
        if (!api_list_add(c, &list, key, json))
            break;
    }
    api_list_end(c, &list, q, r);
}

/* ---- payments ---- */

static void answer_payment(struct api_call *c, const struct payment *p)
{
    char id[GF_UUID_TEXT];
    json_t *json, *token = NULL;

    gf_uuid_text(p->payment_id, id);
    if (p->token_seq != 0 && (token = token_json(c, p->account_no, p->token_seq)) == NULL) {
        api_fail(c);
        return;
    }
    json = json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:I}", "payment_id", id, "account_no",
                     (json_int_t)p->account_no, "amount_minor", (json_int_t)p->amount_minor,
                     "currency", p->currency, "provider", p->provider, "state", p->state,
                     "asked_at_ms", (json_int_t)p->asked_at_ms);
    if (p->confirmed_at_ms > 0)
        (void)json_object_set_new(json, "confirmed_at_ms", json_integer(p->confirmed_at_ms));
    if (p->reason[0] != '\0')
        (void)json_object_set_new(json, "reason", json_string(p->reason));
    if (token != NULL)
        (void)json_object_set_new(json, "token", token);
    api_answer(c, 200, json);
}

struct paying {
    struct payment_new what;
    struct payment payment;
};

static int ask(struct office *o, void *ctx)
{
    struct paying *p = ctx;

    return payment_ask(o, &p->what, &p->payment);
}

/* True when customers may pay by this provider; a counter is for clerks. Else the answer is made.
 */
static bool is_for_customers(struct api_call *c, const char *provider)
{
    struct payment_provider found;
    int r = provider_find(c->o, provider, &found);
    bool is_one = r == 1 && found.kind == PROVIDER_WEBHOOK && !found.is_ended;

    if (r < 0)
        api_fail(c);
    else if (!is_one)
        api_refuse(c, 409, "provider", "provider", "one cannot pay here by this provider");
    return is_one;
}

void own_pay(struct api_call *c)
{
    struct paying p = { .what = { .account_no = (uint64_t)api_whole(c, "account_no", 0),
                                  .provider = api_text(c, "provider", ""),
                                  .amount_minor = api_whole(c, "amount_minor", 0),
                                  .currency = api_text(c, "currency", ""),
                                  .asked_by = c->who } };

    (void)gf_uuid_parse(api_text(c, "payment_id", ""), p.what.payment_id);
    if (!api_is_own_account(c, p.what.account_no) || !is_for_customers(c, p.what.provider))
        return;
    if (ho_transaction(c->o, ask, &p) < 0)
        api_fail(c);
    else
        answer_payment(c, &p.payment);
}

void own_payment(struct api_call *c)
{
    struct payment p;
    uint8_t id[GF_UUID_LEN];
    int r = gf_uuid_parse(c->words[0], id) == 0 ? payment_find(c->o, id, &p) : 0;

    if (r < 0)
        api_fail(c);
    else if (r == 0 || strcmp(p.customer_no, c->customer_no) != 0)
        api_refuse(c, 404, "not_found", NULL, NO_PAYMENT);
    else
        answer_payment(c, &p);
}

/* ---- receipts ---- */

struct bringing {
    struct gf_span sealed;
    const char *who;
    struct ho_verdict verdict;
};

static int take_receipt(struct office *o, void *ctx)
{
    struct bringing *b = ctx;
    const struct ho_receipt_context from = { .brought_by = b->who };

    return ho_receipt_take(o, b->sealed, &from, &b->verdict);
}

void own_receipt(struct api_call *c)
{
    const char *hex = api_text(c, "receipt", "");
    uint8_t bytes[1024];
    struct bringing b = { .sealed = { bytes, strlen(hex) / 2 }, .who = c->who };
    bool is_home;

    (void)gf_unhex(hex, bytes, b.sealed.n); /* its length and digits were checked */
    if (ho_transaction(c->o, take_receipt, &b) < 0) {
        api_fail(c);
        return;
    }
    is_home = b.verdict.kind == sync_VerdictKind_DUPLICATE;
    if (is_home || b.verdict.kind == sync_VerdictKind_APPLIED)
        api_answer(c, 200, json_pack("{s:s}", "verdict", is_home ? "duplicate" : "applied"));
    else if (b.verdict.kind == sync_VerdictKind_CONFLICT)
        api_refuse(c, 409, "conflict", b.verdict.field, b.verdict.reason);
    else
        api_refuse(c, 400, "receipt", b.verdict.field, b.verdict.reason);
}
