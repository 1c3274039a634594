/* log.h - what the service tells its operator: one line of JSON an event.
 *
 *     {"time":"2026-11-22T09:30:00.123Z","level":"info","event":"request","route":"/v1/sync",...}
 *
 * Values are escaped, so that nothing that came from outside can make a line of its own or move a
 * cursor. Secrets have no place here: callers give names of routes, never bodies, headers or codes.
 */
#ifndef GF_LOG_H
#define GF_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/port.h"

/* Where lines go: each whole, with its line end. May be called on any thread. */
struct log_writer {
    void *ctx;
    void (*write)(void *ctx, const char *line, size_t n);
};

struct log {
    const struct gf_clock *clock;
    struct log_writer writer;
};

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR };

/* A value of a line: text, or a number when text is NULL. */
struct log_value {
    const char *name, *text;
    int64_t number;
};
#define LOG_T(field, value) ((struct log_value){ .name = field, .text = value })
#define LOG_I(field, value) ((struct log_value){ .name = field, .number = (int64_t)(value) })
#define LOG_VALUES(...)                                                                            \
    (const struct log_value[]){ __VA_ARGS__ },                                                     \
        sizeof((const struct log_value[]){ __VA_ARGS__ }) / sizeof(struct log_value)

/* Write one event. A NULL log is none. */
void log_event(const struct log *log, enum log_level level, const char *event,
               const struct log_value *values, size_t n);

#endif
