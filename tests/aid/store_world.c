/* store_world.c - worlds for tests of the laptop's store; see store_world.h. */
#include "tests/aid/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <pb_decode.h>
#include <sqlite3.h>

#include "common/text.h"
#include "tests/aid/proc.h"

static int64_t standing(void *ctx)
{
    (void)ctx;
    return STORE_UTC_MS;
}

/* SplitMix64: every seed gives another stream. */
static int fill(void *ctx, uint8_t *buf, size_t n)
{
    uint64_t *state = ctx;

    for (size_t i = 0; i < n; i++) {
        uint64_t z = *state += 0x9E3779B97F4A7C15u;

        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z = (z ^ z >> 27) * 0x94D049BB133111EBu;
        buf[i] = (uint8_t)(z ^ z >> 31);
    }
    return 0;
}

void store_world_prepare(struct store_world *w)
{
    static unsigned number;

    *w = (struct store_world){.seed = ++number};
    assert_non_null(aid_tmpdir());
    (void)snprintf(w->folder, sizeof w->folder, "%s/data-%u", aid_tmpdir(), number);
    assert_int_equal(mkdir(w->folder, 0700), 0);
    w->clock = (struct gf_clock){NULL, standing, standing};
    w->random = (struct gf_random){&w->seed, fill};
    w->cfg = (struct db_config){.folder = w->folder,
                                .passphrase = (const uint8_t *)STORE_PASSPHRASE,
                                .passphrase_len = strlen(STORE_PASSPHRASE),
                                .clock = &w->clock,
                                .random = &w->random,
                                .scrypt_n = 16};
}

void store_world_make(struct store_world *w)
{
    struct gf_fail why = {0};

    store_world_prepare(w);
    if (store_world_reopen(w, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
}

int store_world_reopen(struct store_world *w, struct gf_fail *why)
{
    store_world_close(w);
    int r = db_open(&w->cfg, &w->db, why);
    w->port = r == 0 ? db_port(w->db) : NULL;
    return r;
}

void store_world_close(struct store_world *w)
{
    w->db = db_close(w->db);
    w->port = NULL;
}

void store_world_remove(struct store_world *w)
{
    static const char *const names[] = {"gasfitter.db", "gasfitter.db-wal", "gasfitter.db-shm",
                                        "gasfitter.db-journal", "gasfitter.lock"};

    store_world_close(w);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)remove(store_world_path(w, names[i]));
    assert_int_equal(rmdir(w->folder), 0);
}

const char *store_world_path(const struct store_world *w, const char *name)
{
    static char path[320];

    (void)snprintf(path, sizeof path, "%s/%s", w->folder, name);
    return path;
}

uint8_t *store_world_file(const struct store_world *w, const char *name, size_t *ret_n)
{
    FILE *f = fopen(store_world_path(w, name), "rb");
    uint8_t *p = NULL;
    long n;

    *ret_n = 0;
    if (f == NULL)
        return NULL;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    p = malloc((size_t)n + 1);
    assert_non_null(p);
    *ret_n = fread(p, 1, (size_t)n, f);
    (void)fclose(f);
    return p;
}

bool store_world_finds(const struct store_world *w, const void *needle, size_t n)
{
    static const char *const names[] = {"gasfitter.db", "gasfitter.db-wal", "gasfitter.lock"};
    bool found = false;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len;
        uint8_t *p = store_world_file(w, names[i], &len);

        for (size_t k = 0; p != NULL && !found && k + n <= len; k++)
            found = memcmp(p + k, needle, n) == 0;
        free(p);
    }
    return found;
}

void store_world_exec(const struct store_world *w, const char *sql)
{
    sqlite3 *raw;

    assert_int_equal(sqlite3_open(store_world_path(w, "gasfitter.db"), &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

void store_id(uint8_t kind, uint32_t n, uint8_t ret[static 16])
{
    memset(ret, 0, 16);
    ret[0] = kind;
    for (int i = 0; i < 4; i++)
        ret[15 - i] = (uint8_t)(n >> (8 * i));
}

sync_Job store_job(uint32_t n)
{
    sync_Job j = sync_Job_init_zero;

    store_id('j', n, j.id);
    (void)snprintf(j.number, sizeof j.number, "J-%04u", n % 10000);
    (void)snprintf(j.meter_id, sizeof j.meter_id, "GM24%08u", n % 100000000);
    (void)gf_copy(j.kind, sizeof j.kind, "account-opening");
    (void)gf_copy(j.state, sizeof j.state, "assigned");
    (void)gf_copy(j.due, sizeof j.due, "2026-11-22");
    j.priority = 2;
    return j;
}

int store_apply(const struct store_port *port, const sync_Down *change)
{
    int r = port->changes_begin(port->ctx), end;

    if (r != 0)
        return r;
    r = port->changes_apply(port->ctx, change);
    end = port->changes_end(port->ctx, r == 0);
    return r != 0 ? r : end;
}

int store_apply_job(const struct store_port *port, const sync_Job *job)
{
    sync_Down change = sync_Down_init_zero;

    change.which_body = sync_Down_job_tag;
    change.body.job = *job;
    return store_apply(port, &change);
}

struct run_row store_run(uint32_t n)
{
    struct run_row r = {.started_at_ms = STORE_UTC_MS, .state = RUN_ACTIVE};

    store_id('r', n, r.id);
    store_id('j', n, r.job_id);
    (void)gf_copy(r.procedure, sizeof r.procedure, "account-opening");
    return r;
}

struct step_row store_step(uint32_t run, const char *step, uint32_t attempt)
{
    struct step_row t = {.attempt = attempt, .state = STEP_PLANNED, .planned_at_ms = STORE_UTC_MS};

    store_id('r', run, t.run_id);
    store_id('o', run * 100 + attempt, t.op_id);
    (void)gf_copy(t.step, sizeof t.step, step);
    return t;
}

struct outbox_new store_record(uint32_t n, char payload[static 32])
{
    struct outbox_new r = {.kind = sync_ItemKind_STEP_RECORD, .made_at_ms = STORE_UTC_MS + n,
                           .payload = (const uint8_t *)payload};

    store_id('i', n, r.id);
    store_id('j', 1, r.job_id);
    store_id('r', 1, r.run_id);
    r.payload_len = (size_t)snprintf(payload, 32, "record %u", n);
    return r;
}

uint64_t store_check_chain(const struct store_port *port)
{
    static struct outbox_row page[64], again;
    uint64_t before = 0, above = 0, count = 0;
    uint8_t later_prev[32] = {0}, hash[32];
    int n;

    while ((n = port->outbox_page(port->ctx, before, page, 64)) > 0) {
        for (int i = 0; i < n; i++) {
            const struct outbox_row *r = &page[i];
            pb_istream_t in = pb_istream_from_buffer(r->bytes, r->len);
            sync_Item item = sync_Item_init_zero;

            assert_true(pb_decode(&in, sync_Item_fields, &item));
            assert_int_equal(EVP_Digest(r->bytes, r->len, hash, NULL, EVP_sha256(), NULL), 1);
            assert_memory_equal(hash, r->hash, 32);
            assert_true(above == 0 || r->seq + 1 == above);
            assert_true(above == 0 || memcmp(r->hash, later_prev, 32) == 0);
            assert_int_equal(item.seq, r->seq);
            assert_memory_equal(item.id, r->id, 16);
            assert_int_equal(port->outbox_item(port->ctx, r->id, &again), 1);
            assert_int_equal(again.seq, r->seq);
            memcpy(later_prev, item.prev_hash, 32);
            above = before = r->seq;
            count++;
        }
    }
    assert_int_equal(n, 0);
    if (count > 0) {
        static const uint8_t zeroes[32];

        assert_int_equal(above, 1);
        assert_memory_equal(later_prev, zeroes, 32);
    }
    return count;
}
