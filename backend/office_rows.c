/* office_rows.c - rows of items, stored many at a time; see office_sync.h. */
#include <string.h>

#include "backend/office_sync.h"

/* The last statement alone is for engines on which many rows at once are more work.
 *
 * The statements differ in how many rows they hold. Row i has the values ?i2 to ?n1, where n is i +
 * 1 (so that the digits are put together here); device and time stand once, behind the last row. */
#define ROW(device, at, i, n)                                                                      \
    "(?1, " device ", " at ", ?" #i "2, ?" #i "3, ?" #i "4, ?" #i "5, ?" #i "6, ?" #i "7, ?" #i    \
    "8, ?" #i "9, ?" #n "0, ?" #n "1)"
#define NINE(device, at, t)                                                                        \
    ROW(device, at, t##0, t##1) ", " ROW(device, at, t##1, t##2) ", "                              \
    ROW(device, at, t##2, t##3) ", " ROW(device, at, t##3, t##4) ", "                              \
    ROW(device, at, t##4, t##5) ", " ROW(device, at, t##5, t##6) ", "                              \
    ROW(device, at, t##6, t##7) ", " ROW(device, at, t##7, t##8) ", "                              \
    ROW(device, at, t##8, t##9)
#define TEN(device, at, t, next) NINE(device, at, t) ", " ROW(device, at, t##9, next)
#define FIRST_TEN(device, at)                                                                      \
    ROW(device, at, , 1) ", " ROW(device, at, 1, 2) ", " ROW(device, at, 2, 3) ", "                \
    ROW(device, at, 3, 4) ", " ROW(device, at, 4, 5) ", " ROW(device, at, 5, 6) ", "               \
    ROW(device, at, 6, 7) ", " ROW(device, at, 7, 8) ", " ROW(device, at, 8, 9) ", "               \
    ROW(device, at, 9, 10)
#define FORTY(device, at)                                                                          \
    FIRST_TEN(device, at) ", " TEN(device, at, 1, 20) ", " TEN(device, at, 2, 30) ", "             \
    TEN(device, at, 3, 40)

#define INSERT(rows)                                                                               \
    "INSERT INTO item (org_id, device_id, received_at_ms, item_id, seq, hash, kind, order_id, "    \
    "run_id, bytes, verdict, field, reason) VALUES " rows " ON CONFLICT DO NOTHING"

#define VALUES 10 /* of a row */

#define ALL(rows) { rows, GF_E_MISMATCH, "item", "another record has its id" }

static const struct {
    struct odb_wanted all;
    const char *sql;
} statements[] = {
    { ALL(HO_ROWS_MAX), INSERT(FORTY("?402", "?403")) },
    { ALL(10), INSERT(FIRST_TEN("?102", "?103")) },
    { ALL(1), INSERT(ROW("?12", "?13", , 1)) },
};

static void bind(const struct ho_row *row, struct odb_value ret[static VALUES])
{
    const struct odb_value values[VALUES] = {
        ODB_B(row->id, GF_UUID_LEN),       ODB_I(row->seq),
        ODB_B(row->hash, 32),              ODB_I(row->kind),
        ODB_B(row->order_id, GF_UUID_LEN), ODB_B(row->run_id, GF_UUID_LEN),
        ODB_B(row->bytes.p, row->bytes.n), ODB_I(row->verdict.kind),
        ODB_T(row->verdict.field),         ODB_T(row->verdict.reason),
    };

    memcpy(ret, values, sizeof values);
}

/* Store as many rows as this statement holds. */
static int store(struct office *o, struct ho_sync *s, size_t statement, const struct ho_row *rows)
{
    const size_t n = (size_t)statements[statement].all.rows;
    struct odb_value values[VALUES * HO_ROWS_MAX + 2];

    for (size_t i = 0; i < n; i++)
        bind(&rows[i], values + VALUES * i);
    values[VALUES * n] = ODB_B(s->device.id, GF_UUID_LEN);
    values[VALUES * n + 1] = ODB_I(ho_now_ms(o));

    return odb_later(o->db, &statements[statement].all, statements[statement].sql, values,
                     VALUES * n + 2)
                   == 0
               ? 0
               : ho_db_fail(o);
}

int ho_store_rows(struct office *o, struct ho_sync *s)
{
    const size_t n = sizeof statements / sizeof statements[0];
    size_t at = 0;
    int r = 0;

    for (size_t i = odb_prefers_many(o->db) ? 0 : n - 1; i < n && r == 0; i++)
        for (; s->n_rows - at >= (size_t)statements[i].all.rows && r == 0;
             at += (size_t)statements[i].all.rows)
            r = store(o, s, i, s->rows + at);
    s->n_rows = 0;
    return r;
}
