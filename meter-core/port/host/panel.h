/*
 * panel.h - the meter on a terminal: what its display shows, what is around it, and the keys of
 * actions.h. Plain text without colours; 80x24 is enough.
 */
#ifndef GF_METER_PANEL_H
#define GF_METER_PANEL_H

#include "common/err.h"
#include "common/port.h"
#include "meter-core/port/host/actions.h"
#include "meter-core/port/host/signals.h"

#define GM_PANEL_ROWS 22
#define GM_PANEL_COLS 64

struct gm_panel;

struct gm_panel_events {
    void *ctx;
    void (*acted)(void *ctx);   /* after a key that did something */
    void (*quit)(void *ctx);    /* the user wants the end */
};

/* Take over the terminal. Stand, signals (for resizes) and events are borrowed for life. One at a
 * time. 0 and *ret; GF_E_USAGE when standard input and output are no terminal, or one of an unknown
 * kind; GF_E_MEMORY. */
int gm_panel_new(struct gm_stand *stand, struct gm_signals *signals,
                 const struct gm_panel_events *events, struct gm_panel **ret, struct gf_fail *why);

/* Give the terminal back as it was. Returns NULL. */
struct gm_panel *gm_panel_free(struct gm_panel *p);

/* To be processed last: draws what the others changed. */
const struct gf_source *gm_panel_source(struct gm_panel *p);

#endif
