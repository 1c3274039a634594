/* cuts_sweep.c - sweeps over all power cuts of a scene, and cases as text; see cuts.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/aid/cuts.h"

static const char *const mode_names[AID_CUTS] = {
    [AID_CUT_BEFORE] = "untouched", [AID_CUT_TORN] = "torn",     [AID_CUT_GARBAGE] = "garbage",
    [AID_CUT_AFTER] = "after",      [AID_CUT_RIPENS] = "ripens", [AID_CUT_DECAYS] = "decays",
};

/* ---- sweeps ---- */

/* All that is asked for at one unit. False when something is wrong. */
static bool cut_here(struct aid_scene *s, struct aid_cut_case *c, const struct aid_sweep *how,
                     struct aid_swept *to)
{
    uint32_t hit = 0;
    int64_t step = how->second;

    c->second = -1;
    for (;;) {
        to->wrong = aid_scene_cut(s, c, &hit);
        to->cuts += hit;
        if (to->wrong != NULL) {
            to->failed = *c;
            return false;
        }
        /* The second cuts begin at another unit each time. */
        if (how->second == 0 || (c->second >= 0 && hit < 2))
            return true;
        c->second = c->second < 0 ? c->at % step : c->second + step;
        if (how->seconds > 0 && c->second >= how->seconds)
            return true;
    }
}

/* Is this unit cut in that way? */
static bool is_wanted(const struct aid_sweep *how, int64_t at, enum aid_cut mode)
{
    if (how->ripens_only)
        return mode == AID_CUT_RIPENS;
    return how->every_mode ||
           mode == (enum aid_cut)((at / how->stride + how->left / 16) % AID_CUTS);
}

bool aid_sweep(const struct aid_cut_row *row, const struct aid_sweep *how, struct aid_swept *to)
{
    struct aid_cut_case c = {
        .row = row, .unit = how->unit, .left = how->left, .at = -1, .second = -1};
    struct aid_scene *s = aid_scene_new(row, how->unit, how->left, how->fault, &to->wrong);
    uint64_t units = how->units > 0 && how->units < s->units ? how->units : s->units;
    bool good = to->wrong == NULL;

    to->failed = c;
    for (c.at = 0; good && (uint64_t)c.at < units; c.at += how->stride)
        for (enum aid_cut mode = 0; good && mode < AID_CUTS; mode++) {
            c.mode = mode;
            if (is_wanted(how, c.at, mode))
                good = cut_here(s, &c, how, to);
        }
    if (s->life.worst_l > to->worst_l)
        to->worst_l = s->life.worst_l;
    aid_scene_free(s);
    return good;
}

/* ---- a case as text ---- */

void aid_cut_print(const struct aid_cut_case *c, char *ret, size_t cap)
{
    int n = snprintf(ret, cap, "%s/flash=%" PRIu32, c->row->name, c->unit);

    if (c->left != AID_CUT_WHOLE)
        n += snprintf(ret + n, cap - (size_t)n, "/left=%" PRIu32, c->left);
    if (c->at >= 0)
        n += snprintf(ret + n, cap - (size_t)n, "/unit=%" PRId64 "/mode=%s", c->at,
                      mode_names[c->mode]);
    if (c->second >= 0)
        (void)snprintf(ret + n, cap - (size_t)n, "/second=%" PRId64, c->second);
}

static bool parse_mode(const char *text, enum aid_cut *ret)
{
    for (enum aid_cut mode = 0; mode < AID_CUTS; mode++)
        if (strcmp(text, mode_names[mode]) == 0) {
            *ret = mode;
            return true;
        }
    return false;
}

static bool parse_part(const char *part, struct aid_cut_case *ret)
{
    const char *value = strchr(part, '=');
    size_t n = value == NULL ? strlen(part) : (size_t)(value - part);
    long number = value == NULL ? 0 : strtol(value + 1, NULL, 10);

    if (value == NULL)
        return (ret->row = aid_cut_row(part)) != NULL;
    if (strncmp(part, "flash", n) == 0)
        ret->unit = (uint32_t)number;
    else if (strncmp(part, "left", n) == 0)
        ret->left = (uint32_t)number;
    else if (strncmp(part, "unit", n) == 0)
        ret->at = number;
    else if (strncmp(part, "second", n) == 0)
        ret->second = number;
    else
        return strncmp(part, "mode", n) == 0 && parse_mode(value + 1, &ret->mode);
    return true;
}

bool aid_cut_parse(const char *text, struct aid_cut_case *ret)
{
    char part[64];

    *ret = (struct aid_cut_case){.unit = 8, .left = AID_CUT_WHOLE, .at = 0, .second = -1};
    while (*text != '\0') {
        size_t n = strcspn(text, "/");

        if (n >= sizeof part)
            return false;
        memcpy(part, text, n);
        part[n] = '\0';
        if (!parse_part(part, ret))
            return false;
        text += n + (text[n] == '/');
    }
    return ret->row != NULL;
}
