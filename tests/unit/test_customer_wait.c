/* test_customer_wait.c - wrong passwords slow down who guesses, and nobody else. */
#include "backend/customer_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/aid/office_aid.h"

#define HOME "192.0.2.7"
#define THIEF "198.51.100.9"
#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)

static struct oaid_office office;

static int start(void **state)
{
    (void)state;
    oaid_office_new(&office);
    oaid_sql(&office, "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, "
                      "parameters, made_at_ms) VALUES (1, 'ada', 'C-1001', x'00', x'00', '', 0)");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    oaid_office_end(&office);
    return 0;
}

static struct customer_try a_try(const char *login, const char *address)
{
    return (struct customer_try){ login, address, login[0] == 'a' };
}

static int wait_s(const char *login, const char *address)
{
    struct customer_try t = a_try(login, address);

    return customer_wait_s(office.o, &t);
}

static void wrong(const char *login, const char *address)
{
    struct customer_try t = a_try(login, address);

    assert_int_equal(customer_was_wrong(office.o, &t), 0);
}

static int note_right(struct office *o, void *ctx)
{
    return customer_was_right(o, ctx);
}

static void right(const char *address)
{
    struct customer_try t = a_try("ada", address);

    assert_int_equal(ho_transaction(office.o, note_right, &t), 0);
}

/* An address of which there are many: of each number another household's. */
static const char *one_of_many(unsigned i)
{
    static char text[64];

    (void)snprintf(text, sizeof text, "2001:db8:%x:%x::1", i >> 16, i & 0xFFFFu);
    return text;
}

static void strangers_fail(const char *login, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        wrong(login, one_of_many(i));
}

static void an_address_waits_longer_and_longer(void **state)
{
    static const int waits_s[] = { 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };

    (void)state;
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        wrong("ada", THIEF);
        assert_int_equal(wait_s("ada", THIEF), waits_s[i]);
        assert_int_equal(wait_s("ada", HOME), 0);
        assert_int_equal(wait_s("ada", "198.51.100.10"), 0);
        office.utc_ms += waits_s[i] > 0 ? waits_s[i] * 1000 - 1 : 0;
        assert_int_equal(wait_s("ada", THIEF), waits_s[i] > 0);
        office.utc_ms += waits_s[i] > 0;
        assert_int_equal(wait_s("ada", THIEF), 0);
    }
    wrong("ada", THIEF);
    right(HOME); /* forgives nobody else */
    assert_int_equal(wait_s("ada", THIEF), 900);
    right(THIEF);
    assert_int_equal(wait_s("ada", THIEF), 0);
}

static void a_household_is_one_address(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        char text[64];

        (void)snprintf(text, sizeof text, "2001:db8::%x", i + 1);
        wrong("ada", text);
    }
    assert_int_equal(wait_s("ada", "2001:db8::99"), 1);
    assert_int_equal(wait_s("ada", "2001:db8:0:1::1"), 0);
}

/* From however many addresses: 100, then one in six minutes; and where the login was used before
 * nobody waits. */
static void strangers_have_a_ceiling_together(void **state)
{
    (void)state;
    right(HOME);
    strangers_fail("ada", 99);
    assert_int_equal(wait_s("ada", THIEF), 0);
    wrong("ada", THIEF);
    assert_int_equal(wait_s("ada", one_of_many(1000)), 360);
    assert_int_equal(wait_s("ada", HOME), 0);
    office.utc_ms += 6 * MINUTE_MS - 1;
    assert_int_equal(wait_s("ada", one_of_many(1000)), 1);
    office.utc_ms += 1;
    assert_int_equal(wait_s("ada", one_of_many(1000)), 0);
    wrong("ada", one_of_many(1000));
    assert_int_equal(wait_s("ada", one_of_many(1001)), 360);
    right(THIEF); /* knew it after all: no longer strange, but what was wrong stays counted */
    assert_int_equal(wait_s("ada", THIEF), 0);
    assert_int_equal(wait_s("ada", one_of_many(1001)), 360);
}

static void a_familiar_address_counts_for_itself(void **state)
{
    (void)state;
    right(HOME);
    for (int i = 0; i < 130; i++) {
        office.utc_ms += wait_s("ada", HOME) * 1000;
        wrong("ada", HOME);
    }
    assert_int_equal(wait_s("ada", HOME), 900);
    office.utc_ms -= DAY_MS; /* what had been counted meanwhile would count now */
    assert_int_equal(wait_s("ada", THIEF), 0);
}

/* Who has one address, and tries as often as it may, does not come to the ceiling of all. */
static void one_address_takes_nothing_from_others(void **state)
{
    int64_t end_ms = office.utc_ms + 4 * DAY_MS;

    (void)state;
    while (office.utc_ms < end_ms) {
        office.utc_ms += wait_s("ada", THIEF) * 1000;
        wrong("ada", THIEF);
        assert_int_equal(wait_s("ada", HOME), 0);
    }
}

static void familiar_is_who_came_within_ninety_days(void **state)
{
    (void)state;
    right(HOME);
    office.utc_ms += 90 * DAY_MS - 1;
    strangers_fail("ada", 100);
    assert_int_equal(wait_s("ada", HOME), 0);
    office.utc_ms += 1;
    assert_int_equal(wait_s("ada", HOME), 360);
}

static void a_day_later_it_begins_anew(void **state)
{
    (void)state;
    strangers_fail("ada", 100);
    for (int i = 0; i < 5; i++)
        wrong("ada", THIEF);
    office.utc_ms += DAY_MS + 1000;
    wrong("ada", THIEF);
    assert_int_equal(wait_s("ada", THIEF), 0);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(*) FROM customer_address"), 1);
}

static int forget(struct office *o, void *ctx)
{
    return customer_forget_tries(o, ctx);
}

static void another_password_forgets_all(void **state)
{
    char login[] = "ada";

    (void)state;
    right(HOME);
    strangers_fail("ada", 100);
    assert_int_equal(ho_transaction(office.o, forget, login), 0);
    assert_int_equal(wait_s("ada", THIEF), 0);
    strangers_fail("ada", 100);
    assert_int_equal(wait_s("ada", HOME), 360);
}

/* A stranger cannot tell by waits whether there is a login. */
static void a_name_that_is_no_login_waits_alike(void **state)
{
    unsigned seed = 7, n_waited = 0;

    (void)state;
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245u + 12345u;
        const char *address = one_of_many((seed >> 16) % 8 < 4 ? 0 : (seed >> 16) % 300);

        assert_int_equal(wait_s("ada", address), wait_s("nobody", address));
        if (wait_s("ada", address) == 0) {
            wrong("ada", address);
            wrong("nobody", address);
        } else if (++n_waited % 3 == 0) {
            office.utc_ms += (seed >> 16) % 600 * 1000;
        }
    }
    assert_true(n_waited > 20);
}

/* A copy of the database tells no addresses: the same one is another text for each login. */
static void addresses_are_not_stored(void **state)
{
    (void)state;
    oaid_sql(&office, "INSERT INTO customer_login (org_id, login, customer_no, salt, hash, "
                      "parameters, made_at_ms) VALUES (1, 'adam', 'C-1002', x'00', x'00', '', 0)");
    wrong("ada", HOME);
    wrong("adam", HOME);
    assert_int_equal(oaid_sql_number(&office, "SELECT COUNT(DISTINCT address) FROM "
                                              "customer_address WHERE length(address) = 32"),
                     2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_waits_longer_and_longer, start, stop),
        cmocka_unit_test_setup_teardown(a_household_is_one_address, start, stop),
        cmocka_unit_test_setup_teardown(strangers_have_a_ceiling_together, start, stop),
        cmocka_unit_test_setup_teardown(a_familiar_address_counts_for_itself, start, stop),
        cmocka_unit_test_setup_teardown(one_address_takes_nothing_from_others, start, stop),
        cmocka_unit_test_setup_teardown(familiar_is_who_came_within_ninety_days, start, stop),
        cmocka_unit_test_setup_teardown(a_day_later_it_begins_anew, start, stop),
        cmocka_unit_test_setup_teardown(another_password_forgets_all, start, stop),
        cmocka_unit_test_setup_teardown(a_name_that_is_no_login_waits_alike, start, stop),
        cmocka_unit_test_setup_teardown(addresses_are_not_stored, start, stop),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
