/* test_json_out.c - JSON as it is written: what jansson reads of it is what was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "backend/json_out.h"

#define FENCE 16

/* A text of n bytes takes no more than the room that is made for it. */
static void keeps_to_its_room(const struct buf *b, const char *text, size_t n)
{
    static const uint8_t fence[FENCE];
    uint8_t *room = calloc(1, JSON_TEXT_MAX(n) + FENCE);

    assert_non_null(room);
    assert_int_equal(json_put_text(room, text, n) - room, b->n);
    assert_memory_equal(room, b->p, b->n);
    assert_memory_equal(room + JSON_TEXT_MAX(n), fence, sizeof fence);
    free(room);
}

/* What a text of n bytes reads as. */
static void reads_back(const char *text, size_t n)
{
    struct buf b = { 0 };
    json_t *read;

    json_text(&b, text, n);
    assert_false(b.bad);
    keeps_to_its_room(&b, text, n);
    read = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert_true(json_is_string(read));
    assert_int_equal(json_string_length(read), n);
    assert_memory_equal(json_string_value(read), text, n);
    json_decref(read);
    buf_free(&b);
}

/* Every character of one byte, alone, at either end, between others, twice. */
static void every_byte_reads_back(void **state)
{
    (void)state;
    reads_back("", 0);
    for (int c = 0; c < 0x80; c++) {
        const char text[] = { (char)c, 'a', (char)c, (char)c, 'b', (char)c };

        for (size_t from = 0; from < sizeof text; from++)
            for (size_t n = 0; n <= sizeof text - from; n++)
                reads_back(text + from, n);
    }
    reads_back("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x94\xA5", 11);
}

/* Texts are copied eight bytes at a time: one that is escaped at every place of every length. */
static void every_place_reads_back(void **state)
{
    static const char specials[] = "\"\\\n\x01";

    (void)state;
    for (size_t n = 1; n <= 34; n++)
        for (size_t at = 0; at < n; at++)
            for (const char *c = specials; *c != '\0'; c++) {
                char text[40];

                for (size_t i = 0; i < n; i++)
                    text[i] = (char)('#' + i); /* none that is escaped */
                text[at] = *c;
                text[n - 1 - at] = *c;
                reads_back(text, n);
            }
}

/* As jansson writes it, byte for byte: who compared answers with those of before sees no change. */
static void texts_are_written_as_jansson_does(void **state)
{
    (void)state;
    for (int c = 1; c < 0x80; c++) {
        const char text[] = { 'a', (char)c, '\0' };
        json_t *value = json_string(text);
        char *want = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        struct buf b = { 0 };

        json_text(&b, text, 2);
        assert_int_equal(b.n, strlen(want));
        assert_memory_equal(b.p, want, b.n);
        buf_free(&b);
        free(want);
        json_decref(value);
    }
}

static void numbers_read_back(void **state)
{
    static const int64_t ends[] = { 0,  1,  9,   10,        99,        100,
                                    -1, -9, -10, INT64_MAX, INT64_MIN, INT64_C(9007199254740991) };

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct buf b = { 0 };

        json_int(&b, ends[i]);
        json_t *read = json_loadb((const char *)b.p, b.n, JSON_DECODE_ANY, NULL);
        assert_true(json_is_integer(read));
        assert_true(json_integer_value(read) == ends[i]);
        json_decref(read);
        buf_free(&b);
    }
}

/* Commas stand between members and elements, and nowhere else. */
static void commas_stand_between(void **state)
{
    static const char want[] = "{\"a\":1,\"b\":[{\"c\":\"{\",\"d\":2},{}],\"e\":3}";
    struct buf b = { 0 };

    (void)state;
    buf_text(&b, "{");
    json_name(&b, "a");
    json_int(&b, 1);
    json_name(&b, "b");
    buf_text(&b, "[");
    json_comma(&b);
    buf_text(&b, "{");
    json_name(&b, "c");
    json_text(&b, "{", 1);
    json_name(&b, "d");
    json_int(&b, 2);
    buf_text(&b, "}");
    json_comma(&b);
    buf_text(&b, "{}]");
    json_name(&b, "e");
    json_int(&b, 3);
    buf_text(&b, "}");
    assert_int_equal(b.n, strlen(want));
    assert_memory_equal(b.p, want, b.n);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_reads_back),
        cmocka_unit_test(every_place_reads_back),
        cmocka_unit_test(texts_are_written_as_jansson_does),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(commas_stand_between),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
