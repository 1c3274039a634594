#ifndef GF_BT_VIRTUAL_MODEL_H
#define GF_BT_VIRTUAL_MODEL_H
/*
 * What virtual-bluez is made of. The daemon holds adapters; an adapter holds the devices that it
 * knows (each is another adapter seen by radio), the advertisements and the GATT applications
 * registered with it, and the attribute table made of those. A link joins two adapters.
 *
 * Lists are <sys/queue.h> tail queues. A struct's pointers to its owner are borrowed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "bt/virtual/objects.h"
#include "bt/virtual/options.h"
#include "bt/virtual/util.h"
#include "bt/virtual/uuid.h"

/* BlueZ's and the kernel's own times. */
#define VB_MS 1000u
#define VB_S 1000000u
#define VB_DISCONNECT_US (2 * VB_S)
#define VB_TEMPORARY_US (30 * VB_S)
#define VB_CONNECT_US (20 * VB_S)
#define VB_ATT_TIMEOUT_US (30 * VB_S)
#define VB_ATTRIBUTE_US (5 * VB_S)
#define VB_SCAN_US (10240 * VB_MS)
#define VB_SCAN_GAP_US (5 * VB_S)
#define VB_RSSI_DEAD_BAND 8

/* Releases of BlueZ that behave differently: major * 100 + minor. */
#define VB_BLUEZ_MTU 562         /* MTU property, le-connection-* texts, RemoveDevice purges all */
#define VB_BLUEZ_BONDED 565      /* Device1.Bonded */
#define VB_BLUEZ_FILTER_KEPT 572 /* the discovery filter survives a connection */
#define VB_BLUEZ_WRITE_512 572   /* the server takes values of 512 bytes; before, 510 */
#define VB_BLUEZ_CLAIMED 580     /* claimed services are exported, read-only */
/* Every RSSI only with an RSSI or Pathloss filter; AdvertisingFlags; the signal Disconnected;
 * a second Connect is InProgress. */
#define VB_BLUEZ_PROXIMITY 587

struct vb_bytes {
    uint8_t *p;
    size_t n;
};

/* ---- the attribute table of an adapter (db.h) ------------------------------------------------ */

enum vb_source {
    VB_FROM_TABLE,           /* the attribute's own bytes */
    VB_FROM_NAME,            /* the adapter's alias */
    VB_FROM_HASH,            /* the table's hash */
    VB_FROM_CLIENT_FEATURES, /* kept by the link */
    VB_FROM_CCC,             /* kept by the link */
    VB_FROM_APP,             /* asked of the application */
};

enum vb_perm { VB_PERM_READ = 1, VB_PERM_WRITE = 2, VB_PERM_ENCRYPT = 4, VB_PERM_AUTHENTICATE = 8 };

struct vb_attr {
    uint16_t handle, end; /* end: last handle of the group, for services */
    struct vb_uuid type;
    unsigned perm;
    enum vb_source source;
    struct vb_bytes value;
    struct vb_node *node; /* the application's object, NULL for the daemon's own */
};

struct vb_db {
    struct vb_attr *attrs; /* by handle */
    size_t n;
    uint8_t hash[16];
};

/* ---- a GATT application (app.h) -------------------------------------------------------------- */

enum vb_node_kind { VB_NODE_SERVICE, VB_NODE_CHARACTERISTIC, VB_NODE_DESCRIPTOR };

struct vb_node {
    TAILQ_ENTRY(vb_node) next;
    struct vb_app *app;
    enum vb_node_kind kind;
    char *path, *parent;
    struct vb_uuid uuid;
    bool has_uuid, primary, has_primary, placed;
    unsigned props, ext_props, perm;
    char **includes;
    size_t n_includes;
    uint16_t handle; /* of the service, or of the value */
    uint16_t ccc;    /* 0: none */
};

struct vb_app {
    TAILQ_ENTRY(vb_app) next;
    struct vb_adapter *adapter;
    char *owner, *path;
    sd_bus_message *reg; /* until it is answered */
    sd_bus_slot *call, *match;
    TAILQ_HEAD(, vb_node) nodes;
};

/* ---- an advertisement (adv.h) ---------------------------------------------------------------- */

struct vb_blob {
    uint16_t company;    /* manufacturer data */
    struct vb_uuid uuid; /* service data */
    struct vb_bytes data;
};

/* What an advertisement and its scan response say. */
struct vb_report {
    char *name;
    struct vb_uuid *uuids;
    size_t n_uuids;
    struct vb_blob *manufacturer, *service_data;
    size_t n_manufacturer, n_service_data;
    uint8_t flags;
    bool has_appearance, has_tx_power, connectable;
    uint16_t appearance;
    int16_t tx_power;
};

struct vb_adv {
    TAILQ_ENTRY(vb_adv) next;
    struct vb_adapter *adapter;
    char *owner, *path;
    sd_bus_message *reg;
    sd_bus_slot *call, *match;
    struct vb_report report;
    bool active;
    unsigned interval_ms;
    struct vb_timer beat, expiry;
};

/* ---- discovery (discovery.h) ----------------------------------------------------------------- */

struct vb_filter {
    struct vb_uuid *uuids;
    size_t n_uuids;
    bool has_rssi, has_pathloss, duplicates;
    int16_t rssi;
    uint16_t pathloss;
    char *pattern;
};

struct vb_scanner {
    TAILQ_ENTRY(vb_scanner) next;
    char *owner;
    bool on;
    struct vb_filter *filter; /* NULL: none */
};

/* ---- adapter and device ---------------------------------------------------------------------- */

struct vb_adapter {
    struct vb *vb;
    unsigned index;
    uint8_t addr[6];
    char addr_text[18], air_text[18]; /* air: as others hear it */
    const char *addr_type, *air_type;
    enum vb_error power_refusal;      /* of Powered=true; VB_E_OK: none */
    char *path, *name, *alias, *modalias;
    uint32_t class_of_device, discoverable_timeout_s, pairable_timeout_s;
    bool powered, discoverable, pairable, discovering;
    bool filter_lost;  /* see VB_BLUEZ_FILTER_KEPT */
    bool scan_resting; /* in the gap of an unfiltered discovery */
    struct vb_timer scan;
    TAILQ_HEAD(, vb_scanner) scanners;
    TAILQ_HEAD(vb_devices, vb_device) devices;
    TAILQ_HEAD(, vb_adv) advs;
    TAILQ_HEAD(, vb_app) apps;
    struct vb_db db;
    struct vb_cache *attic; /* by peer index: what is left of removed devices, see VB_BLUEZ_MTU */
};

/* What crossed the air on the links of a device, as its adapter's side saw it. */
struct vb_counters {
    uint64_t requests, responses, errors, commands, notifications, indications, confirmations;
    uint64_t bytes_out, bytes_in, events, retransmissions, discovery_requests, plugin_requests;
};

/* The services found on a device, kept over connections. */
struct vb_cache {
    TAILQ_HEAD(vb_services, vb_service) services;
    uint8_t hash[16];
    bool has_hash;
};

struct vb_device {
    TAILQ_ENTRY(vb_device) next;
    struct vb_adapter *adapter, *peer;
    char addr_text[18];
    const char *addr_type;
    char *path, *name, *alias;
    bool temporary, connected, resolved, trusted, blocked, paired, legacy;
    bool browsed;        /* its services have been read at least once: UUIDs are theirs */
    bool found;          /* in the discovery that is on */
    bool connectable;    /* as last heard */
    bool remove_at_drop; /* RemoveDevice waits for the link's end */
    bool has_rssi, has_tx_power, has_appearance;
    int16_t rssi, tx_power;
    uint16_t appearance;
    uint8_t flags;
    struct vb_uuid *heard_uuids, *uuids;
    size_t n_heard_uuids, n_uuids;
    struct vb_blob *manufacturer, *service_data;
    size_t n_manufacturer, n_service_data;
    struct vb_timer temporary_timer, disconnect_timer, connect_timer;
    sd_bus_message *connecting;        /* Connect, not answered yet */
    sd_bus_message **disconnecting;    /* Disconnect and RemoveDevice, answered at the link's end */
    size_t n_disconnecting;
    struct vb_link *link;
    struct vb_cache cache;
    struct vb_counters counters;
};

/* ---- services as the client knows them (cache.h) --------------------------------------------- */

struct vb_service {
    TAILQ_ENTRY(vb_service) next;
    struct vb_device *device;
    char *path, *device_path;
    uint16_t start, end;
    bool primary, exported, claimed, seen; /* seen: still there, in the walk that is on */
    struct vb_uuid uuid;
    uint16_t *includes; /* start handles */
    size_t n_includes;
    TAILQ_HEAD(vb_chars, vb_char) chars;
};

enum vb_subscription { VB_SUB_OFF, VB_SUB_STARTING, VB_SUB_ON, VB_SUB_STOPPING };

struct vb_char {
    TAILQ_ENTRY(vb_char) next;
    struct vb_service *service;
    char *path, *service_path;
    uint16_t handle, value_handle, end, ccc;
    unsigned props, ext_props;
    struct vb_uuid uuid;
    struct vb_bytes value;
    bool has_value;
    bool notifying;
    enum vb_subscription subscription;
    TAILQ_HEAD(, vb_session) sessions;
    struct vb_pipe *write_pipe, *notify_pipe;
    struct vb_op *reading, *writing;
    TAILQ_HEAD(vb_descs, vb_desc) descs;
};

struct vb_desc {
    TAILQ_ENTRY(vb_desc) next;
    struct vb_char *chr;
    char *path, *chr_path;
    uint16_t handle;
    struct vb_uuid uuid;
    struct vb_bytes value;
    bool has_value;
    struct vb_op *reading, *writing;
};

/* One client's StartNotify. */
struct vb_session {
    TAILQ_ENTRY(vb_session) next;
    char *owner;
    sd_bus_message *starting; /* until the subscription is answered */
    bool live;                /* subscribed on the link that is up */
};

/* ---- agents ---------------------------------------------------------------------------------- */

struct vb_agent {
    TAILQ_ENTRY(vb_agent) next;
    char *owner, *path;
    bool is_default;
};

struct vb {
    struct vb_options opt;
    sd_event *event;
    sd_bus *bus;
    struct vb_objects objects;
    struct vb_adapter *adapters;
    unsigned n_adapters;
    uint64_t rng;
    bool ending;
    FILE *trace;                 /* NULL: none */
    uint16_t last_link;
    TAILQ_HEAD(vb_links, vb_link) links, dead_links;
    struct vb_timer reaper;
    TAILQ_HEAD(, vb_agent) agents;
    TAILQ_HEAD(, vb_fault) faults;   /* fault.h */
    sd_bus *stranger;                /* stranger.h */
    sd_bus_message *acquired;
    void (*acquired_fn)(void *arg);  /* stranger.h */
    void *acquired_arg;
    TAILQ_HEAD(, vb_ghost) ghosts;   /* ghost.h */
    TAILQ_HEAD(, vb_passage) passages; /* door.h */
    sd_event_source *door;
    int door_fd;
    bool mute_changes, mute_objects; /* no PropertiesChanged; no InterfacesAdded, -Removed */
};

#endif
