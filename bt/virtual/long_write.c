/* long_write.c - writing with Prepare and Execute; see value.h. */
#include "bt/virtual/att.h"
#include "bt/virtual/value.h"
#include "common/bytes.h"

static void on_prepared(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n);

static size_t part_len(const struct vb_link *link, const struct vb_op *op)
{
    size_t left = op->bytes.n - op->done, room = (size_t)link->mtu - 5;

    return left < room ? left : room;
}

static void start_next(struct vb_link *link);

static void on_executed(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_op *op = arg;
    uint8_t code = vb_response_error(pdu, n, VB_ATT_EXECUTE_RSP);

    TAILQ_REMOVE(&link->long_writes, op, next);
    vb_op_end(link->vb, op, op->code ? op->code : code);
    if (pdu)
        start_next(link);
}

/* Execute what was prepared, or cancel it when a part was refused. */
static void execute(struct vb_link *link, struct vb_op *op)
{
    uint8_t pdu[2] = {VB_ATT_EXECUTE_REQ, op->code ? 0 : 1};

    vb_link_request(link, VB_FOR_CLIENT, pdu, sizeof pdu, on_executed, op);
}

static void prepare(struct vb_link *link, struct vb_op *op)
{
    uint8_t pdu[VB_ATT_MTU_MAX];
    struct gf_writer w = {.p = pdu, .cap = sizeof pdu};

    gf_wr_uint(&w, VB_ATT_PREPARE_REQ, 1);
    gf_wr_uint(&w, op->handle, 2);
    gf_wr_uint(&w, op->offset + op->done, 2);
    if (op->bytes.n > 0)
        gf_wr(&w, op->bytes.p + op->done, part_len(link, op));
    vb_link_request(link, VB_FOR_CLIENT, pdu, w.n, on_prepared, op);
}

static void on_prepared(struct vb_link *link, void *arg, const uint8_t *pdu, size_t n)
{
    struct vb_op *op = arg;

    op->code = vb_response_error(pdu, n, VB_ATT_PREPARE_RSP);
    if (!pdu) {
        TAILQ_REMOVE(&link->long_writes, op, next);
        vb_op_end(link->vb, op, op->code);
        return;
    }
    op->done += part_len(link, op);
    if (op->code || op->done >= op->bytes.n)
        execute(link, op);
    else
        prepare(link, op);
}

static void start_next(struct vb_link *link)
{
    struct vb_op *op = TAILQ_FIRST(&link->long_writes);

    if (op)
        prepare(link, op);
}

void vb_write_long(struct vb_link *link, struct vb_op *op)
{
    bool idle = TAILQ_EMPTY(&link->long_writes);

    TAILQ_INSERT_TAIL(&link->long_writes, op, next);
    if (idle)
        start_next(link);
}
