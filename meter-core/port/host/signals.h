/* signals.h - the signals that end the program, read in the loop so that a stop never comes amid a
 * write; and the terminal's new size. */
#ifndef GF_METER_SIGNALS_H
#define GF_METER_SIGNALS_H

#include <stdbool.h>

#include "common/err.h"
#include "common/port.h"

struct gm_signals {         /* private; the caller allocates, and does not move it */
    int fd;
    bool stop;              /* one came that ends the program */
    bool resized;           /* the window has another size; whoever sees to it clears this */
    struct gf_source source;
};

/* Block them: first thing in main(), before anything is written. SIGHUP only when it is not
 * ignored already (nohup). */
void gm_signals_block(void);

/* Read the blocked ones from here on. 0, or GF_E_MEMORY. */
int gm_signals_open(struct gm_signals *s, struct gf_fail *why);
void gm_signals_close(struct gm_signals *s);

#endif
