#ifndef GF_TESTS_AID_BOOKS_AID_H
#define GF_TESTS_AID_BOOKS_AID_H
/*
 * Books with a story: sales, refunds, corrections and a swap, made by head office's own functions,
 * and meters whose receipts they sealed themselves. Failures of the aid end the test through
 * cmocka's assertions.
 */
#include "backend/swap_case.h"
#include "tests/aid/office_aid.h"

#define BOOKS_METERS 3
#define BOOKS_FIRST 1001 /* account of meter 0, then 1002, 1003 */

struct books {
    struct oaid_office office;
    struct oaid_meter meters[BOOKS_METERS]; /* AID_METER_1 .. 3, keys of epoch 1 */
    uint32_t ids;                           /* handed out */
    uint8_t swap_case[16];
    uint8_t swap_key[32]; /* of that case: the old meter was given it */
};

/* An office with a tariff (0.850 cents a litre, from 100 litres a month on 1.200) and a key of
 * epoch 1 for each meter. */
void books_new(struct books *b);
void books_end(struct books *b);

/* Account 1001 + i of customer C-1001 + i (the third: of C-1001) is opened on meter i, up to its
 * commissioning: receipts. */
void books_open(struct books *b, int i);

/* A payment at the counter for account 1001 + i: the sequence of its token. */
uint64_t books_pay(struct books *b, int i, int64_t amount_minor);
/* A token of another kind, "forgive" or "debit": its sequence. */
uint64_t books_correct(struct books *b, int i, const char *kind, int64_t litres);
/* Ask token `sequence` back: the sequence of the token that takes it back. */
uint64_t books_refund(struct books *b, int i, uint64_t sequence);

/* The meter takes a token; gas flows; its account is closed for the swap (NULL: no certificate is
 * wanted), in which the certificate is brought too; it imports litres by certificate. Each a
 * receipt that is brought. */
void books_take(struct books *b, int i, uint64_t sequence);
void books_use(struct books *b, int i, uint64_t litres);
void books_close(struct books *b, int i, const uint8_t *swap_case);
void books_import(struct books *b, int i, uint64_t litres);

/* A case that swaps meter i for meter k, whose accounts are 1001 + i and 1001 + k. */
void books_swap(struct books *b, int i, int k);
void books_settle(struct books *b);

/* A receipt of meter i as m->next stands: sealed and brought. What is said of it. */
sync_VerdictKind books_bring(struct books *b, int i, gasm_Command command);

/* All of it: two sales taken on the first account, one refused and one given back, gas used, debt
 * forgiven; one token waiting on the second; the first meter swapped for the third, a token on its
 * way, part of the credit imported by certificate, the rest by token. */
void books_story(struct books *b);

#endif
