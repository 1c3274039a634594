/* credit_aid.c - tokens for the meter of a meter_world; see credit_aid.h. */
#include "tests/aid/credit_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/meter_story.h"

gasm_Token aid_token(uint64_t sequence, uint64_t purchased_l)
{
    gasm_Token t = {.account_no = 1001, .sequence = sequence, .purchased_l = purchased_l};
    struct gf_writer w = {t.order_id.bytes, sizeof t.order_id.bytes, 0, false};

    t.order_id.size = sizeof t.order_id.bytes;
    gf_wr(&w, "an order", 8);
    gf_wr_uint(&w, sequence, 8);
    return t;
}

uint64_t *aid_token_number(gasm_Token *token, size_t i)
{
    uint64_t *const at[] = {&token->account_no, &token->sequence,   &token->purchased_l,
                            &token->imported_l, &token->forgiven_l, &token->debited_l};

    return at[i];
}

struct mc_token_for aid_token_for(void)
{
    static uint8_t root[MC_KEY_LEN];

    aid_world_root(1, root);
    return (struct mc_token_for){AID_METER_ID, 1, root};
}

size_t aid_token_sealed(const char *meter_id, uint32_t epoch, const gasm_Token *token,
                        uint8_t ret[static MC_TOKEN_MAX])
{
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {meter_id, epoch, root};
    int n;

    aid_meter_root(meter_id, epoch, root);
    n = mc_token_seal(mc_crypto_openssl(), &to, token, ret, MC_TOKEN_MAX);
    assert_true(n > 0);
    return (size_t)n;
}

size_t aid_world_token(const struct aid_world *w, const gasm_Token *token,
                       uint8_t ret[static MC_TOKEN_MAX])
{
    return aid_token_sealed(w->meter_id, w->meter->core.active_epoch, token, ret);
}

void aid_world_digits(const struct aid_world *w, const gasm_Token *token,
                      char ret[static MC_TYPED_TEXT])
{
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {w->meter_id, w->meter->core.active_epoch, root};
    int rc;

    aid_meter_root(to.meter_id, to.epoch, root);
    rc = mc_typed_make(mc_crypto_openssl(), &to, token, ret);
    assert_int_equal(rc, 0);
}

static gasm_Request recharge(const struct aid_world *w, const gasm_Token *token)
{
    gasm_Request r = aid_request(w, gasm_Command_RECHARGE, 0);
    int rc = mc_op_id_recharge(mc_crypto_openssl(), w->meter_id, token->account_no,
                               token->sequence, r.op_id.bytes);

    assert_int_equal(rc, 0);
    r.op_id.size = GF_UUID_LEN;
    r.which_body = gasm_Request_recharge_tag;
    return r;
}

gasm_Request aid_recharge(const struct aid_world *w, const gasm_Token *token)
{
    gasm_Request r = recharge(w, token);

    r.body.recharge.token.size =
        (pb_size_t)aid_world_token(w, token, r.body.recharge.token.bytes);
    return r;
}

gasm_Request aid_recharge_typed(const struct aid_world *w, const gasm_Token *token)
{
    gasm_Request r = recharge(w, token);

    aid_world_digits(w, token, r.body.recharge.digits);
    return r;
}

struct aid_world *aid_credit_world(void)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);

    w->flow_l_per_h = 0;
    return w;
}

gasm_Refusal aid_ask_alone(struct aid_world *w, const gasm_Request *request)
{
    gasm_Ticket t = aid_meter_ticket(w->meter_id, w->meter->core.active_epoch, 2);

    t.not_after_s += 366 * 86400;
    t.use_count = UINT32_MAX;
    aid_greet(w, &t);
    assert_int_equal(aid_world_ask(w, request), 0);
    assert_int_equal(w->answer.command, request->command);
    return w->answer.result;
}

gasm_Refusal aid_give(struct aid_world *w, const gasm_Token *token)
{
    const gasm_Request r = aid_recharge(w, token);

    return aid_ask_alone(w, &r);
}

gasm_Refusal aid_give_typed(struct aid_world *w, const gasm_Token *token)
{
    const gasm_Request r = aid_recharge_typed(w, token);

    return aid_ask_alone(w, &r);
}

gasm_Refusal aid_type(struct aid_world *w, const gasm_Token *token)
{
    char digits[MC_TYPED_TEXT];

    aid_world_digits(w, token, digits);
    return mc_meter_type(w->meter, digits);
}

int64_t aid_residual_l(const struct aid_world *w)
{
    return mc_residual_l(&w->meter->core.totals);
}

unsigned aid_events(struct aid_world *w, enum mc_event code, uint64_t from, gasm_Event *ret)
{
    gasm_Request r = aid_request(w, gasm_Command_READ_EVENTS, 0);
    const gasm_Events *got = &w->answer.body.events;
    unsigned found = 0;

    r.which_body = gasm_Request_read_events_tag;
    r.body.read_events.from_no = (uint32_t)from;
    do {
        assert_int_equal(aid_ask_alone(w, &r), gasm_Refusal_OK);
        for (pb_size_t i = 0; i < got->entries_count; i++) {
            r.body.read_events.from_no = got->entries[i].no + 1;
            if (got->entries[i].code != (uint32_t)code)
                continue;
            *ret = got->entries[i];
            found++;
        }
    } while (r.body.read_events.from_no <= got->last_no);
    return found;
}
