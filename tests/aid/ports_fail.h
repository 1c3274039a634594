#ifndef GF_TESTS_AID_PORTS_FAIL_H
#define GF_TESTS_AID_PORTS_FAIL_H
/*
 * Ports in front of those of a meter_world, of which one call fails: the flash says GF_E_STORE (and
 * nothing was programmed or erased), the library GF_E_CRYPTO, the random source GF_E_RANDOM.
 */
#include "tests/aid/meter_world.h"

enum aid_port {
    AID_PORT_READ,
    AID_PORT_PROGRAM,
    AID_PORT_ERASE,
    AID_PORT_CRYPTO,
    AID_PORT_RANDOM,
    AID_PORTS
};

struct aid_ports_fail {
    enum aid_port port;             /* which one */
    int64_t in;                     /* its calls until one fails; below 0: none does */
    bool for_good;                  /* ... and all after that one */
    bool failed;                    /* one has */
    struct mc_ports real;
    struct mc_crypto crypto;
    struct gf_random random;
};

/* Put them between the meter (and the client's library) and the world. */
void aid_ports_fail(struct aid_ports_fail *f, struct aid_world *w);

/* The same for an NVM alone: the port in front of it. */
struct mc_nvm aid_ports_fail_nvm(struct aid_ports_fail *f, const struct mc_nvm *nvm);

#endif
