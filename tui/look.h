/* look.h - a camera at work in a face: its pictures are made small for a preview and handed to a
 * scanner on its own thread (scan_worker.h), until one shows a meter's label.
 *
 * The face owns the struct, zeroed at first, waits for look_fds(), and calls look_turn() after each
 * wait. Nothing here blocks. Times are milliseconds of the face's monotonic clock.
 */
#ifndef GF_TUI_LOOK_H
#define GF_TUI_LOOK_H

#include "tui/scan.h"
#include "tui/scan_worker.h"

#define LOOK_COLS_MAX 160
#define LOOK_LINES_MAX 120

struct look {
    struct frame_source *source;        /* NULL: off */
    struct scan_worker *worker;
    int64_t since_ms;                   /* switched on, or the last code was seen */
    bool seen;                          /* there is a picture */
    unsigned width, height;             /* of it */
    int room_cols, room_lines;          /* for the preview, in pixels; set by the face */
    int cols, lines;                    /* of the preview: as much of the room as its shape takes */
    unsigned char preview[LOOK_LINES_MAX][LOOK_COLS_MAX];       /* grey; [line][column] */
    bool dark;                          /* hardly anything is to be seen */
    char code[SCAN_TEXT_MAX + 20];      /* the last code that was found: "QR code: ..." */
};

/* Switch on with this source, which is kept, and freed by look_off(), or here when it cannot be
 * opened. 0, or GF_E_* with *why. */
int look_on(struct look *l, struct frame_source *source, int64_t now_ms, struct gf_fail *why);

/* Switch off; fine when it is off. */
void look_off(struct look *l);

/* What to wait for. */
size_t look_fds(const struct look *l, struct gf_pollfd *ret, size_t cap);

/* Take what is there. 1: a label, its text in ret. 0: none yet; *why tells of codes that are none,
 * the reason as scan_label(). GF_E_*: the camera failed and is off. */
int look_turn(struct look *l, int64_t now_ms, char ret[static GF_LABEL_TEXT], struct gf_fail *why);

/* What would help now, a sentence, or NULL: nothing was read for a while. */
const char *look_hint(const struct look *l, int64_t now_ms);

#endif
