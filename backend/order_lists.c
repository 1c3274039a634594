/* order_lists.c - work orders from a file, and from the due list; see office_order.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/csv.h"
#include "backend/office_issue.h"
#include "backend/order_in.h"
#include "common/text.h"

#define PRIORITY 5
#define PURGE_L 10
#define PURGE_S 120

/* ---- from a file ---- */

enum column {
    O_NUMBER,
    O_KIND,
    O_METER,
    O_OLD_METER,
    O_POINT,
    O_STAFF,
    O_DUE,
    O_PRIORITY,
    O_PARAMETERS,
    O_NOTE,
    O_COLUMNS
};
static const char *const names[O_COLUMNS] = { "number",   "kind",         "meter_id",
                                              "old_meter_id", "supply_point", "staff_no",
                                              "due",      "priority",     "parameters",
                                              "note" };

struct importing {
    FILE *in;
    struct csv csv;
    struct ho_orders_made counts;
};

/* Which column a refusal is about. */
static size_t column_of(const char *where)
{
    static const struct {
        const char *where;
        enum column column;
    } places[] = { { "number", O_NUMBER },       { "kind", O_KIND },
                   { "meter", O_METER },         { "meter id", O_METER },
                   { "old meter", O_OLD_METER }, { "supply point", O_POINT },
                   { "staff", O_STAFF },         { "due", O_DUE },
                   { "priority", O_PRIORITY },   { "param", O_PARAMETERS },
                   { "note", O_NOTE } };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i].where, where) == 0)
            return places[i].column;
    return O_METER;
}

/* A refused row names its place in the file; anything else stays as it is. */
static int refuse_row(struct office *o, const struct importing *i, int code)
{
    const struct gf_fail why = o->fail;

    if (code != GF_E_FORMAT && code != GF_E_RANGE && code != GF_E_NOT_NOW
        && code != GF_E_UNREGISTERED && code != GF_E_METER_ID && code != GF_E_MISMATCH)
        return code;
    o->fail = (struct gf_fail){ 0 };
    return csv_refuse(&i->csv, column_of(why.where),
                      code == GF_E_UNREGISTERED ? "this meter is not registered" : why.detail,
                      &o->fail);
}

/* 1 when an order of this number is registered for the same kind and meter; 0 when none is. */
static int is_same(struct office *o, const struct importing *i)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
    struct ho_order order;
    int r = ho_find_order_number(o, v[O_NUMBER], &order);

    if (r != 1)
        return r;
    return strcmp(order.kind, v[O_KIND]) == 0 && strcmp(order.meter_id, v[O_METER]) == 0
               ? 1
               : csv_refuse(&i->csv, O_NUMBER, "this number is another order's", &o->fail);
}

/* "7=5000;8=0" cut into its parts, in place. How many, or GF_E_FORMAT. */
static int split(struct office *o, const struct importing *i, char *text, const char **ret,
                 size_t cap)
{
    size_t n = 0;

    for (char *at = text; *at != '\0';) {
        char *end = at + strcspn(at, ";");
        bool more = *end == ';';

        if (n == cap)
            return csv_refuse(&i->csv, O_PARAMETERS, "more parameters than a meter has", &o->fail);
        *end = '\0';
        ret[n++] = at;
        at = more ? end + 1 : end;
    }
    return (int)n;
}

static int take_row(struct office *o, struct importing *i)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
#define GIVEN(column) (v[column][0] != '\0' ? v[column] : NULL)
    const char *parameters[32];
    char text[CSV_VALUE_MAX], made[32];
    struct ho_new_order n = { .kind = v[O_KIND],
                              .meter_id = v[O_METER],
                              .old_meter_id = GIVEN(O_OLD_METER),
                              .supply_point = GIVEN(O_POINT),
                              .staff_no = GIVEN(O_STAFF),
                              .due = GIVEN(O_DUE),
                              .number = v[O_NUMBER],
                              .note = GIVEN(O_NOTE),
                              .parameters = parameters,
                              .priority = PRIORITY,
                              .purge_l = PURGE_L,
                              .purge_s = PURGE_S };
    int r = v[O_NUMBER][0] != '\0'
                ? is_same(o, i)
                : csv_refuse(&i->csv, O_NUMBER, "each order needs its number here", &o->fail);

    if (r != 0) {
        i->counts.same += r == 1 ? 1 : 0;
        return r < 0 ? r : 0;
    }
    if (v[O_PRIORITY][0] != '\0' && gf_parse_int(v[O_PRIORITY], 1, 9, &n.priority) != 0)
        return csv_refuse(&i->csv, O_PRIORITY, "1 (first) to 9", &o->fail);
    (void)gf_copy(text, sizeof text, v[O_PARAMETERS]);
    r = split(o, i, text, parameters, sizeof parameters / sizeof parameters[0]);
    if (r < 0)
        return r;
    n.n_parameters = (size_t)r;
    if (strcmp(v[O_KIND], "swap") == 0)
        n.reason = "due";
    if ((r = ho_order_make(o, &n, made)) != 0)
        return refuse_row(o, i, r);
    i->counts.added++;
    return 0;
}

static int import_rows(struct office *o, void *ctx)
{
    struct importing *i = ctx;
    int r;

    i->counts = (struct ho_orders_made){ 0 };
    if (fseek(i->in, 0, SEEK_SET) != 0)
        return ho_fail(o, GF_E_FILE, "orders", "the file has to be one that can be read again");
    r = csv_open(&i->csv, i->in, names, O_COLUMNS, &o->fail);
    while (r == 0 && (r = csv_next(&i->csv, &o->fail)) == 1)
        r = take_row(o, i);
    return r == 0 ? ho_log(o, ho_who(o), "orders imported", "%u added, %u the same",
                           i->counts.added, i->counts.same)
                  : r;
}

int ho_import_orders(struct office *o, FILE *in, struct ho_orders_made *ret)
{
    struct importing *i = calloc(1, sizeof *i);
    int r;

    if (i == NULL)
        return ho_fail(o, GF_E_MEMORY, "orders", "");
    i->in = in;
    r = ho_transaction(o, import_rows, i);
    if (r == 0)
        *ret = i->counts;
    free(i);
    return r;
}

/* ---- from the due list ---- */

#define DUE_MAX 1000
#define VERIFICATION_YEARS 8

struct due_list {
    const char *before, *kind;
    int64_t years;
    char cutoff[16]; /* verified before this day */
    struct ho_orders_made counts;
};

/* Move a date by whole years; the 29th of February becomes the 28th. */
static void add_years(const char *date, int64_t years, char ret[static 16])
{
    int64_t year = 0, at_s;
    char digits[5] = "";

    memcpy(digits, date, 4);
    (void)gf_parse_int(digits, 0, 9999, &year);
    (void)snprintf(ret, 16, "%04lld%.6s", (long long)(year + years), date + 4);
    if (ho_date_parse(ret, &at_s) != 0)
        memcpy(ret + 8, "28", 2);
}

static int read_years(struct office *o, struct due_list *d)
{
    struct odb_query *q = odb_query(
        o->db, "SELECT value FROM setting WHERE org_id = ?1 AND name = 'verification_years'",
        ODB_NONE);
    char value[16] = "";
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, value, sizeof value);
    odb_end(q);
    d->years = VERIFICATION_YEARS;
    if (r == 1)
        (void)gf_parse_int(value, 1, 100, &d->years);
    return r < 0 ? ho_db_fail(o) : 0;
}

/* A meter that is due. */
struct due_meter {
    char id[GF_METER_ID_TEXT], verified[16], supply_point[32];
    int64_t type;
};

/* Those that are due and have no open order, the first to run out first. */
static int list_due(struct office *o, const struct due_list *d, struct buf *ret)
{
    struct due_meter m;
    struct odb_query *q = odb_query(
        o->db,
        "SELECT m.meter_id, m.verification_date, m.type, a.supply_point FROM meter m JOIN account "
        "a ON a.org_id = m.org_id AND a.account_no = m.account_no WHERE m.org_id = ?1 AND "
        "m.verification_date < ?2 AND m.life_state = ?3 AND a.state = 'open' AND NOT EXISTS "
        "(SELECT 1 FROM work_order w WHERE w.org_id = m.org_id AND w.meter_id = m.meter_id AND "
        "w.closed_at_ms IS NULL) AND NOT EXISTS (SELECT 1 FROM swap_case k WHERE k.org_id = "
        "m.org_id AND k.old_meter_id = m.meter_id AND k.state = 'planned') ORDER BY "
        "m.verification_date, m.meter_id LIMIT ?4",
        ODB(ODB_T(d->cutoff), ODB_I(gasm_LifeState_IN_SERVICE), ODB_I(DUE_MAX)));
    int r;

    while ((r = odb_next(o->db, q)) == 1) {
        odb_text(q, 0, m.id, sizeof m.id);
        odb_text(q, 1, m.verified, sizeof m.verified);
        m.type = odb_int(q, 2);
        odb_text(q, 3, m.supply_point, sizeof m.supply_point);
        buf_add(ret, &m, sizeof m);
    }
    odb_end(q);
    if (r == 0 && ret->bad)
        return ho_fail(o, GF_E_MEMORY, "due list", "");
    return r < 0 ? ho_db_fail(o) : 0;
}

/* A new meter of this type that no order waits for, and whose verification lasts longer. 1, 0 or a
 * failure. */
static int find_in_stock(struct office *o, const struct due_list *d, int64_t type,
                         char ret[static GF_METER_ID_TEXT])
{
    struct odb_query *q = odb_query(
        o->db,
        "SELECT m.meter_id FROM meter m WHERE m.org_id = ?1 AND m.life_state = ?2 AND m.type = ?3 "
        "AND m.verification_date >= ?4 AND NOT EXISTS (SELECT 1 FROM work_order w WHERE w.org_id = "
        "m.org_id AND w.meter_id = m.meter_id AND w.closed_at_ms IS NULL) ORDER BY "
        "m.verification_date, m.meter_id LIMIT 1",
        ODB(ODB_I(gasm_LifeState_FACTORY), ODB_I(type), ODB_T(d->cutoff)));
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, ret, GF_METER_ID_TEXT);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}

static int make_due(struct office *o, struct due_list *d, const struct due_meter *m)
{
    char due[16], stock[GF_METER_ID_TEXT], made[32];
    struct ho_new_order n = { .kind = d->kind,
                              .meter_id = m->id,
                              .supply_point = m->supply_point,
                              .due = due,
                              .priority = PRIORITY,
                              .purge_l = PURGE_L,
                              .purge_s = PURGE_S };
    int r;

    add_years(m->verified, d->years, due);
    if (strcmp(d->kind, "swap") == 0) {
        if ((r = find_in_stock(o, d, m->type, stock)) <= 0) {
            d->counts.lacking += r == 0 ? 1 : 0;
            return r;
        }
        n.meter_id = stock;
        n.old_meter_id = m->id;
        n.reason = "due";
    }
    r = ho_order_make(o, &n, made);
    d->counts.added += r == 0 ? 1 : 0;
    return r;
}

static int make_all_due(struct office *o, void *ctx)
{
    struct due_list *d = ctx;
    struct buf list = { 0 };
    struct due_meter m;
    int r = read_years(o, d);

    d->counts = (struct ho_orders_made){ 0 };
    add_years(d->before, -d->years, d->cutoff);
    if (r == 0)
        r = list_due(o, d, &list);
    for (size_t at = 0; r == 0 && at < list.n; at += sizeof m) {
        memcpy(&m, list.p + at, sizeof m);
        r = make_due(o, d, &m);
    }
    buf_free(&list);
    return r == 0 ? ho_log(o, ho_who(o), "due list", "%s before %s: %u made, %u lack a new meter",
                           d->kind, d->before, d->counts.added, d->counts.lacking)
                  : r;
}

int ho_orders_from_due_list(struct office *o, const char *before_date, const char *kind,
                            struct ho_orders_made *ret)
{
    struct due_list d = { .before = before_date, .kind = kind };
    int64_t at_s;
    int r;

    if (ho_date_parse(before_date, &at_s) != 0)
        return ho_fail(o, GF_E_FORMAT, "before", "a date is written like 2026-11-22");
    if (strcmp(kind, "inspection") != 0 && strcmp(kind, "swap") != 0)
        return ho_fail(o, GF_E_FORMAT, "kind", "inspection or swap");
    r = ho_transaction(o, make_all_due, &d);
    if (r == 0)
        *ret = d.counts;
    return r;
}
