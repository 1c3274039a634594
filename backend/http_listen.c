/* http_listen.c - sockets and TLS of the server's listeners; see http_listen.h. */
#include "backend/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <openssl/err.h>

#define BACKLOG 128

static int tls_fail(struct gf_fail *why, const char *file)
{
    char detail[sizeof why->detail];

    (void)snprintf(detail, sizeof detail, "%s: %s", file,
                   ERR_reason_error_string(ERR_peek_last_error()));
    ERR_clear_error();
    return gf_fail(why, GF_E_FILE, "certificate", detail);
}

int http_make_tls(const struct http_listen *how, SSL_CTX **ret, struct gf_fail *why)
{
    static const unsigned char session[] = "gasoffice";
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    const char *bad = NULL;

    if (tls == NULL)
        return gf_fail(why, GF_E_MEMORY, "TLS", "");
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    (void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_num_tickets(
        tls, 0); /* each connection proves itself; they are kept alive anyway */
    (void)SSL_CTX_set_session_id_context(tls, session, sizeof session - 1);
    if (SSL_CTX_use_certificate_chain_file(tls, how->cert_file) != 1)
        bad = how->cert_file;
    else if (SSL_CTX_use_PrivateKey_file(tls, how->key_file, SSL_FILETYPE_PEM) != 1
             || SSL_CTX_check_private_key(tls) != 1)
        bad = how->key_file;
    else if (how->ca_file != NULL) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(how->ca_file);

        SSL_CTX_set_client_CA_list(tls, names);
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_verify_depth(tls, 1);
        if (names == NULL || SSL_CTX_load_verify_file(tls, how->ca_file) != 1)
            bad = how->ca_file;
    }
    if (bad != NULL) {
        int r = tls_fail(why, bad);

        SSL_CTX_free(tls);
        return r;
    }
    *ret = tls;
    return 0;
}

static bool is_loopback(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)at)->sin6_addr);
    return at->sa_family == AF_INET
           && ntohl(((const struct sockaddr_in *)(const void *)at)->sin_addr.s_addr) >> 24 == 127;
}

int http_open_socket(const struct http_listen *how, int *ret_fd, struct gf_fail *why)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV },
                    *found = NULL;
    const int on = 1;
    char where[96];

    (void)snprintf(where, sizeof where, "%.60s port %.20s", how->host, how->port);
    if (getaddrinfo(how->host, how->port, &hints, &found) != 0)
        return gf_fail(why, GF_E_FORMAT, "listen", where);
    if (how->cert_file == NULL && !is_loopback(found->ai_addr)) {
        freeaddrinfo(found);
        return gf_fail(why, GF_E_FORMAT, "listen",
                       "without TLS only a loopback address is served: 127.0.0.1 or ::1");
    }

    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
              && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0
              && bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    freeaddrinfo(found);
    if (ok) {
        *ret_fd = fd;
        return 0;
    }
    char detail[160];
    (void)snprintf(detail, sizeof detail, "%s: %s", where, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return gf_fail(why, GF_E_NOT_NOW, "listen", detail);
}

bool http_address_of(int fd, char ret[static HTTP_ADDRESS_MAX])
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    char host[48], port[8];

    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0
        || getnameinfo((const struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV)
               != 0)
        return false;
    (void)snprintf(ret, HTTP_ADDRESS_MAX, at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return true;
}

bool http_group_of(int fd, char ret[static ADDRESS_GROUP_MAX])
{
    struct sockaddr_storage from;
    socklen_t n = sizeof from;
    char address[64];

    if (getpeername(fd, (struct sockaddr *)&from, &n) != 0
        || getnameinfo((const struct sockaddr *)&from, n, address, sizeof address, NULL, 0,
                       NI_NUMERICHOST)
               != 0)
        return false;
    address_group(address, ret);
    return true;
}

/* evhttp stops and starts reading with each request: told to the kernel once a turn of the loop,
 * most of that costs nothing. (No descriptor here is a copy of another, which this wants.) */
struct event_base *http_make_base(void)
{
    struct event_config *how = event_config_new();
    struct event_base *base = NULL;

    if (how != NULL && event_config_set_flag(how, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0)
        base = event_base_new_with_config(how);
    if (how != NULL)
        event_config_free(how);
    return base;
}
