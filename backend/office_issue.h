/* office_issue.h - account keys and tickets: made once, issued again as they are; not for anybody
 * else.
 *
 * K[0] of a meter is its factory key, K[e] its account key of epoch e. An epoch number never has
 * two keys: the key is made when an order is first fetched, and every later issue is the same
 * envelope.
 */
#ifndef GF_OFFICE_ISSUE_H
#define GF_OFFICE_ISSUE_H

#include "backend/office_in.h"
#include "backend/order_kind.h"
#include "meter-core/keys.h"

#define HO_TICKET_USES 40
#define HO_TICKET_LEFT_S (6 * 3600) /* a ticket with less time left is replaced */
#define HO_PURGE_GRANTS 5           /* a ticket's purge volume is that of so many grants */
#define HO_TICKETS_MAX (2 * ORDER_TICKETS_MAX) /* of one order at a time: two epochs may be live */

/* The label under which a meter's key of this epoch is sealed. */
void ho_key_label(const char *meter_id, uint32_t epoch, char ret[static 48]);

/* K[epoch] of a meter, to be wiped. 1, 0 when there is no such meter or epoch, or a failure. */
int ho_root_key(struct office *o, const char *meter_id, uint32_t epoch,
                uint8_t ret[static HO_KEY_LEN]);

/* The epochs that a meter may be under until a receipt says so: the active one, and one whose key
 * was made and not withdrawn. How many (1 or 2), the active first; or a failure. */
int ho_live_epochs(struct office *o, const struct ho_meter *meter, uint32_t ret[static 2]);

/* See that an open order has all that the work needs: what was registered when it began, the
 * account key, tickets that are good for some hours. Makes only what is missing or used up. In the
 * caller's transaction. 0 or a failure. */
int ho_issue(struct office *o, struct ho_order *order, const struct ho_meter *meter);
/* Its last part. */
int ho_issue_tickets(struct office *o, const struct ho_order *order, const struct order_kind *kind,
                     const struct ho_meter *meter);

/* The present tickets of an order as they go to the laptop, each with its key: a secret. How many,
 * at most HO_TICKETS_MAX; or a failure. */
int ho_ticket_grants(struct office *o, const struct ho_order *order, const struct ho_meter *meter,
                     sync_TicketGrant ret[static HO_TICKETS_MAX]);

/* The key issue of an order whose kind brings a key. 1, 0 or a failure. */
int ho_key_issue(struct office *o, const struct ho_order *order, sync_KeyIssue *ret);

/* No ticket of this person's open orders, or of this order, is issued again: the next ones void
 * them in the meters. 0 or a failure. */
int ho_void_tickets(struct office *o, const char *staff_no);
int ho_void_order_tickets(struct office *o, const uint8_t order_id[static GF_UUID_LEN]);

/* Head office has no ticket of this number: may it have been issued behind the backup that head office
 * was restored from? Its number is one of those that are left out since. 1, 0 or a failure. */
int ho_ticket_lost(struct office *o, const char *meter_id, uint64_t serial);

/* ---- a customer's ---- */

#define HO_CUSTOMER_TICKET_S (30 * 86400)
#define HO_CUSTOMER_TICKET_LEFT_S (7 * 86400) /* with less time left it is replaced */
#define HO_CUSTOMER_TICKET_USES 200

struct ho_customer_ticket {
    uint8_t ticket[MC_TICKET_MAX];
    size_t ticket_n;
    uint8_t key[HO_KEY_LEN]; /* K_ticket: a secret, to be wiped */
    uint32_t epoch;
    uint64_t serial;
    int64_t not_after_s;
};
/* A ticket to query, recharge and arm a meter that is bound to this customer and whose account is
 * open; the one that was issued before while it is good for a week. In the caller's transaction. 1;
 * 0: this meter is not bound to this customer; or a failure. */
int ho_customer_ticket(struct office *o, const char *customer_no, const char *meter_id,
                       struct ho_customer_ticket *ret);

/* None of the tickets that customers have for this meter is issued again. 0 or a failure. */
int ho_void_customer_tickets(struct office *o, const char *meter_id);

/* ---- dates ---- */

/* "2026-11-22" to UTC seconds of its begin; 0 or GF_E_FORMAT. And the other way. */
int ho_date_parse(const char *text, int64_t *ret_s);
void ho_date_text(int64_t utc_s, char ret[static 11]);

#endif
