/* test_api_bodies.c - bodies that are wrong in every way that the tables have a word for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/api.h"
#include "tests/aid/api_each.h"

/* ---- bodies ---- */

static json_t *sample_of(const struct api_message *m);

static json_t *text_of(char c, int64_t n)
{
    char *text = malloc((size_t)n + 1);

    memset(text, c, (size_t)n);
    text[n] = '\0';
    json_t *json = json_stringn(text, (size_t)n);
    free(text);
    return json;
}

/* A value that a field takes; of texts and numbers with this size, when that is not negative. */
static json_t *value_of(const struct api_field *f, int64_t size)
{
    int64_t n = size >= 0 ? size : f->min > 0 ? f->min : 1;
    char word[64];
    json_t *list;

    switch (f->type) {
    case API_TEXT:
    case API_ID:
    case API_SECRET:
    case API_LINES:
        return text_of('A', n);
    case API_HEX:
        return text_of('0', 2 * n);
    case API_INT:
        return json_integer(size >= 0 ? size : f->min);
    case API_BOOL:
        return json_true();
    case API_UUID:
        return json_string("0190a5b2-0000-7000-8000-000000000001");
    case API_DATE:
        return json_string("2026-11-22");
    case API_WORD:
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(f->words, "|"), f->words);
        return json_string(word);
    case API_OBJECT:
        return sample_of(f->of);
    case API_LIST:
    case API_TEXTS:
        list = json_array();
        for (int64_t i = 0; i < n; i++)
            (void)json_array_append_new(list, f->of != NULL ? sample_of(f->of) : json_string("a"));
        return list;
    case API_TYPES:
        break;
    }
    return NULL;
}

static json_t *sample_of(const struct api_message *m)
{
    json_t *json = json_object();

    for (size_t i = 0; i < m->n; i++)
        (void)json_object_set_new(json, m->fields[i].name, value_of(&m->fields[i], -1));
    return json;
}

/* The route whose bodies are wrong at the moment. */
static const struct api_route *at_route;
static const char *at_path;
static json_t *at_body; /* whole, and right but for the place under test */
static unsigned wrong_bodies;

/* The body as it is now is refused at this place (as far as a place is told). */
static void refused_at(const char *place)
{
    struct each_got got = each_call(at_route, at_path, each_friend(at_route), at_body);

    wrong_bodies++;
    if (got.status != 400 || strcmp(got.error, "format") != 0
        || strncmp(got.field, place, 23) != 0) {
        char *text = json_dumps(at_body, JSON_ENCODE_ANY);

        fail_msg("%s: %.300s: %d %s at %s, not at %s", at_path, text, got.status, got.error,
                 got.field, place);
    }
}

static bool is_type(const struct api_field *f, const json_t *v)
{
    switch (f->type) {
    case API_INT:
        return json_is_integer(v);
    case API_BOOL:
        return json_is_boolean(v);
    case API_OBJECT:
        return json_is_object(v);
    case API_LIST:
    case API_TEXTS:
        return json_is_array(v);
    case API_TEXT:
    case API_ID:
    case API_UUID:
    case API_HEX:
    case API_DATE:
    case API_WORD:
    case API_SECRET:
    case API_LINES:
    case API_TYPES:
        break;
    }
    return json_is_string(v);
}

static void spoil_size(json_t *in, const struct api_field *f, const char *place)
{
    bool is_sized = f->type == API_TEXT || f->type == API_ID || f->type == API_HEX
                    || f->type == API_SECRET || f->type == API_LINES || f->type == API_INT
                    || f->type == API_LIST || f->type == API_TEXTS;

    if (!is_sized || (f->min == 0 && f->max == 0))
        return;
    if (f->max < 15000 || f->type == API_INT) { /* bodies have a limit of their own */
        (void)json_object_set_new(in, f->name, value_of(f, f->max + 1));
        refused_at(place);
    }
    if (f->min > 0) {
        (void)json_object_set_new(in, f->name, value_of(f, f->min - 1));
        refused_at(place);
    }
}

static void spoil_text(json_t *in, const struct api_field *f, const char *place)
{
    static const char *const texts[] = { "\x01",         "a\x7F",      "\xC2\x85",
                                         "not-a-thing!", "2026-13-01", "0" };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bool is_free = f->type == API_TEXT || f->type == API_SECRET || f->type == API_LINES;

        json_t *text = json_string(texts[i]);

        if (!is_type(f, text) || (is_free && i > 2) || (f->type == API_ID && i > 3)) {
            json_decref(text);
            continue;
        }
        (void)json_object_set_new(in, f->name, text);
        refused_at(place);
    }
}

/* Every field of an object in at_body, one after another, wrong in every way. */
static void spoil(const struct api_message *m, json_t *in, const char *above)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];
        json_t *const values[] = { json_null(),      json_true(),  json_integer(1), json_real(1.5),
                                   json_string("x"), json_array(), json_object() };
        json_t *right = json_deep_copy(json_object_get(in, f->name));
        char place[128];

        (void)snprintf(place, sizeof place, "%s%s%s", above, above[0] != '\0' ? "." : "", f->name);
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            if (!is_type(f, values[k])) {
                (void)json_object_set(in, f->name, values[k]);
                refused_at(place);
            }
            json_decref(values[k]);
        }
        spoil_size(in, f, place);
        spoil_text(in, f, place);
        (void)json_object_del(in, f->name);
        if (!f->is_optional)
            refused_at(place);
        (void)json_object_set_new(in, f->name, right);
        if (f->type == API_OBJECT)
            spoil(f->of, right, place);
        if (f->type == API_LIST) {
            (void)snprintf(place + strlen(place), 8, "[0]");
            spoil(f->of, json_array_get(right, 0), place);
        }
    }

    char place[128];
    (void)snprintf(place, sizeof place, "%s%sno_such_field", above, above[0] != '\0' ? "." : "");
    (void)json_object_set_new(in, "no_such_field", json_true());
    refused_at(place);
    (void)json_object_del(in, "no_such_field");
}

static void visit_bodies(const struct api_route *r, const char *path)
{
    struct gf_fail why = { 0 };

    if (r->takes == NULL)
        return;
    at_route = r;
    at_path = path;
    at_body = sample_of(r->takes);
    if (api_check(r->takes, at_body, &why) != 0)
        fail_msg("%s: a right body is refused: %s: %s", path, why.where, why.detail);
    spoil(r->takes, at_body, "");
    json_decref(at_body);
}

static void each_field_is_refused_when_it_is_wrong(void **state)
{
    int64_t before = each_rows();

    (void)state;
    each_route(visit_bodies);
    assert_true(wrong_bodies > 500);
    assert_int_equal(each_rows(), before);
}

static void check_bounds(const struct api_message *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];
        struct api_message one = { .name = "one", .fields = f, .n = 1 };
        bool is_word = f->type == API_WORD || f->type == API_UUID || f->type == API_DATE
                       || f->type == API_BOOL || f->type == API_OBJECT || f->type == API_LIST;
        const int64_t sizes[] = { f->min, f->max };

        for (size_t k = 0; k < 2 && !is_word && f->max > 0; k++) {
            json_t *json;

            if (f->type != API_INT && sizes[k] > 100000)
                continue;
            json = json_object();
            (void)json_object_set_new(json, f->name, value_of(f, sizes[k]));
            if (f->type == API_INT)
                (void)json_object_set_new(json, f->name, json_integer(sizes[k]));
            assert_int_equal(api_check(&one, json, NULL), 0);
            json_decref(json);
        }
    }
}

static void visit_bounds(const struct api_route *r, const char *path)
{
    (void)path;
    if (r->takes != NULL)
        check_bounds(r->takes);
}

static void smallest_and_largest_are_taken(void **state)
{
    (void)state;
    each_route(visit_bounds);
}

/* Every text full of what databases have a meaning for: it is data. */
static void put_words(const struct api_message *m, json_t *in, const char *words)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct api_field *f = &m->fields[i];

        if (f->type == API_TEXT || f->type == API_SECRET || f->type == API_LINES)
            (void)json_object_set_new(in, f->name,
                                      json_stringn(words, strlen(words) < (size_t)f->max
                                                              ? strlen(words)
                                                              : (size_t)f->max));
        if (f->type == API_OBJECT)
            put_words(f->of, json_object_get(in, f->name), words);
    }
}

static void visit_words(const struct api_route *r, const char *path)
{
    static const char *const words[] = { "'; DROP TABLE staff; --", "\" OR 1=1 --", "\\'; $1 ?1 %_",
                                         "Robert'); DELETE FROM meter;" };

    if (r->takes == NULL)
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        json_t *body = sample_of(r->takes);
        struct each_got got;

        put_words(r->takes, body, words[i]);
        got = each_call(r, path, each_friend(r), body);
        if (got.status >= 500)
            fail_msg("%s: %s: %d %s %s", path, words[i], got.status, got.error, got.message);
        json_decref(body);
    }
}

static void words_of_the_database_are_data(void **state)
{
    (void)state;
    each_route(visit_words);
    assert_true(oaid_sql_number(&each_office, "SELECT COUNT(*) FROM staff") >= 8);
    assert_int_equal(oaid_sql_number(&each_office, "SELECT COUNT(*) FROM meter"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_is_refused_when_it_is_wrong),
        cmocka_unit_test(smallest_and_largest_are_taken),
        cmocka_unit_test(words_of_the_database_are_data),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, each_start, each_stop);
}
