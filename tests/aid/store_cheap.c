/* store_cheap.c - a store whose passphrase is cheap; see store_cheap.h. */
#include "tests/aid/store_cheap.h"

#include <string.h>

#include "common/host/real.h"
#include "db/db.h"

int aid_store_cheap(const char *folder, const char *passphrase, struct gf_fail *why)
{
    const struct db_config cfg = {
        .folder = folder,
        .passphrase = (const uint8_t *)passphrase,
        .passphrase_len = strlen(passphrase),
        .clock = gf_real_clock(),
        .random = gf_real_random(),
        .scrypt_n = 16,
    };
    struct db *db = NULL;
    int r = db_open(&cfg, &db, why);

    if (r == 0)
        (void)db_close(db);
    return r;
}
