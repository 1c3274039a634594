/* meter.c - `gasfitter meter COMMAND`; see meter.h. */
#include "tui/meter.h"

#include <string.h>

#include "common/host/real.h"
#include "common/ids.h"
#include "common/text.h"
#include "field/talk.h"
#include "tui/lines.h"

#define FILE_MAX 400            /* bytes of a value from a file: more than any command takes */
#define NEXT "then"
#define PAUSE "pause"           /* no command: so many seconds pass, and the session is kept */
#define PAUSE_MAX_S 3600

struct meter_talk {
    const struct tui_env *env;
    const struct meter_how *how;
    struct meter_print print;
    struct lines lines;
    struct gf_fail fail;
    char text[TALK_TEXT_MAX];       /* values from files */
    size_t used;
};

/* ---- values from files ---- */

static bool is_hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr("0123456789abcdefABCDEF", p[i]) == NULL || p[i] == '\0')
            return false;
    return n > 0 && n % 2 == 0;
}

/* The file's bytes as hex digits, behind what stands in t->text already. */
static int add_file(struct meter_talk *t, const char *path, struct gf_fail *why)
{
    uint8_t bytes[FILE_MAX * 2 + 2];
    int n = gf_file_read(path, bytes, sizeof bytes, why);
    size_t len = n > 0 ? (size_t)n : 0;

    if (n < 0)
        return n;
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r' || bytes[len - 1] == ' '))
        len--;
    if (!is_hex(bytes, len)) {
        len = (size_t)n;
        if (2 * len + 1 > sizeof t->text - t->used)
            return gf_fail(why, GF_E_SPACE, path, "longer than any value of a command");
        gf_hex(bytes, len, t->text + t->used);
        t->used += 2 * len + 1;
        return 0;
    }
    if (len + 1 > sizeof t->text - t->used)
        return gf_fail(why, GF_E_SPACE, path, "longer than any value of a command");
    memcpy(t->text + t->used, bytes, len);
    t->used += len;
    t->text[t->used++] = '\0';
    return 0;
}

/* A word whose value is "@FILE" gets what stands in the file. */
static int expand(struct meter_talk *t, const char *word, const char **ret, struct gf_fail *why)
{
    const char *at = word[0] == '@' ? word : strstr(word, "=@");
    size_t begin = t->used, name;

    *ret = word;
    if (at == NULL)
        return 0;
    name = (size_t)(at - word) + (*at == '=' ? 1 : 0);
    if (name + 1 > sizeof t->text - t->used)
        return gf_fail(why, GF_E_SPACE, "command", "its arguments are too long");
    memcpy(t->text + t->used, word, name);
    t->used += name;
    *ret = t->text + begin;
    return add_file(t, word + name + 1, why);
}

/* ---- one command ---- */

static bool is_confirmed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, ",");

        if (len == n && memcmp(at, name, n) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

static int confirm(struct meter_talk *t, const struct run_view *v, struct gf_fail *why)
{
    char text[80];

    if (is_confirmed(t->how->confirm, v->word))
        return talk_confirm(t->env->run, v->word, why);
    (void)snprintf(text, sizeof text, "it is dangerous: say --confirm %s when it is meant",
                   v->word);
    return gf_fail(why, GF_E_ANSWER, v->word, text);
}

/* Until the command is done, or has failed. */
static int wait_for_it(struct meter_talk *t, struct gf_fail *why)
{
    const struct field_ports *p = t->env->ports;

    for (;;) {
        const struct run_view *v = run_view(t->env->run);

        if (v->phase == RUN_ASK)
            return 0;
        if (v->phase != RUN_WORK)
            return gf_fail(why, v->fail.code != 0 ? v->fail.code : GF_E_BUG,
                           talk_name(talk_command(t->env->run)), v->fail.detail);
        lines_progress(&t->lines, v, p->clock->mono_ms(p->clock->ctx));
        if (*t->env->stop > 0)
            return gf_fail(why, GF_E_CANCELLED, talk_name(talk_command(t->env->run)),
                           "by a signal");
        tui_wait(t->env, NULL, -1);
    }
}

/* The session goes on, nothing is asked: what a person does between two commands. */
static int wait_for_seconds(struct meter_talk *t, const char *const *words, size_t n,
                            struct gf_fail *why)
{
    const struct gf_clock *clock = t->env->ports->clock;
    int64_t seconds, until;

    if (n != 2 || gf_parse_int(words[1], 0, PAUSE_MAX_S, &seconds) < 0)
        return gf_fail(why, GF_E_USAGE, PAUSE, "how many seconds, 0 to 3600?");
    until = clock->mono_ms(clock->ctx) + seconds * 1000;
    while (clock->mono_ms(clock->ctx) < until) {
        if (*t->env->stop > 0)
            return gf_fail(why, GF_E_CANCELLED, PAUSE, "by a signal");
        tui_wait(t->env, NULL, gf_real_wait_ms((int)(until - clock->mono_ms(clock->ctx))));
    }
    return 0;
}

static int ask(struct meter_talk *t, const char *const *words, size_t n, struct gf_fail *why)
{
    const char *expanded[TALK_WORDS_MAX + 1];
    const struct run_view *v;
    int code = 0;

    t->used = 0;
    if (n > TALK_WORDS_MAX)
        return gf_fail(why, GF_E_USAGE, "command", "too many words");
    for (size_t i = 0; code == 0 && i < n; i++)
        code = expand(t, words[i], &expanded[i], why);
    if (code == 0)
        code = talk_ask(t->env->run, expanded, n, why);
    v = run_view(t->env->run);
    if (code == 0 && v->ask == ASK_WORD)
        code = confirm(t, v, why);
    if (code == 0)
        code = wait_for_it(t, why);
    meter_print_end(&t->print);
    return code;
}

/* ---- all of them ---- */

static void on_step(void *ctx, size_t n, const char *id, const char *title, int code,
                    const char *text)
{
    (void)ctx;
    (void)n;
    (void)id;
    (void)title;
    (void)code;
    (void)text;
}

static void on_message(void *ctx, const char *text)
{
    const struct meter_talk *t = ctx;

    (void)fprintf(t->how->err, "%s\n", text);
}

static void on_answer(void *ctx, const gasm_Response *answer)
{
    struct meter_talk *t = ctx;

    meter_print(&t->print, answer, talk_monthly(t->env->run));
}

/* The connection is closed in order, but not waited for longer than a second signal. */
static void leave(const struct tui_env *env)
{
    run_cancel(env->run);
    while (run_view(env->run)->phase != RUN_LEFT && run_view(env->run)->phase != RUN_IDLE &&
           *env->stop < 2)
        tui_wait(env, NULL, -1);
}

int tui_meter(const struct tui_env *env, const struct meter_how *how, struct gf_fail *why)
{
    struct meter_talk t = {
        .env = env, .how = how, .print = {.out = how->out, .json = how->json},
        .lines = {.out = how->err, .run = env->run},
    };
    struct run_listener listener = {&t, on_step, on_message, on_answer};
    size_t at = 0;
    int code;

    run_listen(env->run, &listener);
    code = talk_start(env->run, how->meter_id, how->job, how->address, why);
    while (code == 0 && at < how->n_words) {
        size_t n = 0;

        while (at + n < how->n_words && strcmp(how->words[at + n], NEXT) != 0)
            n++;
        if (n > 0 && strcmp(how->words[at], PAUSE) == 0)
            code = wait_for_seconds(&t, how->words + at, n, why);
        else
            code = ask(&t, how->words + at, n, why);
        at += n + 1;
    }
    leave(env);
    run_listen(env->run, NULL);
    return code;
}

/* ---- help ---- */

char meter_mark(enum talk_may may)
{
    static const char marks[] = {[TALK_NO_TICKET] = '-', [TALK_HAS_TICKET] = '?',
                                 [TALK_ALLOWED] = '+', [TALK_NOT_IN_STATE] = 'x'};

    return marks[may];
}

void meter_commands(FILE *out, const struct run *talk)
{
    size_t n;
    const struct talk_command *all = talk_commands(&n);

    for (size_t i = 0; i < n; i++) {
        (void)fprintf(out, "%c %-16s %c %-11s %s\n",
                      talk != NULL ? meter_mark(talk_may(talk, &all[i])) : ' ', talk_name(&all[i]),
                      all[i].danger ? '!' : ' ', talk_right(&all[i]), all[i].title);
        if (all[i].settings)
            (void)fprintf(out, "    NAME=VALUE...  parameters, by name or number; else the job's\n");
        for (const struct talk_argument *a = all[i].arguments; a->name != NULL; a++)
            (void)fprintf(out, "    %s=%s  %s%s%s\n", a->name, a->shape, a->help,
                          a->unset != NULL ? "; else " : " (needed)",
                          a->unset != NULL ? a->unset : "");
    }
}

void meter_help(FILE *out)
{
    (void)fprintf(out,
                  "Which meter: --meter, --job, --label or --image. Several commands, apart by the "
                  "word %s, are\nasked in one session; %s SECONDS lets time pass. ARGUMENT is "
                  "NAME=VALUE, or a value in this\norder; @FILE takes it from a file. ! has to be "
                  "confirmed with --confirm.\n\n",
                  NEXT, PAUSE);
    meter_commands(out, NULL);
}
