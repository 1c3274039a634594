/* customer_in.h - what the customers' files share; not for anybody else. */
#ifndef GF_CUSTOMER_IN_H
#define GF_CUSTOMER_IN_H

#include "backend/customer.h"

/* A password as it is stored. */
struct customer_secret {
    uint8_t salt[16], hash[32];
    char parameters[32];
};

/* May this be a password? 0, or GF_E_FORMAT (where: "password"). */
int customer_check_password(struct office *o, const char *login, const char *password);

/* scrypt under a fresh salt: some 70 ms. 0 or a failure. */
int customer_hash_password(struct office *o, const char *password, struct customer_secret *ret);

/* Is it the password of this login? 1; 0 when it is wrong, or while the login waits (*ret_wait_s >
 * 0); or a failure. Counts wrong ones, as logging in does. */
int customer_has_password(struct office *o, const char *login, const char *password,
                          const char *address, int *ret_wait_s);

#endif
