/* procedure.c - the list of procedures; see procedure.h. */
#include "field/procedure.h"

#include <string.h>

static const struct procedure *const all[] = {&procedure_opening, &procedure_swap};

const struct procedure *const *procedures(size_t *ret_n)
{
    *ret_n = sizeof all / sizeof *all;
    return all;
}

const struct procedure *procedure_find(const char *id)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->id, id) == 0)
            return all[i];
    return NULL;
}
