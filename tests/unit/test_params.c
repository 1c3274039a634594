/* test_params.c - the parameter table, and setting parameters whole or not at all. */
#include "meter-core/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"

static void test_table(void **state)
{
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    (void)state;
    assert_int_equal(n, MC_PARAM_COUNT);
    assert_true(n <= sizeof ((gasm_Parameters *)0)->parameters / sizeof(gasm_Parameter));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rows[i].id, i + 1);
        assert_ptr_equal(mc_param_row(rows[i].id), &rows[i]);
        assert_true(rows[i].min < rows[i].max);
        assert_in_range(rows[i].def + 100000, rows[i].min + 100000, rows[i].max + 100000);
#ifndef MC_WITHOUT_TEXTS
        assert_true(strlen(rows[i].unit) > 0 && strlen(rows[i].what) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[k].text, rows[i].text);
#endif
    }
    assert_null(mc_param_row(0));
    assert_null(mc_param_row((uint32_t)n + 1));
    assert_null(mc_param_row(UINT32_MAX));
}

/* A session of a technician with a meter that was purged. */
static struct aid_world *ready(void)
{
    struct aid_world *w = aid_world_new(31, 1);
    struct aid_story s = aid_story_of(w);
    gasm_Ticket t = aid_world_ticket(1, 2);
    struct aid_pass pass = aid_world_pass_of(&t);

    aid_story_steps(&s, AID_INSTALL_KEY, AID_PURGE);
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), 0);
    return w;
}

static gasm_Request set_request(const struct aid_world *w, uint32_t op)
{
    gasm_Request r = aid_request(w, gasm_Command_SET_PARAMETERS, op);

    r.which_body = gasm_Request_set_parameters_tag;
    return r;
}

static void add(gasm_Request *r, uint32_t id, int64_t value)
{
    gasm_SetParameters *set = &r->body.set_parameters;

    set->parameters[set->parameters_count++] = (gasm_Parameter){.id = id, .value = value};
}

static gasm_Refusal send(struct aid_world *w, const gasm_Request *r)
{
    assert_int_equal(aid_world_ask(w, r), 0);
    return w->answer.result;
}

static void read_all(struct aid_world *w, int64_t ret[static MC_PARAM_COUNT])
{
    gasm_Request r = aid_request(w, gasm_Command_GET_PARAMETERS, 0);

    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_equal(w->answer.body.parameters.parameters_count, MC_PARAM_COUNT);
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++) {
        assert_int_equal(w->answer.body.parameters.parameters[id - 1].id, id);
        ret[id - 1] = w->answer.body.parameters.parameters[id - 1].value;
    }
}

static void test_defaults(void **state)
{
    struct aid_world *w = ready();
    int64_t now[MC_PARAM_COUNT];

    (void)state;
    read_all(w, now);
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++)
        assert_int_equal(now[id - 1], mc_param_row(id)->def);
    aid_world_free(w);
}

/* Each parameter at both ends of its range and one beyond: alone, and as the last of a good
 * list. */
static void test_ranges(void **state)
{
    struct aid_world *w = ready();
    uint32_t op = 1000;

    (void)state;
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++) {
        const struct mc_param_row *row = mc_param_row(id);
        const struct {
            int64_t value;
            bool good;
        } cases[] = {{row->min, true},      {row->max, true},
                     {row->min - 1LL, false}, {row->max + 1LL, false},
                     {INT64_MIN, false},    {INT64_MAX, false}};

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            gasm_Request r = set_request(w, op++);
            int64_t before[MC_PARAM_COUNT], after[MC_PARAM_COUNT];
            bool list = id > 1 && i % 2 == 0;

            if (list)
                add(&r, 1, mc_param_row(1)->min + (int64_t)op % 50);
            add(&r, id, cases[i].value);
            read_all(w, before);
            assert_int_equal(send(w, &r), cases[i].good ? gasm_Refusal_OK : gasm_Refusal_RANGE);
            if (!cases[i].good)
                assert_int_equal(w->answer.place, id);
            read_all(w, after);
            if (cases[i].good)
                assert_int_equal(after[id - 1], cases[i].value);
            else
                assert_memory_equal(before, after, sizeof before);      /* nothing half-applied */
        }
    }
    aid_world_free(w);
}

static void test_lists(void **state)
{
    struct aid_world *w = ready();
    gasm_Request r = set_request(w, 300);

    (void)state;
    assert_int_equal(send(w, &r), gasm_Refusal_RANGE);      /* nothing to set */
    assert_int_equal(w->meter->core.params_were_set, 0);
    add(&r, MC_PARAM_END, 1);
    assert_int_equal(send(w, &r), gasm_Refusal_RANGE);      /* no such parameter */
    assert_int_equal(w->answer.place, MC_PARAM_END);
    r = set_request(w, 300);
    add(&r, 7, 1);
    add(&r, 8, 2);
    add(&r, 7, 3);
    assert_int_equal(send(w, &r), gasm_Refusal_RANGE);      /* named twice */
    assert_int_equal(w->answer.place, 7);
    r = set_request(w, 300);
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++)
        add(&r, id, mc_param_row(id)->max);
    assert_int_equal(send(w, &r), gasm_Refusal_OK);
    assert_int_equal(aid_world_restart(w), 0);
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++)
        assert_int_equal(w->meter->core.params[id - 1], mc_param_row(id)->max);
    assert_int_equal(w->meter->core.params_were_set, 1);
    aid_world_free(w);
}

/* No parameter moves the valve. */
static void test_valve_rests(void **state)
{
    struct aid_world *w = ready();
    uint32_t orders = w->valve.opened + w->valve.shut, op = 300;

    (void)state;
    for (uint32_t id = 1; id <= MC_PARAM_COUNT; id++)
        for (int i = 0; i < 2; i++) {
            gasm_Request r = set_request(w, op++);

            add(&r, id, i == 0 ? mc_param_row(id)->min : mc_param_row(id)->max);
            assert_int_equal(send(w, &r), gasm_Refusal_OK);
            aid_world_pass(w, 100);
        }
    assert_int_equal(w->valve.opened + w->valve.shut, orders);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_SHUT);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),       cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_valve_rests),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
