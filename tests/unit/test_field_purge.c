/* test_field_purge.c - the purge: how each grant ends, who is asked again, and that no litre is
 * lost or counted twice. */
#include <stdlib.h>

#include "tests/aid/field_drive.h"

static const struct field_operator careful = {.meter_id = NULL};

struct scene {
    struct field_world *w;
    struct field_program p;
};

/* limit_s: of a grant, as the job says. */
static void begin_with(struct scene *s, uint64_t seed, uint32_t limit_s,
                       const struct field_operator *who)
{
    s->w = field_world_new(seed);
    s->w->store->data.jobs[0].purge_limit_s = limit_s;
    assert_int_equal(drive_start(&s->p, s->w, who), 0);
}

static void begin(struct scene *s, uint64_t seed, const struct field_operator *who)
{
    begin_with(s, seed, 60, who);
}

static const struct run_view *view(struct scene *s)
{
    return run_view(s->p.run);
}

static void until_it_flows(struct scene *s)
{
    for (int i = 0; i < 100000; i++) {
        drive_turn(&s->p);
        if (view(s)->purge.running && view(s)->purge.litres > 0)
            return;
    }
    fail_msg("no gas flows");
}

static void finish(struct scene *s)
{
    assert_int_equal(drive(&s->p), RUN_FINISHED);
    field_world_check(s->w);
    drive_end(&s->p);
    field_world_free(s->w);
}

/* The ends of all grants, in order, from the receipts at head office. */
static size_t ends(struct field_world *w, gasm_PurgeEnd *ret, size_t cap)
{
    const struct field_item *it;
    size_t n = 0;

    for (size_t i = 0; (it = field_office_item(w->office, sync_ItemKind_RECEIPT, i)) != NULL; i++) {
        gasm_Receipt r;

        assert_int_equal(
            mc_receipt_peek((struct gf_span){it->item.receipt.bytes, it->item.receipt.size}, &r),
            0);
        if (r.command == gasm_Command_PURGE_STOP && n < cap)
            ret[n++] = r.purge_end;
    }
    return n;
}

static void assert_ends(struct field_world *w, gasm_PurgeEnd first, gasm_PurgeEnd second)
{
    gasm_PurgeEnd got[8];

    assert_int_equal(ends(w, got, 8), 2);
    assert_int_equal(got[0], first);
    assert_int_equal(got[1], second);
}

static void stopped_by_the_operator(void **state)
{
    const struct field_operator who = {.stop_at_l = 4};
    struct scene s;
    gasm_PurgeEnd got[8];

    (void)state;
    begin(&s, 1, &who);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(ends(s.w, got, 8), 1);
    assert_int_equal(got[0], gasm_PurgeEnd_PURGE_STOPPED);
    assert_in_range(s.w->meter->meter->core.totals.purged_l, 4, 9);
    finish(&s);
}

static void shows_litres_and_seconds(void **state)
{
    struct scene s;
    uint32_t litres = 0, seconds = 0;
    unsigned grew = 0;

    (void)state;
    begin(&s, 2, &careful);
    s.w->meter->flow_l_per_h = 1200;
    until_it_flows(&s);
    while (view(&s)->purge.running) {
        assert_int_equal(view(&s)->purge.granted_l, 10);
        assert_int_equal(view(&s)->purge.granted_s, 60);
        assert_true(view(&s)->purge.litres >= litres && view(&s)->purge.seconds >= seconds);
        grew += view(&s)->purge.litres > litres;
        litres = view(&s)->purge.litres;
        seconds = view(&s)->purge.seconds;
        assert_in_range(view(&s)->purge.confirm_in_ms, 1, 30000);
        drive_turn(&s.p);
    }
    assert_in_range(litres, 8, 10);
    assert_in_range(seconds, 20, 35);
    assert_true(grew >= 5);
    finish(&s);
}

/* A slow purge lasts as long as somebody confirms, far beyond 30 s. */
static void presence_keeps_it_open(void **state)
{
    struct scene s;
    gasm_PurgeEnd got[8];

    (void)state;
    begin_with(&s, 3, 120, &careful);
    s.w->meter->flow_l_per_h = 360;
    drive_to(&s.p, "zero-clear", RUN_WORK);
    assert_int_equal(s.w->meter->valve.opened, 1);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(ends(s.w, got, 8), 1);
    assert_int_equal(got[0], gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void nobody_is_there(void **state)
{
    const struct field_operator asleep = {.absent = true};
    struct scene s;
    int64_t began;

    (void)state;
    begin(&s, 4, &asleep);
    s.w->meter->flow_l_per_h = 360;
    until_it_flows(&s);
    began = s.w->meter->mono_ms;
    while (view(&s)->purge.running) {
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_in_range(s.w->meter->mono_ms - began, 20000, 40000);
    assert_int_equal(view(&s)->purge.confirm_in_ms, 0);
    while (view(&s)->phase != RUN_ASK) {            /* asked again: from the first question */
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_string_equal(view(&s)->ask_id, "ventilation");
    assert_non_null(strstr(view(&s)->message, "nobody confirmed"));
    assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
    s.p.who.absent = false;
    s.w->meter->flow_l_per_h = 7200;
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_PRESENCE, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

/* A confirmation that comes late, but before the meter has given up, is good. */
static void late_but_there(void **state)
{
    const struct field_operator asleep = {.absent = true};
    struct scene s;
    gasm_PurgeEnd got[8];

    (void)state;
    begin_with(&s, 5, 120, &asleep);
    s.w->meter->flow_l_per_h = 360;
    until_it_flows(&s);
    while (view(&s)->purge.confirm_in_ms > 0)
        drive_turn(&s.p);
    assert_true(view(&s)->purge.running);
    for (int i = 0; i < 100; i++)       /* a second late: the meter waits 5 s after the last keep-alive */
        drive_turn(&s.p);
    s.p.who.absent = false;
    run_confirm_presence(s.p.run);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(ends(s.w, got, 8), 1);
    assert_int_equal(got[0], gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void link_lost_while_it_flows(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 6, &careful);
    until_it_flows(&s);
    field_link_lose(&s.w->link);
    drive_turn(&s.p);
    drive_turn(&s.p);
    assert_false(view(&s)->purge.running);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_LINK, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void meter_loses_power_while_it_flows(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 7, &careful);
    until_it_flows(&s);
    s.w->meter->flash.dead = true;
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(s.w->restarts, 1);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_RESET, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void battery_fails_while_it_flows(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 8, &careful);
    until_it_flows(&s);
    s.w->meter->supply_mv = 2500;
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_int_equal(view(&s)->fail.code, GF_E_REFUSED);
    assert_non_null(strstr(view(&s)->fail.detail, "BATTERY"));
    assert_non_null(strstr(view(&s)->help, "Battery"));
    assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
    s.w->meter->supply_mv = 3600;
    assert_int_equal(run_retry(s.p.run), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_FAULT, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void time_is_over(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 9, &careful);
    s.w->meter->flow_l_per_h = 360;
    until_it_flows(&s);
    while (view(&s)->purge.running)
        drive_turn(&s.p);
    s.w->meter->flow_l_per_h = 7200;
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_TIME, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

/* The ticket's volume is the total over all its grants: 8 l in time, 2 more until the valve is
 * shut, none left. */
static void volume_of_the_ticket_is_used_up(void **state)
{
    struct scene s;
    gasm_Ticket small = aid_world_ticket(1, 500), more = aid_world_ticket(1, 501);

    (void)state;
    begin_with(&s, 10, 4, &careful);
    small.purge_volume_l = 10;
    field_world_grant(s.w, &small);
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_string_equal(view(&s)->fail.where, "purge");
    assert_non_null(strstr(view(&s)->fail.detail, "used up"));
    assert_int_equal(s.w->meter->meter->core.life, gasm_LifeState_KEYED);
    assert_int_equal(s.w->meter->valve.opened, 1);
    field_world_grant(s.w, &more);
    s.w->store->data.jobs[0].purge_limit_s = 60;
    drive_end(&s.p);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_TIME, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

/* No gas comes: stopped by the operator the purge does not count, and is asked for again. */
static void nothing_flows(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 11, &careful);
    s.w->meter->flow_l_per_h = 0;
    while (!view(&s)->purge.running)
        drive_turn(&s.p);
    assert_int_equal(run_stop_purge(s.p.run), 0);
    while (view(&s)->phase != RUN_ASK) {
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_string_equal(view(&s)->ask_id, "ventilation");
    s.w->meter->flow_l_per_h = 7200;
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_STOPPED, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

/* Cancelled while gas flows: stopped first, with a receipt, then left; a later run asks again and
 * takes a new grant. */
static void cancelled_while_it_flows(void **state)
{
    struct scene s;
    gasm_PurgeEnd got[8];

    (void)state;
    begin(&s, 12, &careful);
    until_it_flows(&s);
    run_cancel(s.p.run);
    assert_int_equal(drive(&s.p), RUN_LEFT);
    assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(s.w->meter->meter->core.purge_end, gasm_PurgeEnd_PURGE_STOPPED);
    drive_end(&s.p);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(ends(s.w, got, 8), 2);
    assert_int_equal(got[0], gasm_PurgeEnd_PURGE_STOPPED);
    assert_int_equal(got[1], gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

/* Killed while gas flows: nothing flows again before somebody has answered all questions again. */
static void no_gas_after_a_kill_without_a_person(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 13, &careful);
    until_it_flows(&s);
    drive_end(&s.p);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (view(&s)->phase != RUN_ASK) {
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    for (int i = 0; i < 6000; i++) {
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_string_equal(view(&s)->ask_id, "ventilation");
    assert_int_equal(s.w->meter->valve.opened, 1);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_ends(s.w, gasm_PurgeEnd_PURGE_LINK, gasm_PurgeEnd_PURGE_VOLUME);
    finish(&s);
}

static void until_asked_for_the_word(struct scene *s)
{
    while (view(s)->ask != ASK_WORD) {
        field_world_step(s->w);
        (void)sync_tick(s->p.sync);
        (void)run_tick(s->p.run);
        if (view(s)->phase == RUN_ASK && view(s)->ask != ASK_WORD)
            drive_answer(&s->p);
    }
}

/* The link is lost with the request on its way: whoever confirmed may be gone when it is back, so
 * all is asked again. */
static void a_grant_is_not_sent_twice_without_a_person(void **state)
{
    for (unsigned n = 1; n < 5; n++) {
        struct scene s;

        (void)state;
        begin(&s, 15, &careful);
        until_asked_for_the_word(&s);
        s.w->link.lose_at = s.w->link.fragments + n;
        assert_int_equal(drive(&s.p), RUN_FINISHED);
        assert_int_equal(s.p.answered, 1 + 3 + 3 + 1);
        finish(&s);
    }
}

/* The meter says that its valve is still moving: the request waits, and then it does not matter
 * that the link falls. */
static void a_busy_valve_is_waited_for(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 16, &careful);
    until_asked_for_the_word(&s);
    s.w->meter->valve.state = gasm_ValveState_VALVE_MOVING;
    s.w->meter->valve.opening = false;
    s.w->meter->valve.until_ms = s.w->meter->mono_ms + 1500;
    drive_turn(&s.p);
    for (int i = 0; i < 50; i++)
        drive_turn(&s.p);
    field_link_lose(&s.w->link);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(s.p.answered, 1 + 3 + 1);
    finish(&s);
}

/* Killed after the grant was planned and before it was sent: asked again, then the very same
 * operation. */
static void a_planned_grant_keeps_its_id(void **state)
{
    struct scene s = {.w = field_world_new(14)};
    const struct step_row *row;
    uint8_t op[GF_UUID_LEN];

    (void)state;
    for (uint64_t n = 1; n < 60; n++) {
        s.w->fate.after_save = n;
        assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
        (void)drive(&s.p);
        row = field_store_step(s.w->store, "purge");
        drive_end(&s.p);
        if (row != NULL)
            break;
        field_world_free(s.w);
        s.w = field_world_new(14);
    }
    assert_non_null(row);
    assert_int_equal(row->state, STEP_PLANNED);
    assert_int_equal(s.w->meter->valve.opened, 0);
    memcpy(op, row->op_id, sizeof op);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    row = field_store_step(s.w->store, "purge");
    assert_int_equal(row->attempt, 1);
    assert_memory_equal(row->op_id, op, sizeof op);
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_by_the_operator),
        cmocka_unit_test(shows_litres_and_seconds),
        cmocka_unit_test(presence_keeps_it_open),
        cmocka_unit_test(nobody_is_there),
        cmocka_unit_test(late_but_there),
        cmocka_unit_test(link_lost_while_it_flows),
        cmocka_unit_test(meter_loses_power_while_it_flows),
        cmocka_unit_test(battery_fails_while_it_flows),
        cmocka_unit_test(time_is_over),
        cmocka_unit_test(volume_of_the_ticket_is_used_up),
        cmocka_unit_test(nothing_flows),
        cmocka_unit_test(cancelled_while_it_flows),
        cmocka_unit_test(no_gas_after_a_kill_without_a_person),
        cmocka_unit_test(a_grant_is_not_sent_twice_without_a_person),
        cmocka_unit_test(a_busy_valve_is_waited_for),
        cmocka_unit_test(a_planned_grant_keeps_its_id),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
