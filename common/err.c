/* err.c - the error table; see err.h. */
#include "common/err.h"

static const struct gf_err_row rows[] = {
#define X(name, number, status, what, todo) {-(number), status, #name, what, todo},
    GF_ERR_TABLE(X)
#undef X
};

const struct gf_err_row *gf_err_row(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return &rows[i];
    return &rows[0];
}

const struct gf_err_row *gf_err_rows(size_t *ret_n)
{
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

static void copy_cut(char *to, size_t cap, const char *from)
{
    size_t i = 0;

    for (; from != NULL && from[i] != '\0' && i + 1 < cap; i++)
        to[i] = from[i];
    to[i] = '\0';
}

int gf_fail(struct gf_fail *why, int code, const char *where, const char *detail)
{
    if (why != NULL && why->code == 0) {
        why->code = code;
        copy_cut(why->where, sizeof why->where, where);
        copy_cut(why->detail, sizeof why->detail, detail);
    }
    return code;
}
