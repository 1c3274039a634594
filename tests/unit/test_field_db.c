/* test_field_db.c - account opening on the laptop's real store, killed around its writes. */
#include <stdlib.h>

#include "tests/aid/field_drive.h"
#include "tests/aid/store_world.h"

static const struct field_operator careful = {.meter_id = NULL};

/* Between the work and the store: dies before or after the save with the fate's number. */
static struct {
    const struct store_port *real;
    struct field_fate *fate;
} between;

static int step_save(void *ctx, const struct step_row *step, const struct run_row *run,
                     const char *job_state, const struct outbox_new *items, size_t n_items)
{
    struct field_fate *f = between.fate;
    int code;

    if (f->dead)
        return GF_E_STORE;
    if (++f->saves == f->before_save) {
        f->dead = true;
        return GF_E_STORE;
    }
    code = between.real->step_save(ctx, step, run, job_state, items, n_items);
    assert_int_equal(code, 0);
    f->dead = f->saves == f->after_save;
    return f->dead ? GF_E_STORE : 0;
}

struct scene {
    struct field_world *w;
    struct store_world store;
    struct store_port port;
    struct field_program p;
};

static void use_store(struct scene *s)
{
    between.real = s->store.port;
    between.fate = &s->w->fate;
    s->port = *s->store.port;
    s->port.step_save = step_save;
    s->w->ports.store = &s->port;
}

/* All that the world's own store holds at the start goes into the real one, as synchronisation brings it. */
static void begin(struct scene *s, uint64_t seed)
{
    const struct field_store_data *d;
    sync_Down change = {.which_body = sync_Down_job_tag};

    *s = (struct scene){.w = field_world_new(seed)};
    store_world_make(&s->store);
    d = &s->w->store->data;
    change.body.job = d->jobs[0];
    assert_int_equal(store_apply(s->store.port, &change), 0);
    change = (sync_Down){.which_body = sync_Down_meter_tag, .body.meter = d->meters[0]};
    assert_int_equal(store_apply(s->store.port, &change), 0);
    for (size_t i = 0; i < d->n_tickets; i++) {
        change = (sync_Down){.which_body = sync_Down_ticket_tag, .body.ticket = d->tickets[i]};
        assert_int_equal(store_apply(s->store.port, &change), 0);
    }
    change = (sync_Down){.which_body = sync_Down_key_tag, .body.key = d->keys[0]};
    assert_int_equal(store_apply(s->store.port, &change), 0);
    use_store(s);
}

/* The program and its store are gone; the next one opens the database anew. */
static void die(struct scene *s)
{
    struct gf_fail why = {0};

    drive_end(&s->p);
    assert_int_equal(store_world_reopen(&s->store, &why), 0);
    use_store(s);
}

static void check(struct scene *s)
{
    const struct mc_core *core = &s->w->meter->meter->core;
    uint8_t prev[32] = {0};
    struct outbox_counts counts;
    sync_Job job;

    assert_int_equal(core->life, gasm_LifeState_IN_SERVICE);
    for (uint64_t seq = 1; seq <= core->receipt_seq; seq++)
        field_world_check_receipt(s->w, seq, prev);
    assert_int_equal(s->port.outbox_counts(s->port.ctx, &counts), 0);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.refused, 0);
    assert_int_equal(store_check_chain(&s->port), counts.last_seq);
    assert_int_equal(s->port.job(s->port.ctx, FIELD_JOB, &job), 0);
    assert_string_equal(job.state, "done");
}

static void end(struct scene *s)
{
    drive_end(&s->p);
    store_world_close(&s->store);
    field_world_free(s->w);
}

static void opens_an_account(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 1);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_string_equal(s.p.last_text, "certificate CERT-1");
    check(&s);
    end(&s);
}

/* False: it came to its end before it could die. */
static bool killed(uint64_t n, bool before)
{
    struct scene s;
    bool died;

    begin(&s, 100 + n);
    *(before ? &s.w->fate.before_save : &s.w->fate.after_save) = n;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    (void)drive(&s.p);
    died = s.w->fate.dead;
    if (died) {
        die(&s);
        if (drive_start(&s.p, s.w, &careful) == 0)
            assert_int_equal(drive(&s.p), RUN_FINISHED);
        check(&s);
    }
    end(&s);
    return died;
}

static void killed_around_its_writes(void **state)
{
    uint64_t step = getenv("TEST_ALL") != NULL ? 1 : 5, n = 1;

    (void)state;
    while (killed(n, n % 2 == 0) && (step > 1 || killed(n, n % 2 != 0)))
        n += step;
    assert_in_range(n, 25, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_an_account),
        cmocka_unit_test(killed_around_its_writes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
