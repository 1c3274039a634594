/* evp.h - of OpenSSL's interface what tests/aid/crypto_each.c uses: AES-128 on one block, by BearSSL. */
#ifndef GF_UNITS_EVP_H
#define GF_UNITS_EVP_H

#include <string.h>

#include <bearssl.h>

typedef br_aes_ct_ctr_keys EVP_CIPHER_CTX;

void units_aes_block(const br_aes_ct_ctr_keys *key, const unsigned char *in, unsigned char *out);

#define EVP_CIPHER_CTX_new() (&(EVP_CIPHER_CTX){0})
#define EVP_aes_128_ecb() NULL
#define EVP_EncryptInit_ex(ctx, cipher, engine, key, iv) (br_aes_ct_ctr_init(ctx, key, 16), 1)
#define EVP_CIPHER_CTX_set_padding(ctx, on) 1
#define EVP_EncryptUpdate(ctx, out, len, in, n) (units_aes_block(ctx, in, out), *(len) = (n), 1)
#define EVP_CIPHER_CTX_free(ctx) ((void)(ctx))

#endif
