#ifndef GF_BT_VIRTUAL_AIR_H
#define GF_BT_VIRTUAL_AIR_H
/*
 * How PDUs cross a link. Without a connection interval they arrive in the next turn of the loop.
 * With one they wait for connection events: an event carries as many link-layer packets, from both
 * sides in turn, as fit the interval (Core spec Vol 6 Part B 4.5); a lost packet ends the event and
 * is sent again in the next. What arrives is handed on at the event's end, so an answer to it
 * leaves one event later. Every PDU passes vb_air_send() and vb_link_arrived().
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "bt/virtual/util.h"

struct vb_link;

enum vb_direction { VB_TO_PERIPHERAL, VB_TO_CENTRAL };

struct vb_pdu {
    TAILQ_ENTRY(vb_pdu) next;
    enum vb_direction direction;
    size_t n, left; /* left: bytes with their L2CAP header that did not cross yet */
    uint8_t bytes[];
};

TAILQ_HEAD(vb_pdus, vb_pdu);

struct vb_air {
    struct vb_pdus waiting[2], arrived;
    struct vb_timer event;
    uint64_t anchor_us, heard_us;
    uint64_t deaf_us; /* the peripheral does nothing before */
};

void vb_air_init(struct vb_link *link);
void vb_air_done(struct vb_link *link);
void vb_air_send(struct vb_link *link, enum vb_direction direction, const uint8_t *pdu, size_t n);

#endif
