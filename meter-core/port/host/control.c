/* control.c - the control socket; see control.h. */
#include "meter-core/port/host/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 16

struct client {
    int fd;                         /* below 0: a free place */
    char in[GM_LINE_MAX + 1];       /* the beginning of a line */
    size_t in_n;
    bool skipping;                  /* the rest of a line that was too long */
    char out[2 * GM_ANSWER_MAX];
    size_t out_n;
    bool ending;                    /* close when everything is written */
};

struct gm_control {
    int fd;
    struct sockaddr_un address;
    struct stat made;               /* the socket's file, to remove none but ours */
    struct gm_stand *stand;
    const struct gm_control_events *events;
    struct client clients[GM_CLIENTS_MAX];
    struct gf_source source;
};

/* ---- one client ---- */

static void drop(struct client *c)
{
    (void)close(c->fd);
    *c = (struct client){.fd = -1};
}

static void flush(struct client *c)
{
    ssize_t n;

    if (c->fd < 0)
        return;
    n = c->out_n > 0 ? send(c->fd, c->out, c->out_n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(c);
        return;
    }
    if (n > 0) {
        c->out_n -= (size_t)n;
        memmove(c->out, c->out + n, c->out_n);
    }
    if (c->ending && c->out_n == 0)
        drop(c);
}

static bool has_room(const struct client *c)
{
    return sizeof c->out - c->out_n >= GM_ANSWER_MAX;
}

static void answer_line(struct gm_control *t, struct client *c, const char *line, size_t n)
{
    char answer[GM_ANSWER_MAX];

    c->ending = gm_action_line(t->stand, line, n, answer);
    c->out_n += (size_t)snprintf(c->out + c->out_n, sizeof c->out - c->out_n, "%s\n", answer);
    t->events->acted(t->events->ctx);
}

/* The whole lines that are there, as far as there is room for answers. */
static void take_lines(struct gm_control *t, struct client *c)
{
    char *end;

    while (c->fd >= 0 && !c->ending && has_room(c) &&
           (end = memchr(c->in, '\n', c->in_n)) != NULL) {
        size_t n = (size_t)(end - c->in);

        if (!c->skipping)
            answer_line(t, c, c->in, n);
        c->skipping = false;
        c->in_n -= n + 1;
        memmove(c->in, end + 1, c->in_n);
        flush(c);
    }
    if (c->fd < 0 || c->in_n < sizeof c->in || memchr(c->in, '\n', c->in_n) != NULL)
        return;
    if (!c->skipping)
        answer_line(t, c, c->in, c->in_n);
    c->skipping = true;
    c->in_n = 0;
    flush(c);
}

/* A last line without an end was never said. */
static void read_more(struct gm_control *t, struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_n, sizeof c->in - c->in_n, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        c->ending = true;
        flush(c);
        if (c->fd >= 0 && n < 0)
            drop(c);
        return;
    }
    if (n > 0)
        c->in_n += (size_t)n;
    take_lines(t, c);
}

static bool wants_input(const struct client *c)
{
    return !c->ending && has_room(c) && c->in_n < sizeof c->in;
}

/* ---- the source ---- */

static void welcome(struct gm_control *t)
{
    static const char full[] = "error connections: all are in use; try again\n";
    struct client *place = NULL;
    int fd = accept(t->fd, NULL, NULL);

    if (fd < 0)
        return;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    for (size_t i = 0; i < GM_CLIENTS_MAX && place == NULL; i++)
        if (t->clients[i].fd < 0)
            place = &t->clients[i];
    if (place != NULL) {
        place->fd = fd;
        return;
    }
    (void)send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

/* The listener, and then one entry for each client, in their order. */
static size_t fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct gm_control *t = ctx;
    size_t n = 0;

    if (cap < 1 + GM_CLIENTS_MAX)
        return 0;
    ret[n++] = (struct gf_pollfd){.fd = t->fd, .events = POLLIN};
    for (size_t i = 0; i < GM_CLIENTS_MAX; i++) {
        const struct client *c = &t->clients[i];
        int events = (wants_input(c) ? POLLIN : 0) | (c->out_n > 0 ? POLLOUT : 0);

        /* poll() passes over negative ones */
        ret[n++] = (struct gf_pollfd){.fd = events != 0 ? c->fd : -1, .events = (short)events};
    }
    return n;
}

static int never(void *ctx)
{
    (void)ctx;
    return -1;
}

static void process(void *ctx, const struct gf_pollfd *events, size_t n)
{
    struct gm_control *t = ctx;

    if (n == 0)
        return;
    for (size_t i = 0; i + 1 < n; i++) {
        struct client *c = &t->clients[i];
        short got = events[i + 1].revents;

        if (c->fd < 0 || events[i + 1].fd < 0 || got == 0)
            continue;
        flush(c);
        if (c->fd >= 0)
            take_lines(t, c);
        if (c->fd >= 0 && wants_input(c) && (got & (POLLIN | POLLHUP | POLLERR)) != 0)
            read_more(t, c);
    }
    if (events[0].revents != 0)
        welcome(t);
}

/* ---- from start to end ---- */

static int path_fail(struct gf_fail *why, int code, const char *path, const char *what)
{
    char detail[sizeof why->detail];
    size_t n = strlen(path), skip = n > 100 ? n - 100 : 0;

    (void)snprintf(detail, sizeof detail, "%s: %.50s", path + skip, what);
    return gf_fail(why, code, "control", detail);
}

/* A file in the way: 0 when it was a socket without a listener, and is gone. */
static int clear_way(const struct sockaddr_un *address, struct gf_fail *why)
{
    const char *path = address->sun_path;
    struct stat st;
    int fd, said;

    if (lstat(path, &st) != 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return path_fail(why, GF_E_FILE, path, "a file that is no socket is in the way");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return gf_fail(why, GF_E_MEMORY, "control", strerror(errno));
    said = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? 0 : errno;
    (void)close(fd);
    if (said == 0 || said == EAGAIN)
        return path_fail(why, GF_E_NOT_NOW, path, "another program listens there");
    if (said != ECONNREFUSED || unlink(path) != 0)
        return path_fail(why, GF_E_FILE, path, strerror(said != ECONNREFUSED ? said : errno));
    return 0;
}

static int listen_at(struct gm_control *t, struct gf_fail *why)
{
    const struct sockaddr *address = (const struct sockaddr *)&t->address;
    mode_t before;
    int bound;

    t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->fd < 0)
        return gf_fail(why, GF_E_MEMORY, "control", strerror(errno));
    before = umask(0177);           /* 0600 from its first moment */
    bound = bind(t->fd, address, sizeof t->address);
    (void)umask(before);
    if (bound != 0 || listen(t->fd, BACKLOG) != 0 || stat(t->address.sun_path, &t->made) != 0)
        return path_fail(why, GF_E_FILE, t->address.sun_path, strerror(errno));
    return 0;
}

int gm_control_new(const char *path, struct gm_stand *stand, const struct gm_control_events *events,
                   struct gm_control **ret, struct gf_fail *why)
{
    struct gm_control *t = calloc(1, sizeof *t);
    int r = 0;

    if (t == NULL)
        return gf_fail(why, GF_E_MEMORY, "control", "");
    t->fd = -1;
    t->stand = stand;
    t->events = events;
    t->source = (struct gf_source){t, fds, never, process};
    for (size_t i = 0; i < GM_CLIENTS_MAX; i++)
        t->clients[i].fd = -1;
    t->address.sun_family = AF_UNIX;
    if (strlen(path) >= sizeof t->address.sun_path)
        r = path_fail(why, GF_E_FILE, path, "longer than a socket's path may be");
    else
        memcpy(t->address.sun_path, path, strlen(path) + 1);
    if (r == 0)
        r = clear_way(&t->address, why);
    if (r == 0)
        r = listen_at(t, why);
    if (r == 0)
        *ret = t;
    else
        (void)gm_control_free(t);
    return r;
}

struct gm_control *gm_control_free(struct gm_control *c)
{
    struct stat st;

    if (c == NULL)
        return NULL;
    for (size_t i = 0; i < GM_CLIENTS_MAX; i++)
        if (c->clients[i].fd >= 0)
            drop(&c->clients[i]);
    if (c->made.st_ino != 0 && lstat(c->address.sun_path, &st) == 0 &&
        st.st_ino == c->made.st_ino && st.st_dev == c->made.st_dev)
        (void)unlink(c->address.sun_path);
    if (c->fd >= 0)
        (void)close(c->fd);
    free(c);
    return NULL;
}

const struct gf_source *gm_control_source(struct gm_control *c)
{
    return &c->source;
}
