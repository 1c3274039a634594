/* meter_link.h - one meter: connection, handshake and requests, one at a time, over the link port
 * and meter-core.
 *
 * Three operations: be connected, have a session under a ticket, ask something. Each makes what it
 * lacks of the ones before it. When the link is lost it is made again, the handshake too, and the
 * very same request (with its operation id) is sent again, within the limits below and visibly
 * (ml_attempt). Each operation that was started with 0 comes to exactly one end: events.ended, from
 * meter_link_tick() only. While nothing is asked in a session, it sends `identify` every 10 s so
 * that the meter keeps the session.
 */
#ifndef GF_FIELD_METER_LINK_H
#define GF_FIELD_METER_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "field/ports.h"
#include "meter-core/gatt.h"
#include "meter-core/proto/meter.pb.h"

/* All in ms of the monotonic clock, from the start of what they limit. */
struct ml_limits {
    int64_t connect_ms;     /* one search and connection: 30 s */
    int64_t answer_ms;      /* one answer of the meter, CTL writes too: 8 s */
    int64_t whole_ms;       /* a whole operation: 120 s */
    int64_t pause_ms;       /* before the next attempt: 500, growing with each */
    int64_t idle_ms;        /* silence in a session after which `identify` is sent: 10 s */
    int attempts;           /* 6; a radio that is away is waited for as long as whole_ms */
};
extern const struct ml_limits ml_limits_usual;

struct ml_events {
    void *ctx;
    /* The operation ended. `answer` (may hold a refusal) of meter_link_open() and _ask() when code
     * is 0, else NULL and *why says what happened. Valid during the call. A new operation may be
     * started from here. */
    void (*ended)(void *ctx, int code, const gasm_Response *answer, const struct gf_fail *why);
    /* A meter was heard; for lists of meters in reach. May be NULL. */
    void (*sighting)(void *ctx, const struct link_sighting *s);
};

struct meter_link;

/* Keeps `ports` and copies the rest. NULL when out of memory. Nothing is bound yet. */
struct meter_link *meter_link_new(const struct field_ports *ports, const struct ml_limits *limits,
                                  const struct ml_events *events);
/* Wipes keys. Drops the connection without waiting. NULL is fine; returns NULL. */
struct meter_link *meter_link_free(struct meter_link *ml);

/* Which meter, and whose run: binds the link's events here. `address` may be empty. 0 or
 * GF_E_CRYPTO. */
int meter_link_aim(struct meter_link *ml, const char *meter_id, const char *address,
                   const uint8_t run_id[static GF_UUID_LEN]);

/* Be connected, CTL read, the meter id in it being the one aimed at (else GF_E_ID_MISMATCH). 0 or
 * GF_E_NOT_NOW. */
int meter_link_connect(struct meter_link *ml);

/* Have a session under this ticket (copied), proved by both sides: its answer is `identify`'s. 0 or
 * GF_E_NOT_NOW. Ends with GF_E_TICKET when the meter refuses the ticket (meter_link_refusal says
 * why), GF_E_PROOF when the meter does not know its key. */
int meter_link_open(struct meter_link *ml, const struct ticket_row *ticket);

/* Ask, under the ticket of the last meter_link_open(). `once`: do not send it again after a lost
 * link, end with the failure (what it began may have happened). 0 or GF_E_NOT_NOW. */
int meter_link_ask(struct meter_link *ml, const gasm_Request *request, bool once);

/* Give up: the operation under way ends with GF_E_CANCELLED, the connection is closed. */
void meter_link_close(struct meter_link *ml);

/* Does what is due; returns ms until it must be called again (at most 1000). */
int meter_link_tick(struct meter_link *ml);

/* ---- how it stands ---- */
bool ml_down(const struct meter_link *ml);                  /* no connection, none under way */
bool ml_connected(const struct meter_link *ml);
/* A session under a ticket of this epoch, in which the meter has answered. */
bool ml_session(const struct meter_link *ml, uint32_t epoch);
const struct mc_ctl *ml_ctl(const struct meter_link *ml);   /* of the last connection */
uint16_t ml_mtu(const struct meter_link *ml);
const gasm_HelloRefusal *ml_refusal(const struct meter_link *ml);   /* the last: a hint */
int ml_attempt(const struct meter_link *ml);    /* of the operation under way, 1 first */

/* The attempt under way or to come, at connecting or at the whole operation. */
struct ml_try {
    int number, most;       /* 1 first; most 0: as often as the time lets */
    int code;               /* why the one before failed, GF_E_*; 0 for the first */
    char detail[120];
    int64_t in_ms;          /* until it begins; 0: it is under way */
};
void ml_try(const struct meter_link *ml, struct ml_try *ret);
const char *ml_waiting_for(const struct meter_link *ml);    /* static: "the meter's answer" */

#endif
