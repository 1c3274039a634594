/* answers.c - reading an answers file; see answers.h. */
#include "tui/answers.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

int answers_fail(const struct answers *a, const struct answer *row, int code, const char *detail,
                 struct gf_fail *why)
{
    char text[sizeof why->detail];

    if (row == NULL)
        (void)snprintf(text, sizeof text, "%s%s%.100s", a->name, a->name[0] != '\0' ? ": " : "",
                       detail);
    else
        (void)snprintf(text, sizeof text, "%s line %u: %.90s", a->name, row->line, detail);
    return gf_fail(why, code, "answers", text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The text from..to without white space around it. */
static void trim(const char **from, const char **to)
{
    while (*from < *to && is_blank(**from))
        ++*from;
    while (*to > *from && is_blank((*to)[-1]))
        --*to;
}

/* Take a trimmed piece; false when it is too long or not visible text. */
static bool take(const char *from, const char *to, char *ret, size_t cap)
{
    size_t n;

    trim(&from, &to);
    n = (size_t)(to - from);
    if (n >= cap)
        return false;
    gf_visible(ret, cap, from, n);
    return strlen(ret) == n && memcmp(ret, from, n) == 0;
}

/* One line, from..end without its newline, that is neither empty nor a comment. */
static int parse_line(struct answers *a, unsigned line, const char *from, const char *end,
                      struct gf_fail *why)
{
    struct answer *row = &a->rows[a->n], at = {.line = line};
    const struct answer *before;
    const char *eq = memchr(from, '=', (size_t)(end - from));
    char text[80];

    if (a->n == ANSWERS_MAX)
        return answers_fail(a, &at, GF_E_FORMAT, "too many answers in one file", why);
    if (eq == NULL)
        return answers_fail(a, &at, GF_E_FORMAT, "no \"=\" between question and answer", why);
    *row = at;
    if (!take(from, eq, row->name, sizeof row->name) || row->name[0] == '\0')
        return answers_fail(a, &at, GF_E_FORMAT, "no question's name before \"=\"", why);
    if (!take(eq + 1, end, row->value, sizeof row->value))
        return answers_fail(a, &at, GF_E_FORMAT,
                            "the answer is too long, or has a control character", why);
    before = answers_find(a, row->name);
    if (before != NULL) {
        (void)snprintf(text, sizeof text, "\"%s\" was answered in line %u already", row->name,
                       before->line);
        return answers_fail(a, &at, GF_E_FORMAT, text, why);
    }
    a->n++;
    return 0;
}

int answers_parse(const char *path, const char *text, size_t n, struct answers *ret,
                  struct gf_fail *why)
{
    const char *at = text, *stop = text + n;

    *ret = (struct answers){0};
    (void)gf_copy(ret->name, sizeof ret->name,
                  strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path);
    for (unsigned line = 1; at < stop; line++) {
        const char *nl = memchr(at, '\n', (size_t)(stop - at));
        const char *end = nl != NULL ? nl : stop, *from = at, *to = end;
        int r = 0;

        trim(&from, &to);
        if (from < to && *from != '#')
            r = parse_line(ret, line, from, to, why);
        if (r != 0)
            return r;
        at = nl != NULL ? nl + 1 : stop;
    }
    return 0;
}

const struct answer *answers_find(const struct answers *a, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->rows[i].name, name) == 0)
            return &a->rows[i];
    return NULL;
}

static bool is_question(const struct procedure *p, const char *name)
{
    for (size_t i = 0; i < p->n_steps; i++)
        for (const struct step_question *q = p->steps[i]->questions; q->ask != ASK_NONE; q++)
            if (strcmp(q->id, name) == 0)
                return true;
    return false;
}

int answers_check(const struct answers *a, const struct procedure *p, struct gf_fail *why)
{
    char text[120];

    for (size_t i = 0; i < a->n; i++) {
        const struct answer *row = &a->rows[i];
        bool presence = strcmp(row->name, "presence") == 0;

        if (presence && strcmp(row->value, "yes") != 0 && strcmp(row->value, "no") != 0)
            return answers_fail(a, row, GF_E_ANSWER, "presence is \"yes\" or \"no\"", why);
        if (presence || is_question(p, row->name))
            continue;
        (void)snprintf(text, sizeof text, "this procedure asks no \"%s\"", row->name);
        return answers_fail(a, row, GF_E_ANSWER, text, why);
    }
    return 0;
}
