#ifndef GF_TESTS_AID_METER_WORLD_H
#define GF_TESTS_AID_METER_WORLD_H
/*
 * A meter in this process with everything that it needs: flash in RAM, a simulated clock, seeded
 * randomness, a valve, gas; and a client that speaks to it in fragments, as a central would.
 *
 * Time moves only when told (or while the client waits for an answer). A power cut is planned with
 * flash.cut_in: from then on the meter is dead until aid_world_restart().
 */
#include <stdbool.h>
#include <stdint.h>

#include "meter-core/meter_state.h"
#include "tests/aid/flash.h"
#include "tests/aid/linkaid.h"

#define AID_FLASH_SECTOR 131072u
#define AID_FLASH_SECTORS 4u
#define AID_UTC_MS 1795000000000    /* the RTC when a world begins */
#define AID_OTHER_ID "GM2400001320" /* of other meters beside AID_METER_ID */
#define AID_THIRD_ID "GM2400001278"

struct aid_valve {
    gasm_ValveState state;
    bool opening;                   /* the travel's direction */
    int64_t until_ms;               /* of the travel, mono */
    int64_t travel_ms;
    int64_t lag_ms; /* after an order the end switch still says what it said, for so long */
    bool ordered;   /* ... which is now; the travel begins at until_ms - travel_ms */
    bool stuck;                     /* the motor takes orders and nothing moves */
    uint32_t opened, shut;          /* orders taken */
};

/* What a technician holds for one meter. */
struct aid_pass {
    uint8_t ticket[MC_TICKET_MAX];
    size_t ticket_n;
    uint8_t key[MC_KEY_LEN];
};

struct aid_world {
    char meter_id[GF_METER_ID_TEXT];
    struct aid_random random;
    int64_t utc_ms, mono_ms;
    struct gf_clock clock;
    struct gf_random random_port;
    struct aid_flash flash;
    struct aid_valve valve;
    uint16_t supply_mv;
    int16_t temperature_dc;
    int64_t flow_l_per_h;           /* while the valve is not shut */
    int64_t flow_rest;              /* of a litre, in l * ms / h */
    bool leaks;                     /* gas flows even when it is shut */
    int64_t tick_ms;                /* until the meter wants to be called again */
    uint64_t measured_l;            /* all that flowed through it while time passed */
    struct mc_ports ports;
    struct mc_meter *meter;
    /* the client's end */
    bool up;
    uint16_t mtu;
    uint8_t fragment_epoch;
    struct mc_pipe pipe;
    struct mc_session session;
    uint8_t out[MC_MESSAGE_MAX];
    gasm_HelloRefusal refusal;      /* of the last hello that was refused */
    uint64_t answers;               /* messages that came */
    int answer_code;
    gasm_Response answer;
    bool greeting;                  /* a hello waits for its answer */
};

/* A new world whose meter was manufactured (AID_METER_ID, pulse_l litres a pulse, factory key
 * aid_meter_root() of epoch 0) and started. Never NULL. */
struct aid_world *aid_world_new(uint64_t seed, uint32_t pulse_l);

/* The same with another meter id. */
struct aid_world *aid_world_new_named(uint64_t seed, uint32_t pulse_l, const char *meter_id);

/* The same with flash of this geometry. sector_size * sectors bytes. */
struct aid_world *aid_world_new_flash(uint64_t seed, uint32_t pulse_l, uint32_t sector_size,
                                      uint32_t sectors, uint32_t unit);

/* The same as any meter, with flash of any geometry: of *like, sector_size, sectors and unit. */
struct aid_world *aid_world_new_like(uint64_t seed, uint32_t pulse_l, const char *meter_id,
                                     const struct aid_flash *like);
void aid_world_free(struct aid_world *w);

/* The power comes back (or is cut and comes back): RAM is lost, the flash stays, the connection is
 * gone. What mc_meter_start() says. */
int aid_world_restart(struct aid_world *w);

/* Let time pass: the valve travels, gas flows, the meter ticks, fragments go both ways. */
void aid_world_pass(struct aid_world *w, int64_t ms);

/* The same in long steps: to the next pulse, the end of the valve's travel, or when the meter asked
 * to be called again. For hours and days. */
void aid_world_leap(struct aid_world *w, int64_t ms);

/* A client connects with this ATT_MTU, reads CTL and writes its reset; or goes away. */
void aid_world_connect(struct aid_world *w, uint16_t mtu);
void aid_world_disconnect(struct aid_world *w);

/* Tickets and envelopes as head office makes them. Of AID_METER_ID the account key of epoch e is
 * aid_root_key(0x40 + e), the factory key (epoch 0) aid_root_key(1); other meters have others.
 * meter_id is GF_METER_ID_LEN characters. */
void aid_meter_root(const char *meter_id, uint32_t epoch, uint8_t ret[static MC_KEY_LEN]);
gasm_Ticket aid_meter_ticket(const char *meter_id, uint32_t epoch, uint64_t serial);
size_t aid_meter_envelope(const char *meter_id, uint32_t epoch, uint32_t wrap_epoch,
                          uint8_t ret[static MC_ENVELOPE_MAX]);
struct aid_pass aid_world_pass_of(const gasm_Ticket *ticket);

/* The same for AID_METER_ID. A ticket has every right, and account 1001. */
void aid_world_root(uint32_t epoch, uint8_t ret[static MC_KEY_LEN]);
gasm_Ticket aid_world_ticket(uint32_t epoch, uint64_t serial);
size_t aid_world_envelope(uint32_t epoch, uint32_t wrap_epoch, uint8_t ret[static MC_ENVELOPE_MAX]);

/* Handshake. Waits out the second between two hellos. 0; GF_E_TICKET with w->refusal;
 * GF_E_LINK_LOST. */
int aid_world_hello(struct aid_world *w, const struct aid_pass *pass);

/* One request and its answer in w->answer. 0; GF_E_LINK_LOST (dropped, or the power failed),
 * GF_E_LINK_TIMEOUT, GF_E_SESSION. The first after a hello carries the proof. */
int aid_world_ask(struct aid_world *w, const gasm_Request *request);

/* Send without waiting; the answer is looked for by aid_world_pass() (w->answers counts up). */
int aid_world_send(struct aid_world *w, const gasm_Request *request);

/* A request of `command`. op numbers the operation id: 0 for none. The base is the meter's receipt
 * sequence. */
gasm_Request aid_request(const struct aid_world *w, gasm_Command command, uint32_t op);
void aid_op_id(uint32_t op, uint8_t ret[static GF_UUID_LEN]);

/* Connect, hello and ask, in a session of its own. Result of the last step that was reached. */
int aid_world_do(struct aid_world *w, const struct aid_pass *pass, const gasm_Request *request);

#endif
