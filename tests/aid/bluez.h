#ifndef GF_TESTS_AID_BLUEZ_H
#define GF_TESTS_AID_BLUEZ_H
/*
 * A bluetoothd in the test's own process that does what it is told: one adapter (hci0), one meter's
 * device, and a rule for each method that shall go wrong. For what a well-behaved daemon never
 * does; for everything else there is virtual-bluez.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "common/port.h"
#include "meter-core/gatt.h"

#define AID_ADAPTER "/org/bluez/hci0"
#define AID_DEVICE AID_ADAPTER "/dev_02_00_00_00_00_01"
#define AID_DEVICE_ADDRESS "02:00:00:00:00:01"
#define AID_RX AID_DEVICE "/service000a/char000b"
#define AID_TX AID_DEVICE "/service000a/char000d"
#define AID_CTL AID_DEVICE "/service000a/char0010"
#define AID_RULES 8
#define AID_HELD 8

/* The next `times` calls of a method (-1: all) fail so. error NULL: they are held unanswered. */
struct aid_rule {
    const char *member;
    int times;
    const char *error, *text;
};

/* What an attribute table looks like. */
enum aid_table {
    AID_TABLE_GOOD,
    AID_TABLE_NONE,             /* resolved, and nothing is there */
    AID_TABLE_NO_CTL,
    AID_TABLE_RX_BOTH_WRITES,   /* RX has both kinds of write */
    AID_TABLE_MOVED,            /* good, under other handles */
    AID_TABLE_TWICE,            /* other services have characteristics of our UUIDs too */
};

struct aid_bluez {
    sd_bus *bus;
    struct gf_source source;    /* of the loop that the test runs */
    struct aid_rule rules[AID_RULES];
    sd_bus_message *held[AID_HELD];

    /* the world, to be set by the test */
    bool powered, on_air;       /* the meter advertises: it is heard when discovery starts */
    bool no_rssi, bad_advert;   /* the advertisement tells no RSSI; has wrong types in it */
    bool foreign;               /* the device does not show the meter's service */
    enum aid_table table;
    unsigned tables_bad;        /* connection number from which on the table is good; 0: never */
    bool never_resolved, late_objects, no_mtu;
    bool untold;                /* a link comes without Connected=true */
    unsigned linkless;          /* so many times Connect() answers well, and no link comes */
    unsigned flaps;             /* so many times the link falls right after Connected=true */
    bool gone_at_stop;          /* the device's object goes when discovery stops */
    uint16_t mtu;
    uint8_t id_hash[6];
    uint8_t ctl[MC_CTL_LEN];    /* CTL's value: of meter GM2400001223 */
    unsigned ctls_bad;          /* so many reads of CTL give another attribute's value */
    char adapter[32];           /* its path; empty: there is none */
    bool blocked;               /* PowerState says that rfkill keeps the adapter off */

    /* what it is */
    bool has_device, connected, resolved, discovering, has_table;

    /* calls that were done; of Connect() those that a rule caught too */
    struct {
        unsigned connect, disconnect, remove, start, stop, filter, notify, unnotify, write, read;
        unsigned app, advert, unadvert;
    } calls;
    bool connect_while_scanning;
    char filter[160];           /* the last discovery filter: its keys, and values that are text */
    bool start_unfiltered;      /* discovery was started without one */
    uint8_t written[64][20];    /* the first bytes of fragments, in order */
    char write_type[16];
    char app[64];               /* who registered an application, by unique name */
};

/* Own org.bluez on that bus; everything zero but the table good, powered, on the air, MTU 517. */
int aid_bluez_start(struct aid_bluez *b, const char *address);
void aid_bluez_stop(struct aid_bluez *b);

/* Add a rule. */
void aid_bluez_rule(struct aid_bluez *b, const char *member, int times, const char *error,
                    const char *text);

/* Answer what is held now, late: an error that says that the link was not made. */
void aid_bluez_answer_late(struct aid_bluez *b);

/* Things that happen by themselves. */
void aid_bluez_heard(struct aid_bluez *b);                  /* an advertisement */
void aid_bluez_power(struct aid_bluez *b, bool on);
void aid_bluez_unplug(struct aid_bluez *b);                 /* the adapter goes, its objects too */
void aid_bluez_plug(struct aid_bluez *b, const char *path); /* it comes, under that path */
void aid_bluez_drop(struct aid_bluez *b);                   /* the link falls */
void aid_bluez_remove(struct aid_bluez *b);                 /* the device's objects go */
void aid_bluez_table(struct aid_bluez *b, bool there);      /* the attribute objects come or go */
void aid_bluez_scan_stops(struct aid_bluez *b);             /* Discovering=false, not by us */
void aid_bluez_notify(struct aid_bluez *b, const uint8_t *p, size_t n);

#endif
