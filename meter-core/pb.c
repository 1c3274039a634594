/* pb.c - Protocol Buffers between spans of bytes and structs; see pb.h. */
#include "meter-core/pb.h"

#include <pb_common.h>
#include <pb_decode.h>
#include <pb_encode.h>

#include "meter-core/proto/meter.pb.h"

/* ---- encoding ----
 *
 * nanopb's tables of fields and its encoders of values, but not its pb_encode(): that goes over a
 * message inside another twice at each depth, first for its length alone. Here it is written where
 * it will stand, and moves on by a byte when its length takes two. */

#define LENGTH_SHORT 0x7F       /* takes one byte */
#define LENGTH_MAX 2            /* bytes that tell a length */

/* A value as 64 bits, which for a number below zero are those of its complement. */
static uint64_t number(const pb_field_iter_t *f)
{
    bool below_zero = PB_LTYPE(f->type) == PB_LTYPE_VARINT || PB_LTYPE(f->type) == PB_LTYPE_SVARINT;

    switch (f->data_size) {
    case sizeof(uint8_t):
        return *(const uint8_t *)f->pData;
    case sizeof(uint32_t):
        return below_zero ? (uint64_t)*(const int32_t *)f->pData : *(const uint32_t *)f->pData;
    default:
        return *(const uint64_t *)f->pData;
    }
}

/* How many values of a field are written: none that says no more than its absence. */
static size_t values_of(const pb_field_iter_t *f)
{
    if (PB_HTYPE(f->type) == PB_HTYPE_REPEATED)
        return *(const pb_size_t *)f->pSize;
    switch (PB_LTYPE(f->type)) {
    case PB_LTYPE_FIXED_LENGTH_BYTES:
        return 1;
    case PB_LTYPE_SUBMESSAGE:
        return *(const bool *)f->pSize;
    case PB_LTYPE_BYTES:
        return ((const pb_bytes_array_t *)f->pData)->size > 0;
    case PB_LTYPE_STRING:
        return *(const char *)f->pData != '\0';
    default:
        return number(f) != 0;
    }
}

static bool put_message(pb_ostream_t *out, const pb_field_iter_t *f);

static bool put_value(pb_ostream_t *out, const pb_field_iter_t *f)
{
    const pb_bytes_array_t *bytes = f->pData;
    const char *text = f->pData, *end;

    if (!pb_encode_tag_for_field(out, f))
        return false;
    switch (PB_LTYPE(f->type)) {
    case PB_LTYPE_FIXED_LENGTH_BYTES:
        return pb_encode_string(out, f->pData, f->data_size);
    case PB_LTYPE_SUBMESSAGE:
        return put_message(out, f);
    case PB_LTYPE_BYTES:
        return bytes->size <= f->data_size - offsetof(pb_bytes_array_t, bytes) &&
               pb_encode_string(out, bytes->bytes, bytes->size);
    case PB_LTYPE_STRING:
        end = memchr(text, '\0', f->data_size);
        return end != NULL && pb_encode_string(out, f->pData, (size_t)(end - text));
    case PB_LTYPE_SVARINT:
        return pb_encode_svarint(out, (int64_t)number(f));
    default:
        return pb_encode_varint(out, number(f));
    }
}

/* The member of a oneof that is there, if one is. */
static bool put_member(pb_ostream_t *out, pb_field_iter_t *f)
{
    pb_size_t which = *(const pb_size_t *)f->pSize;

    return which == 0 || (pb_field_iter_find(f, which) && put_value(out, f));
}

static bool put_fields(pb_ostream_t *out, const pb_msgdesc_t *desc, const void *msg)
{
    pb_field_iter_t f;
    bool good = true, more = pb_field_iter_begin_const(&f, desc, msg);

    while (good && more) {
        size_t left;

        if (PB_HTYPE(f.type) == PB_HTYPE_ONEOF)
            return put_member(out, &f);     /* with which each message ends that has one */
        left = values_of(&f);
        for (good = left <= f.array_size; good && left > 0; left--) {
            good = put_value(out, &f);
            f.pData = (char *)f.pData + f.data_size;
        }
        more = pb_field_iter_next(&f);
    }
    return good;
}

static bool write_bytes(pb_ostream_t *out, const pb_byte_t *bytes, size_t n)
{
    struct gf_writer *w = out->state;

    if (n == 1 && w->n < w->cap) {      /* as most that nanopb writes */
        w->p[w->n++] = *bytes;
        return true;
    }
    gf_wr(w, bytes, n);
    return !w->bad;
}

static pb_ostream_t stream_of(struct gf_writer *w)
{
    return (pb_ostream_t){.callback = write_bytes, .state = w, .max_size = SIZE_MAX};
}

/* A message inside another, behind its length. */
static bool put_message(pb_ostream_t *out, const pb_field_iter_t *f)
{
    struct gf_writer *w = out->state, head = {w->p + w->n, LENGTH_MAX, 0, false};
    pb_ostream_t length = stream_of(&head);
    const uint8_t room = 0;
    size_t n;

    gf_wr(w, &room, 1);
    if (w->bad || !put_fields(out, f->submsg_desc, f->pData))
        return false;
    n = (size_t)(w->p + w->n - head.p) - 1;
    if (n > LENGTH_SHORT) {
        gf_wr(w, &room, 1);
        if (w->bad)
            return false;
        memmove(head.p + 2, head.p + 1, n);
    }
    return pb_encode_varint(&length, n);
}

int mc_pb_encode(const pb_msgdesc_t *desc, const void *msg, uint8_t *ret, size_t cap)
{
    struct gf_writer w = {ret, cap, 0, false};
    pb_ostream_t out = stream_of(&w);

    return put_fields(&out, desc, msg) ? (int)w.n : GF_E_SPACE;
}

/* ---- decoding ---- */

int mc_pb_decode(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    pb_istream_t in = pb_istream_from_buffer(bytes.p, bytes.n);

    return pb_decode(&in, desc, ret) ? 0 : GF_E_FORMAT;
}

int mc_pb_decode_zeroed(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    pb_istream_t in = pb_istream_from_buffer(bytes.p, bytes.n);

    return pb_decode_ex(&in, desc, ret, PB_DECODE_NOINIT) ? 0 : GF_E_FORMAT;
}

/* True when these bytes are what mc_pb_encode() makes of msg. Never inlined: its copy and what
 * decoding takes do not stand on the stack together. */
static __attribute__((noinline)) bool is_its_form(const pb_msgdesc_t *desc, const void *msg,
                                                  struct gf_span bytes)
{
    uint8_t form[gasm_SealedReceipt_size];     /* the longest that is read strictly */
    int n = mc_pb_encode(desc, msg, form, sizeof form);

    return n >= 0 && (size_t)n == bytes.n && (n == 0 || memcmp(form, bytes.p, bytes.n) == 0);
}

int mc_pb_decode_strict(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret)
{
    if (mc_pb_decode(desc, bytes, ret) != 0 || !is_its_form(desc, ret, bytes))
        return GF_E_FORMAT;
    return 0;
}
