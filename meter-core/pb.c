/* pb.c - Protocol Buffers between spans of bytes and structs; see pb.h. */
#include "meter-core/pb.h"

#include <pb_decode.h>
#include <pb_encode.h>

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

/* Writes nothing: says whether these bytes stand next. */
static bool compare(pb_ostream_t *out, const pb_byte_t *bytes, size_t n)
{
    const uint8_t *next = gf_rd(out->state, n);

    return next != NULL && memcmp(next, bytes, n) == 0;
}

int mc_pb_decode_strict(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    struct gf_reader next = { .p = bytes.p, .left = bytes.n };
    pb_ostream_t again = { .callback = compare, .state = &next, .max_size = SIZE_MAX };

    if (mc_pb_decode(desc, bytes, ret) != 0)
        return GF_E_FORMAT;
    return pb_encode(&again, desc, ret) && next.left == 0 ? 0 : GF_E_FORMAT;
}
