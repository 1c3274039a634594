#ifndef GF_TESTS_AID_FIELD_LINK_SCENE_H
#define GF_TESTS_AID_FIELD_LINK_SCENE_H
/*
 * A meter link of field/ on a field_world: each operation comes to exactly one end.
 */
#include <string.h>

#include "field/meter_link.h"
#include "tests/aid/field_world.h"

struct scene {
    struct field_world *w;
    struct meter_link *ml;
    unsigned ends;              /* of operations */
    int code;                   /* of the last one */
    bool has_answer;
    gasm_Response answer;
    struct gf_fail why;
    int most_attempts;
    bool again;                 /* the end starts another operation */
};

static inline void on_ended(void *ctx, int code, const gasm_Response *answer, const struct gf_fail *why)
{
    struct scene *s = ctx;

    s->ends++;
    s->code = code;
    s->why = *why;
    s->has_answer = answer != NULL;
    if (answer != NULL)
        s->answer = *answer;
    if (s->again) {
        s->again = false;
        assert_int_equal(meter_link_connect(s->ml), 0);
    }
}

static inline void begin(struct scene *s, uint64_t seed)
{
    static const uint8_t run_id[GF_UUID_LEN] = "a run of a test";
    struct ml_events events = {s, on_ended, NULL};

    *s = (struct scene){.w = field_world_new(seed)};
    s->ml = meter_link_new(&s->w->ports, &ml_limits_usual, &events);
    assert_non_null(s->ml);
    assert_int_equal(meter_link_aim(s->ml, AID_METER_ID, FIELD_LABEL_ADDRESS, run_id), 0);
}

static inline void end(struct scene *s)
{
    s->ml = meter_link_free(s->ml);
    assert_null(s->w->link.events);
    field_world_free(s->w);
}

static inline void turn(struct scene *s)
{
    int ms;

    field_world_step(s->w);
    ms = meter_link_tick(s->ml);
    assert_in_range(ms, 0, 1000);
    if (ml_attempt(s->ml) > s->most_attempts)
        s->most_attempts = ml_attempt(s->ml);
}

static inline void pass(struct scene *s, int64_t ms)
{
    for (; ms > 0; ms -= 10)
        turn(s);
}

/* Until the operation that is under way has ended; then a little more, in which it must not end
 * again. */
static inline int await(struct scene *s)
{
    unsigned seen = s->ends;
    int64_t from = s->w->meter->mono_ms;

    s->most_attempts = 0;
    while (s->ends == seen) {
        turn(s);
        assert_true(s->w->meter->mono_ms - from <= ml_limits_usual.whole_ms + 5000);
    }
    for (int i = 0; i < 20; i++)
        turn(s);
    assert_int_equal(s->ends, seen + 1);
    assert_int_equal(s->why.code, s->code);
    return s->code;
}

static inline struct ticket_row ticket_of(uint32_t epoch, uint64_t serial)
{
    gasm_Ticket ticket = aid_world_ticket(epoch, serial);
    struct aid_pass p = aid_world_pass_of(&ticket);
    struct ticket_row row = {
        .ticket_len = p.ticket_n, .epoch = epoch, .not_after_s = ticket.not_after_s};

    memcpy(row.ticket, p.ticket, p.ticket_n);
    memcpy(row.key, p.key, sizeof row.key);
    return row;
}

static inline int open_with(struct scene *s, uint64_t serial)
{
    struct ticket_row row = ticket_of(0, serial);

    assert_int_equal(meter_link_open(s->ml, &row), 0);
    return await(s);
}

/* A change of the meter: gives it its key. */
static inline gasm_Request change(void)
{
    gasm_Request r = {.command = gasm_Command_INSTALL_KEY, .op_id = {GF_UUID_LEN, "one operation"},
                      .which_body = gasm_Request_install_key_tag};

    r.body.install_key.envelope.size = (pb_size_t)aid_world_envelope(
        1, 0, r.body.install_key.envelope.bytes);
    return r;
}

static inline int ask(struct scene *s, bool once)
{
    gasm_Request r = change();

    assert_int_equal(meter_link_ask(s->ml, &r, once), 0);
    return await(s);
}

static inline uint64_t receipts(const struct scene *s)
{
    return s->w->meter->meter->core.receipt_seq;
}

#endif
