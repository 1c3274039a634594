/* customer.h - how customers are known: registered, logged in, by a session's token; and which
 * meters their program may talk to.
 *
 * A password is kept as scrypt (RFC 7914) of it, N 2^15, r 8, p 1, with 16 random bytes of salt; a
 * session's token is 32 random bytes, of which the hash is kept. Functions run in transactions of
 * their own and leave failures in o->fail.
 */
#ifndef GF_CUSTOMER_H
#define GF_CUSTOMER_H

#include "backend/office_in.h"

#define CUSTOMER_TOKEN_TEXT 65 /* 32 random bytes in hex, with the NUL */
#define CUSTOMER_PASSWORD_MIN 10
#define CUSTOMER_PASSWORD_MAX 128
#define CUSTOMER_LOGIN_MAX 64
#define CUSTOMER_SESSION_DAYS 30

struct customer_new {
    const char *customer_no, *name, *phone, *meter_id;
    uint64_t account_no;
    const char *login, *password;
    const char *address; /* where it comes from: "192.0.2.7", "2001:db8::1" */
};
/* Register a customer's login and bind the meter, when everything is as registered and the account
 * is open. 0: also when the same was done before; GF_E_MISMATCH with the field that differs (what
 * is registered is not told); GF_E_NOT_NOW: the login is taken, the customer has one, the account
 * is not open; GF_E_FORMAT: the password. Of phones the digits are compared. A customer who has this
 * login already has to know its password: wrong ones count and wait as in customer_login(). */
int customer_register(struct office *o, const struct customer_new *n, int *ret_wait_s);

/* A new session. 1 with its token and end; 0 when login or password is wrong (which takes as long,
 * whether there is such a login or not), or while the login waits: *ret_wait_s > 0 then. It waits at
 * the address that gave wrong passwords, and where it is strange when strangers gave many: see
 * customer_wait.h. */
struct customer_login {
    char token[CUSTOMER_TOKEN_TEXT], customer_no[32];
    int64_t expires_at_ms;
};
int customer_login(struct office *o, const char *login, const char *password, const char *address,
                   struct customer_login *ret, int *ret_wait_s);

/* Whose session this token is: 1 with the customer's number, 0 when there is none or it is over, or
 * a failure. */
int customer_session(struct office *o, const char *token, char ret_customer_no[static 32]);

/* End a session; all of its customer's when `everywhere`. 0 or a failure. */
int customer_logout(struct office *o, const char *token, bool everywhere);

/* Another password; every other session of the customer ends, and every other address is strange. 1;
 * 0 when the old one is wrong, or while the login waits; GF_E_FORMAT (the new one). */
int customer_password(struct office *o, const char *token, const char *old_password,
                      const char *new_password, const char *address, int *ret_wait_s);

/* Let the customer's program talk to a meter: 1, also when it may already; 0 when the account is
 * not this customer's or not this meter's; GF_E_NOT_NOW when it is not open. */
int customer_bind(struct office *o, const char *customer_no, const char *meter_id,
                  uint64_t account_no);

/* True when the customer's program may talk to the meter: it is bound, and the account is open. 1,
 * 0 or a failure. */
int customer_is_bound(struct office *o, const char *customer_no, const char *meter_id,
                      uint64_t *ret_account_no);

#endif
