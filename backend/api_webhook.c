/* api_webhook.c - messages of payment providers over HTTP; see webhook.h. */
#include <stdio.h>
#include <string.h>

#include "backend/api_money_in.h"
#include "backend/webhook.h"

static const struct api_field fields[] = {
    { .name = "event_id",
      .type = API_ID,
      .min = 1,
      .max = 64,
      .what = "the provider's, for the log" },
    { .name = "payment_id", .type = API_UUID, .what = "of the payment that was asked for" },
    { .name = "provider_ref",
      .type = API_ID,
      .min = 1,
      .max = 63,
      .what = "the provider's own number of the payment: one payment's alone" },
    { .name = "amount_minor",
      .type = API_INT,
      .min = 1,
      .max = INT64_C(1000000000000),
      .what = "minor units: what was asked for" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "what was asked for" },
    { .name = "status", .type = API_WORD, .words = "paid|failed", .what = "how it ended" },
    { .name = "reason",
      .type = API_TEXT,
      .max = 150,
      .is_optional = true,
      .what = "why it failed" },
};
const struct api_message api_webhook_message = API_MESSAGE("WebhookEvent", fields);

static const struct api_field answer_fields[] = {
    { .name = "payment_id", .type = API_UUID, .what = "of the payment" },
    { .name = "state",
      .type = API_WORD,
      .words = "confirmed|failed",
      .what = "what is known of it" },
};
const struct api_message api_webhook_answer_message = API_MESSAGE("WebhookAnswer", answer_fields);

struct taking {
    const struct payment_provider *provider;
    const struct webhook_event *event;
    struct payment payment;
    struct gf_fail why; /* why it was refused */
    char by[64];
};

static int take(struct office *o, void *ctx)
{
    struct taking *t = ctx;

    return webhook_take(o, t->provider, t->event, &t->payment);
}

/* What contradicts what is known changes nothing, and is kept: a person has to ask the provider. */
static int note_refused(struct office *o, void *ctx)
{
    const struct taking *t = ctx;

    return ho_log(o, t->by, "message refused", "%.64s: %s: %.60s %.100s", t->event->event_id,
                  t->event->is_paid ? "paid" : "failed", t->why.where, t->why.detail);
}

/* 0, or the failure that is to be answered. */
static int take_or_note(struct office *o, struct taking *t)
{
    int r = ho_transaction(o, take, t);

    if (r != GF_E_MISMATCH)
        return r;
    t->why = o->fail;
    o->fail = (struct gf_fail){ 0 };
    (void)snprintf(t->by, sizeof t->by, "provider %s", t->provider->name);
    if (ho_transaction(o, note_refused, t) < 0)
        return o->fail.code;
    o->fail = t->why;
    return r;
}

/* Did this provider sign it? Else the answer is made. */
static bool is_signed(struct api_call *c)
{
    struct office *o = c->o;
    uint8_t secret[HO_KEY_LEN];
    struct gf_fail why = { 0 };
    int r = provider_secret(o, c->words[0], secret);

    if (r == 0)
        r = webhook_check(o->ports.crypto, secret, c->request->signature, c->request->body,
                          ho_now_ms(o) / 1000, &why);
    gf_wipe(secret, sizeof secret);
    if (r == GF_E_SIGNATURE || r == GF_E_CLOCK || (r == GF_E_FORMAT && why.code != 0)) {
        api_refuse(c, 401, gf_err_row(r)->name, why.where, why.detail);
    } else if (r != 0) {
        (void)ho_fail(o, r, why.where, why.detail);
        api_fail(c);
    }
    return r == 0;
}

/* A provider that may speak here; else the answer is made. */
static bool is_provider(struct api_call *c, struct payment_provider *ret)
{
    int r = provider_find(c->o, c->words[0], ret);

    if (r < 0)
        api_fail(c);
    else if (r == 0 || ret->kind != PROVIDER_WEBHOOK)
        api_refuse(c, 404, "not_found", "provider", "there is no such provider");
    return r == 1 && ret->kind == PROVIDER_WEBHOOK;
}

void api_take_webhook(struct api_call *c)
{
    struct payment_provider provider;
    struct webhook_event event = { .event_id = api_text(c, "event_id", ""),
                                   .provider_ref = api_text(c, "provider_ref", ""),
                                   .currency = api_text(c, "currency", ""),
                                   .reason = api_text(c, "reason", ""),
                                   .amount_minor = api_whole(c, "amount_minor", 0),
                                   .is_paid = strcmp(api_text(c, "status", ""), "paid") == 0 };
    struct taking t = { .provider = &provider, .event = &event };
    char id[GF_UUID_TEXT];

    if (!is_provider(c, &provider) || !is_signed(c))
        return;
    if (provider.is_ended) {
        api_refuse(c, 409, gf_err_row(GF_E_NOT_NOW)->name, "provider",
                   "this provider takes no payments here any more");
        return;
    }
    api_uuid(c, "payment_id", event.payment_id);
    if (take_or_note(c->o, &t) == 0) {
        gf_uuid_text(event.payment_id, id);
        api_answer(c, 200,
                   json_pack("{s:s, s:s}", "payment_id", id, "state",
                             event.is_paid ? "confirmed" : "failed"));
    } else if (c->o->fail.code == GF_E_FORMAT) {
        api_refuse(c, 404, "not_found", c->o->fail.where, c->o->fail.detail);
    } else {
        api_fail(c);
    }
}
