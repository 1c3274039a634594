/* loop.c - one poll() over all sources; see loop.h. */
#include "common/host/loop.h"

#include <poll.h>

#include "common/err.h"
#include "common/host/real.h"

#define FDS_MAX 64
#define SOURCES_MAX 16

int gf_loop_once(const struct gf_source *const *sources, size_t n, int max_ms)
{
    struct gf_pollfd fds[FDS_MAX];
    struct pollfd pfds[FDS_MAX];
    size_t count[SOURCES_MAX], total = 0, at = 0;
    int wait = max_ms;

    if (n > SOURCES_MAX)
        return GF_E_BUG;
    for (size_t i = 0; i < n; i++) {
        int t = gf_real_wait_ms(sources[i]->timeout_ms(sources[i]->ctx));

        count[i] = sources[i]->fds(sources[i]->ctx, fds + total, FDS_MAX - total);
        total += count[i];
        if (t >= 0 && (wait < 0 || t < wait))
            wait = t;
    }
    for (size_t i = 0; i < total; i++)
        pfds[i] = (struct pollfd){.fd = fds[i].fd, .events = fds[i].events};

    int got = poll(pfds, (nfds_t)total, wait);

    for (size_t i = 0; i < total; i++)
        fds[i].revents = got > 0 ? pfds[i].revents : 0;
    for (size_t i = 0; i < n; i++) {
        sources[i]->process(sources[i]->ctx, fds + at, count[i]);
        at += count[i];
    }
    return 0;
}
