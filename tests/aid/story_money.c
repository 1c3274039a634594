/* story_money.c - what clerks, customers and the provider do in a story; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "common/ids.h"

/* ---- payments ---- */

/* A sale that an answer names: what it brings, as a clerk sees it. Once. */
static void count_sale(struct story *y, struct story_payment *p, uint64_t sequence)
{
    struct story_sale *sale = &y->sales[y->n_sales];
    char path[96];
    json_t *json;

    if (!p->counted)
        y->cash_minor += p->amount_minor;
    for (size_t i = 0; i < y->n_sales; i++)
        if (y->sales[i].account_no == p->account_no && y->sales[i].sequence == sequence) {
            assert_true(p->counted); /* no two payments have one token */
            return;
        }
    if (p->counted && sequence != 0)
        fail_msg("payment %s has a second token", p->id);
    p->counted = true;
    if (sequence == 0)
        return; /* it is change */
    assert_true(y->n_sales < STORY_SALES);
    (void)snprintf(path, sizeof path, "/v1/accounts/%llu/tokens/%llu",
                   (unsigned long long)p->account_no, (unsigned long long)sequence);
    json = story_call(y, "GET", path, y->clerk, NULL, NULL);
    assert_string_equal(oaid_text(json, "payment_id"), p->id);
    *sale = (struct story_sale){ .account_no = p->account_no,
                                 .sequence = sequence,
                                 .litres = oaid_whole(json, "litres"),
                                 .price_minor = oaid_whole(json, "price_minor"),
                                 .ceiling_l = (uint64_t)oaid_whole(json, "purchased_l") };
    assert_true(sale->litres > 0);
    y->n_sales++;
    json_decref(json);
}

static struct story_payment *some_payment(struct story *y, bool by_webhook)
{
    for (int tries = 0; tries < 8 && y->n_payments > 0; tries++) {
        struct story_payment *p = &y->payments[story_pick(y, y->n_payments)];

        if (p->by_webhook == by_webhook)
            return p;
    }
    return NULL;
}

static struct story_payment *new_payment(struct story *y, bool by_webhook)
{
    struct story_meter *m = story_at(y, (int)story_pick(y, STORY_PLACES));
    struct story_payment *p = &y->payments[y->n_payments];

    if (m == NULL || m->account_no == 0 || y->n_payments == STORY_PAYMENTS)
        return NULL;
    *p = (struct story_payment){ .account_no = m->account_no,
                                 .amount_minor = 1 + (int64_t)story_pick(y, 900),
                                 .by_webhook = by_webhook };
    story_id(y, p->id);
    return p;
}

static json_t *pay(struct story *y, const struct story_payment *p, int *status)
{
    return story_call(y, "POST", "/v1/payments", y->clerk,
                      json_pack("{s:s, s:I, s:I, s:s}", "payment_id", p->id, "account_no",
                                (json_int_t)p->account_no, "amount_minor",
                                (json_int_t)p->amount_minor, "currency", "EUR"),
                      status);
}

void story_pay_falling(struct story *y)
{
    struct story_payment *p = new_payment(y, false);
    int first, then;
    json_t *json;

    if (p == NULL)
        return;
    story_fall_soon(y);
    json_decref(pay(y, p, &first));
    story_get_up(y);
    json = pay(y, p, &then);
    story_tell(y, "account %llu pays %lld while head office falls: %d, then %d",
               (unsigned long long)p->account_no, (long long)p->amount_minor, first, then);
    assert_true(first == then || first >= 500);
    if (then == 200) {
        y->n_payments++;
        p->confirmed = true;
        count_sale(y, p, (uint64_t)json_integer_value(json_object_get(json, "token_seq")));
    }
    json_decref(json);
}

void story_pay(struct story *y)
{
    struct story_payment *p = story_one_in(y, 4) ? some_payment(y, false) : NULL;
    const bool is_again = p != NULL;
    int status;
    json_t *json;

    if (p == NULL)
        p = new_payment(y, false);
    if (p == NULL)
        return;
    json = pay(y, p, &status);
    story_tell(y, "account %llu pays %lld: %d%s", (unsigned long long)p->account_no,
               (long long)p->amount_minor, status, is_again ? " again" : "");
    if (status == 200) {
        const json_t *seq = json_object_get(json, "token_seq");

        if (!is_again)
            y->n_payments++;
        p->confirmed = true;
        count_sale(y, p, (uint64_t)json_integer_value(seq));
    } else {
        assert_int_equal(status, 409); /* a refund is under way, or the account was closed */
        assert_false(is_again);
    }
    json_decref(json);
}

/* The provider's message, signed at the office's time and `off_s`. Its status; *ret the answer. */
static int send_webhook(struct story *y, struct story_payment *p, bool is_paid, int64_t off_s)
{
    uint8_t secret[32], mac[32];
    char body[400], signed_text[440], hex[65], header[128], *at;
    unsigned n = 0;
    int status;
    json_t *json;

    memset(secret, 0x5A, sizeof secret);
    (void)snprintf(body, sizeof body,
                   "{\"event_id\":\"EVT-%u\",\"payment_id\":\"%s\",\"provider_ref\":\"REF-%s\","
                   "\"amount_minor\":%lld,\"currency\":\"EUR\",\"status\":\"%s\"%s}",
                   ++y->refs, p->id, p->id, (long long)p->amount_minor,
                   is_paid ? "paid" : "failed", is_paid ? "" : ",\"reason\":\"no funds\"");
    (void)snprintf(signed_text, sizeof signed_text, "%lld.%s",
                   (long long)(y->s.a.utc_ms / 1000 + off_s), body);
    assert_non_null(HMAC(EVP_sha256(), secret, sizeof secret, (const uint8_t *)signed_text,
                         strlen(signed_text), mac, &n));
    gf_hex(mac, sizeof mac, hex);
    at = strchr(signed_text, '.');
    (void)snprintf(header, sizeof header, "t=%.*s,v1=%s", (int)(at - signed_text), signed_text,
                   hex);

    const struct oaid_request r = { .method = "POST",
                                    .path = "/v1/webhooks/demo",
                                    .who = "",
                                    .raw = body,
                                    .signature = header,
                                    .status = &status };
    json = oaid_request(&y->s.a, &r, 0);
    json_decref(json);
    return status;
}

static void ask(struct story *y)
{
    struct story_payment *p = new_payment(y, true);
    int status;

    if (p == NULL)
        return;
    for (int i = 0; i < STORY_PLACES; i++) {
        struct story_meter *m = story_at(y, i);

        if (m == NULL || m->account_no != p->account_no || story_session(y, i) == NULL)
            continue;
        json_decref(story_call(y, "POST", "/v1/customer/payments", story_session(y, i),
                               json_pack("{s:s, s:I, s:I, s:s, s:s}", "payment_id", p->id,
                                         "account_no", (json_int_t)p->account_no, "amount_minor",
                                         (json_int_t)p->amount_minor, "currency", "EUR",
                                         "provider", "demo"),
                               &status));
        assert_true(status == 200 || status == 409);
        y->n_payments += status == 200 ? 1 : 0;
    }
}

static void tell_paid(struct story *y, struct story_payment *p, bool is_paid)
{
    const int status = send_webhook(y, p, is_paid, (int64_t)story_pick(y, 500) - 250);
    char path[96];
    json_t *json;

    story_tell(y, "webhook of %lld: %s: %d", (long long)p->amount_minor,
               is_paid ? "paid" : "failed", status);
    if (is_paid ? p->failed : p->confirmed) {
        assert_int_equal(status, 409);
        return;
    }
    assert_int_equal(status, 200);
    p->times++;
    if (!is_paid) {
        p->failed = true;
        return;
    }
    p->confirmed = true;
    (void)snprintf(path, sizeof path, "/v1/payments/%s", p->id);
    json = story_call(y, "GET", path, y->clerk, NULL, NULL);
    assert_true(strcmp(oaid_text(json, "state"), "confirmed") == 0
                || strcmp(oaid_text(json, "state"), "refunded") == 0);
    count_sale(y, p, (uint64_t)json_integer_value(json_object_get(json, "token_seq")));
    json_decref(json);
}

/* Asked for, told of; late, twice, failed, and under a signature that is too old. */
void story_webhook(struct story *y)
{
    struct story_payment *p = some_payment(y, true);

    if (p == NULL || story_one_in(y, 2)) {
        ask(y);
        return;
    }
    if (story_one_in(y, 6))
        assert_int_equal(send_webhook(y, p, true, story_one_in(y, 2) ? -400 : 400), 401);
    tell_paid(y, p, !story_one_in(y, 7));
    if (story_one_in(y, 3))
        tell_paid(y, p, p->confirmed);
}

/* ---- a sale that is cut off in the middle ---- */

static int sell_and_fall(struct office *o, void *ctx)
{
    struct payment p;
    int r = payment_at_counter(o, ctx, &p);

    return r == 0 ? GF_E_CANCELLED : r;
}

/* Nothing of it is there; the same again is done once. */
void story_broken_sale(struct story *y)
{
    struct story_payment *p = new_payment(y, false);
    const char *rows = "SELECT (SELECT COUNT(*) FROM posting) + (SELECT COUNT(*) FROM token) + "
                       "(SELECT COUNT(*) FROM payment) + (SELECT COUNT(*) FROM audit_log)";
    struct payment_new n = { .provider = "counter", .currency = "EUR", .asked_by = "C001" };
    int64_t before;

    if (p == NULL)
        return;
    n.account_no = p->account_no;
    n.amount_minor = p->amount_minor;
    assert_int_equal(gf_uuid_parse(p->id, n.payment_id), 0);
    before = story_number(y, rows, ODB_NONE);
    assert_true(ho_transaction(y->s.a.o, sell_and_fall, &n) < 0);
    assert_int_equal(story_number(y, rows, ODB_NONE), before);
    if (story_one_in(y, 2))
        oaid_office_restart(&y->s.a);
    assert_int_equal(story_number(y, rows, ODB_NONE), before);
}

/* ---- refunds ---- */

static struct story_sale *newest_sale(struct story *y, uint64_t account_no)
{
    struct story_sale *newest = NULL;

    for (size_t i = 0; i < y->n_sales; i++)
        if (y->sales[i].account_no == account_no
            && (newest == NULL || y->sales[i].sequence > newest->sequence))
            newest = &y->sales[i];
    return newest;
}

void story_refund(struct story *y)
{
    struct story_meter *m = story_at(y, (int)story_pick(y, STORY_PLACES));
    struct story_sale *sale = m != NULL ? newest_sale(y, m->account_no) : NULL;
    char id[STORY_ID], path[96];
    int status;
    json_t *json;

    if (sale == NULL || sale->refund_seq != 0)
        return;
    story_id(y, id);
    json_decref(story_call(y, "POST", "/v1/refunds", y->clerk,
                           json_pack("{s:s, s:I, s:I, s:s}", "refund_id", id, "account_no",
                                     (json_int_t)sale->account_no, "sequence",
                                     (json_int_t)sale->sequence, "reason", "unused"),
                           &status));
    assert_true(status == 200 || status == 409);
    if (status != 200)
        return;
    (void)snprintf(path, sizeof path, "/v1/refunds/%s/%s", id,
                   story_one_in(y, 5) ? "reject" : "approve");
    json = story_call(y, "POST", path, y->chief, NULL, &status);
    assert_true(status == 200 || status == 409);
    story_tell(y, "token %llu of %llu is asked back: %s", (unsigned long long)sale->sequence,
               (unsigned long long)sale->account_no,
               status == 200 ? oaid_text(json, "state") : "409");
    if (status == 200 && strcmp(oaid_text(json, "state"), "asked") == 0) {
        sale->refund_seq = (uint64_t)oaid_whole(json, "by_sequence");
        memcpy(sale->refund, id, sizeof id);
        sale->refund_minor = oaid_whole(json, "amount_minor");
        /* Its meter may be closed, and head office has not heard of it. */
        sale->given_back = m->life == STORY_CLOSED && m->closed_purchased_l < sale->ceiling_l;
    }
    json_decref(json);
}

/* ---- corrections, tariffs ---- */

void story_correct(struct story *y)
{
    struct story_meter *m = story_at(y, (int)story_pick(y, STORY_PLACES));
    const bool forgive = story_one_in(y, 2);
    const int64_t litres = 1 + (int64_t)story_pick(y, 60);
    char id[STORY_ID], path[96];

    if (m == NULL || m->account_no == 0)
        return;
    story_id(y, id);
    (void)snprintf(path, sizeof path, "/v1/accounts/%llu/corrections",
                   (unsigned long long)m->account_no);
    for (int times = story_one_in(y, 3) ? 2 : 1; times > 0; times--) {
        int status;
        json_t *json = story_call(y, "POST", path, y->chief,
                                  json_pack("{s:s, s:s, s:I, s:s}", "correction_id", id, "kind",
                                            forgive ? "forgive" : "debit", "litres",
                                            (json_int_t)litres, "reason", "a correction"),
                                  &status);

        assert_true(status == 200 || status == 409);
        if (status == 200)
            m->correction_seq = (uint64_t)oaid_whole(json, "sequence");
        json_decref(json);
        if (status == 409)
            return; /* the account was closed behind the door */
        if (times == 1)
            *(forgive ? &m->forgiven_l : &m->debited_l) += litres;
    }
    story_tell(y, "account %llu: %s %lld", (unsigned long long)m->account_no,
               forgive ? "forgive" : "debit", (long long)litres);
}

void story_tariff(struct story *y)
{
    char name[32], steps[64];

    (void)snprintf(name, sizeof name, "T-S%u", ++y->tariffs);
    (void)snprintf(steps, sizeof steps, "0=%llu;100=%llu",
                   (unsigned long long)(700 + story_pick(y, 600)),
                   (unsigned long long)(1000 + story_pick(y, 900)));
    story_tell(y, "tariff %s", steps);
    json_decref(story_call(y, "POST", "/v1/tariffs", y->chief,
                           json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "tariff_id", name, "class",
                                     "standard", "currency", "EUR", "period", "month", "steps",
                                     steps, "valid_from_s",
                                     (json_int_t)(y->s.a.utc_ms / 1000 + 60)),
                           NULL));
    story_pass(y, 90 * 1000);
}

/* Each message that was not told yet is told. */
void story_end_money(struct story *y)
{
    for (size_t i = 0; i < y->n_payments; i++)
        if (y->payments[i].by_webhook && !y->payments[i].confirmed && !y->payments[i].failed)
            tell_paid(y, &y->payments[i], true);
}
