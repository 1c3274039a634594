/* client.h - head office over HTTPS, as the laptop sees it: the office port on libcurl.
 *
 * TLS 1.3 only; the one CA of enrolment is trusted and no other; the device's certificate is shown
 * to the server; no proxy, no redirect. Answers of more than 4 MiB are given up. Nothing blocks but
 * office_enrol().
 */
#ifndef GF_CLIENT_H
#define GF_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/port.h"
#include "field/ports.h"

#define OFFICE_PEM_MAX 4096         /* a certificate or a key in PEM, with its NUL */
#define OFFICE_ANSWER_MAX (4u << 20)

/* All texts are copied; the copy of the key is wiped when the client is freed. */
struct office_client_config {
    const char *url;                /* "https://host:port", a path is not allowed */
    const char *ca_pem;             /* the CA of enrolment */
    const char *cert_pem, *key_pem; /* the device's */
    const char *sign_pem;           /* its key verifies acknowledgements; issued by the CA */
    const char *device_id;          /* UUID text */
    const char *user_agent;         /* "gasfitter/1.0" */
    long connect_ms, stall_s, total_ms;  /* 0: 10 s to connect, 20 s without bytes, 300 s in all */
};

struct office_client;

/*
 * A client that has nothing under way. NULL with *why: GF_E_FORMAT (url or device id),
 * GF_E_OFFICE_TLS (a certificate cannot be read, or is not issued by the CA, or the key is not that
 * of the certificate), GF_E_MEMORY.
 */
struct office_client *office_client_new(const struct office_client_config *cfg,
                                        struct gf_fail *why);

/* Give up what is under way, wipe the key. NULL is fine. Returns NULL. Not from inside an event. */
struct office_client *office_client_free(struct office_client *c);

/* Port and event source; they live as long as the client. Events come from the source's process()
 * only. */
const struct office_port *office_client_port(struct office_client *c);
const struct gf_source *office_client_source(struct office_client *c);

struct office_enrol_request {
    const char *url;                /* of the enrolment listener */
    const char *code;               /* "K7Q2M9XW4T-0123456789abcdef", either case */
    const char *name;               /* what the laptop is called, 1..64 bytes */
    const char *user_agent;
};

/* What enrolment gave; keep it, then wipe it with gf_wipe(). */
struct office_enrol_result {
    char device_id[GF_UUID_TEXT];
    char staff[64];                 /* made visible */
    char url[256];                  /* where to synchronise */
    char ca_pem[OFFICE_PEM_MAX], cert_pem[OFFICE_PEM_MAX], sign_pem[OFFICE_PEM_MAX];
    char key_pem[OFFICE_PEM_MAX];   /* made here, never sent: a secret */
};

/*
 * Enrol this laptop: make a P-256 key, prove it with a certificate request, spend the one-time
 * code. Blocks for up to two minutes: for the command line. The code's second half is the start of
 * SHA-256 of the CA certificate: a server whose chain does not end in that CA gets neither the code
 * nor anything else.
 *
 * 0; GF_E_FORMAT (url, code, name), GF_E_OFFICE_AWAY, GF_E_OFFICE_TLS (another CA, or a certificate
 * in the answer that does not fit), GF_E_OFFICE_REFUSED (head office's words in *why),
 * GF_E_OFFICE_ANSWER, GF_E_CRYPTO, GF_E_MEMORY. *ret is written only on 0.
 */
int office_enrol(const struct office_enrol_request *req, struct office_enrol_result *ret,
                 struct gf_fail *why);

#endif
