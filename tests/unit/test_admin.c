/* test_admin.c - gasoffice's commands as rows: their form, their help, the reading of arguments;
 * docs/gasoffice.md says what the rows say. GENERATE=1 writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/admin.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/document.h"

#define CAP 65536
#define ARGV_MAX 80

/* ---- rows ---- */

typedef void each_command(const struct admin_command *c);

static void for_each(each_command *f)
{
    for (size_t g = 0; g < admin_n_groups; g++)
        for (size_t i = 0; i < admin_groups[g]->n; i++)
            f(&admin_groups[g]->commands[i]);
}

/* A text for help: there, on one line, no stop at its end, nothing that breaks a table. */
static void check_text(const char *text, bool is_sentence)
{
    assert_non_null(text);
    assert_true(strlen(text) > 3);
    assert_null(strpbrk(text, "\n|"));
    assert_true((text[strlen(text) - 1] == '.') == is_sentence);
}

static void check_row(const struct admin_command *c)
{
    int words = 0;
    char name[64], *argv[3] = { name, NULL, NULL };

    assert_true(strlen(c->name) < sizeof name && strlen(c->name) <= 22);
    strcpy(name, c->name);
    argv[1] = strchr(name, ' ');
    if (argv[1] != NULL)
        *argv[1]++ = '\0';
    /* it is found by its name: no row before it has the same */
    assert_ptr_equal(admin_find(argv[1] != NULL ? 2 : 1, argv, &words), c);
    assert_int_equal(words, argv[1] != NULL ? 2 : 1);
    check_text(c->what, false);
    if (c->more != NULL)
        check_text(c->more, true);
    assert_non_null(c->words);
    assert_non_null(c->run);
    for (size_t i = 0; i < c->n_options; i++) {
        const struct admin_option *o = &c->options[i];

        check_text(o->what, false);
        assert_true(strncmp(o->name, "--", 2) != 0 && strlen(o->name) <= 20);
        assert_true(!o->is_needed || o->value != NULL);
        assert_true(o->max <= ADMIN_WORDS_MAX);
        assert_true(strcmp(o->name, "dir") != 0 && strcmp(o->name, "json") != 0
                    && strcmp(o->name, "help") != 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(o->name, c->options[k].name);
    }
}

static void test_rows(void **state)
{
    (void)state;
    for_each(check_row);
}

/* ---- help ---- */

static char said[CAP];

/* Run gasoffice in this process with these arguments, NULL at their end; what it prints is in
 * `said`. Its exit status. */
static int gasoffice(const char *const *arguments)
{
    char *argv[ARGV_MAX] = { strdup("gasoffice") };
    int argc = 1, r;
    FILE *f = fmemopen(said, sizeof said - 1, "w");
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct admin a = { .dir = "nowhere", .ports = &ports, .in = stdin, .out = f, .err = f };

    assert_non_null(f);
    for (; arguments[argc - 1] != NULL; argc++)
        argv[argc] = strdup(arguments[argc - 1]);
    r = admin_main(&a, argc, argv);
    said[ftell(f)] = '\0';
    assert_int_equal(fclose(f), 0);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return r;
}
#define RUN(...) gasoffice((const char *const[]){ __VA_ARGS__, NULL })

static void check_help(const struct admin_command *c)
{
    char name[64], *second;

    strcpy(name, c->name);
    second = strchr(name, ' ');
    if (second != NULL) {
        *second++ = '\0';
        assert_int_equal(RUN(name, "--help"), 0);
        assert_non_null(strstr(said, c->name));
        assert_int_equal(RUN(name), 2);
        assert_int_equal(RUN(name, second, "--help"), 0);
    } else
        assert_int_equal(RUN(name, "--help"), 0);
    assert_non_null(strstr(said, c->what));
    for (size_t i = 0; i < c->n_options; i++) {
        char option[64];

        (void)snprintf(option, sizeof option, "  --%s ", c->options[i].name);
        assert_non_null(strstr(said, option));
    }
    assert_int_equal(RUN("--help"), 0);
    assert_non_null(strstr(said, c->name));
}

static void test_help(void **state)
{
    (void)state;
    for_each(check_help);
}

static void print_commands(FILE *f)
{
    admin_print_page(f);
}

static void test_document(void **state)
{
    static const struct aid_section sections[] = { { "commands", print_commands } };

    (void)state;
    aid_document_settle("docs/gasoffice.md", sections, 1);
}

/* ---- arguments ---- */

static const struct admin_option some_options[] = {
    { "due", "DATE", "a day", 0, false },
    { "param", "ID=VALUE", "some", 3, false },
    { "key", "FILE", "a key", 0, true },
    { "ascii", NULL, "plain", 0, false },
};
static const struct admin_command some = {
    .name = "some", .words = "METER [STAFF]", .what = "x", ADMIN_OPTIONS(some_options)
};
static const struct admin_command many = { .name = "many", .words = "METER...", .what = "x" };
static const struct admin_command any = { .name = "any", .words = "[METER...]", .what = "x" };

/* Read these arguments; 0, or what is said of them is in why. */
static int args_of(const struct admin_command *c, const char *const *arguments,
                   struct admin_args *ret, struct gf_fail *why)
{
    static char *argv[ARGV_MAX];
    static char texts[ARGV_MAX][64];
    int argc = 0;

    *why = (struct gf_fail){ 0 };
    for (argc = 0; arguments[argc] != NULL; argc++) {
        (void)snprintf(texts[argc], sizeof texts[argc], "%s", arguments[argc]);
        argv[argc] = texts[argc];
    }
    argv[argc] = NULL;
    return admin_args(c, argc, argv, ret, why);
}
#define ARGS(c, ret, why, ...) args_of(c, (const char *const[]){ __VA_ARGS__, NULL }, ret, why)

static void refused(const struct admin_command *c, const char *where, const char *detail,
                    const char *const *arguments)
{
    struct admin_args args;
    struct gf_fail why;

    assert_int_equal(args_of(c, arguments, &args, &why), GF_E_USAGE);
    assert_string_equal(why.where, where);
    assert_string_equal(why.detail, detail);
}
#define REFUSED(c, where, detail, ...)                                                             \
    refused(c, where, detail, (const char *const[]){ __VA_ARGS__, NULL })

static void test_arguments(void **state)
{
    struct admin_args args;
    struct gf_fail why;
    const char *values[4];

    (void)state;
    /* options stand anywhere, with their values behind them or after = */
    assert_int_equal(ARGS(&some, &args, &why, "some", "--param", "1=2", "M", "--key=k", "S",
                          "--param=3=4", "--ascii", "--dir", "d"),
                     0);
    assert_int_equal(args.n_words, 2);
    assert_string_equal(args.words[0], "M");
    assert_string_equal(args.words[1], "S");
    assert_null(args.words[2]);
    assert_string_equal(admin_value(&args, "key"), "k");
    assert_null(admin_value(&args, "due"));
    assert_true(admin_has(&args, "ascii"));
    assert_false(admin_has(&args, "due"));
    assert_int_equal(admin_values(&args, "param", values, 4), 2);
    assert_string_equal(values[0], "1=2");
    assert_string_equal(admin_value(&args, "param"), "3=4");
    assert_string_equal(args.dir, "d");
    assert_false(args.wants_json);
    /* a value may begin with a hyphen, a word behind -- too; - is a word */
    assert_int_equal(ARGS(&some, &args, &why, "some", "-", "--key", "-k", "--", "--due"), 0);
    assert_string_equal(args.words[0], "-");
    assert_string_equal(args.words[1], "--due");
    assert_string_equal(admin_value(&args, "key"), "-k");
    assert_int_equal(ARGS(&some, &args, &why, "some", "--help"), 0);
    assert_true(args.wants_help);
    assert_int_equal(ARGS(&any, &args, &why, "any", "--json"), 0);
    assert_true(args.wants_json);
    assert_int_equal(ARGS(&many, &args, &why, "many", "a", "b", "c"), 0);
    assert_int_equal(args.n_words, 3);

    REFUSED(&some, "argument missing", "METER", "some", "--key", "k");
    REFUSED(&many, "argument missing", "METER...", "many");
    REFUSED(&some, "one argument too many", "T", "some", "M", "S", "T", "--key", "k");
    REFUSED(&some, "option missing", "--key", "some", "M");
    REFUSED(&some, "value missing behind", "--due", "some", "M", "--due");
    REFUSED(&some, "there is no option", "--nope", "some", "--nope", "M");
    REFUSED(&some, "there is no option", "--nope=1", "some", "M", "--nope=1");
    REFUSED(&some, "there is no option", "-x", "some", "M", "-x");
    REFUSED(&some, "no value belongs to", "--ascii=1", "some", "M", "--ascii=1");
    REFUSED(&some, "due", "this option stands there twice", "some", "M", "--due", "a", "--due",
            "b");
    REFUSED(&some, "param", "this option stands there too often", "some", "M", "--param", "1",
            "--param", "2", "--param", "3", "--param", "4");
}

/* One word more than there is room for is refused, not written. */
static void test_many_words(void **state)
{
    const char *arguments[ADMIN_WORDS_MAX + 3] = { "many" };
    struct admin_args args;
    struct gf_fail why;

    (void)state;
    for (size_t i = 1; i <= ADMIN_WORDS_MAX; i++)
        arguments[i] = "M";
    assert_int_equal(args_of(&many, arguments, &args, &why), 0);
    assert_int_equal(args.n_words, ADMIN_WORDS_MAX);
    arguments[ADMIN_WORDS_MAX + 1] = "N";
    refused(&many, "one argument too many", "N", arguments);
}

static void test_numbers(void **state)
{
    struct admin_args args;
    struct gf_fail why;
    int64_t v = 0;

    (void)state;
    assert_int_equal(ARGS(&some, &args, &why, "some", "M", "--key", "7", "--due", "11"), 0);
    assert_int_equal(admin_int(&args, "key", 5, 1, 10, &v, &why), 0);
    assert_int_equal(v, 7);
    assert_int_equal(admin_int(&args, "param", 5, 1, 10, &v, &why), 0);
    assert_int_equal(v, 5);
    assert_int_equal(admin_int(&args, "due", 5, 1, 10, &v, &why), GF_E_USAGE);
    assert_string_equal(why.where, "due");
    assert_string_equal(why.detail, "a number from 1 to 10 is wanted, not 11");
    assert_int_equal(admin_number("1x", "n", 1, 10, &v, &why), GF_E_USAGE);
    assert_int_equal(v, 5);
}

/* ---- the program ---- */

static void test_program(void **state)
{
    (void)state;
    assert_int_equal(gasoffice((const char *const[]){ NULL }), 2);
    assert_non_null(strstr(said, "a command is wanted"));
    assert_int_equal(RUN("frobnicate"), 2);
    assert_non_null(strstr(said, "there is no command: frobnicate"));
    assert_int_equal(RUN("--nope", "audit"), 2);
    assert_non_null(strstr(said, "--nope"));
    assert_int_equal(RUN("--dir"), 2);
    assert_int_equal(RUN("--dir", "build/no/such", "audit"), 3);
    assert_int_equal(RUN("audit", "--dir", "build/no/such"), 3);
    assert_non_null(strstr(said, "make one with init"));
}

static void test_failure_in_json(void **state)
{
    json_t *doc;

    (void)state;
    assert_int_equal(RUN("verify-certificate", "--json"), 2);
    doc = json_loads(said, 0, NULL);
    assert_non_null(doc);
    assert_string_equal(json_string_value(json_object_get(doc, "error")), "USAGE");
    assert_string_equal(json_string_value(json_object_get(doc, "where")), "argument missing");
    assert_int_equal(json_integer_value(json_object_get(doc, "exit_status")), 2);
    json_decref(doc);
    assert_int_equal(RUN("--json", "audit", "--dir", "build/no/such"), 3);
    doc = json_loads(said, 0, NULL);
    assert_non_null(doc);
    assert_string_equal(json_string_value(json_object_get(doc, "error")), "FILE");
    json_decref(doc);
}

/* ---- answers ---- */

static void answered(const char *json, bool as_json, const char *want)
{
    FILE *f = fmemopen(said, sizeof said - 1, "w");
    struct admin a = { .out = f, .json = as_json };
    struct gf_fail why = { 0 };

    assert_non_null(f);
    assert_int_equal(admin_answer(&a, json_loads(json, 0, NULL), &why), 0);
    said[ftell(f)] = '\0';
    assert_int_equal(fclose(f), 0);
    assert_string_equal(said, want);
}

/* A name of 170 characters: too wide for a table. */
#define TEN "abcdefghij"
#define WIDE TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define GAP "          "
#define WIDE_GAP                                                                                   \
    "         " GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP GAP

static void test_answers(void **state)
{
    struct admin a = { .out = stdout };
    struct gf_fail why = { 0 };

    (void)state;
    answered("[{\"a\":1,\"name\":\"x\"},{\"a\":100,\"name\":\"\xC3\xA4z\",\"more\":null}]", false,
             "  a  name  more\n"
             "  1  x     -\n"
             "100  \xC3\xA4z    -\n");
    answered("{\"day\":\"d\",\"all_l\":5,\"of_it\":[{\"x_l\":true}],\"lost\":[],\"in\":{\"k\":2}}", false,
             "day    d\n"
             "all l  5\n"
             "lost   none\n"
             "\nof it\nx l\nyes\n"
             "\nin\nk  2\n");
    answered("[{\"a\":1,\"" WIDE "\":2},{\"a\":3,\"" WIDE "\":4}]", false,
             "a" WIDE_GAP "  1\n" WIDE "  2\n\na" WIDE_GAP "  3\n" WIDE "  4\n");
    answered("[\"\\u0007bell\"]", false, "?bell\n");
    answered("[1]", true, "[\n 1\n]\n");
    assert_int_equal(admin_answer(&a, NULL, &why), GF_E_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),      cmocka_unit_test(test_help),
        cmocka_unit_test(test_document),  cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_many_words), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_program),   cmocka_unit_test(test_failure_in_json),
        cmocka_unit_test(test_answers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
