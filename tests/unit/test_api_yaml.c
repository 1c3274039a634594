/* test_api_yaml.c - the tables of routes and messages obey their form; docs/api.yaml is printed
 * from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/api.h"
#include "backend/office_register.h"

#define FILE_NAME "docs/api.yaml"

/* With GENERATE=1 the file is written; else it is compared. */
static void the_document_is_what_the_tables_print(void **state)
{
    struct buf want = { 0 };
    FILE *f;
    char *got;

    (void)state;
    api_print_yaml(&want);
    assert_false(want.bad);
    if (getenv("GENERATE") != NULL) {
        f = fopen(FILE_NAME, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(want.p, 1, want.n, f), want.n);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(FILE_NAME, "r");
    if (f == NULL)
        fail_msg(FILE_NAME " cannot be read: run in the project's folder");
    got = malloc(want.n + 2);
    assert_non_null(got);
    size_t n = fread(got, 1, want.n + 1, f);
    (void)fclose(f);
    if (n != want.n || memcmp(got, want.p, n) != 0)
        fail_msg(FILE_NAME " is not what the tables say: GENERATE=1 writes it");
    free(got);
    buf_free(&want);
}

static void check_message(const struct api_message *m, int depth)
{
    assert_non_null(m->name);
    assert_true(depth < 6);
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];

        if (f->name == NULL || f->what == NULL || f->what[0] == '\0' || f->min > f->max
            || f->type >= API_TYPES || (f->type == API_WORD) != (f->words != NULL)
            || (f->type == API_OBJECT || f->type == API_LIST) != (f->of != NULL))
            fail_msg("%s: field %zu (%s) is not as a field has to be", m->name, i,
                     f->name != NULL ? f->name : "no name");
        assert_in_range(strlen(f->name), 1, API_NAME_MAX); /* what a row's writer makes room for */
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(m->fields[k].name, f->name);
        if (f->of != NULL)
            check_message(f->of, depth + 1);
    }
}

/* Messages of one name are one message, so that docs/api.yaml says what is meant. */
static void check_names(const struct api_message *m, const struct api_message **seen, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(seen[i]->name, m->name) != 0)
            continue;
        if (seen[i]->fields != m->fields || seen[i]->n != m->n)
            fail_msg("two messages are called %s", m->name);
        return;
    }
    assert_true(*n < 256);
    seen[(*n)++] = m;
    for (size_t i = 0; i < m->n; i++)
        if (m->fields[i].of != NULL)
            check_names(m->fields[i].of, seen, n);
}

static void check_path(const struct api_route *r)
{
    const char *p = r->path;
    int words = 0;

    assert_int_equal(p[0], '/');
    for (; *p != '\0'; p++) {
        words += *p == '{';
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_-/{}", *p) == NULL)
            fail_msg("%s: %c", r->path, *p);
    }
    assert_true(words <= 2);
}

/* "409 NOT_NOW sentence|...": statuses that errors have. */
static void check_errors(const struct api_route *r)
{
    for (const char *p = r->errors; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, "|");
        int status = atoi(p);

        if (status < 400 || status > 503 || p[3] != ' ' || n < 7)
            fail_msg("%s %s: %s", r->method, r->path, p);
        p += n + (p[n] == '|');
    }
}

static void routes_have_their_form(void **state)
{
    const struct api_message *seen[256];
    size_t n_seen = 0;

    (void)state;
    for (size_t p = 0; p < api_n_parts; p++)
        for (size_t i = 0; i < api_parts[p]->n; i++) {
            const struct api_route *r = &api_parts[p]->routes[i];
            bool is_get = strcmp(r->method, "GET") == 0;

            check_path(r);
            check_errors(r);
            if ((!is_get && strcmp(r->method, "POST") != 0) || r->handler == NULL || r->what == NULL
                || (is_get && (r->takes != NULL || r->content_type != NULL))
                || ((r->flags & API_LIST_ROUTE) != 0 && (r->gives == NULL || !is_get))
                || (r->gives != NULL && r->gives_type != NULL)
                || (r->door == API_STAFF) != ((r->roles & API_ALL_STAFF) != 0)
                || (r->door == API_LOGGED_IN) != (r->roles == API_BIT(CUSTOMER)))
                fail_msg("%s %s is not as a route has to be", r->method, r->path);
            for (size_t q = 0; q <= p; q++)
                for (size_t k = 0; k < (q == p ? i : api_parts[q]->n); k++) {
                    const struct api_route *o = &api_parts[q]->routes[k];

                    if (strcmp(o->path, r->path) == 0 && strcmp(o->method, r->method) == 0
                        && (o->door == API_STAFF) == (r->door == API_STAFF))
                        fail_msg("%s %s stands twice", r->method, r->path);
                }
            const struct api_message *const of[] = { r->takes, r->gives, r->asks };
            for (size_t k = 0; k < 3; k++)
                if (of[k] != NULL) {
                    check_message(of[k], 0);
                    check_names(of[k], seen, &n_seen);
                }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_have_their_form),
        cmocka_unit_test(the_document_is_what_the_tables_print),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
