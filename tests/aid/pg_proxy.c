/* pg_proxy.c - a wire to PostgreSQL that can be cut; see pg_proxy.h. */
#include "tests/aid/pg_proxy.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/aid/pg.h"
#include "tests/aid/proc.h"

#define WIRES 16
#define PORT "/.s.PGSQL.5432"

/* Bytes of one direction that are not yet a whole message. */
struct pile {
    uint8_t *p;
    size_t n, cap;
};

struct wire {
    int client, server; /* -1: closed */
    bool has_started;   /* the first message has no type */
    bool is_held;       /* the client is gone, the server does not know */
    bool is_ending;     /* at the answer to COMMIT */
    struct pile up;
};

struct pg_proxy {
    pthread_t thread;
    pthread_mutex_t lock;
    int listener, wake[2];
    char socket[100];
    struct wire wires[WIRES];
    enum pg_cut cut;
    unsigned at_message;
    bool has_cut;
};

static int socket_to(const char *name, struct sockaddr_un *ret, socklen_t *ret_n)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };

    int n = snprintf(ret->sun_path + 1, sizeof ret->sun_path - 1, "%s" PORT, name + 1);
    *ret_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void shut(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void end_wire(struct wire *w)
{
    shut(&w->client);
    shut(&w->server);
    free(w->up.p);
    *w = (struct wire){ .client = -1, .server = -1 };
}

static bool send_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        p += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void accept_one(struct pg_proxy *p)
{
    struct sockaddr_un at;
    socklen_t n;
    int client = accept(p->listener, NULL, NULL), server = socket_to(pg_socket(), &at, &n);

    for (size_t i = 0; i < WIRES && server >= 0 && client >= 0; i++)
        if (p->wires[i].client < 0 && p->wires[i].server < 0
            && connect(server, (const struct sockaddr *)&at, n) == 0) {
            p->wires[i] = (struct wire){ .client = client, .server = server };
            return;
        }
    shut(&client);
    shut(&server);
}

/* ---- messages of the client ---- */

/* Another session waits for a mark: now the held one learns its fate. */
static void release_held(struct pg_proxy *p)
{
    static const uint8_t commit[] = { 'Q', 0, 0, 0, 11, 'C', 'O', 'M', 'M', 'I', 'T', 0 };

    for (size_t i = 0; i < WIRES; i++) {
        struct wire *w = &p->wires[i];

        if (w->is_held && p->cut == PG_HOLD_COMMITTED)
            (void)send_all(w->server, commit, sizeof commit);
        else if (w->is_held)
            end_wire(w);
        w->is_held = false;
    }
}

/* Its text ends in a NUL. */
static bool is_query(const uint8_t *message, size_t n, const char *text)
{
    return message[0] == 'Q' && n > 6 && strstr((const char *)message + 5, text) != NULL;
}

/* Does the wire go on after this message? */
static bool pass(struct pg_proxy *p, struct wire *w, const uint8_t *message, size_t n)
{
    bool is_commit = is_query(message, n, "COMMIT");

    if (p->has_cut && is_query(message, n, "transaction_mark")) {
        bool ok = send_all(w->server, message, n);

        release_held(p);
        return ok;
    }
    if (!p->has_cut && p->cut == PG_CUT_AT_MESSAGE && p->at_message-- == 0) {
        p->has_cut = true;
        return false;
    }
    if (p->has_cut || !is_commit || p->cut == PG_PASS || p->cut == PG_CUT_AT_MESSAGE)
        return send_all(w->server, message, n);
    p->has_cut = true;
    if (p->cut == PG_CUT_BEFORE_COMMIT)
        return false;
    if (p->cut == PG_CUT_AFTER_COMMIT) {
        w->is_ending = true;
        return send_all(w->server, message, n);
    }
    shut(&w->client);
    w->is_held = true;
    return true;
}

static void take(struct pile *pile, size_t n)
{
    memmove(pile->p, pile->p + n, pile->n - n);
    pile->n -= n;
}

/* The length of the first message, 0 when it is not whole yet. */
static size_t message_length(const struct wire *w)
{
    size_t head = w->has_started ? 1 : 0;
    const uint8_t *p = w->up.p + head;

    if (w->up.n < head + 4)
        return 0;

    size_t n = head + ((size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
    return n <= w->up.n ? n : 0;
}

static bool from_client(struct pg_proxy *p, struct wire *w)
{
    size_t n;

    if (w->up.cap - w->up.n < 65536) {
        uint8_t *grown = realloc(w->up.p, w->up.cap + 131072);

        if (grown == NULL)
            return false;
        w->up.p = grown;
        w->up.cap += 131072;
    }

    ssize_t got = read(w->client, w->up.p + w->up.n, w->up.cap - w->up.n);
    if (got <= 0)
        return false;
    w->up.n += (size_t)got;
    while (w->client >= 0 && (n = message_length(w)) > 0) {
        bool ok = w->has_started ? pass(p, w, w->up.p, n) : send_all(w->server, w->up.p, n);

        w->has_started = true;
        if (!ok)
            return false;
        if (w->up.p != NULL)
            take(&w->up, n);
    }
    return true;
}

static bool from_server(struct wire *w)
{
    uint8_t bytes[65536];
    ssize_t got = read(w->server, bytes, sizeof bytes);

    if (got <= 0 || w->is_ending)
        return false; /* ending: the answer to COMMIT came, and goes nowhere */
    return w->client < 0 || send_all(w->client, bytes, (size_t)got);
}

/* ---- the thread ---- */

static size_t gather(const struct pg_proxy *p, struct pollfd *fds)
{
    fds[0] = (struct pollfd){ .fd = p->wake[0], .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = p->listener, .events = POLLIN };
    for (size_t i = 0; i < WIRES; i++) {
        fds[2 + 2 * i] = (struct pollfd){ .fd = p->wires[i].client, .events = POLLIN };
        fds[3 + 2 * i] = (struct pollfd){ .fd = p->wires[i].server, .events = POLLIN };
    }
    return 2 + 2 * WIRES;
}

static void *work(void *ctx)
{
    struct pg_proxy *p = ctx;
    struct pollfd fds[2 + 2 * WIRES];

    for (;;) {
        size_t n = gather(p, fds);

        if (poll(fds, n, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            return NULL;
        (void)pthread_mutex_lock(&p->lock);
        if (fds[1].revents != 0)
            accept_one(p);
        for (size_t i = 0; i < WIRES; i++) {
            struct wire *w = &p->wires[i];

            if (fds[2 + 2 * i].revents != 0 && w->client == fds[2 + 2 * i].fd && w->client >= 0
                && !from_client(p, w))
                end_wire(w);
            if (fds[3 + 2 * i].revents != 0 && w->server == fds[3 + 2 * i].fd && w->server >= 0
                && !from_server(w))
                end_wire(w);
        }
        (void)pthread_mutex_unlock(&p->lock);
    }
}

struct pg_proxy *pg_proxy_new(const char **ret_socket)
{
    static unsigned made;
    struct pg_proxy *p = calloc(1, sizeof *p);
    struct sockaddr_un at;
    socklen_t n;

    assert_non_null(p);
    (void)pg_socket();
    for (size_t i = 0; i < WIRES; i++)
        p->wires[i] = (struct wire){ .client = -1, .server = -1 };
    (void)snprintf(p->socket, sizeof p->socket, "@gasfitter-proxy-%ld-%u-%lld", (long)getpid(),
                   made++, aid_now_ms());
    p->listener = socket_to(p->socket, &at, &n);
    assert_int_equal(bind(p->listener, (const struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    assert_int_equal(pipe(p->wake), 0);
    (void)pthread_mutex_init(&p->lock, NULL);
    assert_int_equal(pthread_create(&p->thread, NULL, work, p), 0);
    *ret_socket = p->socket;
    return p;
}

void pg_proxy_free(struct pg_proxy *p)
{
    (void)!write(p->wake[1], "", 1);
    (void)pthread_join(p->thread, NULL);
    for (size_t i = 0; i < WIRES; i++)
        end_wire(&p->wires[i]);
    shut(&p->listener);
    shut(&p->wake[0]);
    shut(&p->wake[1]);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

void pg_proxy_cut(struct pg_proxy *p, enum pg_cut cut, unsigned at_message)
{
    (void)pthread_mutex_lock(&p->lock);
    p->cut = cut;
    p->at_message = at_message;
    p->has_cut = cut == PG_PASS;
    (void)pthread_mutex_unlock(&p->lock);
}

int pg_proxy_has_cut(struct pg_proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);

    int has_cut = p->has_cut;
    (void)pthread_mutex_unlock(&p->lock);
    return has_cut;
}
