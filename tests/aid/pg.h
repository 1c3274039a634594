#ifndef GF_TESTS_AID_PG_H
#define GF_TESTS_AID_PG_H
/*
 * PostgreSQL 15 of this test process: started at first use (tests/tools/pg) in a folder of its own,
 * on an abstract Unix socket of its own and no other, stopped by its process id when the test ends.
 * Everything is as installed, fsync too. When the environment says PG_SOCKET=@name it is that
 * server instead, which others use too. Failures end the test through cmocka with a sentence.
 */
#include <stdint.h>
#include <sys/types.h>

#define PG_URL_MAX 256

/* A new, empty database: its URL. */
void pg_new_database(char ret[static PG_URL_MAX]);

/* A copy of a database that `fill` filled once in this process (and let go of): its URL. */
void pg_new_copy(void (*fill)(const char *url), char ret[static PG_URL_MAX]);

/* The same database through another socket folder (pg_proxy.h). */
void pg_url_through(const char *url, const char *socket, char ret[static PG_URL_MAX]);

/* The server's socket, "@name". */
const char *pg_socket(void);

/* Run SQL of SQLite's kind on a database behind its users' back, references unchecked: x'00' is
 * bytes, rowid tells the rows' order, and instr(), hex(), zeroblob() are there. */
void pg_sql(const char *url, const char *sql);
/* The first column of the first row. */
int64_t pg_number(const char *url, const char *sql);

/* Stop the server at once, as a machine that fails does, and start it again. */
void pg_crash(void);

#endif
