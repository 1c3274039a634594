/* purge_site.c - a meter and a technician before it; see purge_site.h. */
#include "tests/aid/purge_site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/port/openssl/crypto.h"

void site_greet(struct site *s)
{
    s->pass = aid_world_pass_of(&s->ticket);
    aid_world_connect(s->w, 247);
    assert_int_equal(aid_world_hello(s->w, &s->pass), 0);
}

struct site site_make(uint32_t pulse_l)
{
    struct site s = {.w = aid_world_new(41, pulse_l), .ticket = aid_world_ticket(1, 2), .op = 2000};
    struct aid_story story = aid_story_of(s.w);

    aid_story_steps(&story, AID_INSTALL_KEY, AID_OPEN_ACCOUNT);
    site_greet(&s);
    return s;
}

gasm_Refusal site_start(struct site *s, uint32_t volume_l, uint32_t limit_s)
{
    s->start = aid_request(s->w, gasm_Command_PURGE_START, s->op++);
    s->start.which_body = gasm_Request_purge_start_tag;
    s->start.body.purge_start = (gasm_PurgeStart){.volume_l = volume_l, .limit_s = limit_s};
    assert_int_equal(aid_world_ask(s->w, &s->start), 0);
    return s->w->answer.result;
}

gasm_Refusal site_keep_alive(struct site *s)
{
    gasm_Request r = aid_request(s->w, gasm_Command_PURGE_KEEPALIVE, 0);

    assert_int_equal(aid_world_ask(s->w, &r), 0);
    return s->w->answer.result;
}

gasm_Refusal site_stop(struct site *s)
{
    gasm_Request r = aid_request(s->w, gasm_Command_PURGE_STOP, s->op++);

    assert_int_equal(aid_world_ask(s->w, &r), 0);
    assert_int_equal(s->w->answer.command, r.command);
    assert_memory_equal(s->w->answer.op_id.bytes, r.op_id.bytes, sizeof r.op_id.bytes);
    return s->w->answer.result;
}

void site_stay(struct site *s, int64_t ms)
{
    for (; ms > 0 && site_keep_alive(s) == gasm_Refusal_OK; ms -= 1000)
        aid_world_pass(s->w, 1000);
}

struct site site_purging(void)
{
    struct site s = site_make(1);

    assert_int_equal(site_start(&s, 50, 60), gasm_Refusal_OK);
    site_stay(&s, 4000);
    return s;
}

gasm_Receipt site_opened(const gasm_Response *a)
{
    uint8_t root[MC_KEY_LEN];
    gasm_Receipt r;

    aid_world_root(1, root);
    assert_int_equal(mc_receipt_open(mc_crypto_openssl(), root,
                                     (struct gf_span){a->receipt.bytes, a->receipt.size}, &r),
                     0);
    return r;
}

gasm_Receipt site_ending(struct site *s, bool own)
{
    uint64_t receipts;
    uint8_t id[16];
    gasm_Receipt r;

    aid_world_pass(s->w, 2000);         /* the valve's travel */
    receipts = s->w->meter->core.receipt_seq;
    assert_int_equal(site_stop(s), gasm_Refusal_OK);
    assert_int_equal(s->w->meter->core.receipt_seq, receipts);      /* nothing new was done */
    r = site_opened(&s->w->answer);
    assert_int_equal(r.command, gasm_Command_PURGE_STOP);
    assert_int_equal(r.after.purged_l - r.before.purged_l, s->w->answer.body.purge.flowed_l);
    assert_int_equal(r.after.index_l - r.before.index_l, s->w->answer.body.purge.flowed_l);
    assert_int_equal(r.purge_end, s->w->answer.body.purge.end);
    if (own) {
        assert_int_equal(mc_op_id_purge_end(mc_crypto_openssl(), s->start.op_id.bytes, id), 0);
        assert_memory_equal(r.op_id.bytes, id, sizeof id);
        assert_int_equal(r.content_hash.size, 0);
        assert_int_equal(r.ticket_serial, 0);
    }
    return r;
}

void site_finish(struct site *s)
{
    gasm_Receipt r[64];
    struct aid_story story = aid_story_of(s->w);
    uint64_t sum_l = 0;
    size_t n;

    aid_world_pass(s->w, 3000);
    assert_int_equal(s->w->valve.state, gasm_ValveState_VALVE_SHUT);
    story.account = s->ticket;
    n = aid_story_receipts(&story, r, 64);
    for (size_t i = 0; i < n; i++) {
        sum_l += r[i].after.purged_l - r[i].before.purged_l;
        if (r[i].command == gasm_Command_PURGE_START)
            assert_memory_equal(&r[i].before, &r[i].after, sizeof r[i].before);
        if (i > 0)
            assert_memory_equal(&r[i].before, &r[i - 1].after, sizeof r[i].before);
    }
    assert_int_equal(sum_l, s->w->meter->core.totals.purged_l);
    aid_world_free(s->w);
}
