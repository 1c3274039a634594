#ifndef GF_TESTS_AID_PEER_H
#define GF_TESTS_AID_PEER_H
/*
 * A GATT application with an advertisement, in the test's process: what a meter is to BlueZ.
 *
 * Services in this order: Device Information with a manufacturer name; a vendor service with
 *   rx    write-without-response        tx    notify
 *   ctl   read, write                   both  write, write-without-response
 *   ind   indicate                      big   read, write, and a User Description
 * Writes to ctl, rx and both are kept, ctl's and big's values are read back. Offsets are honoured.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/aid/dbus.h"

#define AID_PEER_MAKER "00002a29-0000-1000-8000-00805f9b34fb"
#define AID_PEER_SERVICE "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_RX "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_TX "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_CTL "6e400004-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_BOTH "6e400005-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_IND "6e400006-b5a3-f393-e0a9-e50e24dcca9e"
#define AID_PEER_BIG "6e400007-b5a3-f393-e0a9-e50e24dcca9e"

struct aid_peer {
    sd_bus *bus;
    /* How it behaves. */
    const char *error_name, *error_text; /* answer reads and writes with this */
    bool silent;                         /* answer neither */
    bool empty, reserved;                /* register no objects; a service of BlueZ's own */
    bool short_table;                    /* register Device Information only */
    const char *name;                    /* LocalName; NULL: "peer" */
    size_t n_manufacturer;               /* bytes of manufacturer data; 0: 6 */
    bool hidden, bare;                   /* not Discoverable, no UUIDs; only no UUIDs */
    bool broadcast;                      /* with hidden: cannot be connected to */
    /* What happened. */
    uint8_t value[600]; /* the last one written to ctl, rx, both or big; what ctl and big read */
    size_t n_value;
    unsigned n_writes, n_reads, n_start, n_stop, n_confirm;
    uint16_t mtu, offset;  /* options of the last read or write */
    char device[128];
    struct aid_log *wrote; /* gets "wrote HEX" for each value written; NULL: none */
};

/* Answer on a connection; register nothing yet. Fields that say how it behaves are kept. */
int aid_peer_start(struct aid_peer *peer, sd_bus *bus);

/* Register application and advertisement on /org/bluez/hciN: "" or the first error. */
const char *aid_peer_register(struct aid_loop *loop, struct aid_peer *peer, const char *adapter);
const char *aid_peer_application(struct aid_loop *loop, struct aid_peer *peer, const char *adapter);
const char *aid_peer_advertise(struct aid_loop *loop, struct aid_peer *peer, const char *adapter);

/* Emit PropertiesChanged(Value) for tx or (indicate) ind. */
void aid_peer_notify(struct aid_peer *peer, bool indicate, const void *bytes, size_t n);

#endif
