/* air.c - how PDUs cross a link; see air.h. */
#include "bt/virtual/air.h"

#include <stdlib.h>
#include <string.h>

#include "bt/virtual/fault.h"
#include "bt/virtual/link.h"
#include "bt/virtual/model.h"
#include "bt/virtual/trace.h"

#define L2CAP_HEADER 4
#define T_IFS_US 150
#define BURST 256 /* PDUs handed on in one turn of the loop without a link model */

void vb_air_init(struct vb_link *link)
{
    struct vb_air *air = &link->air;

    TAILQ_INIT(&air->waiting[VB_TO_PERIPHERAL]);
    TAILQ_INIT(&air->waiting[VB_TO_CENTRAL]);
    TAILQ_INIT(&air->arrived);
    air->anchor_us = air->heard_us = vb_now_us(link->vb);
}

static void clear(struct vb_pdus *pdus)
{
    struct vb_pdu *pdu;

    while ((pdu = TAILQ_FIRST(pdus)) != NULL) {
        TAILQ_REMOVE(pdus, pdu, next);
        free(pdu);
    }
}

void vb_air_done(struct vb_link *link)
{
    struct vb_air *air = &link->air;

    vb_timer_stop(&air->event);
    clear(&air->waiting[VB_TO_PERIPHERAL]);
    clear(&air->waiting[VB_TO_CENTRAL]);
    clear(&air->arrived);
}

static bool is_idle(const struct vb_air *air)
{
    return TAILQ_EMPTY(&air->waiting[VB_TO_PERIPHERAL]) &&
           TAILQ_EMPTY(&air->waiting[VB_TO_CENTRAL]);
}

/* Hand on what has arrived; the link may end by it. */
static void hand_on(struct vb_link *link)
{
    struct vb_pdu *pdu;

    while (!link->dead && (pdu = TAILQ_FIRST(&link->air.arrived)) != NULL) {
        TAILQ_REMOVE(&link->air.arrived, pdu, next);
        vb_link_arrived(link, pdu->direction, pdu->bytes, pdu->n);
        free(pdu);
    }
}

static void arrive(struct vb_air *air, struct vb_pdu *pdu)
{
    TAILQ_REMOVE(&air->waiting[pdu->direction], pdu, next);
    TAILQ_INSERT_TAIL(&air->arrived, pdu, next);
}

static void schedule(struct vb_link *link);

/* ---- without a link model -------------------------------------------------------------------- */

static void cross(struct vb_link *link)
{
    struct vb_air *air = &link->air;

    for (int i = 0; i < BURST && !link->dead && !is_idle(air); i++) {
        struct vb_pdu *pdu = TAILQ_FIRST(&air->waiting[VB_TO_PERIPHERAL]);

        arrive(air, pdu ? pdu : TAILQ_FIRST(&air->waiting[VB_TO_CENTRAL]));
        hand_on(link);
    }
}

/* ---- connection events ----------------------------------------------------------------------- */

/* Microseconds of a packet with n bytes of data: preamble, access address, header, CRC. */
static unsigned packet_us(const struct vb_options *opt, size_t n)
{
    return (unsigned)((opt->phy + 9 + n) * 8 / opt->phy);
}

/* Bytes of the packet that goes next in a direction; 0: an empty one. */
static size_t next_packet(const struct vb_link *link, enum vb_direction direction)
{
    const struct vb_pdu *pdu = TAILQ_FIRST(&link->air.waiting[direction]);

    if (!pdu)
        return 0;
    return pdu->left < link->vb->opt.dle ? pdu->left : link->vb->opt.dle;
}

/* Send the next packet of a direction; false when it is lost, which ends the event. */
static bool send_packet(struct vb_link *link, enum vb_direction direction)
{
    struct vb_pdu *pdu = TAILQ_FIRST(&link->air.waiting[direction]);
    size_t n = next_packet(link, direction);

    if (vb_chance(link->vb, link->vb->opt.loss)) {
        link->at_central->counters.retransmissions += n > 0;
        return false;
    }
    link->air.heard_us = vb_now_us(link->vb);
    if (pdu) {
        pdu->left -= n;
        if (pdu->left == 0)
            arrive(&link->air, pdu);
    }
    return true;
}

static void connection_event(struct vb_link *link)
{
    const struct vb_options *opt = &link->vb->opt;
    unsigned left_us = opt->ci_us;

    link->at_central->counters.events++;
    while (!is_idle(&link->air)) {
        unsigned pair_us = packet_us(opt, next_packet(link, VB_TO_PERIPHERAL)) +
                           packet_us(opt, next_packet(link, VB_TO_CENTRAL)) + 2 * T_IFS_US;

        if (pair_us > left_us)
            break;
        left_us -= pair_us;
        if (!send_packet(link, VB_TO_PERIPHERAL) || !send_packet(link, VB_TO_CENTRAL))
            break;
    }
    if (vb_now_us(link->vb) - link->air.heard_us > (uint64_t)opt->supervision_ms * VB_MS)
        vb_link_down(link, NULL, VB_REASON_TIMEOUT);
    else
        hand_on(link);
}

static void on_event(void *arg)
{
    struct vb_link *link = arg;

    if (link->air.deaf_us > vb_now_us(link->vb)) { /* since this event was set */
        schedule(link);
        return;
    }
    if (link->vb->opt.ci_us == 0)
        cross(link);
    else
        connection_event(link);
    if (!link->dead && !is_idle(&link->air))
        schedule(link);
}

/* The next connection event, counted from the link's first. */
static void schedule(struct vb_link *link)
{
    uint64_t ci_us = link->vb->opt.ci_us, wait_us = 0;

    if (vb_timer_running(&link->air.event))
        return;
    if (ci_us > 0)
        wait_us = ci_us - (vb_now_us(link->vb) - link->air.anchor_us) % ci_us;
    if (link->air.deaf_us > vb_now_us(link->vb) + wait_us)
        wait_us = link->air.deaf_us - vb_now_us(link->vb);
    vb_timer_set(link->vb, &link->air.event, wait_us, on_event, link);
}

void vb_air_send(struct vb_link *link, enum vb_direction direction, const uint8_t *bytes, size_t n)
{
    struct vb_pdu *pdu;

    if (vb_fault_on_pdu(link, direction, bytes, n))
        return;
    pdu = vb_new(sizeof *pdu + n);
    pdu->direction = direction;
    pdu->n = n;
    pdu->left = n + L2CAP_HEADER;
    memcpy(pdu->bytes, bytes, n);
    if (direction == VB_TO_PERIPHERAL)
        vb_trace_pdu(link, direction, bytes, n);
    if (is_idle(&link->air)) /* the radio slept; empty events kept the link alive meanwhile */
        link->air.heard_us = vb_now_us(link->vb);
    TAILQ_INSERT_TAIL(&link->air.waiting[direction], pdu, next);
    schedule(link);
}
