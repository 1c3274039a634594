/* api_payouts.c - what closed accounts left, over HTTP: one asks, another decides; see payout.h. */
#include <string.h>

#include "backend/api_money_in.h"
#include "backend/payout.h"
#include "backend/provider.h"

#define NO_SUCH "there is no such payout"
#define COLUMNS                                                                                    \
    "SELECT payout_id, account_no, kind, currency, reason, provider, state, litres, price_minor, " \
    "change_minor, asked_by, decided_by, asked_at_ms, ended_at_ms FROM payout WHERE org_id = ?1 "  \
    "AND "

static const struct api_field fields[] = {
    { .name = "payout_id", .type = API_UUID, .what = "the caller's: the same again is the same" },
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "a closed account" },
    { .name = "kind",
      .type = API_WORD,
      .words = "pay-out|write-off",
      .what = "write-off: nobody gets anything" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "of the money: EUR" },
    { .name = "reason", .type = API_TEXT, .min = 1, .max = 150, .what = "for the books" },
    { .name = "provider",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 31,
      .what = "who pays it out; counter unless said" },
    { .name = "state", .type = API_WORD, .words = "wanted|done|rejected", .what = "done: posted" },
    { .name = "litres", .type = API_INT, .what = "that are left; below zero: a debt" },
    { .name = "price_minor",
      .type = API_INT,
      .what = "of a pay-out: what those litres cost when they were bought" },
    { .name = "change_minor", .type = API_INT, .what = "money of the customer beside them" },
    { .name = "asked_by", .type = API_TEXT, .max = 63, .what = "who wants it" },
    { .name = "decided_by",
      .type = API_TEXT,
      .is_optional = true,
      .max = 63,
      .what = "who decided; empty while it is wanted" },
    { .name = "asked_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "ended_at_ms", .type = API_INT, .is_optional = true, .what = "done or rejected" },
};
const struct api_message api_payout_message = API_MESSAGE("Payout", fields);
const struct api_message api_payout_want_message = {
    .name = "WantedPayout", .fields = fields, .n = 6 /* what the caller says */
};

static void answer_payout(struct api_call *c, const uint8_t id[static GF_UUID_LEN])
{
    api_one_row(c, odb_query(c->o->db, COLUMNS "payout_id = ?2", ODB(ODB_B(id, GF_UUID_LEN))),
                &api_payout_message, NO_SUCH);
}

void api_list_payouts(struct api_call *c)
{
    uint8_t after[GF_UUID_LEN];

    if (api_after_uuid(c, after))
        api_list_rows(c,
                      odb_query(c->o->db, COLUMNS "payout_id > ?2 ORDER BY payout_id LIMIT ?3",
                                ODB(ODB_B(after, GF_UUID_LEN), ODB_I(c->limit + 1))),
                      &api_payout_message, "payout_id");
}

struct paying_out {
    const struct api_call *call;
    uint8_t id[GF_UUID_LEN];
    bool confirm;
};

static int want(struct office *o, void *ctx)
{
    const struct paying_out *x = ctx;
    const struct api_call *c = x->call;
    struct payout_new what = { .account_no = (uint64_t)api_whole(c, "account_no", 0),
                               .kind = api_text(c, "kind", ""),
                               .currency = api_text(c, "currency", ""),
                               .provider = api_text(c, "provider", PROVIDER_COUNTER),
                               .asked_by = c->who,
                               .reason = api_text(c, "reason", "") };
    struct payout payout;

    memcpy(what.payout_id, x->id, sizeof what.payout_id);
    return payout_want(o, &what, &payout);
}

static int decide(struct office *o, void *ctx)
{
    const struct paying_out *x = ctx;
    struct payout payout;

    return x->confirm ? payout_confirm(o, x->id, x->call->who, &payout)
                      : payout_reject(o, x->id, x->call->who, &payout);
}

void api_want_payout(struct api_call *c)
{
    struct paying_out x = { .call = c };

    api_uuid(c, "payout_id", x.id);
    if (ho_transaction(c->o, want, &x) < 0)
        api_fail(c);
    else
        answer_payout(c, x.id);
}

/* Of the payout of the path. */
static void decide_found(struct api_call *c, bool confirm)
{
    struct paying_out x = { .call = c, .confirm = confirm };
    struct payout payout;
    int r;

    if (!api_uuid_word(c, NO_SUCH, x.id))
        return;
    if ((r = payout_find(c->o, x.id, &payout)) == 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    else if (r < 0 || ho_transaction(c->o, decide, &x) < 0)
        api_fail(c);
    else
        answer_payout(c, x.id);
}

void api_confirm_payout(struct api_call *c)
{
    decide_found(c, true);
}

void api_reject_payout(struct api_call *c)
{
    decide_found(c, false);
}
