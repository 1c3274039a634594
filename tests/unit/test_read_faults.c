/* test_read_faults.c - pages of receipts and logs when flash cannot be read: the meter says so, and
 * the next page is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"
#include "tests/aid/ports_fail.h"

static const struct {
    gasm_Command command;
    pb_size_t which_body;
} pages[] = {
    {gasm_Command_READ_RECEIPTS, gasm_Request_read_receipts_tag},
    {gasm_Command_READ_HISTORY, gasm_Request_read_history_tag},
    {gasm_Command_READ_PURCHASES, gasm_Request_read_purchases_tag},
    {gasm_Command_READ_EVENTS, gasm_Request_read_events_tag},
};

/* Each read of one page fails, one after the other. */
static void fail_page(struct aid_world *w, struct aid_ports_fail *f, size_t page)
{
    gasm_Request r = aid_request(w, pages[page].command, 0);
    bool hit = true;
    int64_t at = 0;

    r.which_body = pages[page].which_body;
    for (; hit; at++) {
        f->failed = false;
        f->in = at;
        assert_int_equal(aid_world_ask(w, &r), 0);
        f->in = -1;
        hit = f->failed;
        assert_int_equal(w->answer.result, hit ? gasm_Refusal_NVM : gasm_Refusal_OK);
        assert_int_equal(w->answer.command, pages[page].command);
        if (!hit)
            break;
        assert_int_equal(aid_world_ask(w, &r), 0);
        assert_int_equal(w->answer.result, gasm_Refusal_OK);
    }
    assert_true(at > 1);
}

static void test_pages(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct aid_ports_fail f = {.port = AID_PORT_READ, .in = -1};
    gasm_Ticket t = aid_world_ticket(1, 9);

    (void)state;
    w->flash.erase_forbidden = false;
    aid_ports_fail(&f, w);
    aid_greet(w, &t);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        fail_page(w, &f, i);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
