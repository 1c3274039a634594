/* central_state.h - what the files of the central share: states, events, struct. Private to bt/. */
#ifndef GF_BT_CENTRAL_STATE_H
#define GF_BT_CENTRAL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bt/bus.h"
#include "bt/central.h"
#include "bt/trace.h"
#include "field/ports.h"
#include "meter-core/gatt.h"

enum bt_state {
    BT_IDLE,            /* nothing wanted */
    BT_RADIO,           /* wanted, but there is no daemon or adapter */
    BT_SEARCH,          /* listening for the meter */
    BT_QUIET,           /* heard; discovery has to end before Connect() */
    BT_CONNECT,         /* Connect() called; Connected=true is awaited */
    BT_RESOLVE,         /* connected; ServicesResolved=true and the meter's service are awaited */
    BT_GRACE,           /* resolved without the service: its objects may be late */
    BT_MTU,             /* asking for the ATT_MTU */
    BT_SUBSCRIBE,       /* StartNotify on TX */
    BT_READ,            /* reading CTL */
    BT_READY,           /* in use */
    BT_DROP,            /* Disconnect() called; Connected=false is awaited */
    BT_FORGET,          /* RemoveDevice() called: what BlueZ remembers of the services is wrong */
    BT_PAUSE,           /* before the next attempt */
    BT_STATES
};

enum bt_event {
    BT_E_START, BT_E_CANCEL, BT_E_RADIO_UP, BT_E_RADIO_DOWN,
    BT_E_SEEN,          /* a device was heard or its properties changed */
    BT_E_QUIET,         /* discovery has ended */
    BT_E_CONNECTED, BT_E_DISCONNECTED,  /* property of our device */
    BT_E_RESOLVED,      /* ServicesResolved=true of our device */
    BT_E_OBJECTS,       /* objects below our device came or went */
    BT_E_GONE,          /* our device's object was removed */
    BT_E_OK, BT_E_FAIL, /* the state's call ended */
    BT_E_CONNECT_OK, BT_E_CONNECT_FAIL, /* Connect() ended, whatever the state */
    BT_E_TIMER, BT_E_DEADLINE,
    BT_EVENTS
};

/* Where discovery is. */
enum bt_scan { BT_SCAN_OFF, BT_SCAN_FILTER, BT_SCAN_STARTING, BT_SCAN_ON, BT_SCAN_STOPPING };

#define BT_FIFO 16          /* fragments: the peer grants 8 at most, and a restart may follow */

struct bt_fragment {
    uint16_t n;
    uint8_t p[MC_FRAGMENT_MAX];
};

struct bt_central {
    struct bt_bus *bus;
    const struct gf_clock *clock;
    struct link_port port;
    struct gf_source source;
    const struct link_events *events;
    char want_adapter[GF_BT_ADDRESS_TEXT];
    bool (*is_blocked)(const char *name);

    /* the radio */
    char adapter[BT_PATH_CAP];          /* in use; empty: none */
    int radio;                          /* what radio() was told last; 1: nothing yet */
    char radio_detail[96];
    bool radio_owed;                    /* new listeners are to be told of it */
    bool listening;
    enum bt_scan scan;
    bool scan_seen;                     /* Discovering was true since discovery was started */
    unsigned scan_call;
    int64_t scan_at_ms, scan_wait_ms;   /* what is due then, 0: nothing; the back-off */

    /* the connection */
    enum bt_state state;
    enum link_phase phase;
    bool start_wanted, cancel_wanted;
    int64_t wish_ms, deadline_ms;       /* deadline_ms 0: none */
    int64_t timer_ms;                   /* of the state, 0: none */
    uint8_t id_hash[MC_ID_HASH_LEN];
    char address[GF_BT_ADDRESS_TEXT];
    char device[BT_PATH_CAP], rx[BT_PATH_CAP], tx[BT_PATH_CAP], ctl[BT_PATH_CAP];
    unsigned call;                      /* the state's; ends with the state */
    unsigned connect_call;              /* outlives BT_CONNECT */
    bool scan_through, forgot, forget_next, is_heard, renotified;
    unsigned hard, transient, busy;     /* failures of this connect(), by kind (enum bt_failure) */
    int next_number, next_most;         /* of the attempt after the last failure */
    int last_code;                      /* why the last attempt failed */
    char last_detail[120];
    int drop_code;                      /* after BT_DROP: down() with this; 0: another attempt */
    char drop_detail[120];

    /* data */
    uint16_t mtu;
    struct bt_fragment fifo[BT_FIFO];
    unsigned fifo_at, fifo_n;
    unsigned write_call, ctl_call;
    struct bt_trace *trace;
    int64_t rewrite_at_ms, write_since_ms;  /* a write that BlueZ was too busy for */
};

/* central.c: the machine */
int64_t bt_now(const struct bt_central *c);
void bt_central_event(struct bt_central *c, enum bt_event event, const struct bt_end *end);
const struct bt_object *bt_central_device(const struct bt_central *c);
/* Let the state machine see the end of the state's call: for struct bt_call's `end`. */
void bt_central_step_end(void *ctx, const struct bt_end *end);

/* central_steps.c: what happens in each state; the tables */
struct bt_step {
    const char *name;
    enum link_phase phase;
    int timer_ms;                       /* 0: none */
    void (*enter)(struct bt_central *c);
    void (*on[BT_EVENTS])(struct bt_central *c, const struct bt_end *end);
};
extern const struct bt_step bt_steps[BT_STATES];
void bt_central_go(struct bt_central *c, enum bt_state to);

#define BT_CALL_MS 40000    /* longer than every state's timer, which is the one that counts */

/* Make the state's call; `types` is "" or "a{sv}", which is sent empty. One that cannot be made is
 * ended by the state's timer. */
void bt_central_step_call(struct bt_central *c, const char *path, const char *iface,
                          const char *member, const char *types);

/* How an attempt failed: at the cost of seconds, in a way that passes by itself, or because BlueZ
 * was busy. Each kind but the last has a budget. */
enum bt_failure { BT_HARD, BT_TRANSIENT, BT_BUSY };

/* This attempt has failed: end its link, then try again while the budget lasts. */
void bt_central_again(struct bt_central *c, enum bt_failure how, int code, const char *detail);
void bt_central_again_after(struct bt_central *c, const struct bt_end *end);
void bt_central_link_fell(struct bt_central *c, const struct bt_end *end);

/* The same, for what BlueZ remembers of the device may be wrong: once for each connect() the next
 * attempt begins with its being forgotten. */
void bt_central_forget(struct bt_central *c, int code, const char *detail);

/* End the link, then the connect() with that code; 0: another attempt. */
void bt_central_drop(struct bt_central *c, int code, const char *detail);

/* central_search.c */
/* The device to connect to, of those heard lately or connected; NULL: none yet. */
const struct bt_object *bt_search_best(const struct bt_central *c);

/* central_setup.c: entries and handlers of the states from BT_RESOLVE to BT_READ */
bool bt_setup_is_whole(struct bt_central *c);   /* takes the paths of RX, TX and CTL */
void bt_setup_resolve(struct bt_central *c);
void bt_setup_mtu(struct bt_central *c);
void bt_setup_subscribe(struct bt_central *c);
void bt_setup_read(struct bt_central *c);
void bt_setup_resolve_again(struct bt_central *c, const struct bt_end *end);
void bt_setup_late_objects(struct bt_central *c, const struct bt_end *end);
void bt_setup_no_service(struct bt_central *c, const struct bt_end *end);
void bt_setup_objects_changed(struct bt_central *c, const struct bt_end *end);
void bt_setup_mtu_got(struct bt_central *c, const struct bt_end *end);
void bt_setup_mtu_unknown(struct bt_central *c, const struct bt_end *end);
void bt_setup_subscribed(struct bt_central *c, const struct bt_end *end);
void bt_setup_not_subscribed(struct bt_central *c, const struct bt_end *end);
void bt_setup_ctl_read(struct bt_central *c, const struct bt_end *end);
void bt_setup_refused(struct bt_central *c, const struct bt_end *end);

/* central_radio.c: adapter, discovery, sightings */
void bt_radio_service(struct bt_central *c, int code, const char *detail);
void bt_radio_changed(struct bt_central *c, const struct bt_object *o, unsigned what);
void bt_radio_tell_again(struct bt_central *c);
/* Start or stop discovery as the wish and the state demand. */
void bt_radio_scan(struct bt_central *c);
bool bt_radio_is_quiet(const struct bt_central *c);

/* central_data.c: fragments and CTL */
void bt_data_pump(struct bt_central *c);
void bt_data_reset(struct bt_central *c);
int bt_data_send(struct bt_central *c, const uint8_t *p, size_t n);
int bt_data_write_ctl(struct bt_central *c, const uint8_t *p, size_t n);

#endif
