/* store_world.h - for tests of the laptop's store: a fresh folder, a clock that stands, a random
 * source with a seed, and rows to put in. */
#ifndef GF_TESTS_STORE_WORLD_H
#define GF_TESTS_STORE_WORLD_H

#include <stddef.h>
#include <stdint.h>

#include "db/db.h"

#define STORE_PASSPHRASE "correct horse battery"
#define STORE_UTC_MS 1795334400000      /* 2026-11-22T08:00:00Z */

struct store_world {
    char folder[256];           /* below the test's temporary folder, different for each world */
    uint64_t seed;
    struct gf_clock clock;
    struct gf_random random;
    struct db_config cfg;       /* scrypt is cheap: N = 16 */
    struct db *db;
    const struct store_port *port;
};

/* A new folder with nothing in it; then store_world_reopen() makes the store. */
void store_world_prepare(struct store_world *w);

/* Both. Fails the test when that is not possible. */
void store_world_make(struct store_world *w);

/* Close it (when open), and open it again. What db_open() returned. */
int store_world_reopen(struct store_world *w, struct gf_fail *why);
void store_world_close(struct store_world *w);

/* Close it and delete its folder. */
void store_world_remove(struct store_world *w);

/* The path of a file in the folder; kept until the next call. */
const char *store_world_path(const struct store_world *w, const char *name);

/* A whole file; its length goes to *ret_n. NULL when it is not there. To be freed. */
uint8_t *store_world_file(const struct store_world *w, const char *name, size_t *ret_n);

/* Is the text anywhere in the database, its log or its lock file? */
_Bool store_world_finds(const struct store_world *w, const void *needle, size_t n);

/* Run SQL on the database behind the store's back. Fails the test when SQLite refuses it. */
void store_world_exec(const struct store_world *w, const char *sql);

/* 16 bytes: kind, zeroes, and n in big-endian order at the end. */
void store_id(uint8_t kind, uint32_t n, uint8_t ret[static 16]);

/* Job n: id store_id('j', n), number "J-000n", state "assigned", meter "GM24000012xx". */
sync_Job store_job(uint32_t n);

/* Apply one change in a transaction of its own. What failed first, or 0. */
int store_apply(const struct store_port *port, const sync_Down *change);
int store_apply_job(const struct store_port *port, const sync_Job *job);

/* Run n of job n, id store_id('r', n), procedure "account-opening", active. */
struct run_row store_run(uint32_t n);

/* Step `step` of that run, planned, with operation id store_id('o', n * 100 + attempt). */
struct step_row store_step(uint32_t run, const char *step, uint32_t attempt);

/* Record n of job and run 1, with a payload that says its number. `payload` holds it. */
struct outbox_new store_record(uint32_t n, char payload[static 32]);

/* Walk the whole outbox and prove it: sequences 1, 2, 3 ..., each record's hash that of its bytes,
 * each record's prev_hash that of the one before, ids and sequences in the bytes those of the row.
 * Fails the test; returns how many. */
uint64_t store_check_chain(const struct store_port *port);

#endif
