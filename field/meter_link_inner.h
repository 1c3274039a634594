/* meter_link_inner.h - the state of a link to a meter: private to meter_link.c and
 * meter_link_moves.c.
 *
 * The port's events only note what came (in); meter_link_tick() acts. So nothing is re-entered, and
 * an answer that came before the link fell counts before the fall does.
 */
#ifndef GF_FIELD_METER_LINK_INNER_H
#define GF_FIELD_METER_LINK_INNER_H

#include "field/meter_link.h"
#include "meter-core/frame.h"
#include "meter-core/session.h"

/* A connection that does not report its end within this time after disconnect() counts as ended. */
#define CLOSE_MS 10000
/* The meter says BUSY (its valve moves, or one hello a second): asked again for this long. */
#define BUSY_MS 30000
#define HELLO_PAUSE_MS 1000
#define PAUSE_MAX_MS 3000           /* between two attempts */


enum ml_phase {
    PH_DOWN,
    PH_CONNECTING,
    PH_READY,           /* connected, no session */
    PH_RESETTING,       /* CTL reset written, not answered */
    PH_HELLO,
    PH_SESSION,         /* nothing in flight */
    PH_ASKING,
    PH_CLOSING,
};

enum ml_goal { GOAL_NONE, GOAL_CONNECTED, GOAL_SESSION, GOAL_ANSWER };

enum ml_flight { FLIGHT_IDLE, FLIGHT_GREET, FLIGHT_REQUEST };

struct meter_link {
    const struct field_ports *ports;
    struct ml_limits limits;
    struct ml_events events;
    struct link_events link_events;

    char meter_id[GF_METER_ID_TEXT], address[GF_BT_ADDRESS_TEXT];
    uint8_t id_hash[MC_ID_HASH_LEN], run_id[GF_UUID_LEN];

    enum ml_phase phase;
    int64_t phase_until;            /* mono: the phase's deadline */
    int64_t hold_until;             /* mono: nothing new before */
    int64_t quiet_since;            /* mono: last message of the session */
    int64_t nudge_at;               /* mono: nothing came until then: ask what was lost */
    enum link_phase port_phase;
    struct ml_try port_try;         /* the port's own attempts; its in_ms is a time, mono */
    struct link_ready ready;
    struct mc_ctl ctl;
    struct mc_pipe pipe;
    struct mc_session session;
    struct ticket_row ticket;
    bool has_ticket, stale;         /* stale: the session is of an earlier ticket */
    bool proved;                    /* an answer was opened in this session */
    uint8_t fragment_epoch;
    uint8_t message[MC_MESSAGE_MAX];
    uint8_t stuck[MC_FRAGMENT_MAX]; /* a fragment that the port had no room for */
    size_t stuck_n;
    gasm_Request in_flight;
    enum ml_flight flight;
    gasm_HelloRefusal refusal;

    struct {
        enum ml_goal goal;
        int attempt;
        int64_t until, busy_until;  /* mono */
        gasm_Request request;
        bool once, sent, cancelled;
        bool refused;               /* a handshake was, once */
        bool unheard;               /* a message was not answered: the next go in small pieces */
        int last_code;              /* why the last attempt failed */
        char last_detail[120];
    } op;

    struct {                        /* what the port's events noted */
        bool ready, down, ctl, message;
        int down_code, ctl_code, message_code;
        char down_detail[120];
        gasm_Response answer;
    } in;
};

int64_t ml_mono(const struct meter_link *ml);

/* The operation ends with this outcome: 0 with ml->in.answer, or a failure and what it says. */
void ml_end(struct meter_link *ml, int code, const char *detail);
/* The present attempt failed: close, and either try again after a pause or end the operation. */
void ml_trouble(struct meter_link *ml, int code, const char *detail);
void ml_forget_session(struct meter_link *ml);

/* ---- meter_link_moves.c ---- */
/* One move towards the goal, when there is one to make. */
bool ml_advance(struct meter_link *ml);
/* Hand out fragments while the port takes them. */
void ml_pump(struct meter_link *ml);
/* A fragment came: notes a whole message. */
void ml_take_fragment(struct meter_link *ml, const uint8_t *p, size_t n);

#endif
