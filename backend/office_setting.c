/* office_setting.c - settings, by their table; see office_setting.h. */
#include "backend/office_setting.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

static const struct ho_setting settings[] = {
#define X(setting, from, to, without, meaning)                                                     \
    { .name = setting, .missing = without, .what = meaning, .min = from, .max = to },
    HO_SETTING_TABLE(X)
#undef X
};

const struct ho_setting *ho_setting_at(size_t i)
{
    return i < sizeof settings / sizeof settings[0] ? &settings[i] : NULL;
}

static const struct ho_setting *find(struct office *o, const char *name)
{
    for (size_t i = 0; ho_setting_at(i) != NULL; i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    (void)ho_fail(o, GF_E_FORMAT, "there is no setting", name);
    return NULL;
}

bool ho_is_url(const char *text)
{
    static const char scheme[] = "https://";
    size_t n = strlen(text), head = sizeof scheme - 1;

    if (n <= head || n >= HO_SETTING_MAX || strncmp(text, scheme, head) != 0 || text[head] == '/')
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c) != NULL)
            return false;
    return true;
}

int ho_setting_get(struct office *o, const char *name, char ret[static HO_SETTING_MAX])
{
    const struct ho_setting *s = find(o, name);

    if (s == NULL)
        return o->fail.code;

    struct odb_query *q = odb_query(
        o->db, "SELECT value FROM setting WHERE org_id = ?1 AND name = ?2", ODB(ODB_T(s->name)));
    int r = odb_next(o->db, q);

    if (r == 1)
        odb_text(q, 0, ret, HO_SETTING_MAX);
    else
        (void)gf_copy(ret, HO_SETTING_MAX, s->missing);
    odb_end(q);
    return r < 0 ? ho_db_fail(o) : 0;
}

struct choice {
    const struct ho_setting *setting;
    const char *value;
};

static int store(struct office *o, void *ctx)
{
    const struct choice *c = ctx;

    if (odb_exec(o->db,
                 "INSERT INTO setting (org_id, name, value) VALUES (?1, ?2, ?3) ON CONFLICT "
                 "(org_id, name) DO UPDATE SET value = excluded.value",
                 ODB(ODB_T(c->setting->name), ODB_T(c->value)))
        < 0)
        return ho_db_fail(o);
    return ho_log(o, ho_who(o), "setting chosen", "%s: %s", c->setting->name, c->value);
}

int ho_setting_set(struct office *o, const char *name, const char *value)
{
    struct choice c = { find(o, name), value };
    char reason[64];
    int64_t number;

    if (c.setting == NULL)
        return o->fail.code;
    if (c.setting->max == 0 && !ho_is_url(value))
        return ho_fail(o, GF_E_FORMAT, name, "a URL is wanted: https://name, name:port or more");
    (void)snprintf(reason, sizeof reason, "a number from %lld to %lld is wanted",
                   (long long)c.setting->min, (long long)c.setting->max);
    if (c.setting->max != 0 && gf_parse_int(value, c.setting->min, c.setting->max, &number) != 0)
        return ho_fail(o, GF_E_RANGE, name, reason);
    return ho_transaction(o, store, &c);
}
