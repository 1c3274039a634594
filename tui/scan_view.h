/* scan_view.h - what the table of actions, and tests, need of the scanning view. */
#ifndef GF_TUI_SCAN_VIEW_H
#define GF_TUI_SCAN_VIEW_H

#include "tui/app.h"
#include "tui/scan.h"

/* Camera on or off; on the scanning view on top only. */
void scan_view_camera(struct app *a);

/* Switch the scanning view on top on with this source of pictures, kept until the view closes; the
 * app does it with the camera of the command line. */
void scan_view_look(struct app *a, struct frame_source *source);

#endif
