/* api_swaps.c - swap cases, and what removed meters left; see api.h. */
#include <string.h>

#include "backend/api_orders.h"
#include "backend/swap_case.h"
#include "common/text.h"

#define NO_CASE "there is no such swap case"

static const struct api_field swap_fields[] = {
    { .name = "number", .type = API_ID, .max = 31, .min = 1, .what = "the case's number" },
    { .name = "state",
      .type = API_WORD,
      .words = "planned|closed|settled|cancelled",
      .what = "closed: the old account is; settled: nothing is in transit" },
    { .name = "reason", .type = API_WORD, .words = "fault|due|dispute", .what = "why" },
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "where" },
    { .name = "old_meter_id", .type = API_ID, .min = 12, .max = 12, .what = "the meter that goes" },
    { .name = "new_meter_id", .type = API_ID, .min = 12, .max = 12, .what = "the one that comes" },
    { .name = "old_account_no", .type = API_INT, .what = "the account that is closed" },
    { .name = "new_account_no", .type = API_INT, .what = "the one that is opened" },
    { .name = "cap_l",
      .type = API_INT,
      .what = "litres that go over by certificate at most" },
    { .name = "not_after_s", .type = API_INT, .what = "until when, UTC s" },
    { .name = "made_at_ms", .type = API_INT, .what = "when it was planned, UTC ms" },
    { .name = "made_by", .type = API_TEXT, .what = "who planned it" },
    { .name = "estimate_l",
      .type = API_INT,
      .is_optional = true,
      .what = "what a dead meter was estimated to hold, litres" },
    { .name = "estimated_by", .type = API_ID, .is_optional = true, .what = "who estimated it" },
    { .name = "confirmed_by", .type = API_ID, .is_optional = true, .what = "who confirmed that" },
    { .name = "settled_at_ms", .type = API_INT, .is_optional = true, .what = "UTC ms" },
    { .name = "transit_l",
      .type = API_INT,
      .is_optional = true,
      .what = "litres on their way; of one case only" },
    { .name = "adjusted_l",
      .type = API_INT,
      .is_optional = true,
      .what = "litres of an estimate that no meter has confirmed; of one case only" },
};
#define SWAP_COLUMNS                                                                               \
    "SELECT number, state, reason, supply_point, old_meter_id, new_meter_id, old_account_no, "     \
    "new_account_no, cap_l, not_after_s, made_at_ms, made_by, estimate_l, estimated_by, "          \
    "confirmed_by, settled_at_ms FROM swap_case WHERE org_id = ?1 AND "
const struct api_message api_swap_message = {
    .name = "SwapCase", .fields = swap_fields, .n = 16
};
const struct api_message api_swap_detail = API_MESSAGE("SwapCaseDetail", swap_fields);

static const struct api_field query_fields[] = {
    { .name = "state",
      .type = API_WORD,
      .is_optional = true,
      .words = "planned|closed|settled|cancelled",
      .what = "only cases of this state" },
};
const struct api_message api_swap_query = API_MESSAGE("SwapCaseQuery", query_fields);

static const struct api_field settle_fields[] = {
    { .name = "online",
      .type = API_BOOL,
      .is_optional = true,
      .what = "by token now, also while the new meter may take the certificate" },
};
const struct api_message api_settle_message = API_MESSAGE("Settle", settle_fields);

static const struct api_field estimate_fields[] = {
    { .name = "residual_l",
      .type = API_INT,
      .what = "litres that the dead meter holds; below zero: a debt" },
    { .name = "estimated_by",
      .type = API_ID,
      .min = 1,
      .max = 24,
      .what = "who estimated it; the caller confirms it and has to be another" },
};
const struct api_message api_estimate_message = API_MESSAGE("Estimate", estimate_fields);

static const struct api_field move_fields[] = {
    { .name = "id", .type = API_UUID, .what = "of the move: twice is once" },
    { .name = "to_account_no", .type = API_INT, .min = 1, .max = INT64_C(1) << 48,
      .what = "an open account of the same customer" },
};
const struct api_message api_move_message = API_MESSAGE("MoveResidual", move_fields);

static const struct api_field moved_fields[] = {
    { .name = "account_no", .type = API_INT, .what = "the account that gets it" },
    { .name = "sequence", .type = API_INT, .what = "of the token that brings it" },
    { .name = "litres", .type = API_INT, .what = "how much" },
};
const struct api_message api_moved_message = API_MESSAGE("MovedResidual", moved_fields);

void api_list_swaps(struct api_call *c)
{
    const char *state = json_string_value(json_object_get(c->asked, "state"));
    const struct odb_value after = ODB_T(c->after), n = ODB_I(c->limit + 1);

    api_list_rows(c,
                  state == NULL
                      ? odb_query(c->o->db, SWAP_COLUMNS "number > ?2 ORDER BY number LIMIT ?3",
                                  ODB(after, n))
                      : odb_query(c->o->db,
                                  SWAP_COLUMNS
                                  "number > ?2 AND state = ?4 ORDER BY number LIMIT ?3",
                                  ODB(after, n, ODB_T(state))),
                  &api_swap_message, "number");
}

/* What the ledger says of the case. 0 or a failure. */
static int add_balances(struct office *o, const struct swap_case *found, json_t *json)
{
    int64_t transit_l = 0, adjusted_l = 0;
    char owner[33];
    int r;

    ledger_owner_case(found->case_id, owner);
    r = ledger_balance(o, LEDGER_LITRE, LEDGER_TRANSIT, owner, &transit_l);
    if (r == 0)
        r = ledger_balance(o, LEDGER_LITRE, LEDGER_ADJUSTED, owner, &adjusted_l);
    if (r == 0
        && (json_object_set_new(json, "transit_l", json_integer(transit_l)) != 0
            || json_object_set_new(json, "adjusted_l", json_integer(adjusted_l)) != 0))
        r = ho_fail(o, GF_E_MEMORY, "swap case", "");
    return r;
}

static void answer_case(struct api_call *c, const char *number)
{
    struct swap_case found;
    struct odb_query *q;
    json_t *json = NULL;
    int r = swap_find_number(c->o, number, &found);

    if (r == 0) {
        api_refuse(c, 404, "not_found", "number", NO_CASE);
        return;
    }
    q = odb_query(c->o->db, SWAP_COLUMNS "number = ?2", ODB(ODB_T(number)));
    if (r == 1 && (r = odb_next(c->o->db, q)) == 1)
        json = api_row(q, &api_swap_message);
    odb_end(q);
    if (r < 0 && c->o->fail.code == 0)
        (void)ho_db_fail(c->o);
    r = json == NULL ? (r < 0 ? r : ho_fail(c->o, GF_E_MEMORY, "swap case", ""))
                     : add_balances(c->o, &found, json);
    if (r == 0) {
        api_answer(c, 200, json);
        return;
    }
    json_decref(json);
    api_fail(c);
}

void api_get_swap(struct api_call *c)
{
    answer_case(c, c->words[0]);
}

void api_answer_swap_of(struct api_call *c, const char *order_number)
{
    char number[32] = "";
    struct odb_query *q = odb_query(c->o->db,
                                    "SELECT k.number FROM work_order w JOIN swap_case k ON "
                                    "k.org_id = w.org_id AND k.case_id = w.swap_case WHERE "
                                    "w.org_id = ?1 AND w.number = ?2",
                                    ODB(ODB_T(order_number)));
    int r = odb_next(c->o->db, q);

    if (r == 1)
        odb_text(q, 0, number, sizeof number);
    odb_end(q);
    if (r < 0) {
        (void)ho_db_fail(c->o);
        api_fail(c);
    } else
        answer_case(c, number);
}

/* A decision about the case of the path. */
static int find_case(struct api_call *c, struct swap_case *ret)
{
    int r = swap_find_number(c->o, c->words[0], ret);

    return r == 1 ? 0 : r < 0 ? r : ho_fail(c->o, GF_E_FORMAT, "number", NO_CASE);
}

static int settle(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    struct swap_case found;
    int r = find_case(c, &found);

    return r == 0 ? swap_settle(o, found.case_id,
                                json_is_true(json_object_get(c->body, "online")), c->who)
                  : r;
}

void api_settle_swap(struct api_call *c)
{
    if (ho_transaction(c->o, settle, c) < 0)
        api_fail(c);
    else
        api_get_swap(c);
}

static int cancel(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    struct swap_case found;
    int r = find_case(c, &found);

    return r == 0 ? swap_cancel(o, found.case_id, c->who) : r;
}

void api_cancel_swap(struct api_call *c)
{
    if (ho_transaction(c->o, cancel, c) < 0)
        api_fail(c);
    else
        api_get_swap(c);
}

static int estimate(struct office *o, void *ctx)
{
    struct api_call *c = ctx;
    struct swap_case found;
    int r = find_case(c, &found);

    return r == 0 ? swap_estimate(o, found.case_id, api_whole(c, "residual_l", 0),
                                  api_text(c, "estimated_by", ""), c->who)
                  : r;
}

void api_estimate_swap(struct api_call *c)
{
    if (ho_transaction(c->o, estimate, c) < 0)
        api_fail(c);
    else
        api_get_swap(c);
}

/* ---- what removed meters left ---- */

struct moving {
    struct api_call *c;
    struct credit_token token;
};

static int move(struct office *o, void *ctx)
{
    struct moving *m = ctx;
    uint8_t id[GF_UUID_LEN];
    int64_t from;

    if (gf_parse_int(m->c->words[0], 1, INT64_C(1) << 48, &from) != 0)
        return ho_fail(o, GF_E_FORMAT, "account_no", "an account has a number");
    if (gf_uuid_parse(api_text(m->c, "id", ""), id) != 0)
        return ho_fail(o, GF_E_FORMAT, "id", "a UUID");
    return swap_move_residual(o, id, (uint64_t)from,
                              (uint64_t)api_whole(m->c, "to_account_no", 0), m->c->who, &m->token);
}

void api_move_residual(struct api_call *c)
{
    struct moving m = { .c = c };

    if (ho_transaction(c->o, move, &m) < 0)
        api_fail(c);
    else
        api_answer(c, 200,
                   json_pack("{s:I, s:I, s:I}", "account_no", (json_int_t)m.token.account_no,
                             "sequence", (json_int_t)m.token.sequence, "litres",
                             (json_int_t)m.token.litres));
}
