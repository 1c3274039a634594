#ifndef GF_BT_VIRTUAL_OPTIONS_H
#define GF_BT_VIRTUAL_OPTIONS_H
/* The command line of virtual-bluez. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define VB_ADAPTERS_MAX 64
#define VB_FAULTS_MAX 8

struct vb_options {
    const char *bus;      /* address; NULL: DBUS_SYSTEM_BUS_ADDRESS or the system bus */
    unsigned adapters;    /* 1..VB_ADAPTERS_MAX, hci0 included */
    unsigned version;     /* of BlueZ: major * 100 + minor */
    unsigned mtu;         /* most that a peripheral's side offers, 23..517 */
    unsigned adv_ms;      /* advertising interval */
    unsigned ci_us;       /* connection interval; 0: no link model */
    unsigned phy;         /* 1 or 2 Mbit/s */
    unsigned dle;         /* most bytes in a link-layer packet, 27..251 */
    unsigned supervision_ms;
    double loss;          /* probability that a link-layer packet is lost */
    double clock_rate;    /* BlueZ's timers run so many times faster */
    const char *door;     /* path of a socket that leads to the bus, see door.h; NULL: none */
    uint64_t seed, fault_seed;
    const char *faults[VB_FAULTS_MAX]; /* orders, see fault.h; not copied */
    unsigned n_faults;
    unsigned notify_wait_ms; /* notifications wait for more to share a PDU; 0: one each, at once */
    bool no_connected;    /* Connected=true is never signalled */
    const char *trace;    /* file for what crosses the air; NULL: none */
    int ready_fd;         /* gets "ready" and is closed; -1: none */
    bool verbose;         /* every call on stderr */
};

/* What to do after the command line. */
enum vb_run { VB_RUN, VB_RUN_DONE, VB_RUN_USAGE };

/*
 * Read the command line into *ret. VB_RUN_DONE: it asked for a text, which is printed;
 * VB_RUN_USAGE: it is wrong, and a line on stderr says where.
 */
enum vb_run vb_options_read(int argc, char *argv[], struct vb_options *ret);

/* Print the options as a man page's section; see common/host/man.h. */
void vb_options_man(FILE *out);

/* The address of adapter i: 02:00:00:00:00:00 + i, into 18 bytes; returns ret. */
char *vb_adapter_address(unsigned index, char ret[static 18]);

#endif
