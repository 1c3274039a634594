/* label_sheet.h - A4 sheets of meters' labels, as PDF of many pages or SVG of one page each.
 *
 * Each label has its code with the quiet zone, the meter's id and the year of its verification in
 * letters. Lengths are millimetres. Short marks at the labels' corners show where to cut.
 */
#ifndef GF_LABEL_SHEET_H
#define GF_LABEL_SHEET_H

#include "backend/buf.h"
#include "common/err.h"
#include "common/ids.h"

/* X(columns, rows, width, height, left, top, gap between columns), all lengths in 0.1 mm: sheets that
 * are sold cut, by the size of their labels. Gaps between rows are none. Products: the formats,
 * docs/label.md. */
#define LABEL_FORMAT_TABLE(X)                                                                      \
    X(2, 7, 991, 381, 46, 151, 26)                                                                 \
    X(3, 8, 635, 339, 72, 129, 25)                                                                 \
    X(4, 10, 457, 254, 97, 215, 26)                                                                \
    X(5, 13, 381, 212, 47, 107, 25)

struct label_format {
    char name[8]; /* "3x8": columns and rows */
    unsigned columns, rows;
    double width, height, left, top, gap;
};
/* By name; NULL when there is none. The first is at index 0, NULL behind the last. */
const struct label_format *label_format_find(const char *name);
const struct label_format *label_format_at(size_t i);

struct label_item {
    char text[GF_LABEL_TEXT], meter_id[GF_METER_ID_TEXT];
    char verified[16]; /* "2026-06-01" */
};

/* A sheet that is being drawn. */
struct label_sheet;

/* `keep` takes a finished file: the whole PDF, or one SVG a page (`page` 1 first). A failure of it
 * ends the drawing. `skip` labels are left out at the beginning, on a sheet that has been used.
 * *ret is to be given to label_sheet_end(). `made_utc` ("2026-11-22T09:30:00Z") stands in the PDF's
 * description. 0, GF_E_MEMORY. */
struct label_sheet_how {
    const struct label_format *format;
    bool is_svg;
    unsigned skip; /* less than a sheet has */
    const char *made_utc;
    void *ctx;
    int (*keep)(void *ctx, const struct buf *file, unsigned page);
};
int label_sheet_begin(const struct label_sheet_how *how, struct label_sheet **ret);

/* Draw the next label. 0; GF_E_SPACE for a text that is too long for a code; GF_E_MEMORY; what keep
 * says. */
int label_sheet_add(struct label_sheet *s, const struct label_item *item);

/* Finish: the pages so far go to ret_pages (may be NULL). `whole` false throws the rest away. NULL
 * is fine. One sheet at a time: what the drawing libraries keep is given up here. 0, GF_E_MEMORY,
 * what keep says. */
int label_sheet_end(struct label_sheet *s, bool whole, unsigned *ret_pages);

#endif
