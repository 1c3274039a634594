/* main.c - gasoffice: head office's service and its administration; docs/office.md is its manual.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "backend/admin.h"
#include "common/host/real.h"
#include "meter-core/port/openssl/crypto.h"

int main(int argc, char **argv)
{
    const struct office_ports ports = { gf_real_clock(), gf_real_random(), mc_crypto_openssl() };
    struct admin a = {
        .dir = "office",
        .ports = &ports,
        .secrets = { .ask = keys_ask_terminal },
        .in = stdin,
        .out = stdout,
        .err = stderr
    };
    struct gf_fail why = { 0 };

    gf_std_files();
    (void)umask(077);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a full disk, not an end */
    if (keys_protect_process(&why) != 0)
        return gf_report("gasoffice", &why);
    return admin_main(&a, argc, argv);
}
