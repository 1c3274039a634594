/* test_label_sheet.c - every label of a printed sheet reads as its meter's: PDF pages and SVG files
 * rendered, cut at the labels' edges and scanned as gasfitter scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/label.h"
#include "backend/label_sheet.h"
#include "tests/aid/document.h"
#include "tests/aid/proc.h"
#include "tui/scan.h"

#define DPI 150
#define PAGES_MAX 8

/* What was kept: a file a page of SVG, one PDF. */
struct kept {
    unsigned files;
    bool is_svg;
    int fails; /* what keep says */
};

static void path_of(const char *kind, unsigned page, char ret[static 512])
{
    (void)snprintf(ret, 512, "%s/sheet-%u.%s", aid_tmpdir(), page, kind);
}

static int keep(void *ctx, const struct buf *file, unsigned page)
{
    struct kept *k = ctx;
    char path[512];
    FILE *f;

    path_of(k->is_svg ? "svg" : "pdf", k->is_svg ? page : 1, path);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file->p, 1, file->n, f), file->n);
    assert_int_equal(fclose(f), 0);
    k->files++;
    return k->fails;
}

static struct label_item item_of(unsigned i)
{
    struct label_item item = { .verified = "2026-06-01" };
    struct gf_label label = { 0 };
    char ten[11];

    (void)snprintf(ten, sizeof ten, "GM%08u", i);
    memcpy(item.meter_id, ten, 10);
    assert_int_equal(gf_meter_id_digits(ten, item.meter_id + 10), 0);
    memcpy(label.meter_id, item.meter_id, sizeof item.meter_id);
    (void)snprintf(label.address, sizeof label.address, "02:00:00:00:%02X:%02X", i >> 8 & 255,
                   i & 255);
    assert_int_equal(gf_label_format(&label, item.text), 0);
    return item;
}

static void run(const char *const *argv)
{
    pid_t pid = aid_spawn(argv, NULL);

    assert_true(pid > 0);
    assert_int_equal(aid_wait_exit(pid, 60000), 0);
}

/* The n labels that stand on a page behind `skip` empty places, from number `first` on, in a picture
 * of it. */
static void check_page(const char *png, const struct label_format *f, unsigned skip, unsigned first,
                       unsigned n)
{
    struct frame_source *source = scan_file_new(png);
    struct scanner *scanner = scanner_new();
    struct gf_fail why = { 0 };
    struct frame page;
    double dots = DPI / 25.4;

    assert_non_null(source);
    assert_non_null(scanner);
    assert_int_equal(source->open(source->ctx, &why), 0);
    assert_int_equal(source->next(source->ctx, &page, &why), 1);
    assert_in_range(page.width, 1238, 1242); /* A4 */
    assert_in_range(page.height, 1752, 1756);
    for (unsigned at = 0; at < f->columns * f->rows; at++) {
        size_t x = (size_t)((f->left + at % f->columns * (f->width + f->gap)) * dots);
        size_t y = (size_t)((f->top + at / f->columns * f->height) * dots);
        struct frame label = { .p = page.p + y * page.stride + x,
                               .width = (unsigned)(f->width * dots),
                               .height = (unsigned)(f->height * dots),
                               .stride = page.stride,
                               .step = page.step };
        struct scan_code codes[SCAN_CODES_MAX];

        assert_true(x + label.width <= page.width && y + label.height <= page.height);
        label.len = (label.height - 1) * page.stride + label.width;

        int got = scanner_look(scanner, &label, codes, SCAN_CODES_MAX, &why);
        if (at < skip || at >= skip + n)
            assert_int_equal(got, 0);
        else {
            assert_int_equal(got, 1);
            assert_string_equal(codes[0].text, item_of(first + at - skip).text);
        }
    }
    scanner_free(scanner);
    frame_source_free(source);
}

/* Draw n labels; how many pages. */
static unsigned draw(const struct label_format *f, bool is_svg, unsigned skip, unsigned n)
{
    struct kept kept = { .is_svg = is_svg };
    const struct label_sheet_how how = { .format = f,
                                         .is_svg = is_svg,
                                         .skip = skip,
                                         .made_utc = "2026-11-22T09:30:00Z",
                                         .ctx = &kept,
                                         .keep = keep };
    struct label_sheet *sheet = NULL;
    unsigned pages = 0;

    assert_int_equal(label_sheet_begin(&how, &sheet), 0);
    for (unsigned i = 0; i < n; i++) {
        struct label_item item = item_of(i);

        assert_int_equal(label_sheet_add(sheet, &item), 0);
    }
    assert_int_equal(label_sheet_end(sheet, true, &pages), 0);
    assert_int_equal(kept.files, is_svg ? pages : 1);
    return pages;
}

static void check_pdf(const struct label_format *f, unsigned skip, unsigned n)
{
    unsigned a_page = f->columns * f->rows, pages = (skip + n + a_page - 1) / a_page;
    char pdf[512], prefix[512], png[600], dpi[8];

    assert_int_equal(draw(f, false, skip, n), pages);
    path_of("pdf", 1, pdf);
    (void)snprintf(prefix, sizeof prefix, "%s/page", aid_tmpdir());
    (void)snprintf(dpi, sizeof dpi, "%d", DPI);
    run((const char *const[]){ "pdftoppm", "-r", dpi, "-gray", "-png", pdf, prefix, NULL });
    for (unsigned page = 0, done = 0; page < pages; page++) {
        unsigned gone = page == 0 ? skip : 0;
        unsigned here = n - done < a_page - gone ? n - done : a_page - gone;

        (void)snprintf(png, sizeof png, "%s-%u.png", prefix, page + 1);
        check_page(png, f, gone, done, here);
        assert_int_equal(unlink(png), 0);
        done += here;
    }
    (void)snprintf(png, sizeof png, "%s-%u.png", prefix, pages + 1);
    assert_int_equal(access(png, F_OK), -1); /* no page more */
    assert_int_equal(unlink(pdf), 0);
}

static void every_format_reads_back(void **state)
{
    const struct label_format *f;

    (void)state;
    for (size_t i = 0; (f = label_format_at(i)) != NULL; i++) {
        assert_ptr_equal(label_format_find(f->name), f);
        assert_true(2 * f->left + f->columns * f->width + (f->columns - 1) * f->gap < 210.5);
        assert_true(2 * f->top + f->rows * f->height < 297.5);
        check_pdf(f, 0, f->columns * f->rows + 1);
    }
    assert_null(label_format_find("3x9"));
}

static void print_formats(FILE *f)
{
    struct label_item item = item_of(1);
    const struct label_format *row;
    struct label_code code;

    assert_int_equal(label_code(item.text, &code), 0);
    (void)fputs("| `--format` | label | a module is |\n|---|---|---|\n", f);
    for (size_t i = 0; (row = label_format_at(i)) != NULL; i++)
        (void)fprintf(f, "| `%s` | %.1f × %.1f mm | %.2f mm |\n", row->name, row->width,
                      row->height, (row->height - 2) / (double)code.size);
    buf_free(&code.modules);
}

static void the_page_lists_the_formats(void **state)
{
    static const struct aid_section sections[] = { { "formats", print_formats } };

    (void)state;
    aid_document_settle("docs/label.md", sections, 1);
}

static void a_used_sheet(void **state)
{
    const struct label_format *f = label_format_find("3x8");

    (void)state;
    check_pdf(f, 5, 3);
    check_pdf(f, 23, 2);
    check_pdf(f, 0, 24);
}

/* SVG: a file a page, in millimetres, with a rectangle for each run of black modules. */
static void svg_has_a_file_a_page(void **state)
{
    const struct label_format *f = label_format_find("2x7");
    char path[512], head[400];
    FILE *in;

    (void)state;
    assert_int_equal(draw(f, true, 0, 29), 3);
    for (unsigned page = 1; page <= 3; page++) {
        path_of("svg", page, path);
        in = fopen(path, "r");
        assert_non_null(in);
        head[fread(head, 1, sizeof head - 1, in)] = '\0';
        assert_int_equal(fclose(in), 0);
        assert_non_null(strstr(head, "<svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert_non_null(strstr(head, "595.27")); /* 210 mm in points */
        assert_int_equal(unlink(path), 0);
    }
}

static void a_failure_ends_the_drawing(void **state)
{
    struct kept kept = { .is_svg = true, .fails = GF_E_DISK_FULL };
    const struct label_sheet_how how = { .format = label_format_at(0),
                                         .is_svg = true,
                                         .made_utc = "2026-11-22T09:30:00Z",
                                         .ctx = &kept,
                                         .keep = keep };
    struct label_sheet *sheet = NULL;
    struct label_item item = item_of(1);
    unsigned n = 0;
    char path[512];
    int r;

    (void)state;
    assert_int_equal(label_sheet_begin(&how, &sheet), 0);
    while ((r = label_sheet_add(sheet, &item)) == 0)
        n++;
    assert_int_equal(r, GF_E_DISK_FULL);
    assert_int_equal(n, 14);
    assert_int_equal(label_sheet_add(sheet, &item), GF_E_DISK_FULL);
    assert_int_equal(label_sheet_end(sheet, true, NULL), GF_E_DISK_FULL);
    assert_int_equal(kept.files, 1);
    path_of("svg", 1, path);
    (void)unlink(path);
    /* thrown away: nothing is kept */
    kept = (struct kept){ .is_svg = true };
    assert_int_equal(label_sheet_begin(&how, &sheet), 0);
    assert_int_equal(label_sheet_add(sheet, &item), 0);
    assert_int_equal(label_sheet_end(sheet, false, NULL), 0);
    assert_int_equal(kept.files, 0);
    assert_int_equal(label_sheet_end(NULL, true, NULL), 0);
}

/* One label as SVG has the modules of its code: a picture made from its path alone. */
static void one_svg_says_its_modules(void **state)
{
    struct label_item item = item_of(7);
    struct label_code code;
    struct buf svg = { 0 };
    static uint8_t drawn[256 * 256];
    unsigned x, y, run_n, again, back;
    const char *at;

    (void)state;
    memset(drawn, 0, sizeof drawn);
    assert_int_equal(label_code(item.text, &code), 0);
    assert_int_equal(label_svg(&code, item.text, &svg), 0);
    buf_add(&svg, "", 1);
    at = strstr((const char *)svg.p, "<path d=\"");
    assert_non_null(at);
    for (at = strchr(at, 'M'); at != NULL; at = strchr(at + 1, 'M')) {
        assert_int_equal(sscanf(at, "M%u %uh%uv%uh-%uz", &x, &y, &run_n, &again, &back), 5);
        assert_int_equal(again, 1);
        assert_int_equal(back, run_n);
        memset(drawn + y * code.size + x, 1, run_n);
    }
    assert_memory_equal(drawn, code.modules.p, code.size * code.size);
    assert_non_null(strstr((const char *)svg.p, item.text));
    buf_free(&svg);
    assert_int_equal(label_svg(&code, "a<&\">", &svg), 0);
    buf_add(&svg, "", 1);
    assert_non_null(strstr((const char *)svg.p, "<title>a&#60;&#38;&#34;&#62;</title>"));
    buf_free(&svg);
    buf_free(&code.modules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_reads_back),   cmocka_unit_test(a_used_sheet),
        cmocka_unit_test(svg_has_a_file_a_page),     cmocka_unit_test(a_failure_ends_the_drawing),
        cmocka_unit_test(one_svg_says_its_modules),  cmocka_unit_test(the_page_lists_the_formats),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
