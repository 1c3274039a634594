/* office_sync.h - one request of a laptop at /v1/sync, item by item; not for anybody else.
 *
 * All effects of a request are one transaction, committed before the answer leaves. An item is
 * judged in this order: known by its id (answered as before), its place in the device's chain, then
 * by its kind. A refused item keeps its place in the chain, so that it holds up no other.
 */
#ifndef GF_OFFICE_SYNC_H
#define GF_OFFICE_SYNC_H

#include "backend/office_receipt.h"

#define HO_ITEMS_MAX 1000    /* of one request */
#define HO_MESSAGE_MAX 16384 /* bytes of one message of the stream */
#define HO_ORDERS_AT_ONCE 50 /* of one answer; `more` says that there are others */

#define HO_ROWS_MAX 40 /* rows of items that one statement stores */

/* A row of table item that is not stored yet. */
struct ho_row {
    uint8_t id[GF_UUID_LEN], order_id[GF_UUID_LEN], run_id[GF_UUID_LEN], hash[32];
    uint64_t seq;
    int kind;
    struct gf_span bytes; /* in the request's body */
    struct ho_verdict verdict;
};

/* The request under way: what it says, and what its items so far came to. What one of them asked
 * the database is not asked again for the next. */
struct ho_sync {
    struct ho_device before; /* as it was when the request came */
    struct ho_device device; /* as the items so far left it; stored at the end */
    struct gf_span body;
    sync_SyncHead head;
    struct buf *out;    /* Down messages */
    struct buf touched; /* ids of orders whose laptops have something to fetch, 16 bytes each */
    struct buf said;    /* of each item: what is said of it */
    struct ho_receipt_memory receipts;
    struct ho_order order; /* the last one looked up */
    bool has_order;
    bool has_strays;       /* this device's strays have to be looked at */
    bool has_gap;          /* an item came before the one that it follows */
    bool is_careful;       /* an id that looked new was not: ask for each */
    size_t n_rows;
    struct ho_row rows[HO_ROWS_MAX];
};

/* An item under judgement. */
struct ho_item {
    struct gf_span bytes; /* as they came */
    uint8_t hash[32];
    sync_Item msg;
    const struct ho_order *order; /* of msg.job_id; NULL: there is none */
};

/* This order's laptops have something to fetch. */
void ho_touch(struct ho_sync *s, const struct ho_order *order);

/* Note what is said of an item; its verdict leaves with all the others. */
void ho_say(struct office *o, struct ho_sync *s, const struct ho_item *item,
            const struct ho_verdict *v);

/* Sign all verdicts at once and add them to the answer. 0 or a failure. */
int ho_sign_verdicts(struct office *o, struct ho_sync *s);

/* Count what was said, once it is for good. */
void ho_count_verdicts(const struct office *o, const struct ho_sync *s);

/* How many items were judged so far. */
uint32_t ho_verdicts(const struct ho_sync *s);

/* Add a Down message to the answer. 0 or a failure. */
int ho_down(struct office *o, struct ho_sync *s, const sync_Down *down);

/* Read a sync body message by message: 1 with the message, 0 at the end, GF_E_FORMAT for a bad
 * length. */
int ho_stream_next(struct gf_reader *r, struct gf_span *ret);

/* Is there a stray of this device? Once, before its items. 0 or a failure. */
int ho_look_for_strays(struct office *o, struct ho_sync *s);

/* Store the rows that wait; before anything reads table item. 0 or a failure: GF_E_MISMATCH, at times
 * of a later statement only, when one of them is home already: then the request has to be taken again
 * from its begin, carefully. */
int ho_store_rows(struct office *o, struct ho_sync *s);

/* Judge one item: verdict, effects, its row. 0 or a failure. */
int ho_take_item(struct office *o, struct ho_sync *s, struct gf_span bytes, struct ho_item *item,
                 struct ho_verdict *ret);

/* What each kind of item does; they judge, and change nothing but for APPLIED. 0 or a failure. */
int ho_take_application(struct office *o, struct ho_sync *s, const struct ho_item *item,
                        struct ho_verdict *ret);
int ho_take_receipt(struct office *o, struct ho_sync *s, const struct ho_item *item,
                    struct ho_verdict *ret);
int ho_take_step(struct office *o, struct ho_sync *s, const struct ho_item *item,
                 struct ho_verdict *ret);
int ho_take_done(struct office *o, struct ho_sync *s, const struct ho_item *item,
                 struct ho_verdict *ret);
int ho_take_closing(struct office *o, struct ho_sync *s, const struct ho_item *item,
                    struct ho_verdict *ret);

/* Make the certificate of an order when all that it says is proved, unless it has one. 1 made, 0
 * not, or a failure. */
int ho_certify(struct office *o, const struct ho_order *order);

/* Add what changed for this device's person since the cursor, and the end. 0 or a failure. */
int ho_add_changes(struct office *o, struct ho_sync *s);

#endif
