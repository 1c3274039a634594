/* env.h - what main.c hands to a face: the ports, the work, and the sources of the one loop. */
#ifndef GF_TUI_ENV_H
#define GF_TUI_ENV_H

#include <stddef.h>

#include "common/port.h"
#include "field/ports.h"
#include "field/run.h"
#include "field/sync.h"

#define TUI_SOURCES_MAX 6

/* Borrowed by every face. `sources` are in the order in which the loop asks them: tui_work_source()
 * first, so that what it sends is seen by the radio's and head office's wishes of the same wait. */
struct tui_env {
    const struct field_ports *ports;
    struct run *run;            /* NULL in a program that only synchronises */
    struct sync *sync;
    const struct gf_source *sources[TUI_SOURCES_MAX];
    size_t n_sources;
    const int *stop;            /* how many times SIGINT, SIGTERM or SIGHUP asked us to end */
    const char *camera;         /* device of the camera, "/dev/video0"; NULL: the first that is found */
};

/* Wait for the sources, at most max_ms (negative: no bound), together with `more` (may be NULL). */
void tui_wait(const struct tui_env *env, const struct gf_source *more, int max_ms);

/* A source that gives run and sync their turns: ctx is the env. */
void tui_work_source(const struct tui_env *env, struct gf_source *ret);

/* A source that counts SIGINT, SIGTERM and SIGHUP in *count instead of ending the program; one for
 * each program. Its descriptor is closed by tui_signals_close(), which lets the signals end the
 * program again. 0 or GF_E_BUG. */
int tui_signals_open(int *count, struct gf_source *ret);
void tui_signals_close(struct gf_source *source);

#endif
