/* api_account.h - an account with its balances as JSON, for the staff and for its customer; not for
 * anybody else. */
#ifndef GF_API_ACCOUNT_H
#define GF_API_ACCOUNT_H

#include "backend/api.h"

extern const struct api_message api_account_message;

/* A page of accounts: all of them, or those of a customer. */
void api_list_accounts(struct api_call *c, const char *customer_no);

/* One account; 404 when there is none, or when it is not this customer's (NULL: anybody's). */
void api_one_account(struct api_call *c, const char *account_no, const char *customer_no);

/* The account number of a path: 1, or 0 and the 404 is made. */
bool api_account_word(struct api_call *c, const char *word, uint64_t *ret);

/* True when the account is this customer's; else the answer (404) is made. */
bool api_is_own_account(struct api_call *c, uint64_t account_no);

#endif
