/* log.c - events as lines of JSON; see log.h. */
#include "backend/log.h"

#include <stdio.h>
#include <string.h>

#include "backend/json_out.h"
#include "common/text.h"

static void add_text(struct buf *b, const char *text)
{
    char seen[512];

    gf_visible(seen, sizeof seen, text, strlen(text));
    json_text(b, seen, strlen(seen));
}

void log_event(const struct log *log, enum log_level level, const char *event,
               const struct log_value *values, size_t n)
{
    static const char *const words[] = { "info", "warning", "error" };
    struct buf line = { 0 };
    char time[21];

    if (log == NULL || log->writer.write == NULL)
        return;
    int64_t ms = log->clock->utc_ms(log->clock->ctx);
    gf_utc_text(ms / 1000, time);
    time[19] = '\0'; /* its Z comes behind the ms */
    buf_print(&line, "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"event\":", time, (int)(ms % 1000),
              words[level]);
    add_text(&line, event);
    for (size_t i = 0; i < n; i++) {
        json_name(&line, values[i].name);
        if (values[i].text != NULL)
            add_text(&line, values[i].text);
        else
            json_int(&line, values[i].number);
    }
    buf_text(&line, "}\n");
    if (!line.bad)
        log->writer.write(log->writer.ctx, (const char *)line.p, line.n);
    buf_free(&line);
}
