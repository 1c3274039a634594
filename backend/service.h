/* service.h - head office as a service: its listeners, who may ask how often, what is counted and
 * logged. */
#ifndef GF_SERVICE_H
#define GF_SERVICE_H

#include "backend/http_srv.h"
#include "backend/log.h"
#include "backend/office.h"
#include "backend/rate.h"

/* Who is counted together: devices by their certificate, everybody else by address (of IPv6 the
 * first 64 bits). X(name, per minute, in a row, what). */
#define SERVICE_RATE_TABLE(X)                                                                      \
    X(SYNC, 6000, 1000, "sync, a laptop")                                                          \
    X(STAFF, 1200, 200, "everything else of the staff, a laptop")                                  \
    X(CUSTOMER, 240, 60, "customers with a session, an address")                                   \
    X(OPEN, 60, 20, "anybody, an address")                                                         \
    X(SIGNED, 1200, 200, "providers' signed messages, an address")                                 \
    X(SLOW, 12, 12, "passwords and audits, a laptop or an address")                                \
    X(ALL_SLOW, 300, 30, "passwords and audits, all together")

enum service_rate {
#define X(name, per_minute, burst, what) SERVICE_##name,
    SERVICE_RATE_TABLE(X)
#undef X
        SERVICE_RATES
};

/* Borrowed while the service runs. All texts of addresses are "HOST:PORT". */
struct service_options {
    const char *dir; /* the office's folder: certificates */
    const char *listen, *public_listen;
    const char *metrics_listen; /* plain HTTP, loopback only; NULL: none */
    const char *url;            /* what laptops are told; NULL: the address of listen */
    unsigned threads;           /* 1: everything on one; 2: handlers on their own, long reads too */
    unsigned rate_percent;      /* of SERVICE_RATE_TABLE; 0: nobody is limited */
    struct log_writer log;
    void *ctx; /* of ready: told once, when it listens */
    void (*ready)(void *ctx, const char *url, const char *public_url, const char *metrics_url);
};

/* Serve until SIGTERM or SIGINT. 0; GF_E_USAGE (an address), GF_E_SPACE, and those of
 * http_srv_listen(). */
int service_run(struct office *o, const struct service_options *options, struct gf_fail *why);

/* The class of a request, by its route: public for tests. */
enum service_rate service_rate_of(const struct http_request *request);

/* "127.0.0.1:4433", "[::1]:4433" into host and port. False when it is neither. */
bool service_split_address(const char *text, char *host, size_t cap, const char **ret_port);

#endif
