#ifndef GF_TESTS_FUZZ_IMAGE_H
#define GF_TESTS_FUZZ_IMAGE_H
/*
 * Flash that is erased but for what an input says, and cheap to erase again: only the pages that
 * were touched are. It aborts when a unit is programmed twice between erases.
 *
 * An image is written as pieces, so that a fuzzer need not guess checksums. A piece: op 1, then
 *   RAW     length 1 | bytes                          at the cursor
 *   SEEK    sector 1 | slot 2 LE                      the cursor goes there
 *   RECORD  type 1 | how 1 | length 2 LE | [sequence 4 LE when how says so] | payload
 *                                                     at the cursor, with checksums
 *   all else                                          the cursor skips that many slots
 */
#include "common/bytes.h"
#include "meter-core/meter.h"

enum { IMAGE_RAW = 1, IMAGE_SEEK = 2, IMAGE_RECORD = 3 };

/* How a record is written: bits. */
enum {
    IMAGE_SEQUENCE = 1,     /* with the sequence that follows; else one more than the last */
    IMAGE_SAME = 2,         /* with the sequence of the last */
    IMAGE_BAD_HEAD = 4,     /* its first checksum is wrong */
    IMAGE_BAD_TAIL = 8,     /* its last one is */
    IMAGE_TORN = 16,        /* its last slot was never programmed */
};

/* All flash erased. The port stays valid until the next call. */
struct mc_nvm image_new(uint32_t sector_size, uint32_t sectors, uint32_t unit);

/* Write pieces until the reader's end. */
void image_write(struct gf_reader *in);

#endif
