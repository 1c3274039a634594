/* keys_lock.c - memory for keys, what wraps them, and what this process shows of itself; see
 * keys_in.h. */
#include "backend/keys_in.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define SECURE_HEAP (1 << 17) /* private keys of the CA, of signing and of the server */
#define NO_LOCK "memory cannot be locked: raise the limit (ulimit -l, LimitMEMLOCK=) to 1 MiB"

static size_t pages(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (n + page - 1) / page * page;
}

void *keys_lock_new(size_t n, struct gf_fail *why)
{
    void *p = mmap(NULL, pages(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        (void)gf_fail(why, GF_E_MEMORY, "keys", "");
        return NULL;
    }
    if (mlock(p, pages(n)) != 0 || madvise(p, pages(n), MADV_DONTDUMP) != 0) {
        (void)gf_fail(why, GF_E_MEMORY, "keys", NO_LOCK);
        (void)munmap(p, pages(n));
        return NULL;
    }
    return p;
}

void keys_lock_free(void *p, size_t n)
{
    if (p == NULL)
        return;
    gf_wipe(p, n);
    (void)munmap(p, pages(n)); /* unlocks; cannot fail for what was mapped so */
}

int keys_protect_process(struct gf_fail *why)
{
    const struct rlimit none = { 0, 0 };

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
        return gf_fail(why, GF_E_BUG, "process", "it cannot be protected from dumps");
    if (CRYPTO_secure_malloc_initialized() == 0 && CRYPTO_secure_malloc_init(SECURE_HEAP, 16) != 1)
        return gf_fail(why, GF_E_MEMORY, "private keys", NO_LOCK);
    return 0;
}

/* ---- AES-256-GCM of one key ---- */

static EVP_CIPHER_CTX *begin(const uint8_t *key, const uint8_t *nonce,
                             const struct gf_span ad[static 2], int encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok =
        ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) == 1;

    for (size_t i = 0; ok && i < 2; i++) {
        int n = 0;

        ok = ad[i].n == 0 || EVP_CipherUpdate(ctx, NULL, &n, ad[i].p, (int)ad[i].n) == 1;
    }
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    return ctx;
}

int keys_gcm_seal(const struct office_ports *ports, const uint8_t key[static KEYS_LEN],
                  const struct gf_span ad[static 2], const uint8_t plain[static KEYS_LEN],
                  uint8_t ret[static KEYS_WRAPPED_LEN], struct gf_fail *why)
{
    uint8_t *body = ret + KEYS_GCM_NONCE;
    int n = 0;

    if (ports->random->fill(ports->random->ctx, ret, KEYS_GCM_NONCE) != 0)
        return gf_fail(why, GF_E_RANDOM, "sealing", "");

    EVP_CIPHER_CTX *ctx = begin(key, ret, ad, 1);
    bool ok = ctx != NULL && EVP_EncryptUpdate(ctx, body, &n, plain, KEYS_LEN) == 1 && n == KEYS_LEN
              && EVP_EncryptFinal_ex(ctx, body + KEYS_LEN, &n) == 1
              && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, KEYS_GCM_TAG, body + KEYS_LEN) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : gf_fail(why, GF_E_CRYPTO, "sealing", "");
}

int keys_gcm_open(const uint8_t key[static KEYS_LEN], const struct gf_span ad[static 2],
                  const uint8_t sealed[static KEYS_WRAPPED_LEN], uint8_t ret[static KEYS_LEN])
{
    uint8_t plain[KEYS_LEN], tag[KEYS_GCM_TAG];
    EVP_CIPHER_CTX *ctx = begin(key, sealed, ad, 0);
    int n = 0;

    memcpy(tag, sealed + KEYS_GCM_NONCE + KEYS_LEN, sizeof tag);

    bool ok =
        ctx != NULL && EVP_DecryptUpdate(ctx, plain, &n, sealed + KEYS_GCM_NONCE, KEYS_LEN) == 1
        && n == KEYS_LEN && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, KEYS_GCM_TAG, tag) == 1
        && EVP_DecryptFinal_ex(ctx, plain + KEYS_LEN, &n) == 1;

    EVP_CIPHER_CTX_free(ctx);
    if (ok)
        memcpy(ret, plain, sizeof plain);
    gf_wipe(plain, sizeof plain);
    return ok ? 0 : GF_E_CRYPTO;
}
