/* signals.c - signals as a source of the loop; see signals.h. */
#include "meter-core/port/host/signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void make_set(sigset_t *set)
{
    struct sigaction hangup;

    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGQUIT);
    (void)sigaddset(set, SIGWINCH);
    if (sigaction(SIGHUP, NULL, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
        (void)sigaddset(set, SIGHUP);
}

void gm_signals_block(void)
{
    sigset_t set;

    make_set(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static size_t fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    if (cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = ((struct gm_signals *)ctx)->fd, .events = POLLIN};
    return 1;
}

static int never(void *ctx)
{
    (void)ctx;
    return -1;
}

static void process(void *ctx, const struct gf_pollfd *events, size_t n)
{
    struct gm_signals *s = ctx;
    struct signalfd_siginfo info;

    if (n == 0 || events[0].revents == 0)
        return;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        *(info.ssi_signo == SIGWINCH ? &s->resized : &s->stop) = true;
}

int gm_signals_open(struct gm_signals *s, struct gf_fail *why)
{
    sigset_t set;

    make_set(&set);
    *s = (struct gm_signals){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
                             .source = {s, fds, never, process}};
    return s->fd >= 0 ? 0 : gf_fail(why, GF_E_MEMORY, "signals", strerror(errno));
}

void gm_signals_close(struct gm_signals *s)
{
    if (s->source.ctx != NULL)
        (void)close(s->fd);
    *s = (struct gm_signals){.fd = -1};
}
