/* openssl.c - there is no OpenSSL on an MCU: tests that ask for its port get BearSSL's, the firmware's
 * own; and AES on single blocks (tests/target/units/openssl/evp.h). */
#include "meter-core/port/openssl/crypto.h"

#include <openssl/evp.h>

#include "meter-core/port/bearssl/crypto.h"

const struct mc_crypto *mc_crypto_openssl(void)
{
    return mc_crypto_bearssl();
}

void units_aes_block(const br_aes_ct_ctr_keys *key, const unsigned char *in, unsigned char *out)
{
    /* CTR of zeroes is the cipher of the counter block: 12 bytes of IV, then the counter */
    uint32_t counter = (uint32_t)in[12] << 24 | (uint32_t)in[13] << 16 | (uint32_t)in[14] << 8 | in[15];
    unsigned char block[16] = {0};

    (void)br_aes_ct_ctr_run(key, in, counter, block, sizeof block);
    memcpy(out, block, sizeof block);
}
