/* office_pki.h - keys and certificates of head office: P-256, X.509, over OpenSSL. */
#ifndef GF_OFFICE_PKI_H
#define GF_OFFICE_PKI_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "backend/buf.h"
#include "common/bytes.h"
#include "common/err.h"
#include "common/port.h"

#define PKI_SIGNATURE_MAX 80 /* bytes of a DER signature, at most */
#define PKI_CSR_MAX 4096     /* bytes of a certificate request, at most */

enum pki_use { PKI_CA, PKI_SERVER, PKI_SIGN, PKI_DEVICE };

/* What a new certificate says. */
struct pki_cert {
    enum pki_use use;
    const char *name;         /* common name */
    const char *const *hosts; /* PKI_SERVER: DNS names and IP addresses */
    size_t n_hosts;
    int64_t from_s, to_s; /* validity, UTC */
};

/* Who signs it: NULL issuer makes it self-signed by `key`. */
struct pki_signer {
    const X509 *issuer;
    EVP_PKEY *key;
};

/* A new P-256 key; the caller frees it. NULL when the library failed. */
EVP_PKEY *pki_key_new(void);

/* A certificate over `subject`; the caller frees it. GF_E_FORMAT (a host that is neither a name nor
 * an address: where it stands in `why`), GF_E_RANDOM, GF_E_CRYPTO. */
int pki_cert_new(const struct pki_cert *what, EVP_PKEY *subject, const struct pki_signer *signer,
                 const struct gf_random *random, X509 **ret, struct gf_fail *why);

/* The key of a PEM certificate request whose own signature holds and whose key is P-256; the caller
 * frees it. GF_E_FORMAT with the reason. */
int pki_csr_key(const char *csr_pem, EVP_PKEY **ret, struct gf_fail *why);

/* PEM of a certificate, of its private key, added to ret. 0 or GF_E_CRYPTO. */
int pki_cert_pem(const X509 *cert, struct buf *ret);
int pki_key_pem(const EVP_PKEY *key, struct buf *ret);

/* The other way; the caller frees. NULL when it is not one. */
X509 *pki_cert_parse(struct gf_span pem);
EVP_PKEY *pki_key_parse(struct gf_span pem);

/* SHA-256 of a certificate's DER. 0 or GF_E_CRYPTO. */
int pki_cert_hash(const X509 *cert, uint8_t ret[static 32]);

/* ECDSA over SHA-256 of the message, DER: its length (at most PKI_SIGNATURE_MAX), or GF_E_CRYPTO.
 */
int pki_sign(EVP_PKEY *key, struct gf_span message, uint8_t ret[static PKI_SIGNATURE_MAX]);

/* 0, or GF_E_ACK_BAD when the signature is not that key's over that message. */
int pki_verify(EVP_PKEY *key, struct gf_span message, struct gf_span signature);

#endif
