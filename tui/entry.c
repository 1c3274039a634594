/* entry.c - what was typed for a label; see entry.h. */
#include "tui/entry.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "tui/scan.h"

static bool is_image(const char *line)
{
    size_t n = strlen(line);

    return n > 4 && strcasecmp(line + n - 4, ".png") == 0;
}

/* Letters and digits only, of about an id's length: meant as an id, so what is wrong with it as an
 * id is told. */
static bool is_id_like(const char *line)
{
    size_t n = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");

    return line[n] == '\0' && n > 0 && n <= GF_METER_ID_LEN + 4;
}

int entry_take(struct entry *e, const char *line, char ret[static ENTRY_ANSWER_MAX],
               struct gf_fail *why)
{
    struct gf_label label;
    char id[GF_METER_ID_TEXT + 8], first[GF_METER_ID_TEXT];
    int r;

    memcpy(first, e->first, sizeof first);
    *e = (struct entry){0};
    if (is_image(line)) {
        r = scan_label_file(line, ret, why);
        return r < 0 ? r : 1;
    }
    if (!is_id_like(line)) {
        r = gf_label_parse(line, &label, why);
        return r < 0 || (r = gf_label_format(&label, ret)) < 0 ? r : 1;
    }
    (void)gf_copy(id, sizeof id, line);
    for (char *c = id; *c != '\0'; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    r = gf_meter_id_check(id, why);
    if (r < 0)
        return r;
    if (first[0] == '\0') {
        (void)gf_copy(e->first, sizeof e->first, id);
        return 0;
    }
    (void)snprintf(ret, ENTRY_ANSWER_MAX, "%s %.12s", first, id);
    return 1;
}
