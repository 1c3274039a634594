/* meter_story.c - the opening of an account, interruptible; see meter_story.h. */
#include "tests/aid/meter_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"

#define TRIES 200

struct aid_story aid_story_of(struct aid_world *w)
{
    struct aid_story s = {
        .w = w, .purge_l = 5, .ops = 100, .before_l = w->meter->core.totals.index_l, .mtu = 247,
        .cut_again = -1};

    s.factory = aid_meter_ticket(w->meter_id, 0, 1);
    s.account = aid_meter_ticket(w->meter_id, 1, 2);
    if (w->flow_l_per_h == 0)
        w->flow_l_per_h = 3600;
    return s;
}

/* Power is back; 0 when the world lives again. */
static void revive(struct aid_story *s)
{
    if (!s->w->flash.dead)
        return;
    for (int i = 0; i < TRIES; i++) {
        s->restarts++;
        s->w->flash.cut_in = s->cut_again;
        s->cut_again = -1;
        if (aid_world_restart(s->w) == 0)
            return;
        assert_true(s->w->flash.dead);
    }
    fail_msg("the meter does not start");
}

/* A session under the ticket. */
static int greet(struct aid_story *s, const gasm_Ticket *t)
{
    struct aid_pass pass = aid_world_pass_of(t);

    revive(s);
    aid_world_connect(s->w, s->mtu);
    return aid_world_hello(s->w, &pass);
}

/* A request whose base is what it was when it was first made. */
static gasm_Request planned(struct aid_story *s, gasm_Command command, uint32_t op)
{
    gasm_Request r = aid_request(s->w, command, op == 0 ? 0 : op + s->first_op);
    uint64_t *base = &s->base[op % 64];

    if (op != 0 && op < 64) {
        if (*base == 0)
            *base = r.base_receipt_seq + 1;
        r.base_receipt_seq = *base - 1;
    }
    return r;
}

static int ask_ok(struct aid_story *s, const gasm_Request *r)
{
    int rc = aid_world_ask(s->w, r);

    if (rc == 0 && s->w->answer.result != gasm_Refusal_OK)
        fail_msg("command %d refused: %d at stage %d", r->command, s->w->answer.result,
                 s->w->answer.reached);
    return rc;
}

static int install_key(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_INSTALL_KEY, AID_INSTALL_KEY + 1);
    int rc = greet(s, &s->factory);

    if (rc == GF_E_TICKET && s->w->refusal.reason == gasm_Refusal_KEY_EXPIRED &&
        s->w->refusal.active_epoch == s->account.epoch)
        return 0;
    if (rc != 0)
        return rc;
    r.which_body = gasm_Request_install_key_tag;
    r.body.install_key.envelope.size =
        (pb_size_t)aid_meter_envelope(s->w->meter_id, s->account.epoch, 0,
                                      r.body.install_key.envelope.bytes);
    return ask_ok(s, &r);
}

static int activate(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_IDENTIFY, 0);
    int rc = greet(s, &s->account);

    if (rc == 0)
        rc = ask_ok(s, &r);
    if (rc == 0)
        assert_int_equal(s->w->answer.body.identity.active_epoch, s->account.epoch);
    return rc;
}

static int open_account(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_OPEN_ACCOUNT, AID_OPEN_ACCOUNT + 1);
    int rc = greet(s, &s->account);

    r.which_body = gasm_Request_open_account_tag;
    r.body.open_account.account_no = s->account.account_no;
    return rc == 0 ? ask_ok(s, &r) : rc;
}

/* Keep the grant alive until enough has flowed. 1 when it has, 0 when the grant is over. */
static int watch_purge(struct aid_story *s)
{
    gasm_Request keep = planned(s, gasm_Command_PURGE_KEEPALIVE, 0);
    int rc;

    for (;;) {
        rc = aid_world_ask(s->w, &keep);
        if (rc != 0)
            return rc;
        if (s->w->answer.result == gasm_Refusal_STATE)
            return 0;
        assert_int_equal(s->w->answer.result, gasm_Refusal_OK);
        if (s->w->answer.body.purge.flowed_l >= s->purge_l)
            return 1;
        aid_world_pass(s->w, 2000);
        if (s->w->flash.dead)
            return GF_E_LINK_LOST;
    }
}

static int start_purge(struct aid_story *s)
{
    gasm_Request r;

    if (s->op_start == 0) {
        s->op_start = s->ops++;
        s->op_stop = s->ops++;
    }
    r = planned(s, gasm_Command_PURGE_START, s->op_start);
    r.which_body = gasm_Request_purge_start_tag;
    r.body.purge_start = (gasm_PurgeStart){.volume_l = 50, .limit_s = 60};
    return ask_ok(s, &r);
}

static int purge(struct aid_story *s)
{
    gasm_Request who = planned(s, gasm_Command_IDENTIFY, 0), stop;
    int rc = greet(s, &s->account);

    if (rc == 0)
        rc = ask_ok(s, &who);
    if (rc != 0 || s->w->answer.body.identity.state == gasm_LifeState_PURGED)
        return rc;
    rc = start_purge(s);
    if (rc == 0)
        rc = watch_purge(s);
    if (rc < 0)
        return rc;
    stop = planned(s, gasm_Command_PURGE_STOP, s->op_stop);
    rc = ask_ok(s, &stop);
    if (rc == 0 && s->w->answer.body.purge.end != gasm_PurgeEnd_PURGE_STOPPED) {
        s->op_start = 0;        /* it was interrupted: a new grant */
        return GF_E_LINK_LOST;
    }
    return rc;
}

static int zero_clear(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_ZERO_CLEAR, AID_ZERO_CLEAR + 1);
    gasm_Request read = planned(s, gasm_Command_READ_BALANCE, 0);
    int rc = greet(s, &s->account);

    if (rc == 0)
        rc = ask_ok(s, &read);
    r.which_body = gasm_Request_zero_clear_tag;
    r.body.zero_clear.residual_l = s->w->answer.body.balance.residual_l;
    return rc == 0 ? ask_ok(s, &r) : rc;
}

static int set_clock(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_SET_CLOCK, AID_SET_CLOCK + 1);
    int rc = greet(s, &s->account);

    r.which_body = gasm_Request_set_clock_tag;
    r.body.set_clock.utc_s = AID_UTC_MS / 1000 + 60;
    return rc == 0 ? ask_ok(s, &r) : rc;
}

static int set_parameters(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_SET_PARAMETERS, AID_SET_PARAMETERS + 1);
    int rc = greet(s, &s->account);

    r.which_body = gasm_Request_set_parameters_tag;
    r.body.set_parameters.parameters_count = 2;
    r.body.set_parameters.parameters[0] =
        (gasm_Parameter){.id = MC_PARAM_CREDIT_LOW, .value = 7000};
    r.body.set_parameters.parameters[1] =
        (gasm_Parameter){.id = MC_PARAM_BATTERY_MIN, .value = 2900};
    return rc == 0 ? ask_ok(s, &r) : rc;
}

static int commission(struct aid_story *s)
{
    gasm_Request r = planned(s, gasm_Command_COMMISSION, AID_COMMISSION + 1);
    int rc = greet(s, &s->account);

    return rc == 0 ? ask_ok(s, &r) : rc;
}

void aid_story_step(struct aid_story *s, enum aid_step step)
{
    static int (*const steps[AID_STEPS])(struct aid_story *) = {
        [AID_INSTALL_KEY] = install_key,       [AID_ACTIVATE] = activate,
        [AID_OPEN_ACCOUNT] = open_account,     [AID_PURGE] = purge,
        [AID_ZERO_CLEAR] = zero_clear,         [AID_SET_CLOCK] = set_clock,
        [AID_SET_PARAMETERS] = set_parameters, [AID_COMMISSION] = commission,
    };
    int rc = GF_E_LINK_LOST;

    for (int i = 0; i < TRIES && rc == GF_E_LINK_LOST; i++)
        rc = steps[step](s);
    if (rc != 0)
        fail_msg("step %d: error %d, refusal %d", step, rc, s->w->refusal.reason);
}

void aid_story_steps(struct aid_story *s, enum aid_step first, enum aid_step last)
{
    for (enum aid_step step = first; step <= last; step++)
        aid_story_step(s, step);
}

/* ---- what must be true ---- */

/* Open and chain one sealed receipt. */
static void take_receipt(const gasm_Receipts_receipts_t *sealed, uint8_t hash[static MC_HASH_LEN],
                         gasm_Receipt *ret)
{
    const struct mc_crypto *crypto = mc_crypto_openssl();
    struct gf_span bytes = {sealed->bytes, sealed->size};
    uint8_t root[MC_KEY_LEN];

    assert_int_equal(mc_receipt_peek(bytes, ret), 0);
    aid_meter_root((const char *)ret->meter_id, ret->key_epoch, root);
    assert_int_equal(mc_receipt_open(crypto, root, bytes, ret), 0);
    assert_memory_equal(ret->prev_hash, hash, MC_HASH_LEN);
    assert_int_equal(mc_receipt_hash(crypto, bytes, hash), 0);
}

size_t aid_story_receipts(struct aid_story *s, gasm_Receipt *ret, size_t cap)
{
    gasm_Request r = planned(s, gasm_Command_READ_RECEIPTS, 0);
    uint8_t hash[MC_HASH_LEN] = {0};
    size_t n = 0;

    r.which_body = gasm_Request_read_receipts_tag;
    assert_int_equal(greet(s, &s->account), 0);
    for (;;) {
        const gasm_Receipts *got = &s->w->answer.body.receipts;

        r.body.read_receipts.from_seq = n + 1;
        assert_int_equal(ask_ok(s, &r), 0);
        if (got->receipts_count == 0)
            return n;
        for (pb_size_t i = 0; i < got->receipts_count; i++) {
            assert_true(n < cap);
            take_receipt(&got->receipts[i], hash, &ret[n]);
            assert_int_equal(ret[n].seq, n + 1);
            n++;
        }
    }
}

static size_t count_op(const gasm_Receipt *r, size_t n, uint32_t op)
{
    uint8_t id[GF_UUID_LEN];
    size_t found = 0;

    aid_op_id(op, id);
    for (size_t i = 0; i < n; i++)
        if (memcmp(r[i].op_id.bytes, id, sizeof id) == 0)
            found++;
    return found;
}

/* Totals go on from receipt to receipt; only a purge's end has more after than before. */
static void check_litres(const gasm_Receipt *r, size_t n, const gasm_Totals *now, uint64_t before_l)
{
    uint64_t purged_l = 0;

    for (size_t i = 0; i < n; i++) {
        uint64_t flowed_l = r[i].after.purged_l - r[i].before.purged_l;

        if (i > 0)
            assert_int_equal(r[i].before.purged_l, r[i - 1].after.purged_l);
        assert_int_equal(r[i].after.index_l - r[i].before.index_l, flowed_l);
        if (r[i].command != gasm_Command_PURGE_STOP)
            assert_int_equal(flowed_l, 0);
        purged_l += flowed_l;
    }
    assert_int_equal(purged_l, now->purged_l);
    assert_int_equal(r[n - 1].after.purged_l, now->purged_l);
    assert_int_equal(now->index_l, now->purged_l + before_l);
}

void aid_story_check(struct aid_story *s)
{
    static const enum aid_step once[] = {AID_INSTALL_KEY, AID_OPEN_ACCOUNT,   AID_ZERO_CLEAR,
                                         AID_SET_CLOCK,   AID_SET_PARAMETERS, AID_COMMISSION};
    gasm_Receipt r[64];
    size_t n = aid_story_receipts(s, r, 64), activations = 0;
    gasm_Balance b;

    mc_meter_balance(s->w->meter, &b);
    assert_int_equal(b.state, gasm_LifeState_IN_SERVICE);
    assert_int_equal(b.account_no, s->account.account_no);
    assert_int_equal(b.residual_l, 0);
    assert_int_equal(b.valve, gasm_ValveState_VALVE_SHUT);
    assert_int_equal(b.receipt_seq, n);
    assert_true(b.totals.purged_l >= s->purge_l);
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++)
        assert_int_equal(count_op(r, n, once[i] + 1 + s->first_op), 1);
    for (size_t i = 0; i < n; i++)
        activations += r[i].command == gasm_Command_KEY_ACTIVATED;
    assert_int_equal(activations, 1);
    check_litres(r, n, &b.totals, s->before_l);
}

/* ---- short cuts ---- */

struct aid_world *aid_story_opened(uint32_t pulse_l, enum aid_step last)
{
    struct aid_world *w = aid_world_new(21, pulse_l);
    struct aid_story s = aid_story_of(w);

    aid_story_steps(&s, AID_INSTALL_KEY, last);
    aid_world_disconnect(w);
    return w;
}

void aid_greet(struct aid_world *w, const gasm_Ticket *ticket)
{
    struct aid_pass pass = aid_world_pass_of(ticket);

    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), 0);
}

void aid_expect(struct aid_world *w, const gasm_Request *request, gasm_Refusal result,
                gasm_Stage reached)
{
    uint64_t receipts = w->meter->core.receipt_seq;

    assert_int_equal(aid_world_ask(w, request), 0);
    assert_int_equal(w->answer.result, result);
    assert_int_equal(w->answer.reached, reached);
    assert_int_equal(w->answer.command, request->command);
    assert_int_equal(w->answer.op_id.size, request->op_id.size);
    if (result != gasm_Refusal_OK)
        assert_int_equal(w->meter->core.receipt_seq, receipts);
}

gasm_Request aid_set_one(const struct aid_world *w, uint32_t op, int64_t value)
{
    gasm_Request r = aid_request(w, gasm_Command_SET_PARAMETERS, op);

    r.which_body = gasm_Request_set_parameters_tag;
    r.body.set_parameters.parameters_count = 1;
    r.body.set_parameters.parameters[0] =
        (gasm_Parameter){.id = MC_PARAM_CREDIT_LOW, .value = value};
    return r;
}
