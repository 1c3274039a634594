/* pki.h - inside of backend/client/: certificates, keys and signatures. */
#ifndef GF_CLIENT_PKI_H
#define GF_CLIENT_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "common/err.h"

#define PKI_PRINT_LEN 8     /* bytes of SHA-256 of the CA certificate in an enrolment code */

/* The first certificate of a PEM text; to be freed with X509_free(). NULL when there is none. */
X509 *client_pki_certificate(const char *pem);

/* The private key of a PEM text without a passphrase; to be freed with EVP_PKEY_free(). NULL when
 * there is none. */
EVP_PKEY *client_pki_key(const char *pem);

/* Did `ca` issue `cert`: names and signature? Validity times are not looked at. */
bool client_pki_issued(X509 *ca, X509 *cert);

/* Is it an EC key on P-256? */
bool client_pki_is_p256(EVP_PKEY *key);

/* ECDSA over SHA-256(msg). 0 or GF_E_ACK_BAD. */
int client_pki_verify(EVP_PKEY *key, const uint8_t *msg, size_t msg_len, const uint8_t *sig,
               size_t sig_len);

/* Is the certificate's SHA-256 (of its DER) beginning with `print`? */
bool client_pki_has_print(X509 *cert, const uint8_t print[static PKI_PRINT_LEN]);

/* A new P-256 key as PEM, and a certificate request (PKCS #10) for it with CN = name. 0,
 * GF_E_CRYPTO, GF_E_SPACE. */
int client_pki_request(const char *name, char *ret_key, size_t key_cap, char *ret_request,
                size_t request_cap);

#endif
