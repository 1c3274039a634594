/* api_account.c - an account with its balances; see api_account.h. */
#include "backend/api_account.h"

#include "backend/ledger.h"
#include "common/text.h"

#define NO_SUCH "there is no such account"

static const struct api_field fields[] = {
    { .name = "account_no",
      .type = API_INT,
      .min = 1,
      .max = INT64_MAX >> 10,
      .what = "its number" },
    { .name = "customer_no", .type = API_ID, .min = 1, .max = 31, .what = "whose it is" },
    { .name = "supply_point", .type = API_ID, .min = 1, .max = 31, .what = "where gas is taken" },
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "its meter, for good" },
    { .name = "state", .type = API_WORD, .words = "reserved|open|closed", .what = "its state" },
    { .name = "tariff_class", .type = API_TEXT, .max = 31, .what = "which prices hold" },
    { .name = "opened_at_s", .type = API_INT, .is_optional = true, .what = "UTC s" },
    { .name = "closed_at_s", .type = API_INT, .is_optional = true, .what = "UTC s" },
    { .name = "residual_l", .type = API_INT, .what = "credit on the meter as posted, litres" },
    { .name = "in_tokens_l", .type = API_INT, .what = "in tokens not yet taken, litres" },
    { .name = "currency",
      .type = API_ID,
      .is_optional = true,
      .min = 3,
      .max = 3,
      .what = "of the money; left out while there is no tariff" },
    { .name = "change_milli",
      .type = API_INT,
      .is_optional = true,
      .what = "prepaid money and change, thousandths of the minor unit" },
};
const struct api_message api_account_message = API_MESSAGE("Account", fields);

/* What the ledger says stands beside the row: of each ledger account there is one at most, and one
 * tariff that holds at ?2. */
#define COLUMNS                                                                                    \
    "SELECT a.account_no, a.customer_no, a.supply_point, a.meter_id, a.state, s.tariff_class, "    \
    "a.opened_at_s, a.closed_at_s, COALESCE(r.debits - r.credits, 0), COALESCE(i.debits - "        \
    "i.credits, 0), t.currency, CASE WHEN t.currency IS NULL THEN NULL ELSE COALESCE(m.credits - " \
    "m.debits, 0) END FROM account a JOIN supply_point s ON s.org_id = a.org_id AND "              \
    "s.supply_point = a.supply_point LEFT JOIN ledger_account r ON r.org_id = a.org_id AND "       \
    "r.unit = '" LEDGER_LITRE "' AND r.code = ?3 AND r.owner = CAST(a.account_no AS TEXT) LEFT "   \
    "JOIN ledger_account i ON i.org_id = a.org_id AND i.unit = '" LEDGER_LITRE                     \
    "' AND i.code = ?4 AND i.owner = CAST(a.account_no AS TEXT) LEFT JOIN tariff t ON t.org_id = " \
    "a.org_id AND t.class = s.tariff_class AND t.valid_from_s = (SELECT MAX(valid_from_s) FROM "   \
    "tariff WHERE org_id = a.org_id AND class = s.tariff_class AND valid_from_s <= ?2) LEFT JOIN " \
    "ledger_account m ON m.org_id = a.org_id AND m.unit = t.currency AND m.code = ?5 AND "         \
    "m.owner = CAST(a.account_no AS TEXT) WHERE a.org_id = ?1 AND "
#define NOW_AND_CODES(o)                                                                           \
    ODB_I(ho_now_ms(o) / 1000), ODB_T(ledger_code_text(LEDGER_RESIDUAL)),                          \
        ODB_T(ledger_code_text(LEDGER_IN_TOKENS)), ODB_T(ledger_code_text(LEDGER_CUSTOMER))

void api_list_accounts(struct api_call *c, const char *customer_no)
{
    struct odb_query *q;
    int64_t after;

    if (!api_after_number(c, 0, &after))
        return;
    if (customer_no == NULL)
        q = odb_query(c->o->db, COLUMNS "a.account_no > ?6 ORDER BY a.account_no LIMIT ?7",
                      ODB(NOW_AND_CODES(c->o), ODB_I(after), ODB_I(c->limit + 1)));
    else
        q = odb_query(c->o->db,
                      COLUMNS "a.account_no > ?6 AND a.customer_no = ?8 ORDER BY a.account_no "
                              "LIMIT ?7",
                      ODB(NOW_AND_CODES(c->o), ODB_I(after), ODB_I(c->limit + 1),
                          ODB_T(customer_no)));
    api_list_rows(c, q, &api_account_message, "account_no");
}

bool api_account_word(struct api_call *c, const char *word, uint64_t *ret)
{
    int64_t no;

    if (gf_parse_int(word, 1, INT64_MAX, &no) == 0) {
        *ret = (uint64_t)no;
        return true;
    }
    api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    return false;
}

void api_one_account(struct api_call *c, const char *account_no, const char *customer_no)
{
    uint64_t no;

    if (!api_account_word(c, account_no, &no))
        return;
    api_one_row(c,
                customer_no == NULL
                    ? odb_query(c->o->db, COLUMNS "a.account_no = ?6",
                                ODB(NOW_AND_CODES(c->o), ODB_I(no)))
                    : odb_query(c->o->db, COLUMNS "a.account_no = ?6 AND a.customer_no = ?7",
                                ODB(NOW_AND_CODES(c->o), ODB_I(no), ODB_T(customer_no))),
                &api_account_message, NO_SUCH);
}

bool api_is_own_account(struct api_call *c, uint64_t account_no)
{
    int64_t n = 0;

    if (odb_number(c->o->db, &n,
                   "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND account_no = ?2 AND "
                   "customer_no = ?3",
                   ODB(ODB_I(account_no), ODB_T(c->customer_no)))
        < 0) {
        (void)ho_db_fail(c->o);
        api_fail(c);
        return false;
    }
    if (n == 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
    return n > 0;
}
