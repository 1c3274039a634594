/* store_cheap.h - a laptop's store whose passphrase costs nothing to try, for tests that open it often. */
#ifndef GF_AID_STORE_CHEAP_H
#define GF_AID_STORE_CHEAP_H

#include "common/err.h"

/* Make a new store in `folder` (made when it is not there) under `passphrase`, with scrypt at N = 16: a store that
 * exists keeps the cost that it was made with. What db_open() returns. */
int aid_store_cheap(const char *folder, const char *passphrase, struct gf_fail *why);

#endif
