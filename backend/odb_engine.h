/* odb_engine.h - what an engine of office_db.h does; for odb*.c alone.
 *
 * odb.c keeps the rules that hold on every engine: ?1 is the organisation, changes need a writing
 * transaction, a transaction in which a statement failed cannot be committed, texts are UTF-8
 * without a NUL. An engine runs statements.
 */
#ifndef GF_ODB_ENGINE_H
#define GF_ODB_ENGINE_H

#include "backend/odb_ddl.h"
#include "backend/office_db.h"

#define ODB_ORG_ID 1 /* one organisation a database; the keys are ready for more */
#define ODB_VALUES_MAX 512

/* private: an engine's query begins with it */
struct odb_query {
    struct odb *db;
};

struct odb_ops {
    enum odb_engine engine;
    /* `mark`: 16 bytes written into transaction_mark by an engine that can lose a commit, NULL: none.
     * 0; 1: that mark is there already: its transaction was committed; nothing is open then. */
    int (*begin)(struct odb *db, bool is_writing, const uint8_t *mark, int64_t at_ms);
    int (*commit)(struct odb *db);
    void (*together)(struct odb *db, bool on); /* NULL: there is nothing to gain */
    void (*rollback)(struct odb *db);
    void (*set_wait)(struct odb *db, int wait_ms); /* NULL: it has no lock of the whole database */
    /* `is_once`: the text may go away after odb_end, and there may be many rows. Runs the statement
     * when is_change, giving rows changed in *ret_changed. */
    struct odb_query *(*query)(struct odb *db, const char *sql, const struct odb_value *values,
                               size_t n, bool is_once);
    int (*change)(struct odb *db, const char *sql, const struct odb_value *values, size_t n);
    /* The same, which may wait for settle(); NULL, both of them: nothing waits on this engine. */
    int (*later)(struct odb *db, const struct odb_wanted *wanted, const char *sql,
                 const struct odb_value *values, size_t n);
    int (*settle)(struct odb *db);
    int (*next)(struct odb_query *q);
    int64_t (*get_int)(struct odb_query *q, int column);
    struct gf_span (*get_text)(struct odb_query *q, int column); /* with a NUL behind */
    struct gf_span (*get_bytes)(struct odb_query *q, int column);
    bool (*is_null)(struct odb_query *q, int column);
    struct odb_value (*get)(struct odb_query *q, int column);
    void (*end)(struct odb_query *q);
    int (*script)(struct odb *db, const char *sql); /* statements without values or rows */
    void (*forget)(struct odb *db);                 /* kept statements; none is running */
    void (*close)(struct odb *db);
};

/* private: an engine's database begins with it */
struct odb {
    const struct odb_ops *ops;
    enum odb_state { ODB_IDLE, ODB_READING, ODB_WRITING } state;
    bool is_together;
    bool has_failed; /* a statement of this transaction: it can only be rolled back */
    struct gf_fail fail;
};

/* Keep a failure (a later one in the same transaction is only its echo). Returns its code. */
int odb_set_fail(struct odb *db, int code, const char *where, const char *detail);

/* Are `changed` rows those wanted (NULL: they are)? 0 or the failure. */
int odb_check_wanted(struct odb *db, const struct odb_wanted *wanted, int changed);

/* Engines. *ret is written on success only. */
int odb_sqlite_open(const char *path, bool create, struct odb **ret, struct gf_fail *why);
/* A file to be read as it is: nothing in it is changed. GF_E_STORE_NEWER when its tables are not of
 * this program's version. */
int odb_sqlite_open_as_it_is(const char *path, struct odb **ret, struct gf_fail *why);
int odb_pg_open(const char *url, bool create, struct odb **ret, struct gf_fail *why);

/* Statements kept prepared, by the address of their text and the types of their values. */
#define ODB_KEPT_BUCKETS 256
struct odb_statement {
    struct odb_statement *next;
    const char *sql;
    char types[ODB_VALUES_MAX + 1];
    bool is_busy;
};
struct odb_kept {
    struct odb_statement *buckets[ODB_KEPT_BUCKETS];
};
/* One of this text and types that is not busy, or NULL. types NULL: the first that may be it, go on
 * by ->next. */
struct odb_statement *odb_kept_find(const struct odb_kept *kept, const char *sql,
                                    const char *types);
void odb_kept_add(struct odb_kept *kept, struct odb_statement *s);
/* Take one out, any; NULL when none is left. */
struct odb_statement *odb_kept_take(struct odb_kept *kept);

/* ---- for backup and restore ---- */

/* A query whose text goes away, and that may give very many rows; in a transaction. */
struct odb_query *odb_query_once(struct odb *db, const char *sql, const struct odb_value *values,
                                 size_t n);
/* Statements without values or rows. */
int odb_script(struct odb *db, const char *sql);
/* Forget the statements that are kept: texts that are no literals are about to go. */
void odb_forget_statements(struct odb *db);

#endif
