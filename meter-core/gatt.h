/* gatt.h - the meter's GATT face: UUIDs, CTL, the advertisement's id hash. Freestanding. */
#ifndef GF_METER_GATT_H
#define GF_METER_GATT_H

#include <stddef.h>
#include <stdint.h>

#include "common/ids.h"
#include "meter-core/crypto.h"

#define MC_UUID_SERVICE "8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942"
#define MC_UUID_RX "8a5c0002-2f4d-4b7e-9c61-d0b3f1e7a942"  /* write without response */
#define MC_UUID_TX "8a5c0003-2f4d-4b7e-9c61-d0b3f1e7a942"  /* notify */
#define MC_UUID_CTL "8a5c0004-2f4d-4b7e-9c61-d0b3f1e7a942" /* read, write */

#define MC_ADVERT_COMPANY 0xFFFF /* manufacturer data key: none assigned */
#define MC_ID_HASH_LEN 6 /* manufacturer data: first bytes of SHA-256("gasm id" | meter id) */

#define MC_PROTOCOL_VERSION 1
#define MC_FRAGMENT_MAX 509 /* BlueZ 5.66 refuses writes above 510 */
#define MC_FRAGMENT_MIN 20  /* ATT_MTU 23: what every end takes */
#define MC_FRAGMENT_LEAST 18 /* what a sender may keep to: BlueZ cuts notifications at ATT_MTU - 5 */

/* The CTL value as read: version 1, life state (low nibble) and fragment epoch (high nibble) 1,
 * active epoch 4, fragment limit 2, receive credits 1, meter id 12: 21 bytes, little-endian. A read
 * at ATT_MTU 23 carries 22 bytes, and BlueZ asks for more when it comes back full, so one byte less
 * saves a round trip. Never secret. */
#define MC_CTL_LEN 21
struct mc_ctl {
    uint8_t version;
    uint8_t life_state; /* gasm_LifeState, 0..15 */
    uint32_t active_epoch;
    uint16_t fragment_limit; /* most bytes of a fragment that the meter takes on RX */
    uint8_t credits;         /* fragments that the meter can take at the start */
    uint8_t fragment_epoch;  /* 0..15, of the present connection */
    char meter_id[GF_METER_ID_TEXT];
};
void mc_ctl_encode(const struct mc_ctl *ctl, uint8_t ret[static MC_CTL_LEN]);
/* 0, or GF_E_FORMAT when the length or the meter id is wrong, the version is not
 * MC_PROTOCOL_VERSION, the limit below MC_FRAGMENT_MIN or the credits 0. A limit above
 * MC_FRAGMENT_MAX is for the sender to cut. */
int mc_ctl_decode(const uint8_t *p, size_t n, struct mc_ctl *ret);

/* What a client writes to CTL before its first fragment: op 1 (reset), fragment epoch 0..15, the
 * client's fragment limit 2, its receive credits 1: 5 bytes. It drops both reassemblies and the
 * session, and starts that epoch. */
#define MC_CTL_RESET_LEN 5
struct mc_ctl_reset {
    uint8_t fragment_epoch;
    uint16_t fragment_limit;
    uint8_t credits;
};
void mc_ctl_reset_encode(const struct mc_ctl_reset *r, uint8_t ret[static MC_CTL_RESET_LEN]);
/* 0, or GF_E_FORMAT: another length or operation, a fragment epoch above 15; limit, credits as
 * above. */
int mc_ctl_reset_decode(const uint8_t *p, size_t n, struct mc_ctl_reset *ret);

/* The hash of a meter id that its advertisement shows. 0 or GF_E_CRYPTO. */
int mc_id_hash(const struct mc_crypto *c, const char *meter_id, uint8_t ret[static MC_ID_HASH_LEN]);

#endif
