/* sync.h - brings the outbox home, item by item, and fetches what changed; nothing here blocks.
 *
 * At-least-once on the wire, exactly-once in effect. A record leaves "waiting" only when its signed verdict is stored.
 * After a failure it waits 1 s, 2 s, 4 s ... 5 min, each with jitter, and starts by itself again.
 */
#ifndef GF_FIELD_SYNC_H
#define GF_FIELD_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field/ports.h"

enum sync_phase { SYNC_IDLE, SYNC_RUNNING, SYNC_WAITING /* to try again */, SYNC_REVOKED };

struct sync_view {
    enum sync_phase phase;
    struct outbox_counts counts;
    int64_t last_ok_at_ms;              /* 0: never in this program's life */
    int64_t next_try_in_ms;             /* of SYNC_WAITING */
    uint64_t sent, answered;            /* in the present round */
    struct gf_fail fail;                /* of the last round; code 0 when it ended well */
};

struct sync;

/* Keeps `ports`; binds the office's events to itself for good. */
struct sync *sync_new(const struct field_ports *ports);
struct sync *sync_free(struct sync *s);

/* Start a round now (or note that another is wanted after the present one). */
void sync_now(struct sync *s);

/* Number of rounds that have ended, well or not; a caller that wants an answer notes it, calls sync_now(), and looks
 * at the view once a round that began after the call has ended: sync_round_wanted() gives that round's number. */
uint64_t sync_rounds_ended(const struct sync *s);
uint64_t sync_round_wanted(const struct sync *s);

/* End the round under way, or the one that was asked for and has not begun: it ends with GF_E_CANCELLED, and none
 * begins until the next sync_now(). False: there is none; what is to begin by itself later still does. */
bool sync_cancel(struct sync *s);

/* Does what is due; returns ms until it must be called again (at most 1000). */
int sync_tick(struct sync *s);

const struct sync_view *sync_view(struct sync *s);

#endif
