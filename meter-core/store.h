/* store.h - the meter's persisted state: transactions, recovery, operations and receipts kept.
 * Freestanding.
 *
 * A transaction is a changed copy of the core. Committing it writes one record with what differs
 * (and, for an operation, its receipt and answer), and only then the copy becomes the core.
 */
#ifndef GF_METER_STORE_H
#define GF_METER_STORE_H

#include "meter-core/core.h"
#include "meter-core/logs.h"

#define MC_TX_LOG 192 /* bytes: four events and a purchase, or a day and a month beside them */

struct mc_tx {
    struct mc_core next;        /* what the core shall be */
    int slot;                   /* the counted ticket that changes; -1 for none */
    struct mc_use use;          /* ... to this */
    uint8_t log[MC_TX_LOG];     /* entries of the logs that go with it (logs.h) */
    size_t log_n;
    bool bad;                   /* more than fits */
};

/* What makes a transaction an operation with a receipt. */
struct mc_op {
    uint8_t op_id[GF_UUID_LEN];
    gasm_Command command;
    uint64_t base_seq;
    const uint8_t *content_hash;    /* MC_HASH_LEN bytes; NULL when the meter acted by itself */
    uint64_t ticket_serial;         /* 0 when it acted by itself */
    uint64_t flowed_l;              /* under the grant that this ends: not in the totals before */
};

/* An operation found in the journal: its answer as it was given. Lies in m->rec until that is used
 * again. */
struct mc_kept {
    gasm_Command command;
    uint8_t content_hash[MC_HASH_LEN];
    struct gf_span answer;          /* encoded Response */
};

/* Make a new journal with this core. 0 or GF_E_STORE. */
int mc_store_create(const struct mc_nvm *nvm, const struct mc_core *core);

/* Recover: journal, core, counted tickets, operations. 0 or GF_E_STORE. */
int mc_store_recover(struct mc_meter *m);

/* Begin a transaction: a copy of the core, nothing else. */
void mc_store_begin(const struct mc_meter *m, struct mc_tx *tx);

/* Put an event, the end of a gas day or month (with the totals in tx->next), or a purchase into the
 * transaction. The event is dated now. */
void mc_tx_event(const struct mc_meter *m, struct mc_tx *tx, enum mc_event event, int64_t a,
                 int64_t b);
void mc_tx_period(struct mc_tx *tx, enum mc_log log, uint32_t period);
void mc_tx_purchase(struct mc_tx *tx, const gasm_Purchase *purchase);

/* Make room for records of `n` bytes in all without erasing, by turning to the next sector when
 * that is prepared. 0; GF_E_NOT_NOW when only an erase would help; GF_E_STORE. Uses m->rec. */
int mc_store_room(struct mc_meter *m, uint32_t n);

/* Erase the next sector if it needs it. Only when no session and no purge grant is alive, and the
 * valve is not on its way. */
int mc_store_tidy(struct mc_meter *m);

/* Commit without a receipt. 0; GF_E_NOT_NOW, GF_E_STORE: nothing changed. */
int mc_store_change(struct mc_meter *m, struct mc_tx *tx);

/* Commit an operation: next sequence, receipt chained and sealed, answer completed from m->response
 * (its body, place and stage are the caller's; the rest is filled in) and encoded. *ret_answer lies
 * in m->rec until that is used again. 0; GF_E_NOT_NOW, GF_E_STORE, GF_E_CRYPTO: nothing changed. */
int mc_store_operation(struct mc_meter *m, struct mc_tx *tx, const struct mc_op *op,
                       struct gf_span *ret_answer);

/* The index record, small and frequent: index_l and purged_l. 0; GF_E_NOT_NOW, GF_E_STORE. */
int mc_store_index(struct mc_meter *m);

/* Where the log entries of an operation's record begin. 0 or GF_E_STORE. */
int mc_store_entries_at(const struct mc_nvm *nvm, const struct mc_record *record, uint32_t *ret);

/* Log an event that belongs to no other change. */
int mc_store_event(struct mc_meter *m, enum mc_event event, int64_t a, int64_t b);

/* Find a remembered operation by its id. 1 when found, 0 when not, GF_E_STORE. */
int mc_store_find(struct mc_meter *m, const uint8_t op_id[static GF_UUID_LEN], struct mc_kept *ret);

/* The operation whose receipt has this sequence. 1, 0 when it is not kept, GF_E_STORE. */
int mc_store_kept(struct mc_meter *m, uint64_t receipt_seq, struct mc_kept *ret);

/* Copy the SealedReceipt with this sequence: its length; 0 when it is not kept; GF_E_STORE. Uses
 * m->rec. */
int mc_store_sealed(struct mc_meter *m, uint64_t receipt_seq, uint8_t ret[static MC_RECEIPT_MAX]);

/* The SealedReceipt inside an encoded answer; p is NULL when there is none. */
struct gf_span mc_store_receipt(struct gf_span answer);

/* Oldest receipt sequence that is remembered; 1 for a new meter. */
uint64_t mc_store_oldest(const struct mc_core *core);

#endif
