/* test_field_stops.c - account opening refused by head office, cancelled, cut off, tried again. */
#include <stdlib.h>

#include "meter-core/clock.h"
#include "tests/aid/field_scene.h"

/* ---- head office ---- */

static void office_away(void **state)
{
    struct scene s = scene_new(19);

    (void)state;
    s.w->office->away = true;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    assert_true(view(&s)->office_away);
    assert_string_equal(s.p.last_text, "queued: the certificate follows");
    assert_int_equal(s.w->meter->meter->core.life, gasm_LifeState_IN_SERVICE);
    assert_int_equal(s.w->office->n_items, 0);
    assert_true(sync_view(s.p.sync)->counts.waiting > 10);
    s.w->office->away = false;
    sync_now(s.p.sync);
    for (int i = 0; i < 100; i++)
        drive_turn(&s.p);
    field_world_check(s.w);
    scene_end(&s);
}

/* An answer that never comes does not hold the work up either. */
static void office_silent(void **state)
{
    struct scene s = scene_new(20);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (!drive_resting(&s.p)) {
        s.w->office->due_ms = INT64_MAX;
        drive_turn(&s.p);
    }
    assert_int_equal(view(&s)->phase, RUN_FINISHED);
    assert_true(view(&s)->office_away);
    scene_end(&s);
}

static void conflict(void **state)
{
    struct scene s = scene_new(21);

    (void)state;
    s.w->office->conflict = "customer_name";
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_OFFICE_REFUSED,
                   "customer_name: differs from what is registered");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 0);
    /* killed and started again it says the same */
    drive_end(&s.p);
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    /* head office corrects the job; a new application says what is right */
    s.w->office->conflict = NULL;
    gf_copy(s.w->store->data.jobs[0].customer_name, 96, "Amina B. Diallo");
    assert_int_equal(run_retry(s.p.run), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(sync_view(s.p.sync)->counts.refused, 2);
    scene_end(&s);
}

static void late_conflict(void **state)
{
    struct scene s = scene_new(22);

    (void)state;
    s.w->office->away = true;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "open-account", RUN_WORK);
    s.w->office->away = false;
    s.w->office->conflict = "supply_point";
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_stopped(&s, "certificate", GF_E_OFFICE_REFUSED, "supply_point");
    s.w->office->conflict = NULL;
    assert_int_equal(run_retry(s.p.run), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_string_equal(s.p.last_text, "certificate CERT-1");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 9);   /* nothing was done twice */
    scene_end(&s);
}

static void held_application(void **state)
{
    struct scene s = scene_new(23);

    (void)state;
    s.w->office->hold = 2;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void revoked(void **state)
{
    struct scene s = scene_new(24);

    (void)state;
    s.w->office->revoked = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_REVOKED, "revoked");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 0);
    s.w->office->revoked = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void forged_acknowledgement(void **state)
{
    struct scene s = scene_new(25);

    (void)state;
    s.w->office->forge = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_ACK_BAD, "");
    s.w->office->forge = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

/* ---- questions refused, cancelled ---- */

static void no_stops_the_step(void **state)
{
    static const char *const ids[] = {"ventilation", "ignition", "zero-clear"};
    static const char *const steps[] = {"purge", "purge", "zero-clear"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct field_operator no = {.refuses = ids[i]};
        struct scene s = scene_new(26 + i);

        assert_int_equal(play(&s, &no), RUN_STOPPED);
        assert_stopped(&s, steps[i], GF_E_ANSWER, "?");
        assert_int_equal(s.w->meter->valve.opened, i < 2 ? 0 : 1);
        s.p.who.refuses = NULL;
        retry_to_the_end(&s);
        scene_end(&s);
    }
}

static void danger_wants_the_very_word(void **state)
{
    static const char *const wrong[] = {"", "yes", "purge", "PURGE ", "PURG", "PURGEN"};
    struct scene s = scene_new(30);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (view(&s)->ask != ASK_WORD) {
        field_world_step(s.w);
        (void)sync_tick(s.p.sync);
        (void)run_tick(s.p.run);
        if (view(&s)->phase == RUN_ASK && view(&s)->ask != ASK_WORD)
            drive_answer(&s.p);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(run_answer(s.p.run, wrong[i]), GF_E_ANSWER);
        assert_string_equal(view(&s)->fail.where, "purge");
        assert_int_equal(view(&s)->phase, RUN_ASK);
    }
    assert_int_equal(s.w->meter->valve.opened, 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    scene_end(&s);
}

/* The operator takes time over a question: the session is kept, then lost, then made again; nothing
 * is asked twice. */
static void waiting_keeps_the_session(void **state)
{
    struct scene s = scene_new(31);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (view(&s)->ask_id == NULL || strcmp(view(&s)->ask_id, "zero-clear") != 0) {
        field_world_step(s.w);
        (void)sync_tick(s.p.sync);
        (void)run_tick(s.p.run);
        if (view(&s)->phase == RUN_ASK && strcmp(view(&s)->ask_id, "zero-clear") != 0)
            drive_answer(&s.p);
        if (view(&s)->purge.running)
            run_confirm_presence(s.p.run);
    }
    assert_true(has_line(view(&s), "residual", "0 l"));
    for (int i = 0; i < 30000; i++) {       /* 5 minutes */
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_int_equal(s.w->link.connections, 1);
    field_link_lose(&s.w->link);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void cancelled_everywhere(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3000; n += 7) {
        struct scene s = scene_new(32);
        bool over = false;

        assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
        for (unsigned i = 0; i < n && !over; i++) {
            drive_turn(&s.p);
            over = drive_resting(&s.p);
        }
        run_cancel(s.p.run);
        assert_int_equal(drive(&s.p), over ? RUN_FINISHED : RUN_LEFT);
        assert_false(s.w->link.up);
        for (int i = 0; i < 500; i++)
            field_world_step(s.w);
        assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
        drive_end(&s.p);
        if (!over)
            assert_int_equal(play(&s, &careful), RUN_FINISHED);
        else
            (void)drive_start(&s.p, s.w, &careful);
        field_world_check(s.w);
        scene_end(&s);
        if (over)
            return;
    }
    fail_msg("an opening takes too long to be cancelled everywhere");
}

/* After it was left, the same runner takes it up again. */
static void left_and_resumed(void **state)
{
    struct scene s = scene_new(33);
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "purge", RUN_WORK);
    run_cancel(s.p.run);
    assert_int_equal(drive(&s.p), RUN_LEFT);
    assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), 0);
    assert_string_equal(view(&s)->message, "goes on at \"Purge with gas\"");
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

/* ---- link ---- */

static void meter_not_heard(void **state)
{
    struct scene s = scene_new(34);

    (void)state;
    s.w->link.away = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "connect", GF_E_LINK_AWAY, "fell");
    s.w->link.away = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

/* It goes out of reach in the middle of a change, and is there again when the operator is. */
static void meter_lost_and_found(void **state)
{
    struct scene s = scene_new(35);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "set-clock", RUN_WORK);
    s.w->link.away = true;
    field_link_lose(&s.w->link);
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_stopped(&s, "set-clock", GF_E_LINK_AWAY, "");
    s.w->link.away = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

/* The link is lost for 10 s around the time when the clock is set: the time that was planned is old
 * when it arrives, and is set anew.
 */
static void meters_clock_is_set_right(void **state)
{
    bool anew = false;

    (void)state;
    for (unsigned n = 1; n < 20; n++) {
        struct scene s = scene_new(36);

        assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
        drive_to(&s.p, "zero-clear", RUN_WORK);
        s.w->link.lose_at = s.w->link.fragments + n;
        while (s.w->link.up)
            drive_turn(&s.p);
        s.w->link.away = true;
        for (int i = 0; i < 1000; i++)
            drive_turn(&s.p);
        s.w->link.away = false;
        if (view(&s)->phase != RUN_FINISHED)
            assert_int_equal(drive(&s.p), RUN_FINISHED);
        assert_in_range(mc_clock_now_s(s.w->meter->meter) - s.w->meter->utc_ms / 1000 + 2, 0, 4);
        anew = anew || field_store_step(s.w->store, "set-clock")->attempt > 1;
        scene_end(&s);
    }
    assert_true(anew);
}

static void laptops_clock_is_wrong(void **state)
{
    struct scene s = scene_new(37);

    (void)state;
    s.w->meter->utc_ms -= 30 * 24 * 3600 * 1000LL;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "set-clock", GF_E_CLOCK, "outside the time of the ticket");
    s.w->meter->utc_ms += 30 * 24 * 3600 * 1000LL;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void parameter_out_of_range(void **state)
{
    struct scene s = scene_new(38);

    (void)state;
    s.w->store->data.jobs[0].parameters[1].value = 100000;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "set-parameters", GF_E_REFUSED, "parameter 10: RANGE");
    assert_int_equal(s.w->meter->meter->core.params_were_set, 0);
    s.w->store->data.jobs[0].parameters[1].value = 45;
    retry_to_the_end(&s);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(office_away),
        cmocka_unit_test(office_silent),
        cmocka_unit_test(conflict),
        cmocka_unit_test(late_conflict),
        cmocka_unit_test(held_application),
        cmocka_unit_test(revoked),
        cmocka_unit_test(forged_acknowledgement),
        cmocka_unit_test(no_stops_the_step),
        cmocka_unit_test(danger_wants_the_very_word),
        cmocka_unit_test(waiting_keeps_the_session),
        cmocka_unit_test(cancelled_everywhere),
        cmocka_unit_test(left_and_resumed),
        cmocka_unit_test(meter_not_heard),
        cmocka_unit_test(meter_lost_and_found),
        cmocka_unit_test(meters_clock_is_set_right),
        cmocka_unit_test(laptops_clock_is_wrong),
        cmocka_unit_test(parameter_out_of_range),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
