/* admin_money.c - the commands of money: payments, tokens, refunds, providers; see
 * admin.h.
 */
#include <string.h>

#include "backend/admin.h"
#include "backend/credit_json.h"
#include "backend/provider.h"
#include "common/bytes.h"
#include "common/text.h"

#define AMOUNT_MAX INT64_C(1000000000000)

/* ---- arguments ---- */

static int read_number(const char *text, const char *name, uint64_t *ret, struct gf_fail *why)
{
    int64_t n = 0;
    int r = admin_number(text, name, 1, INT64_MAX, &n, why);

    *ret = (uint64_t)n;
    return r;
}

static int read_id(const char *text, uint8_t ret[static GF_UUID_LEN], struct gf_fail *why)
{
    return gf_uuid_parse(text, ret) == 0 ? 0 : gf_fail(why, GF_E_FORMAT, "id", "has to be a UUID");
}

#define ID_OPTION                                                                                  \
    {                                                                                              \
        "id", "UUID", "the same again has no second effect; a new one unless said", 0, false       \
    }
#define QR_OPTION                                                                                  \
    {                                                                                              \
        "qr", NULL, "draw the sealed token as a QR code, under the lowest live key", 0, false      \
    }

/* ---- tokens ---- */

static json_t *token_json(struct admin *a, const struct credit_token *t)
{
    json_t *carriers = credit_carriers(a->office, t);

    if (carriers == NULL)
        return NULL;
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:o}", "account_no", (json_int_t)t->account_no,
                     "sequence", (json_int_t)t->sequence, "meter_id", t->meter_id, "kind", t->kind,
                     "state", t->state, "litres", (json_int_t)t->litres, "carriers", carriers);
}

/* Print a document about a token, and its code when that is wanted. */
static int answer_token(struct admin *a, const struct admin_args *args, json_t *doc,
                        struct gf_fail *why)
{
    bool is_drawn = admin_has(args, "qr") || admin_has(args, "png") || admin_has(args, "svg");
    const json_t *first = json_array_get(json_object_get(doc, "carriers"), 0);
    const char *text = json_string_value(json_object_get(first, "qr"));
    int r = 0;

    if (doc == NULL)
        return a->office->fail.code != 0 ? admin_failed(a, a->office->fail.code, why)
                                         : gf_fail(why, GF_E_MEMORY, "token", "");
    if (is_drawn && text == NULL)
        r = gf_fail(why, GF_E_NOT_NOW, "qr", "the meter has no live key, so there is no token yet");
    if (r == 0 && is_drawn)
        r = admin_code(a, args, text, why);
    if (r == 0)
        return admin_answer(a, doc, why);
    json_decref(doc);
    return r;
}

static const struct admin_option token_options[] = { QR_OPTION, ADMIN_CODE_OPTIONS };

static int run_token(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct credit_token t, next;
    uint64_t account_no = 0, sequence = 0;
    int r = read_number(args->words[0], "account", &account_no, why);

    if (r == 0 && args->words[1] != NULL)
        r = read_number(args->words[1], "sequence", &sequence, why);
    if (r != 0)
        return r;
    if (sequence != 0) {
        r = credit_find_token(a->office, account_no, sequence, &t);
    } else {
        while ((r = credit_next_token(a->office, account_no, sequence, &next)) == 1) {
            t = next;
            sequence = t.sequence;
        }
        r = r == 0 ? sequence != 0 : r;
    }
    if (r == 0)
        return gf_fail(why, GF_E_FORMAT, "sequence", "the account has no such token");
    if (r < 0)
        return admin_failed(a, r, why);
    return answer_token(a, args, token_json(a, &t), why);
}

/* ---- paying ---- */

static const struct admin_option pay_options[] = { ID_OPTION, ADMIN_BY_OPTION, QR_OPTION,
                                                   ADMIN_CODE_OPTIONS };

struct paying {
    struct payment_new what;
    struct payment payment;
};

static int pay(struct office *o, void *ctx)
{
    struct paying *x = ctx;

    return payment_at_counter(o, &x->what, &x->payment);
}

/* What a payment bought, with the change that is left. */
static json_t *payment_json(struct admin *a, const struct payment *p)
{
    char id[GF_UUID_TEXT];
    struct credit_token t;
    json_t *doc = json_object();
    int64_t change_milli = 0;
    int r = payment_change(a->office, p->account_no, p->currency, &change_milli);

    if (r == 0 && p->token_seq != 0) {
        json_decref(doc);
        r = credit_find_token(a->office, p->account_no, p->token_seq, &t);
        doc = r == 1 ? token_json(a, &t) : NULL;
    }
    gf_uuid_text(p->payment_id, id);
    if (r < 0 || doc == NULL || json_object_set_new(doc, "payment_id", json_string(id)) != 0
        || json_object_set_new(doc, "change_minor", json_integer(change_milli / 1000)) != 0
        || (p->reason[0] != '\0'
            && json_object_set_new(doc, "reason", json_string(p->reason)) != 0)) {
        json_decref(doc);
        doc = NULL;
    }
    return doc;
}

static int run_pay(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct paying x = { .what = { .provider = PROVIDER_COUNTER, .currency = args->words[2] } };
    int r = read_number(args->words[0], "account", &x.what.account_no, why);

    if (r == 0)
        r = admin_number(args->words[1], "amount", 1, AMOUNT_MAX, &x.what.amount_minor, why);
    if (r == 0)
        r = admin_id(a, args, x.what.payment_id, why);
    if (r == 0)
        r = admin_by(a, args, &x.what.asked_by, why);
    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, pay, &x), why);
    return r == 0 ? answer_token(a, args, payment_json(a, &x.payment), why) : r;
}

/* ---- refunds ---- */

static const struct admin_option want_options[] = { { "reason", "TEXT", "for the books", 0, true },
                                                    ADMIN_BY_NEEDED,
                                                    ID_OPTION };
static const struct admin_option decide_options[] = { ADMIN_BY_NEEDED };

struct refunding {
    uint8_t id[GF_UUID_LEN];
    uint64_t account_no, sequence;
    const char *by, *reason;
    struct refund refund;
};

static int want(struct office *o, void *ctx)
{
    struct refunding *x = ctx;
    int r = refund_want(o, x->id, x->account_no, x->sequence, x->by, x->reason);

    return r == 0 ? refund_find(o, x->id, &x->refund) : r;
}

static int approve(struct office *o, void *ctx)
{
    struct refunding *x = ctx;

    return refund_approve(o, x->id, x->by, &x->refund);
}

static int reject(struct office *o, void *ctx)
{
    struct refunding *x = ctx;

    return refund_reject(o, x->id, x->by, &x->refund);
}

static int change_refund(struct admin *a, int (*body)(struct office *o, void *ctx),
                         struct refunding *x, struct gf_fail *why)
{
    char id[GF_UUID_TEXT];
    int r = admin_failed(a, ho_transaction(a->office, body, x), why);

    if (r != 0)
        return r;
    gf_uuid_text(x->refund.refund_id, id);
    return admin_answer(a,
                        json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:s}", "refund_id", id,
                                  "account_no", (json_int_t)x->refund.account_no, "sequence",
                                  (json_int_t)x->refund.sequence, "state", x->refund.state,
                                  "by_sequence", (json_int_t)x->refund.by_sequence, "amount_minor",
                                  (json_int_t)x->refund.amount_minor, "currency",
                                  x->refund.currency),
                        why);
}

static int run_want(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct refunding x = { .reason = admin_value(args, "reason") };
    int r = read_number(args->words[0], "account", &x.account_no, why);

    if (r == 0)
        r = read_number(args->words[1], "sequence", &x.sequence, why);
    if (r == 0)
        r = admin_id(a, args, x.id, why);
    if (r == 0)
        r = admin_by(a, args, &x.by, why);
    return r == 0 ? change_refund(a, want, &x, why) : r;
}

static int decide(struct admin *a, const struct admin_args *args,
                  int (*body)(struct office *o, void *ctx), struct gf_fail *why)
{
    struct refunding x = { .by = NULL };
    int r = read_id(args->words[0], x.id, why);

    if (r == 0)
        r = admin_by(a, args, &x.by, why);
    return r == 0 ? change_refund(a, body, &x, why) : r;
}

static int run_approve(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return decide(a, args, approve, why);
}

static int run_reject(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return decide(a, args, reject, why);
}

/* ---- providers ---- */

struct adding {
    const char *name, *by;
    uint8_t secret[HO_KEY_LEN];
};

static const struct admin_option provider_options[] = {
    { "secret", "FILE", "64 hex digits that sign its messages; the provider has the same", 0,
      true },
    ADMIN_BY_OPTION,
};
static const struct admin_option end_options[] = { ADMIN_BY_OPTION };

static int add_provider(struct office *o, void *ctx)
{
    const struct adding *x = ctx;

    return provider_add(o, x->name, x->secret, x->by);
}

static int end_provider(struct office *o, void *ctx)
{
    const struct adding *x = ctx;

    return provider_end(o, x->name, x->by);
}

static int run_provider_add(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct adding x = { .name = args->words[0] };
    int r = admin_by(a, args, &x.by, why);

    if (r == 0)
        r = admin_key_file(admin_value(args, "secret"), "secret", x.secret, why);
    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, add_provider, &x), why);
    gf_wipe(x.secret, sizeof x.secret);
    return r == 0 ? admin_answer(a, json_pack("{s:s, s:s}", "name", x.name, "kind", "webhook"), why)
                  : r;
}

static int run_provider_end(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct adding x = { .name = args->words[0] };
    int r = admin_by(a, args, &x.by, why);

    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, end_provider, &x), why);
    return r == 0 ? admin_answer(a, json_pack("{s:s, s:b}", "name", x.name, "is_ended", true), why)
                  : r;
}

static int run_provider_list(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    json_t *list = json_array();
    struct payment_provider p = { .name = "" };
    int r;

    (void)args;
    while ((r = provider_next(a->office, p.name, &p)) == 1)
        if (json_array_append_new(
                list, json_pack("{s:s, s:s, s:b}", "name", p.name, "kind",
                                p.kind == PROVIDER_WEBHOOK ? "webhook" : PROVIDER_COUNTER,
                                "is_ended", p.is_ended))
            != 0)
            break;
    if (r == 0)
        return admin_answer(a, list, why);
    json_decref(list);
    return r < 0 ? admin_failed(a, r, why) : gf_fail(why, GF_E_MEMORY, "providers", "");
}

static const struct admin_command commands[] = {
    { .name = "pay",
      .words = "ACCOUNT AMOUNT CURRENCY",
      .what = "take money at the counter: credit at once",
      .more = "AMOUNT is in minor units (1250: 12.50 EUR). Prints what it bought, the change, and "
              "the token: sealed, as 25 digits to type, or with --qr as a code to scan.",
      ADMIN_OPTIONS(pay_options),
      .run = run_pay },
    { .name = "token",
      .words = "ACCOUNT [SEQUENCE]",
      .what = "print a token again, the newest unless said",
      ADMIN_OPTIONS(token_options),
      .run = run_token },
    { .name = "refund want",
      .words = "ACCOUNT SEQUENCE",
      .what = "want an unused token's money back",
      .more = "Only the newest sale can be given back. Another person has to approve; the money "
              "moves when the meter's receipt proves that the token was never used.",
      ADMIN_OPTIONS(want_options),
      .run = run_want },
    { .name = "refund approve",
      .words = "REFUND",
      .what = "approve a refund: issues the token that takes it back",
      ADMIN_OPTIONS(decide_options),
      .run = run_approve },
    { .name = "refund reject",
      .words = "REFUND",
      .what = "reject a refund",
      ADMIN_OPTIONS(decide_options),
      .run = run_reject },
    { .name = "provider add",
      .words = "NAME",
      .what = "a service that tells of payments by signed messages",
      .more = "It posts them to /v1/webhooks/NAME of the listener for everybody; "
              "docs/payments.md has the format.",
      ADMIN_OPTIONS(provider_options),
      .run = run_provider_add },
    { .name = "provider end",
      .words = "NAME",
      .what = "take no more payments from a service, for good",
      ADMIN_OPTIONS(end_options),
      .run = run_provider_end },
    { .name = "provider list", .words = "", .what = "the services", .run = run_provider_list },
};

const struct admin_group admin_group_money = ADMIN_GROUP("Money", commands);
