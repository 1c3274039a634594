/* cuts_check.c - what must be true of a meter whose power was cut; see cuts.h. */
#include <string.h>

#include "meter-core/store.h"
#include "meter-core/ticket.h"
#include "tests/aid/cuts.h"

#define INDEX_STEP_L 10         /* the meter's word: no cut takes more than that */

/* ---- registers ---- */

void aid_mark_take(struct aid_mark *mark, const struct aid_life *l)
{
    const struct mc_meter *m = l->w->meter;
    int place = mc_ticket_place(m, l->ticket.serial, mc_ticket_scope(&l->ticket));
    struct mc_core *steady = &mark->steady;

    mark->core = m->core;
    mark->uses = place < 0 ? 0 : m->uses[place].uses;
    /* Bytes between members too, so that the whole can be compared. */
    memcpy(steady, &m->core, sizeof *steady);
    /* Times differ; so do starts, and what is measured or logged meanwhile. */
    steady->starts = steady->event_seq = steady->session_reserved = 0;
    steady->totals.index_l = steady->totals.purged_l = steady->totals.after_closing_l = 0;
    memset(steady->last_hash, 0, sizeof steady->last_hash);
    steady->clock_offset_ms = steady->floor_s = 0;
    steady->day = steady->month = steady->day_no = steady->month_no = 0;
    steady->purge_elapsed_s = 0;
}

static bool is_same(const struct aid_mark *a, const struct aid_mark *b)
{
    return memcmp(&a->steady, &b->steady, sizeof a->steady) == 0;
}

static const char *judge_litres(struct aid_life *l)
{
    const gasm_Totals *t = &l->w->meter->core.totals;
    uint64_t held_l = aid_life_measured_l(l) - l->lost_l, lost_l;
    uint64_t bound_l = l->row->flow == AID_FLOW_PURGE ? l->w->meter->core.pulse_l : INDEX_STEP_L;

    if (t->index_l > held_l)
        return "litres were created";
    lost_l = held_l - t->index_l;
    if (lost_l > bound_l)
        return "more litres were lost than one cut may take";
    if (lost_l > l->worst_l)
        l->worst_l = lost_l;
    l->lost_l += lost_l;
    if (l->row->flow == AID_FLOW_PURGE &&
        t->purged_l - l->before.core.totals.purged_l !=
            t->index_l - l->before.core.totals.index_l)
        return "purged litres were billed";
    if (l->row->flow == AID_FLOW_NONE && t->purged_l != l->before.core.totals.purged_l)
        return "litres became purged ones";
    return NULL;
}

/* Old or new, never between. *ret_done: new. */
static const char *judge_registers(const struct aid_life *l, bool *ret_done)
{
    struct aid_mark now;

    aid_mark_take(&now, l);
    *ret_done = l->acknowledged;
    if (l->row->unsteady || !l->knows_after)
        return NULL;
    *ret_done = is_same(&now, &l->after) &&
                (l->acknowledged || now.uses == l->after.uses || !is_same(&now, &l->before));
    if (!*ret_done && !is_same(&now, &l->before))
        return "the registers are neither the old nor the new ones";
    if (!*ret_done && l->acknowledged)
        return "what was acknowledged is lost";
    if (now.uses != l->before.uses + (*ret_done ? l->row->uses : 0u))
        return "the ticket's uses are not what was done";
    return NULL;
}

/* ---- receipts ---- */

/* The registers that flow does not touch. */
static bool goes_on(const gasm_Receipt *r, const gasm_Totals *last)
{
    return r->before.purchased_l == last->purchased_l && r->before.imported_l == last->imported_l &&
           r->before.forgiven_l == last->forgiven_l && r->before.debited_l == last->debited_l &&
           r->before.cleared_l == last->cleared_l && r->before.exported_l == last->exported_l &&
           r->before.opening_index_l == last->opening_index_l &&
           r->before.opening_purged_l == last->opening_purged_l &&
           r->before.index_l >= last->index_l && r->before.purged_l >= last->purged_l;
}

struct chain {
    uint8_t hash[MC_HASH_LEN];
    uint8_t ops[MC_OPS_KEPT][GF_UUID_LEN];
    size_t n;
    gasm_Totals last;
    uint32_t mine;              /* receipts of the row's operation */
};

static const char *take_receipt(const struct aid_life *l, struct chain *c, struct gf_span sealed,
                                uint64_t seq)
{
    const struct mc_crypto *crypto = &l->watch->port;
    uint8_t root[MC_KEY_LEN];
    gasm_Receipt r;

    if (sealed.p == NULL || mc_receipt_peek(sealed, &r) != 0)
        return "a receipt cannot be read";
    aid_meter_root((const char *)r.meter_id, r.key_epoch, root);
    if (mc_receipt_open(crypto, root, sealed, &r) != 0 || r.seq != seq)
        return "a receipt does not verify";
    if ((c->n > 0 || seq == 1) && memcmp(r.prev_hash, c->hash, MC_HASH_LEN) != 0)
        return "the chain of receipts is broken";
    if (c->n > 0 && !goes_on(&r, &c->last))
        return "totals jump between two receipts";
    for (size_t i = 0; i < c->n; i++)
        if (memcmp(c->ops[i], r.op_id.bytes, GF_UUID_LEN) == 0)
            return "two receipts of one operation";
    memcpy(c->ops[c->n++], r.op_id.bytes, GF_UUID_LEN);
    c->last = r.after;
    if (memcmp(l->op, r.op_id.bytes, sizeof l->op) == 0)
        c->mine += r.command == l->row->command ? 1 : 100;
    return mc_receipt_hash(crypto, sealed, c->hash) == 0 ? NULL : "no hash";
}

static const char *judge_receipts(struct aid_life *l, bool done)
{
    struct mc_meter *m = l->w->meter;
    struct chain c = {.n = 0};
    struct mc_kept kept;

    for (uint64_t seq = mc_store_oldest(&m->core); seq <= m->core.receipt_seq; seq++) {
        const char *wrong;

        if (mc_store_kept(m, seq, &kept) != 1)
            return "an operation is not kept";
        wrong = take_receipt(l, &c, mc_store_receipt(kept.answer), seq);
        if (wrong != NULL)
            return wrong;
    }
    if (m->core.receipt_seq > 0 && memcmp(c.hash, m->core.last_hash, MC_HASH_LEN) != 0)
        return "the last receipt is not the meter's last";
    if (c.n > 0 && (c.last.index_l > m->core.totals.index_l ||
                    c.last.purged_l > m->core.totals.purged_l))
        return "the meter shows less than a receipt says";
    if (l->row->command != gasm_Command_COMMAND_NONE && !l->row->unsteady &&
        c.mine != (done ? 1u : 0u))
        return "the operation has not the one receipt";
    return NULL;
}

/* An answer that was given stays what it is. */
static const char *judge_answer(struct aid_life *l)
{
    struct mc_kept kept;

    if (l->answer_n == 0)
        return NULL;
    if (mc_store_find(l->w->meter, l->op, &kept) != 1)
        return "an answered operation is forgotten";
    return kept.answer.n == l->answer_n && memcmp(kept.answer.p, l->answer, l->answer_n) == 0
               ? NULL
               : "an answer changed";
}

/* ---- logs ---- */

struct reading {
    const struct aid_life *l;
    enum mc_log log;
    uint32_t expected;          /* the next number */
    uint32_t period;            /* the last one */
    uint32_t mine, used, starts;    /* events since the scene */
    const char *wrong;
};

static int read_entry(void *ctx, uint32_t no, struct gf_reader *r)
{
    struct reading *to = ctx;
    uint32_t code = (uint32_t)gf_rd_uint(r, to->log == MC_LOG_EVENTS ? 1 : 4);

    if (no != to->expected)
        to->wrong = no < to->expected ? "a log entry is there twice" : "a log has a gap";
    to->expected = no + 1;
    if (to->log == MC_LOG_DAYS || to->log == MC_LOG_MONTHS) {
        if (code <= to->period && to->period != 0)
            to->wrong = "a period was logged twice";
        to->period = code;
    }
    if (to->log == MC_LOG_EVENTS && no > to->l->before.core.event_seq) {
        to->mine += code == (uint32_t)to->l->row->event;
        to->used += code == MC_EVENT_TICKET_USED;
        to->starts += code == MC_EVENT_RESET;
    }
    return to->wrong != NULL;
}

static const char *judge_log(struct aid_life *l, enum mc_log log, bool done)
{
    const struct mc_core *core = &l->w->meter->core;
    struct reading to = {.l = l, .log = log, .expected = mc_log_first(core, log)};
    uint32_t last = mc_log_last(core, log);

    if (mc_log_read(l->w->meter, log, 0, read_entry, &to) != 0)
        return "a log cannot be read";
    if (to.wrong != NULL)
        return to.wrong;
    if (last > 0 && to.expected != last + 1)
        return "the end of a log is missing";
    if (log == MC_LOG_PURCHASES && !l->row->unsteady &&
        last != l->before.core.purchase_no + (done ? l->row->purchases : 0u))
        return "a purchase is not there once";
    if (log != MC_LOG_EVENTS)
        return NULL;
    if (to.starts != core->starts - l->before.core.starts)
        return "starts were not logged once each";
    if (l->row->unsteady)
        return NULL;
    if (l->row->event != MC_EVENT_NONE && to.mine != (done ? 1u : 0u))
        return "the operation's event is not there once";
    return to.used == (done ? l->row->uses : 0u) ? NULL : "a use was not logged once";
}

const char *aid_life_judge(struct aid_life *l)
{
    const char *wrong = l->w->flash.wrong != NULL ? l->w->flash.wrong : l->watch->wrong;
    bool done = false;

    if (wrong == NULL)
        wrong = l->wrong;
    if (wrong == NULL && !l->w->meter->usable)
        wrong = "the meter is not usable";
    if (wrong == NULL)
        wrong = judge_litres(l);
    if (wrong == NULL)
        wrong = judge_registers(l, &done);
    if (wrong == NULL)
        wrong = judge_receipts(l, done);
    if (wrong == NULL)
        wrong = judge_answer(l);
    /* The longest reading; on the way to the answer one log stands for all. */
    for (enum mc_log log = 0; wrong == NULL && log < MC_LOGS; log++)
        if (log == MC_LOG_EVENTS || l->acknowledged)
            wrong = judge_log(l, log, done);
    return wrong;
}
