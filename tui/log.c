/* log.c - the last lines; see log.h. */
#include "tui/log.h"

#include "common/text.h"

void log_add(struct log *log, int64_t utc_ms, enum role role, const char *text)
{
    struct log_line *line = &log->lines[log->total++ % LOG_LINES];

    line->utc_ms = utc_ms;
    line->role = role;
    (void)gf_copy(line->text, sizeof line->text, text);
}

size_t log_kept(const struct log *log)
{
    return log->total < LOG_LINES ? log->total : LOG_LINES;
}

const struct log_line *log_newest(const struct log *log, size_t i)
{
    return i < log_kept(log) ? &log->lines[(log->total - 1 - i) % LOG_LINES] : NULL;
}
