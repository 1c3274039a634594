/* test_field_kill.c - account opening with the program killed, the link lost and the meter's power
 * cut anywhere. */
#include <stdlib.h>

#include "tests/aid/field_drive.h"

static const struct field_operator careful = {.meter_id = NULL};

/* All is as after an opening without trouble, and nothing was said to head office twice. */
static void check_once(struct field_world *w)
{
    field_world_check(w);
    assert_null(field_office_item(w->office, sync_ItemKind_APPLICATION, 1));
    assert_null(field_office_item(w->office, sync_ItemKind_JOB_DONE, 1));
}

/* Where a program dies. */
enum death { BEFORE_SAVE, AFTER_SAVE, BEFORE_EVENT, AFTER_EVENT };

static void plan_death(struct field_world *w, enum death death, uint64_t n)
{
    w->fate.before_save = death == BEFORE_SAVE ? n : 0;
    w->fate.after_save = death == AFTER_SAVE ? n : 0;
    w->fate.before_event = death == BEFORE_EVENT ? n : 0;
    w->fate.after_event = death == AFTER_EVENT ? n : 0;
}

/* An opening that dies at n, and another program that finishes it. False: it finished before it
 * could die. */
static bool killed_at(enum death death, uint64_t n, uint16_t mtu, bool office_away)
{
    struct field_world *w = field_world_new(1000 + n);
    struct field_program p;
    bool died;

    w->office->away = office_away;
    w->link.mtu = mtu;
    plan_death(w, death, n);
    (void)drive_start(&p, w, &careful);
    died = w->fate.dead || drive(&p) != RUN_FINISHED;
    if (died)
        assert_true(w->fate.dead);
    drive_end(&p);
    if (died) {
        /* After the very last save nothing is left to do but to bring the records home. */
        if (w->store->data.runs[0].state == RUN_DONE) {
            assert_int_equal(drive_start(&p, w, &careful), GF_E_JOB_STATE);
        } else {
            assert_int_equal(drive_start(&p, w, &careful), 0);
            assert_int_equal(drive(&p), RUN_FINISHED);
        }
        w->office->away = false;
        sync_now(p.sync);
        for (int i = 0; i < 1000; i++)
            drive_turn(&p);
        check_once(w);
        drive_end(&p);
    }
    field_world_free(w);
    return died;
}

static void every(enum death death, uint16_t mtu, bool office_away)
{
    uint64_t n = 1;

    while (killed_at(death, n, mtu, office_away))
        n++;
    if (getenv("FIELD_TRACE") != NULL)
        printf("# %llu places\n", (unsigned long long)n);
    assert_in_range(n, 20, 2000);       /* it died at many places, and not for ever */
}

static void killed_before_every_save(void **state)
{
    (void)state;
    every(BEFORE_SAVE, 247, false);
    every(BEFORE_SAVE, 247, true);
}

static void killed_after_every_save(void **state)
{
    (void)state;
    every(AFTER_SAVE, 247, false);
    every(AFTER_SAVE, 247, true);
}

static void killed_before_every_event(void **state)
{
    (void)state;
    every(BEFORE_EVENT, 23, false);
}

static void killed_after_every_event(void **state)
{
    (void)state;
    every(AFTER_EVENT, 23, false);
}

/* Programs that die at chance saves and events, one after the other, until one comes through. */
static void killed_again_and_again(void **state)
{
    uint64_t seeds = getenv("TEST_ALL") != NULL ? 2000 : 60;

    (void)state;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct field_world *w = field_world_new(seed);
        struct aid_random chance = {.state = seed * 77};
        struct field_program p;
        unsigned deaths = 0;

        do {
            w->link.lose_at = w->link.fragments + 1 + aid_random_next(&chance) % 100;
            plan_death(w, aid_random_next(&chance) % 4,
                       deaths < 6 ? 1 + aid_random_next(&chance) % 60 : 0);
            if (drive_start(&p, w, &careful) == 0)
                (void)drive(&p);
            if (w->fate.dead)
                deaths++;
            else if (deaths < 6)
                deaths = 6;         /* it came through */
            if (w->fate.dead)
                drive_end(&p);
        } while (w->store->data.runs[0].state != RUN_DONE || w->fate.dead);
        drive_end(&p);
        (void)drive_start(&p, w, &careful);
        sync_now(p.sync);
        for (int i = 0; i < 1000; i++)
            drive_turn(&p);
        check_once(w);
        drive_end(&p);
        field_world_free(w);
    }
}

/* ---- the link ---- */

/* The link falls instead of carrying fragment n. False: there were not so many. */
static bool lost_at(uint64_t n, uint16_t mtu)
{
    struct field_world *w = field_world_new(3000 + n);
    struct field_program p;
    bool lost;

    w->link.mtu = mtu;
    w->link.lose_at = n;
    assert_int_equal(drive_start(&p, w, &careful), 0);
    assert_int_equal(drive(&p), RUN_FINISHED);
    check_once(w);
    lost = w->link.fragments >= n;
    if (lost)
        assert_int_equal(w->link.connections, 2);
    drive_end(&p);
    field_world_free(w);
    return lost;
}

static void link_lost_at_every_fragment(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (lost_at(n, 247))
        n++;
    assert_in_range(n, 50, 2000);
}

/* At the smallest MTU there are several times as many. */
static void link_lost_at_small_fragments(void **state)
{
    uint64_t n = 1;

    (void)state;
    while (lost_at(n, 23))
        n++;
    assert_in_range(n, 250, 20000);
}

/* ---- the meter's power ---- */

static bool cut_at(int64_t n, enum aid_cut cut)
{
    struct field_world *w = field_world_new(5000 + (uint64_t)n);
    struct field_program p;
    bool was_cut;

    w->meter->flash.cut_in = n;
    w->meter->flash.cut = cut;
    assert_int_equal(drive_start(&p, w, &careful), 0);
    assert_int_equal(drive(&p), RUN_FINISHED);
    check_once(w);
    was_cut = w->restarts > 0;
    drive_end(&p);
    field_world_free(w);
    return was_cut;
}

static void power_cut_at_every_unit(void **state)
{
    int64_t step = getenv("TEST_ALL") != NULL ? 1 : 11, n = 0;

    (void)state;
    while (cut_at(n, (enum aid_cut)(n % AID_CUTS)))
        n += step;
    assert_in_range(n, 300, 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_before_every_save),
        cmocka_unit_test(killed_after_every_save),
        cmocka_unit_test(killed_before_every_event),
        cmocka_unit_test(killed_after_every_event),
        cmocka_unit_test(killed_again_and_again),
        cmocka_unit_test(link_lost_at_every_fragment),
        cmocka_unit_test(link_lost_at_small_fragments),
        cmocka_unit_test(power_cut_at_every_unit),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
