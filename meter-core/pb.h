/* pb.h - Protocol Buffers between spans of bytes and structs, over nanopb. Freestanding. */
#ifndef GF_METER_PB_H
#define GF_METER_PB_H

#include <pb.h>

#include "common/bytes.h"
#include "common/err.h"

/* Encode msg (a struct of `desc`, e.g. gasm_Ticket_fields) as nanopb's pb_encode() does: bytes
 * written to ret, or GF_E_SPACE. For the kinds of fields that meter.proto and sync.proto have, and
 * one oneof a message at most, which ends it. */
int mc_pb_encode(const pb_msgdesc_t *desc, const void *msg, uint8_t *ret, size_t cap);

/* Decode; unknown fields are skipped. 0, or GF_E_FORMAT (*ret is then not to be used). */
int mc_pb_decode(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret);

/* The same into a struct that is all zeroes, which nanopb then need not clear field by field. */
int mc_pb_decode_zeroed(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret);

/* Decode what keys are made from or what has to be one string of bytes only: exactly the bytes that
 * mc_pb_encode() makes of what they say. Fields in ascending order, each at most once, none unknown
 * (inside other messages too), every number in its shortest form, no field that says zero or empty
 * but for byte strings of fixed length, which are always there. 0, or GF_E_FORMAT (*ret is then not
 * to be used). */
int mc_pb_decode_strict(const pb_msgdesc_t *desc, struct gf_span bytes, void *ret);

#endif
