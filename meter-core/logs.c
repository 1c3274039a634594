/* logs.c - the meter's four logs; see logs.h. */
#include "meter-core/logs.h"

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/store.h"

struct log_row {
    uint8_t tag, size;
    uint16_t keep;
};

static const struct log_row rows[MC_LOGS] = {
#define X(name, tag, size, keep, last) [MC_LOG_##name] = {tag, size, keep},
    MC_LOG_TABLE(X)
#undef X
};

uint32_t mc_log_last(const struct mc_core *core, enum mc_log log)
{
    const uint32_t numbers[MC_LOGS] = {
#define X(name, tag, size, keep, last) [MC_LOG_##name] = (uint32_t)core->last,
        MC_LOG_TABLE(X)
#undef X
    };

    return numbers[log];
}

uint32_t mc_log_first(const struct mc_core *core, enum mc_log log)
{
    uint32_t last = mc_log_last(core, log);

    return last > rows[log].keep ? last - rows[log].keep + 1 : last > 0;
}

static enum mc_log log_of(uint8_t tag)
{
    for (enum mc_log log = 0; log < MC_LOGS; log++)
        if (rows[log].tag == tag)
            return log;
    return MC_LOGS;
}

uint32_t mc_log_size(uint8_t tag)
{
    enum mc_log log = log_of(tag);

    return log == MC_LOGS ? 0 : rows[log].size;
}

/* ---- writing ---- */

static void begin(struct gf_writer *w, enum mc_log log, uint32_t no)
{
    gf_wr_uint(w, rows[log].tag, 1);
    gf_wr_uint(w, no, 4);
}

void mc_log_event(struct gf_writer *w, struct mc_core *core, enum mc_event event, int64_t at_s,
                  int64_t a, int64_t b)
{
    begin(w, MC_LOG_EVENTS, (uint32_t)++core->event_seq);
    gf_wr_uint(w, (uint64_t)event, 1);
    gf_wr_uint(w, (uint64_t)at_s, 5);
    gf_wr_uint(w, (uint64_t)a, 8);
    gf_wr_uint(w, (uint64_t)b, 8);
}

void mc_log_period(struct gf_writer *w, struct mc_core *core, enum mc_log log, uint32_t period)
{
    begin(w, log, log == MC_LOG_DAYS ? ++core->day_no : ++core->month_no);
    gf_wr_uint(w, period, 4);
    gf_wr_uint(w, core->totals.index_l, 8);
    gf_wr_uint(w, core->totals.purged_l, 4);
    gf_wr_uint(w, (uint64_t)mc_residual_l(&core->totals), 8);
}

void mc_log_purchase(struct gf_writer *w, struct mc_core *core, const gasm_Purchase *purchase)
{
    uint8_t order[MC_LOG_ORDER] = {0};

    memcpy(order, purchase->order_id.bytes, purchase->order_id.size);
    begin(w, MC_LOG_PURCHASES, ++core->purchase_no);
    gf_wr_uint(w, (uint64_t)purchase->at_s, 5);
    gf_wr_uint(w, purchase->account_no, 8);
    gf_wr_uint(w, purchase->sequence, 8);
    gf_wr_uint(w, (uint64_t)purchase->credited_l, 8);
    gf_wr_uint(w, (uint64_t)purchase->residual_l, 8);
    gf_wr_uint(w, (uint64_t)purchase->carrier, 1);
    gf_wr(w, order, sizeof order);
}

/* ---- scanning ---- */

/* Called for each entry of each log: its bytes, head included. 0 to go on. */
typedef int entry_visit(void *ctx, enum mc_log log, uint32_t no, const uint8_t *entry);

struct scan {
    const struct mc_nvm *nvm;
    entry_visit *visit;
    void *ctx;
    uint32_t last[MC_LOGS];     /* numbers: a record that a start copied may show them again */
};

/* Where a record's log entries begin; its end when it has none. */
static int entries_at(const struct mc_nvm *nvm, const struct mc_record *record, uint32_t *ret)
{
    uint32_t end = record->addr + record->len;

    *ret = end;
    switch (record->type) {
    case MC_RECORD_CHANGE:
    case MC_RECORD_LOG:
        *ret = record->addr;
        return 0;
    case MC_RECORD_OPERATION:
        return mc_store_entries_at(nvm, record, ret);
    case MC_RECORD_ERASED:
    case MC_RECORD_SECTOR:
    case MC_RECORD_COMMIT:
    case MC_RECORD_SNAPSHOT:
    case MC_RECORD_KEPT:
    case MC_RECORD_INDEX:
    case MC_RECORD_TURN:
        break;
    }
    return 0;
}

static int visit_record(void *ctx, const struct mc_record *record)
{
    struct scan *s = ctx;
    uint32_t at, end = record->addr + record->len;
    uint8_t entry[MC_LOG_ENTRY_MAX];
    int rc = entries_at(s->nvm, record, &at);

    while (rc == 0 && at < end) {
        struct gf_reader r = {entry + 1, 4, false};
        uint32_t n = end - at < sizeof entry ? end - at : (uint32_t)sizeof entry;
        enum mc_log log;
        uint32_t no;

        if (s->nvm->read(s->nvm->ctx, at, entry, n) != 0)
            return GF_E_STORE;
        log = log_of(entry[0]);
        if (log == MC_LOGS || MC_LOG_HEAD + (uint32_t)rows[log].size > n)
            break;              /* the record's other entries */
        at += MC_LOG_HEAD + rows[log].size;
        no = (uint32_t)gf_rd_uint(&r, 4);
        if (no <= s->last[log])
            continue;
        s->last[log] = no;
        rc = s->visit(s->ctx, log, no, entry);
    }
    return rc;
}

struct reading {
    enum mc_log log;
    uint32_t from, to;
    mc_log_visit *visit;
    void *ctx;
};

static int read_one(void *ctx, enum mc_log log, uint32_t no, const uint8_t *entry)
{
    const struct reading *want = ctx;
    struct gf_reader r = {entry + MC_LOG_HEAD, rows[log].size, false};

    if (log != want->log || no < want->from || no > want->to)
        return 0;
    return want->visit(want->ctx, no, &r);
}

int mc_log_read(struct mc_meter *m, enum mc_log log, uint32_t from, mc_log_visit *visit, void *ctx)
{
    uint32_t first = mc_log_first(&m->core, log);
    struct reading want = {log, from > first ? from : first, mc_log_last(&m->core, log), visit,
                           ctx};
    struct scan s = {&m->ports.nvm, read_one, &want, {0}};

    return mc_journal_replay(&m->journal, visit_record, &s) == GF_E_STORE ? GF_E_STORE : 0;
}

/* ---- a turn ---- */

struct carrying {
    const struct mc_core *core;
    struct mc_journal *next;
    struct gf_writer w;
};

static int flush(struct carrying *c)
{
    size_t n = c->w.n;

    c->w.n = 0;
    if (n == 0)
        return 0;
    return mc_journal_append(c->next, MC_RECORD_LOG, c->w.p - MC_JOURNAL_HEAD, n, NULL);
}

static int carry_one(void *ctx, enum mc_log log, uint32_t no, const uint8_t *entry)
{
    struct carrying *c = ctx;
    size_t n = MC_LOG_HEAD + (size_t)rows[log].size;
    int rc = 0;

    if (no < mc_log_first(c->core, log))
        return 0;
    if (n > c->w.cap - c->w.n)
        rc = flush(c);
    gf_wr(&c->w, entry, n);
    return rc;
}

int mc_log_carry(struct mc_meter *m, struct mc_journal *next)
{
    struct carrying c = {&m->core, next,
                         {m->rec + MC_JOURNAL_HEAD, MC_REC_MAX - MC_JOURNAL_EXTRA, 0, false}};
    struct scan s = {&m->ports.nvm, carry_one, &c, {0}};
    int rc = mc_journal_replay(&m->journal, visit_record, &s);

    return rc == 0 ? flush(&c) : rc;
}
