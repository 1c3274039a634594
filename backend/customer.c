/* customer.c - registering, logging in, sessions; see customer.h. */
#include "backend/customer.h"

#include <string.h>

/* A token as it is stored. Its 256 random bits need no salt and no slow hash. */
static int token_hash(struct office *o, const char *token, uint8_t ret[static 32])
{
    const struct mc_crypto *c = o->ports.crypto;
    const struct gf_span parts[] = { { (const uint8_t *)"gasm session", 12 },
                                     { (const uint8_t *)token, strlen(token) } };

    return c->sha256(c->ctx, parts, 2, ret) == 0 ? 0 : ho_fail(o, GF_E_CRYPTO, "session", "");
}

int customer_session(struct office *o, const char *token, char ret_customer_no[static 32])
{
    uint8_t hash[32];
    int r = strlen(token) == CUSTOMER_TOKEN_TEXT - 1 ? token_hash(o, token, hash) : 1;

    if (r != 0)
        return r < 0 ? r : 0;

    struct odb_query *q = odb_query(o->db,
                                    "SELECT customer_no FROM customer_session WHERE org_id = ?1 "
                                    "AND token_hash = ?2 AND expires_at_ms > ?3",
                                    ODB(ODB_B(hash, 32), ODB_I(ho_now_ms(o))));
    r = odb_next(o->db, q);
    if (r == 1)
        odb_text(q, 0, ret_customer_no, 32);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : r;
}
