/* run_ask.c - the questions of a step and their answers; see run.h and run_inner.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"

static void show_question(struct run *r)
{
    const struct step_question *q = &r->step->questions[r->question];

    r->view.phase = RUN_ASK;
    r->view.ask = q->ask;
    r->view.ask_id = q->id;
    gf_copy(r->view.prompt, sizeof r->view.prompt, q->prompt);
    gf_copy(r->view.help, sizeof r->view.help, q->help);
    gf_copy(r->view.word, sizeof r->view.word, q->word != NULL ? q->word : "");
    r->wait = W_ANSWER;
}

void run_ask(struct run *r)
{
    r->question = 0;
    r->answers[0] = '\0';
    show_question(r);
}

/* The meter id typed twice, with white space between. */
static int typed_twice(const char *text, struct gf_label *ret, struct gf_fail *why)
{
    char first[GF_LABEL_TEXT] = "", second[GF_LABEL_TEXT] = "", rest = '\0';
    int n = sscanf(text, "%47s %47s %c", first, second, &rest), code;

    code = gf_meter_id_check(first, why);
    if (code < 0)
        return code;
    if (n != 2)
        return gf_fail(why, GF_E_TYPED_TWICE, "scan", "type the id twice, with a space between");
    if (strcmp(first, second) != 0)
        return gf_fail(why, GF_E_TYPED_TWICE, "scan", second);
    gf_copy(ret->meter_id, sizeof ret->meter_id, first);
    return 0;
}

/* A label has colons (and so has every foreign code that its parser can name); a typed id has the
 * shape of one. */
static int take_label(struct run *r, const char *text, struct gf_fail *why)
{
    struct gf_label label = {0};
    char first[GF_LABEL_TEXT] = "";
    bool typed = sscanf(text, "%47s", first) == 1 && strlen(first) == GF_METER_ID_LEN &&
                 strchr(first, ':') == NULL;
    int code = typed ? typed_twice(text, &label, why) : gf_label_parse(text, &label, why);

    if (code == 0)
        r->label = label;
    return code;
}

static int judge(struct run *r, const struct step_question *q, const char *text,
                 struct gf_fail *why)
{
    switch (q->ask) {
    case ASK_LABEL:
        return take_label(r, text, why);
    case ASK_YES:
        if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0)
            return 0;
        return gf_fail(why, GF_E_ANSWER, q->id, "answer yes or no");
    case ASK_WORD:
        if (strcmp(text, q->word) == 0)
            return 0;
        return gf_fail(why, GF_E_ANSWER, q->id, "type the word exactly as it is shown");
    case ASK_TEXT:
    case ASK_ENTER:
    case ASK_COMMAND:
    case ASK_NONE:
        break;
    }
    return 0;
}

int run_answer(struct run *r, const char *text)
{
    const struct step_question *q;
    struct gf_fail why = {0};
    size_t used = strlen(r->answers);
    int code;

    if (r->wait != W_ANSWER)
        return GF_E_NOT_NOW;
    if (r->procedure->is_talk)
        return talk_answer(r, text);
    q = &r->step->questions[r->question];
    code = judge(r, q, text, &why);
    r->view.fail = why;
    if (code < 0)
        return code;
    if (q->ask == ASK_YES && strcmp(text, "no") == 0) {
        run_stop(r, GF_E_ANSWER, q->prompt);
        return 0;
    }
    snprintf(r->answers + used, sizeof r->answers - used, "%s%s=%s", used > 0 ? "; " : "", q->id,
             q->ask == ASK_LABEL ? r->label.meter_id : text);
    r->question++;
    if (r->step->questions[r->question].ask != ASK_NONE) {
        show_question(r);
        return 0;
    }
    r->view.phase = RUN_WORK;
    r->view.ask = ASK_NONE;
    r->view.ask_id = NULL;
    r->wait = W_ASKED;
    return 0;
}
