#ifndef GF_BT_VIRTUAL_TRACE_H
#define GF_BT_VIRTUAL_TRACE_H
/*
 * --trace FILE: every PDU that crosses the air, as a btsnoop file that tshark opens: what a monitor
 * at the central's controller would see. Each record is written at once.
 */
#include <stddef.h>
#include <stdint.h>

#include "bt/virtual/air.h"

struct vb;
struct vb_link;

/* Open vb->opt.trace, if it is asked for. 0, or -errno. */
int vb_trace_open(struct vb *vb);
void vb_trace_close(struct vb *vb);

void vb_trace_link(const struct vb_link *link, bool up);
void vb_trace_pdu(const struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                  size_t n);

#endif
