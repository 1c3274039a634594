#ifndef GF_BT_VIRTUAL_WALK_STATE_H
#define GF_BT_VIRTUAL_WALK_STATE_H
/* What walk.c and walk_parts.c share; nobody else includes it. */
#include "bt/virtual/link.h"
#include "bt/virtual/model.h"
#include "common/bytes.h"

struct vb_range {
    uint16_t start, end;
};

struct vb_ranges {
    struct vb_range *at;
    size_t n;
};

struct vb_walk {
    struct vb_link *link;
    struct vb_range whole;   /* where services are looked for */
    struct vb_range request; /* what the request on the air looks through */
    bool initial, cached, hash_read;
    struct vb_cache fresh;   /* services that are new */
    struct vb_ranges todo;   /* ranges whose includes and characteristics are not read yet */
    struct vb_char *chr;     /* whose descriptors are read */
    struct vb_desc *ext;     /* Extended Properties that is read */
    struct vb_ranges changed; /* Service Changed that came meanwhile */
};

/* Send a request for walk->request, with a type unless that is 0. */
void vb_walk_ask(struct vb_walk *walk, uint8_t op, uint16_t type, vb_response_fn *fn);

/* The entries of a response: their reader and size; false when it is an error. */
bool vb_walk_entries(const uint8_t *pdu, size_t n, struct gf_reader *in, size_t *size);

/* Everything up to handle is answered; true when there is more of walk->request to ask for. */
bool vb_walk_advance(struct vb_walk *walk, uint16_t handle);

struct vb_range vb_range_take(struct vb_ranges *from);

/* Read includes, then characteristics, of the next range to do; descriptors when there is none. */
void vb_walk_next_range(struct vb_walk *walk);

/* Read the descriptors of the characteristics after walk->chr. */
void vb_walk_descriptors(struct vb_walk *walk);

/* Nothing is left to be read in services. */
void vb_walk_found(struct vb_walk *walk);

#endif
