/* test_db_faults.c - the laptop's store under a full disk, failing disks, kill -9 and power cuts,
 * at every place. */
#include "db/db.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/text.h"
#include "tests/aid/proc.h"
#include "tests/aid/store_vfs.h"
#include "tests/aid/store_world.h"

#define STEPS 4         /* of one life; each has two records */

/* Faults go to every third place of a life, another third for each test; to every place with
 * TEST_ALL. */
static long stride(void)
{
    return getenv("TEST_ALL") != NULL ? 1 : 3;
}

/* ---- a life, and what must hold after any end of it ---- */

/* Step n: planned, then done with records 2n - 1 and 2n, the run at next step n, the job in state
 * "step-n". What failed, or 0. */
static int one_step(struct store_world *w, uint32_t n)
{
    struct run_row run = store_run(1);
    struct step_row step = store_step(1, "work", n);
    char payload[2][32], name[16];
    struct outbox_new items[2] = {store_record(2 * n - 1, payload[0]),
                                  store_record(2 * n, payload[1])};
    int r;

    (void)snprintf(name, sizeof name, "step-%u", n);
    run.next_step = n - 1;
    r = w->port->step_save(w->port->ctx, &step, &run, NULL, NULL, 0);
    if (r != 0)
        return r;
    step.state = STEP_DONE;
    step.finished_at_ms = STORE_UTC_MS;
    memset(step.result, (int)n, step.result_len = sizeof step.result);
    run.next_step = n;
    return w->port->step_save(w->port->ctx, &step, &run, name, items, 2);
}

/* The job is there, and its run is open. */
static int start(struct store_world *w)
{
    sync_Job job = store_job(1);
    struct run_row run = store_run(1), got;
    int r = w->port->job(w->port->ctx, job.number, &job);

    if (r == GF_E_NO_JOB)
        r = store_apply_job(w->port, &job);
    if (r == 0)
        r = w->port->run_open(w->port->ctx, &run, &got);
    return r < 0 ? r : 0;
}

/* How many steps are whole. Proves that step, run, job and records say the same, and that the chain
 * is whole. */
static uint32_t steps_whole(struct store_world *w)
{
    struct run_row fresh = store_run(1), run;
    struct step_row step;
    sync_Job job;
    char name[16];
    uint64_t records = store_check_chain(w->port);
    uint32_t n = (uint32_t)(records / 2);

    assert_int_equal(records % 2, 0);
    if (w->port->job(w->port->ctx, "J-0001", &job) == GF_E_NO_JOB) {
        assert_int_equal(n, 0);
        return 0;
    }
    (void)snprintf(name, sizeof name, n > 0 ? "step-%u" : "assigned", n);
    assert_string_equal(job.state, name);
    int there = w->port->step_last(w->port->ctx, fresh.id, "work", &step);
    assert_true(there >= 0);
    if (there == 0) {
        assert_int_equal(n, 0);
        return 0;
    }
    assert_true(step.attempt == n + 1 || (step.attempt == n && step.state == STEP_DONE));
    assert_int_equal(step.state == STEP_DONE, step.attempt == n);
    assert_int_equal(step.result_len, step.state == STEP_DONE ? sizeof step.result : 0);
    assert_int_equal(w->port->run_open(w->port->ctx, &fresh, &run), 1);
    assert_int_equal(run.next_step, n);
    return n;
}

/* Open, start, STEPS steps, close: the first failure, or 0. *ret_done counts whole steps that were
 * promised. */
static int life(struct store_world *w, uint32_t *ret_done)
{
    int r = w->db == NULL ? store_world_reopen(w, NULL) : 0;

    *ret_done = 0;
    if (r == 0)
        r = start(w);
    for (uint32_t n = 1; n <= STEPS && r == 0; n++) {
        r = one_step(w, n);
        if (r == 0) {
            *ret_done = n;
            store_vfs_note(n);
        }
    }
    store_world_close(w);
    return r;
}

static void reopen_and_finish(struct store_world *w, uint32_t promised)
{
    struct gf_fail why = {0};

    if (store_world_reopen(w, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
    uint32_t n = steps_whole(w);
    assert_true(n >= promised);
    assert_int_equal(start(w), 0);
    while (n < STEPS)
        assert_int_equal(one_step(w, ++n), 0);
    assert_int_equal(steps_whole(w), STEPS);
    store_world_remove(w);
}

static long operations_of_a_life(void)
{
    struct store_world w;
    uint32_t done;

    store_world_prepare(&w);
    store_vfs_fail(0, 0, false);
    assert_int_equal(life(&w, &done), 0);
    assert_int_equal(done, STEPS);
    long n = store_vfs_count();
    store_world_remove(&w);
    return n;
}

static int install(void **state)
{
    (void)state;
    store_vfs_install();
    return 0;
}

static int uninstall(void **state)
{
    (void)state;
    store_vfs_remove();
    return 0;
}

/* ---- errors ---- */

/* Every operation of a life finds the disk full, and it stays so until the program has been told.
 * Nothing is half-done, and the same life goes on as soon as there is room. */
static void a_full_disk_at_every_operation(void **state)
{
    long total = operations_of_a_life();

    (void)state;
    assert_true(total > 40);
    for (long at = 1; at <= total; at += stride()) {
        struct store_world w;
        uint32_t done;

        store_world_prepare(&w);
        store_vfs_fail(at, SQLITE_FULL, true);
        int r = life(&w, &done);
        /* the last operations are those of closing, which nobody is told of */
        if (r != GF_E_DISK_FULL && !(r == 0 && done == STEPS))
            fail_msg("operation %ld of %ld: %d", at, total, r);
        store_vfs_fail(0, 0, false);
        reopen_and_finish(&w, done);
    }
}

/* The same while the program stays: the step that failed is saved again in the same store. */
static void after_a_full_disk_the_open_store_goes_on(void **state)
{
    (void)state;
    for (long at = 1; at <= 60; at += stride()) {
        struct store_world w;
        uint32_t n = 0;
        bool failed = false;

        store_world_make(&w);
        assert_int_equal(start(&w), 0);
        store_vfs_fail(at, SQLITE_FULL, true);
        while (n < STEPS) {
            int r = one_step(&w, n + 1);

            if (r == 0) {
                n++;
                continue;
            }
            assert_int_equal(r, GF_E_DISK_FULL);
            assert_false(failed);
            failed = true;
            store_vfs_fail(0, 0, false);
            assert_int_equal(steps_whole(&w), n);
        }
        assert_int_equal(steps_whole(&w), STEPS);
        store_vfs_fail(0, 0, false);
        reopen_and_finish(&w, STEPS);
    }
}

/* A disk that fails in other ways: told, no promise broken, no further writing before the store was
 * opened again. */
static void a_failing_disk_at_every_operation(void **state)
{
    static const int codes[] = {SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
    long total = operations_of_a_life();

    (void)state;
    for (size_t c = 0; c < 2; c++) {
        for (long at = 1 + (long)c; at <= total; at += stride()) {
            struct store_world w;
            uint32_t done;

            store_world_prepare(&w);
            store_vfs_fail(at, codes[c], false);
            int r = life(&w, &done);
            if (r != GF_E_STORE && !(r == 0 && done == STEPS))
                fail_msg("operation %ld of %ld: %d", at, total, r);
            store_vfs_fail(0, 0, false);
            reopen_and_finish(&w, done);
        }
    }
}

static void after_a_failed_write_the_store_has_to_be_opened_again(void **state)
{
    struct store_world w;

    (void)state;
    store_world_make(&w);
    assert_int_equal(start(&w), 0);
    assert_int_equal(one_step(&w, 1), 0);
    store_vfs_fail(1, SQLITE_IOERR_FSYNC, true);
    while (one_step(&w, 2) == 0)
        fail_msg("a failed write was not told");
    store_vfs_fail(0, 0, false);
    assert_int_equal(one_step(&w, 2), GF_E_STORE);
    assert_int_equal(db_setting_put(w.db, "a", "b"), GF_E_STORE);
    assert_int_equal(w.port->changes_begin(w.port->ctx), GF_E_STORE);
    assert_int_equal(steps_whole(&w), 1);       /* reading goes on */
    reopen_and_finish(&w, 1);
}

/* A full disk inside a transaction of changes: the answer is rolled back, later parts of it are
 * refused. */
static void a_full_disk_inside_an_answer(void **state)
{
    struct store_world w;
    sync_Down change = sync_Down_init_zero;
    sync_Job got;
    int r;

    (void)state;
    change.which_body = sync_Down_job_tag;
    for (long at = 1; at <= 40; at += stride()) {
        store_world_make(&w);
        assert_int_equal(store_apply_job(w.port, &(sync_Job){.number = "J-9999"}), 0);
        store_vfs_fail(at, SQLITE_FULL, true);
        assert_int_equal(w.port->changes_begin(w.port->ctx), 0);
        for (uint32_t i = 1; i <= 8; i++) {
            change.body.job = store_job(i);
            (void)w.port->changes_apply(w.port->ctx, &change);
        }
        r = w.port->changes_end(w.port->ctx, true);
        assert_int_equal(r, store_vfs_count() < at ? 0 : GF_E_DISK_FULL);
        store_vfs_fail(0, 0, false);
        for (uint32_t i = 1; i <= 8; i++) {
            char number[16];

            (void)snprintf(number, sizeof number, "J-%04u", i);
            assert_int_equal(w.port->job(w.port->ctx, number, &got), r == 0 ? 0 : GF_E_NO_JOB);
        }
        assert_int_equal(store_apply_job(w.port, &change.body.job), 0);
        store_world_remove(&w);
    }
}

/* A limit of the kernel instead of ours: EFBIG, which SQLite does not call "full". */
static void a_file_that_may_not_grow_is_a_full_disk(void **state)
{
    struct store_world w;
    int status;

    (void)state;
    store_world_make(&w);
    assert_int_equal(start(&w), 0);
    store_world_close(&w);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {200 * 1024, 200 * 1024};
        uint32_t n = 0;
        int r;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (store_world_reopen(&w, NULL) != 0 || setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(1);
        while ((r = one_step(&w, n + 1)) == 0)
            n++;
        _exit(r == GF_E_DISK_FULL && n > 0 && steps_whole(&w) == n ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    assert_true(steps_whole(&w) > 0);
    store_world_close(&w);
}

/* ---- ends ---- */

/* kill -9 before every operation of a life. What was promised through the pipe is there. */
static void killed_before_every_operation(void **state)
{
    long total = operations_of_a_life();

    (void)state;
    for (long at = 1; at <= total; at += stride()) {
        struct store_world w;
        int promises[2], status;
        uint32_t promised = 0;
        char byte;

        store_world_prepare(&w);
        assert_int_equal(pipe(promises), 0);
        pid_t child = fork();
        if (child == 0) {
            store_vfs_fail(at, STORE_VFS_KILL, false);
            if (store_world_reopen(&w, NULL) == 0 && start(&w) == 0)
                for (uint32_t n = 1; n <= STEPS && one_step(&w, n) == 0; n++)
                    (void)!write(promises[1], "+", 1);
            store_world_close(&w);
            _exit(3);
        }
        (void)close(promises[1]);
        while (read(promises[0], &byte, 1) == 1)
            promised++;
        (void)close(promises[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        reopen_and_finish(&w, promised);
    }
}

/* Killed again while it recovers from being killed. */
static void killed_while_recovering(void **state)
{
    int status;

    (void)state;
    for (long at = 1;; at += stride()) {
        struct store_world w;

        store_world_make(&w);
        store_world_close(&w);
        for (int life_no = 0; life_no < 2; life_no++) {
            pid_t child = fork();

            if (child == 0) {
                if (life_no == 1)
                    store_vfs_fail(at, STORE_VFS_KILL, false);
                if (store_world_reopen(&w, NULL) != 0 || start(&w) != 0)
                    _exit(1);
                if (life_no == 1)
                    _exit(3);
                for (uint32_t n = 1; n <= 3; n++)
                    if (one_step(&w, n) != 0)
                        _exit(2);
                (void)raise(SIGKILL);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFSIGNALED(status) || (life_no == 1 && WEXITSTATUS(status) == 3));
        }
        reopen_and_finish(&w, 3);
        if (!WIFSIGNALED(status))
            break;
    }
}

/* Power cut before every operation of two lives, one after the other, with what the disk then may
 * hold. */
static void power_cut_before_every_operation(void **state)
{
    struct store_world w, after;
    uint32_t done;
    unsigned seeds = getenv("TEST_ALL") != NULL ? 20 : 2;

    (void)state;
    store_world_prepare(&w);
    store_world_make(&after);
    store_world_close(&after);
    store_vfs_record(true);
    assert_int_equal(life(&w, &done), 0);
    assert_int_equal(store_world_reopen(&w, NULL), 0);
    for (uint32_t n = STEPS + 1; n <= STEPS + 3; n++) {
        assert_int_equal(one_step(&w, n), 0);
        store_vfs_note(n);
    }
    store_world_close(&w);

    size_t total = store_vfs_recorded();
    assert_true(total > 80);
    for (size_t cut = 0; cut <= total; cut += (size_t)stride()) {
        for (unsigned seed = 1; seed <= seeds; seed++) {
            struct gf_fail why = {0};
            long promised = store_vfs_replay(cut, cut * 1000 + seed, after.folder);

            if (store_world_reopen(&after, &why) != 0)
                fail_msg("cut %zu, seed %u: %d %s: %s", cut, seed, why.code, why.where, why.detail);
            uint32_t n = steps_whole(&after);
            if (n < (uint32_t)promised)
                fail_msg("cut %zu, seed %u: %u steps, %ld promised", cut, seed, n, promised);
            store_world_close(&after);
        }
    }
    store_world_remove(&after);
    store_world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_disk_at_every_operation),
        cmocka_unit_test(after_a_full_disk_the_open_store_goes_on),
        cmocka_unit_test(a_failing_disk_at_every_operation),
        cmocka_unit_test(after_a_failed_write_the_store_has_to_be_opened_again),
        cmocka_unit_test(a_full_disk_inside_an_answer),
        cmocka_unit_test(a_file_that_may_not_grow_is_a_full_disk),
        cmocka_unit_test(killed_before_every_operation),
        cmocka_unit_test(killed_while_recovering),
        cmocka_unit_test(power_cut_before_every_operation),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, install, uninstall);
}
