/* plain.c - line mode; see plain.h. */
#include "tui/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "tui/entry.h"
#include "tui/jobs.h"
#include "tui/lines.h"

#define PURGE_EVERY_MS 10000    /* a voice needs time to say it */
#define INPUT_MAX 512

struct plain {
    const struct tui_env *env;
    FILE *out;
    int in_fd;
    bool echo; /* the input is no terminal: repeat it, so that the transcript is whole */
    bool ended;                 /* no more input */
    bool quit;
    char input[INPUT_MAX];      /* bytes that are no whole line yet */
    size_t n_input;
    struct gf_source source;
    struct lines lines;
    bool active;                /* a run is started and not over */
    bool talk;                  /* it is one with a meter, command by command */
    bool cancelling;
    bool asked;                 /* the present prompt was printed */
    enum run_phase told_phase;  /* for which it was printed */
    const char *told_ask;
    struct entry entry;
    struct gf_fail fail;        /* of the store */
};

static size_t input_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct plain *p = ctx;

    if (p->ended || cap == 0 || p->n_input == sizeof p->input)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = p->in_fd, .events = POLLIN};
    return 1;
}

static int input_timeout(void *ctx)
{
    (void)ctx;
    return -1;
}

static void input_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct plain *p = ctx;
    ssize_t got;

    if (n == 0 || fds[0].revents == 0)
        return;
    got = read(p->in_fd, p->input + p->n_input, sizeof p->input - p->n_input);
    if (got > 0)
        p->n_input += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        p->ended = true;
    if (p->ended && p->n_input > 0 && p->n_input < sizeof p->input &&
        p->input[p->n_input - 1] != '\n')
        p->input[p->n_input++] = '\n';
    if (p->n_input == sizeof p->input && memchr(p->input, '\n', p->n_input) == NULL)
        p->n_input = 0;         /* no line is that long */
}

/* The next whole line, without white space around it; it stays until drop_line(). */
static bool peek_line(const struct plain *p, char ret[static INPUT_MAX])
{
    const char *from = p->input, *to = memchr(p->input, '\n', p->n_input);

    if (to == NULL)
        return false;
    while (from < to && (*from == ' ' || *from == '\t'))
        from++;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
        to--;
    gf_visible(ret, INPUT_MAX, from, (size_t)(to - from));
    return true;
}

static void drop_line(struct plain *p)
{
    size_t n = (size_t)((char *)memchr(p->input, '\n', p->n_input) - p->input) + 1;

    p->n_input -= n;
    memmove(p->input, p->input + n, p->n_input);
}

static void tell_fail(struct plain *p, const struct gf_fail *fail)
{
    char text[FAIL_TEXT_MAX];

    (void)fprintf(p->out, "%s\n", fail_text(fail, text));
}

static void tell_state(struct plain *p)
{
    const struct sync_view *v = sync_view(p->env->sync);
    int64_t now = p->env->ports->clock->utc_ms(p->env->ports->clock->ctx);
    char queue[96], office[96];

    (void)fprintf(p->out, "Records: %s. Head office: %s.\n",
                  queue_text(&v->counts, now, queue, sizeof queue),
                  office_text(v, now, office, sizeof office));
    if (v->counts.refused > 0)
        (void)fprintf(p->out, "Refused by head office, to be looked at: %" PRIu64 ". Type o.\n",
                      v->counts.refused);
}

static void home(struct plain *p)
{
    int n;

    (void)fprintf(p->out, "\nWorklist\n");
    n = jobs_print(p->out, p->env->ports->store);
    if (n < 0) {
        (void)gf_fail(&p->fail, n, "worklist", "");
        p->quit = true;
        return;
    }
    if (n == 0)
        (void)fprintf(p->out, "No open job. Type s to synchronise.\n");
    tell_state(p);
    p->asked = false;
}

/* Begin the work of a job; or talk to its meter, or to the meter with this id. */
static void start(struct plain *p, const char *number, bool talk)
{
    bool is_meter = talk && gf_meter_id_check(number, NULL) == 0;
    sync_Job job = sync_Job_init_zero;
    struct gf_fail why = {0};
    int r = is_meter ? 0 : p->env->ports->store->job(p->env->ports->store->ctx, number, &job);

    if (r < 0)
        (void)gf_fail(&why, r, "job", number);
    else if (talk)
        r = talk_start(p->env->run, is_meter ? number : NULL, is_meter ? NULL : number, NULL, &why);
    else
        r = run_start(p->env->run, job.kind, number, &why);
    if (r < 0) {
        tell_fail(p, &why);
        p->asked = false;
        return;
    }
    p->active = true;
    p->talk = talk;
    p->cancelling = false;
    p->entry = (struct entry){0};
    lines_start(&p->lines, run_view(p->env->run));
}

/* A line at the worklist's prompt. */
static void home_line(struct plain *p, const char *line)
{
    p->asked = false;
    if (strcmp(line, "q") == 0 || strcmp(line, "!") == 0) {
        p->quit = true;
    } else if (strcmp(line, "?") == 0) {
        (void)fprintf(p->out, "Type a job's number, like J-0001, to start it or to go on with it. "
                              "m and the number, or a meter's id, talks to the meter, "
                              "command by command. l lists the jobs again, "
                              "o lists the records for head office, s synchronises, c stops that, "
                              "q quits.\n");
    } else if (strcmp(line, "l") == 0) {
        home(p);
    } else if (strcmp(line, "s") == 0) {
        sync_now(p->env->sync);
        (void)fprintf(p->out, "Synchronising goes on by itself; type l to look, c to stop it.\n");
    } else if (strcmp(line, "c") == 0) {
        (void)fprintf(p->out, sync_cancel(p->env->sync)
                                  ? "Synchronising was stopped; s begins it again.\n"
                                  : "Nothing is being sent or fetched.\n");
    } else if (strcmp(line, "o") == 0) {
        if (outbox_print(p->out, p->env->ports->store) == 0)
            (void)fprintf(p->out, "No records.\n");
    } else if (strncmp(line, "m ", 2) == 0) {
        start(p, line + 2 + strspn(line + 2, " "), true);
    } else if (line[0] != '\0') {
        start(p, line, false);
    }
}

static void cancel(struct plain *p)
{
    if (p->cancelling)
        return;
    p->cancelling = true;
    (void)fprintf(p->out, "Cancelling safely.\n");
    run_cancel(p->env->run);
}

/* An answer to the present question. */
static void answer(struct plain *p, const struct run_view *v, const char *line)
{
    char label[ENTRY_ANSWER_MAX];
    struct gf_fail why = {0};
    const char *text = line;
    int r = 1;

    p->asked = false;
    if (v->ask == ASK_LABEL) {
        r = entry_take(&p->entry, line, label, &why);
        text = label;
    }
    if (r == 1)
        r = run_answer(p->env->run, text);
    if (r < 0 && why.code == 0)
        why = run_view(p->env->run)->fail;
    if (r < 0)
        tell_fail(p, &why);
}

static void run_line(struct plain *p, const struct run_view *v, const char *line)
{
    if (strcmp(line, "!") == 0) {
        p->asked = false;
        if (!p->talk || !talk_stop(p->env->run))
            cancel(p);
    } else if (strcmp(line, "?") == 0 && p->talk) {
        (void)fprintf(p->out, "%s\n" METER_MARKS " Dangerous ones, marked \"!\", have to be typed "
                              "once more.\n! gives up what is under way, then leaves the meter.\n",
                      v->help);
        meter_commands(p->out, p->env->run);
        p->asked = false;
    } else if (strcmp(line, "?") == 0) {
        (void)fprintf(p->out, "%s\n! cancels safely: what was done is kept.\n", v->help);
        p->asked = false;
    } else if (v->phase == RUN_ASK) {
        answer(p, v, line);
    } else if (v->phase == RUN_STOPPED) {
        p->asked = strcmp(line, "r") == 0 && run_retry(p->env->run) == 0;
    } else if (v->purge.running && strcmp(line, "stop") == 0) {
        (void)run_stop_purge(p->env->run);
    } else if (v->purge.running) {
        run_confirm_presence(p->env->run);
        (void)fprintf(p->out, "Presence confirmed.\n");
    }
}

/* Print the prompt once for each question. */
static void prompt(struct plain *p, const struct run_view *v)
{
    const char *ask = v->phase == RUN_ASK ? v->ask_id : v->purge.running ? "purge" : NULL;
    const char *how = v->ask == ASK_YES     ? " (yes or no)"
                      : v->ask == ASK_ENTER ? " (Enter goes on)"
                                            : "";

    if (p->asked && p->told_phase == v->phase && p->told_ask == ask)
        return;
    p->asked = true;
    p->told_phase = v->phase;
    p->told_ask = ask;
    if (v->phase == RUN_STOPPED) {      /* the step's line has told what happened */
        (void)fprintf(p->out, "To do: %s.\n", gf_err_row(v->fail.code)->todo);
        (void)fprintf(p->out,
                      "%s! leaves it for later: ", v->can_retry ? "r tries it again, " : "");
    } else if (v->phase == RUN_WORK && v->purge.running) {
        (void)fprintf(
            p->out, "The purge runs. Enter confirms that you are present, stop ends the purge.\n");
    } else if (v->phase == RUN_ASK && v->ask == ASK_LABEL && p->entry.first[0] != '\0') {
        (void)fprintf(p->out, "Type the id again: ");
    } else if (v->phase == RUN_ASK) {
        lines_found(&p->lines, v);
        if (v->ask == ASK_WORD)
            (void)fprintf(p->out, "%s (type %s) ", v->prompt, v->word);
        else
            (void)fprintf(p->out, "%s%s ", v->prompt, how);
    }
    (void)fflush(p->out);
}

/* The run came to its end: say how, and show the worklist again. */
static void end_run(struct plain *p, const struct run_view *v)
{
    lines_found(&p->lines, v);
    (void)fprintf(p->out, "%s\n",
                  v->phase == RUN_FINISHED ? "Finished."
                  : p->talk                ? "The connection to the meter is closed."
                                           : "Left. It goes on here when it is started again.");
    p->active = false;
    if (!p->quit)
        home(p);
}

/* What is to be said without being asked. */
static void tick(struct plain *p)
{
    const struct gf_clock *clock = p->env->ports->clock;
    const struct run_view *v = run_view(p->env->run);

    if (p->active)
        lines_progress(&p->lines, v, clock->mono_ms(clock->ctx));
    if (p->active && (v->phase == RUN_FINISHED || v->phase == RUN_LEFT))
        end_run(p, v);
    if (p->active && !p->cancelling)
        prompt(p, v);
    if (!p->active && !p->asked && !p->quit) {
        (void)fprintf(p->out, "Job: ");
        p->asked = true;
    }
    (void)fflush(p->out);
}

/* Is this line for now? What was typed ahead of a question waits for it; `!`, `?` and what steers a
 * purge do not. */
static bool is_wanted(const struct plain *p, const char *line)
{
    const struct run_view *v = run_view(p->env->run);

    if (!p->active || v->phase == RUN_ASK || v->phase == RUN_STOPPED)
        return true;
    return strcmp(line, "!") == 0 || strcmp(line, "?") == 0 ||
           (v->purge.running && (line[0] == '\0' || strcmp(line, "stop") == 0));
}

/* Take the next line if there is one for now. */
static bool take_line(struct plain *p)
{
    char line[INPUT_MAX];

    if (!peek_line(p, line) || !is_wanted(p, line))
        return false;
    drop_line(p);
    if (p->echo)
        (void)fprintf(p->out, "%s\n", line);
    if (p->active)
        run_line(p, run_view(p->env->run), line);
    else
        home_line(p, line);
    return true;
}

/* Quitting, the end of the input and signals all come here. True: out of the loop. */
static bool is_over(struct plain *p)
{
    char line[INPUT_MAX];

    /* When the input has ended, the first question that nobody can answer ends the program, not the
     * work before; and a purge, for nobody is there to watch it. */
    p->quit = p->quit || *p->env->stop > 0 || (p->ended && !peek_line(p, line) && is_wanted(p, ""));
    if (p->quit && p->active && *p->env->stop < 2) {
        cancel(p);
        return false;
    }
    return p->quit;
}

int tui_plain(const struct tui_env *env, int in_fd, FILE *out, struct gf_fail *why)
{
    struct plain p = {.env = env, .out = out, .in_fd = in_fd, .echo = isatty(in_fd) == 0};
    int flags = fcntl(in_fd, F_GETFL);

    p.source = (struct gf_source){&p, input_fds, input_timeout, input_process};
    (void)fcntl(in_fd, F_SETFL, flags | O_NONBLOCK);
    lines_listen(&p.lines, out, env->run);
    p.lines.purge_every_ms = PURGE_EVERY_MS;
    (void)fprintf(out, "Gasfitter in line mode. ? explains, ! cancels, at every prompt.\n");
    sync_now(env->sync);
    home(&p);
    for (tick(&p); !is_over(&p); tick(&p))
        tui_wait(env, &p.source, take_line(&p) ? 0 : -1);
    (void)fprintf(out, "\n");
    run_listen(env->run, NULL);
    (void)fcntl(in_fd, F_SETFL, flags);
    return p.fail.code != 0 ? gf_fail(why, p.fail.code, p.fail.where, p.fail.detail) : 0;
}
