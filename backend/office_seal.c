/* office_seal.c - keys.h with this office's failure; see office_in.h. */
#include "backend/office_in.h"

int ho_seal(struct office *o, const char *label, const uint8_t key[static HO_KEY_LEN],
            uint8_t ret[static HO_SEALED_LEN])
{
    return keys_seal(o->keys, label, key, ret, &o->fail);
}

int ho_unseal(struct office *o, const char *label, struct gf_span sealed,
              uint8_t ret[static HO_KEY_LEN])
{
    return keys_unseal(o->keys, label, sealed, ret, &o->fail);
}

int ho_derive(struct office *o, const char *label, uint8_t ret[static HO_KEY_LEN])
{
    return keys_derive(o->keys, label, ret, &o->fail);
}
