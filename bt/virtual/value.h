#ifndef GF_BT_VIRTUAL_VALUE_H
#define GF_BT_VIRTUAL_VALUE_H
/* Reading and writing of characteristics and descriptors for D-Bus clients. */
#include "bt/virtual/link.h"
#include "bt/virtual/model.h"

/* Methods: self is a struct vb_char or vb_desc. */
void vb_char_read(struct vb *vb, void *self, sd_bus_message *m);
void vb_char_write(struct vb *vb, void *self, sd_bus_message *m);
void vb_desc_read(struct vb *vb, void *self, sd_bus_message *m);
void vb_desc_write(struct vb *vb, void *self, sd_bus_message *m);

/* Their characteristic or descriptor goes away: its calls fail. */
void vb_value_drop(struct vb_op **reading, struct vb_op **writing);

/* A value arrived for a characteristic: keep and announce it, changed or not. */
void vb_char_set_value(struct vb_char *chr, const uint8_t *bytes, size_t n);

/* The ATT error of a response: 0 when it has the opcode that is expected. The link's end is an
 * Unlikely Error, as bluetoothd tells it. */
uint8_t vb_response_error(const uint8_t *pdu, size_t n, uint8_t expected);

/* The end of a long read. code 0: n bytes, which are the reader's until fn returns. */
typedef void vb_long_read_fn(struct vb_link *link, void *arg, uint8_t code, const uint8_t *bytes,
                             size_t n);

/* Read a value whole, with as many requests as the MTU makes necessary. */
void vb_read_long(struct vb_link *link, enum vb_purpose purpose, uint16_t handle, uint16_t offset,
                  vb_long_read_fn *fn, void *arg);

/* private: value.c and long_write.c */
struct vb_op {
    TAILQ_ENTRY(vb_op) next;
    sd_bus_message **calls; /* reads of one value join */
    size_t n_calls;
    struct vb_op **slot;    /* in the characteristic or descriptor; NULL when that is gone */
    struct vb_bytes *value; /* likewise: what was read is kept there */
    bool *has_value;
    const char *path, *iface;
    uint16_t handle, offset;
    struct vb_bytes bytes; /* what is written */
    size_t done;
    uint8_t code;
};

/* Answer all calls of an operation and free it. */
void vb_op_end(struct vb *vb, struct vb_op *op, uint8_t code);

/* Write with Prepare and Execute; one such write at a time on a link. */
void vb_write_long(struct vb_link *link, struct vb_op *op);

#endif
