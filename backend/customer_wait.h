/* customer_wait.h - how long who gave wrong passwords waits; not for anybody but the customers'
 * files.
 *
 * Two counts stop guessing, and neither lets a stranger shut a customer out:
 *
 * - Of a login at one group of addresses (address.h): after five wrong passwords in a row it waits,
 *   1 s, 2 s, 4 s, ... 15 minutes. Other addresses do not wait for it.
 * - Of a login at all strange addresses together: 100 wrong passwords at once, from then on one every
 *   six minutes. An address is strange until the login's right password came from it; it is familiar
 *   for 90 days then, and does not wait for what strangers do.
 *
 * Both are forgotten when the password changes, the first also with the right password, and after a
 * day without a wrong one. Of addresses only an HMAC under a key of this office is stored. A name
 * that is no login waits as a login does: what would stand in its rows is kept in memory.
 */
#ifndef GF_CUSTOMER_WAIT_H
#define GF_CUSTOMER_WAIT_H

#include "backend/office_in.h"

/* An attempt: whose, and from where. The texts are borrowed. */
struct customer_try {
    const char *login, *address;
    bool is_login; /* there is such a login */
};

/* The seconds that an attempt waits: 0, it may be made; or a failure. */
int customer_wait_s(struct office *o, const struct customer_try *t);

/* Its password was wrong: counted, in a transaction of its own. 0 or a failure. */
int customer_was_wrong(struct office *o, const struct customer_try *t);

/* In an ho_transaction(): its password was right, or it made the login. 0 or a failure. */
int customer_was_right(struct office *o, const struct customer_try *t);

/* In an ho_transaction(): forget everything, also which addresses are familiar. 0 or a failure. */
int customer_forget_tries(struct office *o, const char *login);

#endif
