/* test_field_procedure.c - the tables of steps obey their form, and docs/procedures.md is printed
 * from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "field/procedure.h"

#define DOC "docs/procedures.md"

/* ---- form ---- */

static void assert_sentence(const struct step *s, const char *what, const char *text)
{
    size_t n = text == NULL ? 0 : strlen(text);

    if (n < 10 || n >= sizeof ((struct run_view *)0)->help)
        fail_msg("%s: %s has %zu characters", s->id, what, n);
    if (strchr(".?!", text[n - 1]) == NULL || text[0] < 'A' || text[0] > 'Z')
        fail_msg("%s: %s is not a sentence: \"%s\"", s->id, what, text);
    for (size_t i = 0; i < n; i++)
        if (text[i] < ' ' || text[i] > '~')
            fail_msg("%s: %s has a character that not every terminal shows", s->id, what);
}

static void assert_id(const char *id)
{
    assert_non_null(id);
    assert_in_range(strlen(id), 1, STEP_ID_LEN);
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz-"), strlen(id));
}

static void steps_have_their_form(void **state)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);

    (void)state;
    assert_true(n > 0);
    for (size_t p = 0; p < n; p++) {
        assert_id(all[p]->id);
        assert_in_range(all[p]->n_steps, 1, RUN_STEPS_MAX);
        assert_in_range(strlen(all[p]->title), 1, sizeof ((struct run_view *)0)->title - 1);
        for (size_t i = 0; i < all[p]->n_steps; i++) {
            const struct step *s = all[p]->steps[i];

            assert_id(s->id);
            assert_in_range(strlen(s->title), 3, STEP_TITLE_LEN);
            assert_sentence(s, "verified", s->verified);
            assert_sentence(s, "refusal", s->refusal);
            assert_sentence(s, "help", s->help);
            assert_non_null(s->on);
            assert_true((s->needs & ~(unsigned)(NEEDS_ANSWER | NEEDS_LINK | NEEDS_SESSION |
                                                NEEDS_OFFICE)) == 0);
        }
    }
}

static void ids_are_unique(void **state)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);

    (void)state;
    for (size_t p = 0; p < n; p++) {
        for (size_t q = p + 1; q < n; q++)
            assert_string_not_equal(all[p]->id, all[q]->id);
        for (size_t i = 0; i < all[p]->n_steps; i++) {
            assert_string_not_equal(all[p]->steps[i]->id, "receipts");   /* rows of the engine's own */
            assert_string_not_equal(all[p]->steps[i]->id, "purge-stop");
            assert_string_not_equal(all[p]->steps[i]->id, "start");
            for (size_t j = i + 1; j < all[p]->n_steps; j++) {
                assert_string_not_equal(all[p]->steps[i]->id, all[p]->steps[j]->id);
                assert_string_not_equal(all[p]->steps[i]->title, all[p]->steps[j]->title);
            }
        }
    }
}

/* Questions and needs agree; each question has an id of its own, the dangerous ones a word in
 * capitals. */
static void questions_have_their_form(void **state)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);
    const char *seen[64];
    size_t n_seen = 0;

    (void)state;
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < all[p]->n_steps; i++) {
            const struct step *s = all[p]->steps[i];
            size_t q = 0;

            for (; s->questions[q].ask != ASK_NONE; q++) {
                const struct step_question *at = &s->questions[q];

                assert_true(q < STEP_QUESTIONS);
                assert_id(at->id);
                assert_sentence(s, "prompt", at->prompt);
                assert_true(strlen(at->prompt) < sizeof ((struct run_view *)0)->prompt);
                assert_sentence(s, "help of a question", at->help);
                assert_int_equal(at->ask == ASK_WORD, at->word != NULL);
                if (at->word != NULL) {
                    assert_in_range(strlen(at->word), 3, sizeof ((struct run_view *)0)->word - 1);
                    assert_int_equal(strspn(at->word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
                                     strlen(at->word));
                }
                for (size_t k = 0; k < n_seen; k++)
                    assert_string_not_equal(seen[k], at->id);
                assert_true(n_seen < 64);
                seen[n_seen++] = at->id;
            }
            assert_int_equal((s->needs & NEEDS_ANSWER) != 0, q > 0);
        }
        n_seen = 0;
    }
}

/* What changes the meter needs a session, and says how it is built and judged. */
static void changes_have_their_form(void **state)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);

    (void)state;
    for (size_t p = 0; p < n; p++) {
        for (size_t i = 0; i < all[p]->n_steps; i++) {
            const struct step *s = all[p]->steps[i];

            if (s->op == NULL)
                continue;
            assert_true((s->needs & NEEDS_SESSION) != 0);
            assert_int_not_equal(s->op->command, gasm_Command_COMMAND_NONE);
            assert_non_null(s->op->build);
            assert_non_null(s->op->check);
            assert_true(s->op->show == NULL || s->op->before != gasm_Command_COMMAND_NONE);
        }
    }
}

static void procedures_are_found(void **state)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);

    (void)state;
    for (size_t p = 0; p < n; p++)
        assert_ptr_equal(procedure_find(all[p]->id), all[p]);
    assert_null(procedure_find(""));
    assert_null(procedure_find("account"));
    assert_null(procedure_find("account-opening "));
}

static void everything_has_a_word(void **state)
{
    (void)state;
    for (int i = 0; i <= _gasm_Refusal_MAX; i++)
        assert_string_not_equal(refusal_text((gasm_Refusal)i), "unknown");
    for (int i = 1; i <= _gasm_LifeState_MAX; i++)
        assert_string_not_equal(life_text((gasm_LifeState)i), "unknown");
    for (int i = 1; i <= _gasm_ValveState_MAX; i++)
        assert_string_not_equal(valve_text((gasm_ValveState)i), "unknown");
    for (int i = 0; i <= _gasm_PurgeEnd_MAX; i++)
        assert_string_not_equal(purge_end_text((gasm_PurgeEnd)i), "unknown");
    assert_string_equal(refusal_text((gasm_Refusal)99), "unknown");
    assert_string_equal(life_text((gasm_LifeState)-1), "unknown");
}

/* ---- the document ---- */

static void print_questions(FILE *f, const struct step *s)
{
    static const char *const kinds[] = {
        [ASK_NONE] = "",
        [ASK_LABEL] = "the label, or the meter id typed twice",
        [ASK_YES] = "`yes` or `no`",
        [ASK_WORD] = "the word",
        [ASK_TEXT] = "free text",
        [ASK_ENTER] = "anything",
    };

    for (const struct step_question *q = s->questions; q->ask != ASK_NONE; q++)
        fprintf(f, "- Asks `%s`: %s%s%s%s%s %s\n", q->id, kinds[q->ask],
                q->word != NULL ? " `" : "", q->word != NULL ? q->word : "",
                q->word != NULL ? "` (dangerous)" : "", ".", q->prompt);
}

static void print_step(FILE *f, size_t n, const struct step *s)
{
    static const struct {
        unsigned need;
        const char *text;
    } needs[] = {
        {NEEDS_ANSWER, "the operator's answer"},
        {NEEDS_LINK, "a connection"},
        {NEEDS_SESSION, "a session with the meter"},
        {NEEDS_OFFICE, "head office (goes on without)"},
    };
    const char *comma = "";

    fprintf(f, "\n### %zu. %s (`%s`)\n\n%s\n\n- Needs: ", n + 1, s->title, s->id, s->help);
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if ((s->needs & needs[i].need) == 0)
            continue;
        fprintf(f, "%s%s", comma, needs[i].text);
        comma = ", ";
    }
    fprintf(f, "%s\n", *comma == '\0' ? "nothing" : "");
    print_questions(f, s);
    fprintf(f, "- Verified: %s\n- When it is refused: %s\n", s->verified, s->refusal);
}

/* The first procedure that has this row. */
static const struct procedure *procedure_with(const struct step *s)
{
    size_t n;
    const struct procedure *const *all = procedures(&n);

    for (size_t p = 0; p < n; p++)
        for (size_t i = 0; i < all[p]->n_steps; i++)
            if (all[p]->steps[i] == s)
                return all[p];
    return NULL;
}

static char *print_document(void)
{
    char *text = NULL;
    size_t len = 0, n;
    FILE *f = open_memstream(&text, &len);
    const struct procedure *const *all = procedures(&n);

    assert_non_null(f);
    fputs("# Procedures\n\n"
          "Printed from the tables of steps in `field/` (`GENERATE=1 make test` rewrites this "
          "page). Each step makes the\n"
          "connection and the session that it needs by itself, as often as it takes. The names in "
          "`asks` are those of an\n"
          "answers file: `name = answer`, one a line.\n",
          f);
    for (size_t p = 0; p < n; p++) {
        fprintf(f, "\n## %s (`%s`)\n", all[p]->title, all[p]->id);
        for (size_t i = 0; i < all[p]->n_steps; i++) {
            const struct step *s = all[p]->steps[i];
            const struct procedure *first = procedure_with(s);

            if (first == all[p])
                print_step(f, i, s);
            else
                fprintf(f, "\n### %zu. %s (`%s`)\n\nAs in %s.\n", i + 1, s->title, s->id,
                        first->title);
        }
    }
    fclose(f);
    return text;
}

static char *read_document(void)
{
    FILE *f = fopen(DOC, "r");
    char *text = calloc(1, 65536);

    assert_non_null(text);
    if (f != NULL) {
        assert_true(fread(text, 1, 65535, f) < 65535);
        fclose(f);
    }
    return text;
}

static void the_document_is_printed_from_the_tables(void **state)
{
    char *wanted = print_document(), *has;

    (void)state;
    if (getenv("GENERATE") != NULL) {
        FILE *f = fopen(DOC, "w");

        assert_non_null(f);
        assert_true(fputs(wanted, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
    has = read_document();
    if (strcmp(has, wanted) != 0)
        fail_msg(DOC " is not what the tables say; GENERATE=1 rewrites it");
    free(has);
    free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_have_their_form),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(questions_have_their_form),
        cmocka_unit_test(changes_have_their_form),
        cmocka_unit_test(procedures_are_found),
        cmocka_unit_test(everything_has_a_word),
        cmocka_unit_test(the_document_is_printed_from_the_tables),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
