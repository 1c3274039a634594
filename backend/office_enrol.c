/* office_enrol.c - one-time codes, and a laptop's certificate for one; see office_http.h and
 * docs/office.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "backend/api.h"
#include "backend/office_http.h"
#include "backend/office_pki.h"
#include "backend/office_tries.h"
#include "common/text.h"

#define DEVICE_DAYS (3 * 365)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford's base32 */

/* ---- codes ---- */

/* A code as it is stored: under a key of this office, so that a copy of the database gives no
 * codes. */
static int code_hash(struct office *o, const char *code, uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    const struct gf_span part = { (const uint8_t *)code, strlen(code) };
    uint8_t key[HO_KEY_LEN];
    int r = ho_derive(o, "enrol codes", key);

    if (r == 0 && c->hmac(c->ctx, key, sizeof key, &part, 1, ret) != 0)
        r = ho_fail(o, GF_E_CRYPTO, "code", "");
    gf_wipe(key, sizeof key);
    return r;
}

/* What a person typed: the part before the hyphen, in capitals, with the letters that are read as
 * digits. False when it cannot be a code. */
static bool normalise(const char *typed, char ret[static HO_CODE_LEN + 1])
{
    size_t n = 0;

    for (; typed[n] != '\0' && typed[n] != '-'; n++) {
        char c = typed[n];

        if (n == HO_CODE_LEN)
            return false;
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c == 'O')
            c = '0';
        if (c == 'I' || c == 'L')
            c = '1';
        if (strchr(alphabet, c) == NULL)
            return false;
        ret[n] = c;
    }
    ret[n] = '\0';
    return n == HO_CODE_LEN;
}

struct new_code {
    const char *staff_no;
    char code[HO_CODE_LEN + 1];
};

static int store_code(struct office *o, void *ctx)
{
    const struct new_code *n = ctx;
    int64_t now = ho_now_ms(o), found = 0;
    uint8_t hash[32];

    if (odb_number(o->db, &found, "SELECT COUNT(*) FROM staff WHERE org_id = ?1 AND staff_no = ?2",
                   ODB(ODB_T(n->staff_no)))
        < 0)
        return ho_db_fail(o);
    if (found == 0)
        return ho_fail(o, GF_E_FORMAT, "staff", "there is no such person: see add-staff");
    if (code_hash(o, n->code, hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "code", "");
    if (odb_exec(o->db,
                 "INSERT INTO enrol_code (org_id, code_hash, staff_no, made_at_ms, expires_at_ms) "
                 "VALUES (?1, ?2, ?3, ?4, ?5)",
                 ODB(ODB_B(hash, 32), ODB_T(n->staff_no), ODB_I(now),
                     ODB_I(now + (int64_t)HO_CODE_HOURS * 3600 * 1000)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, ho_who(o), "enrol code made", "for staff %s", n->staff_no);
}

int ho_enrol_code(struct office *o, const char *staff_no, char ret[static HO_CODE_TEXT])
{
    struct new_code fresh = { .staff_no = staff_no };
    uint8_t random[HO_CODE_LEN], ca_hash[32];
    char hex[17];

    if (o->ports.random->fill(o->ports.random->ctx, random, sizeof random) != 0)
        return ho_fail(o, GF_E_RANDOM, "code", "");
    for (size_t i = 0; i < HO_CODE_LEN; i++)
        fresh.code[i] = alphabet[random[i] % 32];
    if (pki_cert_hash(o->ca, ca_hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "ca.pem", "");

    int r = ho_transaction(o, store_code, &fresh);
    if (r < 0)
        return r;
    gf_hex(ca_hash, 8, hex);
    (void)snprintf(ret, HO_CODE_TEXT, "%s-%s", fresh.code, hex);
    return 0;
}

/* ---- enrolling ---- */

struct enrolment {
    const char *code, *name, *csr_pem;
    EVP_PKEY *key; /* of the request */
    uint8_t csr_hash[32];
    char staff_no[25];
    uint8_t device_id[GF_UUID_LEN];
    struct buf cert_pem;
    const char *refused, *sentence; /* error code and words, when it is refused */
};

static int make_device(struct office *o, struct enrolment *e)
{
    const struct pki_signer ca = { o->ca, o->ca_key };
    int64_t now_s = ho_now_ms(o) / 1000;
    char id[GF_UUID_TEXT];
    X509 *cert = NULL;

    if (gf_uuid7(o->ports.clock, o->ports.random, e->device_id) != 0)
        return ho_fail(o, GF_E_RANDOM, "device", "");
    gf_uuid_text(e->device_id, id);

    struct pki_cert what = { .use = PKI_DEVICE,
                             .name = id,
                             .from_s = now_s - 3600,
                             .to_s = now_s + (int64_t)DEVICE_DAYS * 86400 };
    int r = pki_cert_new(&what, e->key, &ca, o->ports.random, &cert, &o->fail);
    if (r == 0)
        r = pki_cert_pem(cert, &e->cert_pem);
    X509_free(cert);
    buf_add(&e->cert_pem, "", 1);
    return r == 0 && !e->cert_pem.bad ? 0 : ho_fail(o, GF_E_CRYPTO, "certificate", id);
}

static int store_device(struct office *o, struct enrolment *e, const uint8_t code[static 32])
{
    uint8_t start[32] = { 0 };
    int64_t now = ho_now_ms(o);
    char id[GF_UUID_TEXT];

    gf_uuid_text(e->device_id, id);
    if (odb_exec(o->db,
                 "INSERT INTO device (org_id, device_id, staff_no, name, certificate, "
                 "enrolled_at_ms, chain_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                 ODB(ODB_B(e->device_id, GF_UUID_LEN), ODB_T(e->staff_no), ODB_T(e->name),
                     ODB_T((const char *)e->cert_pem.p), ODB_I(now), ODB_B(start, sizeof start)))
            < 0
        || odb_exec(o->db,
                    "UPDATE enrol_code SET used_at_ms = ?3, csr_hash = ?4, device_id = ?5 WHERE "
                    "org_id = ?1 AND code_hash = ?2",
                    ODB(ODB_B(code, 32), ODB_I(now), ODB_B(e->csr_hash, 32),
                        ODB_B(e->device_id, GF_UUID_LEN)))
               < 0)
        return ho_db_fail(o);
    return ho_log(o, e->staff_no, "device enrolled", "%s, %s", id, e->name);
}

/* The same request again, because its answer was lost: the same certificate. */
static int find_device(struct office *o, struct enrolment *e)
{
    struct odb_query *q =
        odb_query(o->db, "SELECT certificate FROM device WHERE org_id = ?1 AND device_id = ?2",
                  ODB(ODB_B(e->device_id, GF_UUID_LEN)));
    char pem[PKI_CSR_MAX];
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, pem, sizeof pem);
    odb_end(q);
    if (r != 1)
        return r < 0 ? ho_db_fail(o)
                     : ho_fail(o, GF_E_STORE_DAMAGED, "device", "a used code names no device");
    buf_add(&e->cert_pem, pem, strlen(pem) + 1);
    return 0;
}

static int refuse(struct enrolment *e, const char *code, const char *sentence)
{
    e->refused = code;
    e->sentence = sentence;
    return 0;
}

static int spend_code(struct office *o, void *ctx)
{
    struct enrolment *e = ctx;
    uint8_t hash[32], used_by[32];
    bool is_used = false, is_same = false;
    int64_t expires = 0;

    if (code_hash(o, e->code, hash) != 0)
        return ho_fail(o, GF_E_CRYPTO, "code", "");

    struct odb_query *q =
        odb_query(o->db,
                  "SELECT staff_no, expires_at_ms, used_at_ms, csr_hash, device_id FROM enrol_code "
                  "WHERE org_id = ?1 AND code_hash = ?2",
                  ODB(ODB_B(hash, 32)));
    int r = odb_next(o->db, q);
    if (r == 1) {
        odb_text(q, 0, e->staff_no, sizeof e->staff_no);
        expires = odb_int(q, 1);
        is_used = !odb_is_null(q, 2);
        is_same = is_used && odb_copy(q, 3, used_by, sizeof used_by)
                  && memcmp(used_by, e->csr_hash, sizeof used_by) == 0
                  && odb_copy(q, 4, e->device_id, sizeof e->device_id);
    }
    odb_end(q);
    if (r < 0)
        return ho_db_fail(o);
    if (r == 0)
        return refuse(e, "code_unknown",
                      "this code is not known; read it again, or ask for another");
    if (ho_now_ms(o) >= expires)
        return refuse(e, "code_expired", "this code has expired; ask for another");
    if (is_same)
        return find_device(o, e);
    if (is_used)
        return refuse(e, "code_used", "this code was used already; ask for another");
    r = make_device(o, e);
    return r == 0 ? store_device(o, e, hash) : r;
}

static void answer_enrolled(struct office *o, const struct enrolment *e, struct http_response *ret)
{
    char id[GF_UUID_TEXT];

    gf_uuid_text(e->device_id, id);

    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "device_id", id, "cert_pem",
                             e->cert_pem.p, "ca_pem", o->ca_pem.p, "sign_pem", o->sign_pem.p,
                             "staff", e->staff_no, "url", o->url);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;

    ret->status = 200;
    if (text != NULL)
        buf_text(&ret->body, text);
    else
        ret->body.bad = true;
    free(text);
    json_decref(json);
}

/* Codes are short, so wrong ones are counted for each address. */
static void enrol(struct office *o, const struct http_request *request, struct enrolment *e,
                  struct http_response *ret)
{
    char code[HO_CODE_LEN + 1];
    bool is_code = normalise(e->code, code);

    e->code = code;
    if (!ho_may_try(o, request->peer)) {
        ho_answer_error(ret, 429, "too_many",
                        "too many wrong codes from this address; wait a minute", "code");
        return;
    }
    if (pki_csr_key(e->csr_pem, &e->key, &o->fail) != 0) {
        ho_answer_error(ret, 400, "csr", o->fail.detail, "csr_pem");
        return;
    }
    if (!is_code)
        (void)refuse(e, "code_unknown", "this is not a code; read it again, or ask for another");
    else if (ho_transaction(o, spend_code, e) < 0) {
        ho_answer_fail(o, ret);
        return;
    }
    if (e->refused != NULL) {
        ho_tried(o, request->peer);
        ho_answer_error(ret, 403, e->refused, e->sentence, "code");
        return;
    }
    answer_enrolled(o, e, ret);
}

void ho_route_enrol(struct api_call *c)
{
    const struct mc_crypto *crypto = c->o->ports.crypto;
    struct enrolment e = { .code = json_string_value(json_object_get(c->body, "code")),
                           .csr_pem = json_string_value(json_object_get(c->body, "csr_pem")),
                           .name = json_string_value(json_object_get(c->body, "name")) };
    const struct gf_span csr = { (const uint8_t *)e.csr_pem, strlen(e.csr_pem) };

    if (crypto->sha256(crypto->ctx, &csr, 1, e.csr_hash) == 0)
        enrol(c->o, c->request, &e, c->ret);
    else {
        (void)ho_fail(c->o, GF_E_CRYPTO, "csr", "");
        ho_answer_fail(c->o, c->ret);
    }
    EVP_PKEY_free(e.key);
    buf_free(&e.cert_pem);
}
