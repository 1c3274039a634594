/* http_read.c - what a connection and a request of libevent say; see http_read.h. */
#include "backend/http_read.h"

#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include <event2/keyvalq_struct.h>

void http_identity(SSL *ssl, char *ret, size_t cap)
{
    X509 *cert = SSL_get_verify_result(ssl) == X509_V_OK ? SSL_get1_peer_certificate(ssl) : NULL;
    int n = -1;

    ret[0] = '\0';
    if (cert != NULL)
        n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, ret, (int)cap);
    if (n < 0 || (size_t)n != strlen(ret) || (size_t)n + 1 >= cap)
        ret[0] = '\0';
    X509_free(cert);
}

const char *http_method(enum evhttp_cmd_type method)
{
    return method == EVHTTP_REQ_POST ? "POST" : method == EVHTTP_REQ_GET ? "GET" : "-";
}

const char *http_single_header(struct evhttp_request *req, const char *name)
{
    const char *value = "";
    struct evkeyval *h;

    TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
    {
        if (strcasecmp(h->key, name) != 0)
            continue;
        if (value[0] != '\0')
            return NULL;
        value = h->value;
    }
    return value;
}

bool http_is_ambiguous(struct evhttp_request *req)
{
    const char *length = http_single_header(req, "Content-Length"),
               *coding = http_single_header(req, "Transfer-Encoding");

    return length == NULL || coding == NULL || (length[0] != '\0' && coding[0] != '\0')
           || http_single_header(req, "Content-Type") == NULL
           || http_single_header(req, "Authorization") == NULL
           || http_single_header(req, "Gasm-Signature") == NULL;
}
