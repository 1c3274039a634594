/* http_msg.h - a request and its answer, without a socket: what handlers get and give. */
#ifndef GF_BACKEND_HTTP_MSG_H
#define GF_BACKEND_HTTP_MSG_H

#include "backend/buf.h"
#include "common/bytes.h"

struct api_route;

/* All borrowed for the time of the call; texts are never NULL. */
struct http_request {
    const char *method;       /* "POST" */
    const char *path;         /* "/v1/sync", without a query */
    const char *content_type; /* without parameters; "" when there is none */
    const char *peer;         /* address of the other side, without its port */
    const char *
        identity; /* common name of the verified client certificate; "" on a listener without one */
    const char *query;         /* behind the "?", as it came; "" or NULL for none */
    const char *authorization; /* the header of that name; "" or NULL for none */
    const char *signature;     /* the header Gasm-Signature; "" or NULL for none */
    const char *id;            /* of this request, for logs; NULL for none */
    bool is_mutual; /* came over the listener that requires a client certificate */
    struct gf_span body;
    const struct api_route *route; /* of api.h, where it was found already; NULL: look for it */
};

struct http_response {
    int status;               /* 200, ... */
    const char *content_type; /* a literal */
    struct buf body;          /* the caller frees it */
    int retry_after_s;        /* header Retry-After when above 0 */
    const char *allow;        /* header Allow of a 405: a literal; NULL for none */
};

#endif
