/* customer.h - how customers are known: registered, logged in, by a session's token. */
#ifndef GF_CUSTOMER_H
#define GF_CUSTOMER_H

#include "backend/office_in.h"

#define CUSTOMER_TOKEN_TEXT 65 /* 32 random bytes in hex, with the NUL */

/* Whose session this token is: 1 with the customer's number, 0 when there is none or it is over, or
 * a failure. Only the token's hash is stored. */
int customer_session(struct office *o, const char *token, char ret_customer_no[static 32]);

#endif
