/* entry.h - a meter's label as people hand it in: scanned by a hand scanner, an image file's path,
 * or the id typed twice. */
#ifndef GF_TUI_ENTRY_H
#define GF_TUI_ENTRY_H

#include "common/err.h"
#include "common/ids.h"

#define ENTRY_ANSWER_MAX 64

struct entry {
    char first[GF_METER_ID_TEXT];   /* an id that was typed once; empty: none */
};

/* Take one line that was typed, or that a hand scanner typed. 1: *ret is what run_answer() wants (a
 * label's text, or "ID ID"); 0: the id has to be typed again; else GF_E_* of gf_label_parse(),
 * gf_meter_id_check() (with small letters taken for capitals) or scan_label_file() (a line that
 * ends in ".png"), and it starts from the beginning. */
int entry_take(struct entry *e, const char *line, char ret[static ENTRY_ANSWER_MAX],
               struct gf_fail *why);

#endif
