#ifndef GF_TESTS_AID_FIELD_SCENE_H
#define GF_TESTS_AID_FIELD_SCENE_H
/*
 * One opening on a field_world, played until it rests, and what a test looks at then.
 */
#include "tests/aid/field_drive.h"

static const struct field_operator careful = {.meter_id = NULL};

struct scene {
    struct field_world *w;
    struct field_program p;
};

static inline struct scene scene_new(uint64_t seed)
{
    return (struct scene){.w = field_world_new(seed)};
}

static inline void scene_end(struct scene *s)
{
    drive_end(&s->p);
    field_world_free(s->w);
}

/* Start, and go on until it rests. */
static inline enum run_phase play(struct scene *s, const struct field_operator *who)
{
    assert_int_equal(drive_start(&s->p, s->w, who), 0);
    return drive(&s->p);
}

static inline const struct run_view *view(struct scene *s)
{
    return run_view(s->p.run);
}

static inline void assert_stopped(struct scene *s, const char *step, int code, const char *says)
{
    const struct run_view *v = view(s);

    assert_int_equal(v->phase, RUN_STOPPED);
    assert_string_equal(v->steps[v->now].id, step);
    assert_int_equal(v->steps[v->now].mark, MARK_FAILED);
    assert_int_equal(v->fail.code, code);
    assert_string_equal(v->fail.where, step);
    if (strstr(v->fail.detail, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", v->fail.detail, says);
    assert_true(v->can_retry);
    assert_true(v->can_cancel);
}

/* Try again what stopped: it comes to a good end. */
static inline void retry_to_the_end(struct scene *s)
{
    assert_int_equal(run_retry(s->p.run), 0);
    assert_int_equal(drive(&s->p), RUN_FINISHED);
    field_world_check(s->w);
}

static inline bool has_line(const struct run_view *v, const char *name, const char *value)
{
    for (size_t i = 0; i < v->n_lines; i++)
        if (strcmp(v->lines[i].name, name) == 0 && strcmp(v->lines[i].value, value) == 0)
            return true;
    return false;
}

#endif
