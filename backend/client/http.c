/* http.c - libcurl's options, and what its outcomes mean to us; see http.h. */
#include "backend/client/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "backend/client/client.h"
#include "common/text.h"

#define SLOW_BYTES_S 16L        /* less than this for stall_s seconds is no connection */

int http_url(const char *url, char *ret, size_t cap, struct gf_fail *why)
{
    CURLU *u = curl_url();
    char *part = NULL, *path = NULL;
    int r = GF_E_FORMAT;

    /* libcurl's own parser, so that what is checked is what is used */
    if (u != NULL && strncmp(url, "https://", 8) == 0 && strlen(url) < cap &&
        curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0 &&
        curl_url_get(u, CURLUPART_QUERY, &part, 0) == CURLUE_NO_QUERY &&
        curl_url_get(u, CURLUPART_FRAGMENT, &part, 0) == CURLUE_NO_FRAGMENT)
        r = 0;
    curl_free(part);
    curl_free(path);
    curl_url_cleanup(u);
    if (r != 0)
        return gf_fail(why, r, "url", "head office's address has the form https://host:port");
    (void)gf_copy(ret, cap, url);
    if (ret[strlen(ret) - 1] == '/')
        ret[strlen(ret) - 1] = '\0';
    return 0;
}

void http_peer_done(struct http_peer *peer)
{
    X509_free(peer->ca);
    peer->ca = NULL;
}

/* ---- TLS ---- */

static void note_alert(const SSL *ssl, int where, int value)
{
    struct http_peer *peer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if ((where & SSL_CB_ALERT) != 0 && (value & 0xFF) != SSL_AD_CLOSE_NOTIFY)
        peer->alert = value & 0xFF;
}

/* Trust the CA that the enrolment code names by its fingerprint, when the server shows it; then
 * verify as always. */
static int verify_by_print(X509_STORE_CTX *store, void *ctx)
{
    struct http_peer *peer = ctx;
    STACK_OF(X509) *shown = X509_STORE_CTX_get0_untrusted(store), *trusted = sk_X509_new_null();
    int good = 0;

    http_peer_done(peer);
    for (int i = 0; i < sk_X509_num(shown) && peer->ca == NULL; i++) {
        X509 *cert = sk_X509_value(shown, i);

        if (client_pki_has_print(cert, peer->print) && X509_check_ca(cert) == 1 &&
            X509_up_ref(cert) == 1)
            peer->ca = cert;
    }
    peer->other_ca = peer->ca == NULL;
    if (peer->ca != NULL && trusted != NULL && sk_X509_push(trusted, peer->ca) > 0) {
        X509_STORE_CTX_set0_trusted_stack(store, trusted);
        good = X509_verify_cert(store);
    } else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    }
    sk_X509_free(trusted);
    return good == 1;
}

static CURLcode tls_setup(CURL *easy, void *ssl_ctx, void *ctx)
{
    struct http_peer *peer = ctx;

    (void)easy;
    (void)SSL_CTX_set_app_data(ssl_ctx, peer);
    SSL_CTX_set_info_callback(ssl_ctx, note_alert);
    if (peer->ca_pem == NULL)
        SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_by_print, peer);
    return CURLE_OK;
}

/* ---- a request ---- */

static size_t take_body(char *p, size_t size, size_t n, void *ctx)
{
    struct http_try *t = ctx;
    size_t more = size * n;

    if (more > OFFICE_ANSWER_MAX - t->n) {
        t->too_long = true;
        return 0;
    }
    uint8_t *grown = realloc(t->body, t->n + more + 1);
    if (grown == NULL) {
        t->no_memory = true;
        return 0;
    }
    t->body = grown;
    memcpy(t->body + t->n, p, more);
    t->n += more;
    t->body[t->n] = '\0';
    return more;
}

/* libcurl gives one line of the answer's head at a time, the empty one at its end too. */
static size_t take_header(char *p, size_t size, size_t n, void *ctx)
{
    struct http_try *t = ctx;
    size_t len = size * n;

    if (len >= 5 && memcmp(p, "HTTP/", 5) == 0)
        t->has_length = t->headers_ended = false;
    else if ((len >= 15 && strncasecmp(p, "Content-Length:", 15) == 0) ||
             (len >= 18 && strncasecmp(p, "Transfer-Encoding:", 18) == 0))
        t->has_length = true;
    else if (len == 2 && memcmp(p, "\r\n", 2) == 0)
        t->headers_ended = true;
    return len;
}

static bool set_blob(CURL *easy, CURLoption option, const char *pem)
{
    /* Not copied by libcurl: its copies of the key would stay in freed memory. */
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem,
                             .len = strlen(pem),
                             .flags = CURL_BLOB_NOCOPY};

    return curl_easy_setopt(easy, option, &blob) == CURLE_OK;
}

static bool set_tls(struct http_try *t)
{
    CURL *e = t->easy;
    const struct http_peer *p = t->peer;
    bool ok =
        curl_easy_setopt(e, CURLOPT_SSLVERSION,
                         (long)CURL_SSLVERSION_TLSv1_3 | CURL_SSLVERSION_MAX_TLSv1_3) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        /* The system's certificates are not asked. */
        curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, tls_setup) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, t->peer) == CURLE_OK;

    if (ok && p->ca_pem != NULL)
        ok = set_blob(e, CURLOPT_CAINFO_BLOB, p->ca_pem);
    if (ok && p->cert_pem != NULL)
        ok = set_blob(e, CURLOPT_SSLCERT_BLOB, p->cert_pem) &&
             set_blob(e, CURLOPT_SSLKEY_BLOB, p->key_pem);
    return ok;
}

static bool set_rules(struct http_try *t)
{
    CURL *e = t->easy;
    const struct http_peer *p = t->peer;

    return curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOPROXY, "*") == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, p->connect_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_S) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, p->stall_s) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, p->total_ms) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERAGENT, p->user_agent) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

static bool set_body(struct http_try *t, const char *path, const char *content_type,
                     const void *body, size_t n)
{
    char url[sizeof t->peer->url + 32], type[80];

    (void)snprintf(url, sizeof url, "%s%s", t->peer->url, path);
    (void)snprintf(type, sizeof type, "Content-Type: %s", content_type);

    t->sent = malloc(n + 1);
    t->headers = curl_slist_append(NULL, type);
    if (t->sent == NULL || t->headers == NULL)
        return false;
    if (n > 0)
        memcpy(t->sent, body, n);
    return curl_easy_setopt(t->easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->sent) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n) == CURLE_OK;
}

int http_post(struct http_try *t, struct http_peer *peer, const char *path,
              const char *content_type, const void *body, size_t n)
{
    *t = (struct http_try){.easy = curl_easy_init(), .peer = peer};
    peer->alert = 0;
    peer->other_ca = false;
    if (t->easy == NULL || !set_rules(t) || !set_tls(t) ||
        !set_body(t, path, content_type, body, n))
        return GF_E_MEMORY;
    return 0;
}

void http_free(struct http_try *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    free(t->sent);
    free(t->body);
    *t = (struct http_try){0};
}

/* ---- what became of it ---- */

/* libcurl's outcomes that are not a matter of the network. What is not here means that head office
 * is away. */
static const struct {
    CURLcode rc;
    int code;
} codes[] = {
    {CURLE_PEER_FAILED_VERIFICATION, GF_E_OFFICE_TLS},
    {CURLE_SSL_CERTPROBLEM, GF_E_OFFICE_TLS},
    {CURLE_SSL_CIPHER, GF_E_OFFICE_TLS},
    {CURLE_SSL_CACERT_BADFILE, GF_E_OFFICE_TLS},
    {CURLE_SSL_ISSUER_ERROR, GF_E_OFFICE_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, GF_E_OFFICE_TLS},
    {CURLE_WEIRD_SERVER_REPLY, GF_E_OFFICE_ANSWER},
    {CURLE_UNSUPPORTED_PROTOCOL, GF_E_OFFICE_ANSWER},
    {CURLE_BAD_CONTENT_ENCODING, GF_E_OFFICE_ANSWER},
    {CURLE_FILESIZE_EXCEEDED, GF_E_OFFICE_ANSWER},
    {CURLE_OUT_OF_MEMORY, GF_E_MEMORY},
};

static int transport_failed(struct http_try *t, CURLcode rc, struct gf_fail *why)
{
    char detail[sizeof why->detail];
    const char *words = t->error[0] != '\0' ? t->error : curl_easy_strerror(rc);
    int code = GF_E_OFFICE_AWAY;

    if (t->no_memory)
        return gf_fail(why, GF_E_MEMORY, "head office", "while its answer came");
    if (t->too_long)
        return gf_fail(why, GF_E_OFFICE_ANSWER, "head office", "its answer is longer than 4 MiB");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].rc == rc)
            code = codes[i].code;
    /* An alert is the other side's, or our, refusal; a connection that breaks while TLS begins is
     * just away. In TLS 1.3 the refusal of our certificate comes with the first answer, so any
     * outcome may hold one. */
    if (t->peer->alert != 0)
        code = GF_E_OFFICE_TLS;
    if (t->peer->other_ca) {
        words = "its certificate authority is not the one that the code names";
        code = GF_E_OFFICE_TLS;
    }
    gf_visible(detail, sizeof detail, words, strlen(words));
    return gf_fail(why, code, "head office", detail);
}

/* A string member of the error object, made visible; empty when it is not there. */
static void member(const json_t *object, const char *name, char *ret, size_t cap)
{
    const json_t *v = json_object_get(object, name);

    ret[0] = '\0';
    if (json_is_string(v))
        gf_visible(ret, cap, json_string_value(v), json_string_length(v));
}

/* An answer that is not 200: head office's own words when they are there. */
static int status_failed(struct http_try *t, long status, struct gf_fail *why)
{
    char detail[sizeof why->detail], error[48], message[112], field[40];
    json_t *object = t->n > 0 ? json_loadb((const char *)t->body, t->n, 0, NULL) : NULL;
    /* 408 and 429 ask for patience, not for another request. */
    bool refused =
        object != NULL && status >= 400 && status < 500 && status != 408 && status != 429;
    int code = refused ? GF_E_OFFICE_REFUSED : GF_E_OFFICE_ANSWER;

    member(object, "error", error, sizeof error);
    member(object, "message", message, sizeof message);
    member(object, "field", field, sizeof field);
    json_decref(object);
    if (status == 403 && strcmp(error, "revoked") == 0)
        code = GF_E_REVOKED;
    if (message[0] == '\0' && error[0] == '\0')
        (void)snprintf(detail, sizeof detail, "HTTP status %ld", status);
    else
        (void)snprintf(detail, sizeof detail, "%s%s%s", field, field[0] != '\0' ? ": " : "",
                       message[0] != '\0' ? message : error);
    return gf_fail(why, code, "head office", detail);
}

int http_outcome(struct http_try *t, CURLcode rc, struct gf_fail *why)
{
    long status = 0;

    if (rc != CURLE_OK)
        return transport_failed(t, rc, why);
    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!t->headers_ended || (status == 200 && !t->has_length))
        return gf_fail(why, GF_E_OFFICE_AWAY, "head office",
                       "the connection ended within its answer");
    return status == 200 ? 0 : status_failed(t, status, why);
}
