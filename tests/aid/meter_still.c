/* meter_still.c - a meter that can be put back to a moment of its life; see meter_still.h. */
#include "tests/aid/meter_still.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/commands.h"
#include "meter-core/pb.h"
#include "tests/aid/credit_aid.h"

#define SERIAL 9000             /* of the ticket that asks */
#define TRAVEL_MS 2000          /* enough for the valve */

/* ---- flash that remembers what was touched ---- */

static void touch(struct aid_still *s, uint32_t addr, uint32_t n)
{
    if (s->touches < sizeof s->touched / sizeof s->touched[0]) {
        s->touched[s->touches].addr = addr;
        s->touched[s->touches].n = n;
    }
    s->touches++;
}

static int watched_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    const struct aid_still *s = ctx;

    return s->inner.read(s->inner.ctx, addr, ret, n);
}

static int watched_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct aid_still *s = ctx;

    touch(s, addr, (uint32_t)n);
    return s->inner.program(s->inner.ctx, addr, from, n);
}

static int watched_erase(void *ctx, uint32_t sector)
{
    struct aid_still *s = ctx;

    touch(s, sector * s->inner.sector_size, s->inner.sector_size);
    return s->inner.erase(s->inner.ctx, sector);
}

/* ---- the moments ---- */

struct aid_swap aid_still_swap(bool is_old)
{
    struct aid_swap swap = is_old ? aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, 9000)
                                  : aid_swap_of(AID_OTHER_ID, AID_METER_ID, 1, 9000);

    aid_swap_certify(&swap, 800);
    return swap;
}

static gasm_Ticket ticket_at(enum aid_moment moment)
{
    struct aid_swap swap = aid_still_swap(moment == AID_AT_OLD);

    if (moment == AID_AT_OLD || moment == AID_AT_NEW)
        return aid_swap_ticket(&swap, AID_METER_ID);
    return aid_world_ticket(moment == AID_AT_FACTORY ? 0 : 1, SERIAL);
}

static void insist(struct aid_world *w, gasm_Request r)
{
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
}

static void begin_purge(struct aid_world *w)
{
    gasm_Request r = aid_request(w, gasm_Command_PURGE_START, 500);

    r.which_body = gasm_Request_purge_start_tag;
    r.body.purge_start = (gasm_PurgeStart){.volume_l = 20, .limit_s = 60};
    insist(w, r);
    aid_world_pass(w, TRAVEL_MS);
}

/* Credit, and the customer's press of the button that it arms. */
static void begin_supply(struct aid_world *w, bool opens)
{
    gasm_Token token = aid_token(1, 50000);

    insist(w, aid_recharge(w, &token));
    w->flow_l_per_h = 0;
    if (!opens)
        return;
    mc_meter_button(w->meter);
    aid_world_pass(w, TRAVEL_MS);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_OPEN);
}

static void close_account(struct aid_world *w)
{
    gasm_Request r = aid_request(w, gasm_Command_CLOSE_ACCOUNT, 501);

    r.which_body = gasm_Request_close_account_tag;
    insist(w, r);
}

static void live_until(struct aid_world *w, enum aid_moment moment)
{
    static const enum aid_step last[AID_MOMENTS] = {
        [AID_AT_KEYED] = AID_ACTIVATE,         [AID_AT_ACCOUNT] = AID_OPEN_ACCOUNT,
        [AID_AT_PURGING] = AID_OPEN_ACCOUNT,   [AID_AT_PURGED] = AID_PURGE,
        [AID_AT_CLEARED] = AID_SET_PARAMETERS, [AID_AT_SERVICE] = AID_COMMISSION,
        [AID_AT_CLOCKLESS] = AID_COMMISSION,   [AID_AT_SUPPLY] = AID_COMMISSION,
        [AID_AT_OLD] = AID_COMMISSION,         [AID_AT_NEW] = AID_SET_PARAMETERS,
        [AID_AT_CLOSED] = AID_COMMISSION,
    };
    gasm_Ticket ticket = ticket_at(moment);
    struct aid_story story = aid_story_of(w);

    w->flow_l_per_h = 6000;
    if (moment != AID_AT_FACTORY)
        aid_story_steps(&story, AID_INSTALL_KEY, last[moment]);
    aid_greet(w, &ticket);
    insist(w, aid_request(w, gasm_Command_IDENTIFY, 0));
    aid_world_pass(w, 1000);    /* another hello would be looked at */
    if (moment == AID_AT_PURGING)
        begin_purge(w);
    if (moment == AID_AT_SUPPLY || moment == AID_AT_OLD)
        begin_supply(w, moment == AID_AT_SUPPLY);
    if (moment == AID_AT_CLOSED)
        close_account(w);
    if (moment == AID_AT_CLOCKLESS)
        w->utc_ms -= 86400000;
}

struct aid_still *aid_still_new(enum aid_moment moment)
{
    struct aid_still *s = calloc(1, sizeof *s);
    size_t n;

    assert_non_null(s);
    s->w = aid_world_new(31, 1);
    live_until(s->w, moment);
    s->inner = s->w->meter->ports.nvm;
    s->w->meter->ports.nvm.ctx = s;
    s->w->meter->ports.nvm.read = watched_read;
    s->w->meter->ports.nvm.program = watched_program;
    s->w->meter->ports.nvm.erase = watched_erase;
    s->w->ports.nvm = s->w->meter->ports.nvm;
    n = (size_t)s->inner.sector_size * s->inner.sectors;
    s->image = malloc(n);
    assert_non_null(s->image);
    memcpy(s->image, s->w->flash.bytes, n);
    s->world = *s->w;
    s->meter = *s->w->meter;
    return s;
}

void aid_still_free(struct aid_still *s)
{
    aid_world_free(s->w);
    free(s->image);
    free(s);
}

void aid_still_back(struct aid_still *s)
{
    uint8_t *flash = s->w->flash.bytes;

    if (s->touches > sizeof s->touched / sizeof s->touched[0]) {
        memcpy(flash, s->image, (size_t)s->inner.sector_size * s->inner.sectors);
    } else {
        for (size_t i = 0; i < s->touches; i++)
            memcpy(flash + s->touched[i].addr, s->image + s->touched[i].addr, s->touched[i].n);
    }
    s->touches = 0;
    *s->w = s->world;
    *s->w->meter = s->meter;
}

/* ---- what must be true ---- */

/* Registers only grow. */
static bool has_grown(const gasm_Totals *from, const gasm_Totals *to)
{
    return to->index_l >= from->index_l && to->purged_l >= from->purged_l &&
           to->opening_index_l >= from->opening_index_l &&
           to->opening_purged_l >= from->opening_purged_l &&
           to->purchased_l >= from->purchased_l && to->imported_l >= from->imported_l &&
           to->forgiven_l >= from->forgiven_l && to->debited_l >= from->debited_l &&
           to->cleared_l >= from->cleared_l && to->exported_l >= from->exported_l;
}

static bool changes(gasm_Command command)
{
    size_t n;
    const struct mc_command_row *rows = mc_commands(&n);

    for (size_t i = 0; i < n; i++)
        if (rows[i].id == command)
            return (rows[i].needs & MC_NEED_OP_ID) != 0;
    return false;
}

/* What a refusal may leave: of a token, how often it was wrong, and an event that says so. */
static bool is_unchanged(const struct mc_core *before, const struct mc_core *after,
                         gasm_Command command)
{
    struct mc_core want = *before;

    if (command == gasm_Command_RECHARGE) {
        want.event_seq = after->event_seq;
        want.typed_fails = after->typed_fails;
    }
    return memcmp(&want, after, sizeof want) == 0;
}

static const char *judge_answer(const struct aid_still *s, const struct mc_core *before,
                                const gasm_Response *answer)
{
    const struct mc_core *core = &s->w->meter->core;
    bool same = is_unchanged(before, core, answer->command);
    bool shows_newest = answer->command == gasm_Command_RECHARGE &&
                        answer->result == gasm_Refusal_OLD;

    if (answer->command != s->w->meter->request.command)
        return "the answer is to another command";
    if (answer->receipt_seq > core->receipt_seq)
        return "the answer has a receipt sequence that was never reached";
    if (answer->result != gasm_Refusal_OK && !same)
        return "it was refused, and the meter changed";
    if (answer->result != gasm_Refusal_OK && answer->receipt.size != 0 && !shows_newest)
        return "it was refused, with a receipt";
    if (answer->result == gasm_Refusal_OK && answer->reached != gasm_Stage_STAGE_EXECUTION)
        return "it was executed without reaching execution";
    if (answer->result == gasm_Refusal_OK && changes(answer->command) && answer->receipt.size == 0)
        return "a change has no receipt";
    if (!same && !changes(answer->command))
        return "a command that only reads changed the meter";
    return NULL;
}

static const char *judge_meter(const struct aid_still *s, const struct mc_core *before,
                               uint32_t opened)
{
    const struct mc_meter *m = s->w->meter;

    if (m->core.receipt_seq > before->receipt_seq + 1)
        return "more than one receipt";
    if (!has_grown(&before->totals, &m->core.totals))
        return "a register has shrunk";
    if (m->core.totals.index_l != before->totals.index_l)
        return "gas was measured";
    if (s->w->valve.opened != opened && m->request.command != gasm_Command_PURGE_START)
        return "the valve was told to open";
    return NULL;
}

const char *aid_still_ask(struct aid_still *s, struct gf_span plain, gasm_Response *ret,
                          bool *ret_later)
{
    struct mc_meter *m = s->w->meter;
    struct mc_core before = m->core;
    uint32_t opened = s->w->valve.opened;
    struct gf_span answer = {NULL, 0};
    const char *wrong;
    int decoded, rc;

    *ret_later = false;
    if (plain.n > sizeof m->rec)
        return "more than a message can hold";
    if (plain.n > 0)
        memcpy(m->rec, plain.p, plain.n);       /* where the session leaves it */
    decoded = mc_command_decode(m, (struct gf_span){m->rec, plain.n});
    rc = mc_command_run(m, decoded, &answer);
    wrong = judge_meter(s, &before, opened);
    if (wrong != NULL)
        return wrong;
    if (rc == 0) {
        *ret_later = true;
        return memcmp(&before, &m->core, sizeof before) == 0 ? NULL
                                                              : "it changed before its answer";
    }
    if (rc != 1)
        return "it ends the session";
    if (answer.n > gasm_Response_size || mc_pb_decode(gasm_Response_fields, answer, ret) != 0)
        return "the answer cannot be decoded";
    return judge_answer(s, &before, ret);
}
