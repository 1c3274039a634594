/* scan_view.h - what the table of actions, and tests, need of the scanning view. */
#ifndef GF_TUI_SCAN_VIEW_H
#define GF_TUI_SCAN_VIEW_H

#include "tui/app.h"
#include "tui/scan.h"

/* Camera on or off; the next camera of this machine. On the scanning view on top only. */
void scan_view_camera(struct app *a);
void scan_view_next_camera(struct app *a);

/* Open the scanning view with the camera on: the label that is handed in finds its meter's open job,
 * which is started. */
void scan_view_find(struct app *a);

/* Switch the scanning view on top on with this source of pictures, kept until the view closes; the
 * app does it with the camera of the command line. */
void scan_view_look(struct app *a, struct frame_source *source);

/* view_run.c: show the procedure that was just started; its question for the label is answered with
 * this one. */
void run_view_open(struct app *a, const char *label);

#endif
