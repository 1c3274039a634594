#ifndef GF_BT_VIRTUAL_FAULT_H
#define GF_BT_VIRTUAL_FAULT_H
/*
 * Faults on order: what BlueZ, controllers, other programs and peripherals do to a client of hci0.
 * One table (fault_table.c) has them all. An order names a fault and the phase (phase.h) in which
 * it begins; what --fault-seed draws is the rest: which request of many, which error, how long.
 * A fault that belongs to an earlier phase than the one it is ordered for begins with the link's
 * loss, so that it meets the client on its way back.
 *
 * Each time a fault strikes, a line "fault F27 connecting: ..." goes to stdout.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-bus.h>

#include "bt/virtual/air.h"
#include "bt/virtual/phase.h"

struct vb;
struct vb_adapter;
struct vb_char;
struct vb_device;
struct vb_fault;
struct vb_heard;
struct vb_link;

/* Read "F27@connecting" or "F27@connecting:3" and keep it in vb. False: not understood. The count
 * is how often it strikes; 0 is for ever. */
bool vb_fault_is_order(const char *text);
void vb_fault_order(struct vb *vb, const char *text);

/* Print the table, a line for each, with tabs: id, group, home phase, GF_E_* number or 0, whether
 * it can strike when work has ended, what it is. Then the phases. */
void vb_fault_list(void);

/* ---- places: each asks the faults that are on; true means that a fault has taken over ---- */

/* A method call from outside. */
bool vb_fault_on_call(struct vb *vb, sd_bus_message *m);

/* A PDU is about to cross the air. */
bool vb_fault_on_pdu(struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                     size_t n);

/* A link is up, or has ended; the services of one are known, and are about to be shown. */
void vb_fault_on_link_up(struct vb_link *link);
void vb_fault_on_link_down(struct vb_device *device);
bool vb_fault_on_services(struct vb_link *link);

/* An adapter is about to hear another one. */
bool vb_fault_on_heard(struct vb_adapter *adapter, struct vb_adapter *from,
                       struct vb_heard *how);

/* A notification's value is about to be told to the clients. */
bool vb_fault_on_value(struct vb_char *chr, const uint8_t *p, size_t n);

/* The ATT_MTU that a property shows; 0: none. */
uint16_t vb_fault_mtu(const struct vb_link *link);

/* The calls that are kept back will never be answered. */
void vb_faults_forget_calls(struct vb *vb);

/* Forget all orders. */
void vb_faults_done(struct vb *vb);

#endif
