#ifndef GF_TESTS_AID_ODB_WORLD_H
#define GF_TESTS_AID_ODB_WORLD_H
/* A database of one engine or the other for one test, and an office that has nothing else. */
#include <stdbool.h>

#include "backend/office_in.h"
#include "tests/aid/pg.h"

struct odb_world {
    bool is_pg;
    char where[600];
    struct odb *db, *second; /* two connections to it; second: NULL until odb_world_second() */
    struct office o;         /* for ho_transaction(): on db */
    struct gf_clock clock;
    int64_t now_ms;
};

/* cmocka's setup with the engine as its state, and teardown. */
extern char odb_world_sqlite[], odb_world_pg[];
int odb_world_up(void **state);
int odb_world_down(void **state);

/* The second connection. */
struct odb *odb_world_second(struct odb_world *w);

/* Close the first and open `where` instead (through a proxy). */
void odb_world_reopen(struct odb_world *w, const char *where);

/* Run one change in a transaction of its own; assert that it worked. */
void odb_world_do(struct odb *db, const char *sql, const struct odb_value *values, size_t n);
/* A number; -1 when there is no row. */
int64_t odb_world_number(struct odb *db, const char *sql, const struct odb_value *values, size_t n);

/* A case on both engines, in an array of struct CMUnitTest. */
#define ODB_ON_BOTH(f)                                                                             \
    { "sqlite: " #f, f, odb_world_up, odb_world_down, odb_world_sqlite },                                  \
        { "postgresql: " #f, f, odb_world_up, odb_world_down, odb_world_pg }
#define ODB_ON_PG(f) { "postgresql: " #f, f, odb_world_up, odb_world_down, odb_world_pg }

#endif
