/* keywrap.c - RFC 3394 by OpenSSL; see keywrap.h. */
#include "meter-core/port/openssl/keywrap.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "common/bytes.h"
#include "common/err.h"

/* Run EVP_aes_256_wrap over n bytes; true when it wrote want bytes. */
static bool wrap_run(bool encrypt, const uint8_t kek[static 32], const uint8_t *in, int n, uint8_t *out, int want)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int got = 0, last = 0;

    if (ctx == NULL)
        return false;
    EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);

    bool ok = EVP_CipherInit_ex2(ctx, EVP_aes_256_wrap(), kek, NULL, encrypt, NULL) == 1 &&
              EVP_CipherUpdate(ctx, out, &got, in, n) == 1 && EVP_CipherFinal_ex(ctx, out + got, &last) == 1 &&
              got + last == want;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

int mc_key_wrap(const uint8_t kek[static 32], const uint8_t key[static 32], uint8_t ret[static MC_WRAPPED_LEN])
{
    uint8_t out[MC_WRAPPED_LEN + 8];

    if (!wrap_run(true, kek, key, 32, out, MC_WRAPPED_LEN))
        return GF_E_CRYPTO;
    memcpy(ret, out, MC_WRAPPED_LEN);
    return 0;
}

int mc_key_unwrap(const uint8_t kek[static 32], const uint8_t wrapped[static MC_WRAPPED_LEN], uint8_t ret[static 32])
{
    uint8_t out[MC_WRAPPED_LEN + 8];
    int r = wrap_run(false, kek, wrapped, MC_WRAPPED_LEN, out, 32) ? 0 : GF_E_CRYPTO;

    if (r == 0)
        memcpy(ret, out, 32);
    gf_wipe(out, sizeof out);
    return r;
}
