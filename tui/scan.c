/* scan.c - choosing the label among the codes; see scan.h. */
#include "tui/scan.h"

#include <stdio.h>
#include <string.h>

struct frame_source *frame_source_free(struct frame_source *s)
{
    if (s != NULL) {
        s->close(s->ctx);
        s->free(s->ctx);
    }
    return NULL;
}

int scan_label(const struct scan_code *codes, size_t n, char ret[static GF_LABEL_TEXT],
               struct gf_fail *why)
{
    struct gf_label found = {0}, label;
    struct gf_fail first = {0};
    char text[sizeof first.detail];

    if (n == 0)
        return gf_fail(why, GF_E_LABEL_NONE, "label", "");
    for (size_t i = 0; i < n; i++) {
        struct gf_fail bad = {0};

        if (gf_label_parse(codes[i].text, &label, &bad) != 0) {
            /* A damaged label tells more than a foreign code beside it. */
            if (first.code == 0 || first.code == GF_E_LABEL_FOREIGN)
                first = bad;
        } else if (found.meter_id[0] == '\0') {
            found = label;
        } else if (strcmp(found.meter_id, label.meter_id) != 0) {
            (void)snprintf(text, sizeof text, "%s and %s", found.meter_id, label.meter_id);
            return gf_fail(why, GF_E_LABEL_TWO, "label", text);
        }
    }
    if (found.meter_id[0] == '\0')
        return gf_fail(why, first.code, first.where, first.detail);
    return gf_label_format(&found, ret);
}

int scan_label_file(const char *path, char ret[static GF_LABEL_TEXT], struct gf_fail *why)
{
    struct scan_code codes[SCAN_CODES_MAX];
    struct frame_source *file = scan_file_new(path);
    struct scanner *scanner = scanner_new();
    struct frame frame;
    int r = file == NULL || scanner == NULL ? gf_fail(why, GF_E_MEMORY, "picture", "")
                                            : file->open(file->ctx, why);

    if (r == 0) {
        r = file->next(file->ctx, &frame, why);
        if (r > 0)
            r = scanner_look(scanner, &frame, codes, SCAN_CODES_MAX, why);
        if (r >= 0)
            r = scan_label(codes, (size_t)r, ret, why);
    }
    (void)scanner_free(scanner);
    (void)frame_source_free(file);
    return r;
}
