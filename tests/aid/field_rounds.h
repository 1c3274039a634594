#ifndef GF_TESTS_AID_FIELD_ROUNDS_H
#define GF_TESTS_AID_FIELD_ROUNDS_H
/*
 * Synchronisation alone on a field_world: records to send, rounds, and changes to fetch.
 */
#include "tests/aid/field_drive.h"

struct scene {
    struct field_world *w;
    struct sync *sync;
    struct run_row run;
    uint32_t made;
};

static inline void begin(struct scene *s, uint64_t seed)
{
    *s = (struct scene){.w = field_world_new(seed)};
    s->sync = sync_new(&s->w->ports);
    assert_non_null(s->sync);
    s->run = (struct run_row){
        .id = "a run of a test", .procedure = "account-opening", .state = RUN_ACTIVE};
}

static inline void end(struct scene *s)
{
    s->sync = sync_free(s->sync);
    field_world_free(s->w);
}

/* n more records, each with a payload of `len` bytes. */
static inline void make_records(struct scene *s, unsigned n, size_t len)
{
    uint8_t payload[640];

    for (unsigned i = 0; i < n; i++) {
        struct step_row step = {.step = "test", .attempt = ++s->made, .state = STEP_DONE};
        struct outbox_new item = {.kind = sync_ItemKind_STEP_RECORD,
                                  .made_at_ms = s->w->meter->utc_ms,
                                  .payload = payload,
                                  .payload_len = len};

        memset(payload, (int)s->made, sizeof payload);
        memcpy(step.run_id, s->run.id, sizeof step.run_id);
        item.id[0] = (uint8_t)(s->made >> 8);
        item.id[1] = (uint8_t)s->made;
        assert_int_equal(s->w->store->port.step_save(s->w->store, &step, &s->run, NULL, &item, 1),
                         0);
    }
}

static inline void turn(struct scene *s)
{
    int ms;

    field_world_step(s->w);
    ms = sync_tick(s->sync);
    assert_in_range(ms, 0, 1000);
}

/* A round now, to its end. */
static inline const struct sync_view *round_now(struct scene *s)
{
    sync_now(s->sync);
    for (int i = 0; sync_rounds_ended(s->sync) < sync_round_wanted(s->sync); i++) {
        assert_true(i < 100000);
        turn(s);
    }
    return sync_view(s->sync);
}

/* Time until a further round has ended by itself. */
static inline int64_t until_next_round(struct scene *s, int64_t bound_ms)
{
    uint64_t ended = sync_rounds_ended(s->sync);
    int64_t from = s->w->meter->mono_ms;

    while (sync_rounds_ended(s->sync) == ended) {
        turn(s);
        if (s->w->meter->mono_ms - from > bound_ms)
            return -1;
    }
    return s->w->meter->mono_ms - from;
}

static inline sync_Down job_change(uint32_t n)
{
    sync_Down d = {
        .which_body = sync_Down_job_tag,
        .body.job = {.kind = "account-opening", .state = "assigned", .meter_id = AID_METER_ID}};

    d.body.job.id[0] = (uint8_t)(0xE0 + n);
    snprintf(d.body.job.number, sizeof d.body.job.number, "J-9%03u", n);
    return d;
}

#endif
