/* env.c - the loop as faces use it; see env.h. */
#include "tui/env.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/host/loop.h"

void tui_wait(const struct tui_env *env, const struct gf_source *more, int max_ms)
{
    const struct gf_source *all[TUI_SOURCES_MAX + 1];
    size_t n = 0;

    for (; n < env->n_sources; n++)
        all[n] = env->sources[n];
    if (more != NULL)
        all[n++] = more;
    (void)gf_loop_once(all, n,
                       max_ms); /* fails only for more sources or descriptors than exist here */
}

#define TURN_MS 1000     /* of the runner, when there is none */

static size_t work_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    (void)ret;
    (void)cap;
    return 0;
}

/* The turns are taken before the wait, whatever woke the loop up: then nothing has to remember what
 * is due. */
static int work_timeout(void *ctx)
{
    const struct tui_env *env = ctx;
    int run_ms = env->run != NULL ? run_tick(env->run) : TURN_MS;
    int sync_ms = sync_tick(env->sync);

    return run_ms < sync_ms ? run_ms : sync_ms;
}

static void work_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    (void)ctx;
    (void)fds;
    (void)n;
}

void tui_work_source(const struct tui_env *env, struct gf_source *ret)
{
    /* The table's ctx is not const because most sources change; this one only reads it. */
    union { const struct tui_env *in; void *out; } ctx = {.in = env};

    *ret = (struct gf_source){ctx.out, work_fds, work_timeout, work_process};
}

struct signals {
    int fd;
    int *count;
};

static void signal_set(sigset_t *ret)
{
    (void)sigemptyset(ret);
    (void)sigaddset(ret, SIGINT);
    (void)sigaddset(ret, SIGTERM);
    (void)sigaddset(ret, SIGHUP);
}

static size_t signals_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct signals *s = ctx;

    if (cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = s->fd, .events = POLLIN};
    return 1;
}

static int signals_timeout(void *ctx)
{
    (void)ctx;
    return -1;
}

static void signals_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct signals *s = ctx;
    struct signalfd_siginfo info;

    (void)fds;
    (void)n;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        ++*s->count;
}

int tui_signals_open(int *count, struct gf_source *ret)
{
    struct signals *s = malloc(sizeof *s);
    sigset_t set;

    if (s == NULL)
        return GF_E_MEMORY;
    signal_set(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    *s = (struct signals){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), .count = count};
    if (s->fd < 0) {
        free(s);
        return GF_E_BUG;
    }
    *ret = (struct gf_source){s, signals_fds, signals_timeout, signals_process};
    return 0;
}

void tui_signals_close(struct gf_source *source)
{
    struct signals *s = source->ctx;
    sigset_t set;

    if (s == NULL)
        return;
    signal_set(&set);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)close(s->fd);
    free(s);
    *source = (struct gf_source){0};
}
