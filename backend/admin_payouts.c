/* admin_payouts.c - commands about what closed accounts left: paid out, or written off; see
 * admin.h. */
#include "backend/admin.h"
#include "backend/payout.h"
#include "backend/provider.h"
#include "common/text.h"

static const struct admin_option want_options[] = {
    { "reason", "TEXT", "for the books", 0, true },
    ADMIN_BY_NEEDED,
    { "write-off", NULL, "nobody gets anything: credit, debt and money are written off", 0, false },
    { "provider", "NAME", "who pays it out; counter unless said", 0, false },
    { "id", "UUID", "the same again has no second effect; a new one unless said", 0, false },
};
static const struct admin_option decide_options[] = { ADMIN_BY_NEEDED };

struct paying_out {
    struct payout_new what;
    struct payout payout;
};

static int want(struct office *o, void *ctx)
{
    struct paying_out *x = ctx;

    return payout_want(o, &x->what, &x->payout);
}

static int confirm(struct office *o, void *ctx)
{
    struct paying_out *x = ctx;

    return payout_confirm(o, x->what.payout_id, x->what.asked_by, &x->payout);
}

static int reject(struct office *o, void *ctx)
{
    struct paying_out *x = ctx;

    return payout_reject(o, x->what.payout_id, x->what.asked_by, &x->payout);
}

static int change(struct admin *a, int (*body)(struct office *o, void *ctx), struct paying_out *x,
                  struct gf_fail *why)
{
    const struct payout *p = &x->payout;
    char id[GF_UUID_TEXT];
    int r = admin_failed(a, ho_transaction(a->office, body, x), why);

    if (r != 0)
        return r;
    gf_uuid_text(p->payout_id, id);
    return admin_answer(a,
                        json_pack("{s:s, s:I, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "payout_id", id,
                                  "account_no", (json_int_t)p->account_no, "kind", p->kind, "state",
                                  p->state, "litres", (json_int_t)p->litres, "price_minor",
                                  (json_int_t)p->price_minor, "change_minor",
                                  (json_int_t)p->change_minor, "currency", p->currency, "provider",
                                  p->provider),
                        why);
}

static int run_want(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *provider = admin_value(args, "provider");
    struct paying_out x = { .what = { .kind = admin_has(args, "write-off") ? "write-off" : "pay-out",
                                      .currency = args->words[1],
                                      .provider = provider != NULL ? provider : PROVIDER_COUNTER,
                                      .reason = admin_value(args, "reason") } };
    int64_t account_no = 0;
    int r = admin_number(args->words[0], "account", 1, INT64_MAX, &account_no, why);

    x.what.account_no = (uint64_t)account_no;
    if (r == 0)
        r = admin_id(a, args, x.what.payout_id, why);
    if (r == 0)
        r = admin_by(a, args, &x.what.asked_by, why);
    return r == 0 ? change(a, want, &x, why) : r;
}

static int decide(struct admin *a, const struct admin_args *args,
                  int (*body)(struct office *o, void *ctx), struct gf_fail *why)
{
    struct paying_out x = { .what = { .account_no = 0 } };
    int r = gf_uuid_parse(args->words[0], x.what.payout_id) == 0
                ? 0
                : gf_fail(why, GF_E_FORMAT, "id", "has to be a UUID");

    if (r == 0)
        r = admin_by(a, args, &x.what.asked_by, why);
    return r == 0 ? change(a, body, &x, why) : r;
}

static int run_confirm(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return decide(a, args, confirm, why);
}

static int run_reject(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    return decide(a, args, reject, why);
}

static const struct admin_command commands[] = {
    { .name = "payout want",
      .words = "ACCOUNT CURRENCY",
      .what = "want what a closed account left paid out, or written off",
      .more = "The litres that are left are worth what they cost when they were bought, counted "
              "back from the newest sale; the customer's change comes on top. A supervisor, another "
              "person, has to confirm.",
      ADMIN_OPTIONS(want_options),
      .run = run_want },
    { .name = "payout confirm",
      .words = "PAYOUT",
      .what = "pay it out, or write it off",
      ADMIN_OPTIONS(decide_options),
      .run = run_confirm },
    { .name = "payout reject",
      .words = "PAYOUT",
      .what = "reject it",
      ADMIN_OPTIONS(decide_options),
      .run = run_reject },
};

const struct admin_group admin_group_payouts = ADMIN_GROUP("Closed accounts", commands);
