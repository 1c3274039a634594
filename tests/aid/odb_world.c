/* odb_world.c - a database for one test; see odb_world.h. */
#include "tests/aid/odb_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/proc.h"

char odb_world_sqlite[] = "sqlite", odb_world_pg[] = "postgresql";

static int64_t now(void *ctx)
{
    return ((struct odb_world *)ctx)->now_ms;
}

static struct odb *open_it(const char *where, bool create)
{
    struct gf_fail why = { 0 };
    struct odb *db = NULL;

    if (odb_open(where, create, &db, &why) != 0)
        fail_msg("%s: %s: %s", where, why.where, why.detail);
    return db;
}

int odb_world_up(void **state)
{
    static unsigned made;
    struct odb_world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->is_pg = *state == odb_world_pg;
    if (w->is_pg)
        pg_new_database(w->where);
    else
        (void)snprintf(w->where, sizeof w->where, "%s/world%u.db", aid_tmpdir(), made++);
    w->db = open_it(w->where, true);
    w->now_ms = INT64_C(1795339800000);
    w->clock = (struct gf_clock){ w, now, now };
    w->o = (struct office){ .db = w->db,
                            .ports = { .clock = &w->clock,
                                       .random = gf_real_random(),
                                       .crypto = mc_crypto_openssl() } };
    *state = w;
    return 0;
}

int odb_world_down(void **state)
{
    struct odb_world *w = *state;

    w->db = odb_close(w->db);
    w->second = odb_close(w->second);
    free(w);
    return 0;
}

struct odb *odb_world_second(struct odb_world *w)
{
    if (w->second == NULL)
        w->second = open_it(w->where, false);
    return w->second;
}

void odb_world_reopen(struct odb_world *w, const char *where)
{
    w->db = odb_close(w->db);
    w->db = w->o.db = open_it(where, false);
}

void odb_world_do(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    struct gf_fail why = { 0 };

    if (odb_begin(db) != 0 || odb_exec(db, sql, values, n) < 0 || odb_commit(db) != 0) {
        (void)odb_fail(db, &why);
        fail_msg("%s: %s: %s", sql, why.where, why.detail);
    }
}

int64_t odb_world_number(struct odb *db, const char *sql, const struct odb_value *values, size_t n)
{
    int64_t number = -1;
    struct gf_fail why = { 0 };

    if (odb_number(db, &number, sql, values, n) < 0) {
        (void)odb_fail(db, &why);
        fail_msg("%s: %s", sql, why.detail);
    }
    return number;
}
