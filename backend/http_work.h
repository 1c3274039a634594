/* http_work.h - the worker of the server: jobs in, done ones out; not for anybody else. */
#ifndef GF_HTTP_WORK_H
#define GF_HTTP_WORK_H

#include "backend/http_srv.h"

/* A request under way with all that it needs, independent of its connection. */
struct http_job {
    struct http_job *next;
    void *owner, *listener; /* the server's: the evhttp request, and where it came */
    bool is_long; /* for handle_long */
    bool is_slow; /* of the lane HTTP_SLOW: the queue notes it */
    int64_t began_us;
    const struct http_handler *handler;
    struct http_request request; /* its texts stand below */
    struct buf body;
    struct http_response response;
    char method[8], identity[64], type[64], peer[64], id[40];
    char path[1024], query[1024], authorization[256], signature[256]; /* not cleared but "" */
};

struct http_work;

/* Start the thread. NULL when that fails. */
struct http_work *http_work_new(void);
/* It begins no more jobs. False: it is inside one, and http_work_free() would wait for that. */
bool http_work_end(struct http_work *w);
/* End it after the job that it is at; jobs that wait are given to `drop`. NULL is fine. Returns
 * NULL. */
struct http_work *http_work_free(struct http_work *w, void (*drop)(struct http_job *job));

/* Queue a job. False: the lane is full, the job stays the caller's. The worker may sleep on until
 * http_work_wake(). */
bool http_work_put(struct http_work *w, enum http_lane lane, struct http_job *job);
void http_work_wake(struct http_work *w);
/* All that are done, in a row by ->next, or NULL. Wakes of http_work_fd() mean that there may be
 * some. */
struct http_job *http_work_take(struct http_work *w);
int http_work_fd(const struct http_work *w);    /* readable when something is done */
unsigned http_work_queued(struct http_work *w); /* waiting for their turn */

#endif
