/* home.h - what the table of actions needs of the worklist's view. */
#ifndef GF_TUI_HOME_H
#define GF_TUI_HOME_H

#include "tui/app.h"

/* On the worklist's view on top only; nothing elsewhere. */
void home_filter(struct app *a);
void home_other_list(struct app *a);
void home_all_jobs(struct app *a);
void home_meter(struct app *a);

#endif
