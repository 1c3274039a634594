/* days.c - a meter whose history is long; see days.h. */
#include "tests/aid/days.h"

#include "common/host/real.h"
#include "meter-core/port/host/nvm_file.h"

#define DAY_MS 86400000LL
#define NVM_BYTES ((size_t)NVM_FILE_SECTOR * NVM_FILE_SECTORS)

struct aid_world *aid_days_new(void)
{
    return aid_world_new_flash(1, 1, NVM_FILE_SECTOR, NVM_FILE_SECTORS, NVM_FILE_UNIT);
}

struct aid_world *aid_days_load(const char *path, int64_t utc_ms)
{
    struct aid_world *w = aid_days_new();
    int n = gf_file_read(path, w->flash.bytes, NVM_BYTES, NULL);

    w->utc_ms = utc_ms;
    if (n == (int)NVM_BYTES && aid_world_restart(w) == 0)
        return w;
    aid_world_free(w);
    return NULL;
}

int aid_days_save(const struct aid_world *w, const char *path)
{
    return gf_file_write(path, w->flash.bytes, NVM_BYTES, 0600, NULL);
}

void aid_days_pass(struct aid_world *w, uint32_t days)
{
    for (uint32_t i = 0; i < days; i++) {
        mc_meter_pulse(w->meter, 1 + i % 13);
        w->utc_ms += DAY_MS;
        w->mono_ms += DAY_MS;
        (void)mc_meter_tick(w->meter);
    }
}
