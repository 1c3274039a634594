/* vectors.c - the published files of tests/vectors/; see vectors.h. */
#include "tests/aid/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ids.h"
#include "tests/aid/json.h"

enum { MEMBER_MAX = 4096 };

static void path_of(const char *name, char ret[static 100])
{
    (void)snprintf(ret, 100, "tests/vectors/%s.json", name);
}

void aid_vectors_settle(const char *name, bool publish)
{
    const char *text = aid_json_end();
    char path[100], *published = NULL;
    size_t cap = 0;
    FILE *f;

    path_of(name, path);
    if (publish) {
        f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(path, "r");
    assert_non_null(f);
    assert_true(getdelim(&published, &cap, '\0', f) > 0);
    (void)fclose(f);
    assert_string_equal(text, published);
    free(published);
}

json_t *aid_vectors_load(const char *name)
{
    char path[100];
    json_error_t error;

    path_of(name, path);

    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    if (j == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return j;
}

struct gf_span aid_vectors_bytes(const json_t *j, const char *member)
{
    static uint8_t pool[16][MEMBER_MAX];
    static size_t turn;
    const char *hex = json_string_value(json_object_get(j, member));
    uint8_t *p = pool[turn++ % 16];

    assert_non_null(hex);
    assert_true(strlen(hex) / 2 <= MEMBER_MAX);
    assert_int_equal(gf_unhex(hex, p, strlen(hex) / 2), 0);
    return (struct gf_span){ p, strlen(hex) / 2 };
}
