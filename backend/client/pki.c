/* pki.c - certificates, keys and signatures on OpenSSL; see pki.h. */
#include "backend/client/pki.h"

#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define SIGNATURE_MAX 80    /* of P-256 in DER: at most 72 */

/* OpenSSL would ask for a key's passphrase on the terminal; so such a key is refused. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)ctx;
    return -1;
}

X509 *client_pki_certificate(const char *pem)
{
    BIO *b = BIO_new_mem_buf(pem, -1);
    X509 *cert = b != NULL ? PEM_read_bio_X509(b, NULL, no_passphrase, NULL) : NULL;

    BIO_free(b);
    ERR_clear_error();
    return cert;
}

EVP_PKEY *client_pki_key(const char *pem)
{
    BIO *b = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;

    BIO_free(b);
    ERR_clear_error();
    return key;
}

bool client_pki_issued(X509 *ca, X509 *cert)
{
    bool yes =
        X509_check_issued(ca, cert) == X509_V_OK && X509_verify(cert, X509_get0_pubkey(ca)) == 1;

    ERR_clear_error();
    return yes;
}

bool client_pki_is_p256(EVP_PKEY *key)
{
    char group[32];
    size_t n;

    return key != NULL && EVP_PKEY_is_a(key, "EC") &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &n) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

int client_pki_verify(EVP_PKEY *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
               size_t sig_len)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = c != NULL && sig_len <= SIGNATURE_MAX &&
                EVP_DigestVerifyInit(c, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(c, sig, sig_len, msg, msg_len) == 1;

    EVP_MD_CTX_free(c);
    ERR_clear_error();
    return good ? 0 : GF_E_ACK_BAD;
}

bool client_pki_has_print(X509 *cert, const uint8_t print[static PKI_PRINT_LEN])
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    return X509_digest(cert, EVP_sha256(), hash, &n) == 1 && n >= PKI_PRINT_LEN &&
           memcmp(hash, print, PKI_PRINT_LEN) == 0;
}

/* What was written to a memory BIO, as a text. */
static int take(BIO *b, char *ret, size_t cap)
{
    char *p;
    long n = BIO_get_mem_data(b, &p);

    if (n < 0 || (size_t)n >= cap)
        return GF_E_SPACE;
    memcpy(ret, p, (size_t)n);
    ret[n] = '\0';
    return 0;
}

static X509_REQ *make_request(EVP_PKEY *key, const char *name)
{
    X509_REQ *req = X509_REQ_new();
    X509_NAME *subject = X509_NAME_new();

    if (req == NULL || subject == NULL ||
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                                   (const unsigned char *)name, -1, -1, 0) != 1 ||
        X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_subject_name(req, subject) != 1 || X509_REQ_set_pubkey(req, key) != 1 ||
        X509_REQ_sign(req, key, EVP_sha256()) <= 0) {
        X509_REQ_free(req);
        req = NULL;
    }
    X509_NAME_free(subject);
    return req;
}

int client_pki_request(const char *name, char *ret_key, size_t key_cap, char *ret_request,
                size_t request_cap)
{
    EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);
    X509_REQ *req = key != NULL ? make_request(key, name) : NULL;
    BIO *secret = BIO_new(BIO_s_secmem()), *open = BIO_new(BIO_s_mem());
    int r = GF_E_CRYPTO;

    if (req != NULL && secret != NULL && open != NULL &&
        PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509_REQ(open, req) == 1) {
        r = take(secret, ret_key, key_cap);
        if (r == 0)
            r = take(open, ret_request, request_cap);
    }
    BIO_free(open);
    BIO_free(secret);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}
