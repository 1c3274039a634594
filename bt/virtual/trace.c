/* trace.c - what crosses the air, as a file; see trace.h. */
#include "bt/virtual/trace.h"

#include <errno.h>
#include <stdio.h>

#include "bt/virtual/link.h"
#include "bt/virtual/model.h"
#include "common/btsnoop.h"
#include "common/host/real.h"

static int64_t utc_us(void)
{
    const struct gf_clock *clock = gf_real_clock();

    return clock->utc_ms(clock->ctx) * 1000;
}

/* A file that cannot be written is told of when it is closed. */
static void put(const struct vb *vb, const uint8_t *record, size_t n)
{
    (void)fwrite(record, 1, n, vb->trace);
    (void)fflush(vb->trace);
}

int vb_trace_open(struct vb *vb)
{
    uint8_t head[GF_BTSNOOP_HEAD];

    if (!vb->opt.trace)
        return 0;
    vb->trace = fopen(vb->opt.trace, "wbe");
    if (!vb->trace)
        return -errno;
    put(vb, head, gf_btsnoop_head(head));
    return 0;
}

void vb_trace_close(struct vb *vb)
{
    if (!vb->trace)
        return;
    if (ferror(vb->trace) | fclose(vb->trace))
        (void)fprintf(stderr, "virtual-bluez: %s: the trace is not whole\n", vb->opt.trace);
    vb->trace = NULL;
}

void vb_trace_link(const struct vb_link *link, bool up)
{
    uint8_t record[GF_BTSNOOP_RECORD_MAX];
    size_t n;

    if (!link->vb->trace)
        return;
    n = up ? gf_btsnoop_connected(record, utc_us(), link->number, link->at_central->peer->addr)
           : gf_btsnoop_disconnected(record, utc_us(), link->number);
    put(link->vb, record, n);
}

void vb_trace_pdu(const struct vb_link *link, enum vb_direction direction, const uint8_t *pdu,
                  size_t n)
{
    uint8_t record[GF_BTSNOOP_RECORD_MAX];

    if (link->vb->trace)
        put(link->vb, record, gf_btsnoop_att(record, utc_us(), link->number,
                                             direction == VB_TO_PERIPHERAL, pdu, n));
}
