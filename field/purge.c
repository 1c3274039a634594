/* purge.c - gas flows, under a grant of volume, time and presence; see run_inner.h.
 *
 * An attempt is one grant. Its row is planned (perhaps sent), then done once the meter's answer to
 * purge_start is stored. How a grant ended is never remembered here: it is read from the receipt of
 * its end, which the meter makes for every grant, and which the engine has fetched into the outbox
 * by the time this step gets an answer. So after any interruption the step is entered anew, asks
 * the meter who it is (which fetches what is missing), and looks:
 *
 *   no receipt of the start    nothing flowed; the operator is asked, the same request goes out
 *   start, but no end yet      the valve is still travelling; ask again in a second
 *   ended, and that counts     read the balance back; done
 *   ended otherwise            the operator is asked, then a new grant of what the ticket has left
 *
 * To the meter a cancelled purge and one that the operator ended are the same: stopped. Which it was
 * stands in the name of the stop's row, and a cancelled one does not count.
 *
 * Gas flows only after the operator has answered all questions since the last interruption.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/run_inner.h"
#include "meter-core/keys.h"
#include "meter-core/pb.h"

#define ALIVE_MS 2000           /* between keep-alives; the meter waits 5 s */
#define PRESENT_MS 30000        /* a confirmation counts this long */
#define ABSENT_MS 8000          /* after this without keep-alives the meter has closed */
#define SETTLE_MS 90000         /* for the valve to close: its travel is 60 s at most */

enum { PURGE_LOOK, PURGE_ASK, PURGE_START, PURGE_FLOW, PURGE_ALIVE, PURGE_STOP, PURGE_READ };

/* ---- how the last grant stands ---- */

struct grant_end {
    bool started, cancelled;    /* cancelled: stopped only because the procedure was left */
    gasm_PurgeEnd end;          /* PURGE_NOT_ENDED when there is no receipt of its end */
    uint64_t seq, flowed_l;
};

/* The receipt with this operation id, when it is in the outbox. 1, 0, or negative: stopped. */
static int find_receipt(struct run *r, const uint8_t id[static GF_UUID_LEN], gasm_Receipt *ret)
{
    struct outbox_row row;
    sync_Item item;
    int found = run_outbox(r, id, &row);

    if (found <= 0)
        return found;
    if (mc_pb_decode(sync_Item_fields, (struct gf_span){row.bytes, row.len}, &item) < 0 ||
        mc_receipt_peek((struct gf_span){item.receipt.bytes, item.receipt.size}, ret) < 0) {
        run_stop(r, GF_E_STORE, "a stored receipt cannot be read");
        return GF_E_STORE;
    }
    return 1;
}

/* The stop of the present grant, when one was sent. 1, 0, or negative. */
static int find_stop(struct run *r, struct step_row *ret)
{
    static const char *const names[] = {STEP_PURGE_STOP, STEP_PURGE_CANCEL};
    const struct store_port *store = r->ports->store;
    int found = 0;

    for (size_t i = 0; found == 0 && i < sizeof names / sizeof names[0]; i++) {
        found = store->step_last(store->ctx, r->row.id, names[i], ret);
        if (found > 0 && ret->attempt != r->attempt.attempt)
            found = 0;
    }
    return found;
}

/* False: stopped. */
static bool look_at_grant(struct run *r, struct grant_end *ret)
{
    gasm_Receipt receipt;
    struct step_row stop;
    uint8_t end_id[GF_UUID_LEN];
    int found;

    *ret = (struct grant_end){0};
    found = find_receipt(r, r->attempt.op_id, &receipt);
    if (found < 0)
        return false;
    ret->started = found > 0;
    if (mc_op_id_purge_end(r->ports->crypto, r->attempt.op_id, end_id) < 0) {
        run_stop(r, GF_E_CRYPTO, "the operation id of the purge's end");
        return false;
    }
    found = find_receipt(r, end_id, &receipt);
    if (found == 0) {
        found = find_stop(r, &stop);
        ret->cancelled = found > 0 && strcmp(stop.step, STEP_PURGE_CANCEL) == 0;
        if (found > 0)
            found = find_receipt(r, stop.op_id, &receipt);
    }
    if (found < 0) {
        if (r->view.phase != RUN_STOPPED)
            run_stop(r, found, "the stop of the purge cannot be read");
        return false;
    }
    if (found > 0) {
        ret->end = receipt.purge_end;
        ret->seq = receipt.seq;
        ret->flowed_l = receipt.after.purged_l - receipt.before.purged_l;
    }
    return true;
}

/* ---- asking, starting ---- */

static void ask_operator(struct run *r)
{
    r->stage = PURGE_ASK;
    run_ask(r);
}

/* Ask the meter who it is: fetches the receipts that it made meanwhile. */
static void look_again(struct run *r)
{
    r->stage = PURGE_LOOK;
    run_read(r, gasm_Command_IDENTIFY);
}

static void look(struct run *r)
{
    r->purge.running = false;
    r->purge.settle_until = run_mono(r) + SETTLE_MS;
    look_again(r);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a != 0 && a < b ? a : b;
}

/* A new grant: the job's size, within what the ticket has left. The answers go with it, as a
 * record. */
static bool plan_grant(struct run *r)
{
    gasm_Request request = {
        .command = gasm_Command_PURGE_START,
        .which_body = gasm_Request_purge_start_tag,
        .body.purge_start = {
            .volume_l = smaller(r->job.purge_volume_l, r->identity.purge_left_l),
            .limit_s = smaller(r->job.purge_limit_s, r->ticket.purge_grant_s),
        },
    };

    return run_new_attempt(r) && run_plan(r, &r->attempt, &request);
}

static void start_grant(struct run *r)
{
    struct run_record room;
    struct outbox_new record;
    int n;

    if (r->attempt.state != STEP_PLANNED && !plan_grant(r))
        return;
    n = run_record(r, &room, &record);
    if (n < 0 || !run_save(r, NULL, &record, (size_t)n))
        return;
    run_confirm_presence(r);
    r->purge.stop_wanted = false;
    r->stage = PURGE_START;
    run_send(r, &r->attempt, true);
}

static void show_flow(struct run *r, const gasm_Purge *p)
{
    r->view.purge.litres = p->flowed_l;
    r->view.purge.seconds = p->elapsed_s;
    r->view.purge.granted_l = p->granted_l;
    r->view.purge.granted_s = p->granted_s;
}

static void started(struct run *r, const gasm_Response *answer)
{
    bool ok = answer->result == gasm_Refusal_OK;

    r->attempt.state = ok ? STEP_DONE : STEP_REFUSED;
    r->purge.running = ok;          /* so that a full disk closes the valve */
    if (!run_save_answer(r, &r->attempt, answer))
        return;
    if (!ok) {
        run_refused(r, answer);
        return;
    }
    show_flow(r, &answer->body.purge);
    run_say(r, "gas flows: at most %u l, %u s", r->view.purge.granted_l, r->view.purge.granted_s);
    r->stage = PURGE_FLOW;
    run_wait(r, ALIVE_MS);
}

/* ---- while gas flows ---- */

static void send_stop(struct run *r)
{
    struct step_row stop = {.attempt = r->attempt.attempt, .state = STEP_PLANNED};
    gasm_Request request = {.command = gasm_Command_PURGE_STOP};
    int code = gf_uuid7(r->ports->clock, r->ports->random, stop.op_id);

    if (code < 0) {
        run_stop(r, code, "no operation id");
        return;
    }
    gf_copy(stop.step, sizeof stop.step, r->leaving ? STEP_PURGE_CANCEL : STEP_PURGE_STOP);
    if (!run_plan(r, &stop, &request) || !run_save_row(r, &stop, NULL, NULL, 0))
        return;
    r->stage = PURGE_STOP;
    run_send(r, &stop, false);
}

/* The link is gone, and with it the grant. The step is entered anew, which makes the link again. */
static void cut_off(struct run *r, int code)
{
    r->purge.running = false;
    run_say(r, "%s: the meter closes its valve by itself", gf_err_row(code)->what);
    run_again(r);
}

static void flow(struct run *r)
{
    gasm_Request alive = {.command = gasm_Command_PURGE_KEEPALIVE};
    int64_t absent = run_mono(r) - r->purge.present_mono - PRESENT_MS;

    if (!ml_connected(r->ml)) {
        cut_off(r, GF_E_LINK_LOST);
    } else if (r->purge.stop_wanted) {
        send_stop(r);
    } else if (absent >= ABSENT_MS) {
        run_say(r, "nobody confirmed to be present: the valve is closing");
        look(r);
    } else if (absent >= 0) {
        run_wait(r, ALIVE_MS / 4);
    } else {
        r->stage = PURGE_ALIVE;
        run_ask_meter(r, &alive, true);
    }
}

static void kept_alive(struct run *r, const gasm_Response *answer)
{
    if (answer->result != gasm_Refusal_OK ||
        answer->body.purge.end != gasm_PurgeEnd_PURGE_NOT_ENDED) {
        look(r);
        return;
    }
    show_flow(r, &answer->body.purge);
    r->stage = PURGE_FLOW;
    run_wait(r, r->purge.stop_wanted ? 0 : ALIVE_MS);
}

static void stopped(struct run *r, const gasm_Response *answer)
{
    struct step_row stop;
    int found = find_stop(r, &stop);

    r->purge.running = false;
    if (found <= 0) {
        run_stop(r, found < 0 ? found : GF_E_STORE, "the stop of the purge cannot be read");
        return;
    }
    stop.state = answer->result == gasm_Refusal_OK ? STEP_DONE : STEP_REFUSED;
    if (run_save_answer(r, &stop, answer))
        look(r);
}

/* ---- after it ---- */

static void ended(struct run *r, const struct grant_end *g)
{
    run_line(r, "grant ended", "%s", purge_end_text(g->end));
    run_line(r, "flowed", "%llu l, receipt %llu", (unsigned long long)g->flowed_l,
             (unsigned long long)g->seq);
    r->view.purge.litres = (uint32_t)g->flowed_l;
    if (r->identity.state >= gasm_LifeState_PURGED && !g->cancelled) {  /* the meter itself judges */
        r->stage = PURGE_READ;
        run_read(r, gasm_Command_READ_BALANCE);
        return;
    }
    run_say(r, "the purge was interrupted (%s) after %llu l", purge_end_text(g->end),
            (unsigned long long)g->flowed_l);
    if (r->identity.purge_left_l == 0)
        run_stop(r, GF_E_REFUSED, "the purge volume of the ticket is used up");
    else
        ask_operator(r);
}

static void looked(struct run *r)
{
    struct grant_end g;

    if (!look_at_grant(r, &g))
        return;
    if (g.end != gasm_PurgeEnd_PURGE_NOT_ENDED) {
        r->attempt.state = STEP_DONE;
        ended(r, &g);
    } else if (!g.started) {
        ask_operator(r);
    } else if (run_mono(r) >= r->purge.settle_until) {
        run_stop(r, GF_E_REFUSED, "the meter does not report the end of the purge");
    } else {
        run_wait(r, 1000);
    }
}

static void read_back(struct run *r, const gasm_Response *answer)
{
    const gasm_Balance *b = &answer->body.balance;
    struct grant_end g;
    char text[80];

    if (answer->result != gasm_Refusal_OK) {
        run_refused(r, answer);
        return;
    }
    if (!look_at_grant(r, &g))
        return;
    run_line(r, "valve", "%s", valve_text(b->valve));
    run_line(r, "purged in all", "%llu l", (unsigned long long)b->totals.purged_l);
    if (b->valve != gasm_ValveState_VALVE_SHUT) {
        run_stop(r, GF_E_REFUSED,
                 "the valve is not shut: shut the gas off by hand, report the meter");
        return;
    }
    snprintf(text, sizeof text, "receipt %llu, %llu l purged, %s", (unsigned long long)g.seq,
             (unsigned long long)g.flowed_l, purge_end_text(g.end));
    run_done(r, NULL, text);
}

/* ---- events ---- */

static void enter(struct run *r)
{
    r->purge.running = r->purge.stop_wanted = false;
    if (r->attempt.attempt > 0 && r->attempt.state != STEP_REFUSED)
        look(r);
    else if (run_is_at(r, gasm_LifeState_PURGED))
        run_done(r, NULL, "purged already: the meter says so");
    else
        ask_operator(r);
}

static void lost(struct run *r, const struct run_event *e)
{
    if (r->purge.running || r->stage == PURGE_START)
        cut_off(r, e->code);
    else
        run_stop(r, e->code, e->why->detail);
}

static void on_answer(struct run *r, const gasm_Response *answer)
{
    switch (r->stage) {
    case PURGE_LOOK:
        looked(r);
        return;
    case PURGE_START:
        started(r, answer);
        return;
    case PURGE_ALIVE:
        kept_alive(r, answer);
        return;
    case PURGE_STOP:
        stopped(r, answer);
        return;
    case PURGE_READ:
        read_back(r, answer);
        return;
    default:
        return;
    }
}

void step_purge(struct run *r, const struct run_event *e)
{
    switch (e->kind) {
    case EV_ENTER:
        enter(r);
        return;
    case EV_ASKED:
        start_grant(r);
        return;
    case EV_METER:
        if (e->code < 0)
            lost(r, e);
        else
            on_answer(r, e->answer);
        return;
    case EV_TIME:
        if (r->stage == PURGE_FLOW)
            flow(r);
        else
            look_again(r);
        return;
    case EV_OFFICE:
        return;
    }
}

void purge_view(struct run *r)
{
    int64_t left = r->purge.present_mono + PRESENT_MS - run_mono(r);

    r->view.purge.running = r->purge.running;
    r->view.purge.confirm_in_ms = r->purge.running && left > 0 ? left : 0;
}
