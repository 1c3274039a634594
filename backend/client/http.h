/* http.h - inside of backend/client/: one HTTPS request and what became of it, on libcurl. */
#ifndef GF_CLIENT_HTTP_H
#define GF_CLIENT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>
#include <openssl/types.h>

#include "backend/client/pki.h"
#include "common/err.h"

/* Where to, as whom, whom to trust. Texts are borrowed as long as connections made with it live. */
struct http_peer {
    char url[256];                      /* "https://host:port" */
    const char *ca_pem;                 /* the only trusted CA; NULL: that of `print` */
    uint8_t print[PKI_PRINT_LEN];
    const char *cert_pem, *key_pem;     /* ours; NULL: none */
    const char *user_agent;
    long connect_ms, stall_s, total_ms;
    /* What TLS said last. Connections outlive requests, so it lives here and not in a request. */
    int alert;                          /* fatal alert of either side, 0 none */
    bool other_ca;                      /* no certificate with `print` was in the chain */
    X509 *ca; /* the certificate with `print`; freed by http_peer_done() */
};

/* Check a base url and copy it without a closing '/'. 0 or GF_E_FORMAT. Nothing but https:// is
 * taken. */
int http_url(const char *url, char *ret, size_t cap, struct gf_fail *why);

void http_peer_done(struct http_peer *peer);

/* One POST. */
struct http_try {
    CURL *easy;                         /* NULL: none */
    struct curl_slist *headers;
    struct http_peer *peer;
    uint8_t *sent;                      /* a copy of the body */
    uint8_t *body;                      /* the answer's; has a NUL behind it */
    size_t n;
    bool too_long, no_memory;
    /* Of the answer: without both, libcurl takes a cut one for whole. */
    bool has_length, headers_ended;
    char error[CURL_ERROR_SIZE];
};

/* Prepare a POST of n bytes to peer->url + path. 0 or GF_E_MEMORY; end it with http_free() in any
 * case. */
int http_post(struct http_try *t, struct http_peer *peer, const char *path,
              const char *content_type, const void *body, size_t n);

/* What became of it when libcurl is done with `rc`: 0 for a whole answer with status 200, else
 * GF_E_OFFICE_AWAY, _TLS, _ANSWER, _REFUSED, GF_E_REVOKED or GF_E_MEMORY, with words in *why. */
int http_outcome(struct http_try *t, CURLcode rc, struct gf_fail *why);

void http_free(struct http_try *t);

#endif
