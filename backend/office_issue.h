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

#define HO_TICKET_USES 40
#define HO_TICKET_LEFT_S (6 * 3600) /* a ticket with less time left is replaced */
#define HO_PURGE_GRANTS 5           /* a ticket's purge volume is that of so many grants */

/* The label under which a meter's key of this epoch is sealed. */
void ho_key_label(const char *meter_id, uint32_t epoch, char ret[static 48]);

/* K[epoch] of a meter, to be wiped. 1, 0 when there is no such meter or epoch, or a failure. */
int ho_root_key(struct office *o, const char *meter_id, uint32_t epoch,
                uint8_t ret[static HO_KEY_LEN]);

/* See that an open order has all that the work needs: what was registered when it began, the
 * account key, tickets that are good for some hours. Makes only what is missing or used up. In the
 * caller's transaction. 0 or a failure. */
int ho_issue(struct office *o, struct ho_order *order, const struct ho_meter *meter);

/* The present ticket of an order for an epoch, as it goes to the laptop; its key is a secret. 1, 0
 * or a failure. */
int ho_ticket_grant(struct office *o, const struct ho_order *order, uint32_t epoch,
                    sync_TicketGrant *ret);

/* The key issue of an order. 1, 0 or a failure. */
int ho_key_issue(struct office *o, const struct ho_order *order, sync_KeyIssue *ret);

/* No ticket of this person's open orders is issued again: the next ones void them in the meters. 0
 * or a failure. */
int ho_void_tickets(struct office *o, const char *staff_no);

/* "2026-11-22" to UTC seconds of its begin; 0 or GF_E_FORMAT. And the other way. */
int ho_date_parse(const char *text, int64_t *ret_s);
void ho_date_text(int64_t utc_s, char ret[static 11]);

#endif
