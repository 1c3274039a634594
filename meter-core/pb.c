/* pb.c - Protocol Buffers between spans of bytes and structs; see pb.h. */
#include "meter-core/pb.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>

/* The wire types that our schema uses; nanopb refuses a field with another one than its own. */
enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

int mc_pb_encode(const pb_msgdesc_t *desc, const void *msg, uint8_t *ret, size_t cap)
{
    pb_ostream_t out = pb_ostream_from_buffer(ret, cap);

    return pb_encode(&out, desc, msg) ? (int)out.bytes_written : GF_E_SPACE;
}

int mc_pb_decode(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    pb_istream_t in = pb_istream_from_buffer(bytes.p, bytes.n);

    return pb_decode(&in, desc, ret) ? 0 : GF_E_FORMAT;
}

/* A number in 7-bit groups, least significant first; bad when it is cut off, over ten bytes, or
 * longer than it needs. */
static uint64_t rd_varint(struct gf_reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *at = gf_rd(r, 1);

        if (at == NULL)
            return 0;
        v |= (uint64_t)(*at & 0x7F) << shift;
        if (*at < 0x80) {
            r->bad = *at == 0 && shift > 0;
            return v;
        }
    }
    r->bad = true;
    return 0;
}

static void skip_value(struct gf_reader *r, uint64_t wire)
{
    if (wire == WIRE_VARINT) {
        (void)rd_varint(r);
    } else if (wire == WIRE_BYTES) {
        uint64_t n = rd_varint(r);

        (void)gf_rd(r, n > r->left ? SIZE_MAX : (size_t)n);
    } else {
        r->bad = true;
    }
}

int mc_pb_decode_strict(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    struct gf_reader r = { .p = bytes.p, .left = bytes.n };
    pb_field_iter_t known;
    uint64_t last = 0;

    if (!pb_field_iter_begin(&known, desc, ret))
        return GF_E_FORMAT;
    while (r.left > 0 && !r.bad) {
        uint64_t key = rd_varint(&r), field = key >> 3;

        if (r.bad || field <= last || field > UINT32_MAX ||
            !pb_field_iter_find(&known, (uint32_t)field))
            return GF_E_FORMAT;
        last = field;
        skip_value(&r, key & 7);
    }
    return r.bad ? GF_E_FORMAT : mc_pb_decode(desc, bytes, ret);
}
