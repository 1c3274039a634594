/* http_work.c - one thread, two bounded queues, an eventfd; see http_work.h. */
#include "backend/http_work.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUICK_EACH_SLOW 3 /* quick ones that go before a slow one while both wait */
#define TELL_EACH 8 /* done ones that wait at most for others that came with them */

static const unsigned lane_max[HTTP_LANES] = { [HTTP_QUICK] = 256, [HTTP_SLOW] = 16 };

struct queue {
    struct http_job *first, **end;
    unsigned n;
};

struct http_work {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct queue lanes[HTTP_LANES], done;
    unsigned since_slow; /* quick ones since the last slow one */
    unsigned left; /* quick ones to do of those that were here together */
    bool is_ending, is_inside; /* told to end; inside a handler */
    int fd;
};

static void push(struct queue *q, struct http_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
    q->n++;
}

static struct http_job *pop(struct queue *q)
{
    struct http_job *job = q->first;

    if (job == NULL)
        return NULL;
    q->first = job->next;
    if (q->first == NULL)
        q->end = &q->first;
    q->n--;
    return job;
}

/* The next job, by turns; waits for one. NULL: the end. With the mutex held. */
static struct http_job *next_job(struct http_work *w)
{
    struct queue *quick = &w->lanes[HTTP_QUICK], *slow = &w->lanes[HTTP_SLOW];

    while (!w->is_ending && quick->n + slow->n == 0)
        (void)pthread_cond_wait(&w->wake, &w->mutex);
    if (w->is_ending)
        return NULL;
    if (slow->n > 0 && (quick->n == 0 || w->since_slow >= QUICK_EACH_SLOW)) {
        w->since_slow = 0;
        return pop(slow);
    }
    w->since_slow++;
    return pop(quick);
}

/* The loop has to know of what is done. With the mutex held. */
static void tell(struct http_work *w)
{
    static const uint64_t one = 1;

    if (w->done.n > 0)
        (void)!write(w->fd, &one, sizeof one); /* fails only when it is set as high as it goes */
}

/* Only what reads is sure to be quick. */
static bool may_take_long(const struct http_job *job)
{
    return job->is_long || job->is_slow || strcmp(job->method, "GET") != 0;
}

/* A job by its handler, without the mutex. */
static void handle(struct http_job *job, bool is_last)
{
    const struct http_handler *h = job->handler;

    (job->is_long ? h->handle_long : h->handle)(h->ctx, &job->request, &job->response);
    if (is_last && h->rest != NULL)
        h->rest(h->ctx, job->is_long);
}

static void *work(void *arg)
{
    struct http_work *w = arg;
    struct http_job *job;

    (void)pthread_mutex_lock(&w->mutex);
    while ((job = next_job(w)) != NULL) {
        if (!job->is_slow)
            w->left = (w->left > 0 ? w->left : w->lanes[HTTP_QUICK].n + 1) - 1;
        bool is_last = job->is_slow || w->left == 0;
        if (may_take_long(job))
            tell(w);
        w->is_inside = true;
        (void)pthread_mutex_unlock(&w->mutex);
        handle(job, is_last);
        (void)pthread_mutex_lock(&w->mutex);
        w->is_inside = false;
        push(&w->done, job);
        if (is_last || w->done.n % TELL_EACH == 0 || may_take_long(job))
            tell(w);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    return NULL;
}

struct http_work *http_work_new(void)
{
    struct http_work *w = calloc(1, sizeof *w);
    sigset_t all, before;

    if (w == NULL)
        return NULL;
    w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    for (size_t i = 0; i < HTTP_LANES; i++)
        w->lanes[i].end = &w->lanes[i].first;
    w->done.end = &w->done.first;
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->wake, NULL);

    /* Signals are the loop's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    bool ok = w->fd >= 0 && pthread_create(&w->thread, NULL, work, w) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (ok)
        return w;
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w);
    return NULL;
}

struct http_work *http_work_free(struct http_work *w, void (*drop)(struct http_job *job))
{
    struct http_job *job;

    if (w == NULL)
        return NULL;
    (void)http_work_end(w);
    (void)pthread_join(w->thread, NULL);
    for (size_t i = 0; i < HTTP_LANES; i++)
        while ((job = pop(&w->lanes[i])) != NULL)
            drop(job);
    while ((job = pop(&w->done)) != NULL)
        drop(job);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mutex);
    (void)close(w->fd);
    free(w);
    return NULL;
}

bool http_work_put(struct http_work *w, enum http_lane lane, struct http_job *job)
{
    (void)pthread_mutex_lock(&w->mutex);

    bool has_room = w->lanes[lane].n < lane_max[lane];
    job->is_slow = lane == HTTP_SLOW;
    if (has_room)
        push(&w->lanes[lane], job);
    (void)pthread_mutex_unlock(&w->mutex);
    return has_room;
}

void http_work_wake(struct http_work *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    if (w->lanes[HTTP_QUICK].n + w->lanes[HTTP_SLOW].n > 0)
        (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mutex);
}

struct http_job *http_work_take(struct http_work *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    struct http_job *first = w->done.first;
    w->done = (struct queue){ .end = &w->done.first };
    (void)pthread_mutex_unlock(&w->mutex);
    return first;
}

bool http_work_end(struct http_work *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    w->is_ending = true;
    (void)pthread_cond_signal(&w->wake);
    bool is_inside = w->is_inside;
    (void)pthread_mutex_unlock(&w->mutex);
    return !is_inside;
}

int http_work_fd(const struct http_work *w)
{
    return w->fd;
}

unsigned http_work_queued(struct http_work *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    unsigned n = w->lanes[HTTP_QUICK].n + w->lanes[HTTP_SLOW].n;
    (void)pthread_mutex_unlock(&w->mutex);
    return n;
}
