/* api_account.c - an account with its balances; see api_account.h. */
#include "backend/api_account.h"

#include <string.h>

#include "backend/json_out.h"
#include "backend/ledger.h"
#include "backend/tariff.h"
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

/* The columns that stand in the row itself: the first eight fields. */
static const struct api_message row_message = { .name = "AccountRow", .fields = fields, .n = 8 };

#define COLUMNS                                                                                    \
    "SELECT a.account_no, a.customer_no, a.supply_point, a.meter_id, a.state, s.tariff_class, "    \
    "a.opened_at_s, a.closed_at_s FROM account a JOIN supply_point s ON s.org_id = a.org_id AND "  \
    "s.supply_point = a.supply_point WHERE a.org_id = ?1 AND "
#define COLUMN_CUSTOMER 1
#define COLUMN_CLASS 5

static int put(struct api_call *c, struct buf *b, const char *owner, const char *name,
               const char *unit, enum ledger_code code, int64_t sign)
{
    int64_t balance = 0;

    if (ledger_balance(c->o, unit, code, owner, &balance) != 0)
        return c->o->fail.code;
    json_name(b, name);
    json_int(b, sign * balance);
    return 0;
}

/* The account of the present row, with what the ledger says. 0 or more, or a failure. */
static int write_account(struct api_call *c, struct buf *b, struct odb_query *q)
{
    struct tariff tariff;
    char owner[24], class_name[32];

    ledger_owner((uint64_t)odb_int(q, 0), owner);
    odb_text(q, COLUMN_CLASS, class_name, sizeof class_name);
    buf_text(b, "{");
    api_write_row(b, q, &row_message);

    int r = put(c, b, owner, "residual_l", LEDGER_LITRE, LEDGER_RESIDUAL, 1);
    if (r == 0)
        r = put(c, b, owner, "in_tokens_l", LEDGER_LITRE, LEDGER_IN_TOKENS, 1);
    if (r == 0)
        r = tariff_find(c->o, class_name, ho_now_ms(c->o) / 1000, &tariff);
    if (r == 1) {
        json_name(b, "currency");
        json_text(b, tariff.currency, strlen(tariff.currency));
        r = put(c, b, owner, "change_milli", tariff.currency, LEDGER_CUSTOMER, -1);
    }
    buf_text(b, "}");
    return r;
}

void api_list_accounts(struct api_call *c, const char *customer_no)
{
    struct api_list list;
    struct odb_query *q;
    struct buf *b;
    char key[24];
    int64_t after;
    int r;

    if (!api_after_number(c, 0, &after))
        return;
    if (customer_no == NULL)
        q = odb_query(c->o->db, COLUMNS "a.account_no > ?2 ORDER BY a.account_no LIMIT ?3",
                      ODB(ODB_I(after), ODB_I(c->limit + 1)));
    else
        q = odb_query(c->o->db,
                      COLUMNS "a.account_no > ?2 AND a.customer_no = ?4 ORDER BY a.account_no "
                              "LIMIT ?3",
                      ODB(ODB_I(after), ODB_I(c->limit + 1), ODB_T(customer_no)));
    api_list_begin(&list);
    while ((r = odb_next(c->o->db, q)) == 1) {
        odb_text(q, 0, key, sizeof key);
        if ((b = api_list_next(c, &list, key)) == NULL || (r = write_account(c, b, q)) < 0)
            break;
    }
    api_list_end(c, &list, q, r);
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
    struct odb_query *q;
    char whose[32];
    uint64_t no;
    int r;

    if (!api_account_word(c, account_no, &no))
        return;
    q = odb_query(c->o->db, COLUMNS "a.account_no = ?2", ODB(ODB_I(no)));
    r = odb_next(c->o->db, q);
    if (r == 1) {
        odb_text(q, COLUMN_CUSTOMER, whose, sizeof whose);
        if (customer_no != NULL && strcmp(customer_no, whose) != 0)
            r = 0;
        else if (write_account(c, api_begin(c, 200), q) < 0)
            r = c->o->fail.code;
    } else if (r < 0) {
        (void)ho_db_fail(c->o);
    }
    odb_end(q);
    if (r < 0)
        api_fail(c);
    else if (r == 0)
        api_refuse(c, 404, "not_found", NULL, NO_SUCH);
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
