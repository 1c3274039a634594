/* firmware.h - which program this is: what a meter's self-test tells of its firmware. */
#ifndef GF_METER_FIRMWARE_H
#define GF_METER_FIRMWARE_H

#include "common/err.h"
#include "meter-core/crypto.h"

/* SHA-256 of the running program's own file. 0; GF_E_FILE, GF_E_CRYPTO. */
int gm_firmware_digest(const struct mc_crypto *crypto, uint8_t ret[static MC_HASH_LEN],
                       struct gf_fail *why);

#endif
