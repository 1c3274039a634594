/* test_matrix.c - every state, command, right and need: allowed exactly where the table says.
 *
 * matrix.h has the table once more, written by hand from the contract of the meter, so that a wrong
 * row is caught and not echoed. Every situation is put into a meter that has stopped in service;
 * what identify shows, and what then happens, have to be what that table says of it.
 */
#include "meter-core/commands.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/ticket.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/matrix.h"
#include "tests/aid/meter_still.h"
#include "tests/aid/swap_aid.h"

#define OP 4242
#define COMMANDS (gasm_Command_RESET_TO_FACTORY + 1)

/* A meter that can be put into any situation, and what is asked of it. */
struct desk {
    struct aid_still *still;
    struct aid_swap swap;
    gasm_Request requests[COMMANDS];
    uint8_t bytes[COMMANDS][gasm_Request_size];
    size_t n[COMMANDS];
};

/* ---- putting a meter into a situation ---- */

static void set_ticket(struct aid_still *still, const struct aid_situation *s)
{
    static unsigned role;
    gasm_Ticket *t = &still->w->meter->ticket;

    t->rights = ~s->denied;
    t->role = (gasm_Role)(role++ % (gasm_Role_BENCH + 1));     /* no role is judged by itself */
    t->epoch = s->factory ? 0 : 1;
    t->installs_epoch = s->factory ? 2 : 0;
    t->account_no = 1002;
    t->use_count = 3;
}

static void set_uses(struct mc_meter *m, enum uses uses)
{
    if (uses == USES_NONE || uses == USES_COUNTED)
        m->uses[MC_COUNTED - 1] = (struct mc_use){.serial = m->ticket.serial,
                                                  .scope = mc_ticket_scope(&m->ticket),
                                                  .uses = m->ticket.use_count,
                                                  .not_after_s = UINT32_MAX};
    m->use_counted = uses == USES_COUNTED;
    for (uint32_t i = 0; uses == USES_NO_PLACE && i < MC_COUNTED; i++)
        m->uses[i] = (struct mc_use){
            .serial = 50000 + i, .scope = 1, .uses = 1, .not_after_s = UINT32_MAX};
}

static void set_valve(struct aid_still *still, enum valve valve)
{
    static const gasm_ValveState says[VALVES] = {
        [VALVE_SHUT] = gasm_ValveState_VALVE_SHUT,
        [VALVE_OPEN] = gasm_ValveState_VALVE_OPEN,
        [VALVE_MOVING] = gasm_ValveState_VALVE_MOVING,
        [VALVE_UNKNOWN] = gasm_ValveState_VALVE_UNKNOWN,
        [VALVE_FAULT] = gasm_ValveState_VALVE_FAULT,
        [VALVE_ORDERED_OPEN] = gasm_ValveState_VALVE_SHUT,
        [VALVE_NOT_COMMANDED] = gasm_ValveState_VALVE_SHUT,
        [VALVE_GRANT] = gasm_ValveState_VALVE_SHUT,
    };
    struct mc_meter *m = still->w->meter;
    int64_t now_ms = still->w->mono_ms;

    still->w->valve.state = says[valve];
    still->w->valve.until_ms = INT64_MAX;
    m->drive.since_ms = now_ms;
    m->drive.want_open = valve == VALVE_ORDERED_OPEN;
    m->drive.commanded = valve != VALVE_NOT_COMMANDED;
    m->supply.open_by_ms = now_ms + 10000;
    if (valve == VALVE_GRANT) {
        m->core.grant_open = 1;
        m->core.grant_from_l = m->core.totals.purged_l;
        m->core.grant_l = m->core.grant_s = 100;
        m->purge = (struct mc_purge){.live = true, .began_ms = now_ms, .alive_ms = now_ms};
    }
}

static void arrange(struct aid_still *still, const struct aid_situation *s)
{
    struct mc_meter *m = still->w->meter;

    aid_still_back(still);
    m->core.life = (uint8_t)s->life;
    m->core.totals.purchased_l = 5000;
    m->core.account_no = s->account == ACCOUNT_NONE ? 0 : 1001;
    m->core.account_closed = s->account == ACCOUNT_CLOSED;
    m->core.clock_was_set = s->clock != CLOCK_NEVER;
    m->core.params_were_set = !s->no_settings;
    if (s->clock == CLOCK_LOST)
        still->w->utc_ms -= 86400000;
    if (s->power == POWER_BATTERY)
        still->w->supply_mv = 2700;
    m->supply.battery_low = s->power == POWER_BATTERY;      /* and logged */
    if (s->power == POWER_COLD)
        still->w->temperature_dc = -251;
    if (s->power == POWER_HOT)
        still->w->temperature_dc = 551;
    set_ticket(still, s);
    set_uses(m, s->uses);
    set_valve(still, s->valve);
}

/* ---- asking ---- */

/* A request that nothing but the table refuses. */
static gasm_Request request_of(const struct aid_world *w, const struct aid_rule *r,
                               const struct aid_swap *swap)
{
    static const pb_size_t bodies[] = {
        [gasm_Command_INSTALL_KEY] = gasm_Request_install_key_tag,
        [gasm_Command_OPEN_ACCOUNT] = gasm_Request_open_account_tag,
        [gasm_Command_PURGE_START] = gasm_Request_purge_start_tag,
        [gasm_Command_ZERO_CLEAR] = gasm_Request_zero_clear_tag,
        [gasm_Command_SET_CLOCK] = gasm_Request_set_clock_tag,
        [gasm_Command_SET_PARAMETERS] = gasm_Request_set_parameters_tag,
        [gasm_Command_READ_RECEIPTS] = gasm_Request_read_receipts_tag,
        [gasm_Command_READ_HISTORY] = gasm_Request_read_history_tag,
        [gasm_Command_READ_PURCHASES] = gasm_Request_read_purchases_tag,
        [gasm_Command_READ_EVENTS] = gasm_Request_read_events_tag,
        [gasm_Command_CLOSE_ACCOUNT] = gasm_Request_close_account_tag,
        [gasm_Command_RESET_TO_FACTORY] = gasm_Request_reset_to_factory_tag,
    };
    const struct mc_core *core = &w->meter->core;
    gasm_Token token = aid_token(core->token_seq + 1, 6000);
    gasm_Request q = aid_request(w, r->id, (r->needs & CHANGES) != 0 ? OP : 0);

    if (r->id == gasm_Command_RECHARGE)
        return aid_recharge(w, &token);
    q.which_body = bodies[r->id];
    if (r->id == gasm_Command_INSTALL_KEY)
        q.body.install_key.envelope.size =
            (pb_size_t)aid_world_envelope(2, 0, q.body.install_key.envelope.bytes);
    if (r->id == gasm_Command_OPEN_ACCOUNT)
        q.body.open_account.account_no = 1002;
    if (r->id == gasm_Command_PURGE_START)
        q.body.purge_start = (gasm_PurgeStart){.volume_l = 10, .limit_s = 10};
    if (r->id == gasm_Command_ZERO_CLEAR)
        q.body.zero_clear.residual_l = mc_residual_l(&core->totals);
    if (r->id == gasm_Command_SET_CLOCK)
        q.body.set_clock.utc_s = core->floor_s + 60;
    if (r->id == gasm_Command_SET_PARAMETERS) {
        q.body.set_parameters.parameters_count = 1;
        q.body.set_parameters.parameters[0] = (gasm_Parameter){.id = 1, .value = 3000};
    }
    if (r->id == gasm_Command_IMPORT_CREDIT)
        aid_swap_import_body(swap, &q);
    return q;
}

static void desk_open(struct desk *d)
{
    size_t n;
    const struct aid_rule *rules = aid_rules(&n);

    memset(d, 0, sizeof *d);
    d->still = aid_still_new(AID_AT_SERVICE);
    arrange(d->still, &(struct aid_situation){.life = gasm_LifeState_IN_SERVICE});
    d->swap = aid_swap_of(AID_OTHER_ID, AID_METER_ID, 7, 10000);
    aid_swap_certify(&d->swap, 700);
    for (size_t i = 0; i < n; i++) {
        gasm_Command id = rules[i].id;
        int len;

        d->requests[id] = request_of(d->still->w, &rules[i], &d->swap);
        len = mc_pb_encode(gasm_Request_fields, &d->requests[id], d->bytes[id],
                           sizeof d->bytes[id]);
        assert_true(len > 0);
        d->n[id] = (size_t)len;
    }
}

/* The meter in the situation; a ticket that imports names the swap. */
static struct mc_meter *ready(struct desk *d, const struct aid_rule *r,
                              const struct aid_situation *s)
{
    struct mc_meter *m = d->still->w->meter;

    arrange(d->still, s);
    if (r->id == gasm_Command_IMPORT_CREDIT) {
        m->ticket.swap.size = (pb_size_t)d->swap.n;
        memcpy(m->ticket.swap.bytes, d->swap.bytes, d->swap.n);
    }
    return m;
}

/* What an allowed request comes to: OK, the one word that its content is refused with here, or
 * LATER. */
#define LATER 99
static int outcome(const struct aid_rule *r, const struct aid_situation *s)
{
    if (r->id == gasm_Command_OPEN_ACCOUNT && s->account == ACCOUNT_OPEN)
        return gasm_Refusal_STATE;      /* it holds credit */
    if (r->id == gasm_Command_PURGE_KEEPALIVE)
        return s->valve == VALVE_GRANT ? gasm_Refusal_OK : gasm_Refusal_STATE;
    if (r->id == gasm_Command_PURGE_STOP)
        return s->valve == VALVE_GRANT ? LATER : gasm_Refusal_OK;
    if (r->id == gasm_Command_VALVE_ARM && s->valve == VALVE_ORDERED_OPEN)
        return gasm_Refusal_STATE;      /* open already */
    return r->id == gasm_Command_CLOSE_ACCOUNT || r->id == gasm_Command_SELF_TEST
               ? LATER
               : gasm_Refusal_OK;
}

/* What must not change when nothing is done. */
struct image {
    struct mc_core core;
    struct mc_use uses[MC_COUNTED];
    uint32_t sequence, orders;
};

static struct image image_of(const struct aid_still *still)
{
    const struct mc_meter *m = still->w->meter;
    struct image i;

    memset(&i, 0, sizeof i);
    memcpy(&i.core, &m->core, sizeof i.core);
    memcpy(i.uses, m->uses, sizeof i.uses);
    i.sequence = m->journal.sequence;
    i.orders = still->w->valve.opened + still->w->valve.shut;
    return i;
}

static void explain(gasm_Command id, const struct aid_situation *s)
{
    print_message("# command %d, life %u, denied %08x, factory %d, clock %d, account %d, valve %d, "
                  "power %d, settings %d, uses %d\n",
                  id, s->life, (unsigned)s->denied, s->factory, s->clock, s->account, s->valve,
                  s->power, !s->no_settings, s->uses);
}

/* The answer, or that it comes later, against the table. Before: what was. */
static void check(const struct aid_still *still, const struct aid_rule *r,
                  const struct aid_situation *s, const struct image *before,
                  const gasm_Response *answer)
{
    const struct aid_words want = aid_rule_judge(r, s);
    const struct image now = image_of(still);
    const int comes_to = want.words == 0 ? outcome(r, s) : -1;
    const bool same = memcmp(before, &now, sizeof now) == 0;
    bool good;

    if (answer == NULL)
        good = comes_to == LATER && memcmp(&before->core, &now.core, sizeof now.core) == 0;
    else if (want.words != 0)
        good = same && (want.words >> answer->result & 1) != 0 && answer->reached == want.stage &&
               answer->receipt.size == 0 && answer->which_body == 0;
    else if (comes_to == gasm_Refusal_OK && (r->needs & CHANGES) != 0 &&
             r->id != gasm_Command_PURGE_STOP)
        good = answer->result == gasm_Refusal_OK && answer->receipt.size > 0 &&
               now.core.receipt_seq == before->core.receipt_seq + 1 &&
               now.core.totals.index_l == before->core.totals.index_l;
    else
        good = same && (int)answer->result == comes_to;
    if (!good) {
        explain(r->id, s);
        fail_msg("answered %d at stage %d; the table says words %x at stage %d, or %d; %s",
                 answer == NULL ? LATER : (int)answer->result,
                 answer == NULL ? -1 : (int)answer->reached, (unsigned)want.words, want.stage,
                 comes_to, same ? "unchanged" : "changed");
    }
}

/* Put it into the situation and run the command, without the link. */
static void run_one(struct desk *d, const struct aid_rule *r, const struct aid_situation *s)
{
    struct mc_meter *m = ready(d, r, s);
    struct image before = image_of(d->still);
    struct gf_span answer;
    gasm_Response response;
    int rc;

    memcpy(m->rec, d->bytes[r->id], d->n[r->id]);
    rc = mc_command_run(m, mc_command_decode(m, (struct gf_span){m->rec, d->n[r->id]}), &answer);
    assert_true(rc == 0 || rc == 1);
    if (rc == 1)
        assert_int_equal(mc_pb_decode(gasm_Response_fields, answer, &response), 0);
    check(d->still, r, s, &before, rc == 1 ? &response : NULL);
}

/* Rights of which one is there, one is missing, all are, none is; `n` up to RIGHTS. */
#define RIGHTS 66
static uint32_t denied_of(unsigned n)
{
    if (n < 32)
        return ~(1u << n);
    if (n < 64)
        return 1u << (n - 32);
    return n == 64 ? 0 : UINT32_MAX;
}

/* ---- the walks ---- */

static void test_table(void **state)
{
    size_t n, n_rules;
    const struct mc_command_row *rows = mc_commands(&n);
    const struct aid_rule *rules = aid_rules(&n_rules);

    (void)state;
    assert_int_equal(n, n_rules);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rules[i].id, i + 1);
        assert_int_equal(rows[i].id, i + 1);
        assert_int_equal((rows[i].needs & MC_NEED_OP_ID) != 0,
                         (rules[i].needs & (CHANGES | NEVER)) != 0);
    }
}

/* Each combination of all that is judged: the bits of what is allowed. */
static void test_allowed(void **state)
{
    static struct desk d;
    struct aid_situation s = {0};
    uint32_t walked = 0;

    (void)state;
    desk_open(&d);
    for (unsigned i = 0; i < 8 * CLOCKS * ACCOUNTS * VALVES * POWERS * 2 * USES * 2; i++) {
        unsigned n = i;

        s.life = n % 8, n /= 8;
        s.clock = (enum clock)(n % CLOCKS), n /= CLOCKS;
        s.account = (enum account)(n % ACCOUNTS), n /= ACCOUNTS;
        s.valve = (enum valve)(n % VALVES), n /= VALVES;
        s.power = (enum power)(n % POWERS), n /= POWERS;
        s.uses = (enum uses)(n % USES), n /= USES;
        s.no_settings = n % 2, n /= 2;
        s.factory = n;
        arrange(d.still, &s);
        for (unsigned rights = 0; rights < RIGHTS; rights++) {
            s.denied = denied_of(rights);
            d.still->w->meter->ticket.rights = ~s.denied;
            if (mc_commands_allowed(d.still->w->meter) != aid_rules_allowed(&s)) {
                explain(0, &s);
                assert_int_equal(mc_commands_allowed(d.still->w->meter), aid_rules_allowed(&s));
            }
            walked++;
        }
    }
    print_message("# %u situations, each with every command\n", walked);
    aid_still_free(d.still);
}

/* Run every command in it. The number. */
static uint32_t run_all(struct desk *d, const struct aid_situation *s)
{
    size_t n;
    const struct aid_rule *rules = aid_rules(&n);

    for (size_t i = 0; i < n; i++)
        run_one(d, &rules[i], s);
    return (uint32_t)n;
}

/* What then happens: each combination of what is no right, ... */
static void test_needs(void **state)
{
    static struct desk d;
    struct aid_situation s = {0};
    uint32_t ran = 0;

    (void)state;
    desk_open(&d);
    for (unsigned i = 0; i < 8 * CLOCKS * ACCOUNTS * VALVES * POWERS * 2 * 2; i++) {
        unsigned n = i;

        s.life = n % 8, n /= 8;
        s.clock = (enum clock)(n % CLOCKS), n /= CLOCKS;
        s.account = (enum account)(n % ACCOUNTS), n /= ACCOUNTS;
        s.valve = (enum valve)(n % VALVES), n /= VALVES;
        s.power = (enum power)(n % POWERS), n /= POWERS;
        s.uses = n % 2 == 0 ? USES_LEFT : USES_NONE, n /= 2;
        s.no_settings = n;
        ran += run_all(&d, &s);
    }
    print_message("# %u commands ran\n", ran);
    aid_still_free(d.still);
}

/* ... and each right alone, each right missing, with every state, ticket, clock and use. */
static void test_rights(void **state)
{
    static struct desk d;
    struct aid_situation s = {0};
    uint32_t ran = 0;

    (void)state;
    desk_open(&d);
    for (unsigned i = 0; i < 8 * CLOCKS * USES * 2 * RIGHTS; i++) {
        unsigned n = i;

        s.life = n % 8, n /= 8;
        s.clock = (enum clock)(n % CLOCKS), n /= CLOCKS;
        s.uses = (enum uses)(n % USES), n /= USES;
        s.factory = n % 2, n /= 2;
        s.denied = denied_of(n);
        ran += run_all(&d, &s);
    }
    print_message("# %u commands ran\n", ran);
    aid_still_free(d.still);
}

/* Ask through the session. */
static void ask_one(struct desk *d, const struct aid_rule *r, const struct aid_situation *s)
{
    struct aid_world *w = d->still->w;
    struct image before;

    (void)ready(d, r, s);
    before = image_of(d->still);
    assert_int_equal(aid_world_ask(w, &d->requests[r->id]), 0);
    if (aid_rule_judge(r, s).words != 0 || outcome(r, s) != LATER)
        check(d->still, r, s, &before, &w->answer);
    else
        assert_int_equal(w->answer.result, gasm_Refusal_OK);
}

/* The same over the link: what identify shows a client, and what it is answered. */
static void test_link(void **state)
{
    static struct desk d;
    struct aid_situation s = {0};
    uint32_t ran = 0;
    size_t n;
    const struct aid_rule *rules = aid_rules(&n);

    (void)state;
    desk_open(&d);
    for (s.life = 0; s.life < 8; s.life++)
        for (unsigned i = 0; i < 2 * RIGHTS; i++) {
            gasm_Request who = aid_request(d.still->w, gasm_Command_IDENTIFY, 0);

            s.factory = i % 2;
            s.denied = denied_of(i / 2);
            arrange(d.still, &s);
            assert_int_equal(aid_world_ask(d.still->w, &who), 0);
            if (d.still->w->answer.result == gasm_Refusal_OK)
                assert_int_equal(d.still->w->answer.body.identity.allowed, aid_rules_allowed(&s));
            else
                assert_int_equal(s.life, gasm_LifeState_LIFE_UNKNOWN);
            for (size_t k = 0; k < n; k++, ran++)
                ask_one(&d, &rules[k], &s);
        }
    print_message("# %u commands answered\n", ran);
    aid_still_free(d.still);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),  cmocka_unit_test(test_allowed), cmocka_unit_test(test_needs),
        cmocka_unit_test(test_rights), cmocka_unit_test(test_link),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
