/* credit_post.c - what tokens are in the books: entries of issuing, taking, voiding; see
 * credit_in.h. docs/payments.md has them as a table. */
#include <stdio.h>
#include <string.h>

#include "backend/credit_in.h"

const struct credit_kind credit_kinds[CREDIT_CEILINGS + 1] = {
    { "sale", CREDIT_PURCHASED, 1, LEDGER_SOLD },
    { "transfer", CREDIT_IMPORTED, 1, LEDGER_TRANSIT },
    { "forgive", CREDIT_FORGIVEN, 1, LEDGER_FORGIVEN },
    { "debit", CREDIT_DEBITED, -1, LEDGER_DEBITED },
    { "refund", CREDIT_PURCHASED, 0, LEDGER_SOLD },
};

const struct credit_kind *credit_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof credit_kinds / sizeof credit_kinds[0]; i++)
        if (strcmp(credit_kinds[i].name, name) == 0)
            return &credit_kinds[i];
    return NULL;
}

/* Owners and texts of one token's entries. */
struct owners {
    char account[24], own_case[33], other_case[33], who[LEDGER_WHO_MAX];
};

static struct owners owners_of(const struct credit_token *t, const uint8_t *swap_case)
{
    struct owners ret = { 0 };

    ledger_owner(t->account_no, ret.account);
    ledger_owner_case(t->swap_case, ret.own_case);
    if (swap_case != NULL)
        ledger_owner_case(swap_case, ret.other_case);
    else
        ledger_owner(t->account_no, ret.other_case);
    (void)snprintf(ret.who, sizeof ret.who, "meter %s", t->meter_id);
    return ret;
}

/* Only a sale has a currency: its lines of money stand last. */
static int post(struct office *o, const struct credit_token *t, struct ledger_entry *e, size_t n,
                size_t money)
{
    memcpy(e->op_id, t->op_id, sizeof e->op_id);
    e->n = t->currency[0] != '\0' ? n : n - money;

    int r = ledger_post(o, e);
    return r < 0 ? r : 0;
}

/* Issued, or the same undone. */
static int post_issued(struct office *o, const struct credit_token *t, int times,
                       struct ledger_entry *e)
{
    const struct credit_kind *kind = credit_kind_find(t->kind);
    const int64_t litres = times * kind->sign * t->litres, cost = times * t->cost_milli,
                  paid = times * t->price_minor * CREDIT_MILLI;
    const struct owners who = owners_of(t, NULL);
    const struct ledger_posting lines[] = {
        { LEDGER_LITRE, LEDGER_IN_TOKENS, who.account, litres },
        { LEDGER_LITRE, t->has_case ? LEDGER_TRANSIT : kind->from,
          t->has_case ? who.own_case : who.account, -litres },
        { t->currency, LEDGER_CUSTOMER, who.account, paid },
        { t->currency, LEDGER_TOKEN_MONEY, who.account, -cost },
        { t->currency, LEDGER_ROUNDING, "", cost - paid },
    };

    memcpy(e->postings, lines, sizeof lines);
    return post(o, t, e, 5, 3);
}

int credit_post_issued(struct office *o, const struct credit_token *token)
{
    struct ledger_entry e = { .kind = token->kind,
                              .effective_s = token->made_at_ms / 1000,
                              .made_by = token->made_by,
                              .note = token->reason };

    return post_issued(o, token, 1, &e);
}

/* The price of a sale is earned. */
static struct ledger_posting earned(const struct credit_token *t, const struct owners *who)
{
    return (struct ledger_posting){ t->currency, LEDGER_TOKEN_MONEY, who->account, t->cost_milli };
}

/* From the state that it was read in. */
static int set_state(struct office *o, const struct credit_token *t, const char *state,
                     uint64_t seq)
{
    const struct odb_value none = { .type = ODB_NULL };

    if (odb_exec(o->db,
                 "UPDATE token SET state = ?4, settled_at_ms = ?5, settled_seq = ?6 WHERE org_id = "
                 "?1 AND account_no = ?2 AND sequence = ?3 AND state = ?7",
                 ODB(ODB_I(t->account_no), ODB_I(t->sequence), ODB_T(state), ODB_I(ho_now_ms(o)),
                     seq != 0 ? ODB_I(seq) : none, ODB_T(t->state)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

int credit_taken(struct office *o, const struct credit_token *token, uint64_t seq, int64_t at_s)
{
    const struct owners who = owners_of(token, NULL);
    struct ledger_entry e = { .kind = "taken",
                              .effective_s = at_s,
                              .made_by = who.who,
                              .note = "",
                              .postings = {
                                  earned(token, &who),
                                  { token->currency, LEDGER_REVENUE, "", -token->cost_milli } } };
    int r = set_state(o, token, "posted", seq);

    return r == 0 ? post(o, token, &e, 2, 2) : r;
}

int credit_void(struct office *o, const struct credit_token *token, uint64_t seq, int64_t at_s,
                const uint8_t *swap_case)
{
    const int64_t litres = credit_kind_find(token->kind)->sign * token->litres;
    const struct owners who = owners_of(token, swap_case);
    struct ledger_entry e = { .kind = "voided",
                              .effective_s = at_s,
                              .made_by = who.who,
                              .note = "",
                              .postings = {
                                  { LEDGER_LITRE, LEDGER_TRANSIT, who.other_case, litres },
                                  { LEDGER_LITRE, LEDGER_IN_TOKENS, who.account, -litres },
                                  earned(token, &who),
                                  { token->currency, LEDGER_REVENUE, "", -token->cost_milli } } };
    int r = set_state(o, token, "voided", seq);

    if (r != 0)
        return r;
    return swap_case != NULL || token->has_case ? post(o, token, &e, 4, 2)
                                                : post_issued(o, token, -1, &e);
}

int credit_taken_after_all(struct office *o, const struct credit_token *token, uint64_t seq,
                           int64_t at_s, const uint8_t swap_case[static 16],
                           enum ledger_code from)
{
    const int64_t litres = credit_kind_find(token->kind)->sign * token->litres;
    const struct owners who = owners_of(token, swap_case);
    struct ledger_entry e = { .kind = "voided-undone",
                              .effective_s = at_s,
                              .made_by = who.who,
                              .note = "",
                              .postings = {
                                  { LEDGER_LITRE, LEDGER_IN_TOKENS, who.account, litres },
                                  { LEDGER_LITRE, from, who.other_case, -litres } } };
    int r = set_state(o, token, "posted", seq);

    return r == 0 ? post(o, token, &e, 2, 0) : r;
}
