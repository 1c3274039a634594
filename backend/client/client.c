/* client.c - the office port on libcurl's multi interface; see client.h. */
#include "backend/client/client.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "backend/client/http.h"
#include "backend/client/pki.h"
#include "common/bytes.h"
#include "common/text.h"

#define SOCKETS_MAX 8 /* one connection, the resolver, and some that are just being closed */

struct office_client {
    CURLM *multi;
    struct http_peer peer;
    struct http_try request;
    bool busy, cancelled;
    char *ca_pem, *cert_pem, *key_pem, *user_agent;
    EVP_PKEY *sign_key;
    uint8_t device_id[GF_UUID_LEN];
    struct gf_pollfd fds[SOCKETS_MAX];
    size_t n_fds;
    const struct office_events *events;
    struct office_port port;
    struct gf_source source;
};

/* libcurl wants another wait for a socket, or none. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct office_client *c = ctx;
    size_t i = 0;

    (void)easy;
    (void)of_socket;
    while (i < c->n_fds && c->fds[i].fd != fd)
        i++;
    if (what == CURL_POLL_REMOVE) {
        if (i < c->n_fds)
            c->fds[i] = c->fds[--c->n_fds];
        return 0;
    }
    if (i == SOCKETS_MAX)
        return -1;              /* libcurl ends the request; its time-outs go on meanwhile */
    if (i == c->n_fds)
        c->n_fds++;
    c->fds[i] = (struct gf_pollfd){.fd = fd};
    c->fds[i].events =
        (short)((what != CURL_POLL_OUT ? POLLIN : 0) | (what != CURL_POLL_IN ? POLLOUT : 0));
    return 0;
}

/* ---- the port ---- */

static void office_bind(void *ctx, const struct office_events *events)
{
    ((struct office_client *)ctx)->events = events;
}

static int office_post(void *ctx, const uint8_t *body, size_t n)
{
    struct office_client *c = ctx;

    if (c->busy)
        return GF_E_NOT_NOW;
    if (http_post(&c->request, &c->peer, "/v1/sync", "application/x-protobuf", body, n) != 0 ||
        curl_multi_add_handle(c->multi, c->request.easy) != CURLM_OK) {
        http_free(&c->request);
        return GF_E_MEMORY;
    }
    c->busy = true;
    c->cancelled = false;
    return 0;
}

static void office_cancel(void *ctx)
{
    struct office_client *c = ctx;

    c->cancelled = c->busy;
}

static int office_verify(void *ctx, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
                         size_t sig_len)
{
    const struct office_client *c = ctx;

    return client_pki_verify(c->sign_key, msg, msg_len, sig, sig_len);
}

static void office_device_id(void *ctx, uint8_t ret[static 16])
{
    const struct office_client *c = ctx;

    memcpy(ret, c->device_id, GF_UUID_LEN);
}

/* ---- the source ---- */

static size_t source_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct office_client *c = ctx;
    size_t n = c->n_fds < cap ? c->n_fds : cap;

    memcpy(ret, c->fds, n * sizeof *ret);
    return n;
}

/* libcurl counts real time; a port clock that runs faster makes us look earlier than needed, which
 * does no harm. */
static int source_timeout_ms(void *ctx)
{
    const struct office_client *c = ctx;
    long ms = -1;

    if (!c->busy)
        return -1;
    if (c->cancelled)
        return 0;
    (void)curl_multi_timeout(c->multi, &ms);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* The request is over: make room for the next one, then tell. */
static void finish(struct office_client *c, CURLcode rc)
{
    struct gf_fail why = {0};
    struct http_try t = c->request;
    int code;

    (void)curl_multi_remove_handle(c->multi, t.easy);
    code = c->cancelled ? gf_fail(&why, GF_E_CANCELLED, "head office", "")
                        : http_outcome(&t, rc, &why);
    c->request = (struct http_try){0};
    c->busy = c->cancelled = false;
    if (c->events != NULL && code == 0)
        c->events->done(c->events->ctx, 0, "", t.body, t.n);
    else if (c->events != NULL)
        c->events->done(c->events->ctx, code, why.detail, NULL, 0);
    http_free(&t);
}

static void source_process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct office_client *c = ctx;
    int running, left;
    long ms = -1;
    const CURLMsg *msg;

    if (!c->busy)
        return;
    if (c->cancelled) {
        finish(c, CURLE_OK);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        int what = ((fds[i].revents & POLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                   ((fds[i].revents & POLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                   ((fds[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? CURL_CSELECT_ERR : 0);

        if (what != 0)
            (void)curl_multi_socket_action(c->multi, fds[i].fd, what, &running);
    }
    (void)curl_multi_timeout(c->multi, &ms);
    if (ms == 0)
        (void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
        if (msg->msg == CURLMSG_DONE && msg->easy_handle == c->request.easy) {
            finish(c, msg->data.result);
            return;
        }
    }
}

/* ---- making and freeing ---- */

/* Everything that can be wrong with the certificates is told now, not when the first record should
 * go. */
static int check_certificates(struct office_client *c, const char *sign_pem, struct gf_fail *why)
{
    X509 *ca = client_pki_certificate(c->ca_pem), *cert = client_pki_certificate(c->cert_pem),
         *sign = client_pki_certificate(sign_pem);
    EVP_PKEY *key = client_pki_key(c->key_pem);
    const char *bad = NULL;

    if (ca == NULL)
        bad = "head office's CA certificate cannot be read";
    else if (cert == NULL || key == NULL)
        bad = "this laptop's certificate or key cannot be read";
    else if (sign == NULL)
        bad = "the certificate for acknowledgements cannot be read";
    else if (X509_check_private_key(cert, key) != 1)
        bad = "the key does not belong to this laptop's certificate";
    else if (!client_pki_issued(ca, cert))
        bad = "this laptop's certificate is not issued by head office's CA";
    else if (!client_pki_issued(ca, sign) || !client_pki_is_p256(X509_get0_pubkey(sign)))
        bad = "the certificate for acknowledgements is not issued by head office's CA";
    else
        c->sign_key = X509_get_pubkey(sign);
    X509_free(ca);
    X509_free(cert);
    X509_free(sign);
    EVP_PKEY_free(key);
    return bad != NULL ? gf_fail(why, GF_E_OFFICE_TLS, "enrolment", bad) : 0;
}

static int set_up(struct office_client *c, const struct office_client_config *cfg,
                  struct gf_fail *why)
{
    int r = http_url(cfg->url, c->peer.url, sizeof c->peer.url, why);

    if (r != 0)
        return r;
    if (gf_uuid_parse(cfg->device_id, c->device_id) != 0)
        return gf_fail(why, GF_E_FORMAT, "device id", "it is not a UUID");
    c->ca_pem = strdup(cfg->ca_pem);
    c->cert_pem = strdup(cfg->cert_pem);
    c->key_pem = strdup(cfg->key_pem);
    c->user_agent = strdup(cfg->user_agent);
    c->multi = curl_multi_init();
    if (c->ca_pem == NULL || c->cert_pem == NULL || c->key_pem == NULL || c->user_agent == NULL ||
        c->multi == NULL ||
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, watch) != CURLM_OK ||
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) != CURLM_OK ||
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK)
        return gf_fail(why, GF_E_MEMORY, "head office", "");
    c->peer.ca_pem = c->ca_pem;
    c->peer.cert_pem = c->cert_pem;
    c->peer.key_pem = c->key_pem;
    c->peer.user_agent = c->user_agent;
    c->peer.connect_ms = cfg->connect_ms > 0 ? cfg->connect_ms : 10000;
    c->peer.stall_s = cfg->stall_s > 0 ? cfg->stall_s : 20;
    c->peer.total_ms = cfg->total_ms > 0 ? cfg->total_ms : 300000;
    return check_certificates(c, cfg->sign_pem, why);
}

struct office_client *office_client_new(const struct office_client_config *cfg, struct gf_fail *why)
{
    struct office_client *c = calloc(1, sizeof *c);

    if (c == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(c);
        (void)gf_fail(why, GF_E_MEMORY, "head office", "");
        return NULL;
    }
    c->port = (struct office_port){
        c, office_bind, office_post, office_cancel, office_verify, office_device_id};
    c->source = (struct gf_source){c, source_fds, source_timeout_ms, source_process};
    return set_up(c, cfg, why) == 0 ? c : office_client_free(c);
}

struct office_client *office_client_free(struct office_client *c)
{
    if (c == NULL)
        return NULL;
    if (c->request.easy != NULL)
        (void)curl_multi_remove_handle(c->multi, c->request.easy);
    http_free(&c->request);
    (void)curl_multi_cleanup(c->multi);     /* closes connections, which still look at peer */
    http_peer_done(&c->peer);
    if (c->key_pem != NULL)
        gf_wipe(c->key_pem, strlen(c->key_pem));
    free(c->ca_pem);
    free(c->cert_pem);
    free(c->key_pem);
    free(c->user_agent);
    EVP_PKEY_free(c->sign_key);
    free(c);
    curl_global_cleanup();
    return NULL;
}

const struct office_port *office_client_port(struct office_client *c)
{
    return &c->port;
}

const struct gf_source *office_client_source(struct office_client *c)
{
    return &c->source;
}
