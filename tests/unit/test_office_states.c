/* test_office_states.c - which function states and key epochs an application may say, for the kinds
 * of orders that end an account or a life: every state under every epoch, at every stage of a real
 * meter's work; what is not accepted is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_words.h"
#include "tests/aid/office_site.h"

#define EPOCHS 3
#define STATES (gasm_LifeState_SCRAPPED + 2) /* one of them is none */

static struct site site;
static struct site_meter meter, new;
static char number[32];

/* A meter in service under epoch 1. */
static int start(void **state)
{
    (void)state;
    site_new(&site);
    site_meter_new(&site, &meter, SITE_OLD);
    (void)site_open(&site, &meter, "SP-0001");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    site_audit(&site);
    site_meter_end(&meter);
    site_end(&site);
    return 0;
}

static void order(const char *kind, const char *point)
{
    struct ho_new_order n = site_order_of(kind, SITE_OLD, point);

    site_order(&site, &n, number);
    site_fetch(&site);
}

/* ---- what is accepted ---- */

struct pair {
    uint32_t state, epoch;
};
#define IS gasm_LifeState_IN_SERVICE
#define CL gasm_LifeState_CLOSED
#define FA gasm_LifeState_FACTORY
#define SC gasm_LifeState_SCRAPPED

static bool is_one_of(const struct pair *pairs, size_t n, uint32_t state, uint32_t epoch)
{
    for (size_t i = 0; i < n; i++)
        if (pairs[i].state == state && pairs[i].epoch == epoch)
            return true;
    return false;
}

static bool has_state(const struct pair *pairs, size_t n, uint32_t state)
{
    for (size_t i = 0; i < n; i++)
        if (pairs[i].state == state)
            return true;
    return false;
}

static void say(uint32_t state, uint32_t epoch, const char *field)
{
    const sync_Job *job = site_job(&site, number);
    sync_Application a = oaid_application_of(job);
    sync_Item item;

    a.meter_type = (uint32_t)oaid_sql_number(&site.a, "SELECT type FROM meter");
    a.function_state = state;
    a.key_epoch = epoch;
    item = oaid_application(job, &a);
    oaid_expect(&site.l, &item,
                field[0] == '\0' ? sync_VerdictKind_APPLIED : sync_VerdictKind_CONFLICT, field);
    site.l.cursor = 0;
    if (field[0] != '\0')
        assert_non_null(strstr(oaid_verdict(&site.l)->reason, ho_life_word(state)));
}

/* Everything but these is refused: for its state, or for its epoch where the state is right. */
static void refused_but(const struct pair *pairs, size_t n)
{
    for (uint32_t state = 0; state < STATES; state++)
        for (uint32_t epoch = 0; epoch < EPOCHS; epoch++)
            if (!is_one_of(pairs, n, state, epoch))
                say(state, epoch, has_state(pairs, n, state) ? "key_epoch" : "function_state");
}

static void accepted(const struct pair *pairs, size_t n)
{
    refused_but(pairs, n);
    for (size_t i = 0; i < n; i++)
        say(pairs[i].state, pairs[i].epoch, "");
}
#define PAIRS(...)                                                                                 \
    (const struct pair[]){ __VA_ARGS__ },                                                          \
        sizeof((const struct pair[]){ __VA_ARGS__ }) / sizeof(struct pair)

/* ---- the work ---- */

static void close_meter(void)
{
    site_close(&site, &meter, false);
}

static void bring_home(void)
{
    site_send_all(&site, &meter, number);
}

static void done(void)
{
    site_done(&site, &meter, number);
    site_fetch(&site);
}

/* A meter that was made new shows its receipts under the next key only: the last one comes home out
 * of its answer. */
static void reset_meter(bool scrap)
{
    gasm_Request r = site_request(&site, &meter, gasm_Command_RESET_TO_FACTORY);
    const gasm_Response *answer = &meter.w->answer;

    site_read(&site, &meter);
    r.which_body = gasm_Request_reset_to_factory_tag;
    r.body.reset_to_factory.scrap = scrap;
    site_do(&site, &meter, &r);
    assert_true(meter.n < SITE_RECEIPTS && answer->receipt.size > 0);
    meter.sizes[meter.n] = answer->receipt.size;
    memcpy(meter.receipts[meter.n++], answer->receipt.bytes, answer->receipt.size);
    site_send(&site, &meter, number, 1, meter.n);
}

static void remove_meter(void)
{
    order("removal", NULL);
    close_meter();
    bring_home();
    done();
}

/* ---- each kind ---- */

static void a_removal(void **state)
{
    (void)state;
    order("removal", NULL);
    accepted(PAIRS({ IS, 1 })); /* nothing was done yet */
    accepted(PAIRS({ IS, 1 }, { CL, 1 })); /* the answer of the closing may have been lost */
    close_meter();
    bring_home();
    accepted(PAIRS({ IS, 1 }, { CL, 1 })); /* the first was said before the receipts came */
    done();
}

/* A meter that died in a swap is registered in service until it speaks again; the bench closes its
 * account first. */
static void a_bench_reset_of_a_meter_in_service(void **state)
{
    (void)state;
    (void)stop(NULL);
    (void)site_swap_begin(&site, &meter, &new, 700, 0, number);
    site_swap_dead(&site, &meter, &new, 600, number);
    order("bench-reset", NULL);
    accepted(PAIRS({ IS, 1 }));
    accepted(PAIRS({ IS, 1 }, { CL, 1 }, { FA, 1 }));
    close_meter();
    bring_home();
    accepted(PAIRS({ IS, 1 }, { CL, 1 }, { FA, 1 }));
    reset_meter(false);
    accepted(PAIRS({ IS, 1 }, { CL, 1 }, { FA, 1 }));
    done();
    site_meter_end(&new);
}

/* Then it is a new one, under the epoch that it has; its next opening goes through all states. */
static void a_bench_reset_of_a_closed_meter(void **state)
{
    (void)state;
    remove_meter();
    order("bench-reset", NULL);
    accepted(PAIRS({ CL, 1 }));
    accepted(PAIRS({ CL, 1 }, { FA, 1 }));
    reset_meter(false);
    accepted(PAIRS({ CL, 1 }, { FA, 1 }));
    done();
    order("account-opening", "SP-0001");
    accepted(PAIRS({ FA, 1 }));
    accepted(PAIRS({ FA, 1 }, { gasm_LifeState_KEYED, 1 }, { gasm_LifeState_KEYED, 2 },
                   { gasm_LifeState_PURGED, 2 }, { gasm_LifeState_CLEARED, 2 }, { IS, 2 }));
}

static void a_scrapping(void **state)
{
    (void)state;
    remove_meter();
    order("scrapping", NULL);
    accepted(PAIRS({ CL, 1 }));
    accepted(PAIRS({ CL, 1 }, { SC, 1 }));
    reset_meter(true);
    accepted(PAIRS({ CL, 1 }, { SC, 1 }));
    done();
}

/* On the bench a meter may turn out to be good for nothing: its receipt says so. */
static void a_bench_reset_that_scraps(void **state)
{
    (void)state;
    remove_meter();
    order("bench-reset", NULL);
    say(CL, 1, "");
    reset_meter(true);
    accepted(PAIRS({ CL, 1 }, { FA, 1 }, { SC, 1 }));
    done();
}

/* Another laptop that was given the tickets may have done it all. */
static void another_laptop_may_have_worked(void **state)
{
    static struct oaid_laptop other;

    (void)state;
    order("removal", NULL);
    refused_but(PAIRS({ IS, 1 }));
    oaid_laptop_new(&other, &site.a, "S001");
    assert_int_equal(oaid_fetch(&other), 200);
    accepted(PAIRS({ IS, 1 }, { CL, 1 }));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        T(a_removal),
        T(a_bench_reset_of_a_meter_in_service),
        T(a_bench_reset_of_a_closed_meter),
        T(a_scrapping),
        T(a_bench_reset_that_scraps),
        T(another_laptop_may_have_worked),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
