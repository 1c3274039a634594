/* api_money_in.h - handlers and messages of the routes of money, which stand in files of their own;
 * not for anybody else. */
#ifndef GF_API_MONEY_IN_H
#define GF_API_MONEY_IN_H

#include "backend/api.h"
#include "backend/credit.h"

/* api_tokens.c */
extern const struct api_message api_token_message, api_carried_message, api_correction_message;
void api_list_tokens(struct api_call *c);
void api_get_token(struct api_call *c);
void api_correct(struct api_call *c);

/* api_tariffs.c */
extern const struct api_message api_tariff_message, api_new_tariff_message;
void api_list_tariffs(struct api_call *c);
void api_add_tariff(struct api_call *c);

/* api_refunds.c */
extern const struct api_message api_refund_message, api_refund_want_message;
void api_list_refunds(struct api_call *c);
void api_want_refund(struct api_call *c);
void api_approve_refund(struct api_call *c);
void api_reject_refund(struct api_call *c);

/* api_payouts.c */
extern const struct api_message api_payout_message, api_payout_want_message;
void api_list_payouts(struct api_call *c);
void api_want_payout(struct api_call *c);
void api_confirm_payout(struct api_call *c);
void api_reject_payout(struct api_call *c);

/* api_webhook.c */
extern const struct api_message api_webhook_message, api_webhook_answer_message;
void api_take_webhook(struct api_call *c);

/* A UUID of the path; false: there can be nothing of this id, and the 404 is made. */
bool api_uuid_word(struct api_call *c, const char *sentence, uint8_t ret[static GF_UUID_LEN]);
/* A UUID of the body, which is one: the table says so. */
void api_uuid(const struct api_call *c, const char *name, uint8_t ret[static GF_UUID_LEN]);
/* `after` as a UUID, zeroes on the first page. False: it is none, and the answer is made. */
bool api_after_uuid(struct api_call *c, uint8_t ret[static GF_UUID_LEN]);

#endif
