#ifndef GF_TESTS_AID_VBWORLD_H
#define GF_TESTS_AID_VBWORLD_H
/* A private bus with virtual-bluez on it, a client, and a peripheral on hci1. */
#include <sys/types.h>

#include "tests/aid/dbus.h"
#include "tests/aid/peer.h"
#include "tests/aid/proc.h"

#define VB_HCI0 "/org/bluez/hci0"
#define VB_HCI1 "/org/bluez/hci1"
#define VB_DEV "/org/bluez/hci0/dev_02_00_00_00_00_01"
#define VB_LOG_DEV "hci0/dev_02_00_00_00_00_01"
#define VB_ADAPTER1 "org.bluez.Adapter1"
#define VB_DEVICE1 "org.bluez.Device1"
#define VB_CHAR1 "org.bluez.GattCharacteristic1"

struct vbworld {
    struct aid_bus bus;
    pid_t pid;
    int out;              /* virtual-bluez' stdout, from which vbworld_told() reads */
    struct aid_log said;  /* what it said there */
    struct aid_loop loop;
    sd_bus *client;
    struct aid_log log;
    struct aid_peer peer;
};

/*
 * Start everything, with options for virtual-bluez ended by NULL; the peer answers, and is
 * registered with vbworld_register(). 0, or -1 with a line on stderr.
 */
int vbworld_start(struct vbworld *w, const char *const options[]);

/* Stop it; nonzero when virtual-bluez did not end with 0. */
int vbworld_stop(struct vbworld *w);

/* Register the peer and scan until hci0 knows it. */
int vbworld_seen(struct vbworld *w);

/* The same, connected and with its services resolved. */
int vbworld_ready(struct vbworld *w);

/* How many lines virtual-bluez has said on its stdout since "ready" that begin so. A strike is said
 * before anybody on the bus can see it. The last of them goes to line (cap bytes), if given. */
unsigned vbworld_told(struct vbworld *w, const char *begin, char *line, size_t cap);

/* The peer's program dies. */
void vbworld_peer_dies(struct vbworld *w);

/* The path of the characteristic with this UUID, from the object tree; kept until the next call.
 * "" when there is none. */
const char *vbworld_char(struct vbworld *w, const char *uuid);

/* The same into the caller's buffer; returns it. */
const char *vbworld_path(struct vbworld *w, const char *uuid, char path[static 256]);

/* How many characteristics have this UUID. */
unsigned vbworld_n_chars(struct vbworld *w, const char *uuid);

/* The log's line for a characteristic's new value; kept until the next call. */
const char *vbworld_line(const char *path, const void *bytes, size_t n);

/* A counter of the device by its name. */
long long vbworld_count(struct vbworld *w, const char *name);

/* WriteValue with the type given (NULL: none) and an offset: "" or the error. */
const char *vbworld_write(struct vbworld *w, const char *path, const void *bytes, size_t n,
                          const char *type, unsigned offset);

/* ReadValue at an offset, into value as hex: "" or the error. */
const char *vbworld_read(struct vbworld *w, const char *path, unsigned offset, char *value,
                         size_t cap);

#endif
