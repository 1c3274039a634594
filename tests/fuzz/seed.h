#ifndef GF_TESTS_FUZZ_SEED_H
#define GF_TESTS_FUZZ_SEED_H
/* What programs that write seeds share. */
#include <sys/stat.h>

#include "common/bytes.h"
#include "common/crc.h"
#include "tests/fuzz/fuzz.h"

/* Write a seed into root/target. The merge keeps what reaches more code, and whatever is named
 * kept-*: what once went wrong. */
static inline void fuzz_write_seed(const char *root, const char *target, const char *name,
                                   const uint8_t *p, size_t n)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", root, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s-%08x", root, target, name,
                   (unsigned)gf_crc32(0, p, n));
    f = fopen(path, "wb");
    FUZZ_INSIST(f != NULL && fwrite(p, 1, n, f) == n && fclose(f) == 0, path);
}

#endif
