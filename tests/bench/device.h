/* device.h - a device of the staff with a key and a certificate of its own in a file, for clients
 * that speak TLS. */
#ifndef GF_TESTS_BENCH_DEVICE_H
#define GF_TESTS_BENCH_DEVICE_H

#include "tests/aid/office_aid.h"

/* Enrol one of this member of the staff; certificate and key go to `path` as PEM, its id to ret. */
void bench_device(struct oaid_office *office, const char *staff_no, const char *path,
                  char ret[static GF_UUID_TEXT]);

#endif
