/* options.c - the command line of virtual-bluez; see options.h. */
#include "bt/virtual/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bt/virtual/fault.h"
#include "common/host/man.h"
#include "common/text.h"

/* Options in the order of --help. Every one with a value has a letter-less code and a range. */
enum code {
    O_BUS = 256, O_ADAPTERS, O_LIST, O_VERSION, O_CLOCK_RATE, O_MTU, O_ADV_MS, O_CI_MS, O_PHY,
    O_DLE, O_LOSS, O_SUPERVISION_MS, O_SEED, O_FAULT, O_FAULT_SEED, O_FAULTS, O_DOOR,
    O_NOTIFY_WAIT_MS, O_NO_CONNECTED, O_TRACE, O_READY_FD, O_VERBOSE, O_HELP
};

static const struct {
    enum code code;
    const char *name, *value, *help;
    double min, max;
} table[] = {
    {O_BUS, "bus", "ADDRESS", "D-Bus address; else DBUS_SYSTEM_BUS_ADDRESS, else the system bus",
     0, 0},
    {O_ADAPTERS, "adapters", "N",
     "adapters, hci0 (the laptop's) included, 1..64; default 2. hciI has the address\n"
     "                        02:00:00:00:00:00 + I", 1, VB_ADAPTERS_MAX},
    {O_LIST, "list", NULL, "print the adapters and end", 0, 0},
    {O_VERSION, "version", "V",
     "behave as BlueZ V, 5.50..5.99; default 5.66", 5.50, 5.99},
    {O_CLOCK_RATE, "clock-rate", "R",
     "all of BlueZ's times run R times faster, 0.01..1000; default 1", 0.01, 1000},
    {O_MTU, "mtu", "N", "largest ATT_MTU that peripherals offer, 23..517; default 517", 23, 517},
    {O_ADV_MS, "adv-ms", "N",
     "advertising interval where the advertisement names none, 20..10240 ms; default 100", 20,
     10240},
    {O_CI_MS, "ci-ms", "X",
     "connection interval of the link model, 7.5..4000 ms; 0, the default, is no link model", 0,
     4000},
    {O_PHY, "phy", "N", "link model: 1 or 2 Mbit/s; default 1", 1, 2},
    {O_DLE, "dle", "N", "link model: data length, 27..251 bytes; default 251", 27, 251},
    {O_LOSS, "loss", "P", "link model: probability that a packet is lost, 0..1; default 0", 0, 1},
    {O_SUPERVISION_MS, "supervision-ms", "N",
     "link model: the link is lost after N ms without a packet, 100..32000; default 420", 100,
     32000},
    {O_SEED, "seed", "N", "what loss and RSSI are drawn from; default 1", 0, 4294967295.0},
    {O_FAULT, "fault", "ORDER",
     "a fault and where it begins: F27@connecting; F44@request:3: three times, :0: for ever",
     0, 0},
    {O_FAULT_SEED, "fault-seed", "N", "what faults draw from; default 1", 0, 4294967295.0},
    {O_FAULTS, "faults", NULL, "print the faults and the phases, and end", 0, 0},
    {O_NOTIFY_WAIT_MS, "notify-wait-ms", "N",
     "notifications wait N ms for others to share a PDU, 0..1000; default 10, as in BlueZ;\n"
     "                        0: each has its own, at once, as of a radio module", 0, 1000},
    {O_NO_CONNECTED, "no-connected", NULL,
     "a link's begin is not signalled, as by BlueZ 5.66 at times: Connected=true is left out", 0,
     0},
    {O_TRACE, "trace", "FILE", "write what crosses the air to a btsnoop file", 0, 0},
    {O_DOOR, "door", "PATH",
     "a socket that leads to the bus, and that F07 cuts; the bus has to be a unix:path=", 0, 0},
    {O_READY_FD, "ready-fd", "N",
     "write \"ready\" to file descriptor N too, and close it", 3, 1023},
    {O_VERBOSE, "verbose", NULL, "print every call on stderr", 0, 0},
    {O_HELP, "help", NULL, "print this and end", 0, 0},
};
#define N_TABLE (sizeof table / sizeof table[0])

char *vb_adapter_address(unsigned index, char ret[static 18])
{
    (void)snprintf(ret, 18, "02:00:00:00:%02X:%02X", index >> 8 & 0xff, index & 0xff);
    return ret;
}

static void print_help(void)
{
    (void)puts("usage: virtual-bluez [option]...\n"
               "Own org.bluez on a bus and act as BlueZ with radios that reach only each other.\n"
               "Prints the adapters, then \"ready\" when the name is owned.\n");
    for (size_t i = 0; i < N_TABLE; i++) {
        int n = printf("  --%s%s%s", table[i].name, table[i].value ? " " : "",
                       table[i].value ? table[i].value : "");

        (void)printf("%*s%s\n", n < 24 ? 24 - n : 1, "", table[i].help);
    }
}

void vb_options_man(FILE *out)
{
    for (size_t i = 0; i < N_TABLE; i++)
        man_option(out, table[i].name, table[i].value, table[i].help, "");
}

static void print_list(unsigned adapters)
{
    char addr[18];

    for (unsigned i = 0; i < adapters; i++)
        (void)printf("hci%u %s\n", i, vb_adapter_address(i, addr));
}

/* A decimal number with or without a fraction, the whole text. */
static bool parse_number(const char *text, double *ret)
{
    char *end;

    if (*text == '\0' || strspn(text, "0123456789.") != strlen(text))
        return false;
    *ret = strtod(text, &end);
    return *end == '\0';
}

/* 5.7 is release 570, 5.66 is 566. */
static bool parse_version(const char *text, unsigned *ret)
{
    int64_t minor;

    if (strncmp(text, "5.", 2) != 0 || gf_parse_int(text + 2, 50, 99, &minor) < 0)
        return false;
    *ret = 500 + (unsigned)minor;
    return true;
}

static void take_number(enum code code, double v, struct vb_options *opt)
{
    switch (code) {
    case O_ADAPTERS:
        opt->adapters = (unsigned)v;
        break;
    case O_CLOCK_RATE:
        opt->clock_rate = v;
        break;
    case O_MTU:
        opt->mtu = (unsigned)v;
        break;
    case O_ADV_MS:
        opt->adv_ms = (unsigned)v;
        break;
    case O_CI_MS:
        opt->ci_us = (unsigned)(v * 1000);
        break;
    case O_PHY:
        opt->phy = (unsigned)v;
        break;
    case O_DLE:
        opt->dle = (unsigned)v;
        break;
    case O_LOSS:
        opt->loss = v;
        break;
    case O_SUPERVISION_MS:
        opt->supervision_ms = (unsigned)v;
        break;
    case O_SEED:
        opt->seed = (uint64_t)v;
        break;
    case O_NOTIFY_WAIT_MS:
        opt->notify_wait_ms = (unsigned)v;
        break;
    case O_READY_FD:
        opt->ready_fd = (int)v;
        break;
    case O_FAULT_SEED:
        opt->fault_seed = (uint64_t)v;
        break;
    case O_BUS:
    case O_FAULT:
    case O_DOOR:
    case O_FAULTS:
    case O_NO_CONNECTED:
    case O_TRACE:
    case O_LIST:
    case O_VERSION:
    case O_VERBOSE:
    case O_HELP:
        break;
    }
}

static bool take_value(size_t row, const char *text, struct vb_options *opt)
{
    double v;

    if (table[row].code == O_BUS) {
        opt->bus = text;
        return true;
    }
    if (table[row].code == O_DOOR) {
        opt->door = text;
        return true;
    }
    if (table[row].code == O_FAULT) {
        if (opt->n_faults == VB_FAULTS_MAX || !vb_fault_is_order(text))
            return false;
        opt->faults[opt->n_faults++] = text;
        return true;
    }
    if (table[row].code == O_TRACE) {
        opt->trace = text;
        return true;
    }
    if (table[row].code == O_VERSION)
        return parse_version(text, &opt->version);
    if (!parse_number(text, &v) || v < table[row].min || v > table[row].max)
        return false;
    if (table[row].code == O_CI_MS && v > 0 && v < 7.5)
        return false;
    take_number(table[row].code, v, opt);
    return true;
}

/* The table's row for a code of getopt_long, or N_TABLE. */
static size_t row_of(int code)
{
    size_t i = 0;

    while (i < N_TABLE && (int)table[i].code != code)
        i++;
    return i;
}

enum vb_run vb_options_read(int argc, char *argv[], struct vb_options *ret)
{
    struct vb_options opt = {.adapters = 2, .version = 566, .mtu = 517, .adv_ms = 100, .phy = 1,
                             .dle = 251, .supervision_ms = 420, .clock_rate = 1, .seed = 1,
                             .fault_seed = 1, .notify_wait_ms = 10, .ready_fd = -1};
    struct option longs[N_TABLE + 1] = {{NULL, 0, NULL, 0}};
    bool list = false;
    int code;

    for (size_t i = 0; i < N_TABLE; i++)
        longs[i] = (struct option){table[i].name,
                                   table[i].value ? required_argument : no_argument, NULL,
                                   (int)table[i].code};
    while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        size_t row = row_of(code);

        if (row == N_TABLE) /* getopt_long has said what is wrong */
            return VB_RUN_USAGE;
        if (table[row].code == O_HELP) {
            print_help();
            return VB_RUN_DONE;
        }
        if (table[row].code == O_FAULTS) {
            vb_fault_list();
            return VB_RUN_DONE;
        }
        list = list || table[row].code == O_LIST;
        opt.verbose = opt.verbose || table[row].code == O_VERBOSE;
        opt.no_connected = opt.no_connected || table[row].code == O_NO_CONNECTED;
        if (table[row].value && !take_value(row, optarg, &opt)) {
            (void)fprintf(stderr, "virtual-bluez: --%s: \"%s\" is not in range; see --help\n",
                          table[row].name, optarg);
            return VB_RUN_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "virtual-bluez: \"%s\" is not an option; see --help\n", argv[optind]);
        return VB_RUN_USAGE;
    }
    if (list) {
        print_list(opt.adapters);
        return VB_RUN_DONE;
    }
    *ret = opt;
    return VB_RUN;
}
