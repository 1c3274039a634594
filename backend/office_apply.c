/* office_apply.c - applications, step records, finished jobs: what a laptop says against what is
 * registered; see office_sync.h. docs/office.md tells the rule of function state and key epoch. */
#include <string.h>

#include "backend/office_sync.h"
#include "backend/office_words.h"
#include "backend/swap_case.h"
#include "common/text.h"
#include "meter-core/pb.h"
#include "meter-core/proto/meter.pb.h"

/* ---- the order that an item names ---- */

/* True when the order is this person's; else the verdict is set. */
static bool is_assigned(const struct ho_sync *s, const struct ho_item *item, struct ho_verdict *ret)
{
    if (strcmp(item->order->staff_no, s->device.staff_no) == 0)
        return true;
    ho_judge(ret, sync_VerdictKind_CONFLICT, "job_id",
             "order %s is assigned to %s, this laptop is of %s", item->order->number,
             item->order->staff_no, s->device.staff_no);
    return false;
}

static int set_state(struct office *o, struct ho_sync *s, const struct ho_order *order,
                     const char *state)
{
    ho_touch(s, order);
    if (strcmp(order->state, state) == 0)
        return 0;
    s->has_order = false;
    return odb_exec(o->db,
                    "UPDATE work_order SET state = ?3 WHERE org_id = ?1 AND order_id = ?2",
                    ODB(ODB_B(order->id, GF_UUID_LEN), ODB_T(state)))
                   < 0
               ? ho_db_fail(o)
               : 0;
}

/* ---- application ---- */

static bool same_text(const char *field, const char *said, const char *registered,
                      struct ho_verdict *ret)
{
    if (strcmp(said, registered) == 0)
        return true;
    ho_judge(ret, sync_VerdictKind_CONFLICT, field, "the laptop says \"%s\", registered is \"%s\"",
             said, registered);
    return false;
}

static bool same_number(const char *field, uint64_t said, uint64_t registered,
                        struct ho_verdict *ret)
{
    if (said == registered)
        return true;
    ho_judge(ret, sync_VerdictKind_CONFLICT, field, "the laptop says %llu, registered is %llu",
             (unsigned long long)said, (unsigned long long)registered);
    return false;
}

/* Can there be receipts of this order that are not home? Only when another laptop was given its
 * tickets, or when the work at the meter may have begun: an application was applied, or a receipt
 * is home. Then this one is a repetition, and the last answers of the meter may have been lost. */
static int may_be_ahead(struct office *o, const struct ho_sync *s, const struct ho_order *order)
{
    const struct odb_value id = ODB_B(order->id, GF_UUID_LEN),
                           device = ODB_B(s->device.id, GF_UUID_LEN);
    int64_t others = 0, before = 0;

    if (odb_number(o->db, &others,
                   "SELECT COUNT(*) FROM ticket_holder WHERE org_id = ?1 AND order_id = ?2 AND "
                   "device_id <> ?3",
                   ODB(id, device))
            < 0
        || odb_number(o->db, &before,
                      "SELECT COUNT(*) FROM item WHERE org_id = ?1 AND order_id = ?2 AND (kind = "
                      "?3 OR (kind = ?4 AND verdict = ?5))",
                      ODB(id, ODB_I(sync_ItemKind_RECEIPT), ODB_I(sync_ItemKind_APPLICATION),
                          ODB_I(sync_VerdictKind_APPLIED)))
               < 0)
        return ho_db_fail(o);
    return others > 0 || before > 0;
}

/* The state in which an order of this kind leaves its meter; 0: it changes none. */
static uint32_t end_state(const struct ho_order *order)
{
    static const struct {
        const char *kind;
        gasm_LifeState state;
    } ends[] = {
        { "account-opening", gasm_LifeState_IN_SERVICE }, { "swap", gasm_LifeState_IN_SERVICE },
        { "removal", gasm_LifeState_CLOSED },             { "bench-reset", gasm_LifeState_FACTORY },
        { "scrapping", gasm_LifeState_SCRAPPED },
    };

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (strcmp(ends[i].kind, order->kind) == 0)
            return ends[i].state;
    return gasm_LifeState_LIFE_UNKNOWN;
}

/* How far in its life this state is, for an order's work: behind closed a meter is factory again,
 * or scrapped. */
static uint32_t place_of(const struct ho_order *order, uint32_t state)
{
    return state == gasm_LifeState_FACTORY && order->began_state > gasm_LifeState_FACTORY
               ? gasm_LifeState_SCRAPPED
               : state;
}

/* Where the meter may stand: from what was registered when the order began (an application that was
 * made before the receipts that are home by now) to what is registered now, or to the end of the
 * work when receipts may be missing. */
struct span_of_life {
    uint32_t place_from, place_to, epoch_from, epoch_to;
    uint32_t end; /* where the work ends, when receipts may be missing; else 0 */
};

static int find_span(struct office *o, const struct ho_sync *s, const struct ho_order *order,
                     const struct ho_meter *meter, struct span_of_life *ret)
{
    const uint32_t registered = place_of(order, meter->life_state);
    uint32_t end;

    *ret = (struct span_of_life){ registered, registered, meter->active_epoch, meter->active_epoch,
                                  0 };
    if (!order->has_begun)
        return 0;
    ret->place_from = order->began_state;
    ret->epoch_from = order->began_epoch;

    int r = may_be_ahead(o, s, order);
    if (r < 0)
        return r;
    if (r == 0)
        return 0;
    ret->end = end_state(order);
    end = place_of(order, ret->end);
    if (end > registered)
        ret->place_to = end; /* by every state in between */
    if (meter->life_state != ret->end)
        ret->epoch_to = order->key_epoch > ret->epoch_to ? order->key_epoch : ret->epoch_to;
    return 0;
}

static bool is_within(const struct ho_order *order, const struct ho_meter *meter,
                      const struct span_of_life *span, uint32_t state)
{
    const uint32_t place = place_of(order, state);

    return place >= span->place_from && place <= span->place_to
           && (place != gasm_LifeState_SCRAPPED || state == span->end
               || state == meter->life_state);
}

/* State and epoch have to fit together too: only the steps between key and purge stand under either
 * epoch. */
static bool fits_life(const sync_Application *a, const struct ho_order *order,
                      const struct ho_meter *meter, const struct span_of_life *span,
                      struct ho_verdict *ret)
{
    uint32_t from = span->epoch_from, to = span->epoch_to;

    if (!is_within(order, meter, span, a->function_state)) {
        ho_judge(ret, sync_VerdictKind_CONFLICT, "function_state",
                 "the meter says \"%s\", registered is \"%s\"", ho_life_word(a->function_state),
                 ho_life_word(meter->life_state));
        return false;
    }
    if (order->has_begun && a->function_state == gasm_LifeState_FACTORY)
        to = order->began_epoch;
    if (order->has_begun && a->function_state > gasm_LifeState_KEYED)
        from = order->key_epoch;
    if (a->key_epoch >= from && a->key_epoch <= to)
        return true;
    ho_judge(ret, sync_VerdictKind_CONFLICT, "key_epoch",
             "the meter says \"%s\" under key epoch %u, registered is \"%s\" under epoch %u",
             ho_life_word(a->function_state), a->key_epoch, ho_life_word(meter->life_state),
             meter->active_epoch);
    return false;
}

/* Field by field; the first that differs is named. 0 or a failure. */
static int compare(struct office *o, const struct ho_sync *s, const sync_Application *a,
                   const struct ho_order *order, struct ho_verdict *ret)
{
    struct ho_meter meter;
    struct span_of_life span;
    int r = gf_meter_id_check(a->meter_id, NULL) == 0 ? ho_find_meter(o, a->meter_id, &meter) : 0;

    if (r < 0)
        return r;
    if (r == 0) {
        ho_judge(
            ret, sync_VerdictKind_CONFLICT, "meter_id",
            "the laptop says \"%s\", there is no such meter registered; order %s is for \"%s\"",
            a->meter_id, order->number, order->meter_id);
        return 0;
    }
    if (!same_text("meter_id", a->meter_id, order->meter_id, ret)
        || !same_text("supply_point", a->supply_point, order->supply_point, ret)
        || !same_text("customer_no", a->customer_no, order->customer_no, ret)
        || !same_text("customer_name", a->customer_name, order->customer_name, ret)
        || !same_number("account_no", a->account_no, order->account_no, ret)
        || !same_number("meter_type", a->meter_type, meter.type, ret))
        return 0;
    if ((r = find_span(o, s, order, &meter, &span)) == 0 && fits_life(a, order, &meter, &span, ret))
        ho_judge(ret, sync_VerdictKind_APPLIED, "", "registered: account %llu at %s for %s",
                 (unsigned long long)order->account_no, order->supply_point, order->customer_name);
    return r;
}

int ho_take_application(struct office *o, struct ho_sync *s, const struct ho_item *item,
                        struct ho_verdict *ret)
{
    const struct ho_order *order = item->order;
    sync_Application a;

    if (mc_pb_decode(sync_Application_fields,
                     (struct gf_span){ item->msg.payload.bytes, item->msg.payload.size }, &a)
        < 0) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "payload",
                 "this application cannot be decoded");
        return 0;
    }
    if (!is_assigned(s, item, ret))
        return 0;
    if (order->is_closed) {
        ho_judge(ret, sync_VerdictKind_CONFLICT, "job_id", "order %s is closed: %s", order->number,
                 order->state);
        return 0;
    }
    int r = ho_store_rows(o, s);
    if (r == 0)
        r = compare(o, s, &a, order, ret);
    if (r != 0)
        return r;
    if (ret->kind != sync_VerdictKind_APPLIED) {
        ho_touch(s, order); /* the laptop gets what is registered with the same answer */
        return ho_log(o, s->device.staff_no, "application refused", "%s: %s: %s", order->number,
                      ret->field, ret->reason);
    }
    r = ho_log(o, s->device.staff_no, "application registered", "%s, account %llu", order->number,
               (unsigned long long)order->account_no);
    return r == 0 ? set_state(o, s, order, "on-site") : r;
}

/* ---- step records and finished jobs ---- */

int ho_take_step(struct office *o, struct ho_sync *s, const struct ho_item *item,
                 struct ho_verdict *ret)
{
    sync_StepRecord step;

    (void)o;
    if (mc_pb_decode(sync_StepRecord_fields,
                     (struct gf_span){ item->msg.payload.bytes, item->msg.payload.size }, &step)
            < 0
        || step.step[0] == '\0')
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "payload",
                 "this step record cannot be decoded");
    else if (is_assigned(s, item, ret))
        ho_judge(ret, sync_VerdictKind_APPLIED, "", "step %s of order %s is on record", step.step,
                 item->order->number);
    return 0;
}

/* The order ends as `outcome` says. 0 or a failure. */
static int close_order(struct office *o, struct ho_sync *s, const struct ho_order *order,
                       const sync_JobDone *done)
{
    char code[sizeof done->code];

    gf_visible(code, sizeof code, done->code, strlen(done->code));
    if (odb_exec(o->db,
                 "UPDATE work_order SET state = ?3, code = ?4, last_receipt_seq = ?5, closed_at_ms "
                 "= ?6 WHERE org_id = ?1 AND order_id = ?2",
                 ODB(ODB_B(order->id, GF_UUID_LEN), ODB_T(done->outcome), ODB_T(code),
                     ODB_I(done->last_receipt_seq & INT64_MAX), ODB_I(ho_now_ms(o))))
        < 0)
        return ho_db_fail(o);
    s->has_order = false;
    ho_touch(s, order);
    return ho_log(o, s->device.staff_no, "order closed", "%s %s %s", order->number, done->outcome,
                  code);
}

int ho_take_done(struct office *o, struct ho_sync *s, const struct ho_item *item,
                 struct ho_verdict *ret)
{
    const struct ho_order *order = item->order;
    sync_JobDone done;

    if (mc_pb_decode(sync_JobDone_fields,
                     (struct gf_span){ item->msg.payload.bytes, item->msg.payload.size }, &done)
        < 0)
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "payload",
                 "this end of a job cannot be decoded");
    else if (strcmp(done.outcome, "done") != 0 && strcmp(done.outcome, "unable") != 0)
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "outcome",
                 "a job ends as done or unable, not as \"%s\"", done.outcome);
    else if (!is_assigned(s, item, ret))
        return 0;
    else if (order->is_closed && strcmp(order->state, done.outcome) == 0)
        ho_judge(ret, sync_VerdictKind_DUPLICATE, "", "order %s is closed already: %s",
                 order->number, order->state);
    else if (order->is_closed)
        ho_judge(ret, sync_VerdictKind_CONFLICT, "outcome",
                 "the laptop says \"%s\", registered is \"%s\"", done.outcome, order->state);
    else {
        ho_judge(ret, sync_VerdictKind_APPLIED, "", "order %s is closed: %s", order->number,
                 done.outcome);
        return close_order(o, s, order, &done);
    }
    return 0;
}

/* ---- receipts ---- */

int ho_take_receipt(struct office *o, struct ho_sync *s, const struct ho_item *item,
                    struct ho_verdict *ret)
{
    const struct ho_receipt_context ctx = { .order = item->order,
                                            .item_id = item->msg.id,
                                            .brought_by = s->device.staff_no,
                                            .made_at_ms = item->msg.made_at_ms,
                                            .memory = &s->receipts,
                                            .is_hasty = !s->is_careful };
    int r = ho_receipt_take(
        o, (struct gf_span){ item->msg.receipt.bytes, item->msg.receipt.size }, &ctx, ret);

    if (r != 0 || ret->kind != sync_VerdictKind_APPLIED)
        return r;
    if (!s->receipts.is_quiet) /* much may have followed from it */
        s->has_order = false;
    ho_touch(s, item->order);
    return item->order->is_closed ? 0 : set_state(o, s, item->order, "on-site");
}

/* ---- closing certificates ---- */

int ho_take_closing(struct office *o, struct ho_sync *s, const struct ho_item *item,
                    struct ho_verdict *ret)
{
    const struct gf_span sealed = { item->msg.payload.bytes, item->msg.payload.size };
    char meter_id[GF_METER_ID_TEXT];
    gasm_Certificate said;
    int r;

    if (mc_certificate_peek(sealed, &said) != 0 || !ho_wire_meter_id(said.meter_id, meter_id)) {
        ho_judge(ret, sync_VerdictKind_QUARANTINED, "payload",
                 "this closing certificate cannot be decoded, or names no meter");
        return 0;
    }
    if ((r = ho_receipt_settle(o, &s->receipts)) != 0)
        return r;
    if (odb_settle(o->db) != 0) /* so that no failure of before looks like the certificate's */
        return ho_db_fail(o);
    ho_receipt_forget(&s->receipts); /* much of it may change */
    s->has_order = false;
    r = swap_take_certificate(o, sealed, s->device.staff_no);
    if (r == GF_E_FORMAT || r == GF_E_SIGNATURE || r == GF_E_MISMATCH) {
        ho_judge(ret,
                 r == GF_E_MISMATCH ? sync_VerdictKind_CONFLICT : sync_VerdictKind_QUARANTINED,
                 r == GF_E_MISMATCH ? o->fail.where : "payload", "the closing certificate: %s",
                 o->fail.detail);
        o->fail = (struct gf_fail){ 0 };
        return 0;
    }
    if (r < 0)
        return r;
    ho_judge(ret, r == 0 ? sync_VerdictKind_APPLIED : sync_VerdictKind_DUPLICATE, "",
             "the closing certificate is %s", r == 0 ? "verified, and in the books" : "home already");
    if (item->order != NULL)
        ho_touch(s, item->order);
    return 0;
}
