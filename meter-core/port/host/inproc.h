/*
 * inproc.h - a meter in this process with all that it needs, and a client that speaks to it in
 * fragments, as a central would; without radio and files.
 *
 * Each meter has a clock of its own: the program's, and what the client has skipped. A wait of the
 * client passes in no time, while body and meter live through it.
 */
#ifndef GF_METER_INPROC_H
#define GF_METER_INPROC_H

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/frame.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/host/nvm_ram.h"
#include "meter-core/session.h"

#define GM_ATT_MTU 247

/* What all meters of a program share; borrowed for life. */
struct gm_world {
    const struct gf_clock *clock;
    const struct gf_random *random;
    const struct mc_crypto *crypto;
    const uint8_t *firmware_digest;     /* MC_HASH_LEN bytes */
};

struct gm_inproc {                      /* private; the caller allocates, and does not move it */
    const struct gm_world *world;
    struct gf_clock clock;
    int64_t skipped_ms;
    struct gm_body body;
    struct nvm_ram nvm;
    struct mc_meter *meter;
    int tick_ms;                        /* what the meter asked for */
};

/* Manufacture and start it. 0; GF_E_MEMORY, GF_E_FORMAT (the birth), GF_E_STORE. */
int gm_inproc_make(struct gm_inproc *m, const struct gm_world *world, const struct mc_birth *birth,
                   struct gf_fail *why);
/* An all-zero one, and one that could not be made, is fine. */
void gm_inproc_done(struct gm_inproc *m);

/* It has become now: gas, valve, timers. */
void gm_inproc_tick(struct gm_inproc *m);
/* ms until that is needed again. */
int gm_inproc_wait_ms(const struct gm_inproc *m);
/* Let ms pass for this meter alone, ticking whenever it has to be. */
void gm_inproc_skip(struct gm_inproc *m, int64_t ms);

/* ---- the client ---- */

struct gm_client {                      /* private; caller allocates */
    struct gm_inproc *to;               /* NULL: not connected */
    struct mc_pipe pipe;
    struct mc_session session;
    uint8_t out[MC_MESSAGE_MAX];
    bool greeting, answered;
    int code;                           /* of the last answer */
    gasm_HelloRefusal refusal;
    gasm_Response answer;
};

/* Connect to a meter, from wherever it was connected before. 0 or GF_E_FORMAT (CTL). */
int gm_client_connect(struct gm_client *c, struct gm_inproc *to);
void gm_client_leave(struct gm_client *c);

/* A session under this ticket. Waits when the meter says BUSY. 0; GF_E_TICKET with c->refusal;
 * GF_E_LINK_LOST, GF_E_LINK_TIMEOUT; what session.h says. */
int gm_client_hello(struct gm_client *c, struct gf_span ticket,
                    const uint8_t key[static MC_KEY_LEN]);

/* One request; its answer is c->answer, whatever its result. Waits up to 40 s of the meter's time.
 * 0; GF_E_LINK_LOST, GF_E_LINK_TIMEOUT, GF_E_SESSION. */
int gm_client_ask(struct gm_client *c, const gasm_Request *request);

#endif
