#ifndef GF_TESTS_AID_PICTURE_ZBARIMG_H
#define GF_TESTS_AID_PICTURE_ZBARIMG_H
/*
 * What zbarimg, the program of zbar, reads in pictures: collect them, run it once over all, ask.
 */
#include <stdbool.h>

#include "tests/aid/picture.h"

struct zbarimg;

/* Fail the test without memory, files, or the program. */
struct zbarimg *zbarimg_new(void);
void zbarimg_free(struct zbarimg *z);

/* Write a picture for it; they are numbered from 0. */
void zbarimg_add(struct zbarimg *z, const struct picture *p);

/* Run it over all of them. */
void zbarimg_run(struct zbarimg *z);

/* Did it read this text in picture n? */
bool zbarimg_read(const struct zbarimg *z, size_t n, const char *text);

#endif
