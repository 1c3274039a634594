/* meter_days.c - meter_days NVM DAYS: so many gas days pass for the meter in this NVM file, from this machine's time on,
 * in no time; see aid/days.h. It has to be in service, and no gasmeter run on it. */
#include <stdio.h>
#include <stdlib.h>

#include "common/host/real.h"
#include "common/text.h"
#include "tests/aid/days.h"

#define DAYS_MAX 100000

int main(int argc, char **argv)
{
    const struct gf_clock *clock = gf_real_clock();
    struct aid_world *w;
    int64_t days;
    int code;

    if (argc != 3 || gf_parse_int(argv[2], 1, DAYS_MAX, &days) != 0) {
        (void)fputs("usage: meter_days NVM DAYS\n", stderr);
        return 2;
    }
    w = aid_days_load(argv[1], clock->utc_ms(clock->ctx));
    if (w == NULL) {
        (void)fprintf(stderr, "meter_days: no meter in %s\n", argv[1]);
        return EXIT_FAILURE;
    }
    aid_days_pass(w, (uint32_t)days);
    code = aid_days_save(w, argv[1]);
    aid_world_free(w);
    return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
