/* swap_heir.c - who gets what comes home late of an account that is closed; see swap_case.h. */
#include <string.h>

#include "backend/swap_in.h"
#include "common/bytes.h"

/* The account at which the swaps from this one on end: the first that is not closed, or that was
 * closed without a swap. 0 or a failure. */
static int last_of_swaps(struct office *o, uint64_t account_no, struct credit_account *ret)
{
    struct swap_case next = { .new_account_no = account_no };
    int r;

    do {
        account_no = next.new_account_no;
        r = credit_find_account(o, account_no, ret);
        if (r == 0)
            r = ho_fail(o, GF_E_STORE_DAMAGED, "account", "an account of a swap is missing");
        if (r == 1 && strcmp(ret->state, "closed") == 0)
            r = swap_find_account(o, account_no, true, &next);
        else
            r = r < 0 ? r : 0;
    } while (r == 1 && strcmp(next.state, "cancelled") != 0 && next.new_account_no > account_no);
    return r < 0 ? r : 0;
}

int swap_heir(struct office *o, uint64_t account_no, struct credit_account *ret)
{
    int64_t later = 0;
    int r = last_of_swaps(o, account_no, ret);

    if (r != 0)
        return r;
    if (strcmp(ret->state, "closed") != 0)
        return strcmp(ret->state, "open") == 0 ? SWAP_HEIR : SWAP_HEIR_LATER;
    r = odb_number(o->db, &later,
                   "SELECT MIN(account_no) FROM account WHERE org_id = ?1 AND supply_point = ?2 "
                   "AND customer_no = ?3 AND account_no > ?4 AND state = 'open'",
                   ODB(ODB_T(ret->supply_point), ODB_T(ret->customer_no),
                       ODB_I(ret->account_no)));
    if (r < 0)
        return ho_db_fail(o);
    if (r == 0)
        return SWAP_NO_HEIR;
    r = credit_find_account(o, (uint64_t)later, ret);
    return r == 1 ? SWAP_HEIR : r;
}

/* ---- money ---- */

/* The id of the n-th entry that carries money of an account in a currency. */
static int carry_id(struct office *o, uint64_t account_no, const char *currency, int64_t n,
                    uint8_t ret[static 16])
{
    const struct mc_crypto *crypto = o->ports.crypto;
    uint8_t numbers[16], hash[32];
    struct gf_writer w = { .p = numbers, .cap = sizeof numbers };
    const struct gf_span parts[] = { { (const uint8_t *)"gasm carried", 12 },
                                     { (const uint8_t *)currency, strlen(currency) },
                                     { numbers, sizeof numbers } };

    gf_wr_uint(&w, account_no, 8);
    gf_wr_uint(&w, (uint64_t)n, 8);
    if (crypto->sha256(crypto->ctx, parts, 3, hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "ledger", "an entry's id");
    memcpy(ret, hash, 16);
    return 0;
}

static int carry(struct office *o, uint64_t from_no, uint64_t to_no, const char *currency)
{
    char from[24], to[24];
    int64_t milli = 0, before = 0;
    struct ledger_entry e = { .kind = "carried",
                              .effective_s = ho_now_ms(o) / 1000,
                              .made_by = "office",
                              .note = "",
                              .postings = { { currency, LEDGER_CUSTOMER, from, 0 },
                                            { currency, LEDGER_CUSTOMER, to, 0 } },
                              .n = 2 };
    int r = payment_change(o, from_no, currency, &milli);

    if (r != 0 || milli <= 0)
        return r;
    ledger_owner(from_no, from);
    ledger_owner(to_no, to);
    if (odb_number(o->db, &before,
                   "SELECT COUNT(*) FROM posting WHERE org_id = ?1 AND unit = ?2 AND code = "
                   "'customer' AND owner = ?3 AND kind = 'carried'",
                   ODB(ODB_T(currency), ODB_T(from)))
        < 0)
        return ho_db_fail(o);
    if ((r = carry_id(o, from_no, currency, before, e.op_id)) != 0)
        return r;
    e.postings[0].amount = milli;
    e.postings[1].amount = -milli;
    r = ledger_post(o, &e);
    return r < 0 ? r : 0;
}

/* The next currency in which something was ever sold. 1, 0 or a failure. */
static int next_currency(struct office *o, char currency[static 4])
{
    struct odb_query *q = odb_query(o->db,
                                    "SELECT currency FROM tariff WHERE org_id = ?1 AND currency > "
                                    "?2 ORDER BY currency LIMIT 1",
                                    ODB(ODB_T(currency)));
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, currency, 4);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

int swap_carry_money(struct office *o, uint64_t account_no)
{
    struct credit_account to;
    char currency[4] = "";
    int r = last_of_swaps(o, account_no, &to), carried = 0;

    if (r != 0 || to.account_no == account_no)
        return r;
    while (carried == 0 && (r = next_currency(o, currency)) == 1)
        carried = carry(o, account_no, to.account_no, currency);
    return carried != 0 ? carried : r;
}
