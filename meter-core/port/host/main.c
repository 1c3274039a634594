/* main.c - gasmeter: a Bluetooth prepaid gas meter on this machine. */
#include <stdio.h>

#include "common/host/real.h"
#include "common/version.h"
#include "meter-core/port/host/bridge.h"
#include "meter-core/port/host/manufacture.h"
#include "meter-core/port/host/many.h"
#include "meter-core/port/host/options.h"
#include "meter-core/port/host/run.h"
#include "meter-core/port/host/signals.h"
#include "meter-core/port/openssl/crypto.h"

int main(int argc, char *argv[])
{
    const struct mc_crypto *crypto = mc_crypto_openssl();
    struct gf_fail why = {0};
    struct gm_options o;
    int r;

    gf_std_files();
    r = gm_options_read(argc, argv, &o, &why);
    if (r != 0)
        return gf_report("gasmeter", &why);
    if (o.command == GM_HELP) {
        gm_options_help();
        return 0;
    }
    if (o.command == GM_VERSION)
        return printf("gasmeter %s\n", GF_VERSION) > 0 ? 0 : 1;
    gf_real_clock_rate((unsigned)o.clock_rate);
    if (o.command == GM_RUN) {
        gm_signals_block();
        r = gm_run(&o, gf_real_clock(), gf_real_random(), crypto, &why);
    } else if (o.command == GM_BRIDGE) {
        gm_signals_block();
        r = gm_bridge(&o, gf_real_clock(), gf_real_random(), &why);
    } else if (o.command == GM_MANY) {
        gm_signals_block();
        r = gm_many(&o, gf_real_clock(), gf_real_random(), crypto, &why);
    } else {
        r = gm_manufacture(&o, gf_real_clock(), gf_real_random(), crypto, &why);
    }
    return r == 0 ? 0 : gf_report("gasmeter", &why);
}
