#ifndef GF_TESTS_AID_OFFICE_SITE_H
#define GF_TESTS_AID_OFFICE_SITE_H
/*
 * A head office, its technicians' laptop, and real meters whose keys only head office makes: the
 * laptop has what /v1/sync brought, and shows it to the meters. Receipts stay in the meters until a
 * test sends them. Failures of the aid are cmocka's.
 */
#include "backend/credit.h"
#include "backend/office_order.h"
#include "backend/swap_case.h"
#include "tests/aid/meter_world.h"
#include "tests/aid/office_aid.h"

#define SITE_OLD AID_METER_ID   /* ids of meters of meter_world */
#define SITE_NEW AID_OTHER_ID
#define SITE_THIRD "GM2400000447"
#define SITE_FOURTH "GM2400000544"
#define SITE_WALLET 256
#define SITE_RECEIPTS 512

struct site_meter {
    struct aid_world *w;
    uint8_t receipts[SITE_RECEIPTS][AID_RECEIPT_MAX]; /* as the meter made them, [0] is number 1 */
    size_t sizes[SITE_RECEIPTS], n;
    uint8_t certificate[MC_CERTIFICATE_MAX];
    size_t certificate_n;
};

struct site {
    struct oaid_office a;
    struct oaid_laptop l;
    uint32_t ops;
    /* what the laptop keeps of all that it was sent: the newest of each */
    sync_TicketGrant tickets[SITE_WALLET];
    sync_KeyIssue keys[SITE_WALLET];
    sync_SwapIssue swaps[SITE_WALLET];
    sync_TokenIssue tokens[SITE_WALLET];
    sync_Job jobs[SITE_WALLET];
    size_t n_tickets, n_keys, n_swaps, n_tokens, n_jobs;
};

/* A new office whose time is the meters', with technicians S001 and S002, supervisors V001 and
 * V002, a tariff of one cent a litre, the customers and supply points of office_aid.h, and a
 * laptop of S001. */
void site_new(struct site *s);
void site_end(struct site *s);

/* A meter from the manufacturer: one litre a pulse, registered, in nobody's hands yet. */
void site_meter_new(struct site *s, struct site_meter *m, const char *id);
void site_meter_end(struct site_meter *m);

/* An order for S001 (nothing else said); its number. A failure of it is the test's. */
struct ho_new_order site_order_of(const char *kind, const char *meter_id, const char *point);
void site_order(struct site *s, const struct ho_new_order *n, char ret[static 32]);

/* Fetch what changed into what the laptop keeps. */
void site_fetch(struct site *s);
const sync_Job *site_job(const struct site *s, const char *number);
/* The newest ticket for this meter and epoch; NULL: none. Decoded. */
const sync_TicketGrant *site_ticket(const struct site *s, const char *meter_id, uint32_t epoch);
gasm_Ticket site_ticket_of(const sync_TicketGrant *g);

/* A request of a new operation; ask in a session under a ticket: the result. */
gasm_Request site_request(struct site *s, const struct site_meter *m, gasm_Command command);
gasm_Refusal site_ask(struct site *s, struct site_meter *m, const sync_TicketGrant *ticket,
                      const gasm_Request *r);
/* Under the laptop's ticket of the epoch that is active in the meter; has to be answered OK. */
void site_do(struct site *s, struct site_meter *m, const gasm_Request *r);

/* The steps of an opening, from key to commissioning, or to the self-test before it. */
void site_key_and_account(struct site *s, struct site_meter *m, const char *number);
void site_commission(struct site *s, struct site_meter *m);
/* Order, fetch, open, commission, send: meter and account are in service. */
uint64_t site_open(struct site *s, struct site_meter *m, const char *point);

/* Close for the swap of the laptop's SwapIssue (or without one); keeps the certificate. Import it.
 * */
void site_close(struct site *s, struct site_meter *m, bool swap);
gasm_Refusal site_import(struct site *s, struct site_meter *m, const struct site_meter *from);
/* Give the newest token of this account that the laptop has. */
gasm_Refusal site_recharge(struct site *s, struct site_meter *m, uint64_t account_no);

/* The ticket of the account's customer. */
sync_TicketGrant site_customer_ticket(struct site *s, const struct site_meter *m,
                                      uint64_t account_no);

/* Sell so many litres; the token is pending. Its customer gives the newest token to the meter. */
void site_sell(struct site *s, uint64_t account_no, int64_t litres);
void site_issue(struct site *s, uint64_t account_no, const char *kind, int64_t litres);
gasm_Refusal site_give(struct site *s, struct site_meter *m, uint64_t account_no);

/* Read all receipts from the meter; send those numbered from..to for an order: each has to be
 * APPLIED or DUPLICATE. Send the certificate to head office. */
void site_read(struct site *s, struct site_meter *m);
void site_send(struct site *s, struct site_meter *m, const char *number, size_t from, size_t to);
void site_send_all(struct site *s, struct site_meter *m, const char *number);
int site_certificate(struct site *s, const uint8_t *p, size_t n);

/* A new site with the old meter in service at SP-0001 with so many litres of credit (below zero:
 * debt) that a token brought; a swap order fetched, the new meter with key, account and passed
 * self-test. The old account. And its end: the books hold, whatever happened. */
uint64_t site_swap_begin(struct site *s, struct site_meter *old, struct site_meter *new,
                         int64_t litres, int64_t cap_l, char ret_number[static 32]);
void site_swap_end(struct site *s, struct site_meter *old, struct site_meter *new);
/* The old meter is dead, with so many litres by two people's estimate; the new one is put into
 * service, and the order is done. Before that the old one's receipts are sent, unless it is NULL. */
void site_swap_dead(struct site *s, struct site_meter *old, struct site_meter *new, int64_t litres,
                    const char *number);
/* The order is done. The bench closes a meter's account, and its certificate is home. */
void site_done(struct site *s, const struct site_meter *m, const char *number);
void site_bench(struct site *s, struct site_meter *m, char ret_number[static 32]);

/* Functions of swap_case.h in a transaction of their own. */
int site_settle(struct site *s, const uint8_t *case_id, bool online);
int site_estimate(struct site *s, const uint8_t *case_id, int64_t litres, const char *by,
                  const char *confirmed_by);
int site_cancel(struct site *s, uint8_t *case_id);
int site_move(struct site *s, const uint8_t *id, uint64_t from, uint64_t to);
struct swap_case site_case(struct site *s, const char *number);

/* Run a function in a transaction of the office's: what it says. Insist on 0. A recharge's
 * request. */
int site_transact(struct site *s, int (*body)(struct site *s, void *ctx), void *ctx);
void site_must(struct site *s, int r);
gasm_Request site_recharge_of(const struct site_meter *m, const uint8_t *token, size_t n);

/* The audit finds nothing broken. */
void site_audit(struct site *s);

/* Of the books, and of the meter itself. */
int64_t site_balance(struct site *s, enum ledger_code code, const char *owner);
int64_t site_account(struct site *s, enum ledger_code code, uint64_t account_no);
int64_t site_transit(struct site *s, const struct swap_case *c);
int64_t site_residual(const struct site_meter *m);

#endif
