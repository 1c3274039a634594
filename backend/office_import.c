/* office_import.c - meters from the manufacturer's file, customers with their supply points; see
 * office_import.h. */
#include "backend/office_import.h"

#include <string.h>

#include "backend/csv.h"
#include "backend/office_issue.h"
#include "backend/office_register.h"
#include "common/text.h"
#include "meter-core/port/openssl/keywrap.h"
#include "meter-core/proto/meter.pb.h"

#define TELL_EVERY 64 /* rows */

/* An import under way: one row after the other, all in one transaction. */
struct importing {
    struct csv csv;
    FILE *in;
    const uint8_t *transport_key;
    const struct ho_progress *progress;
    struct ho_imported counts;
    const char *const *names;
    size_t n;
    int (*check)(struct office *o, const struct importing *i); /* a row by itself */
    int (*take)(struct office *o, struct importing *i);
    const char *what;
    int64_t no; /* of this import: marks the rows that it wrote */
};

static bool goes_on(const struct importing *i, uint64_t rows)
{
    return i->progress == NULL || rows % TELL_EVERY != 0
           || i->progress->tell(i->progress->ctx, rows);
}

static int begin_file(struct office *o, struct importing *i)
{
    return fseek(i->in, 0, SEEK_SET) == 0
               ? csv_open(&i->csv, i->in, i->names, i->n, &o->fail)
               : ho_fail(o, GF_E_FILE, "import", "the file cannot be read from its beginning");
}

/* The whole file, row for row, before anything is locked: what is wrong in a row by itself makes
 * nobody wait. */
static int check_file(struct office *o, struct importing *i)
{
    int r = begin_file(o, i);

    while (r == 0 && (r = csv_next(&i->csv, &o->fail)) == 1)
        r = i->check(o, i);
    return r;
}

/* May run again from its begin, as the database asks: so does the file. */
static int import_rows(struct office *o, void *ctx)
{
    struct importing *i = ctx;
    uint64_t rows = 0;
    int r;

    i->counts = (struct ho_imported){ 0 };
    if ((r = ho_next_number(o, "import", 1, &i->no)) != 0)
        return r;
    r = begin_file(o, i);
    while (r == 0 && (r = csv_next(&i->csv, &o->fail)) == 1) {
        r = i->take(o, i);
        if (r == 0 && !goes_on(i, ++rows))
            r = ho_fail(o, GF_E_CANCELLED, "import", "nothing was imported");
    }
    if (r != 0)
        return r;
    return ho_log(o, ho_who(o), i->what, "%u added, %u changed, %u the same",
                  i->counts.added, i->counts.changed, i->counts.same);
}

static int import(struct office *o, struct importing *i, struct ho_imported *ret)
{
    int r = check_file(o, i);

    if (r == 0)
        r = ho_transaction(o, import_rows, i);
    if (r == 0)
        *ret = i->counts;
    return r;
}

static int refuse(struct office *o, const struct importing *i, size_t column, const char *reason)
{
    return csv_refuse(&i->csv, column, reason, &o->fail);
}

/* The first line above the present one that has the same key and another value; 0: none. The file
 * is read again for it, so that rows need not be remembered. */
static unsigned contradicting_line(const struct importing *i, size_t key, size_t column)
{
    struct csv above;
    unsigned line = 0;

    if (fseek(i->in, 0, SEEK_SET) != 0 || csv_open(&above, i->in, i->names, i->n, NULL) != 0)
        return 0;
    while (line == 0 && csv_next(&above, NULL) == 1 && above.line < i->csv.line)
        if (strcmp(above.values[key], i->csv.values[key]) == 0
            && strcmp(above.values[column], i->csv.values[column]) != 0)
            line = above.line;
    return line;
}

/* Refuse a value that is not what is registered under its row's key: by this file, or before it. */
static int contradicts(struct office *o, const struct importing *i, size_t key, size_t column,
                       const char *reason)
{
    unsigned line = contradicting_line(i, key, column);
    char text[64];

    (void)snprintf(text, sizeof text, "line %u says otherwise", line);
    return refuse(o, i, column, line != 0 ? text : reason);
}

/* ---- meters ---- */

enum meter_column { M_ID, M_TYPE, M_PULSE, M_DATE, M_ADDRESS, M_KEY, M_COLUMNS };
static const char *const meter_names[M_COLUMNS] = {
    "meter_id", "type", "pulse_l", "verification_date", "bt_address", "wrapped_key",
};

struct meter_row {
    const char *id, *date, *address;
    int64_t type, pulse_l;
    uint8_t key[HO_KEY_LEN];
};

static int read_meter(struct office *o, const struct importing *i, struct meter_row *ret)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
    uint8_t wrapped[MC_WRAPPED_LEN];
    int64_t date_s;

    *ret = (struct meter_row){ .id = v[M_ID],
                               .date = v[M_DATE],
                               .address = strcmp(v[M_ADDRESS], "-") == 0 ? "" : v[M_ADDRESS] };
    if (gf_meter_id_check(v[M_ID], NULL) != 0)
        return refuse(o, i, M_ID,
                      gf_meter_id_check(v[M_ID], NULL) == GF_E_METER_ID
                          ? "its check digits do not match"
                          : "a meter id has two letters and ten digits");
    if (gf_parse_int(v[M_TYPE], 1, UINT16_MAX, &ret->type) != 0)
        return refuse(o, i, M_TYPE, "a type is a number from 1 to 65535");
    if (gf_parse_int(v[M_PULSE], 1, 10, &ret->pulse_l) != 0
        || (ret->pulse_l != 1 && ret->pulse_l != 10))
        return refuse(o, i, M_PULSE, "a pulse is 1 or 10 litres");
    if (ho_date_parse(v[M_DATE], &date_s) != 0)
        return refuse(o, i, M_DATE, "a date is written like 2026-11-22");
    if (ret->address[0] != '\0' && gf_bt_address_check(ret->address) != 0)
        return refuse(o, i, M_ADDRESS, "an address is written like 02:00:00:00:00:01, none is -");
    if (gf_unhex(v[M_KEY], wrapped, sizeof wrapped) != 0)
        return refuse(o, i, M_KEY, "a wrapped key has 80 hex digits");
    if (mc_key_unwrap(i->transport_key, wrapped, ret->key) != 0)
        return refuse(o, i, M_KEY,
                      "the transport key does not open it: another key, or a damaged row");
    return 0;
}

static int check_meter(struct office *o, const struct importing *i)
{
    struct meter_row row;
    int r = read_meter(o, i, &row);

    gf_wipe(row.key, sizeof row.key);
    return r;
}

/* Of a meter that is registered already. 0 when it is registered exactly so. */
static int check_same(struct office *o, const struct importing *i, const struct meter_row *row)
{
    uint8_t key[HO_KEY_LEN];
    struct ho_meter m;
    int r = ho_find_meter(o, row->id, &m);

    if (r == 1)
        r = ho_root_key(o, row->id, 0, key);
    if (r != 1)
        return r < 0 ? r : ho_fail(o, GF_E_BUG, "import", row->id);

    bool same_key = gf_same_secret(key, row->key, sizeof key);
    gf_wipe(key, sizeof key);
    if (!same_key)
        return contradicts(o, i, M_ID, M_KEY, "this meter is registered with another key");
    if (m.type != row->type)
        return contradicts(o, i, M_ID, M_TYPE, "this meter is registered with another type");
    if (m.pulse_l != row->pulse_l)
        return contradicts(o, i, M_ID, M_PULSE, "this meter is registered with another pulse");
    if (strcmp(m.verification_date, row->date) != 0)
        return contradicts(o, i, M_ID, M_DATE, "this meter is registered with another date");
    if (strcmp(m.bt_address, row->address) != 0)
        return contradicts(o, i, M_ID, M_ADDRESS, "this meter is registered with another address");
    return 0;
}

/* 1 when it was stored, 0 when this id is registered already. */
static int store_meter(struct office *o, const struct meter_row *row)
{
    uint8_t sealed[HO_SEALED_LEN];
    char label[48];

    ho_key_label(row->id, 0, label);
    if (ho_seal(o, label, row->key, sealed) != 0)
        return o->fail.code;

    int r = odb_exec(
        o->db,
        "INSERT INTO meter (org_id, meter_id, type, pulse_l, verification_date, bt_address, "
        "factory_key, life_state, imported_at_ms, sealed_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
        "?7, ?8, ?9, ?10) ON CONFLICT (org_id, meter_id) DO NOTHING",
        ODB(ODB_T(row->id), ODB_I(row->type), ODB_I(row->pulse_l), ODB_T(row->date),
            ODB_T(row->address), ODB_B(sealed, sizeof sealed), ODB_I(gasm_LifeState_FACTORY),
            ODB_I(ho_now_ms(o)), ODB_I(keys_sealed_version(sealed))));
    return r < 0 ? ho_db_fail(o) : r;
}

static int take_meter(struct office *o, struct importing *i)
{
    struct meter_row row;
    int r = read_meter(o, i, &row);

    if (r == 0 && (r = store_meter(o, &row)) == 1)
        i->counts.added++;
    else if (r == 0 && (r = check_same(o, i, &row)) == 0)
        i->counts.same++;
    gf_wipe(row.key, sizeof row.key);
    return r < 0 ? r : 0;
}

int ho_import_meters(struct office *o, FILE *in, const uint8_t transport_key[static HO_KEY_LEN],
                     const struct ho_progress *progress, struct ho_imported *ret)
{
    struct importing i = { .in = in,
                           .transport_key = transport_key,
                           .progress = progress,
                           .names = meter_names,
                           .n = M_COLUMNS,
                           .check = check_meter,
                           .take = take_meter,
                           .what = "meters imported" };

    return import(o, &i, ret);
}

/* ---- customers ---- */

enum customer_column { C_NO, C_NAME, C_PHONE, C_POINT, C_ADDRESS, C_COLUMNS };
static const char *const customer_names[C_COLUMNS] = { "customer_no", "name", "phone",
                                                       "supply_point", "address" };
static const size_t customer_max[C_COLUMNS] = { 31, 95, 31, 31,
                                                159 }; /* bytes, as sync.proto has room for */

static int check_customer(struct office *o, const struct importing *i)
{
    char reason[64];

    for (size_t c = 0; c < C_COLUMNS; c++) {
        bool is_id = c == C_NO || c == C_POINT;
        const char *value = i->csv.values[c];

        if (c == C_PHONE && value[0] == '\0')
            continue;
        if (is_id ? ho_is_id(value, customer_max[c]) : ho_is_text(value, customer_max[c]))
            continue;
        (void)snprintf(reason, sizeof reason,
                       is_id ? "1 to %zu letters, digits, and . _ - /" : "1 to %zu bytes of text",
                       customer_max[c]);
        return refuse(o, i, c, reason);
    }
    return 0;
}

/* What a row finds registered. */
enum found { NONE, SAME, OTHER };

/* Whether the two values of a key are registered as the row has them: an enum found, or a failure.
 * A row that would change what this very file said is refused. */
static int compare_row(struct office *o, const struct importing *i, struct odb_query *q, size_t key,
                       size_t first, size_t second)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
    char a[CSV_VALUE_MAX], b[CSV_VALUE_MAX];
    int r = odb_next(o->db, q), found = NONE;
    bool is_ours = false;

    if (r == 1) {
        odb_text(q, 0, a, sizeof a);
        odb_text(q, 1, b, sizeof b);
        is_ours = odb_int(q, 2) == i->no;
        found = strcmp(a, v[first]) == 0 && strcmp(b, v[second]) == 0 ? SAME : OTHER;
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    if (is_ours && found == OTHER)
        return contradicts(o, i, key, strcmp(a, v[first]) != 0 ? first : second,
                           "a line above says otherwise");
    return found;
}

/* Laptops learn the new values with their open orders. */
int ho_tell_orders(struct office *o, const char *customer_no, const char *supply_point)
{
    return ho_each_order(o,
                         odb_query(o->db,
                                   "SELECT order_id FROM work_order WHERE org_id = ?1 AND "
                                   "(customer_no = ?2 OR supply_point = ?3) AND closed_at_ms IS "
                                   "NULL",
                                   ODB(ODB_T(customer_no), ODB_T(supply_point))),
                         ho_changed);
}

/* A place changes hands only while nobody has an order or an account there. */
static int check_owner(struct office *o, const struct importing *i)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
    int64_t used = 0;

    if (odb_number(o->db, &used,
                   "SELECT COUNT(*) FROM account WHERE org_id = ?1 AND supply_point = ?2 AND "
                   "customer_no <> ?3",
                   ODB(ODB_T(v[C_POINT]), ODB_T(v[C_NO])))
        < 0)
        return ho_db_fail(o);
    return used == 0 ? 0
                     : refuse(o, i, C_NO, "this supply point has an account of another customer");
}

static int store_customer(struct office *o, const struct importing *i)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;

    if (odb_exec(o->db,
                 "INSERT INTO customer (org_id, customer_no, name, phone, imported_no) VALUES (?1, "
                 "?2, ?3, ?4, ?5) ON CONFLICT (org_id, customer_no) DO UPDATE SET name = "
                 "excluded.name, phone = excluded.phone, imported_no = excluded.imported_no",
                 ODB(ODB_T(v[C_NO]), ODB_T(v[C_NAME]), ODB_T(v[C_PHONE]), ODB_I(i->no)))
            < 0
        || odb_exec(o->db,
                    "INSERT INTO supply_point (org_id, supply_point, address, customer_no, "
                    "imported_no) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (org_id, supply_point) "
                    "DO UPDATE SET address = excluded.address, customer_no = "
                    "excluded.customer_no, imported_no = excluded.imported_no",
                    ODB(ODB_T(v[C_POINT]), ODB_T(v[C_ADDRESS]), ODB_T(v[C_NO]), ODB_I(i->no)))
               < 0)
        return ho_db_fail(o);
    return 0;
}

static int take_customer(struct office *o, struct importing *i)
{
    const char(*v)[CSV_VALUE_MAX] = (const char(*)[CSV_VALUE_MAX])i->csv.values;
    int r = check_customer(o, i);

    if (r == 0)
        r = check_owner(o, i);
    if (r != 0)
        return r;

    int customer = compare_row(
        o, i,
        odb_query(o->db,
                  "SELECT name, phone, imported_no FROM customer WHERE org_id = ?1 AND "
                  "customer_no = ?2",
                  ODB(ODB_T(v[C_NO]))),
        C_NO, C_NAME, C_PHONE);
    if (customer < 0)
        return customer;

    int point = compare_row(
        o, i,
        odb_query(o->db,
                  "SELECT address, customer_no, imported_no FROM supply_point WHERE org_id = ?1 "
                  "AND supply_point = ?2",
                  ODB(ODB_T(v[C_POINT]))),
        C_POINT, C_ADDRESS, C_NO);
    if (point < 0)
        return point;
    if ((r = store_customer(o, i)) != 0)
        return r;
    if (customer == OTHER || point == OTHER) {
        i->counts.changed++;
        return ho_tell_orders(o, v[C_NO], v[C_POINT]);
    }
    *(customer == SAME && point == SAME ? &i->counts.same : &i->counts.added) += 1;
    return 0;
}

int ho_import_customers(struct office *o, FILE *in, const struct ho_progress *progress,
                        struct ho_imported *ret)
{
    struct importing i = { .in = in,
                           .progress = progress,
                           .names = customer_names,
                           .n = C_COLUMNS,
                           .check = check_customer,
                           .take = take_customer,
                           .what = "customers imported" };

    return import(o, &i, ret);
}
