/* manufacture.h - the end of the production line: a new meter's memory, its line in a shipment. */
#ifndef GF_METER_MANUFACTURE_H
#define GF_METER_MANUFACTURE_H

#include "common/err.h"
#include "common/port.h"
#include "meter-core/crypto.h"
#include "meter-core/port/host/options.h"

/* Make the NVM file (which must not exist yet) with a new random factory key, and add the meter's
 * line to the shipment file: meter_id,type,pulse_l,verification_date,bt_address,wrapped_key. When
 * the line cannot be written the NVM file is removed again. 0; GF_E_FILE, GF_E_FORMAT (transport
 * key), GF_E_RANDOM, GF_E_CRYPTO, GF_E_STORE, GF_E_DISK_FULL. */
int gm_manufacture(const struct gm_options *o, const struct gf_clock *clock,
                   const struct gf_random *random, const struct mc_crypto *crypto,
                   struct gf_fail *why);

#endif
