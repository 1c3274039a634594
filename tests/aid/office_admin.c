/* office_admin.c - gasoffice as a person types it; see office_admin.h. */
#include "tests/aid/office_admin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/admin.h"

#define WORDS_MAX 20

char *oadm_said;

static void forget(void)
{
    free(oadm_said);
    oadm_said = NULL;
}

int oadm_run(struct oaid_office *a, const char *const *words)
{
    char *argv[WORDS_MAX + 4] = { strdup("gasoffice"), strdup("--dir"), strdup(a->dir) };
    struct admin admin = { .dir = a->dir, .ports = &a->ports, .in = stdin };
    static bool is_registered;
    int argc = 3, r;
    size_t n;

    if (!is_registered)
        assert_int_equal(atexit(forget), 0);
    is_registered = true;
    forget();
    admin.out = admin.err = open_memstream(&oadm_said, &n);
    assert_non_null(admin.out);
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i < WORDS_MAX);
        argv[argc++] = strdup(words[i]);
    }
    r = admin_main(&admin, argc, argv);
    assert_int_equal(fclose(admin.out), 0);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return r;
}

json_t *oadm_json(struct oaid_office *a, const char *const *words)
{
    const char *with[WORDS_MAX + 2] = { NULL };
    size_t n = 0;
    json_t *json;

    for (; words[n] != NULL; n++) {
        assert_true(n < WORDS_MAX);
        with[n] = words[n];
    }
    with[n] = "--json";
    if (oadm_run(a, with) != 0)
        fail_msg("%s", oadm_said);
    json = json_loads(oadm_said, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(json);
    return json;
}
