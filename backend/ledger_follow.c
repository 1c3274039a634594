/* ledger_follow.c - from a meter's totals to entries: what each says beyond what is posted; see
 * ledger.h.
 *
 * The registers of a meter only grow, so the difference to the totals posted before is what
 * happened in between, however many receipts are missing, and an older receipt says nothing new.
 */
#include <stdio.h>
#include <string.h>

#include "backend/ledger.h"
#include "meter-core/keys.h"
#include "meter-core/token.h"

/* What the totals of a receipt say about one account. */
struct said {
    const struct ledger_reading *reading;
    uint64_t account_no;
    const gasm_Totals *totals;
    const char *kind;
    bool is_closed;
};

int ledger_posted(struct office *o, const char *meter_id, uint64_t account_no,
                  struct ledger_totals *ret)
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT seq, at_s, index_l, purged_l, opening_index_l, opening_purged_l, purchased_l, "
        "imported_l, forgiven_l, debited_l, cleared_l, exported_l, certified_l, debt_l FROM "
        "posted_totals WHERE org_id = ?1 AND meter_id = ?2 AND account_no = ?3",
        ODB(ODB_T(meter_id), ODB_I(account_no)));
    int r = odb_next(o->db, q);

    if (r == 1)
        *ret = (struct ledger_totals){ .seq = (uint64_t)odb_int(q, 0),
                                       .at_s = odb_int(q, 1),
                                       .index_l = (uint64_t)odb_int(q, 2),
                                       .purged_l = (uint64_t)odb_int(q, 3),
                                       .opening_index_l = (uint64_t)odb_int(q, 4),
                                       .opening_purged_l = (uint64_t)odb_int(q, 5),
                                       .purchased_l = (uint64_t)odb_int(q, 6),
                                       .imported_l = (uint64_t)odb_int(q, 7),
                                       .forgiven_l = (uint64_t)odb_int(q, 8),
                                       .debited_l = (uint64_t)odb_int(q, 9),
                                       .cleared_l = (uint64_t)odb_int(q, 10),
                                       .exported_l = (uint64_t)odb_int(q, 11),
                                       .certified_l = odb_int(q, 12),
                                       .debt_l = odb_int(q, 13) };
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int ledger_put_posted(struct office *o, const char *meter_id, uint64_t account_no,
                      const struct ledger_totals *t)
{
    if (odb_later(o->db, NULL,
                  "INSERT INTO posted_totals (org_id, meter_id, account_no, seq, at_s, index_l, "
                  "purged_l, opening_index_l, opening_purged_l, purchased_l, imported_l, "
                  "forgiven_l, debited_l, cleared_l, exported_l, certified_l, debt_l) VALUES (?1, "
                  "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON "
                  "CONFLICT (org_id, meter_id, account_no) DO UPDATE SET seq = excluded.seq, at_s "
                  "= excluded.at_s, index_l = excluded.index_l, purged_l = excluded.purged_l, "
                  "purchased_l = excluded.purchased_l, imported_l = excluded.imported_l, "
                  "forgiven_l = excluded.forgiven_l, debited_l = excluded.debited_l, cleared_l = "
                  "excluded.cleared_l, exported_l = excluded.exported_l, certified_l = "
                  "excluded.certified_l, debt_l = excluded.debt_l",
                  ODB(ODB_T(meter_id), ODB_I(account_no), ODB_I(t->seq), ODB_I(t->at_s),
                      ODB_I(t->index_l), ODB_I(t->purged_l),
                      ODB_I(t->opening_index_l), ODB_I(t->opening_purged_l), ODB_I(t->purchased_l),
                      ODB_I(t->imported_l), ODB_I(t->forgiven_l), ODB_I(t->debited_l),
                      ODB_I(t->cleared_l), ODB_I(t->exported_l), ODB_I(t->certified_l),
                      ODB_I(t->debt_l)))
        < 0)
        return ho_db_fail(o);
    return 0;
}

/* Billed litres: none of the purges, none after the closing. */
static uint64_t consumed_l(const struct ledger_totals *t)
{
    return t->index_l - t->opening_index_l - (t->purged_l - t->opening_purged_l);
}

/* The receipt's totals in the form that is kept, on top of what is posted. */
static struct ledger_totals totals_of(const struct said *s, const struct ledger_totals *posted)
{
    const gasm_Totals *t = s->totals;

    return (struct ledger_totals){ .seq = s->reading->receipt->seq,
                                   .at_s = s->reading->receipt->at_s,
                                   .index_l = t->index_l - t->after_closing_l,
                                   .purged_l = t->purged_l,
                                   .opening_index_l = t->opening_index_l,
                                   .opening_purged_l = t->opening_purged_l,
                                   .purchased_l = t->purchased_l,
                                   .imported_l = t->imported_l,
                                   .forgiven_l = t->forgiven_l,
                                   .debited_l = t->debited_l,
                                   .cleared_l = t->cleared_l,
                                   .exported_l = t->exported_l,
                                   .certified_l = posted->certified_l,
                                   .debt_l = posted->debt_l };
}

/* No register is beyond what sums of 64 bits bear, and none fell: else another statement of the
 * audit names the receipt, and nothing follows from it. */
static bool is_believable(const struct ledger_totals *was, const struct ledger_totals *t)
{
    const uint64_t is_l[] = { t->index_l,    t->purged_l,  t->purchased_l, t->imported_l,
                              t->forgiven_l, t->debited_l, t->cleared_l,   t->exported_l,
                              consumed_l(t) };
    const uint64_t was_l[] = { was->index_l,    was->purged_l,  was->purchased_l, was->imported_l,
                               was->forgiven_l, was->debited_l, was->cleared_l,   was->exported_l,
                               consumed_l(was) };

    for (size_t i = 0; i < sizeof is_l / sizeof is_l[0]; i++)
        if (is_l[i] > INT64_MAX / 16 || is_l[i] < was_l[i])
            return false;
    return t->opening_index_l == was->opening_index_l
           && t->opening_purged_l == was->opening_purged_l;
}

/* The debt that a closing certifies: the registers keep it, so it is told apart by the state. */
static int64_t closing_debt_l(const struct said *s)
{
    int64_t residual_l = s->is_closed ? mc_residual_l(s->totals) : 0;

    return residual_l < 0 ? -residual_l : 0;
}

/* What came by certificate: the rise less what tokens brought, which cannot be more than rose. */
static int64_t certified_l(uint64_t rise_l, uint64_t by_token_l)
{
    return by_token_l < rise_l ? (int64_t)(rise_l - by_token_l) : 0;
}

int ledger_receipt_id(struct office *o, const struct ledger_place *place, uint8_t ret[static 16])
{
    const struct mc_crypto *c = o->ports.crypto;
    uint8_t numbers[32], hash[32];
    struct gf_writer w = { .p = numbers, .cap = sizeof numbers };
    const struct gf_span parts[] = { { (const uint8_t *)"gasm receipt", 12 },
                                     { (const uint8_t *)place->meter_id, strlen(place->meter_id) },
                                     { numbers, sizeof numbers } };

    gf_wr_uint(&w, place->account_no, 8);
    gf_wr_uint(&w, place->seq, 8);
    gf_wr_uint(&w, place->was_seq, 8);
    gf_wr_uint(&w, (uint64_t)place->was_debt_l, 8);
    if (c->sha256(c->ctx, parts, 3, hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "ledger", "an entry's id");
    memcpy(ret, hash, 16);
    return 0;
}

static void transit_owner(const struct said *s, const uint8_t *swap_case, char ret[static 33])
{
    if (swap_case != NULL)
        ledger_owner_case(swap_case, ret);
    else
        ledger_owner(s->account_no, ret);
}

/* The entry of everything that rose from `was` to `t`. */
static int post(struct office *o, const struct said *s, const struct ledger_totals *was,
                const struct ledger_totals *t)
{
    const gasm_Receipt *r = s->reading->receipt;
    const struct ledger_place place = { .meter_id = s->reading->meter_id,
                                        .account_no = s->account_no,
                                        .seq = r->seq,
                                        .was_seq = was->seq,
                                        .was_debt_l = was->debt_l };
    int64_t used = (int64_t)(consumed_l(t) - consumed_l(was)),
            cleared = (int64_t)(t->cleared_l - was->cleared_l),
            imported = (int64_t)(t->imported_l - was->imported_l),
            debited = (int64_t)(t->debited_l - was->debited_l),
            certified = t->certified_l - was->certified_l,
            exported = (int64_t)(t->exported_l - was->exported_l) - (t->debt_l - was->debt_l),
            by_token = (int64_t)(t->purchased_l - was->purchased_l)
                       + (int64_t)(t->forgiven_l - was->forgiven_l)
                       + imported - debited - certified;
    char account[24], to[33], from[33], who[LEDGER_WHO_MAX], note[LEDGER_NOTE_MAX];
    struct ledger_entry e = { .kind = s->kind,
                              .effective_s = r->at_s,
                              .made_by = who,
                              .note = note,
                              .postings = { { LEDGER_LITRE, LEDGER_CONSUMED, account, used },
                                            { LEDGER_LITRE, LEDGER_CLEARED, account, cleared },
                                            { LEDGER_LITRE, LEDGER_IN_TOKENS, account, -by_token },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, to, exported },
                                            { LEDGER_LITRE, LEDGER_TRANSIT, from, -certified },
                                            { LEDGER_LITRE, LEDGER_RESIDUAL, account,
                                              by_token + certified - exported - used - cleared } },
                              .n = 6 };

    ledger_owner(s->account_no, account);
    transit_owner(s, s->reading->swap_case, to);
    transit_owner(s, s->reading->from_case, from);
    (void)snprintf(who, sizeof who, "meter %s", s->reading->meter_id);
    (void)snprintf(note, sizeof note, "receipt %llu", (unsigned long long)r->seq);

    e.is_new = true; /* by its id */

    int failed = ledger_receipt_id(o, &place, e.op_id);
    return failed == 0 ? ledger_post(o, &e) : failed;
}

/* Post what is said beyond what is posted of this account. */
static int follow(struct office *o, const struct said *s)
{
    const struct ledger_reading *reading = s->reading;
    struct ledger_totals was = { 0 }, t;
    int r = 1;

    if (reading->posted != NULL)
        was = *reading->posted;
    else if ((r = ledger_posted(o, reading->meter_id, s->account_no, &was)) < 0)
        return r;
    if (r == 0) { /* an account starts at its opening, also when the receipt of that is missing */
        was.index_l = was.opening_index_l = s->totals->opening_index_l;
        was.purged_l = was.opening_purged_l = s->totals->opening_purged_l;
    }
    t = totals_of(s, &was);
    if (t.seq > was.seq ? !is_believable(&was, &t) : !is_believable(&t, &was))
        return 0;
    if (t.seq <= was.seq) /* late: of what it says only a closing's debt is not in later totals */
        t = was;
    else
        t.certified_l += certified_l(t.imported_l - was.imported_l, reading->imported_by_token_l)
                         - certified_l(t.debited_l - was.debited_l, reading->debited_by_token_l);
    if (closing_debt_l(s) > t.debt_l)
        t.debt_l = closing_debt_l(s);
    r = post(o, s, &was, &t);
    if (r < 0 || reading->posted == NULL)
        return r < 0 ? r : ledger_put_posted(o, reading->meter_id, s->account_no, &t);
    *reading->posted = t;
    return 0;
}

/* The account before the one that this receipt opened, when it was never closed: its last totals
 * are those before the opening. 1, 0 or a store error. */
static int account_before(struct office *o, const struct ledger_reading *reading, uint64_t *ret)
{
    const gasm_Receipt *r = reading->receipt;
    int64_t no = 0;
    int found = odb_number(
        o->db, &no,
        "SELECT account_no FROM posted_totals WHERE org_id = ?1 AND meter_id = ?2 AND account_no < "
        "?3 AND opening_index_l = ?4 AND opening_purged_l = ?5 AND seq < ?6 ORDER BY account_no "
        "DESC LIMIT 1",
        ODB(ODB_T(reading->meter_id), ODB_I(r->account_no), ODB_I(r->before.opening_index_l),
            ODB_I(r->before.opening_purged_l), ODB_I(r->seq)));

    *ret = (uint64_t)no;
    return found < 0 ? ho_db_fail(o) : found;
}

bool ledger_says_closed(const gasm_Receipt *r)
{
    return r->state == gasm_LifeState_CLOSED || r->state == gasm_LifeState_SCRAPPED
           || r->state == gasm_LifeState_FACTORY;
}

bool ledger_bears(const gasm_Totals *t)
{
    const uint64_t registers_l[] = { t->purchased_l, t->imported_l, t->forgiven_l, t->debited_l,
                                     t->cleared_l,   t->exported_l };
    int64_t residual_l;

    for (size_t i = 0; i < sizeof registers_l / sizeof registers_l[0]; i++)
        if (registers_l[i] > MC_CEILING_MAX_L)
            return false;
    residual_l = mc_residual_l(t);
    return residual_l <= (int64_t)MC_CEILING_MAX_L && residual_l >= -(int64_t)MC_CEILING_MAX_L;
}

int ledger_follow(struct office *o, const struct ledger_reading *reading)
{
    const gasm_Receipt *receipt = reading->receipt;
    struct said s = { .reading = reading,
                      .account_no = receipt->account_no,
                      .totals = &receipt->after,
                      .kind = "reading",
                      .is_closed = ledger_says_closed(receipt) };
    int r = 0;

    if (receipt->account_no == 0)
        return 0;
    if (receipt->command == gasm_Command_OPEN_ACCOUNT) {
        struct said before = s;

        before.totals = &receipt->before;
        before.kind = "last-reading";
        if ((r = account_before(o, reading, &before.account_no)) == 1)
            r = follow(o, &before);
    }
    return r < 0 ? r : follow(o, &s);
}
