#ifndef GF_TESTS_AID_VECTORS_H
#define GF_TESTS_AID_VECTORS_H
/*
 * The published files of tests/vectors/, by their names without folder and ending. Failures are
 * cmocka's.
 */
#include <jansson.h>
#include <stdbool.h>

#include "common/bytes.h"

/* End the document of aid_json_begin and compare it with the published file. With `publish` that
 * file is written first. */
void aid_vectors_settle(const char *name, bool publish);

/* Read a file; the caller releases it with json_decref. */
json_t *aid_vectors_load(const char *name);

/* The bytes of a hex member, in one of 16 buffers that take turns. */
struct gf_span aid_vectors_bytes(const json_t *j, const char *member);

#endif
