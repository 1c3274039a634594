/* params.c - the parameter table; see params.h. */
#include "meter-core/params.h"

#include "meter-core/texts.h"

static const struct mc_param_row rows[] = {
#define X(name, id, text, unit, min, max, def, what)                                               \
    {id, min, max, def, MC_TEXT(text), MC_TEXT(unit), MC_TEXT(what)},
    MC_PARAM_TABLE(X)
#undef X
};

const struct mc_param_row *mc_params(size_t *ret_n)
{
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

const struct mc_param_row *mc_param_row(uint32_t id)
{
    return id >= 1 && id <= MC_PARAM_COUNT ? &rows[id - 1] : NULL;
}
