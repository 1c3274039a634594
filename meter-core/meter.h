/* meter.h - the meter: everything that a Bluetooth prepaid gas meter does. Freestanding, no heap,
 * no globals.
 *
 * The caller allocates one struct mc_meter, hands it its ports, and then tells it what happens
 * (time, pulses, link); all effects leave through the ports. Every state change is one journal
 * record, written before its answer leaves.
 */
#ifndef GF_METER_METER_H
#define GF_METER_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ids.h"
#include "common/port.h"
#include "meter-core/crypto.h"
#include "meter-core/gatt.h"
#include "meter-core/proto/meter.pb.h"

/* NVM: `sectors` sectors of `sector_size` bytes, programmed in units of `unit` bytes (4, 8 or 16),
 * erased whole to 0xFF. A unit may be programmed once between erases. Functions return 0 or
 * GF_E_STORE. Power may fail inside any of them. */
struct mc_nvm {
    void *ctx;
    uint32_t sector_size, sectors, unit;
    int (*read)(void *ctx, uint32_t addr, void *ret, size_t n);
    /* addr and n are multiples of unit */
    int (*program)(void *ctx, uint32_t addr, const void *from, size_t n);
    int (*erase)(void *ctx, uint32_t sector);
};

/* The valve's motor. `drive` starts a travel (open or shut) and returns at once: 0 or GF_E_NOT_NOW;
 * `state` is what the end switches say. */
struct mc_valve {
    void *ctx;
    int (*drive)(void *ctx, bool open);
    gasm_ValveState (*state)(void *ctx);
};

struct mc_ports {
    const struct gf_clock *clock;       /* utc_ms is the RTC; the meter keeps an offset to it */
    const struct gf_random *random;
    const struct mc_crypto *crypto;
    struct mc_nvm nvm;
    struct mc_valve valve;
    void *supply_ctx;
    uint16_t (*supply_mv)(void *ctx);   /* battery, millivolt */
    int16_t (*temperature_dc)(void *ctx); /* tenths of a degree Celsius; same ctx as supply_mv */
    const uint8_t *firmware_digest;     /* SHA-256 of the program, MC_HASH_LEN bytes; borrowed */
    /* Of the last run, for the journal; 0 where nobody knows. */
    uint32_t reset_cause;               /* the board's number (port/stm32/board.h) */
    uint32_t fault_address, fault_status; /* of the program, when it failed; status 0: it did not */
};

/* What else the meter feels; each is on or off. */
enum mc_sense {
    MC_SENSE_MAGNET = 0,    /* a strong field at the measuring unit */
    MC_SENSE_COVER = 1,     /* the battery or terminal cover is open */
    MC_SENSE_REVERSE = 2,   /* gas flows backwards */
    MC_SENSES
};

/* What the display shows. */
#define MC_LCD_COLUMNS 16
struct mc_lcd {
    char line[2][MC_LCD_COLUMNS + 1];   /* ASCII, with the NUL */
};

/* What is burnt in at manufacture. */
struct mc_birth {
    char meter_id[GF_METER_ID_TEXT];
    uint8_t factory_key[MC_KEY_LEN];
    uint32_t meter_type;                /* manufacturer's type number */
    uint32_t pulse_l;                   /* 1 or 10 */
};

struct mc_meter;                        /* meter_state.h has the body; its size: mc_meter_size() */

/* Make a new meter in erased or foreign NVM: state FACTORY. 0, GF_E_FORMAT (bad id, bad pulse),
 * GF_E_STORE (also when the geometry cannot hold a journal), GF_E_NOT_NOW when the NVM holds a
 * meter already: it is left as it is. */
int mc_meter_manufacture(const struct mc_ports *ports, const struct mc_birth *birth);

/* Bytes of struct mc_meter; for callers that do not include meter_state.h. */
size_t mc_meter_size(void);

/* Wake up: recover the journal, close the valve, end what a reset ended (a purge grant is receipted
 * with what flowed). 0; GF_E_STORE when the NVM holds no meter or cannot be used: the meter then
 * stays shut and refuses everything. Copies *ports; what they point to is borrowed for life. *m
 * must not be moved from here on. */
int mc_meter_start(struct mc_meter *m, const struct mc_ports *ports);

/* Time has passed: run the timers. Returns ms until it must be called again, at most 1000. */
int mc_meter_tick(struct mc_meter *m);

/* n pulses of the measuring unit (pulse_l litres each). */
void mc_meter_pulse(struct mc_meter *m, uint32_t n);

/* The customer pressed the button: opens the valve when it is armed and everything else allows it
 * (supply.h); else nothing. */
void mc_meter_button(struct mc_meter *m);

/* A sense went on or off. Logged when it goes on; closes the valve where the parameters say so. */
void mc_meter_sense(struct mc_meter *m, enum mc_sense sense, bool on);

/* A typed token came from the meter's own keys: 25 digits, perhaps with spaces and hyphens. What a
 * recharge by radio would answer. */
gasm_Refusal mc_meter_type(struct mc_meter *m, const char *digits);

/* What the display shows now. */
void mc_meter_lcd(const struct mc_meter *m, struct mc_lcd *ret);

/* The link came up with this ATT_MTU, or went down. One central at a time. */
void mc_meter_connected(struct mc_meter *m, uint16_t att_mtu);
void mc_meter_disconnected(struct mc_meter *m);

/* A fragment was written to RX. */
void mc_meter_rx(struct mc_meter *m, const uint8_t *frag, size_t n);

/* The next fragment to notify on TX: its length, or 0. Call until 0 after each of the functions
 * above. */
size_t mc_meter_tx(struct mc_meter *m, uint8_t *ret, size_t cap);

/* True once when the meter wants the central dropped (no authentication in time, silence, broken
 * framing). */
bool mc_meter_wants_drop(struct mc_meter *m);

/* CTL. Write: 0, or GF_E_FORMAT (answered to the central as an ATT error). */
void mc_meter_ctl_read(struct mc_meter *m, uint8_t ret[static MC_CTL_LEN]);
int mc_meter_ctl_write(struct mc_meter *m, const uint8_t *p, size_t n);

/* For panels and tests: the same as the commands read_balance and valve_arm answer, and who this
 * is. */
void mc_meter_balance(const struct mc_meter *m, gasm_Balance *ret);
void mc_meter_supply(const struct mc_meter *m, gasm_Supply *ret);
void mc_meter_identity(const struct mc_meter *m, gasm_Identity *ret);

#endif
