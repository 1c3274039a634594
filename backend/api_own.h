/* api_own.h - handlers of what is a customer's own: meters, accounts, payments, tokens, receipts;
 * not for anybody else. Whatever is another customer's is answered as if it were not there. */
#ifndef GF_API_OWN_H
#define GF_API_OWN_H

#include "backend/api.h"

extern const struct api_message own_bind_message, own_meter_message, own_ticket_message,
    own_pay_message, own_payment_message, own_token_message, own_receipt_message,
    own_verdict_message;

void own_bind(struct api_call *c);
void own_meters(struct api_call *c);
void own_ticket(struct api_call *c);
void own_accounts(struct api_call *c);
void own_account(struct api_call *c);
void own_tokens(struct api_call *c);
void own_pay(struct api_call *c);
void own_payment(struct api_call *c);
void own_receipt(struct api_call *c);

#endif
