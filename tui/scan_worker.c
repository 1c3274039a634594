/* scan_worker.c - a scanner on its own thread; see scan_worker.h. */
#include "tui/scan_worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Whose turn it is: the scanner is touched by the loop while it waits, by the thread while it
 * looks. */
enum turn { TURN_WAIT, TURN_LOOK, TURN_DONE };

struct scan_worker {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    enum turn turn;
    bool leave;
    int fd;                             /* counts results */
    struct scanner *scanner;
};

static void drop(struct scan_worker *w)
{
    w->scanner = scanner_free(w->scanner);
    if (w->fd >= 0)
        (void)close(w->fd);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mutex);
    free(w);
}

/* Look at the picture, unlocked; asked between two tries whether it is still wanted. */
static void look(struct scan_worker *w)
{
    bool more = true;

    while (more && !w->leave) {
        (void)pthread_mutex_unlock(&w->mutex);
        more = scanner_try(w->scanner);
        (void)pthread_mutex_lock(&w->mutex);
    }
    w->turn = TURN_DONE;
    (void)eventfd_write(w->fd, 1);
}

static void *work(void *ctx)
{
    struct scan_worker *w = ctx;

    (void)pthread_mutex_lock(&w->mutex);
    while (!w->leave) {
        if (w->turn == TURN_LOOK)
            look(w);
        else
            (void)pthread_cond_wait(&w->wake, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    drop(w);
    return NULL;
}

/* The thread takes no signal: they are for the loop. */
static int start(struct scan_worker *w)
{
    pthread_t thread;
    sigset_t all, before;
    int r;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&thread, NULL, work, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r == 0 ? pthread_detach(thread) : r;
}

struct scan_worker *scan_worker_new(void)
{
    struct scan_worker *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->wake, NULL);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->scanner = scanner_new();
    if (w->fd < 0 || w->scanner == NULL || start(w) != 0) {
        drop(w);
        return NULL;
    }
    return w;
}

struct scan_worker *scan_worker_free(struct scan_worker *w)
{
    if (w != NULL) {
        (void)pthread_mutex_lock(&w->mutex);
        w->leave = true;
        (void)pthread_cond_signal(&w->wake);
        (void)pthread_mutex_unlock(&w->mutex);
    }
    return NULL;
}

int scan_worker_fd(const struct scan_worker *w)
{
    return w->fd;
}

int scan_worker_give(struct scan_worker *w, const struct frame *f, struct gf_fail *why)
{
    int r = frame_check(f, why);

    if (r != 0)
        return r;
    (void)pthread_mutex_lock(&w->mutex);
    if (w->turn == TURN_WAIT) {
        r = scanner_take(w->scanner, f, why);
        if (r == 0) {
            r = 1;
            w->turn = TURN_LOOK;
            (void)pthread_cond_signal(&w->wake);
        }
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return r;
}

int scan_worker_codes(struct scan_worker *w, struct scan_code *ret, size_t cap)
{
    eventfd_t seen;
    int n = -1;

    (void)pthread_mutex_lock(&w->mutex);
    if (w->turn == TURN_DONE) {
        n = (int)scanner_codes(w->scanner, ret, cap);
        w->turn = TURN_WAIT;
        (void)eventfd_read(w->fd, &seen);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return n;
}
