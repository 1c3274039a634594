/* model_play.c - the steps of a sequence, each on the meter and on its model; see model_play.h. */
#include "tests/aid/model_play.h"

#include <string.h>

#include "meter-core/token.h"
#include "tests/aid/model_player.h"

#define TRAVEL_MAX_MS 60000         /* the longest valve_travel_s */

/* ---- the steps ---- */

/* how: 0 only where gas can flow, 1 through a valve that leaks. */
static void do_pulse(struct aid_player *p, const struct aid_do *d)
{
    if (d->n == 0 || (d->how == 0 && p->m.valve == gasm_ValveState_VALVE_SHUT))
        return;
    mc_meter_pulse(p->w->meter, d->n);
    aid_model_pulse(&p->m, d->n);
}

static void do_wait(struct aid_player *p, const struct aid_do *d)
{
    aid_player_pass(p, d->n);
}

static void do_leap(struct aid_player *p, const struct aid_do *d)
{
    /* No meter sleeps while its valve moves or a grant is alive. */
    if (p->m.grant || (!p->m.on && p->m.valve != gasm_ValveState_VALVE_SHUT))
        aid_player_pass(p, 8000);
    p->w->mono_ms += (int64_t)d->n * 1000;
    p->w->utc_ms += (int64_t)d->n * 1000;
    p->free_ms += (int64_t)d->n * 1000;
    aid_player_slice(p, AID_SLICE_MS);
    aid_player_pass(p, 20 * AID_SLICE_MS);
}

static void do_drop(struct aid_player *p, const struct aid_do *d)
{
    (void)d;
    aid_player_drop(p);
}

static void do_restart(struct aid_player *p, const struct aid_do *d)
{
    (void)d;
    if (aid_world_restart(p->w) != 0)
        aid_player_wrong(p, "it does not start");
    p->hello_ms = 0;
    p->tally->restarts++;
    if (!aid_model_restart(&p->m, p->w->meter->core.totals.index_l))
        aid_player_wrong(p, "index_l was %llu, and is %llu after a reset",
              (unsigned long long)p->m.t.index_l,
              (unsigned long long)p->w->meter->core.totals.index_l);
    aid_model_tick(&p->m, p->w->mono_ms, p->w->valve.state);
    p->m.resting = false;               /* that takes a tick of the meter */
    aid_player_slice(p, AID_SLICE_MS);
}

static void do_power(struct aid_player *p, const struct aid_do *d)
{
    p->m.power = d->how == 1 ? POWER_BATTERY : d->how == 2 ? POWER_COLD : POWER_GOOD;
    p->w->supply_mv = d->how == 1 ? 2000 : 3600;
    p->w->temperature_dc = d->how == 2 ? -500 : 210;
    aid_player_slice(p, AID_SLICE_MS);
}

static void do_sense(struct aid_player *p, const struct aid_do *d)
{
    mc_meter_sense(p->w->meter, (enum mc_sense)(d->pick % MC_SENSES), d->how != 0);
    aid_model_sense(&p->m, d->pick % MC_SENSES, d->how != 0);
}

static void do_jam(struct aid_player *p, const struct aid_do *d)
{
    p->w->valve.stuck = d->how != 0;
    p->free_ms = p->w->mono_ms + TRAVEL_MAX_MS;     /* it is told again only so often */
}

static void do_button(struct aid_player *p, const struct aid_do *d)
{
    (void)d;
    mc_meter_button(p->w->meter);
    p->tally->presses += aid_model_button(&p->m);
    aid_player_slice(p, AID_SLICE_MS);
}

static void do_issue(struct aid_player *p, const struct aid_do *d)
{
    aid_player_look(p);
    aid_office_issue(&p->office, &p->m, d);
}

/* A typed token reached the meter: the word of it, or OK to go on. */
static gasm_Refusal open_typed(struct aid_player *p, const struct aid_parcel *parcel,
                               gasm_Stage *ret_stage)
{
    *ret_stage = gasm_Stage_STAGE_AUTHENTICATION;
    if (aid_model_wait_s(&p->m) > 0)
        return gasm_Refusal_LOCKED_OUT;
    if (!parcel->other_key && aid_model_reads_typed(&p->m, &parcel->token))
        return gasm_Refusal_OK;
    p->m.fails += p->m.fails < 11;
    p->m.typed_from_ms = p->m.now_ms;
    return gasm_Refusal_PROOF;
}

/* What opening says, before anything else is judged. */
static gasm_Refusal open_parcel(struct aid_player *p, const struct aid_parcel *parcel,
                                gasm_Stage *ret_stage)
{
    *ret_stage = gasm_Stage_STAGE_FORMAT;
    if (parcel->malformed)
        return gasm_Refusal_FORMAT;
    if (parcel->typed)
        return open_typed(p, parcel, ret_stage);
    *ret_stage = gasm_Stage_STAGE_AUTHENTICATION;
    if (parcel->other_meter)
        return gasm_Refusal_WRONG_METER;
    if (parcel->other_epoch)
        return gasm_Refusal_KEY_EXPIRED;
    return parcel->broken ? gasm_Refusal_PROOF : gasm_Refusal_OK;
}

static bool same_ceilings(const gasm_Token *a, const gasm_Token *b)
{
    return a->purchased_l == b->purchased_l && a->imported_l == b->imported_l &&
           a->forgiven_l == b->forgiven_l && a->debited_l == b->debited_l;
}

/* The model's words of a token, which it takes if it is good. */
static void judge_parcel(struct aid_player *p, const struct aid_parcel *parcel, uint32_t *ret_words,
                         gasm_Stage *ret_stage)
{
    const gasm_Token *t = &parcel->token, *was;
    gasm_Refusal why = open_parcel(p, parcel, ret_stage);
    struct aid_words said;

    *ret_words = 1u << why;
    if (why != gasm_Refusal_OK)
        return;
    *ret_stage = gasm_Stage_STAGE_VALIDATION;
    *ret_words = 1u << gasm_Refusal_MISMATCH;
    if (parcel->other_op)
        return;
    was = aid_model_taken(&p->m, t->account_no, t->sequence);
    if (was != NULL) {
        if (same_ceilings(was, t)) {
            *ret_words = 1u << gasm_Refusal_OK;
            *ret_stage = gasm_Stage_STAGE_EXECUTION;
        }
        return;
    }
    said = aid_model_table(&p->m, gasm_Command_RECHARGE);
    if (said.words != 0) {
        *ret_words = said.words;
        *ret_stage = said.stage;
        return;
    }
    why = aid_model_token(&p->m, t, !parcel->typed, parcel->at_keys);
    *ret_words = 1u << why;
    if (why == gasm_Refusal_OK)
        *ret_stage = gasm_Stage_STAGE_EXECUTION;
}

/* Typed at the meter itself: no ticket is judged. */
static void type_at_keys(struct aid_player *p, const struct aid_parcel *parcel)
{
    gasm_Refusal said = mc_meter_type(p->w->meter, parcel->request.body.recharge.digits);
    struct aid_model before = p->m;
    uint32_t words = 1u << gasm_Refusal_BUSY;
    gasm_Stage stage;

    if (!before.grant) {
        p->m.ticket.rights = UINT32_MAX;
        p->m.ticket.epoch = 1;
        p->m.counted = true;
        words = 1u << gasm_Refusal_STATE;
        if (p->m.active != 0)
            judge_parcel(p, parcel, &words, &stage);
        p->m.ticket = before.ticket;
        p->m.counted = before.counted;
    }
    if ((words >> said & 1) == 0)
        aid_player_wrong(p, "typed at the keys: %d; the model says one of %x", said,
                         (unsigned)words);
}

static void do_deliver(struct aid_player *p, const struct aid_do *d)
{
    struct aid_parcel parcel;
    gasm_Stage stage;
    uint32_t words;

    aid_player_need(p);
    if (!aid_office_parcel(&p->office, p->w, d, &parcel))
        return;
    if (parcel.at_keys) {
        type_at_keys(p, &parcel);
        return;
    }
    if (!aid_player_send(p, &parcel.request))
        aid_player_wrong(p, "a recharge is not answered");
    if (!aid_player_ticket_passes(p, gasm_Command_RECHARGE))
        return;
    judge_parcel(p, &parcel, &words, &stage);
    aid_player_expect(p, words, stage);
    aid_player_keep(p, &parcel.request);
}

static void do_receipts(struct aid_player *p, const struct aid_do *d)
{
    (void)d;
    aid_player_receipts(p);
}

/* ---- playing ---- */

static void (*const doers[AID_KINDS_COUNT])(struct aid_player *, const struct aid_do *) = {
    [AID_DO_PULSE] = do_pulse,     [AID_DO_WAIT] = do_wait,
    [AID_DO_LEAP] = do_leap,       [AID_DO_SESSION] = aid_player_session,
    [AID_DO_DROP] = do_drop,       [AID_DO_RESTART] = do_restart,
    [AID_DO_POWER] = do_power,     [AID_DO_SENSE] = do_sense,     [AID_DO_JAM] = do_jam,
   
    [AID_DO_BUTTON] = do_button,   [AID_DO_ISSUE] = do_issue,
    [AID_DO_DELIVER] = do_deliver, [AID_DO_CLEAR] = aid_do_clear,
    [AID_DO_PURGE] = aid_do_purge,     [AID_DO_KEEP] = aid_do_keep,
    [AID_DO_STOP] = aid_do_stop,       [AID_DO_OPEN] = aid_do_open,
    [AID_DO_KEY] = aid_do_key,         [AID_DO_ACTIVATE] = aid_do_activate,
    [AID_DO_CLOCK] = aid_do_clock,     [AID_DO_PARAM] = aid_do_param,
    [AID_DO_COMMISSION] = aid_do_commission, [AID_DO_ARM] = aid_do_arm,
    [AID_DO_SHUT] = aid_do_shut,       [AID_DO_CLOSE] = aid_do_close,
    [AID_DO_IMPORT] = aid_do_import,   [AID_DO_TEST] = aid_do_test,
    [AID_DO_RESET] = aid_do_reset,     [AID_DO_READ] = aid_do_read,
    [AID_DO_REPEAT] = aid_do_repeat, [AID_DO_MANY] = aid_do_many,
    [AID_DO_RECEIPTS] = do_receipts,
};

/* The model of a meter that has lived already. */
static void begin(struct aid_player *p, struct aid_still *still, bool radio)
{
    const struct mc_core *core = &still->w->meter->core;
    const gasm_Totals *t = &core->totals;
    struct aid_model *m = &p->m;

    memset(p, 0, sizeof *p);
    p->w = still->w;
    p->radio = radio;
    p->op = 100000;
    p->serial = 20000;
    p->free_ms = p->w->mono_ms;
    *m = (struct aid_model){.now_ms = p->w->mono_ms,
                            .life = core->life,
                            .active = core->active_epoch,
                            .self_tested = core->self_tested != 0,
                            .settings = core->params_were_set != 0,
                            .account_no = core->account_no,
                            .t = *t,
                            .residual_l = mc_residual_l(t),
                            .token_seq = core->token_seq,
                            .receipts = core->receipt_seq,
                            .ending = core->purge_end_seq,
                            .valve = p->w->valve.state,
                            .resting = true,
                            .openings = p->w->valve.opened};
    m->consumed_l = t->index_l - t->opening_index_l - t->purged_l + t->opening_purged_l;
    memcpy(m->params, core->params, sizeof m->params);
    aid_office_open(&p->office, m);
}

bool aid_play(struct aid_players *players, const struct aid_sequence *s, char *ret_why, size_t cap,
              size_t *ret_at)
{
    struct aid_still *still = players->stills[s->start % AID_STARTS];
    static struct aid_player player;
    struct aid_player *p = &player;
    uint32_t sector;
    size_t i;

    aid_still_back(still);
    begin(p, still, s->radio);
    p->tally = &players->tally;
    p->m.planted = players->planted;
    sector = p->w->meter->journal.sector;
    for (i = 0; i < s->n && !p->failed; i++) {
        const struct aid_do *d = &s->steps[i];

        doers[d->kind % AID_KINDS_COUNT](p, d);
        aid_player_settle(p);
        aid_player_compare(p);
        p->tally->lives[p->m.life]++;
        p->tally->locks += p->m.locks != 0;
    }
    p->tally->turns += p->w->meter->journal.sector != sector;
    *ret_at = i;
    (void)snprintf(ret_why, cap, "%s", p->why);
    return !p->failed;
}
