/* core.c - the entries that persist a meter's registers; see core.h. */
#include "meter-core/core.h"

#include "meter-core/logs.h"

struct member {
    uint8_t tag, size, count;
    bool raw;                   /* a string of bytes, not numbers */
    uint16_t at;
};
#define SIZE(m) (sizeof ((struct mc_core *)0)->m)
#define NUMBER(tag, m) {tag, (uint8_t)SIZE(m), 1, false, (uint16_t)offsetof(struct mc_core, m)}
#define BYTES(tag, m) {tag, (uint8_t)SIZE(m), 1, true, (uint16_t)offsetof(struct mc_core, m)}

static const struct member members[] = {
    BYTES(1, meter_id),
    BYTES(2, factory_key),
    NUMBER(3, meter_type),
    NUMBER(4, pulse_l),
    NUMBER(5, life),
    NUMBER(7, active_epoch),
    NUMBER(8, pending_epoch),
    BYTES(9, active_key),
    BYTES(10, pending_key),
    NUMBER(11, account_no),
    NUMBER(12, totals.index_l),
    NUMBER(13, totals.purged_l),
    NUMBER(14, totals.opening_index_l),
    NUMBER(15, totals.opening_purged_l),
    NUMBER(16, totals.purchased_l),
    NUMBER(17, totals.imported_l),
    NUMBER(18, totals.forgiven_l),
    NUMBER(19, totals.debited_l),
    NUMBER(20, totals.cleared_l),
    NUMBER(21, totals.exported_l),
    NUMBER(22, receipt_seq),
    NUMBER(23, event_seq),
    NUMBER(24, serial_floor),
    NUMBER(25, session_reserved),
    NUMBER(26, starts),
    BYTES(27, last_hash),
    NUMBER(28, clock_was_set),
    NUMBER(29, clock_offset_ms),
    NUMBER(30, floor_s),
    NUMBER(31, params_were_set),
    {32, 8, (uint8_t)MC_PARAM_COUNT, false, (uint16_t)offsetof(struct mc_core, params)},
    NUMBER(33, grant_open),
    BYTES(34, grant_op),
    NUMBER(35, grant_l),
    NUMBER(36, grant_s),
    NUMBER(37, grant_from_l),
    NUMBER(38, grant_serial),
    NUMBER(39, grant_scope),
    NUMBER(40, purge_end),
    NUMBER(41, purge_end_seq),
    NUMBER(42, purge_flowed_l),
    NUMBER(43, purge_elapsed_s),
    NUMBER(44, account_closed),
    NUMBER(45, closing_index_l),
    NUMBER(46, totals.after_closing_l),
    NUMBER(47, token_seq),
    NUMBER(48, typed_fails),
    {49, 8, MC_CASES, false, (uint16_t)offsetof(struct mc_core, cases)},
    NUMBER(50, firmware),
    NUMBER(51, self_tested),
    NUMBER(52, locks),
    NUMBER(53, day_no),
    NUMBER(54, month_no),
    NUMBER(55, purchase_no),
    NUMBER(56, day),
    NUMBER(57, month),
};
#define MEMBERS (sizeof members / sizeof members[0])
_Static_assert(MEMBERS <= MC_CORE_MEMBERS_MAX, "what core.h counts on");
#define REACHABLE (UINT64_C(1) << 60)
#define TAG_INDEX 12
#define TAG_PURGED 13
#define TAG_USE 0xF0            /* place 1, serial 8, scope 4, uses 4, purged_l 4, not_after_s 4 */

static uint64_t load(const struct mc_core *core, const struct member *d, size_t i)
{
    const uint8_t *at = (const uint8_t *)core + d->at + i * d->size;
    uint64_t v64;
    uint32_t v32;

    if (d->size == 1)
        return *at;
    if (d->size == 4) {
        memcpy(&v32, at, sizeof v32);
        return v32;
    }
    memcpy(&v64, at, sizeof v64);
    return v64;
}

static void save(struct mc_core *core, const struct member *d, size_t i, uint64_t v)
{
    uint8_t *at = (uint8_t *)core + d->at + i * d->size;
    uint32_t v32 = (uint32_t)v;

    if (d->size == 1)
        *at = (uint8_t)v;
    else if (d->size == 4)
        memcpy(at, &v32, sizeof v32);
    else
        memcpy(at, &v, sizeof v);
}

/* True when element i of a member differs; `from` NULL stands for a core of zeroes. */
static bool differs(const struct mc_core *from, const struct mc_core *to, const struct member *d,
                    size_t i)
{
    const uint8_t *at = (const uint8_t *)to + d->at;
    uint8_t any = 0;

    if (!d->raw)
        return load(to, d, i) != (from == NULL ? 0 : load(from, d, i));
    if (from != NULL)
        return memcmp((const uint8_t *)from + d->at, at, d->size) != 0;
    for (size_t k = 0; k < d->size; k++)
        any |= at[k];
    return any != 0;
}

/* True when no byte of a whole member, with all its elements, differs. */
static bool is_same(const struct mc_core *from, const struct mc_core *to, const struct member *d)
{
    return memcmp((const uint8_t *)from + d->at, (const uint8_t *)to + d->at,
                  (size_t)d->size * d->count) == 0;
}

void mc_core_write(struct gf_writer *w, const struct mc_core *from, const struct mc_core *to,
                   bool with_index)
{
    for (size_t m = 0; m < MEMBERS; m++) {
        const struct member *d = &members[m];
        bool forced = with_index && (d->tag == TAG_INDEX || d->tag == TAG_PURGED);

        if (!forced && from != NULL && is_same(from, to, d))
            continue;           /* as almost all are of what a command changes */
        for (size_t i = 0; i < d->count; i++) {
            if (!forced && !differs(from, to, d, i))
                continue;
            gf_wr_uint(w, d->tag, 1);
            if (d->count > 1)
                gf_wr_uint(w, i, 1);
            if (d->raw)
                gf_wr(w, (const uint8_t *)to + d->at, d->size);
            else
                gf_wr_uint(w, load(to, d, i), d->size);
        }
    }
}

void mc_core_write_use(struct gf_writer *w, size_t place, const struct mc_use *use)
{
    gf_wr_uint(w, TAG_USE, 1);
    gf_wr_uint(w, place, 1);
    gf_wr_uint(w, use->serial, 8);
    gf_wr_uint(w, use->scope, 4);
    gf_wr_uint(w, use->uses, 4);
    gf_wr_uint(w, use->purged_l, 4);
    gf_wr_uint(w, use->not_after_s, 4);
}

static const struct member *member_of(uint8_t tag)
{
    for (size_t m = 0; m < MEMBERS; m++)
        if (members[m].tag == tag)
            return &members[m];
    return NULL;
}

static void read_member(struct mc_core *core, uint8_t tag, struct gf_reader *r)
{
    const struct member *d = member_of(tag);
    size_t i = d != NULL && d->count > 1 ? (size_t)gf_rd_uint(r, 1) : 0;
    const uint8_t *raw;

    if (d == NULL || i >= d->count) {
        r->bad = true;
    } else if (!d->raw) {
        uint64_t v = gf_rd_uint(r, d->size);

        if (!r->bad)
            save(core, d, i, v);
    } else if ((raw = gf_rd(r, d->size)) != NULL) {
        memcpy((uint8_t *)core + d->at, raw, d->size);
    }
}

static void read_use(struct mc_use uses[static MC_COUNTED], struct gf_reader *r)
{
    size_t place = (size_t)gf_rd_uint(r, 1);
    struct mc_use use;

    use.serial = gf_rd_uint(r, 8);
    use.scope = (uint32_t)gf_rd_uint(r, 4);
    use.uses = (uint32_t)gf_rd_uint(r, 4);
    use.purged_l = (uint32_t)gf_rd_uint(r, 4);
    use.not_after_s = (uint32_t)gf_rd_uint(r, 4);
    if (place >= MC_COUNTED)
        r->bad = true;
    if (!r->bad)
        uses[place] = use;
}

int mc_core_read(struct mc_core *core, struct mc_use uses[static MC_COUNTED], struct gf_reader *r)
{
    while (r->left > 0 && !r->bad) {
        uint8_t tag = (uint8_t)gf_rd_uint(r, 1);

        if (tag == TAG_USE)
            read_use(uses, r);
        else if (mc_log_size(tag) > 0)
            (void)gf_rd(r, MC_LOG_HEAD - 1 + mc_log_size(tag));
        else
            read_member(core, tag, r);
    }
    return r->bad ? GF_E_STORE : 0;
}

/* Far above what any lifetime reaches, far below where sums end. */
static bool is_reachable(const struct mc_core *core)
{
    const gasm_Totals *t = &core->totals;
    const uint64_t counted[] = {
        t->index_l,         t->purged_l,       t->opening_index_l, t->opening_purged_l,
        t->purchased_l,     t->imported_l,     t->forgiven_l,      t->debited_l,
        t->cleared_l,       t->exported_l,     t->after_closing_l, core->closing_index_l,
        core->token_seq,    core->receipt_seq, core->event_seq,    core->starts,
        core->grant_from_l, core->session_reserved,
    };
    uint64_t any = 0;

    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        any |= counted[i];
    return any < REACHABLE && core->floor_s < (int64_t)REACHABLE &&
           core->floor_s > -(int64_t)REACHABLE && core->clock_offset_ms < (int64_t)REACHABLE &&
           core->clock_offset_ms > -(int64_t)REACHABLE;
}

int mc_core_check(struct mc_core *core)
{
    char meter_id[GF_METER_ID_TEXT] = {0};
    size_t n;
    const struct mc_param_row *rows = mc_params(&n);

    memcpy(meter_id, core->meter_id, sizeof core->meter_id);
    if (gf_meter_id_check(meter_id, NULL) != 0 || (core->pulse_l != 1 && core->pulse_l != 10) ||
        core->life == gasm_LifeState_LIFE_UNKNOWN || core->life > gasm_LifeState_SCRAPPED ||
        core->grant_open > 1 || core->account_closed > 1 || !is_reachable(core) ||
        (core->grant_open == 1 && core->totals.purged_l < core->grant_from_l))
        return GF_E_STORE;
    for (size_t i = 0; i < n; i++)
        if (core->params[i] < rows[i].min || core->params[i] > rows[i].max)
            core->params[i] = rows[i].def;
    return 0;
}
