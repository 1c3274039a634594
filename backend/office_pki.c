/* office_pki.c - keys and certificates; see office_pki.h. */
#include "backend/office_pki.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/text.h"

#define SERIAL_LEN 16 /* RFC 5280 4.1.2.2: at most 20, positive */

EVP_PKEY *pki_key_new(void)
{
    return EVP_EC_gen("P-256");
}

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool ok = e != NULL && X509_add_ext(cert, e, -1) == 1;

    X509_EXTENSION_free(e);
    return ok;
}

/* Only letters, digits, dots, hyphens: a name that can be written into the extension's text. */
static bool is_host_name(const char *host)
{
    size_t n = strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

    return n > 0 && n < 128 && host[n] == '\0' && host[0] != '-' && host[0] != '.';
}

static int add_hosts(X509 *cert, X509V3_CTX *ctx, const struct pki_cert *what, struct gf_fail *why)
{
    struct buf text = { 0 };
    struct in6_addr any;
    bool ok = true;

    for (size_t i = 0; i < what->n_hosts; i++) {
        const char *host = what->hosts[i];
        bool is_ip = inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;

        if (!is_ip && !is_host_name(host)) {
            buf_free(&text);
            return gf_fail(why, GF_E_FORMAT, "host", host);
        }
        buf_print(&text, "%s%s:%s", i > 0 ? "," : "", is_ip ? "IP" : "DNS", host);
    }
    buf_add(&text, "", 1);
    ok = !text.bad && add_extension(cert, ctx, NID_subject_alt_name, (const char *)text.p);
    buf_free(&text);
    return ok ? 0 : gf_fail(why, GF_E_CRYPTO, "certificate", "the host names cannot be written");
}

/* What each kind of certificate may be used for (RFC 5280 4.2.1). */
static const struct {
    const char *constraints, *usage, *extended;
} uses[] = {
    [PKI_CA] = { "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL },
    [PKI_SERVER] = { "critical,CA:FALSE", "critical,digitalSignature", "serverAuth" },
    [PKI_SIGN] = { "critical,CA:FALSE", "critical,digitalSignature", NULL },
    [PKI_DEVICE] = { "critical,CA:FALSE", "critical,digitalSignature", "clientAuth" },
};

static bool set_serial(X509 *cert, const uint8_t random[static SERIAL_LEN])
{
    uint8_t bytes[SERIAL_LEN];

    memcpy(bytes, random, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x3F) | 0x40);

    BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;

    BN_free(n);
    return ok;
}

static bool set_names(X509 *cert, const char *name, const X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(cert);

    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0)
               == 1
           && X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject)
                  == 1;
}

int pki_cert_new(const struct pki_cert *what, EVP_PKEY *subject, const struct pki_signer *signer,
                 const struct gf_random *random, X509 **ret, struct gf_fail *why)
{
    X509 *cert = X509_new();
    X509V3_CTX ctx;
    uint8_t serial[SERIAL_LEN];
    int r = cert == NULL ? GF_E_CRYPTO : random->fill(random->ctx, serial, sizeof serial);
    bool ok = r == 0 && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert, serial)
              && ASN1_TIME_set(X509_getm_notBefore(cert), what->from_s) != NULL
              && ASN1_TIME_set(X509_getm_notAfter(cert), what->to_s) != NULL
              && set_names(cert, what->name, signer->issuer) && X509_set_pubkey(cert, subject) == 1;

    if (ok) {
        X509V3_set_ctx_nodb(&ctx);
        /* the library only reads the issuer here */
        X509V3_set_ctx(&ctx, signer->issuer != NULL ? (X509 *)(uintptr_t)signer->issuer : cert,
                       cert, NULL, NULL, 0);
        ok = add_extension(cert, &ctx, NID_basic_constraints, uses[what->use].constraints)
             && add_extension(cert, &ctx, NID_key_usage, uses[what->use].usage)
             && (uses[what->use].extended == NULL
                 || add_extension(cert, &ctx, NID_ext_key_usage, uses[what->use].extended))
             && add_extension(cert, &ctx, NID_subject_key_identifier, "hash")
             && add_extension(cert, &ctx, NID_authority_key_identifier, "keyid");
    }
    if (ok && what->n_hosts > 0 && (r = add_hosts(cert, &ctx, what, why)) != 0)
        ok = false;
    if (ok && X509_sign(cert, signer->key, EVP_sha256()) > 0) {
        *ret = cert;
        return 0;
    }
    X509_free(cert);
    return gf_fail(why, r != 0 ? r : GF_E_CRYPTO, "certificate", what->name);
}

static bool is_p256(const EVP_PKEY *key)
{
    char group[32] = "";
    size_t n = 0;

    return EVP_PKEY_is_a(key, "EC") == 1
           && EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1
           && strcmp(group, "prime256v1") == 0;
}

int pki_csr_key(const char *csr_pem, EVP_PKEY **ret, struct gf_fail *why)
{
    size_t n = strlen(csr_pem);
    BIO *bio = n <= PKI_CSR_MAX ? BIO_new_mem_buf(csr_pem, (int)n) : NULL;
    X509_REQ *csr = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = csr != NULL ? X509_REQ_get_pubkey(csr) : NULL;
    const char *reason = NULL;

    if (csr == NULL)
        reason = "this is not a certificate request in PEM";
    else if (key == NULL || !is_p256(key))
        reason = "the key has to be on the curve P-256";
    else if (X509_REQ_verify(csr, key) != 1)
        reason = "the request is not signed by its own key";
    X509_REQ_free(csr);
    (void)BIO_free(bio);
    if (reason != NULL) {
        EVP_PKEY_free(key);
        return gf_fail(why, GF_E_FORMAT, "csr_pem", reason);
    }
    *ret = key;
    return 0;
}

/* Move what was written to a memory BIO. */
static int take_bio(BIO *bio, bool written, struct buf *ret)
{
    char *p = NULL;
    long n = written ? BIO_get_mem_data(bio, &p) : 0;

    if (n > 0)
        buf_add(ret, p, (size_t)n);
    if (p != NULL && n > 0)
        gf_wipe(p, (size_t)n);
    (void)BIO_free(bio);
    return n > 0 && !ret->bad ? 0 : GF_E_CRYPTO;
}

int pki_cert_pem(const X509 *cert, struct buf *ret)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take_bio(bio, bio != NULL && PEM_write_bio_X509(bio, cert) == 1, ret);
}

int pki_key_pem(const EVP_PKEY *key, struct buf *ret)
{
    BIO *bio = BIO_new(BIO_s_secmem());

    return take_bio(
        bio, bio != NULL && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1,
        ret);
}

X509 *pki_cert_parse(struct gf_span pem)
{
    BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    (void)BIO_free(bio);
    return cert;
}

EVP_PKEY *pki_key_parse(struct gf_span pem)
{
    BIO *bio = pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    (void)BIO_free(bio);
    return key;
}

int pki_cert_hash(const X509 *cert, uint8_t ret[static 32])
{
    unsigned n = 0;

    return X509_digest(cert, EVP_sha256(), ret, &n) == 1 && n == 32 ? 0 : GF_E_CRYPTO;
}

int pki_sign(EVP_PKEY *key, struct gf_span message, uint8_t ret[static PKI_SIGNATURE_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = PKI_SIGNATURE_MAX;
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
              && EVP_DigestSign(ctx, ret, &n, message.p, message.n) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? (int)n : GF_E_CRYPTO;
}

int pki_verify(EVP_PKEY *key, struct gf_span message, struct gf_span signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
              && EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? 0 : GF_E_ACK_BAD;
}
