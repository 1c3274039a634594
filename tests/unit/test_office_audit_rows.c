/* test_office_audit_rows.c - which statement of the audit sees that a row of a table was deleted, or
 * one of its columns altered: tried with each table and column of two offices, and printed into
 * docs/audit.md. What no statement sees has a reason here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/odb_tables.h"
#include "backend/office_register.h"
#include "backend/payout.h"
#include "tests/aid/audit_aid.h"
#include "tests/aid/books_aid.h"
#include "tests/aid/document.h"

#define COLUMNS_MAX 32
#define TABLES_MAX 64
#define STOPS (1u << 31) /* the audit itself cannot go on, and says why */

/* What was tried, and the statements that saw it. */
struct tried {
    unsigned n, seen_by;
    bool was_missed;
};
static struct tried deleted[TABLES_MAX], altered[TABLES_MAX][COLUMNS_MAX];

/* ---- why something is not seen ---- */

#define TIME "a time of head office's own clock, which no paper has"
#define WORDS "words for people"
static const struct reason {
    const char *table, *columns, *why; /* "-" is the row; columns: separated by spaces, "*" all */
} reasons[] = {
    { "setting", "*", "settings are looked up by name; of the log's end alone statement 30 sees it" },
    { "counter", "*", "numbers only have to be new: a number that is there already is refused" },
    { "transaction_mark", "*", "of a commit that may get lost, for some hours" },
    { "master_key", "*", "without it head office does not open its keys, and does not start" },
    { "staff", "name", WORDS },
    { "staff", "added_at_ms left_at_ms", TIME },
    { "device", "staff_no certificate", "a laptop shows its certificate at every request" },
    { "device", "name version", WORDS },
    { "device", "enrolled_at_ms revoked_at_ms seen_at_ms", TIME },
    { "device", "claimed_seq cursor_no", "what the laptop said last; it says it again" },
    { "enrol_code", "*", "good once and for a day; the laptop that came of it is seen" },
    { "meter", "type pulse_l verification_date bt_address",
      "as the manufacturer's file says, which stays with it" },
    { "meter", "imported_at_ms", TIME },
    { "meter", "sealed_version", "which data key opens it; a wrong one opens nothing" },
    { "customer", "-", "one without account or order; any other is seen" },
    { "customer", "name phone", WORDS },
    { "customer", "imported_no", "which import it was" },
    { "customer_login", "*", "its holder cannot log in any more" },
    { "customer_address", "*", "it counts wrong passwords; a stranger's count stays beside it" },
    { "customer_session", "*", "its holder logs in again" },
    { "supply_point", "-", "one without account or order; any other is seen" },
    { "supply_point", "address", WORDS },
    { "supply_point", "tariff_class", "it may be changed; what was sold keeps its tariff" },
    { "supply_point", "imported_no", "which import it was" },
    { "account", "opened_at_s", "where the meter's clock was not set yet, the bringer's counts" },
    { "binding", "-", "made by the customer's program, which can make it again" },
    { "binding", "bound_at_ms ended_at_ms", TIME },
    { "swap_case", "reason note", WORDS },
    { "swap_case", "made_at_ms settled_at_ms", TIME },
    { "work_order", "staff_no due priority", "may be changed while the order waits" },
    { "work_order", "purge_volume_l purge_limit_s parameters began_state began_epoch began_seq "
                    "key_epoch last_receipt_seq",
      "what the work was to be; what was done stands in receipts" },
    { "work_order", "note code", WORDS },
    { "work_order", "made_at_ms closed_at_ms checked_by", TIME },
    { "account_key", "made_at_ms active_since_ms ended_at_ms", TIME },
    { "account_key", "sealed_version", "which data key opens it; a wrong one opens nothing" },
    { "ticket", "is_void", "a void ticket's laptop is told so; the meter does not know" },
    { "ticket", "made_at_ms", TIME },
    { "ticket_holder", "*", "which laptop is told of a change; it is told again" },
    { "tariff", "made_at_ms", TIME },
    { "payment", "provider_ref reason", "the provider's own words" },
    { "payment", "asked_by confirmed_by", "its entry has who confirmed it" },
    { "payment", "asked_at_ms confirmed_at_ms", TIME },
    { "token", "not_after_s", "not used: tokens do not end" },
    { "token", "settled_at_ms", TIME },
    { "token", "settled_seq", "any later receipt of the meter shows it too" },
    { "token", "reason", WORDS },
    { "provider", "-", "made by an import of another office; one that was added is seen" },
    { "provider", "name kind sealed sealed_version", "its messages do not verify any more" },
    { "provider", "made_at_ms ended_at_ms", TIME },
    { "refund", "asked_at_ms ended_at_ms", TIME },
    { "refund", "reason why", WORDS },
    { "refund", "live", "bars a second refund of a token, which its entry bars too" },
    { "payout", "asked_by", "who asked is not who decided: that alone is compared" },
    { "payout", "asked_at_ms ended_at_ms", TIME },
    { "payout", "reason", WORDS },
    { "payout", "live", "bars a second one of an account; what is left of it bars that too" },
    { "item", "received_at_ms", TIME },
    { "item", "verdict field reason", "what was answered; the laptop has it, signed" },
    { "stray", "received_at_ms", TIME },
    { "stray", "assumed_seq item_id", "as far as it could be read" },
    { "stray", "verdict field reason", "what was answered; the laptop has it, signed" },
    { "receipt", "order_id item_id brought_by", "who brought it; what it says does not change" },
    { "receipt", "verified_at_ms", TIME },
    { "posted_totals", "at_s", "when the meter said so; its receipt says it too" },
    { "closing", "received_at_ms", TIME },
    { "certificate", "made_at_ms", TIME },
    { "change_feed", "*", "what a laptop fetches next; it can fetch all" },
};

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = words; *at != '\0'; at += strcspn(at, " "), at += *at == ' ')
        if ((strncmp(at, word, n) == 0 && (at[n] == ' ' || at[n] == '\0')) || at[0] == '*')
            return true;
    return false;
}

static const char *why_not(const char *table, const char *column)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (strcmp(reasons[i].table, table) == 0 && has_word(reasons[i].columns, column))
            return reasons[i].why;
    return NULL;
}

/* ---- trying ---- */

static void sql(struct oaid_office *a, const char *text, ...)
    __attribute__((format(printf, 2, 3)));
static void sql(struct oaid_office *a, const char *text, ...)
{
    char full[1200];
    va_list args;

    va_start(args, text);
    assert_true(vsnprintf(full, sizeof full, text, args) < (int)sizeof full);
    va_end(args);
    oaid_sql(a, full);
}

static unsigned audit(struct oaid_office *a)
{
    struct ho_audit found;
    unsigned ret = 0;

    a->o->fail = (struct gf_fail){ 0 };
    if (ho_audit_run(a->o, &found) != 0)
        ret = STOPS;
    for (unsigned i = 0; i < HO_STATEMENTS; i++)
        ret |= found.of[i].n_broken > 0 ? 1u << i : 0;
    ho_audit_free(&found);
    return ret;
}

static void put_down(struct oaid_office *a, struct tried *t, const char *table)
{
    unsigned seen_by = audit(a);

    t->n++;
    t->seen_by |= seen_by;
    t->was_missed = t->was_missed || seen_by == 0;
    sql(a, "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept", table, table);
}

static bool is_key(const struct odb_table *t, const char *column)
{
    char words[200];
    bool ret = false;

    for (size_t i = 0; i <= ODB_LISTS_MAX; i++) {
        const char *list = i < ODB_LISTS_MAX ? t->unique[i] : t->key;

        if (list == NULL)
            continue;
        (void)snprintf(words, sizeof words, "%s", list);
        for (char *c = words; *c != '\0'; c++)
            if (*c == ',')
                *c = ' ';
        ret = ret || has_word(words, column);
    }
    return ret;
}

/* Another value than the present one. */
static void another(const struct odb_table *t, const struct odb_column *c, char *ret, size_t cap)
{
    int used;
    const char *first = c->words;

    if (c->words == NULL && c->type == ODB_COL_INT)
        (void)snprintf(ret, cap, "COALESCE(%s, 0) + %d", c->name, is_key(t, c->name) ? 100003 : 1);
    else if (c->words == NULL && c->type == ODB_COL_TEXT)
        (void)snprintf(ret, cap, "COALESCE(%s, '') || '1'", c->name);
    else if (c->words == NULL)
        (void)snprintf(ret, cap,
                       "CASE WHEN %s = zeroblob(16) OR %s = zeroblob(32) THEN x'01' ELSE "
                       "zeroblob(CASE WHEN length(%s) = 32 THEN 32 ELSE 16 END) END",
                       c->name, c->name, c->name);
    else { /* the next word; behind the last the first */
        used = snprintf(ret, cap, "CASE %s", c->name);
        for (const char *at = first; *at != '\0'; at += strcspn(at, "|"), at += *at == '|') {
            const char *next = at + strcspn(at, "|");

            next = *next == '|' ? next + 1 : first;
            used += snprintf(ret + used, cap - (size_t)used, " WHEN '%.*s' THEN '%.*s'",
                             (int)strcspn(at, "|"), at, (int)strcspn(next, "|"), next);
        }
        (void)snprintf(ret + used, cap - (size_t)used, " END");
    }
}

static void try_table(struct oaid_office *a, size_t at)
{
    const struct odb_table *t = &odb_tables[at];
    char text[100], value[500];

    (void)snprintf(text, sizeof text, "SELECT COUNT(*) FROM %s", t->name);
    if (oaid_sql_number(a, text) == 0)
        return;
    sql(a, "CREATE TABLE kept AS SELECT * FROM %s", t->name);
    for (int last = 0; last < 2; last++) {
        sql(a, "DELETE FROM %s WHERE rowid = (SELECT %s(rowid) FROM %s)", t->name,
            last ? "MAX" : "MIN", t->name);
        put_down(a, &deleted[at], t->name);
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        another(t, &t->columns[i], value, sizeof value);
        sql(a,
            "UPDATE %s SET %s = %s WHERE rowid = COALESCE((SELECT MIN(rowid) FROM %s WHERE %s IS "
            "NOT NULL), (SELECT MIN(rowid) FROM %s))",
            t->name, t->columns[i].name, value, t->name, t->columns[i].name, t->name);
        put_down(a, &altered[at][i], t->name);
    }
    sql(a, "DROP TABLE kept");
}

static void try_all(struct oaid_office *a)
{
    aaid_clean(a);
    for (size_t i = 0; i < odb_n_tables; i++)
        try_table(a, i);
    aaid_clean(a);
    aaid_end();
}

/* ---- the two offices ---- */

/* Rows that no aid makes, of tables that the audit has nothing to say about. */
static const char others[] =
    "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, made_at_ms) "
    "VALUES (1, 'ada', 'C-1001', x'01', x'02', 'scrypt', 5); "
    "INSERT INTO customer_address (org_id, login, address, failed, until_ms, familiar_until_ms) VALUES "
    "(1, 'ada', x'06', 2, 7, 0); "
    "INSERT INTO customer_session (org_id, token_hash, login, customer_no, made_at_ms, "
    "expires_at_ms) VALUES (1, x'03', 'ada', 'C-1001', 5, 6); "
    "INSERT INTO provider (org_id, name, kind, sealed, made_at_ms) VALUES (1, 'bank', 'webhook', "
    "x'05', 5); INSERT INTO transaction_mark (org_id, tx_id, at_ms) VALUES (1, x'04', 5)";

static const uint8_t payout_id[16] = { 7 };

static int want_payout(struct office *o, void *ctx)
{
    const struct payout_new what = { .payout_id = { 7 },
                                     .account_no = BOOKS_FIRST + 2,
                                     .kind = "pay-out",
                                     .currency = "EUR",
                                     .provider = "counter",
                                     .asked_by = "S001",
                                     .reason = "moved out" };

    return payout_want(o, &what, ctx);
}

static int confirm_payout(struct office *o, void *ctx)
{
    return payout_confirm(o, payout_id, "V001", ctx);
}

/* The third account is closed: its litres, and the money of a token that never arrived, are paid
 * out. */
static void pay_out(struct books *b)
{
    struct office *o = b->office.o;
    struct payout payout;

    (void)books_pay(b, 2, 300);
    books_close(b, 2, NULL);
    assert_int_equal(ho_add_staff(o, "V001", "Vera Novak", "supervisor"), 0);
    assert_int_equal(ho_transaction(o, want_payout, &payout), 0);
    assert_int_equal(ho_transaction(o, confirm_payout, &payout), 0);
    assert_true(payout.litres > 0 && payout.price_minor > 0 && payout.change_minor > 0);
}

static void books_office(void)
{
    static struct books books;

    books_story(&books);
    pay_out(&books);
    oaid_sql(&books.office, others);
    oaid_sql(&books.office,
             "INSERT INTO binding (org_id, customer_no, meter_id, account_no, bound_at_ms) SELECT "
             "org_id, customer_no, meter_id, account_no, 5 FROM account WHERE account_no = 1002");
    try_all(&books.office);
    books_end(&books);
}

static void field_office(void)
{
    static struct oaid_office office;
    static struct oaid_laptop laptop;
    struct oaid_meter meter;
    static const uint8_t garbage[] = { 0xFF, 0xFF, 0xFF };
    const struct gf_span span = { garbage, sizeof garbage };
    sync_Job job;

    oaid_office_new(&office);
    oaid_laptop_new(&laptop, &office, "S001");
    aaid_open(&office, &laptop, 1, &job, &meter);
    aaid_open(&office, &laptop, 2, &job, &meter);
    aaid_order(&office, &laptop, 3, &job, &meter);

    sync_Item item = oaid_step(&job, "scan");
    oaid_begin(&laptop);
    oaid_add_bytes(&laptop, garbage, sizeof garbage);
    laptop.seq++;
    assert_int_equal(office.ports.crypto->sha256(office.ports.crypto->ctx, &span, 1,
                                                 laptop.prev_hash),
                     0);
    oaid_add(&laptop, &item);
    assert_int_equal(oaid_send(&laptop), 200);
    try_all(&office);
    oaid_office_end(&office);
}

/* ---- the page ---- */

static void print_numbers(FILE *f, unsigned bits)
{
    const char *comma = "";

    for (unsigned i = 0; i < 32; i++)
        if ((bits >> i & 1) != 0) {
            if (1u << i == STOPS)
                (void)fprintf(f, "%sthe audit stops", comma);
            else
                (void)fprintf(f, "%s%u", comma, i + 1);
            comma = ", ";
        }
}

/* PostgreSQL moves a row that is changed behind the others: the first row there is another one.
 * What is seen of it depends on which it is, so there everything is tried, but compared with
 * nothing. */
static bool has_rows_in_order(void)
{
    return getenv("OFFICE_DB") == NULL;
}

/* A tried thing is seen, or has a reason why not; never both. */
static unsigned check(const char *table, const char *column, const struct tried *t)
{
    const bool has_reason = why_not(table, column) != NULL;

    if ((t->was_missed || t->n == 0) == has_reason || (t->n > 0 && !has_rows_in_order()))
        return 0;
    print_message("# %s %s: %s\n", table, column,
                  t->n == 0       ? "no office has such a row"
                  : t->was_missed ? "no statement sees it"
                                  : "it is seen, and has a reason why not");
    return 1;
}

/* The columns that are seen by the same statements stand together, in the table's order. */
static void print_seen(FILE *f, size_t at)
{
    const struct odb_table *t = &odb_tables[at];
    bool is_done[COLUMNS_MAX] = { false };
    const char *between = "";

    for (size_t i = 0; i < t->n_columns; i++) {
        if (is_done[i] || altered[at][i].was_missed || altered[at][i].n == 0)
            continue;
        (void)fputs(between, f);
        between = "; ";
        for (size_t k = i; k < t->n_columns; k++)
            if (!altered[at][k].was_missed && altered[at][k].seen_by == altered[at][i].seen_by) {
                (void)fprintf(f, "%s`%s`", k > i ? " " : "", t->columns[k].name);
                is_done[k] = true;
            }
        (void)fputs(": ", f);
        print_numbers(f, altered[at][i].seen_by);
    }
}

static void print_unseen(FILE *f, size_t at)
{
    const struct odb_table *t = &odb_tables[at];
    const char *between = "", *last = NULL;

    if (deleted[at].n == 0) {
        (void)fprintf(f, "not tried: %s", why_not(t->name, "-"));
        return;
    }
    if (deleted[at].was_missed) {
        last = why_not(t->name, "-");
        (void)fprintf(f, "deleted");
        between = " ";
    }
    for (size_t i = 0; i < t->n_columns; i++) {
        const char *why = why_not(t->name, t->columns[i].name);

        if (!altered[at][i].was_missed)
            continue;
        if (last != NULL && why != last)
            (void)fprintf(f, ": %s;", last);
        (void)fprintf(f, "%s`%s`", between, t->columns[i].name);
        between = " ";
        last = why;
    }
    if (last != NULL)
        (void)fprintf(f, ": %s", last);
}

static void print_rows(FILE *f)
{
    (void)fputs("| table | deleted | altered | not seen |\n|---|---|---|---|\n", f);
    for (size_t i = 0; i < odb_n_tables; i++) {
        (void)fprintf(f, "| `%s` | ", odb_tables[i].name);
        if (!deleted[i].was_missed && deleted[i].n > 0)
            print_numbers(f, deleted[i].seen_by);
        (void)fputs(" | ", f);
        print_seen(f, i);
        (void)fputs(" | ", f);
        print_unseen(f, i);
        (void)fputs(" |\n", f);
    }
}

static void every_row_is_seen_or_has_a_reason(void **state)
{
    static const struct aid_section sections[] = { { "rows", print_rows } };

    unsigned wrong = 0;

    (void)state;
    books_office();
    field_office();
    for (size_t i = 0; i < odb_n_tables; i++) {
        wrong += check(odb_tables[i].name, "-", &deleted[i]);
        for (size_t k = 0; k < odb_tables[i].n_columns; k++)
            wrong += check(odb_tables[i].name, odb_tables[i].columns[k].name, &altered[i][k]);
    }
    assert_int_equal(wrong, 0);
    if (has_rows_in_order())
        aid_document_settle("docs/audit.md", sections, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_seen_or_has_a_reason),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
