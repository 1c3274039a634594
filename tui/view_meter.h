/* view_meter.h - the page of one meter: what the table of actions and the app need of it. */
#ifndef GF_TUI_VIEW_METER_H
#define GF_TUI_VIEW_METER_H

#include "field/talk.h"
#include "tui/app.h"

extern const struct view view_meter;

/* Talk to this meter (NULL: the job's), and show its page. */
void view_meter_open(struct app *a, const char *meter_id, const char *job);

/* The meter answered (run_listener): shown on its page, when there is one. */
void view_meter_answer(struct app *a, const gasm_Response *answer);

#endif
