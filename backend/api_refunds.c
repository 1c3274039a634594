/* api_refunds.c - refunds over HTTP: one asks, another approves; see credit.h. */
#include <stdio.h>
#include <string.h>

#include "backend/api_money_in.h"

#define NO_SUCH "there is no such refund"
#define COLUMNS                                                                                    \
    "SELECT refund_id, account_no, sequence, reason, by_sequence, state, amount_minor, currency, " \
    "asked_by, approved_by, asked_at_ms, ended_at_ms, why FROM refund WHERE org_id = ?1 AND "

static const struct api_field fields[] = {
    { .name = "refund_id", .type = API_UUID, .what = "the caller's: the same again is the same" },
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "whose token" },
    { .name = "sequence",
      .type = API_INT,
      .min = 1,
      .max = INT64_C(1) << 48,
      .what = "of the token" },
    { .name = "reason", .type = API_TEXT, .min = 1, .max = 150, .what = "for the books" },
    { .name = "by_sequence",
      .type = API_INT,
      .is_optional = true,
      .what = "of the token that takes it back; left out until it is approved" },
    { .name = "state",
      .type = API_WORD,
      .words = "wanted|asked|paid|refused",
      .what = "asked: approved, the meter's receipt decides" },
    { .name = "amount_minor", .type = API_INT, .what = "what is paid back" },
    { .name = "currency", .type = API_ID, .min = 3, .max = 3, .what = "of it" },
    { .name = "asked_by", .type = API_TEXT, .max = 63, .what = "who wants it" },
    { .name = "approved_by",
      .type = API_TEXT,
      .is_optional = true,
      .max = 63,
      .what = "who decided; empty while it is only wanted" },
    { .name = "asked_at_ms", .type = API_INT, .what = "ms since 1970" },
    { .name = "ended_at_ms", .type = API_INT, .is_optional = true, .what = "paid or refused" },
    { .name = "why",
      .type = API_TEXT,
      .is_optional = true,
      .max = 159,
      .what = "why it was refused; empty unless it was" },
};
const struct api_message api_refund_message = API_MESSAGE("Refund", fields);
const struct api_message api_refund_want_message = {
    .name = "WantedRefund", .fields = fields, .n = 4 /* what the caller says */
};

static void answer_refund(struct api_call *c, const uint8_t id[static GF_UUID_LEN])
{
    api_one_row(c, odb_query(c->o->db, COLUMNS "refund_id = ?2", ODB(ODB_B(id, GF_UUID_LEN))),
                &api_refund_message, NO_SUCH);
}

void api_list_refunds(struct api_call *c)
{
    uint8_t after[GF_UUID_LEN];

    if (api_after_uuid(c, after))
        api_list_rows(c,
                      odb_query(c->o->db, COLUMNS "refund_id > ?2 ORDER BY refund_id LIMIT ?3",
                                ODB(ODB_B(after, GF_UUID_LEN), ODB_I(c->limit + 1))),
                      &api_refund_message, "refund_id");
}

struct refunding {
    const struct api_call *call;
    uint8_t id[GF_UUID_LEN];
};

static int want(struct office *o, void *ctx)
{
    const struct refunding *x = ctx;
    const struct api_call *c = x->call;

    return refund_want(o, x->id, (uint64_t)api_whole(c, "account_no", 0),
                       (uint64_t)api_whole(c, "sequence", 0), c->who, api_text(c, "reason", ""));
}

static int approve(struct office *o, void *ctx)
{
    const struct refunding *x = ctx;
    struct refund refund;

    return refund_approve(o, x->id, x->call->who, &refund);
}

static int reject(struct office *o, void *ctx)
{
    const struct refunding *x = ctx;
    struct refund refund;

    return refund_reject(o, x->id, x->call->who, &refund);
}

static void answer_change(struct api_call *c, int (*body)(struct office *o, void *ctx),
                          const struct refunding *of)
{
    struct refunding x = *of;

    if (ho_transaction(c->o, body, &x) < 0)
        api_fail(c);
    else
        answer_refund(c, x.id);
}

void api_want_refund(struct api_call *c)
{
    struct refunding x = { .call = c };

    api_uuid(c, "refund_id", x.id);
    answer_change(c, want, &x);
}

/* The refund of the path; else the answer is made. */
static bool find(struct api_call *c, struct refunding *ret)
{
    struct refund refund;
    int r;

    *ret = (struct refunding){ .call = c };
    if (!api_uuid_word(c, NO_SUCH, ret->id))
        return false;
    r = refund_find(c->o, ret->id, &refund);
    if (r == 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    else if (r < 0)
        api_fail(c);
    return r == 1;
}

void api_approve_refund(struct api_call *c)
{
    struct refunding x;

    if (find(c, &x))
        answer_change(c, approve, &x);
}

void api_reject_refund(struct api_call *c)
{
    struct refunding x;

    if (find(c, &x))
        answer_change(c, reject, &x);
}
