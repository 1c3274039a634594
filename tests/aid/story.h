#ifndef GF_TESTS_AID_STORY_H
#define GF_TESTS_AID_STORY_H
/*
 * Head office, a laptop, customers, a payment provider and real meters, and everything that happens
 * to them, drawn from one seed. After each operation the books are compared with sums that this
 * file's own bookkeeping and the meters' true registers give; nothing of the product's audit is
 * used for that. Whatever does not hold ends the test through cmocka's assertions.
 */
#include <jansson.h>

#include "tests/aid/api_aid.h"
#include "tests/aid/office_site.h"

#define STORY_PLACES 3
#define STORY_METERS 8
#define STORY_SALES 256
#define STORY_PAYMENTS 256
#define STORY_ID 37 /* a UUID in text */

/* Where a meter is: in stock, with key and account before its service, in service, its account
 * closed, dead on the wall, dead on the bench. */
enum story_life { STORY_STOCK, STORY_NEW, STORY_SERVICE, STORY_CLOSED, STORY_DEAD, STORY_BENCH };

struct story_meter {
    struct site_meter m;
    enum story_life life;
    int place;
    uint64_t account_no;
    char number[32];           /* the order that its receipts come under */
    bool home[SITE_RECEIPTS];  /* its receipts that head office has */
    bool certificate_home;
    /* what its account was given, by head office's answers */
    int64_t forgiven_l, debited_l;
    int64_t written_off_l; /* of what it left; below zero: a debt */
    uint64_t correction_seq; /* of the newest token that forgives or debits */
    uint64_t closed_purchased_l; /* bought ever, when it was closed */
    bool removed;                /* closed, and no other meter came */
    bool commissioned;
    bool withdrawn; /* its key was, and nobody at the meter knew */
    uint32_t withdrawn_epoch; /* the last of its keys that was; 0: none */
};

struct story_sale {
    uint64_t account_no, sequence;
    int64_t litres, price_minor, refund_minor;
    uint64_t ceiling_l;
    uint64_t refund_seq; /* of the token that takes it back; 0: none */
    bool given_back;     /* its litres are on no meter and never will be */
    char refund[STORY_ID];
};

struct story_payment {
    char id[STORY_ID];
    uint64_t account_no;
    int64_t amount_minor;
    bool by_webhook, confirmed, failed, counted;
    int times;
};

struct story_place {
    const char *point, *customer;
    int meter;     /* in service here; -1: none */
    int next;      /* of a swap that is under way; -1: none */
    int phase;     /* of the swap: 0 none, 1 the new one has its account, 2 the old one is closed, 3
                    * the new one is in service */
    bool imported; /* of the swap: the new meter took the certificate */
    bool cancelled; /* head office called the swap off, and it is done all the same */
    char case_number[32];
};

struct story {
    uint64_t seed;
    unsigned steps, at;
    struct aid_random random;
    struct gf_random office_random;
    struct aid_random office_state;
    struct site s;
    struct oaid_laptop supervisors; /* the other laptop */
    char clerk[GF_UUID_TEXT], chief[GF_UUID_TEXT], chief2[GF_UUID_TEXT], officer[GF_UUID_TEXT],
        auditor[GF_UUID_TEXT];
    char sessions[2][65]; /* of C-1001 and C-1002; "" before the first account */
    int64_t session_ms[2];
    int64_t past_l[2]; /* given to them, less used, on meters that were made new */
    struct story_place places[STORY_PLACES];
    struct story_meter meters[STORY_METERS];
    struct story_sale sales[STORY_SALES];
    struct story_payment payments[STORY_PAYMENTS];
    size_t n_meters, n_sales, n_payments;
    uint32_t tariffs, refs, restores;
    int64_t cash_minor, paid_back_minor;
    bool trace;
};

/* Begin from a seed; play one operation and check; end: faults stop, everything arrives, and all of
 * it is checked. */
void story_begin(struct story *y, uint64_t seed, unsigned steps);
void story_step(struct story *y);
void story_finish(struct story *y);
void story_end(struct story *y);

/* ---- shared by the parts ---- */

uint64_t story_pick(struct story *y, uint64_t n); /* 0 .. n-1; 0 for n 0 */
bool story_one_in(struct story *y, uint64_t n);
void story_tell(struct story *y, const char *what, ...) __attribute__((format(printf, 2, 3)));
void story_id(struct story *y, char ret[static STORY_ID]);
/* A call; the status to *status (NULL: has to be 200). The caller releases the answer. */
json_t *story_call(struct story *y, const char *method, const char *path, const char *who,
                   json_t *json, int *status);
int64_t story_number(struct story *y, const char *sql, const struct odb_value *values, size_t n);
/* Everybody's clock is that of the latest, and `ms` more. */
void story_pass(struct story *y, int64_t ms);
struct story_meter *story_at(struct story *y, int place); /* in service there; NULL: none */
const char *story_session(struct story *y, int place);    /* of its customer; NULL: none yet */
struct story_place *story_some_place(struct story *y);

/* money */
void story_pay(struct story *y);
/* The same while head office falls: what was answered is done, and again is once. */
void story_pay_falling(struct story *y);
void story_webhook(struct story *y);
void story_refund(struct story *y);
void story_correct(struct story *y);
void story_tariff(struct story *y);
void story_broken_sale(struct story *y);
void story_end_money(struct story *y);

/* at meters */
void story_open(struct story *y);
void story_swap(struct story *y);
void story_remove(struct story *y);
void story_clear(struct story *y);
void story_maintain(struct story *y);
void story_bench(struct story *y);
void story_give(struct story *y);
void story_use_gas(struct story *y);
void story_deliver(struct story *y);
void story_end_field(struct story *y);
/* An order by a supervisor over the interface, assigned; twice is once. It is done. */
void story_order(struct story *y, struct story_meter *m, const char *kind, const char *staff_no,
                 const char *point);
void story_done(struct story *y, struct story_meter *m);
/* Hand a token of this account to its meter, sealed or typed. */
void story_hand(struct story *y, struct story_meter *m, uint64_t sequence, bool typed);
/* The newest of its account (0: none); what the laptop has with it for this meter. */
uint64_t story_last_token(struct story *y, const struct story_meter *m);
void story_carry(struct story *y, struct story_meter *m);
void story_read(struct story *y, struct story_meter *m);
void story_send(struct story *y, struct story_meter *m, size_t receipt);
void story_send_all(struct story *y, struct story_meter *m);
void story_closed(struct story *y, struct story_meter *m, bool removed);
/* Steps of a swap at its meters: the laptop fetches what the new one needs; the old account is
 * closed; the new meter is commissioned, and may take the certificate. */
void story_prepare_new(struct story *y, struct story_place *p);
void story_close_old(struct story *y, struct story_meter *m, bool swap);
void story_commission_new(struct story *y, struct story_place *p);

/* A closed meter is made new, and goes back to the stock with the key that it has. */
void story_put_back(struct story *y);
/* What the account of a removed meter left: one person wants it written off, another decides. */
void story_write_off(struct story *y, struct story_meter *m);
/* In the end its credit goes to the customer's other account, the rest is written off. */
void story_end_removed(struct story *y);

/* what turns out otherwise */
/* A swap is done, perhaps after it was called off: this meter has the place. */
void story_expect_swapped(struct story *y, const struct story_place *p,
                          const struct story_meter *m);
/* Head office calls a swap off, as far as it may: nobody does it, or it is done all the same. */
void story_cancel(struct story *y, struct story_place *p);
/* A key officer may withdraw the key of a meter's opening before it is installed. The laptop hears
 * of it and installs the next one, or does not. */
void story_withdraw(struct story *y, struct story_meter *m);
/* What a meter says of its key is home: its work goes on under that one, withdrawn or not. */
void story_expect_key(struct story *y, const struct story_meter *m);

/* what is lost */
void story_restart(struct story *y);
void story_rotate(struct story *y);
void story_revoke(struct story *y);
void story_fall(struct story *y);
void story_restore(struct story *y);
/* From some write on the database's disk does nothing; the process is dead, and another begins. */
void story_fall_soon(struct story *y);
void story_get_up(struct story *y);

/* what must be true */
void story_check(struct story *y);
void story_check_end(struct story *y);
/* A meter is about to be made new: what its account was given and used is kept for the end. */
void story_fold(struct story *y, const struct story_meter *m);

#endif
