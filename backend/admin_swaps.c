/* admin_swaps.c - commands about swap cases; see admin.h. */
#include <stdio.h>
#include <string.h>

#include "backend/admin.h"
#include "backend/swap_case.h"

/* ---- looking ---- */

static json_t *case_json(const struct swap_case *c)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "number", c->number, "state",
                     c->state, "reason", c->reason, "supply_point", c->supply_point, "old_meter_id",
                     c->old_meter_id, "new_meter_id", c->new_meter_id, "old_account_no",
                     (json_int_t)c->old_account_no, "new_account_no",
                     (json_int_t)c->new_account_no, "cap_l", (json_int_t)c->cap_l);
}

static const struct admin_option list_options[] = {
    { "state", "STATE", "only planned, closed, settled or cancelled ones", 0, false },
};

static int run_list(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    static const char *const states[] = { "planned", "closed", "settled", "cancelled" };
    const char *state = admin_value(args, "state");
    struct swap_case c = { .number = "" };
    char after[32] = "";
    json_t *list;
    size_t i = 0;
    int r;

    while (state != NULL && i < sizeof states / sizeof states[0] && strcmp(state, states[i]) != 0)
        i++;
    if (i == sizeof states / sizeof states[0])
        return gf_fail(why, GF_E_FORMAT, "state", "planned, closed, settled or cancelled");
    list = json_array();
    while ((r = swap_next(a->office, after, state, &c)) == 1) {
        (void)snprintf(after, sizeof after, "%s", c.number);
        if (json_array_append_new(list, case_json(&c)) != 0)
            break;
    }
    if (r >= 0)
        return admin_answer(a, r == 1 ? NULL : list, why);
    json_decref(list);
    return admin_failed(a, r, why);
}

static int run_show(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct swap_case c;
    int64_t transit_l = 0;
    char owner[33];
    json_t *json;
    int r = swap_find_number(a->office, args->words[0], &c);

    if (r == 0)
        return gf_fail(why, GF_E_FORMAT, "swap case", "there is no such swap case");
    ledger_owner_case(c.case_id, owner);
    if (r == 1)
        r = ledger_balance(a->office, LEDGER_LITRE, LEDGER_TRANSIT, owner, &transit_l);
    if (r != 0)
        return admin_failed(a, r, why);
    json = case_json(&c);
    (void)json_object_set_new(json, "transit_l", json_integer(transit_l));
    if (c.has_estimate) {
        (void)json_object_set_new(json, "estimate_l", json_integer(c.estimate_l));
        (void)json_object_set_new(json, "estimated_by", json_string(c.estimated_by));
        (void)json_object_set_new(json, "confirmed_by", json_string(c.confirmed_by));
    }
    return admin_answer(a, json, why);
}

/* ---- deciding ---- */

struct deciding {
    const char *number, *by, *confirmed_by;
    bool online, cancels, estimates;
    int64_t litres;
};

static int decide(struct office *o, void *ctx)
{
    const struct deciding *d = ctx;
    struct swap_case c;
    int r = swap_find_number(o, d->number, &c);

    if (r != 1)
        return r < 0 ? r : ho_fail(o, GF_E_FORMAT, "swap case", "there is no such swap case");
    if (d->estimates)
        return swap_estimate(o, c.case_id, d->litres, d->by, d->confirmed_by);
    return d->cancels ? swap_cancel(o, c.case_id, d->by)
                      : swap_settle(o, c.case_id, d->online, d->by);
}

static int run_decision(struct admin *a, const struct admin_args *args, struct deciding *d,
                        struct gf_fail *why)
{
    int r = admin_failed(a, ho_transaction(a->office, decide, d), why);

    return r == 0 ? run_show(a, args, why) : r;
}

static const struct admin_option settle_options[] = {
    { "online", NULL, "by token now, also while the new meter may take the certificate", 0, false },
};

static int run_settle(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct deciding d = { .number = args->words[0],
                          .by = ho_who(a->office),
                          .online = admin_has(args, "online") };

    return run_decision(a, args, &d, why);
}

static int run_cancel(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct deciding d = { .number = args->words[0], .by = ho_who(a->office), .cancels = true };

    return run_decision(a, args, &d, why);
}

static int run_estimate(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct deciding d = { .number = args->words[0],
                          .by = args->words[2],
                          .confirmed_by = args->words[3],
                          .estimates = true };
    int r = admin_number(args->words[1], "litres", -SWAP_CAP_MAX_L, SWAP_CAP_MAX_L, &d.litres, why);

    return r == 0 ? run_decision(a, args, &d, why) : r;
}

/* ---- what removed meters left ---- */

struct moving {
    uint8_t id[GF_UUID_LEN];
    int64_t from, to;
    struct credit_token token;
};

static int move(struct office *o, void *ctx)
{
    struct moving *m = ctx;

    return swap_move_residual(o, m->id, (uint64_t)m->from, (uint64_t)m->to, ho_who(o), &m->token);
}

static const struct admin_option move_options[] = {
    { "id", "UUID", "of the move, so that the same again is the same; a new one unless said", 0,
      false },
};

static int run_move(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct moving m = { .from = 0 };
    int r = admin_number(args->words[0], "account", 1, INT64_MAX, &m.from, why);

    if (r == 0)
        r = admin_number(args->words[1], "account", 1, INT64_MAX, &m.to, why);
    if (r == 0)
        r = admin_id(a, args, m.id, why);
    if (r == 0)
        r = admin_failed(a, ho_transaction(a->office, move, &m), why);
    return r == 0 ? admin_answer(a,
                                 json_pack("{s:I, s:I, s:I}", "account_no",
                                           (json_int_t)m.token.account_no, "sequence",
                                           (json_int_t)m.token.sequence, "litres",
                                           (json_int_t)m.token.litres),
                                 why)
                  : r;
}

static const struct admin_command commands[] = {
    { .name = "swap list",
      .words = "",
      .what = "the swap cases",
      ADMIN_OPTIONS(list_options),
      .run = run_list },
    { .name = "swap show",
      .words = "NUMBER",
      .what = "one swap case with its litres in transit",
      .run = run_show },
    { .name = "swap settle",
      .words = "NUMBER",
      .what = "what is in transit goes to the new meter by token",
      ADMIN_OPTIONS(settle_options),
      .run = run_settle },
    { .name = "swap estimate",
      .words = "NUMBER LITRES STAFF SUPERVISOR",
      .what = "a dead meter's credit, estimated by one person and confirmed by another",
      .run = run_estimate },
    { .name = "swap cancel",
      .words = "NUMBER",
      .what = "the swap did not happen",
      .run = run_cancel },
    { .name = "swap move",
      .words = "ACCOUNT ACCOUNT",
      .what = "what a removed meter's account left goes to another one of the customer",
      ADMIN_OPTIONS(move_options),
      .run = run_move },
};

const struct admin_group admin_group_swaps = ADMIN_GROUP("Swaps", commands);
