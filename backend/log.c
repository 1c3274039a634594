/* log.c - events as lines of JSON; see log.h. */
#include "backend/log.h"

#include <string.h>

#include "backend/json_out.h"
#include "common/text.h"

#define SEEN_MAX 512

static void add_text(struct buf *b, const char *text)
{
    char seen[SEEN_MAX];
    size_t n = 0;

    while (text[n] >= ' ' && text[n] <= '~')
        n++;
    if (text[n] == '\0' && n < sizeof seen) { /* most are: all of it is visible */
        json_text(b, text, n);
        return;
    }
    gf_visible(seen, sizeof seen, text, strlen(text));
    json_text(b, seen, strlen(seen));
}

/* The line's time with its ms: "2026-11-22T09:30:00.123Z". */
static void add_time(struct buf *b, int64_t ms)
{
    char time[26];
    int milli = (int)(ms % 1000);

    gf_utc_text(ms / 1000, time);
    time[19] = '.';
    time[20] = (char)('0' + milli / 100);
    time[21] = (char)('0' + milli / 10 % 10);
    time[22] = (char)('0' + milli % 10);
    time[23] = 'Z';
    buf_add(b, time, 24);
}

void log_event(const struct log *log, enum log_level level, const char *event,
               const struct log_value *values, size_t n)
{
    static const char *const words[] = { "info", "warning", "error" };
    struct buf line = { 0 };

    if (log == NULL || log->writer.write == NULL)
        return;
    buf_text(&line, "{\"time\":\"");
    add_time(&line, log->clock->utc_ms(log->clock->ctx));
    buf_text(&line, "\",\"level\":\"");
    buf_text(&line, words[level]);
    buf_text(&line, "\",\"event\":");
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
