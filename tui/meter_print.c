/* meter_print.c - printing what a meter answered; see meter.h. */
#include <string.h>

#include <jansson.h>

#include "field/talk_show.h"
#include "tui/meter.h"

/* ---- for people ---- */

static const char *value_text(const struct talk_value *v, char ret[static 24])
{
    switch (v->kind) {
    case TALK_NUMBER:
        (void)snprintf(ret, 24, "%lld", (long long)v->number);
        return ret;
    case TALK_YES:
        return v->number != 0 ? "yes" : "no";
    case TALK_WORDS:
    case TALK_TIME:
    case TALK_HEX:
        break;
    }
    return v->text;
}

static void print_value(void *ctx, const struct talk_value *v)
{
    struct meter_print *m = ctx;
    char text[24];

    if (m->in_list)     /* of a later page: it stands above already */
        return;
    (void)fprintf(m->out, "%s: %s\n", v->name, value_text(v, text));
}

/* Cells of a column: enough for its name and for what usually stands in it. */
static int width_of(const struct talk_value *v)
{
    int name = (int)strlen(v->name);
    int usual = v->kind == TALK_TIME    ? 20
                : v->kind == TALK_WORDS ? 16
                : v->kind == TALK_HEX   ? 32
                                        : 8;

    return name > usual ? name : usual;
}

static void print_entry(void *ctx, const char *list, const struct talk_value *values, size_t n)
{
    struct meter_print *m = ctx;
    char text[24];

    (void)list;
    for (size_t i = 0; !m->in_list && i < n; i++)
        (void)fprintf(m->out, values[i].kind == TALK_NUMBER ? "%*s%s" : "%-*s%s",
                      width_of(&values[i]), values[i].name, i + 1 < n ? "  " : "\n");
    m->in_list = true;
    for (size_t i = 0; i < n; i++)
        (void)fprintf(m->out, values[i].kind == TALK_NUMBER ? "%*s%s" : "%-*s%s",
                      i + 1 < n || values[i].kind == TALK_NUMBER ? width_of(&values[i]) : 0,
                      value_text(&values[i], text), i + 1 < n ? "  " : "\n");
}

/* ---- JSON ---- */

static json_t *value_json(const struct talk_value *v)
{
    switch (v->kind) {
    case TALK_NUMBER:
        return json_integer(v->number);
    case TALK_YES:
        return json_boolean(v->number != 0);
    case TALK_WORDS:
    case TALK_TIME:
    case TALK_HEX:
        break;
    }
    return json_string(v->text);
}

static void collect_value(void *ctx, const struct talk_value *v)
{
    const struct meter_print *m = ctx;

    (void)json_object_set_new(m->doc, v->name, value_json(v));
}

static void collect_entry(void *ctx, const char *list, const struct talk_value *values, size_t n)
{
    const struct meter_print *m = ctx;
    json_t *all = json_object_get(m->doc, list), *one = json_object();

    if (all == NULL) {
        all = json_array();
        (void)json_object_set_new(m->doc, list, all);
    }
    for (size_t i = 0; i < n; i++)
        (void)json_object_set_new(one, values[i].name, value_json(&values[i]));
    (void)json_array_append_new(all, one);
}

/* ---- both ---- */

void meter_print(struct meter_print *m, const gasm_Response *answer, bool monthly)
{
    struct talk_sink lines = {m, print_value, print_entry};
    struct talk_sink json = {m, collect_value, collect_entry};

    if (m->json && m->doc == NULL)
        m->doc = json_object();
    talk_show(answer, monthly, m->json ? &json : &lines);
    (void)fflush(m->out);
}

void meter_print_end(struct meter_print *m)
{
    if (m->doc != NULL) {
        (void)json_dumpf(m->doc, m->out, JSON_COMPACT);
        (void)fputc('\n', m->out);
        json_decref(m->doc);
    }
    m->doc = NULL;
    m->in_list = false;
    (void)fflush(m->out);
}

int json_report(const struct gf_fail *why)
{
    const struct gf_err_row *row = gf_err_row(why->code);
    json_t *doc = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i}", "error", row->name, "number",
                            -row->code, "message", row->what, "where", why->where, "detail",
                            why->detail, "todo", row->todo, "exit_status", row->exit_status);

    (void)json_dumpf(doc, stderr, JSON_COMPACT);
    json_decref(doc);
    (void)fputc('\n', stderr);
    return row->exit_status;
}
