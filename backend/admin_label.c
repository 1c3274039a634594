/* admin_label.c - labels as QR codes, on screens and on paper; see admin.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/admin.h"
#include "backend/label.h"
#include "backend/label_sheet.h"
#include "backend/office_setting.h"
#include "common/host/real.h"
#include "common/text.h"
#include "meter-core/proto/meter.pb.h"

#define FILE_MODE 0644
#define PATH_MAX_BYTES 4096

/* ---- one code ---- */

static int write_code(const struct admin_args *args, const struct label_code *code,
                      const char *text, unsigned scale, struct gf_fail *why)
{
    const char *png = admin_value(args, "png"), *svg = admin_value(args, "svg");
    struct buf file = { 0 };
    int r = 0;

    if (png != NULL && (r = label_png(code, text, scale, &file)) == 0)
        r = gf_file_write(png, file.p, file.n, FILE_MODE, why);
    buf_clear(&file);
    if (r == 0 && svg != NULL && (r = label_svg(code, text, &file)) == 0)
        r = gf_file_write(svg, file.p, file.n, FILE_MODE, why);
    buf_free(&file);
    return r;
}

int admin_code(struct admin *a, const struct admin_args *args, const char *text,
               struct gf_fail *why)
{
    bool to_file = admin_has(args, "png") || admin_has(args, "svg");
    struct label_code code;
    int64_t scale;
    int r = admin_int(args, "scale", 8, 1, LABEL_SCALE_MAX, &scale, why);

    if (r != 0)
        return r;
    if ((r = label_code(text, &code)) == 0)
        r = write_code(args, &code, text, (unsigned)scale, why);
    if (r == 0 && !a->json && !to_file)
        label_print(&code, admin_has(args, "ascii"), isatty(fileno(a->out)) == 1, a->out);
    if (r == 0 && !a->json)
        (void)fprintf(a->out, "%s\n", text);
    buf_free(&code.modules);
    return r == 0 ? 0 : gf_fail(why, r, "code", text);
}

static const struct admin_option label_options[] = {
    ADMIN_CODE_OPTIONS,
    { "sheet", "FILE", "draw A4 sheets: FILE.pdf, or FILE.svg with a file a page", 0, false },
    { "format", "CxR", "labels across and down a sheet: 2x7, 3x8 (unless said), 4x10, 5x13", 0,
      false },
    { "skip", "N", "leave out the first N labels of a sheet that has been used", 0, false },
    { "from-file", "LIST", "the meters' ids, one a line; - for standard input", 0, false },
    { "all-new", NULL, "every meter that has not been worked on yet, by its id", 0, false },
    { "after", "METER", "with --all-new: those behind this id", 0, false },
    { "install", NULL, "the code of the page that gasfitter is fetched from", 0, false },
    { "url", "URL", "that page; the setting install_url unless said", 0, false },
};

static int label_install(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *url = admin_value(args, "url");
    char chosen[HO_SETTING_MAX];
    int r = 0;

    if (url == NULL
        && (r = admin_failed(a, ho_setting_get(a->office, "install_url", chosen), why)) != 0)
        return r;
    url = url != NULL ? url : chosen;
    if (url[0] == '\0')
        return gf_fail(why, GF_E_USAGE, "url", "say --url, or choose the setting install_url");
    if (!ho_is_url(url))
        return gf_fail(why, GF_E_USAGE, "url", "https://name and more is wanted");
    r = admin_code(a, args, url, why);
    return r == 0 && a->json ? admin_json(a, json_pack("{s:s}", "text", url), why) : r;
}

/* The label of a registered meter. 0, GF_E_UNREGISTERED, GF_E_FORMAT, store errors. */
static int find_label(struct admin *a, const char *meter_id, struct label_item *ret,
                      struct gf_fail *why)
{
    struct gf_label label = { 0 };
    struct ho_meter meter;
    int r = gf_meter_id_check(meter_id, why);

    if (r != 0)
        return gf_fail(why, r, "meter", meter_id);
    if ((r = ho_find_meter(a->office, meter_id, &meter)) < 0)
        return admin_failed(a, r, why);
    if (r == 0)
        return gf_fail(why, GF_E_UNREGISTERED, "meter", meter_id);
    (void)gf_copy(label.meter_id, sizeof label.meter_id, meter.id);
    (void)gf_copy(label.address, sizeof label.address, meter.bt_address);
    (void)gf_copy(ret->meter_id, sizeof ret->meter_id, meter.id);
    (void)gf_copy(ret->verified, sizeof ret->verified, meter.verification_date);
    r = gf_label_format(&label, ret->text);
    return r == 0 ? 0 : gf_fail(why, r, "label", meter.id);
}

static int label_one(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct label_item item;
    int r = find_label(a, args->words[0], &item, why);

    if (r == 0)
        r = admin_code(a, args, item.text, why);
    if (r == 0 && a->json)
        r = admin_json(
            a, json_pack("{s:s, s:s}", "meter_id", item.meter_id, "text", item.text), why);
    return r;
}

/* ---- sheets ---- */

/* Sheets under way. */
struct sheets {
    struct admin *a;
    const char *path;
    struct label_sheet *sheet;
    struct admin_watch watch;
    struct gf_fail *why;
    int64_t labels;
};

/* A page of SVG: "labels.svg", "labels-2.svg", ... */
static int keep_file(void *ctx, const struct buf *file, unsigned page)
{
    struct sheets *s = ctx;
    size_t n = strlen(s->path);
    char path[PATH_MAX_BYTES];

    if (page == 1 || strcmp(s->path + n - 4, ".svg") != 0)
        return gf_file_write(s->path, file->p, file->n, FILE_MODE, s->why);
    if (snprintf(path, sizeof path, "%.*s-%u.svg", (int)(n - 4), s->path, page)
        >= (int)sizeof path)
        return gf_fail(s->why, GF_E_SPACE, "sheet", s->path);
    return gf_file_write(path, file->p, file->n, FILE_MODE, s->why);
}

static int add_label(struct sheets *s, const char *meter_id)
{
    struct label_item item;
    int r = find_label(s->a, meter_id, &item, s->why);

    if (r == 0 && (r = label_sheet_add(s->sheet, &item)) != 0)
        r = gf_fail(s->why, r, "sheet", s->path);
    if (r == 0 && !admin_watch_tell(&s->watch, ++s->labels))
        r = gf_fail(s->why, GF_E_CANCELLED, "sheet", "the labels were not written");
    return r;
}

/* The ids of a list, one a line; empty lines count for nothing. */
static int add_listed(struct sheets *s, const char *path)
{
    char *line = NULL, where[32];
    size_t cap = 0;
    unsigned n = 0;
    FILE *in = NULL;
    int r = admin_open(&s->watch, path, &in, s->why);

    while (r == 0 && getline(&line, &cap, in) > 0) {
        n++;
        line[strcspn(line, "\r\n")] = '\0';
        (void)snprintf(where, sizeof where, "line %u", n);
        if (line[0] != '\0' && gf_meter_id_check(line, NULL) != 0)
            r = gf_fail(s->why, GF_E_FORMAT, where, "a meter id has two letters and ten digits");
        else if (line[0] != '\0')
            r = add_label(s, line);
    }
    if (r == 0 && ferror(in) != 0)
        r = gf_fail(s->why, GF_E_FILE, "file", path);
    if (in != NULL)
        (void)fclose(in); /* was only read */
    free(line);
    return r;
}

/* Meters as the manufacturer sent them, by keys: no list of them is held. */
static int add_new(struct sheets *s, const char *after)
{
    struct odb *db = s->a->office->db;
    struct odb_query *q;
    char id[GF_METER_ID_TEXT];
    int r;

    (void)gf_copy(id, sizeof id, after != NULL ? after : "");
    do {
        q = odb_query(db,
                      "SELECT meter_id FROM meter WHERE org_id = ?1 AND meter_id > ?2 AND "
                      "life_state = ?3 ORDER BY meter_id LIMIT 1",
                      ODB(ODB_T(id), ODB_I(gasm_LifeState_FACTORY)));
        r = odb_next(db, q);
        if (r == 1)
            odb_text(q, 0, id, sizeof id);
        odb_end(q);
        if (r < 0)
            return odb_fail(db, s->why);
    } while (r == 1 && (r = add_label(s, id)) == 0);
    return r < 0 ? r : 0;
}

static int draw_all(struct sheets *s, const struct admin_args *args)
{
    const char *list = admin_value(args, "from-file");
    int r = 0;

    for (size_t i = 0; r == 0 && i < args->n_words; i++)
        r = add_label(s, args->words[i]);
    if (r == 0 && list != NULL)
        r = add_listed(s, list);
    if (r == 0 && admin_has(args, "all-new"))
        r = add_new(s, admin_value(args, "after"));
    if (r == 0 && s->labels == 0)
        r = gf_fail(s->why, GF_E_USAGE, "sheet", "no meter is named, or none is new");
    return r;
}

/* What the options say of the sheet. */
static int read_format(const struct admin_args *args, struct label_sheet_how *ret,
                       struct gf_fail *why)
{
    const char *path = admin_value(args, "sheet"), *format = admin_value(args, "format");
    size_t n = strlen(path);
    int64_t skip;

    ret->format = label_format_find(format != NULL ? format : "3x8");
    if (ret->format == NULL)
        return gf_fail(why, GF_E_USAGE, "there is no format", format);
    if (n < 5 || (strcmp(path + n - 4, ".pdf") != 0 && strcmp(path + n - 4, ".svg") != 0))
        return gf_fail(why, GF_E_USAGE, "a sheet is NAME.pdf or NAME.svg", path);
    ret->is_svg = strcmp(path + n - 4, ".svg") == 0;

    int r = admin_int(args, "skip", 0, 0, (int64_t)(ret->format->columns * ret->format->rows) - 1,
                      &skip, why);
    ret->skip = (unsigned)skip;
    return r;
}

static int label_sheets(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct sheets s = { .a = a, .path = admin_value(args, "sheet"), .why = why };
    char utc[21];
    struct label_sheet_how how = { .made_utc = utc, .ctx = &s, .keep = keep_file };
    unsigned pages = 0;
    int r = read_format(args, &how, why);

    gf_utc_text(ho_now_ms(a->office) / 1000, utc);
    if (r == 0)
        r = admin_watch(&s.watch, a, "labels", 0, why);
    if (r == 0 && (r = label_sheet_begin(&how, &s.sheet)) != 0)
        r = gf_fail(why, r, "sheet", "");
    if (r == 0)
        r = draw_all(&s, args);

    int end = label_sheet_end(s.sheet, r == 0, &pages);
    if (r == 0 && end != 0)
        r = gf_fail(why, end, "sheet", s.path);
    admin_watch_end(&s.watch);
    if (r != 0)
        return r;
    if (a->json)
        return admin_json(a,
                          json_pack("{s:s, s:I, s:i}", "file", s.path, "labels",
                                    (json_int_t)s.labels, "pages", (int)pages),
                          why);
    (void)fprintf(a->out, "%lld labels on %u %s: %s\n", (long long)s.labels, pages,
                  pages == 1 ? "page" : "pages", s.path);
    return 0;
}

static int run_label(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    bool is_many = admin_has(args, "from-file") || admin_has(args, "all-new");

    if (admin_has(args, "install") && args->n_words == 0 && !is_many && !admin_has(args, "sheet"))
        return label_install(a, args, why);
    if (admin_has(args, "install"))
        return gf_fail(why, GF_E_USAGE, "install", "stands alone: no meters, no sheet");
    if (admin_has(args, "sheet"))
        return label_sheets(a, args, why);
    if (args->n_words == 1 && !is_many)
        return label_one(a, args, why);
    return gf_fail(why, GF_E_USAGE, "METER",
                   "one meter, or --sheet FILE for several, or --install");
}

static const struct admin_command commands[] = {
    { .name = "label",
      .words = "[METER...]",
      .what = "draw a meter's QR code, sheets of them, or the code for installing gasfitter",
      ADMIN_OPTIONS(label_options),
      .run = run_label },
};

const struct admin_group admin_group_labels = ADMIN_GROUP("Labels", commands);
