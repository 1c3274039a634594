/* order_words.c - what is asked for of a work order, by itself; see order_in.h. */
#include <stdio.h>
#include <string.h>

#include "backend/office_issue.h"
#include "backend/office_register.h"
#include "backend/order_in.h"
#include "common/text.h"
#include "meter-core/params.h"

#define NOTE_MAX_LEN 199
#define PURGE_L_MAX 10000
#define PURGE_S_MAX 3600
#define RIGHT(name) (1u << gasm_Right_RIGHT_##name)

/* What a company sets at each commissioning unless the order says otherwise. */
static const uint32_t standard_parameters[] = { MC_PARAM_CREDIT_LOW, MC_PARAM_CREDIT_EMERGENCY,
                                                MC_PARAM_ARMING_TIME };

/* All rights of a kind's tickets. */
static uint32_t rights_of(const struct order_kind *kind)
{
    uint32_t ret = 0;

    for (size_t i = 0; i < kind->n_tickets; i++)
        ret |= kind->tickets[i].rights;
    return ret;
}

/* "7=5000" into the list; each id once, in the range of the meter's table. */
static int add_parameter(struct office *o, const char *text, struct buf *list, uint64_t *seen)
{
    char id[16] = "", detail[120];
    int64_t n, v;
    size_t at = strcspn(text, "=");
    const struct mc_param_row *row = NULL;

    if (text[at] == '=' && at < sizeof id) {
        memcpy(id, text, at);
        id[at] = '\0';
        row = gf_parse_int(id, 1, 63, &n) == 0 ? mc_param_row((uint32_t)n) : NULL;
    }
    if (row == NULL) {
        (void)snprintf(detail, sizeof detail,
                       "\"%.40s\": a parameter is ID=VALUE with an id of 1 to %zu", text,
                       (size_t)MC_PARAM_COUNT);
        return ho_fail(o, GF_E_FORMAT, "param", detail);
    }
    if (gf_parse_int(text + at + 1, row->min, row->max, &v) != 0) {
        (void)snprintf(detail, sizeof detail, "%s: a number of %s from %d to %d", row->text,
                       row->unit, row->min, row->max);
        return ho_fail(o, GF_E_RANGE, "param", detail);
    }
    if ((*seen >> row->id & 1) != 0)
        return ho_fail(o, GF_E_FORMAT, "param", "a parameter is named twice");
    *seen |= UINT64_C(1) << row->id;
    buf_print(list, "%s%u=%lld", list->n > 0 ? ";" : "", row->id, (long long)v);
    return 0;
}

/* The order's parameters, with a NUL. Where parameters are what the work is about, those of the
 * company stand in for none. */
static int make_parameters(struct office *o, const struct ho_new_order *n,
                           const struct order_kind *kind, struct buf *list)
{
    const uint32_t rights = rights_of(kind);
    uint64_t seen = 0;
    int r = 0;

    if (n->n_parameters > 0 && (rights & RIGHT(PARAMETERS)) == 0)
        return ho_fail(o, GF_E_FORMAT, "param", "an order of this kind sets no parameters");
    for (size_t i = 0; r == 0 && i < n->n_parameters; i++)
        r = add_parameter(o, n->parameters[i], list, &seen);
    for (size_t i = 0; n->n_parameters == 0
                       && ((rights & RIGHT(COMMISSION)) != 0
                           || strcmp(kind->name, "parameters") == 0)
                       && i < sizeof standard_parameters / sizeof standard_parameters[0];
         i++) {
        const struct mc_param_row *row = mc_param_row(standard_parameters[i]);

        buf_print(list, "%s%u=%d", list->n > 0 ? ";" : "", row->id, row->def);
    }
    buf_add(list, "", 1);
    return r == 0 && list->bad ? ho_fail(o, GF_E_MEMORY, "param", "") : r;
}

static int check_purge(struct office *o, const struct order_making *m)
{
    if (!m->kind->purges)
        return 0;
    if (m->n->purge_l < 1 || m->n->purge_l > PURGE_L_MAX)
        return ho_fail(o, GF_E_RANGE, "purge-l", "1 to 10000 litres");
    if (m->n->purge_s < 1 || m->n->purge_s > PURGE_S_MAX)
        return ho_fail(o, GF_E_RANGE, "purge-s", "1 to 3600 seconds");
    return 0;
}

static int check_swap_words(struct office *o, const struct ho_new_order *n, bool swaps)
{
    const char *reason = n->reason != NULL ? n->reason : "";

    if (!swaps && (n->old_meter_id != NULL || n->reason != NULL || n->cap_l != 0))
        return ho_fail(o, GF_E_FORMAT, n->reason != NULL ? "reason" : "old meter",
                       "only a swap has one");
    if (!swaps)
        return 0;
    if (strcmp(reason, "fault") != 0 && strcmp(reason, "due") != 0
        && strcmp(reason, "dispute") != 0)
        return ho_fail(o, GF_E_FORMAT, "reason", "fault, due or dispute");
    if (n->cap_l < 0 || n->cap_l > SWAP_CAP_MAX_L)
        return ho_fail(o, GF_E_RANGE, "cap-l", "1 to 100000000 litres");
    return 0;
}

int order_check_words(struct office *o, struct order_making *m)
{
    const struct ho_new_order *n = m->n;
    int64_t due_s;
    int r;

    m->kind = order_kind_find(n->kind != NULL ? n->kind : "account-opening");
    if (m->kind == NULL)
        return ho_fail(o, GF_E_FORMAT, "kind", "there is no such kind of order");
    if (gf_meter_id_check(n->meter_id, &o->fail) != 0)
        return o->fail.code;
    if (n->number != NULL && !ho_is_id(n->number, sizeof m->number - 1))
        return ho_fail(o, GF_E_FORMAT, "number", "1 to 31 letters, digits, and . _ - /");
    if (n->note != NULL && n->note[0] != '\0' && !ho_is_text(n->note, NOTE_MAX_LEN))
        return ho_fail(o, GF_E_FORMAT, "note", "at most 199 bytes of text");
    if (n->due != NULL && ho_date_parse(n->due, &due_s) != 0)
        return ho_fail(o, GF_E_FORMAT, "due", "a date is written like 2026-11-22");
    if (n->priority < 1 || n->priority > 9)
        return ho_fail(o, GF_E_RANGE, "priority", "1 (first) to 9");
    if ((r = check_purge(o, m)) != 0 || (r = check_swap_words(o, n, m->kind->swaps)) != 0)
        return r;
    if (n->due == NULL)
        ho_date_text(ho_now_ms(o) / 1000, m->due);
    else
        (void)gf_copy(m->due, sizeof m->due, n->due);
    return make_parameters(o, n, m->kind, &m->parameters);
}
