/* ports.h - all that the work in field/ can ask of the world: radio link, head office, store.
 *
 * Implemented by bt/ (BlueZ), backend/client/ (libcurl) and db/ (SQLite), handed in by a program's main.c. Link and
 * office are asynchronous: a call starts something and returns at once, the outcome comes as an event, always from
 * the program's one loop and never from inside the call. The store answers in line. Times: ms since 1970 (UTC)
 * unless the name says mono.
 */
#ifndef GF_FIELD_PORTS_H
#define GF_FIELD_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/ids.h"
#include "common/port.h"
#include "common/proto/sync.pb.h"

/* ---- radio link: one central, one connection at a time, a list of meters heard ---- */

/* A meter's advertisement, or its change. */
struct link_sighting {
    char address[GF_BT_ADDRESS_TEXT];
    char name[32];              /* made visible; may be empty */
    uint8_t id_hash[6];         /* of the meter id; see meter-core/gatt.h */
    bool has_id_hash;
    int rssi_dbm;               /* 127: unknown */
};

/* The connection is usable: services found, MTU known, TX subscribed, CTL read. */
struct link_ready {
    uint16_t att_mtu;           /* 23..517 */
    uint8_t ctl[32];            /* the CTL value as read */
    size_t ctl_len;
};

/* Where connecting has got to, for the screen. */
enum link_phase {
    LINK_IDLE, LINK_SEARCHING, LINK_CONNECTING, LINK_DISCOVERING, LINK_SUBSCRIBING, LINK_READY, LINK_CLOSING,
};

/* An attempt to connect failed, and another one follows. Valid during the call. */
struct link_attempt {
    int number, most;           /* of the next one, 2 first; most 0: as many as the deadline lets */
    int code;                   /* why the last one failed, GF_E_* */
    const char *detail;         /* the same in BlueZ's words; may be empty */
    int64_t again_in_ms;
};

struct link_events {
    void *ctx;
    void (*sighting)(void *ctx, const struct link_sighting *s);
    void (*phase)(void *ctx, enum link_phase phase);
    void (*ready)(void *ctx, const struct link_ready *ready);
    /* A fragment came on TX. Only after ready. */
    void (*fragment)(void *ctx, const uint8_t *p, size_t n);
    /* A CTL write was answered: 0 or GF_E_*. */
    void (*ctl_written)(void *ctx, int code);
    /* The connection ended, or the attempt failed: GF_E_LINK_*, BLUEZ_AWAY, ADAPTER, ... Once for each connect().
     * `detail` says it in BlueZ's words. After this connect() may be called again. */
    void (*down)(void *ctx, int code, const char *detail);
    /* The radio itself came or went: code 0, or GF_E_BLUEZ_AWAY, GF_E_ADAPTER, GF_E_BLUEZ_DENIED. */
    void (*radio)(void *ctx, int code, const char *detail);
    void (*attempt)(void *ctx, const struct link_attempt *attempt);
};

struct link_port {
    void *ctx;
    /* Whom events go to; NULL for none. The struct is borrowed. */
    void (*bind)(void *ctx, const struct link_events *events);
    /* Listen for advertisements, or stop. It is wished, not done: the port keeps discovery on through restarts. */
    void (*listen)(void *ctx, bool on);
    /* Connect to the meter whose advertisement shows id_hash; `address` (may be empty) is a hint from its label.
     * The port searches, connects, resolves, subscribes, reads CTL, and retries what is worth it, until
     * deadline_ms (from now, monotonic) has passed; then down(GF_E_LINK_AWAY or _TIMEOUT).
     * 0, or GF_E_NOT_NOW when a connection is under way. */
    int (*connect)(void *ctx, const uint8_t id_hash[static 6], const char *address, int64_t deadline_ms);
    /* Write to CTL, with response. 0, GF_E_NOT_NOW (one at a time), GF_E_LINK_LOST. */
    int (*write_ctl)(void *ctx, const uint8_t *p, size_t n);
    /* Send one fragment (n <= att_mtu - 3), in order. 0, GF_E_LINK_LOST, GF_E_SPACE. */
    int (*send)(void *ctx, const uint8_t *p, size_t n);
    /* End the connection or the attempt; down(GF_E_CANCELLED) follows. Nothing when there is none. */
    void (*disconnect)(void *ctx);
};

/* ---- head office ---- */

struct office_events {
    void *ctx;
    /* The POST ended. code 0: a whole answer with HTTP status 200. Else GF_E_OFFICE_AWAY, _TLS, _ANSWER, _REFUSED or
     * GF_E_REVOKED, and `detail` says why in words. `body` is valid during the call only. */
    void (*done)(void *ctx, int code, const char *detail, const uint8_t *body, size_t n);
};

struct office_port {
    void *ctx;
    void (*bind)(void *ctx, const struct office_events *events);
    /* POST the bytes (copied) to /v1/sync, application/x-protobuf. 0, or GF_E_NOT_NOW while one is under way. */
    int (*post_sync)(void *ctx, const uint8_t *body, size_t n);
    /* Give up the request under way, if any; done(GF_E_CANCELLED) follows. */
    void (*cancel)(void *ctx);
    /* Verify head office's signature (ECDSA P-256, DER) over SHA-256 of `msg`. 0 or GF_E_ACK_BAD. */
    int (*verify)(void *ctx, const uint8_t *msg, size_t msg_len, const uint8_t *sig, size_t sig_len);
    /* This laptop's device id, 16 bytes (part of what acknowledgements sign). */
    void (*device_id)(void *ctx, uint8_t ret[static 16]);
};

/* ---- store ---- */

enum run_state { RUN_ACTIVE = 1, RUN_DONE = 2, RUN_ABANDONED = 3 };
enum step_state { STEP_PLANNED = 1, STEP_DONE = 2, STEP_REFUSED = 3 };

struct run_row {
    uint8_t id[GF_UUID_LEN];
    uint8_t job_id[GF_UUID_LEN];
    char procedure[32];
    int64_t started_at_ms;
    uint32_t state;             /* enum run_state */
    uint32_t next_step;         /* index into the procedure's table: where it goes on */
};

/* One attempt at one step. The operation id and the request's bytes are fixed when it is planned, and committed
 * before anything is sent; a repeat after any interruption sends the same. */
struct step_row {
    uint8_t run_id[GF_UUID_LEN];
    char step[24];              /* the step's id in its table */
    uint32_t attempt;           /* 1, 2, ...: a purge may take several grants */
    uint32_t state;             /* enum step_state */
    uint8_t op_id[GF_UUID_LEN];
    uint64_t base_seq;          /* the meter's receipt sequence read before planning */
    uint8_t request[640];       /* encoded gasm.Request, or the operator's answer */
    size_t request_len;
    uint8_t result[1400];       /* encoded gasm.Response, or what the step found out */
    size_t result_len;
    int64_t planned_at_ms, finished_at_ms;
};

/* A record for head office; the store gives it its sequence and its place in the chain. */
struct outbox_new {
    uint8_t id[GF_UUID_LEN];    /* operation id; a second record with the same id is not stored */
    uint32_t kind;              /* sync_ItemKind */
    uint8_t job_id[GF_UUID_LEN], run_id[GF_UUID_LEN];
    int64_t made_at_ms;
    const uint8_t *payload;     /* may be NULL */
    size_t payload_len;
    const uint8_t *receipt;     /* SealedReceipt; may be NULL */
    size_t receipt_len;
};

enum outbox_state {
    OUTBOX_PENDING = 0, OUTBOX_SENT = 1, OUTBOX_APPLIED = 2, OUTBOX_DUPLICATE = 3, OUTBOX_HELD = 4,
    OUTBOX_QUARANTINED = 5, OUTBOX_CONFLICT = 6,
};

struct outbox_row {
    uint64_t seq;
    uint8_t id[GF_UUID_LEN];
    uint8_t hash[32];           /* SHA-256 of bytes */
    uint8_t bytes[1280];        /* encoded sync.Item, as it is sent */
    size_t len;
    uint32_t state;             /* enum outbox_state */
    char field[32], reason[200];
    int64_t made_at_ms;
};

struct outbox_counts {
    uint64_t waiting;           /* pending, sent or held: "N on this laptop only" */
    uint64_t refused;           /* quarantined or conflict: to-dos for a person */
    uint64_t acknowledged;
    int64_t oldest_waiting_at_ms;   /* 0 when none */
    uint64_t last_seq;
};

/* A ticket with its key, opened; wipe it after use. */
struct ticket_row {
    uint8_t job_id[GF_UUID_LEN];    /* whose it is */
    uint8_t ticket[208];
    size_t ticket_len;
    uint8_t key[32];
    uint32_t epoch;
    int64_t not_after_s;
};

/* Keyset page of jobs: those after (due, priority, number) of `after` in that order; NULL from the start. */
struct job_query {
    const sync_Job *after;
    const char *filter;         /* words that must occur in number, meter, address or customer; NULL for all */
    bool open_only;             /* leave out done, unable, checked */
};

/* Functions return 0 (or a count), GF_E_NO_JOB and the like where named, or GF_E_STORE, GF_E_DISK_FULL, ...
 * Each writing function is one transaction. */
struct store_port {
    void *ctx;
    int (*jobs)(void *ctx, const struct job_query *q, sync_Job *ret, size_t cap);       /* how many */
    int (*job)(void *ctx, const char *number, sync_Job *ret);                           /* GF_E_NO_JOB */
    int (*job_of)(void *ctx, const uint8_t id[static 16], sync_Job *ret);               /* by its id; GF_E_NO_JOB */
    int (*meter)(void *ctx, const char *meter_id, sync_MeterRow *ret);                  /* GF_E_UNREGISTERED */
    /* The newest ticket of the job for `epoch` (any job of that meter when job_id is NULL). GF_E_NO_TICKET. */
    int (*ticket)(void *ctx, const char *meter_id, const uint8_t *job_id, uint32_t epoch, struct ticket_row *ret);
    /* The meter's tickets of all jobs and epochs that are good at `at_s` or later, the newest first. How many. */
    int (*tickets)(void *ctx, const char *meter_id, int64_t at_s, struct ticket_row *ret, size_t cap);
    int (*key_issue)(void *ctx, const char *meter_id, uint32_t epoch_above, sync_KeyIssue *ret);  /* GF_E_NO_TICKET */
    /* What the old meter of a swap needs to close its account, wrapped under this key epoch. 1 found, 0 not. */
    int (*swap_issue)(void *ctx, const char *old_meter_id, uint32_t wrap_epoch, sync_SwapIssue *ret);
    /* The newest token that head office sent for this meter under this key epoch. 1 found, 0 not. */
    int (*token_issue)(void *ctx, const char *meter_id, uint32_t epoch, sync_TokenIssue *ret);
    int (*certificate)(void *ctx, const uint8_t job_id[static 16], sync_Certificate *ret);        /* 1 found, 0 not */

    /* The active run of this job and procedure, or a new one with the id given. 1: it was there (resume), 0: new. */
    int (*run_open)(void *ctx, const struct run_row *fresh, struct run_row *ret);
    /* The active run of this job and procedure. 1 found, 0 not. */
    int (*run_active)(void *ctx, const uint8_t job_id[static 16], const char *procedure, struct run_row *ret);
    /* The highest base_seq of the steps of this name in all runs; 0 when there is none. */
    int (*receipts_known)(void *ctx, const char *step, uint64_t *ret);
    /* The last attempt at a step. 1 found, 0 not. */
    int (*step_last)(void *ctx, const uint8_t run_id[static 16], const char *step, struct step_row *ret);
    /* Write one attempt (new or changed), the run's state and next step, the job's new state (NULL: unchanged) and
     * the records for head office, all or nothing. */
    int (*step_save)(void *ctx, const struct step_row *step, const struct run_row *run, const char *job_state,
                     const struct outbox_new *items, size_t n_items);

    /* Records to send, in sequence order after after_seq: pending, sent (not answered) and held. How many. */
    int (*outbox_next)(void *ctx, uint64_t after_seq, struct outbox_row *ret, size_t cap);
    /* All records, newest first, before before_seq (0: the newest), for the screen. How many. */
    int (*outbox_page)(void *ctx, uint64_t before_seq, struct outbox_row *ret, size_t cap);
    int (*outbox_item)(void *ctx, const uint8_t id[static 16], struct outbox_row *ret);   /* 1 found, 0 not */
    int (*outbox_counts)(void *ctx, struct outbox_counts *ret);
    /* A verdict whose signature was verified: stored, and the record's state with it. GF_E_MISMATCH when the hash is
     * not that record's. */
    int (*outbox_verdict)(void *ctx, const sync_Verdict *v);
    int (*cursor)(void *ctx, uint64_t *ret);
    /* One change from head office and, when it is the end, the cursor. Changes of one answer are applied in one
     * transaction: begin, apply ..., commit or rollback. */
    int (*changes_begin)(void *ctx);
    int (*changes_apply)(void *ctx, const sync_Down *change);
    int (*changes_end)(void *ctx, bool commit);
};

/* Everything that field/ is handed. Borrowed. `crypto` is meter-core's port. */
struct mc_crypto;
struct field_ports {
    const struct gf_clock *clock;
    const struct gf_random *random;
    const struct mc_crypto *crypto;
    const struct link_port *link;
    const struct office_port *office;
    const struct store_port *store;
};

#endif
