#ifndef GF_TESTS_FUZZ_FUZZ_H
#define GF_TESTS_FUZZ_FUZZ_H
/*
 * What the fuzz targets share. Each target is one file: it is given bytes, does with them what a
 * hostile peer or a worn flash could, and aborts when something that must hold does not.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"

/* libFuzzer's entry. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Abort, and say what does not hold. */
#define FUZZ_INSIST(ok, what) \
    do { \
        if (!(ok)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, (what)); \
            abort(); \
        } \
    } while (0)

/* The next n bytes of the input (fewer when it ends) in memory of exactly that length, so that a
 * read beyond them is seen. The caller frees it. */
static inline uint8_t *fuzz_take(struct gf_reader *in, size_t n, size_t *ret_n)
{
    size_t len = in->bad ? 0 : n < in->left ? n : in->left;
    uint8_t *p = malloc(len > 0 ? len : 1);

    FUZZ_INSIST(p != NULL, "no memory");
    if (len > 0)
        memcpy(p, gf_rd(in, len), len);
    *ret_n = len;
    return p;
}

#endif
