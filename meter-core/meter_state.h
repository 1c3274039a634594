/* meter_state.h - the body of struct mc_meter; private to meter-core, and to callers that allocate
 * one. Freestanding.
 *
 * core is what the journal holds: it changes only through store.h, after the record is on flash.
 * Everything else dies at a reset.
 */
#ifndef GF_METER_METER_STATE_H
#define GF_METER_METER_STATE_H

#include "meter-core/frame.h"
#include "meter-core/journal.h"
#include "meter-core/keys.h"
#include "meter-core/meter.h"
#include "meter-core/params.h"
#include "meter-core/session.h"
#include "meter-core/token.h"

#define MC_FIRMWARE 0x00000100u         /* version, 0x00MMmmpp */
#define MC_OPS_KEPT 64 /* executed operations and their receipts that are remembered */
#define MC_COUNTED 32                   /* tickets whose uses and purge volume are counted */
#define MC_REC_MAX 1792 /* bytes of the largest record: a snapshot; holds a plain message too */
#define MC_CASES 8      /* swap cases that were taken; a full table refuses */

/* Persisted registers and states. core.c has a row for each member; a member without one is not
 * kept. */
struct mc_core {
    /* what most commands look at */
    uint8_t life;                       /* gasm_LifeState */
    uint8_t locks;                      /* bits of gasm_Lock */
    uint8_t account_closed;             /* 1 from close_account until the next open_account */
    uint8_t grant_open; /* 1 from the record of purge_start to the record of its end */
    uint8_t clock_was_set, params_were_set;
    uint8_t typed_fails;                /* typed tokens with a wrong mac since the last good one */
    uint8_t self_tested;                /* 1: the last self_test passed */
    uint32_t pulse_l;                   /* since birth */
    uint32_t active_epoch, pending_epoch;
    uint64_t account_no;
    gasm_Totals totals;
    uint64_t closing_index_l;           /* index_l when it was closed */
    uint64_t token_seq;                 /* of the last token that this account took */
    /* counters that only grow */
    uint64_t receipt_seq, event_seq, serial_floor;
    uint64_t session_reserved;          /* session numbers below it may have been used */
    uint64_t starts;
    uint64_t firmware;                  /* first 8 bytes, LE, of the digest that was logged last */
    /* clock: UTC ms = RTC ms + offset, once it was set */
    int64_t clock_offset_ms, floor_s;
    /* the purge grant that is alive or was the last */
    uint32_t grant_l, grant_s;
    uint64_t grant_from_l;              /* purged_l when it began */
    uint64_t grant_serial;              /* of its ticket */
    uint32_t grant_scope;
    uint32_t purge_flowed_l, purge_elapsed_s;
    uint8_t purge_end;                  /* gasm_PurgeEnd of the last grant that ended */
    uint64_t purge_end_seq;             /* its receipt; 0 when none ever ended */
    uint8_t grant_op[GF_UUID_LEN];      /* operation id of its purge_start */
    /* history: the numbers of the last entries, and the periods that are running */
    uint32_t day_no, month_no, purchase_no;
    uint32_t day, month;                /* that run, + 1; 0: not known yet */
    int64_t params[MC_PARAM_COUNT];     /* by id - 1 */
    /* since birth */
    uint32_t meter_type;
    uint8_t meter_id[GF_METER_ID_LEN];
    uint8_t factory_key[MC_KEY_LEN];
    /* keys */
    uint8_t active_key[MC_KEY_LEN], pending_key[MC_KEY_LEN];
    uint64_t cases[MC_CASES];           /* mc_case_tag() of each; 0 is free */
    uint8_t last_hash[MC_HASH_LEN];     /* of the last sealed receipt */
};

/* What was used of one ticket. serial 0 with scope 0: the place is free. */
struct mc_use {
    uint64_t serial;
    uint32_t scope;     /* its epoch; of a factory ticket MC_SCOPE_FACTORY | epoch it installs */
    uint32_t uses;
    uint32_t purged_l;
    uint32_t not_after_s;               /* capped at 2^32 - 1 */
};
#define MC_SCOPE_FACTORY 0x80000000u

/* The valve and the purge grant, as the meter drives them (purge.c, valve.c). */
struct mc_purge {
    bool closing; /* the end is decided; waiting for the valve to report shut */
    bool live;                          /* began in this life: not found open at the start */
    gasm_PurgeEnd end;
    int64_t began_ms, ended_ms, alive_ms;   /* mono: start, decision to end, last keep-alive */
    int64_t retry_ms;                   /* mono: the end's record is tried again then */
    bool stopping; /* a purge_stop decided the end: its operation goes into the record */
    bool answering;                     /* a purge_stop waits for its answer */
    uint8_t op_id[GF_UUID_LEN];         /* of that purge_stop */
    uint8_t content_hash[MC_HASH_LEN];
    uint64_t base_seq;
};

/* An event of the supply that is not on flash yet, and the locks that go with it. */
struct mc_owed {
    uint16_t event;
    uint8_t locks;
    int64_t a, b;
};
#define MC_OWED 4

/* The valve in service (supply.c). Dies at a reset: then it is shut and not armed. */
struct mc_supply {
    bool armed;
    int64_t armed_until_ms;             /* mono */
    bool opened;                        /* the valve reported open since the button was pressed */
    int64_t open_by_ms;                 /* mono: or it is a fault */
    bool watching;                      /* leak watch after opening */
    bool watch_pulse;                   /* its first pulse came, at watch_ms */
    int64_t watch_ms;                   /* mono: opened, or the first pulse since */
    uint8_t senses;                     /* bits of mc_sense that are on */
    uint8_t tampered;                   /* ... and that have been, the last event at tamper_ms */
    int64_t tamper_ms[MC_SENSES];       /* mono */
    bool flowed;                        /* a pulse came since the button was pressed, at pulse_ms */
    int64_t pulse_ms;                   /* mono: the last pulse */
    int64_t steady_ms;                  /* mono: since then no pause was long */
    bool steady_logged;
    int64_t bucket;                     /* flow above the limit, in l * ms / h */
    int64_t bucket_ms;                  /* mono: last drained */
    bool battery_low;                   /* and logged */
    struct mc_owed owed[MC_OWED];
    uint8_t owed_n;
    bool owed_late;                     /* writing it failed, at owed_ms */
    int64_t owed_ms;                    /* mono */
    int64_t typed_from_ms;              /* mono: the wait after a wrong typed token began */
};

/* The RTC beside the timers, when it was last believed (history.c). */
struct mc_watch {
    bool begun, doubted;
    int64_t utc_ms, mono_ms;
    int64_t doubted_ms;                 /* mono: since then it is ahead */
};

/* A command whose answer has to wait for the valve (commands.c). Its request stays in m->request:
 * any message that comes meanwhile ends the session and with it the command. */
struct mc_later {
    bool waiting;
    bool ready;                         /* the valve is shut and the gas at rest: go on */
    bool fault;                         /* it did not report shut in its travel time */
    int64_t began_ms, shut_ms;          /* mono; shut_ms below 0: not yet */
};

/* The recharge that is being judged (cmd_credit.c), and its log. */
struct mc_credit {
    gasm_Token token;                   /* opened */
    gasm_Carrier carrier;
    bool at_keys;                       /* typed on the meter itself: no session, no ticket */
    bool arms;                          /* taking it arms the valve */
    bool refused_logged;
    int64_t refused_ms;                 /* mono: last event about a refused token */
};

struct mc_drive {
    bool want_open;
    bool commanded;                     /* the motor took the last order */
    bool fault_logged;
    int64_t since_ms;                   /* mono: when the order was given */
    int64_t travel_ms;                  /* what it had for it then */
    bool resting;                       /* it is shut, since shut_ms */
    int64_t shut_ms;                    /* mono */
};

struct mc_link {
    bool up;
    bool drop;                          /* to be told to the caller once */
    bool dropped; /* told or about to be: nothing more is heard on this connection */
    bool leave;   /* drop once the answer is out: only an erase makes room for more */
    uint16_t mtu;
    uint8_t epoch;                      /* fragment epoch */
    bool heard;                         /* a fragment came since the last authentication ended */
    int64_t alone_ms;                   /* mono: connected, or lost its authentication */
    int64_t heard_ms;                   /* mono: first fragment since then */
    int64_t active_ms;                  /* mono: last message of the session */
    bool helloed;
    int64_t hello_ms;                   /* mono: last ClientHello that was looked at */
    uint32_t refused;                   /* hellos and proofs refused since the last event */
    uint8_t refused_last;
    bool refused_logged;
    int64_t refused_ms;                 /* mono: last event about them */
};

/* Small members that everything uses come first, long ones last: the core of an MCU reaches the first
 * 128 bytes with its shortest instructions, the first 1 and 4 KiB with longer ones. */
struct mc_meter {
    struct mc_ports ports;
    bool usable;                        /* the journal was recovered; false refuses everything */
    bool authenticated;                 /* a client's proof held in this session */
    bool use_counted;                   /* this session's use of its ticket is counted */
    bool flow_logged;
    bool closed_flow_logged;
    struct mc_link link;
    struct mc_later later;
    struct mc_drive drive;
    struct mc_watch watch;
    struct mc_purge purge;
    struct mc_supply supply;
    int64_t flow_logged_ms;             /* mono: last FLOW_WHILE_SHUT */
    int64_t closed_flow_ms;             /* mono: last FLOW_CLOSED_ACCOUNT */
    uint64_t index_saved_l;             /* index_l of the last record */
    uint64_t session_next;
    struct mc_journal journal;
    struct mc_core core;
    gasm_Ticket ticket;                 /* of the session */
    struct mc_session session;
    uint8_t content_hash[MC_HASH_LEN];
    struct mc_credit credit;
    /* scratch of one message: the decoded request, the answer being made, record or plain bytes */
    gasm_Request request;
    gasm_Response response;
    struct mc_use uses[MC_COUNTED];
    uint32_t kept[MC_OPS_KEPT];         /* at seq % MC_OPS_KEPT: NVM address of its operation */
    struct mc_pipe pipe;
    uint8_t rec[MC_REC_MAX];
    uint8_t out[MC_MESSAGE_MAX];        /* the last message sent: a restart sends the same bytes */
};

#endif
