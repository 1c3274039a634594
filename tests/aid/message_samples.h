#ifndef GF_TESTS_AID_MESSAGE_SAMPLES_H
#define GF_TESTS_AID_MESSAGE_SAMPLES_H
/*
 * Every message of meter.proto that travels or is kept, a row each, with full samples made from its
 * description; and for each command a request that a meter of meter_still.h can carry out.
 */
#include <pb.h>

#include "tests/aid/meter_still.h"

#define AID_SAMPLE_MAX 2048     /* bytes of an encoded sample, at most */
#define AID_LONGEST 32768       /* ... of one that aid_as_nanopb() takes */

struct aid_message_row {
    const char *name;
    const pb_msgdesc_t *desc;
    size_t size;                /* bytes of the struct */
    bool strict;                /* taken in its one form only */
};

/* All rows; *ret_n is their number. */
const struct aid_message_row *aid_messages(size_t *ret_n);

/* Room for the struct of any row. */
union aid_any {
    gasm_Response response;
    gasm_Request request;
    gasm_ClientHello hello;
    uint64_t align;
};

/* Fill in every field: strings of bytes at their longest, arrays full, numbers that depend on the
 * field's. Of a oneof only member number `member`, counted from 0, is set. False when there is a
 * oneof and it has no such member. */
bool aid_fill(const struct aid_message_row *row, unsigned member, union aid_any *ret);

/* The same for a struct of any description, of all zeroes before; numbers are `number`, when that
 * is not 0, as far as they have its bits. */
bool aid_fill_fields(const pb_msgdesc_t *desc, unsigned member, uint64_t number, void *msg);

/* Assert that mc_pb_encode() makes of a message what nanopb's pb_encode() does. */
void aid_as_nanopb(const pb_msgdesc_t *desc, const void *msg);

/* Encode; AID_SAMPLE_MAX bytes are enough. Asserts that it can be. */
size_t aid_encode(const struct aid_message_row *row, const union aid_any *msg, uint8_t *ret);

/* Requests with content that is right at one of the moments at least, each under an operation id
 * that was not used (the base is the meter's). *ret_n is their number. */
const gasm_Request *aid_requests(size_t *ret_n);

/* Request number i for this meter, encoded; its length. */
size_t aid_request_bytes(const struct aid_world *w, size_t i, uint8_t *ret);

#endif
