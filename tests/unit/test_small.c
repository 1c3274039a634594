/* test_small.c - the firmware's own functions of the C library do what the C library's do: every length, place
 * and overlap of some words. */
#include "meter-core/port/stm32/small.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 24
#define LONGEST 13

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void test_compared(void **state)
{
    uint8_t a[ROOM] = {0}, b[ROOM] = {0};

    (void)state;
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t from = 0; from < 4; from++)
            for (size_t at = 0; at < ROOM; at++)
                for (int delta = -1; delta <= 1; delta++) {
                    memset(a, 0x80, sizeof a);
                    memset(b, 0x80, sizeof b);
                    b[at] = (uint8_t)(b[at] + delta);
                    if (at + 1 < ROOM)
                        b[at + 1] = (uint8_t)(b[at + 1] - delta);   /* counts less than the first */
                    assert_int_equal(sign(small_memcmp(a + from, b + 1, n)), sign(memcmp(a + from, b + 1, n)));
                }
}

static void test_moved(void **state)
{
    uint8_t moved[ROOM], want[ROOM];

    (void)state;
    for (size_t n = 0; n <= LONGEST; n++)
        for (size_t from = 0; from + n <= ROOM; from++)
            for (size_t to = 0; to + n <= ROOM; to++) {
                for (size_t i = 0; i < ROOM; i++)
                    moved[i] = want[i] = (uint8_t)(i + 1);
                memmove(want + to, want + from, n);
                assert_ptr_equal(small_memmove(moved + to, moved + from, n), moved + to);
                assert_memory_equal(moved, want, ROOM);
            }
}

static void test_length(void **state)
{
    (void)state;
    assert_int_equal(small_strlen(""), 0);
    assert_int_equal(small_strlen("a"), 1);
    assert_int_equal(small_strlen("gas-meter/1\0more"), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compared),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_length),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
