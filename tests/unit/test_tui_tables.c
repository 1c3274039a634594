/* test_tui_tables.c - the table of actions, names of keys, the list of meters in reach, and the
 * documents that are printed from tables. */
#include <curses.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/aid/fake_work.h"
#include "tests/aid/screen.h"
#include "tui/actions.h"
#include "tui/app.h"
#include "tui/exits.h"
#include "tui/keys.h"

/* The signal is smoothed, unknown is never strongest, and a full table forgets who was silent
 * longest. */
static void test_reach(void **state)
{
    static struct reach r;
    struct link_sighting s = {.rssi_dbm = -60};

    (void)state;
    fake_reset(NULL);
    reach_init(&r, &fake_clock);
    for (int i = 0; i < REACH_MAX + 10; i++) {
        fake.mono_ms += 10;
        (void)snprintf(s.address, sizeof s.address, "02:00:00:00:00:%02d", i);
        s.rssi_dbm = i == REACH_MAX + 9 ? 127 : -60;
        reach_hear(&r, &s);
    }
    assert_int_equal(r.n, REACH_MAX);
    assert_false(r.rows[r.n - 1].has_rssi);
    for (size_t i = 0; i < r.n; i++)
        assert_true(strcmp(r.rows[i].address, "02:00:00:00:00:09") > 0);
    (void)strcpy(s.address, "02:00:00:00:00:40");
    s.rssi_dbm = -20;
    reach_hear(&r, &s);
    assert_string_equal(r.rows[0].address, s.address);
    assert_int_equal(reach_dbm(&r.rows[0]), -50);
    assert_int_equal(reach_bars(&r.rows[0]), 4);
    fake.mono_ms += REACH_FORGET_MS;
    reach_tick(&r);
    assert_int_equal(r.n, 0);
}

static void test_table(void **state)
{
    size_t n;
    const struct action *rows = actions(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(rows[i].id[0] != '\0' && rows[i].title[0] != '\0' && rows[i].fn != NULL &&
                    rows[i].where != 0);
        assert_int_equal(rows[i].help[strlen(rows[i].help) - 1], '.');
        for (const char *k = rows[i].keys; *k != '\0';) {
            size_t len = strcspn(k, " ");
            int key = key_parse(k, len);

            if (key < 0)
                fail_msg("%s: key %s", rows[i].id, k);
            /* Rows before this one with the same key are for another place, or this one could never
             * be done. */
            for (size_t j = 0; j < i; j++)
                if (keys_hold(rows[j].keys, key) && (rows[i].where & ~rows[j].where) == 0)
                    fail_msg("%s and %s share a key", rows[i].id, rows[j].id);
            k += len + strspn(k + len, " ");
        }
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[i].id, rows[j].id);
    }
    assert_ptr_equal(action_of_key('q', IN_ANY | IN_HOME), action_find("quit"));
    assert_null(action_of_key('q', IN_ANY | IN_HOME | IN_TEXT));
    assert_null(action_of_key('q', IN_ANY | IN_RUN));
}

static void test_key_names(void **state)
{
    static const char *const bad[] = {"",       "F0",      "F13",   "F1x", "Ctrl-",
                                      "Ctrl-a", "Ctrl-AB", "enter", "ab",  "\001"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(key_parse(bad[i], strlen(bad[i])), -1);
    assert_int_equal(key_parse("Ctrl-R", 6), 18);
    assert_int_equal(key_parse("F12", 3), UI_KEY(KEY_F(12)));
    assert_true(keys_hold("F5 Enter", UI_KEY(KEY_ENTER)));
    assert_false(keys_hold("F5 Enter", -1));
}

/* What print() writes is the document. */
static void check_document(const char *path, void (*print)(FILE *out))
{
    static char text[65536];
    FILE *f = tmpfile();
    size_t n;

    assert_non_null(f);
    print(f);
    rewind(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    golden_check(path, text);
}

static void test_documents(void **state)
{
    (void)state;
    check_document("docs/keys.md", actions_print);
    check_document("docs/exit-codes.md", exits_print);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reach), cmocka_unit_test(test_table),
        cmocka_unit_test(test_key_names), cmocka_unit_test(test_documents),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
