/* enrol.c - a one-time code becomes a certificate; see client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/x509.h>

#include "backend/client/client.h"
#include "backend/client/http.h"
#include "backend/client/pki.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/text.h"

#define CODE_LEN 10             /* Crockford's base 32 */
#define PRINT_DIGITS (2 * PKI_PRINT_LEN)
#define NAME_LEN 64             /* upper bound of a common name (RFC 5280, appendix A) */

/* Check a code, write it the way head office printed it; the print comes out of its second half. */
static int read_code(const char *code, char ret[static CODE_LEN + PRINT_DIGITS + 2],
                     uint8_t ret_print[static PKI_PRINT_LEN], struct gf_fail *why)
{
    /* People type letters that Crockford's alphabet leaves out; each has one meaning. */
    static const char typed[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyzOoIiLl";
    static const char meant[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZABCDEFGHJKMNPQRSTVWXYZ001111";
    char detail[80];

    for (size_t i = 0; i < CODE_LEN; i++) {
        const char *at = code[i] != '\0' ? strchr(typed, code[i]) : NULL;

        if (at == NULL) {
            (void)snprintf(detail, sizeof detail,
                           "character %zu of the code is none of its letters or digits", i + 1);
            return gf_fail(why, GF_E_FORMAT, "code", detail);
        }
        ret[i] = meant[at - typed];
    }
    if (code[CODE_LEN] != '-' || gf_unhex(code + CODE_LEN + 1, ret_print, PKI_PRINT_LEN) != 0)
        return gf_fail(why, GF_E_FORMAT, "code",
                       "after 10 characters come \"-\" and 16 hexadecimal digits");
    ret[CODE_LEN] = '-';
    gf_hex(ret_print, PKI_PRINT_LEN, ret + CODE_LEN + 1);
    return 0;
}

/* Copy a string member; `visible` for what is shown. */
static int take(const json_t *answer, const char *name, char *ret, size_t cap, struct gf_fail *why)
{
    const json_t *v = json_object_get(answer, name);

    if (!json_is_string(v) || json_string_length(v) == 0 ||
        strlen(json_string_value(v)) != json_string_length(v) ||
        !gf_copy(ret, cap, json_string_value(v)))
        return gf_fail(why, GF_E_OFFICE_ANSWER, name,
                       "missing from head office's answer, or too long");
    return 0;
}

static int read_answer(const struct http_try *t, struct office_enrol_result *ret,
                       struct gf_fail *why)
{
    const struct {
        const char *name;
        char *to;
        size_t cap;
    } members[] = {
        {"device_id", ret->device_id, sizeof ret->device_id},
        {"staff", ret->staff, sizeof ret->staff},
        {"url", ret->url, sizeof ret->url},
        {"ca_pem", ret->ca_pem, sizeof ret->ca_pem},
        {"cert_pem", ret->cert_pem, sizeof ret->cert_pem},
        {"sign_pem", ret->sign_pem, sizeof ret->sign_pem},
    };
    json_t *answer = t->n > 0 ? json_loadb((const char *)t->body, t->n, 0, NULL) : NULL;
    char staff[sizeof ret->staff];
    int r = 0;

    if (!json_is_object(answer))
        r = gf_fail(why, GF_E_OFFICE_ANSWER, "head office", "its answer is not a JSON object");
    for (size_t i = 0; i < sizeof members / sizeof members[0] && r == 0; i++)
        r = take(answer, members[i].name, members[i].to, members[i].cap, why);
    json_decref(answer);
    if (r != 0)
        return r;
    gf_visible(staff, sizeof staff, ret->staff, strlen(ret->staff));
    memcpy(ret->staff, staff, sizeof staff);
    return http_url(ret->url, ret->url, sizeof ret->url, NULL) != 0
               ? gf_fail(why, GF_E_OFFICE_ANSWER, "url",
                         "head office's address in the answer is not https://host:port")
               : 0;
}

/* The certificates in the answer have to fit each other, our key, and the CA that was verified with
 * the code. */
static int check_answer(const struct office_enrol_result *a, X509 *pinned, struct gf_fail *why)
{
    X509 *ca = client_pki_certificate(a->ca_pem), *cert = client_pki_certificate(a->cert_pem),
         *sign = client_pki_certificate(a->sign_pem);
    EVP_PKEY *key = client_pki_key(a->key_pem);
    uint8_t id[GF_UUID_LEN];
    const char *bad = NULL;

    if (ca == NULL || X509_cmp(ca, pinned) != 0)
        bad = "the CA certificate is not the one that the code names";
    else if (cert == NULL || key == NULL || X509_check_private_key(cert, key) != 1)
        bad = "the certificate is not for the key that was made here";
    else if (!client_pki_issued(ca, cert))
        bad = "the certificate is not issued by head office's CA";
    else if (sign == NULL || !client_pki_issued(ca, sign) ||
             !client_pki_is_p256(X509_get0_pubkey(sign)))
        bad = "the certificate for acknowledgements is not issued by head office's CA";
    X509_free(ca);
    X509_free(cert);
    X509_free(sign);
    EVP_PKEY_free(key);
    if (bad != NULL)
        return gf_fail(why, GF_E_OFFICE_TLS, "enrolment", bad);
    if (gf_uuid_parse(a->device_id, id) != 0)
        return gf_fail(why, GF_E_OFFICE_ANSWER, "device_id", "it is not a UUID");
    return 0;
}

/* Ask head office; fills all of `ret` but the key. */
static int ask(struct http_peer *peer, const char *code, const char *name, const char *request_pem,
               struct office_enrol_result *ret, struct gf_fail *why)
{
    json_t *question =
        json_pack("{s:s, s:s, s:s}", "code", code, "csr_pem", request_pem, "name", name);
    char *text = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
    struct http_try t = {0};
    int r = GF_E_MEMORY;

    if (text != NULL)
        r = http_post(&t, peer, "/v1/enrol", "application/json", text, strlen(text));
    if (r != 0)
        (void)gf_fail(why, r, "enrolment", "");
    else
        r = http_outcome(&t, curl_easy_perform(t.easy), why);
    if (r == 0)
        r = read_answer(&t, ret, why);
    http_free(&t);
    free(text);
    json_decref(question);
    return r;
}

static int enrol(const struct office_enrol_request *req, struct office_enrol_result *ret,
                 struct gf_fail *why)
{
    struct http_peer peer = {.user_agent = req->user_agent,
                             .connect_ms = 10000,
                             .stall_s = 20,
                             .total_ms = 60000};
    char code[CODE_LEN + PRINT_DIGITS + 2], request_pem[OFFICE_PEM_MAX];
    int r = http_url(req->url, peer.url, sizeof peer.url, why);

    if (r != 0 || (r = read_code(req->code, code, peer.print, why)) != 0)
        return r;
    if (req->name[0] == '\0' || strlen(req->name) > NAME_LEN)
        return gf_fail(why, GF_E_FORMAT, "name", "the laptop's name has 1 to 64 bytes");
    r = client_pki_request(req->name, ret->key_pem, sizeof ret->key_pem, request_pem,
                           sizeof request_pem);
    if (r != 0)
        return gf_fail(why, r, "enrolment", "no key could be made; is the name UTF-8?");
    r = ask(&peer, code, req->name, request_pem, ret, why);
    if (r == 0)
        r = check_answer(ret, peer.ca, why);
    http_peer_done(&peer);
    return r;
}

int office_enrol(const struct office_enrol_request *req, struct office_enrol_result *ret,
                 struct gf_fail *why)
{
    struct office_enrol_result *fresh = calloc(1, sizeof *fresh);
    int r;

    if (fresh == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(fresh);
        return gf_fail(why, GF_E_MEMORY, "enrolment", "");
    }
    r = enrol(req, fresh, why);
    if (r == 0)
        *ret = *fresh;
    gf_wipe(fresh, sizeof *fresh);
    free(fresh);
    curl_global_cleanup();
    return r;
}
