#ifndef GF_TESTS_AID_PICTURE_LABELS_H
#define GF_TESTS_AID_PICTURE_LABELS_H
/*
 * A set of camera frames with a meter's label in them, as the world shows it: turned, small,
 * blurred, pale, noisy, damaged, aslant, inverted, unevenly lit. The label is the one that
 * gasoffice draws. Inside a kind the strength grows from what any reader reads to what none does.
 * The same number and seed give the same frame on every machine.
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/aid/picture.h"

#define LABELS_WIDTH 640
#define LABELS_HEIGHT 480

/* How many frames there are; they are numbered from 0, kind after kind. */
size_t labels_count(void);

/* The kinds, and which one a frame is of: "turned". */
size_t labels_kinds(void);
const char *labels_kind_name(size_t kind);
size_t labels_kind(size_t frame);

/* Draw a frame with this text in its label; freed by picture_free(). Fails the test without
 * memory. */
struct picture labels_frame(size_t frame, uint32_t seed, const char *text);

#endif
