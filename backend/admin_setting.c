/* admin_setting.c - the command that shows and chooses settings; see admin.h. */
#include <string.h>

#include "backend/admin.h"
#include "backend/office_setting.h"

static json_t *row_of(const struct ho_setting *s, const char *value)
{
    return json_pack("{s:s, s:s, s:s}", "name", s->name, "value", value, "what", s->what);
}

/* All settings, or the one of this name. */
static int list(struct admin *a, const char *name, struct gf_fail *why)
{
    char value[HO_SETTING_MAX];
    json_t *rows = json_array();
    const struct ho_setting *s;

    for (size_t i = 0; (s = ho_setting_at(i)) != NULL; i++) {
        if (name != NULL && strcmp(name, s->name) != 0)
            continue;

        int r = admin_failed(a, ho_setting_get(a->office, s->name, value), why);
        if (r != 0) {
            json_decref(rows);
            return r;
        }
        (void)json_array_append_new(rows, row_of(s, value));
    }
    return admin_answer(a, rows, why);
}

static int run_setting(struct admin *a, const struct admin_args *args, struct gf_fail *why)
{
    const char *name = args->words[0], *value = name != NULL ? args->words[1] : NULL;
    char known[HO_SETTING_MAX];
    int r = 0;

    if (name != NULL)
        r = admin_failed(a, ho_setting_get(a->office, name, known), why);
    if (r == 0 && value != NULL)
        r = admin_failed(a, ho_setting_set(a->office, name, value), why);
    return r == 0 ? list(a, name, why) : r;
}

static const struct admin_command commands[] = {
    { .name = "setting",
      .words = "[NAME] [VALUE]",
      .what = "show the settings, or one; with a value, choose it",
      .run = run_setting },
};

const struct admin_group admin_group_settings = ADMIN_GROUP("Settings", commands);
