/* options.h - the command line of gasmeter. */
#ifndef GF_METER_OPTIONS_H
#define GF_METER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/* GM_MANY is run with --count, GM_BRIDGE is --uart in the place of a command. */
enum gm_command {
    GM_NONE = 0,
    GM_MANUFACTURE = 1,
    GM_RUN = 2,
    GM_MANY = 4,
    GM_HELP = 8,
    GM_BRIDGE = 16,
    GM_VERSION = 32
};

/* Texts are NULL when not given, and borrowed from argv. */
struct gm_options {
    enum gm_command command;
    const char *nvm;
    const char *id, *transport_key, *shipment, *address, *verified;     /* manufacture */
    int64_t type, pulse_l;
    const char *adapter, *bus;                                          /* run */
    const char *control;
    const char *uart;                                                   /* --uart */
    int64_t flow_l_per_h, clock_rate, readvertise_ms;
    bool verbose, panel;
    int64_t count, seconds;                                             /* run --count */
};

/* Read and check the command line: 0, or GF_E_USAGE, GF_E_FORMAT, GF_E_RANGE, GF_E_METER_ID with
 * the option in why->where. GM_HELP when help was asked for: gm_options_help(); GM_VERSION
 * when the version was. */
int gm_options_read(int argc, char *argv[], struct gm_options *ret, struct gf_fail *why);

/* Print how to call it on stdout. */
void gm_options_help(void);

/* Print the commands and their options as a man page's sections; see common/host/man.h. */
void gm_options_man(FILE *out);

#endif
