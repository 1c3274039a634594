/* admin_keys.h - how a command line says where a master key is kept. */
#ifndef GF_OFFICE_ADMIN_KEYS_H
#define GF_OFFICE_ADMIN_KEYS_H

#include "backend/admin.h"
#include "backend/keys.h"

/* Rows of options for a new master key: behind --master or --to stands its kind. */
#define ADMIN_KEYS_OPTIONS                                                                         \
    { "module", "FILE", "pkcs11: the token's library, by its whole path", 0, false },              \
        { "token", "LABEL", "pkcs11: the token", 0, false },                                       \
        { "object", "LABEL", "pkcs11: what the new key pair is called; \"gasoffice\"", 0, false }, \
    {                                                                                              \
        "work", "N", "passphrase: scrypt with 2^N blocks, 14 to 22; 17", 0, false                  \
    }

/* What those options say, on top of a->secrets. 0 or GF_E_USAGE. */
int admin_keys_source(const struct admin *a, const struct admin_args *args, const char *kind,
                      struct keys_source *ret, struct gf_fail *why);

#endif
