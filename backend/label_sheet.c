/* label_sheet.c - sheets of labels, drawn by cairo; see label_sheet.h. */
#include "backend/label_sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cairo/cairo-pdf.h>
#include <cairo/cairo-svg.h>
#include <cairo/cairo.h>
#include <fontconfig/fontconfig.h>

#include "backend/label.h"

#define PAGE_WIDTH 210.0
#define PAGE_HEIGHT 297.0
#define POINTS_A_MM (72.0 / 25.4)
#define INSET 1.0 /* of the code from the label's edge, against a cut that is not straight */
#define MARK 1.5  /* length of a cut mark */
#define HAIR 0.1  /* its width */

static const struct label_format formats[] = {
#define X(c, r, w, h, l, t, g)                                                                     \
    { #c "x" #r, c, r, (w) / 10.0, (h) / 10.0, (l) / 10.0, (t) / 10.0, (g) / 10.0 },
    LABEL_FORMAT_TABLE(X)
#undef X
};

const struct label_format *label_format_at(size_t i)
{
    return i < sizeof formats / sizeof formats[0] ? &formats[i] : NULL;
}

const struct label_format *label_format_find(const char *name)
{
    for (size_t i = 0; label_format_at(i) != NULL; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

struct label_sheet {
    struct label_sheet_how how;
    struct buf file;
    cairo_t *page; /* NULL: none begun */
    unsigned at;   /* the next place on the page */
    unsigned pages;
    int failed; /* the first failure: nothing is drawn after it */
};

/* ---- files ---- */

static cairo_status_t take_bytes(void *ctx, const unsigned char *p, unsigned n)
{
    struct buf *file = ctx;

    buf_add(file, p, n);
    return file->bad ? CAIRO_STATUS_NO_MEMORY : CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *new_surface(struct label_sheet *s)
{
    double width = PAGE_WIDTH * POINTS_A_MM, height = PAGE_HEIGHT * POINTS_A_MM;
    cairo_surface_t *surface;

    if (s->how.is_svg) {
        surface = cairo_svg_surface_create_for_stream(take_bytes, &s->file, width, height);
        cairo_svg_surface_set_document_unit(surface, CAIRO_SVG_UNIT_PT);
        return surface;
    }
    surface = cairo_pdf_surface_create_for_stream(take_bytes, &s->file, width, height);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, "Labels of gas meters");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, s->how.made_utc);
    return surface;
}

/* The file is whole: give it away. */
static int close_file(struct label_sheet *s, bool whole)
{
    cairo_surface_t *surface = cairo_get_target(s->page);
    cairo_status_t status;
    int r = 0;

    cairo_surface_finish(surface);
    status = cairo_surface_status(surface);
    cairo_destroy(s->page);
    s->page = NULL;
    if (whole && (status != CAIRO_STATUS_SUCCESS || s->file.bad))
        r = GF_E_MEMORY;
    else if (whole)
        r = s->how.keep(s->how.ctx, &s->file, s->pages);
    buf_free(&s->file);
    return r;
}

/* ---- drawing: all lengths in mm ---- */

/* Black modules, a run of them in a row as one rectangle, all in one path: no seams between
 * them. */
static void draw_code(cairo_t *c, const struct label_code *code, double x, double y, double side)
{
    double module = side / (double)code->size;

    for (size_t row = 0; row < code->size; row++)
        for (size_t column = 0, run; column < code->size; column += run + 1) {
            const uint8_t *p = code->modules.p + row * code->size + column;

            for (run = 0; column + run < code->size && p[run] == 1;)
                run++;
            if (run > 0)
                cairo_rectangle(c, x + (double)column * module, y + (double)row * module,
                                (double)run * module, module);
        }
    cairo_fill(c);
}

/* A line of text that is at most `width` wide, its foot at y. */
static void draw_text(cairo_t *c, const char *text, double x, double y, double size, double width)
{
    cairo_text_extents_t is;

    cairo_set_font_size(c, size);
    cairo_text_extents(c, text, &is);
    if (is.x_advance > width)
        cairo_set_font_size(c, size * width / is.x_advance);
    cairo_move_to(c, x, y);
    cairo_show_text(c, text);
}

/* Short lines at the four corners, outwards, so that none comes near the code. */
static void draw_marks(cairo_t *c, const struct label_format *f, double x, double y)
{
    cairo_set_line_width(c, HAIR);
    for (int corner = 0; corner < 4; corner++) {
        double cx = corner % 2 == 0 ? x : x + f->width, cy = corner < 2 ? y : y + f->height;

        cairo_move_to(c, cx - MARK / 2, cy);
        cairo_line_to(c, cx + MARK / 2, cy);
        cairo_move_to(c, cx, cy - MARK / 2);
        cairo_line_to(c, cx, cy + MARK / 2);
    }
    cairo_stroke(c);
}

static void draw_label(struct label_sheet *s, const struct label_item *item,
                       const struct label_code *code)
{
    const struct label_format *f = s->how.format;
    cairo_t *c = s->page;
    double x = f->left + (s->at % f->columns) * (f->width + f->gap);
    double y = f->top + (s->at / f->columns) * f->height;
    double side = f->height - 2 * INSET, left = x + INSET + side,
           width = x + f->width - left - INSET;
    double big = f->height / 7, small = f->height / 10;
    char year[32];

    draw_marks(c, f, x, y);
    draw_code(c, code, x + INSET, y + INSET, side);
    cairo_select_font_face(c, "monospace", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
    draw_text(c, item->meter_id, left, y + f->height / 2, big, width);
    cairo_select_font_face(c, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    draw_text(c, "gas meter", left, y + f->height / 2 - 1.3 * big, small, width);
    (void)snprintf(year, sizeof year, "verified %.4s", item->verified);
    draw_text(c, year, left, y + f->height / 2 + 1.3 * big, small, width);
}

/* ---- sheets ---- */

static int begin_page(struct label_sheet *s)
{
    if (s->page != NULL && s->how.is_svg) {
        int r = close_file(s, true);

        if (r < 0)
            return r;
    }
    if (s->page != NULL)
        cairo_show_page(s->page);
    else {
        cairo_surface_t *surface = new_surface(s);

        s->page = cairo_create(surface);
        cairo_surface_destroy(surface); /* the page holds it */
        cairo_scale(s->page, POINTS_A_MM, POINTS_A_MM);
    }
    s->at = s->pages == 0 ? s->how.skip : 0;
    s->pages++;
    return cairo_status(s->page) == CAIRO_STATUS_SUCCESS ? 0 : GF_E_MEMORY;
}

int label_sheet_begin(const struct label_sheet_how *how, struct label_sheet **ret)
{
    struct label_sheet *s = calloc(1, sizeof *s);

    if (s == NULL)
        return GF_E_MEMORY;
    s->how = *how;
    s->at = how->format->columns * how->format->rows; /* as if a page were full */
    *ret = s;
    return 0;
}

int label_sheet_add(struct label_sheet *s, const struct label_item *item)
{
    struct label_code code;

    if (s->failed == 0)
        s->failed = label_code(item->text, &code);
    else
        return s->failed;
    if (s->failed != 0)
        return s->failed;
    if (s->at == s->how.format->columns * s->how.format->rows)
        s->failed = begin_page(s);
    if (s->failed == 0)
        draw_label(s, item, &code);
    s->at++;
    buf_free(&code.modules);
    return s->failed;
}

int label_sheet_end(struct label_sheet *s, bool whole, unsigned *ret_pages)
{
    int r = 0;

    if (s == NULL)
        return 0;
    if (s->page != NULL)
        r = close_file(s, whole && s->failed == 0);
    if (ret_pages != NULL)
        *ret_pages = s->pages;
    r = s->failed != 0 ? s->failed : r;
    buf_free(&s->file);
    free(s);
    cairo_debug_reset_static_data(); /* what drawing text keeps until the process ends: */
    FcFini();                        /* nothing else here draws */
    return r;
}
