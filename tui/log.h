/* log.h - what happened while the app ran: the last lines, for the screen. */
#ifndef GF_TUI_LOG_H
#define GF_TUI_LOG_H

#include <stdint.h>

#include "tui/ui.h"

#define LOG_LINES 256
#define LOG_TEXT 480

struct log_line {
    int64_t utc_ms;
    enum role role;
    char text[LOG_TEXT];
};

struct log {
    struct log_line lines[LOG_LINES];
    size_t total;               /* lines ever written; the last LOG_LINES of them are kept */
};

/* Add a line; it is copied, and cut at LOG_TEXT bytes. */
void log_add(struct log *log, int64_t utc_ms, enum role role, const char *text);

/* How many lines are kept, and the i-th newest of them (0: the newest); NULL when there is none. */
size_t log_kept(const struct log *log);
const struct log_line *log_newest(const struct log *log, size_t i);

#endif
