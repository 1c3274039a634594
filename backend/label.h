/* label.h - a text as a QR code (docs/label.md): for a terminal, as PNG or SVG. */
#ifndef GF_LABEL_DRAW_H
#define GF_LABEL_DRAW_H

#include <stdbool.h>
#include <stdio.h>

#include "backend/buf.h"
#include "common/err.h"

#define LABEL_QUIET 4 /* modules of white around the code (ISO/IEC 18004) */
#define LABEL_SCALE_MAX 32

/* A drawn code: the modules of `text`, the quiet zone included. The caller frees ret->p with
 * buf_free(). 0; GF_E_SPACE when the text is too long for a code. Each byte is 1 for black; `size`
 * modules a side. */
struct label_code {
    struct buf modules;
    size_t size;
};
int label_code(const char *text, struct label_code *ret);

/* Print it: two modules a character in UTF-8 half blocks, or one module in two ASCII characters. To
 * a terminal, with its colours set, so that black is black whatever they were; else without, black
 * as on paper for ASCII ("##"), and for half blocks as on a dark screen. */
void label_print(const struct label_code *code, bool ascii, bool to_terminal, FILE *out);

/* A PNG of it, `scale` pixels a module (1..LABEL_SCALE_MAX), one bit deep, with the text inside as
 * its title. 0, GF_E_MEMORY. */
int label_png(const struct label_code *code, const char *text, unsigned scale, struct buf *ret);

/* An SVG of it: one path, LABEL_MODULE_MM a module on paper, with the text as its title. 0,
 * GF_E_MEMORY. */
#define LABEL_MODULE_MM 0.5
int label_svg(const struct label_code *code, const char *text, struct buf *ret);

#endif
