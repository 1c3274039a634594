/* swap_aid.c - an account's credit from one world to another; see swap_aid.h. */
#include "tests/aid/swap_aid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/credit_aid.h"

#define TRIES 200
#define CREDIT_SERIAL 299
#define ARM_SERIAL 298
#define OP_ARM 60
#define LEAK_WATCH_MS 130000    /* with pulses of one litre and the limit at its default */

/* ---- what head office makes ---- */

void aid_swap_settle(struct aid_swap *s)
{
    int n = mc_terms_encode(&s->terms, s->bytes, sizeof s->bytes);

    assert_true(n > 0);
    s->n = (size_t)n;
}

struct aid_swap aid_swap_of(const char *old_id, const char *new_id, uint32_t case_no,
                            uint64_t cap_l)
{
    struct aid_swap s = {.old_epoch = 1, .new_epoch = 1, .serial = AID_SWAP_SERIAL + case_no};

    memset(s.terms.swap_case, 0x5C, sizeof s.terms.swap_case);
    memcpy(s.terms.swap_case, &case_no, sizeof case_no);
    memcpy(s.terms.old_meter_id, old_id, sizeof s.terms.old_meter_id);
    memcpy(s.terms.new_meter_id, new_id, sizeof s.terms.new_meter_id);
    s.terms.cap_l = cap_l;
    s.terms.not_after_s = AID_UTC_MS / 1000 + 12 * 3600;
    aid_swap_settle(&s);
    return s;
}

struct gf_span aid_swap_terms(const struct aid_swap *s)
{
    return (struct gf_span){s->bytes, s->n};
}

static const char *old_id(const struct aid_swap *s)
{
    return (const char *)s->terms.old_meter_id;
}

static const char *new_id(const struct aid_swap *s)
{
    return (const char *)s->terms.new_meter_id;
}

gasm_Ticket aid_swap_ticket(const struct aid_swap *s, const char *meter_id)
{
    bool is_new = memcmp(meter_id, new_id(s), GF_METER_ID_LEN) == 0;
    gasm_Ticket t = aid_meter_ticket(meter_id, is_new ? s->new_epoch : s->old_epoch, s->serial);

    t.role = gasm_Role_SWAP;
    t.swap.size = (pb_size_t)s->n;
    memcpy(t.swap.bytes, s->bytes, s->n);
    return t;
}

void aid_swap_greet(const struct aid_swap *s, struct aid_world *w)
{
    gasm_Ticket t = aid_swap_ticket(s, w->meter_id);

    aid_greet(w, &t);
}

void aid_swap_key(const struct aid_swap *s, uint8_t ret[static MC_KEY_LEN])
{
    uint8_t root[MC_KEY_LEN];

    aid_meter_root(new_id(s), s->new_epoch, root);
    assert_int_equal(mc_swap_key(mc_crypto_openssl(), root, aid_swap_terms(s), ret), 0);
}

size_t aid_swap_sealed(const struct aid_swap *s, uint32_t wrap_epoch,
                       uint8_t ret[static MC_SWAP_KEY_MAX])
{
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    const struct mc_wrap wrap = {
        .meter_id = old_id(s), .wrap_epoch = wrap_epoch, .wrap_root = root};
    int n;

    aid_meter_root(old_id(s), wrap_epoch, root);
    aid_swap_key(s, key);
    n = mc_swap_key_seal(mc_crypto_openssl(), &wrap, aid_swap_terms(s), key, ret,
                         MC_SWAP_KEY_MAX);
    assert_true(n > 0);
    return (size_t)n;
}

/* ---- what the technician's program sends ---- */

void aid_swap_close_body(const struct aid_swap *s, gasm_Request *r)
{
    r->which_body = gasm_Request_close_account_tag;
    r->body.close_account.swap_key.size =
        (pb_size_t)aid_swap_sealed(s, s->old_epoch, r->body.close_account.swap_key.bytes);
}

void aid_swap_import_body(const struct aid_swap *s, gasm_Request *r)
{
    r->which_body = gasm_Request_import_credit_tag;
    r->body.import_credit.certificate.size = (pb_size_t)s->certificate_n;
    memcpy(r->body.import_credit.certificate.bytes, s->certificate, s->certificate_n);
}

void aid_swap_certify(struct aid_swap *s, int64_t residual_l)
{
    const uint64_t left_l = residual_l > 0 ? (uint64_t)residual_l : 0;
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    gasm_Certificate c = {.account_no = 1001,
                          .key_epoch = s->old_epoch,
                          .residual_l = residual_l,
                          .has_totals = true,
                          .totals = {.index_l = 70000,
                                     .purchased_l = 70000 + left_l,
                                     .exported_l = left_l,
                                     .debited_l = residual_l < 0 ? 0 - (uint64_t)residual_l : 0},
                          .token_seq = 3,
                          .at_s = AID_UTC_MS / 1000 + 600,
                          .clock_valid = true,
                          .receipt_seq = 40};
    int n;

    memcpy(c.meter_id, s->terms.old_meter_id, sizeof c.meter_id);
    c.swap_case.size = sizeof s->terms.swap_case;
    memcpy(c.swap_case.bytes, s->terms.swap_case, sizeof s->terms.swap_case);
    c.counterpart_id.size = sizeof s->terms.new_meter_id;
    memcpy(c.counterpart_id.bytes, s->terms.new_meter_id, sizeof s->terms.new_meter_id);
    aid_meter_root(old_id(s), s->old_epoch, root);
    aid_swap_key(s, key);
    n = mc_certificate_seal(mc_crypto_openssl(), root, key, &c, s->certificate,
                            sizeof s->certificate);
    assert_true(n > 0);
    s->certificate_n = (size_t)n;
    s->closed = c;
}

void aid_swap_take(struct aid_swap *s, const gasm_Response *answer)
{
    const struct gf_span bytes = {answer->body.closed.certificate.bytes,
                                  answer->body.closed.certificate.size};
    uint8_t root[MC_KEY_LEN], key[MC_KEY_LEN];
    gasm_Certificate again;

    assert_int_equal(answer->which_body, gasm_Response_closed_tag);
    aid_meter_root(old_id(s), s->old_epoch, root);
    assert_int_equal(mc_certificate_open(mc_crypto_openssl(), root, bytes, &s->closed), 0);
    aid_swap_key(s, key);
    assert_int_equal(mc_certificate_open_swap(mc_crypto_openssl(), key, bytes, &again), 0);
    assert_memory_equal(s->closed.meter_id, s->terms.old_meter_id, sizeof s->closed.meter_id);
    assert_memory_equal(s->closed.counterpart_id.bytes, s->terms.new_meter_id, GF_METER_ID_LEN);
    assert_memory_equal(s->closed.swap_case.bytes, s->terms.swap_case, MC_CASE_LEN);
    memcpy(s->certificate, bytes.p, bytes.n);
    s->certificate_n = bytes.n;
}

/* ---- doing it ---- */

static int ask_once(struct aid_world *w, const gasm_Ticket *t, const gasm_Request *r)
{
    struct aid_pass pass = aid_world_pass_of(t);

    for (int i = 0; w->flash.dead && i < TRIES; i++) {
        w->flash.cut_in = -1;
        (void)aid_world_restart(w);
    }
    return aid_world_do(w, &pass, r);
}

static void ask_until_done(struct aid_world *w, const gasm_Ticket *t, const gasm_Request *r)
{
    int rc = GF_E_LINK_LOST;

    for (int i = 0; i < TRIES && rc == GF_E_LINK_LOST; i++)
        rc = ask_once(w, t, r);
    if (rc != 0 || w->answer.result != gasm_Refusal_OK)
        fail_msg("command %d: error %d, hello refused %d, answer %d", r->command, rc,
                 w->refusal.reason, w->answer.result);
    aid_world_disconnect(w);
}

void aid_swap_close(struct aid_swap *s, struct aid_world *old, uint32_t op)
{
    gasm_Request r = aid_request(old, gasm_Command_CLOSE_ACCOUNT, op);
    gasm_Ticket t = aid_swap_ticket(s, old->meter_id);

    aid_swap_close_body(s, &r);
    ask_until_done(old, &t, &r);
    aid_swap_take(s, &old->answer);
}

void aid_swap_import(struct aid_swap *s, struct aid_world *new, uint32_t op)
{
    gasm_Request r = aid_request(new, gasm_Command_IMPORT_CREDIT, op);
    gasm_Ticket t = aid_swap_ticket(s, new->meter_id);

    aid_swap_import_body(s, &r);
    ask_until_done(new, &t, &r);
}

/* What is lost of v when at most cap_l goes over. */
static int64_t cut_off(int64_t v, uint64_t cap_l)
{
    int64_t cap = cap_l > INT64_MAX ? INT64_MAX : (int64_t)cap_l;

    if (v > cap)
        return v - cap;
    return v < -cap ? v + cap : 0;
}

void aid_swap_whole(struct aid_swap *s, struct aid_world *old, struct aid_world *new, uint32_t op)
{
    int64_t residual_l = mc_residual_l(&old->meter->core.totals);
    const gasm_Totals before = new->meter->core.totals, *after = &new->meter->core.totals;
    int64_t moved_l;

    aid_swap_close(s, old, op);
    assert_int_equal(s->closed.residual_l, residual_l);
    assert_int_equal(mc_residual_l(&old->meter->core.totals), residual_l < 0 ? residual_l : 0);
    aid_swap_import(s, new, op);
    moved_l = (int64_t)(after->imported_l - before.imported_l) -
              (int64_t)(after->debited_l - before.debited_l);
    assert_int_equal(moved_l + cut_off(residual_l, s->terms.cap_l), residual_l);
    assert_int_equal(mc_residual_l(after) - mc_residual_l(&before), moved_l);
}

/* ---- the meters ---- */

struct aid_world *aid_swap_meter(const char *meter_id, enum aid_step last)
{
    struct aid_world *w = aid_world_new_named(21, 1, meter_id);
    struct aid_story story = aid_story_of(w);

    aid_story_steps(&story, AID_INSTALL_KEY, last);
    aid_world_disconnect(w);
    return w;
}

void aid_swap_credit(struct aid_world *w, uint64_t purchased_l, uint64_t debited_l)
{
    gasm_Token token = aid_token(1, purchased_l);
    gasm_Ticket t = aid_meter_ticket(w->meter_id, 1, CREDIT_SERIAL);
    gasm_Request r;

    token.debited_l = debited_l;
    r = aid_recharge(w, &token);
    ask_until_done(w, &t, &r);
}

struct aid_swap_pair aid_swap_pair_of(int64_t residual_l, uint64_t cap_l)
{
    struct aid_swap_pair p = {aid_swap_meter(AID_METER_ID, AID_COMMISSION),
                              aid_swap_meter(AID_OTHER_ID, AID_COMMISSION),
                              aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, cap_l)};

    if (residual_l > 0)
        aid_swap_credit(p.old, (uint64_t)residual_l, 0);
    else if (residual_l < 0)
        aid_swap_credit(p.old, 0, (uint64_t)-residual_l);
    return p;
}

void aid_swap_pair_free(struct aid_swap_pair *p)
{
    aid_world_free(p->old);
    aid_world_free(p->new);
}

void aid_swap_open_valve(struct aid_world *w, int64_t flow_l_per_h)
{
    gasm_Ticket t = aid_meter_ticket(w->meter_id, 1, ARM_SERIAL);
    gasm_Request arm = aid_request(w, gasm_Command_VALVE_ARM, OP_ARM);

    w->flow_l_per_h = 0;
    ask_until_done(w, &t, &arm);
    mc_meter_button(w->meter);
    aid_world_pass(w, LEAK_WATCH_MS);
    w->flow_l_per_h = flow_l_per_h;
    aid_world_pass(w, 5000);
    assert_int_equal(w->valve.state, gasm_ValveState_VALVE_OPEN);
    assert_int_equal(w->meter->core.locks, 0);
}
