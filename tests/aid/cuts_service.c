/* cuts_service.c - what a meter does with credit, its valve, its account and its keys, one row
 * each; see cuts.h. */
#include <stdlib.h>
#include <string.h>

#include "meter-core/store.h"
#include "tests/aid/credit_aid.h"
#include "tests/aid/cuts.h"
#include "tests/aid/swap_aid.h"

#define C(name) gasm_Command_##name
#define E(name) MC_EVENT_##name
#define SOLD_L 500
#define CAP_L 100000

/* Ask until it is done, with nothing cut. */
static void insist(struct aid_life *l, const gasm_Request *r, gasm_Refusal result)
{
    if (aid_life_greet(l, &l->ticket) != 0 || aid_world_ask(l->w, r) != 0 ||
        l->w->answer.result != result)
        abort();
}

/* ---- tokens ---- */

static gasm_Token token(void)
{
    return aid_token(7, SOLD_L);
}

static void token_op(struct aid_life *l)
{
    gasm_Token t = token();

    if (mc_op_id_recharge(&l->watch->port, AID_METER_ID, t.account_no, t.sequence, l->op) != 0)
        abort();
}

static void make_recharge(struct aid_life *l, gasm_Request *r)
{
    gasm_Token t = token();
    gasm_Request made = aid_recharge(l->w, &t);

    made.base_receipt_seq = r->base_receipt_seq;
    *r = made;
}

static void make_typed(struct aid_life *l, gasm_Request *r)
{
    gasm_Token t = token();
    gasm_Request made = aid_recharge_typed(l->w, &t);

    made.base_receipt_seq = r->base_receipt_seq;
    *r = made;
}

/* Digits of another token's mac. */
static gasm_Request wrong_digits(struct aid_life *l)
{
    gasm_Token t = token();
    gasm_Request r;

    t.forgiven_l = 1;
    r = aid_recharge_typed(l->w, &t);
    r.op_id.size = 0;
    r.base_receipt_seq = l->base;
    return r;
}

/* Two that failed are waited out. */
static void fail_twice(struct aid_life *l)
{
    token_op(l);
    for (int i = 0; i < 2; i++) {
        gasm_Request r = wrong_digits(l);

        insist(l, &r, gasm_Refusal_PROOF);
        aid_world_disconnect(l->w);
        aid_world_pass(l->w, 5000);
    }
}

/* A wrong one, until the meter says so. */
static int type_wrong(struct aid_life *l)
{
    gasm_Request r = wrong_digits(l);
    int rc = aid_life_greet(l, &l->ticket);

    l->step++;
    if (rc == 0)
        rc = aid_world_ask(l->w, &r);
    if (rc != 0)
        return rc;
    if (l->w->answer.result != gasm_Refusal_PROOF)
        aid_world_pass(l->w, 3000);
    return l->w->answer.result == gasm_Refusal_PROOF ? 0 : GF_E_LINK_LOST;
}

static const char *check_wrong(struct aid_life *l)
{
    uint32_t fails = l->w->meter->core.typed_fails;

    if (fails < 1 || fails > l->step)
        return "wrong digits were not counted";
    return aid_life_logged(l, E(CREDIT_REFUSED)) == fails ? NULL
                                                          : "wrong digits were not logged once";
}

static int type_at_the_keys(struct aid_life *l)
{
    gasm_Token t = token();
    char digits[MC_TYPED_TEXT];
    gasm_Refusal said;

    aid_world_digits(l->w, &t, digits);
    said = mc_meter_type(l->w->meter, digits);
    if (l->w->flash.dead)
        return GF_E_LINK_LOST;
    return said == gasm_Refusal_OK ? 0 : GF_E_MISMATCH;
}

/* ---- the valve ---- */

static void buy(struct aid_life *l)
{
    l->w->flow_l_per_h = 0;
    aid_swap_credit(l->w, SOLD_L, 0);
}

static void arm(struct aid_life *l)
{
    gasm_Request r = aid_request(l->w, C(VALVE_ARM), 800);

    buy(l);
    r.base_receipt_seq = l->w->meter->core.receipt_seq;
    insist(l, &r, gasm_Refusal_OK);
}

/* The button, once; then the valve is closed by command. */
static int press_and_close(struct aid_life *l)
{
    gasm_Request r;
    int rc;

    if (l->step++ == 0) {
        mc_meter_button(l->w->meter);
        if (!l->w->flash.dead)
            aid_world_pass(l->w, 1500);
        if (!l->w->flash.dead && l->w->valve.state != gasm_ValveState_VALVE_OPEN)
            return GF_E_MISMATCH;
    }
    rc = aid_life_greet(l, &l->ticket);
    r = aid_life_request(l, C(VALVE_CLOSE), AID_CUT_OP);
    return rc == 0 ? aid_life_ask(l, &r) : rc;
}

static const char *check_opened(struct aid_life *l)
{
    uint32_t opened = l->w->valve.opened - l->opened, logged = aid_life_logged(l, E(VALVE_OPENED));

    return opened <= logged && logged <= 1 ? NULL : "the valve opened, and nothing says so";
}

/* A magnet, for as long as the meter does not hold it to be tampering. */
static int hold_magnet(struct aid_life *l)
{
    mc_meter_sense(l->w->meter, MC_SENSE_MAGNET, true);
    return l->w->flash.dead ? GF_E_LINK_LOST : 0;
}

static const char *check_locked(struct aid_life *l)
{
    uint32_t n = aid_life_logged(l, E(TAMPER));

    if (l->w->meter->core.locks != 1u << gasm_Lock_LOCK_TAMPER)
        return "the lock is lost";
    return n >= 1 && n <= 1 + l->restarts ? NULL : "tampering was not logged";
}

/* ---- the account ---- */

static void swap_out(struct aid_life *l)
{
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);

    buy(l);
    l->ticket = aid_swap_ticket(&s, AID_METER_ID);
}

static void make_close(struct aid_life *l, gasm_Request *r)
{
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);

    (void)l;
    aid_swap_close_body(&s, r);
}

static void swap_in(struct aid_life *l)
{
    struct aid_swap s = aid_swap_of(AID_OTHER_ID, AID_METER_ID, 2, CAP_L);

    l->ticket = aid_swap_ticket(&s, AID_METER_ID);
}

static void import_body(gasm_Request *r, int64_t residual_l)
{
    struct aid_swap s = aid_swap_of(AID_OTHER_ID, AID_METER_ID, 2, CAP_L);

    aid_swap_certify(&s, residual_l);
    aid_swap_import_body(&s, r);
}

static void make_import(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    import_body(r, SOLD_L);
}

static void make_import_debt(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    import_body(r, -SOLD_L);
}

static void close_for_the_bench(struct aid_life *l)
{
    struct aid_swap s = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L);

    buy(l);
    aid_swap_close(&s, l->w, 801);
    l->ticket = aid_world_ticket(1, 400);
    l->ticket.role = gasm_Role_BENCH;
}

static void make_reset(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    r->which_body = gasm_Request_reset_to_factory_tag;
}

static void make_scrap(struct aid_life *l, gasm_Request *r)
{
    make_reset(l, r);
    r->body.reset_to_factory.scrap = true;
}

/* ---- the second key, another program ---- */

static void make_second_key(struct aid_life *l, gasm_Request *r)
{
    (void)l;
    r->which_body = gasm_Request_install_key_tag;
    r->body.install_key.envelope.size =
        (pb_size_t)aid_world_envelope(2, 1, r->body.install_key.envelope.bytes);
}

static void second_key(struct aid_life *l)
{
    gasm_Request r = aid_request(l->w, C(INSTALL_KEY), 802);

    make_second_key(l, &r);
    insist(l, &r, gasm_Refusal_OK);
    l->ticket = aid_world_ticket(2, 500);
    if (mc_op_id_activation(&l->watch->port, AID_METER_ID, 2, l->op) != 0)
        abort();
}

static void another_program(struct aid_life *l)
{
    static const uint8_t digest[MC_HASH_LEN] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

    l->w->ports.firmware_digest = digest;
}

static int restart_once(struct aid_life *l)
{
    if (l->step++ == 0)
        l->w->flash.dead = true;
    return 0;
}

/* ---- a meter that has lived for long: every log full, every operation kept ---- */

static void log_much(struct mc_meter *m, uint64_t sequence)
{
    gasm_Purchase purchase = {.account_no = 1001, .sequence = sequence, .credited_l = 1};
    struct mc_tx tx;

    mc_store_begin(m, &tx);
    mc_tx_purchase(&tx, &purchase);
    for (int i = 0; i < 4; i++)
        mc_tx_event(m, &tx, E(REFUSED), i, 0);
    if (mc_store_change(m, &tx) != 0)
        abort();
}

static void grow_old(struct aid_life *l)
{
    struct aid_world *w = l->w;

    l->ticket = aid_world_ticket(1, 900);
    l->ticket.not_after_s += INT64_C(8) * 366 * 86400;
    l->ticket.use_count = 1000;
    for (uint32_t day = 0; day < 420; day++) {
        w->utc_ms += INT64_C(86400000) * (day < 350 ? 1 : 31);
        w->mono_ms += INT64_C(86400000) * (day < 350 ? 1 : 31);
        if (day % 2 == 0)
            log_much(w->meter, day);
        if (day % 6 == 0) {
            gasm_Request r = aid_set_one(w, 1000 + day, day);

            insist(l, &r, gasm_Refusal_OK);
            aid_world_disconnect(w);
        }
        aid_world_pass(w, 20);
    }
}

static void make_set_one(struct aid_life *l, gasm_Request *r)
{
    gasm_Request made = aid_set_one(l->w, AID_CUT_OP, 4711);

    made.base_receipt_seq = r->base_receipt_seq;
    *r = made;
}

#define SERVICE AID_COMMISSION
#define STEADY AID_FLOW_NONE, false, NULL
#define LOOSE AID_FLOW_NONE, true, NULL

const struct aid_cut_row aid_cut_service_rows[] = {
    {"recharge", SERVICE, token_op, make_recharge, NULL, NULL, C(RECHARGE), E(CREDIT_ACCEPTED), 1,
     1, STEADY},
    {"recharge_typed", SERVICE, fail_twice, make_typed, NULL, NULL, C(RECHARGE),
     E(CREDIT_ACCEPTED), 1, 1, STEADY},
    {"recharge_wrong", SERVICE, NULL, NULL, type_wrong, check_wrong, C(COMMAND_NONE), E(NONE), 0, 0,
     LOOSE},
    {"recharge_keys", SERVICE, token_op, NULL, type_at_the_keys, NULL, C(RECHARGE),
     E(CREDIT_ACCEPTED), 0, 1, STEADY},
    {"valve_arm", SERVICE, buy, NULL, NULL, NULL, C(VALVE_ARM), E(ARMED), 1, 0, STEADY},
    {"valve_close", SERVICE, arm, NULL, press_and_close, check_opened, C(VALVE_CLOSE),
     E(VALVE_CLOSED), 1, 0, STEADY},
    {"tamper", SERVICE, NULL, NULL, hold_magnet, check_locked, C(COMMAND_NONE), E(NONE), 0, 0,
     LOOSE},
    {"self_test", SERVICE, buy, NULL, NULL, NULL, C(SELF_TEST), E(SELF_TEST), 1, 0, STEADY},
    {"close_account", SERVICE, swap_out, make_close, NULL, NULL, C(CLOSE_ACCOUNT),
     E(ACCOUNT_CLOSED), 1, 0, STEADY},
    {"import_credit", SERVICE, swap_in, make_import, NULL, NULL, C(IMPORT_CREDIT),
     E(CREDIT_IMPORTED), 1, 1, STEADY},
    {"import_debt", SERVICE, swap_in, make_import_debt, NULL, NULL, C(IMPORT_CREDIT),
     E(CREDIT_IMPORTED), 1, 1, STEADY},
    {"reset_to_factory", SERVICE, close_for_the_bench, make_reset, NULL, NULL, C(RESET_TO_FACTORY),
     E(FACTORY_RESET), 1, 0, STEADY},
    {"scrap", SERVICE, close_for_the_bench, make_scrap, NULL, NULL, C(RESET_TO_FACTORY),
     E(FACTORY_RESET), 1, 0, STEADY},
    {"second_key", SERVICE, NULL, make_second_key, NULL, NULL, C(INSTALL_KEY), E(KEY_INSTALLED), 1,
     0, STEADY},
    {"second_activation", SERVICE, second_key, NULL, aid_life_prove, NULL, C(KEY_ACTIVATED),
     E(KEY_ACTIVATED), 0, 0, STEADY},
    {"old_meter", SERVICE, grow_old, make_set_one, NULL, NULL, C(SET_PARAMETERS),
     E(PARAMETERS_SET), 1, 0, STEADY},
    {"firmware", SERVICE, another_program, NULL, restart_once, NULL, C(COMMAND_NONE), E(FIRMWARE),
     0, 0, STEADY},
};
const size_t aid_cut_service_count = sizeof aid_cut_service_rows / sizeof aid_cut_service_rows[0];
