/* office_receipt.h - receipts of meters: verified, chained, stored once, and what follows from them.
 *
 * A receipt that verifies is a fact about its meter whoever brings it, so it is taken from any
 * laptop, from customers and from the administration alike. It is refused only when it contradicts
 * what is registered, or a receipt that is home.
 */
#ifndef GF_OFFICE_RECEIPT_H
#define GF_OFFICE_RECEIPT_H

#include "backend/credit.h"
#include "meter-core/proto/meter.pb.h"

/* What is said of something that came. */
struct ho_verdict {
    sync_VerdictKind kind;
    char field[32], reason[200];
};

/* Set a verdict; the reason is a sentence, made visible and cut to fit. */
__attribute__((format(printf, 4, 5))) void ho_judge(struct ho_verdict *v, sync_VerdictKind kind,
                                                    const char *field, const char *reason, ...);

/* What the receipts of a transaction so far told of their meter, so that the next one need not ask
 * the database, and what the books need not be told twice. All zero at the transaction's begin;
 * nothing else may write receipts or the meter's row meanwhile. ho_receipt_settle() before the
 * commit; it holds a key: ho_receipt_forget() ends it. */
struct ho_receipt_memory {
    bool has_meter, has_key, has_tail, has_booked, has_left;
    struct ho_meter meter;
    uint32_t epoch; /* of the key */
    uint8_t key[HO_KEY_LEN];
    uint64_t serial;       /* of a ticket that was issued; 0: none yet */
    uint8_t tail_hash[32]; /* of the receipt meter.last_seq */
    gasm_Receipt booked;   /* the last one that the books were told of */
    gasm_Receipt left;     /* one after it that moved nothing, and that they were not told of */
    struct credit_quiet quiet; /* of the meter's account */
    bool is_behind;            /* the rows of meter and posted totals are older than this memory */
    bool is_quiet; /* nothing that an order says followed from the last one */
};
int ho_receipt_settle(struct office *o, struct ho_receipt_memory *m);
void ho_receipt_forget(struct ho_receipt_memory *m);

struct ho_receipt_context {
    const struct ho_order *order;  /* NULL: it was brought for no order */
    const uint8_t *item_id;        /* the record that it came in, 16 bytes; NULL: in none */
    const char *brought_by;        /* "S001", "customer C-1001" */
    int64_t made_at_ms;            /* when the bringer says that it was made; 0: it does not say */
    struct ho_receipt_memory *memory; /* NULL: this is the only one */
    /* An operation that has a receipt already is no verdict but GF_E_MISMATCH, and at times of a later
     * statement only: then everything is taken again without this. */
    bool is_hasty;
};

/* Take one receipt (gasm.SealedReceipt, as it came) in the caller's transaction. *ret: APPLIED when
 * it was stored now, with all that follows from it: the key that it proves active, the account that
 * it opens or closes, the meter's registered state, the books (credit_follow), the swap case
 * (swap_follow). DUPLICATE when it was home. QUARANTINED (field receipt) when it cannot be decoded
 * or does not verify. CONFLICT when it contradicts: meter_id (not of this order), account_no (not
 * an account of its meter), seq, prev_hash, op_id, ticket_serial; contradictions of the chain are in
 * the audit log then. 0 or a failure in o->fail. */
int ho_receipt_take(struct office *o, struct gf_span sealed, const struct ho_receipt_context *ctx,
                    struct ho_verdict *ret);

/* A receipt that is being taken; not for callers. */
struct ho_arrival {
    struct gf_span bytes;
    uint8_t hash[32];
    gasm_Receipt r;
    struct ho_meter *meter;
    bool is_tail; /* above all that are home */
    bool is_gap;  /* the one before it is not home */
};

/* What follows from a receipt that is stored; changes m->meter as the database. 0 or a failure. */
int ho_receipt_follow(struct office *o, const struct ho_arrival *a,
                      const struct ho_receipt_context *ctx, struct ho_receipt_memory *m);

#endif
