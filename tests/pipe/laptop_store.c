/* laptop_store.c - laptop_store FOLDER PASSPHRASE: a new store for gasfitter whose passphrase costs nothing to try, so
 * that a test which starts gasfitter a hundred times measures gasfitter, not scrypt. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/aid/store_cheap.h"

int main(int argc, char **argv)
{
    struct gf_fail why = {0};

    if (argc != 3) {
        (void)fputs("usage: laptop_store FOLDER PASSPHRASE\n", stderr);
        return 2;
    }
    if (aid_store_cheap(argv[1], argv[2], &why) != 0) {
        (void)fprintf(stderr, "laptop_store: %s\n", why.detail);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
