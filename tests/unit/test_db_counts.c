/* test_db_counts.c - the count of the outbox, which the store keeps between changes, is that of its
 * rows: after each kind of change, after what was rolled back, and after any end. */
#include "db/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/aid/store_vfs.h"
#include "tests/aid/store_world.h"

#define PAGE 7
#define OPERATIONS_MAX 200      /* of one change, by far */

static const sync_VerdictKind kinds[] = {
    sync_VerdictKind_APPLIED,     sync_VerdictKind_DUPLICATE, sync_VerdictKind_HELD,
    sync_VerdictKind_QUARANTINED, sync_VerdictKind_CONFLICT,
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* One row after the other. */
static struct outbox_counts count_rows(const struct store_port *port)
{
    struct outbox_counts n = {0};
    struct outbox_row rows[PAGE];
    uint64_t before = 0;
    int k;

    while ((k = port->outbox_page(port->ctx, before, rows, PAGE)) > 0) {
        for (int i = 0; i < k; i++) {
            uint32_t state = rows[i].state;
            bool refused = state == OUTBOX_QUARANTINED || state == OUTBOX_CONFLICT;
            bool acknowledged = state == OUTBOX_APPLIED || state == OUTBOX_DUPLICATE;

            n.last_seq = n.last_seq > rows[i].seq ? n.last_seq : rows[i].seq;
            n.refused += refused;
            n.acknowledged += acknowledged;
            n.waiting += !refused && !acknowledged;
            if (!refused && !acknowledged)
                n.oldest_waiting_at_ms = rows[i].made_at_ms;
        }
        before = rows[k - 1].seq;
    }
    assert_int_equal(k, 0);
    return n;
}

/* Asked twice: once the rows may be counted, the second answer is the kept one. */
static void check(const struct store_world *w)
{
    struct outbox_counts rows = count_rows(w->port), n;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(w->port->outbox_counts(w->port->ctx, &n), 0);
        assert_int_equal(n.waiting, rows.waiting);
        assert_int_equal(n.refused, rows.refused);
        assert_int_equal(n.acknowledged, rows.acknowledged);
        assert_int_equal(n.oldest_waiting_at_ms, rows.oldest_waiting_at_ms);
        assert_int_equal(n.last_seq, rows.last_seq);
    }
}

/* A step with records n and n + 1; wrong: which have the same id. What failed, or 0. */
static int save_step(struct store_world *w, uint32_t n, bool wrong)
{
    struct run_row run = store_run(1);
    struct step_row step = store_step(1, "work", n);
    char payload[2][32];
    struct outbox_new items[2] = {store_record(n, payload[0]), store_record(n + 1, payload[1])};

    if (wrong)
        memcpy(items[1].id, items[0].id, sizeof items[0].id);
    return w->port->step_save(w->port->ctx, &step, &run, NULL, items, 2);
}

static int save(struct store_world *w, uint32_t n)
{
    return save_step(w, n, false);
}

static int judge(struct store_world *w, uint32_t n, sync_VerdictKind kind)
{
    sync_Verdict v = {.kind = kind};
    struct outbox_row row;

    store_id('i', n, v.id);
    assert_int_equal(w->port->outbox_item(w->port->ctx, v.id, &row), 1);
    memcpy(v.item_hash, row.hash, sizeof row.hash);
    return w->port->outbox_verdict(w->port->ctx, &v);
}

/* A store with a job, its run and 2 * steps records. */
static void begin(struct store_world *w, uint32_t steps)
{
    sync_Job job = store_job(1);
    struct run_row run = store_run(1), got;

    store_world_make(w);
    check(w);
    assert_int_equal(store_apply_job(w->port, &job), 0);
    assert_int_equal(w->port->run_open(w->port->ctx, &run, &got), 0);
    for (uint32_t n = 1; n <= steps; n++) {
        assert_int_equal(save(w, 2 * n - 1), 0);
        check(w);
    }
}

static void reopen(struct store_world *w)
{
    assert_int_equal(store_world_reopen(w, NULL), 0);
    check(w);
}

/* ---- changes ---- */

static void records_and_verdicts(void **state)
{
    struct store_world w;

    (void)state;
    begin(&w, KINDS * KINDS / 2 + 1);
    for (uint32_t n = 0; n < KINDS * KINDS; n++) {
        assert_int_equal(judge(&w, n + 1, kinds[n / KINDS]), 0);
        check(&w);
        assert_int_equal(judge(&w, n + 1, kinds[n % KINDS]), 0);
        check(&w);
    }
    assert_int_equal(judge(&w, 1, (sync_VerdictKind)9), GF_E_OFFICE_ANSWER);
    check(&w);
    /* the second record of the step is refused, and the first goes with it */
    assert_int_equal(save_step(&w, KINDS * KINDS + 20, true), GF_E_MISMATCH);
    check(&w);
    assert_int_equal(db_setting_put(w.db, "a", "b"), 0);
    check(&w);
    reopen(&w);
    assert_int_equal(judge(&w, KINDS * KINDS + 1, sync_VerdictKind_APPLIED), 0);
    check(&w);
    store_world_remove(&w);
}

/* Counted inside an answer's transaction too, which is then rolled back, or not. */
static void answers(void **state)
{
    struct store_world w;
    sync_Down end = {.which_body = sync_Down_end_tag, .body.end = {.cursor = 5, .wanted_seq = 3}};

    (void)state;
    begin(&w, 4);
    for (uint32_t n = 1; n <= 6; n++)
        assert_int_equal(judge(&w, n, sync_VerdictKind_APPLIED), 0);
    for (int commit = 0; commit <= 1; commit++) {
        check(&w);
        assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
        check(&w);
        assert_int_equal(judge(&w, 7, sync_VerdictKind_CONFLICT), 0);
        check(&w);
        assert_int_equal(w.port->changes_apply(w.port->ctx, &end), 0);
        check(&w);
        assert_int_equal(w.port->changes_end(w.port->ctx, commit != 0), 0);
        check(&w);
    }
    reopen(&w);
    store_world_remove(&w);
}

/* Another program took the newest record away while the store was closed. */
static void a_record_deleted_behind_its_back(void **state)
{
    struct store_world w;

    (void)state;
    begin(&w, 3);
    store_world_close(&w);
    store_world_exec(&w, "DROP TRIGGER outbox_is_kept; DELETE FROM outbox WHERE seq = 6");
    reopen(&w);
    assert_int_equal(judge(&w, 5, sync_VerdictKind_HELD), 0);
    check(&w);
    store_world_remove(&w);
}

/* ---- ends ---- */

/* Each operation of a change finds the disk full, and the program stays. */
static void a_full_disk(void **state)
{
    struct store_world w;
    long at = 1;

    (void)state;
    begin(&w, 1);
    for (int r = GF_E_DISK_FULL; r != 0; at++) {
        assert_true(at < OPERATIONS_MAX);
        store_vfs_fail(at, SQLITE_FULL, true);
        r = save(&w, 3);
        store_vfs_fail(0, 0, false);
        assert_true(r == 0 || r == GF_E_DISK_FULL);
        check(&w);
    }
    assert_true(at > 3);
    reopen(&w);
    store_world_remove(&w);
}

/* Killed before each operation of a change: what the next program counts is what is there. */
static void a_kill(void **state)
{
    struct store_world w;
    int status = -1;
    long at = 1;

    (void)state;
    begin(&w, 2);
    for (; status != 0; at++) {
        assert_true(at < OPERATIONS_MAX);
        store_world_close(&w);
        pid_t child = fork();

        if (child == 0) {
            int r = store_world_reopen(&w, NULL);

            if (r == 0)
                check(&w);
            store_vfs_fail(at, STORE_VFS_KILL, false);
            r = r == 0 ? judge(&w, 2, sync_VerdictKind_CONFLICT) : r;
            _exit(r == 0 ? save(&w, 5) : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
        reopen(&w);
    }
    assert_true(at > 3);
    store_world_remove(&w);
}

static int install(void **state)
{
    (void)state;
    store_vfs_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_and_verdicts),
        cmocka_unit_test(answers),
        cmocka_unit_test(a_record_deleted_behind_its_back),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(a_kill),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, install, NULL);
}
