/* credit_aid.c - tokens for the meter of a meter_world; see credit_aid.h. */
#include "tests/aid/credit_aid.h"

#include <assert.h>
#include <string.h>

#include "meter-core/port/openssl/crypto.h"

gasm_Token aid_token(uint64_t sequence, uint64_t purchased_l)
{
    gasm_Token t = {.account_no = 1001, .sequence = sequence, .purchased_l = purchased_l};
    struct gf_writer w = {t.order_id.bytes, sizeof t.order_id.bytes, 0, false};

    t.order_id.size = sizeof t.order_id.bytes;
    gf_wr(&w, "an order", 8);
    gf_wr_uint(&w, sequence, 8);
    return t;
}

size_t aid_token_sealed(const char *meter_id, uint32_t epoch, const gasm_Token *token,
                        uint8_t ret[static MC_TOKEN_MAX])
{
    uint8_t root[MC_KEY_LEN];
    const struct mc_token_for to = {meter_id, epoch, root};
    int n;

    aid_meter_root(meter_id, epoch, root);
    n = mc_token_seal(mc_crypto_openssl(), &to, token, ret, MC_TOKEN_MAX);
    assert(n > 0);
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
    assert(rc == 0);
}

static gasm_Request recharge(const struct aid_world *w, const gasm_Token *token)
{
    gasm_Request r = aid_request(w, gasm_Command_RECHARGE, 0);
    int rc = mc_op_id_recharge(mc_crypto_openssl(), w->meter_id, token->account_no,
                               token->sequence, r.op_id.bytes);

    assert(rc == 0);
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
