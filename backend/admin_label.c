/* admin_label.c - labels as QR codes, on screens and on paper; see admin.h. */
#include <string.h>
#include <unistd.h>

#include "backend/admin.h"
#include "backend/label.h"
#include "common/host/real.h"
#include "common/text.h"

static int draw_label(struct admin *a, const char *text, const char *png_file, unsigned scale,
                      bool ascii, struct gf_fail *why)
{
    struct label_code code;
    struct buf png = { 0 };
    int r = label_code(text, &code);

    if (r == 0 && png_file != NULL) {
        r = label_png(&code, text, scale, &png);
        if (r == 0)
            r = gf_file_write(png_file, png.p, png.n, 0644, why);
    }
    if (r == 0 && png_file == NULL)
        label_print(&code, ascii, isatty(fileno(a->out)) == 1, a->out);
    if (r == 0)
        (void)fprintf(a->out, "%s\n", text);
    buf_free(&png);
    buf_free(&code.modules);
    return r == 0 ? 0 : gf_fail(why, r, "label", text);
}

static const struct admin_option label_options[] = {
    { "png", "FILE", "write a picture instead", 0, false },
    { "scale", "N", "pixels a module of the picture, 1 to 32; 8 unless said", 0, false },
    { "ascii", NULL, "draw with plain characters", 0, false },
};

static int run_label(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    struct gf_label label = { 0 };
    struct ho_meter meter;
    char text[GF_LABEL_TEXT];
    int64_t scale;
    int r = admin_int(args, "scale", 8, 1, LABEL_SCALE_MAX, &scale, why);

    if (r != 0)
        return r;
    if ((r = gf_meter_id_check(args->words[0], why)) != 0)
        return r;
    if ((r = ho_find_meter(a->office, args->words[0], &meter)) < 0)
        return admin_failed(a, r, why);
    if (r == 0)
        return gf_fail(why, GF_E_UNREGISTERED, "meter", args->words[0]);
    (void)gf_copy(label.meter_id, sizeof label.meter_id, meter.id);
    (void)gf_copy(label.address, sizeof label.address, meter.bt_address);
    if ((r = gf_label_format(&label, text)) != 0)
        return gf_fail(why, r, "label", meter.id);
    return draw_label(a, text, admin_value(args, "png"), (unsigned)scale, admin_has(args, "ascii"),
                      why);
}

static const struct admin_command commands[] = {
    { .name = "label",
      .words = "METER",
      .what = "draw a meter's QR code",
      ADMIN_OPTIONS(label_options),
      .run = run_label },
};

const struct admin_group admin_group_labels = ADMIN_GROUP("Labels", commands);
