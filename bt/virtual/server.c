/* server.c - the GATT server of a link: finding attributes; see server.h. */
#include "bt/virtual/server.h"

#include <string.h>

#include "bt/virtual/att.h"
#include "bt/virtual/db.h"
#include "bt/virtual/link.h"
#include "common/bytes.h"

/* A response that is filled with entries of one size until the MTU is reached. */
struct response {
    uint8_t bytes[VB_ATT_MTU_MAX];
    struct gf_writer w;
    size_t entry; /* bytes of an entry, 0 before the first */
    size_t max;   /* the MTU */
};

static struct vb_db *db_of(const struct vb_link *link)
{
    return &link->at_peripheral->adapter->db;
}

void vb_server_error(struct vb_link *link, uint8_t op, uint16_t handle, uint8_t code)
{
    uint8_t pdu[5] = {VB_ATT_ERROR_RSP, op, (uint8_t)handle, (uint8_t)(handle >> 8), code};

    vb_link_answer(link, pdu, sizeof pdu);
}

static void begin(struct response *r, const struct vb_link *link, uint8_t op)
{
    r->w = (struct gf_writer){.p = r->bytes, .cap = sizeof r->bytes};
    r->entry = 0;
    r->max = link->mtu;
    gf_wr_uint(&r->w, op, 1);
    gf_wr_uint(&r->w, 0, 1); /* the entries' size or format, known with the first */
}

/* Add an entry: two bytes of handle, or four with the group's end, then data. False: it does not
 * fit, or has another size than those before it. */
static bool put(struct response *r, const struct vb_attr *attr, bool with_end, const uint8_t *data,
                size_t n)
{
    size_t size = (with_end ? 4u : 2u) + n;

    if ((r->entry && r->entry != size) || r->w.n + size > r->max)
        return false;
    if (r->entry == 0)
        r->bytes[1] = (uint8_t)size;
    r->entry = size;
    gf_wr_uint(&r->w, attr->handle, 2);
    if (with_end)
        gf_wr_uint(&r->w, attr->end, 2);
    gf_wr(&r->w, data, n);
    return true;
}

/* Send it, or Attribute Not Found when it is empty. */
static void finish(struct vb_link *link, const struct response *r, uint8_t request, uint16_t start)
{
    if (r->entry)
        vb_link_answer(link, r->bytes, r->w.n);
    else
        vb_server_error(link, request, start, VB_ATT_E_NOT_FOUND);
}

static void exchange_mtu(struct vb_link *link, struct gf_reader *in)
{
    uint16_t wanted = (uint16_t)gf_rd_uint(in, 2);
    unsigned own = link->vb->opt.mtu;
    uint8_t pdu[3] = {VB_ATT_MTU_RSP, (uint8_t)own, (uint8_t)(own >> 8)};

    vb_link_answer(link, pdu, sizeof pdu);
    link->mtu = (uint16_t)(wanted < own ? wanted : own);
    if (link->mtu < VB_ATT_MTU_MIN)
        link->mtu = VB_ATT_MTU_MIN;
}

static void read_by_group(struct vb_link *link, uint16_t start, uint16_t end,
                          const struct vb_uuid *type)
{
    struct vb_db *db = db_of(link);
    struct response r;

    if (!vb_uuid_is(type, VB_UUID_PRIMARY) && !vb_uuid_is(type, VB_UUID_SECONDARY)) {
        vb_server_error(link, VB_ATT_GROUP_REQ, start, VB_ATT_E_GROUP);
        return;
    }
    begin(&r, link, VB_ATT_GROUP_RSP);
    for (size_t i = vb_db_from(db, start); i < db->n && db->attrs[i].handle <= end; i++) {
        const struct vb_attr *attr = &db->attrs[i];

        if (vb_uuid_same(&attr->type, type) && !put(&r, attr, true, attr->value.p, attr->value.n))
            break;
    }
    finish(link, &r, VB_ATT_GROUP_REQ, start);
}

static void read_by_type(struct vb_link *link, uint16_t start, uint16_t end,
                         const struct vb_uuid *type)
{
    struct vb_db *db = db_of(link);
    struct response r;

    begin(&r, link, VB_ATT_READ_TYPE_RSP);
    for (size_t i = vb_db_from(db, start); i < db->n && db->attrs[i].handle <= end; i++) {
        const struct vb_attr *attr = &db->attrs[i];
        bool is_hash = attr->source == VB_FROM_HASH;

        if (!vb_uuid_same(&attr->type, type))
            continue;
        if (!is_hash && attr->source != VB_FROM_TABLE) {
            /* Values that the link or the application keeps are read by their handles only. */
            vb_server_error(link, VB_ATT_READ_TYPE_REQ, attr->handle, VB_ATT_E_READ);
            return;
        }
        if (!put(&r, attr, false, is_hash ? db->hash : attr->value.p,
                 is_hash ? sizeof db->hash : attr->value.n))
            break;
    }
    finish(link, &r, VB_ATT_READ_TYPE_REQ, start);
}

static void find_information(struct vb_link *link, uint16_t start, uint16_t end)
{
    struct vb_db *db = db_of(link);
    struct response r;

    begin(&r, link, VB_ATT_FIND_INFO_RSP);
    for (size_t i = vb_db_from(db, start); i < db->n && db->attrs[i].handle <= end; i++) {
        uint8_t wire[16];

        if (!put(&r, &db->attrs[i], false, wire, vb_uuid_wire(&db->attrs[i].type, wire)))
            break;
    }
    r.bytes[1] = r.entry == 4 ? 1 : 2;
    finish(link, &r, VB_ATT_FIND_INFO_REQ, start);
}

/* The requests that look through a range of handles. */
static void search(struct vb_link *link, uint8_t op, struct gf_reader *in)
{
    uint16_t start = (uint16_t)gf_rd_uint(in, 2), end = (uint16_t)gf_rd_uint(in, 2);
    struct vb_uuid type = {{0}};

    if (op != VB_ATT_FIND_INFO_REQ && (in->left == 2 || in->left == 16))
        type = vb_uuid_from_wire(in->p, (unsigned)in->left);
    else if (op != VB_ATT_FIND_INFO_REQ || in->left != 0)
        in->bad = true;
    if (in->bad)
        vb_server_error(link, op, 0, VB_ATT_E_PDU);
    else if (start == 0 || start > end)
        vb_server_error(link, op, start, VB_ATT_E_HANDLE);
    else if (op == VB_ATT_GROUP_REQ)
        read_by_group(link, start, end, &type);
    else if (op == VB_ATT_READ_TYPE_REQ)
        read_by_type(link, start, end, &type);
    else
        find_information(link, start, end);
}

void vb_server_take(struct vb_link *link, const uint8_t *pdu, size_t n)
{
    struct gf_reader in = {.p = pdu + 1, .left = n - 1};
    uint16_t handle;

    switch (pdu[0]) {
    case VB_ATT_MTU_REQ:
        exchange_mtu(link, &in);
        break;
    case VB_ATT_FIND_INFO_REQ:
    case VB_ATT_READ_TYPE_REQ:
    case VB_ATT_GROUP_REQ:
        search(link, pdu[0], &in);
        break;
    case VB_ATT_READ_REQ:
    case VB_ATT_BLOB_REQ:
        handle = (uint16_t)gf_rd_uint(&in, 2);
        vb_server_read(link, pdu[0], handle,
                       pdu[0] == VB_ATT_BLOB_REQ ? (uint16_t)gf_rd_uint(&in, 2) : 0);
        break;
    case VB_ATT_WRITE_REQ:
    case VB_ATT_WRITE_CMD:
        handle = (uint16_t)gf_rd_uint(&in, 2);
        vb_server_write(link, pdu[0], handle, in.p, in.left);
        break;
    case VB_ATT_PREPARE_REQ:
        vb_server_prepare(link, pdu, n);
        break;
    case VB_ATT_EXECUTE_REQ:
        vb_server_execute(link, (uint8_t)gf_rd_uint(&in, 1));
        break;
    case VB_ATT_CONFIRM:
        vb_server_confirmed(link);
        break;
    default:
        vb_server_error(link, pdu[0], 0, VB_ATT_E_UNSUPPORTED);
    }
}
