#ifndef GF_BT_VIRTUAL_SERVER_H
#define GF_BT_VIRTUAL_SERVER_H
/*
 * The GATT server of a link: answers ATT requests from the peripheral adapter's attribute table,
 * asking the application where the table says so. An answer that takes the application more than
 * five seconds is an error.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <systemd/sd-bus.h>

#include "bt/virtual/att.h"
#include "bt/virtual/util.h"

struct vb_link;
struct vb_node;
struct vb_app;

/* A client configuration: what the central subscribed to. */
struct vb_ccc {
    uint16_t handle, value;
    struct vb_node *node; /* NULL for Service Changed */
};

/* A value that waits for Execute Write; contiguous parts are joined. */
struct vb_prepared {
    TAILQ_ENTRY(vb_prepared) next;
    uint16_t handle, offset;
    uint8_t *bytes;
    size_t n;
};

/* An indication that waits for its turn: one is on the air at a time. */
struct vb_indication {
    TAILQ_ENTRY(vb_indication) next;
    struct vb_node *node;
    size_t n;
    uint8_t bytes[];
};

struct vb_server {
    struct vb_ccc *cccs;
    size_t n_cccs;
    uint8_t client_features;
    /* Notifications that wait for more to share their PDU; 0: none. */
    size_t batch_n;
    uint8_t batch[VB_ATT_MTU_MAX];
    struct vb_timer batch_timer;
    TAILQ_HEAD(vb_prepared_list, vb_prepared) prepared;
    TAILQ_HEAD(vb_indication_list, vb_indication) indications; /* the first one is on the air */
    /* The request that the application is asked about. */
    uint8_t op;
    uint16_t handle, offset;
    sd_bus_slot *call;
    struct vb_timer late;
};

void vb_server_init(struct vb_link *link);

/* The link ends: tell the application of subscriptions that end with it. */
void vb_server_done(struct vb_link *link);

/* A PDU from the central. */
void vb_server_take(struct vb_link *link, const uint8_t *pdu, size_t n);

/* Send a value as the central's subscription says, cut to the MTU. */
void vb_server_notify(struct vb_link *link, struct vb_node *node, const void *bytes, size_t n);

/* Indicate the handles of an application's services. */
void vb_server_services_changed(struct vb_link *link, const struct vb_app *app);

/* private: shared by server.c and server_value.c */
void vb_server_error(struct vb_link *link, uint8_t op, uint16_t handle, uint8_t code);
void vb_server_read(struct vb_link *link, uint8_t op, uint16_t handle, uint16_t offset);
void vb_server_write(struct vb_link *link, uint8_t op, uint16_t handle, const uint8_t *bytes,
                     size_t n);
void vb_server_prepare(struct vb_link *link, const uint8_t *pdu, size_t n);
void vb_server_execute(struct vb_link *link, uint8_t flags);
void vb_server_confirmed(struct vb_link *link);

#endif
