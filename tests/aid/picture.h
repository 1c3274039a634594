#ifndef GF_TESTS_AID_PICTURE_H
#define GF_TESTS_AID_PICTURE_H
/*
 * Pictures for tests of scanning: grey canvases with QR codes (libqrencode) and Code 128 bars,
 * turned into camera frames or PNG files of every kind.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture {
    unsigned width, height;
    uint8_t *grey;              /* width * height, 255 is white */
};

/* A white canvas; freed by picture_free(). Fails the test without memory. */
struct picture picture_new(unsigned width, unsigned height);
void picture_free(struct picture *p);

/* Draw a QR code of the text with its centre at (x, y), `scale` pixels a module, turned by
 * `degrees` (0..). */
void picture_qr(struct picture *p, const char *text, double x, double y, double scale, int degrees);

/* Draw Code 128 (set B) of the text with its left upper corner at (x, y), `scale` pixels a bar. */
void picture_code128(struct picture *p, const char *text, unsigned x, unsigned y, unsigned scale,
                     unsigned height);

/* The picture as YUYV with `pad` bytes behind each line; *ret_len and *ret_stride are its measures.
 * To be freed. */
uint8_t *picture_yuyv(const struct picture *p, size_t pad, size_t *ret_len, size_t *ret_stride);

/* Write a PNG: colour type and bits of libpng's, interlaced or not. Palette pictures have 2^bits
 * greys; alpha is full but for the white parts, which are transparent over black. */
void picture_png(const struct picture *p, const char *path, int colour_type, int bits,
                 bool interlaced);

#endif
