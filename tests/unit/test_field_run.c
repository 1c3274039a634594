/* test_field_run.c - account opening on a real meter in this process: whole, refused, cancelled, tried again. */
#include <stdlib.h>

#include "tests/aid/field_drive.h"

static const struct field_operator careful = {.meter_id = NULL};

static void opens_an_account(void **state)
{
    struct field_world *w = field_world_new(1);
    struct field_program p;

    (void)state;
    assert_int_equal(drive_start(&p, w, &careful), 0);
    assert_int_equal(drive(&p), RUN_FINISHED);
    assert_int_equal(p.steps_done, 14);
    assert_string_equal(p.last_text, "certificate CERT-1");
    field_world_check(w);
    drive_end(&p);
    field_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_an_account),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
