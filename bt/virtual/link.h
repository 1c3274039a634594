#ifndef GF_BT_VIRTUAL_LINK_H
#define GF_BT_VIRTUAL_LINK_H
/*
 * A connection between two adapters. The central's side is a GATT client with one request on the
 * air at a time, the peripheral's side a GATT server. Between them real ATT PDUs cross the air.
 */
#include "bt/virtual/air.h"
#include "bt/virtual/device.h"
#include "bt/virtual/model.h"
#include "bt/virtual/phase.h"
#include "bt/virtual/server.h"

/* Why a request is made, for the counters. */
enum vb_purpose { VB_FOR_CLIENT, VB_FOR_DISCOVERY, VB_FOR_PLUGIN };

/* The answer to a request; pdu is NULL, and n 0, when the link ended first. */
typedef void vb_response_fn(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n);

struct vb_request {
    TAILQ_ENTRY(vb_request) next;
    enum vb_purpose purpose;
    vb_response_fn *fn;
    void *arg;
    size_t n;
    uint8_t bytes[];
};

struct vb_link {
    TAILQ_ENTRY(vb_link) next;
    struct vb *vb;
    struct vb_device *at_central;    /* the peripheral, as the central's adapter knows it */
    struct vb_device *at_peripheral; /* the central, as the peripheral's adapter knows it */
    uint16_t number; /* names it in the trace, 0..0xeff */
    uint16_t mtu;
    bool dead, ready; /* ready: the services are known */
    TAILQ_HEAD(, vb_request) requests; /* the first one is on the air */
    TAILQ_HEAD(, vb_op) long_writes;   /* the first one is being prepared */
    struct vb_timer response_timer;
    struct vb_walk *walk;
    struct vb_server server;
    struct vb_air air;
    struct vb_course course; /* for faults */
};

/* Connect every device whose Connect waits and whose peer can be connected to now. */
void vb_links_try_pending(struct vb *vb);

/* Some Connect waits for an advertisement to be heard. */
bool vb_links_pending(const struct vb *vb);

/* An advertisement of this adapter was heard; with the link model, this is when Connect works. */
void vb_links_heard(struct vb_adapter *peripheral);

/* The link that the adapter is the peripheral of, or NULL. */
struct vb_link *vb_link_of_peripheral(const struct vb_adapter *adapter);

/* End the links of which the adapter is the peripheral; or any side of. */
void vb_links_drop_peripheral(struct vb_adapter *adapter);
void vb_links_drop(struct vb_adapter *adapter);

/* An application's value changed: tell the central if it subscribed. */
void vb_links_notify(struct vb_adapter *peripheral, struct vb_node *node, const void *bytes,
                     size_t n);

/* An application's services came: indicate Service Changed. */
void vb_links_services_changed(struct vb_adapter *peripheral, const struct vb_app *app);

/*
 * End a link. by is the device of the side that ended it, NULL for neither. The struct itself
 * lives until the next turn of the loop, with dead set.
 */
void vb_link_down(struct vb_link *link, const struct vb_device *by, enum vb_reason reason);

/* Free the links that have ended; the loop does it by itself. */
void vb_links_reap(struct vb *vb);

/* Queue a request of the client; fn is called exactly once. */
void vb_link_request(struct vb_link *link, enum vb_purpose purpose, const uint8_t *pdu, size_t n,
                     vb_response_fn *fn, void *arg);

/* Send a command of the client at once; false when it is longer than the MTU. */
bool vb_link_command(struct vb_link *link, const uint8_t *pdu, size_t n);

/* Send something of the server. */
void vb_link_answer(struct vb_link *link, const uint8_t *pdu, size_t n);

/* A PDU has crossed the air. */
void vb_link_arrived(struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                     size_t n);

#endif
