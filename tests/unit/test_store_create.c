/* test_store_create.c - a store that is made: each failure is said, and one that holds nothing but
 * its first snapshot is a store. */
#include "meter-core/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_world.h"
#include "tests/aid/ports_fail.h"

/* Whichever call fails, a journal is not said to be made. */
static void test_create_fails(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);
    struct mc_core core = w->meter->core;

    (void)state;
    for (enum aid_port port = AID_PORT_READ; port <= AID_PORT_ERASE; port++)
        for (uint32_t at = 0;; at++) {
            struct aid_ports_fail f = {.port = port, .in = at};
            struct mc_nvm nvm = aid_ports_fail_nvm(&f, &w->ports.nvm);
            int rc = mc_store_create(&nvm, &core);

            assert_int_equal(rc, f.failed ? GF_E_STORE : 0);
            if (!f.failed)
                break;
        }
    aid_world_free(w);
}

/* A journal that holds nothing but its first snapshot turns as any other. */
static void test_turn_without_logs(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);
    struct mc_core core = w->meter->core;
    struct mc_meter *m = w->meter;

    (void)state;
    core.event_seq = 0;
    assert_int_equal(mc_store_create(&w->ports.nvm, &core), 0);
    memset(m, 0, sizeof *m);
    m->ports = w->ports;
    assert_int_equal(mc_store_recover(m), 0);
    assert_int_equal(mc_store_room(m, mc_journal_free(&m->journal) + 1), 0);
    assert_int_equal(m->journal.generation, 2);
    assert_memory_equal(m->core.meter_id, core.meter_id, sizeof core.meter_id);
    aid_world_free(w);
}

/* Flash whose geometry cannot hold a journal is refused before anything is read. */
static void test_geometry(void **state)
{
    struct aid_world *w = aid_world_new(1, 1);

    (void)state;
    w->ports.nvm.sectors = 1;
    assert_int_equal(aid_world_restart(w), GF_E_STORE);
    assert_false(w->meter->usable);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_fails),
        cmocka_unit_test(test_turn_without_logs),
        cmocka_unit_test(test_geometry),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
