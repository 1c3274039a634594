/* test_swap_refused.c - what close_account and import_credit refuse: before the valve moves, and
 * without a trace in the registers. */
#include "meter-core/swap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meter-core/pb.h"
#include "meter-core/port/openssl/crypto.h"
#include "meter-core/store.h"
#include "tests/aid/swap_aid.h"

enum { OP_CLOSE = 40, OP_IMPORT = 41, CAP_L = 100000 };

/* A meter and the case that it is in. */
struct scene {
    struct aid_world *w;
    struct aid_swap swap;
};

/* ... as the old one, with credit. */
static struct scene scene_of(uint64_t purchased_l)
{
    struct scene o = {aid_swap_meter(AID_METER_ID, AID_COMMISSION),
                      aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L)};

    aid_swap_credit(o.w, purchased_l, 0);
    return o;
}

static gasm_Request close_request(const struct scene *o, uint32_t op)
{
    gasm_Request r = aid_request(o->w, gasm_Command_CLOSE_ACCOUNT, op);

    aid_swap_close_body(&o->swap, &r);
    return r;
}

/* ---- close_account ---- */

struct wrong {
    const char *what;
    gasm_Refusal why;
    /* Spoil the case, the ticket, the request. */
    void (*spoil)(struct scene *o, gasm_Ticket *t, gasm_Request *r);
};

/* The ticket and the body of the case as it is now. */
static void remake(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    aid_swap_settle(&o->swap);
    *t = aid_swap_ticket(&o->swap, AID_METER_ID);
    aid_swap_close_body(&o->swap, r);
}

static void no_terms(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    (void)o, (void)r;
    t->swap.size = 0;
}

static void no_key(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    (void)o, (void)t;
    r->body.close_account.swap_key.size = 0;
}

static void long_terms(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    (void)o, (void)r;
    memcpy(t->swap.bytes + t->swap.size, "\x30\x01", 2);
    t->swap.size += 2;
}

static void one_meter_twice(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    memcpy(o->swap.terms.new_meter_id, AID_METER_ID, GF_METER_ID_LEN);
    remake(o, t, r);
}

static void cut_key(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    (void)o, (void)t;
    r->body.close_account.swap_key.size--;
}

static void terms_of_another_meter(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    o->swap = aid_swap_of(AID_THIRD_ID, AID_OTHER_ID, 1, CAP_L);
    remake(o, t, r);
}

static void terms_the_wrong_way_round(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    o->swap = aid_swap_of(AID_OTHER_ID, AID_METER_ID, 1, CAP_L);
    remake(o, t, r);
}

static void key_for_another_meter(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_THIRD_ID, AID_OTHER_ID, 1, CAP_L);

    (void)o, (void)t;
    aid_swap_close_body(&other, r);
}

static void expired_terms(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    o->swap.terms.not_after_s = o->w->utc_ms / 1000 - 1;
    remake(o, t, r);
}

static void key_under_another_epoch(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    (void)t;
    r->body.close_account.swap_key.size =
        (pb_size_t)aid_swap_sealed(&o->swap, 2, r->body.close_account.swap_key.bytes);
}

static void key_of_another_case(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 2, CAP_L);

    (void)o, (void)t;
    aid_swap_close_body(&other, r);
}

static void key_with_a_larger_cap(struct scene *o, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L + 1);

    (void)o, (void)t;
    aid_swap_close_body(&other, r);
}

static void nothing_moves_when_it_is_refused(void **state)
{
    static const struct wrong wrongs[] = {
        {"a SwapKey under a ticket without terms", gasm_Refusal_RIGHT, no_terms},
        {"terms without a SwapKey", gasm_Refusal_FORMAT, no_key},
        {"terms with something behind them", gasm_Refusal_FORMAT, long_terms},
        {"terms that name one meter twice", gasm_Refusal_FORMAT, one_meter_twice},
        {"a SwapKey that was cut", gasm_Refusal_FORMAT, cut_key},
        {"terms of another old meter", gasm_Refusal_WRONG_METER, terms_of_another_meter},
        {"terms whose new meter this is", gasm_Refusal_WRONG_METER, terms_the_wrong_way_round},
        {"a SwapKey for another meter", gasm_Refusal_WRONG_METER, key_for_another_meter},
        {"terms that have expired", gasm_Refusal_OLD, expired_terms},
        {"a SwapKey under another epoch", gasm_Refusal_KEY_EXPIRED, key_under_another_epoch},
        {"the SwapKey of another case", gasm_Refusal_PROOF, key_of_another_case},
        {"the SwapKey of a larger cap", gasm_Refusal_PROOF, key_with_a_larger_cap},
    };
    struct scene o = scene_of(5000);
    uint32_t shut;

    (void)state;
    aid_swap_open_valve(o.w, 0);
    shut = o.w->valve.shut;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct scene spoilt = o;
        gasm_Ticket t = aid_swap_ticket(&o.swap, AID_METER_ID);
        gasm_Request r = close_request(&o, OP_CLOSE);

        wrongs[i].spoil(&spoilt, &t, &r);
        aid_greet(o.w, &t);
        assert_int_equal(aid_world_ask(o.w, &r), 0);
        if (o.w->answer.result != wrongs[i].why || o.w->valve.shut != shut ||
            o.w->meter->later.waiting)
            fail_msg("%s: answer %d", wrongs[i].what, o.w->answer.result);
    }
    assert_int_equal(o.w->valve.state, gasm_ValveState_VALVE_OPEN);
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    aid_world_free(o.w);
}

static void lost_clock_closes_nothing(void **state)
{
    struct scene o = scene_of(5000);
    gasm_Request r = close_request(&o, OP_CLOSE);

    (void)state;
    aid_swap_greet(&o.swap, o.w);
    o.w->utc_ms -= 86400000;
    aid_expect(o.w, &r, gasm_Refusal_CLOCK, gasm_Stage_STAGE_AUTHENTICATION);
    aid_world_free(o.w);
}

/* Only an erase would make room, and in a session there is none: said while the valve is open, and
 * good once the meter was left alone. */
static void no_room_is_said_before_anything_moves(void **state)
{
    struct scene o = scene_of(5000);
    gasm_Request r;
    uint32_t op = 1000, shut;

    (void)state;
    aid_swap_open_valve(o.w, 0);
    shut = o.w->valve.shut;
    aid_swap_greet(&o.swap, o.w);
    while (mc_store_room(o.w->meter, 3 * mc_journal_cost(MC_REC_MAX)) == 0) {
        r = aid_set_one(o.w, op, 6000 + op % 2);
        aid_expect(o.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
        assert_true(op++ < 5000);
    }
    r = close_request(&o, OP_CLOSE);
    aid_expect(o.w, &r, gasm_Refusal_BUSY, gasm_Stage_STAGE_VALIDATION);
    assert_int_equal(o.w->valve.shut, shut);
    assert_int_equal(o.w->valve.state, gasm_ValveState_VALVE_OPEN);
    aid_world_pass(o.w, 1000);
    aid_swap_close(&o.swap, o.w, OP_CLOSE);
    aid_world_free(o.w);
}

/* A SwapKey that head office wrapped before the account key was there. */
static void factory_key_wraps_too(void **state)
{
    struct scene o = scene_of(5000);
    gasm_Request r = close_request(&o, OP_CLOSE);

    (void)state;
    r.body.close_account.swap_key.size =
        (pb_size_t)aid_swap_sealed(&o.swap, 0, r.body.close_account.swap_key.bytes);
    aid_swap_greet(&o.swap, o.w);
    aid_expect(o.w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_swap_take(&o.swap, &o.w->answer);
    aid_world_free(o.w);
}

/* ---- import_credit ---- */

/* ... as the new one, with a certificate of 800 litres. */
static struct scene new_scene(void)
{
    struct scene s = {aid_swap_meter(AID_OTHER_ID, AID_COMMISSION),
                      aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L)};

    aid_swap_certify(&s.swap, 800);
    return s;
}

/* Ticket and body of the case; the certificate is another's. */
static void ticket_of(const struct aid_swap *swap, gasm_Ticket *t)
{
    *t = aid_swap_ticket(swap, AID_OTHER_ID);
}

static void import_no_terms(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    (void)s, (void)r;
    t->swap.size = 0;
}

static void import_cut_terms(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    (void)s, (void)r;
    t->swap.size--;
}

static void import_no_certificate(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    (void)s, (void)t;
    r->body.import_credit.certificate.size = 0;
}

static void import_cut_certificate(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    (void)s, (void)t;
    r->body.import_credit.certificate.size--;
}

/* The terms are for a third meter, whatever meter the ticket is for. */
static void import_terms_of_a_third(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_THIRD_ID, 1, CAP_L);

    (void)s;
    aid_swap_certify(&other, 800);
    ticket_of(&other, t);
    aid_swap_import_body(&other, r);
}

static void import_terms_as_the_old(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_OTHER_ID, AID_METER_ID, 1, CAP_L);

    (void)s, (void)r;
    ticket_of(&other, t);
}

static void import_expired_terms(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    s->swap.terms.not_after_s = s->w->utc_ms / 1000 - 1;
    aid_swap_settle(&s->swap);
    aid_swap_certify(&s->swap, 800);
    ticket_of(&s->swap, t);
    aid_swap_import_body(&s->swap, r);
}

static void import_for_a_third(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_THIRD_ID, 1, CAP_L);

    (void)s, (void)t;
    aid_swap_certify(&other, 800);
    aid_swap_import_body(&other, r);
}

static void import_from_a_third(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_THIRD_ID, AID_OTHER_ID, 1, CAP_L);

    (void)s, (void)t;
    aid_swap_certify(&other, 800);
    aid_swap_import_body(&other, r);
}

static void import_of_another_case(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 2, CAP_L);

    (void)s, (void)t;
    aid_swap_certify(&other, 800);
    aid_swap_import_body(&other, r);
}

/* Certified under the K_swap of a larger cap. */
static void import_of_other_terms(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    struct aid_swap other = aid_swap_of(AID_METER_ID, AID_OTHER_ID, 1, CAP_L + 1);

    (void)s, (void)t;
    aid_swap_certify(&other, 800);
    aid_swap_import_body(&other, r);
}

/* An account that just ended was certified to nobody. */
static void import_without_a_counterpart(struct scene *s, gasm_Ticket *t, gasm_Request *r)
{
    gasm_Certificate c = s->swap.closed;
    uint8_t root[MC_KEY_LEN];
    int n;

    (void)t;
    c.swap_case.size = c.counterpart_id.size = 0;
    aid_meter_root(AID_METER_ID, 1, root);
    n = mc_certificate_seal(mc_crypto_openssl(), root, NULL, &c,
                            r->body.import_credit.certificate.bytes, MC_CERTIFICATE_MAX);
    assert_true(n > 0);
    r->body.import_credit.certificate.size = (pb_size_t)n;
}

static bool is_untouched(const struct mc_core *a, const struct mc_core *b)
{
    return memcmp(&a->totals, &b->totals, sizeof a->totals) == 0 &&
           memcmp(a->cases, b->cases, sizeof a->cases) == 0 && a->receipt_seq == b->receipt_seq;
}

static void nothing_is_taken_when_it_is_refused(void **state)
{
    static const struct wrong wrongs[] = {
        {"a ticket without terms", gasm_Refusal_RIGHT, import_no_terms},
        {"terms that were cut", gasm_Refusal_FORMAT, import_cut_terms},
        {"no certificate", gasm_Refusal_FORMAT, import_no_certificate},
        {"a certificate that was cut", gasm_Refusal_FORMAT, import_cut_certificate},
        {"terms of a third meter", gasm_Refusal_WRONG_METER, import_terms_of_a_third},
        {"terms whose old meter this is", gasm_Refusal_WRONG_METER, import_terms_as_the_old},
        {"terms that have expired", gasm_Refusal_OLD, import_expired_terms},
        {"a certificate for a third meter", gasm_Refusal_WRONG_METER, import_for_a_third},
        {"a certificate of a third meter", gasm_Refusal_WRONG_METER, import_from_a_third},
        {"a certificate of another case", gasm_Refusal_MISMATCH, import_of_another_case},
        {"a certificate of other terms", gasm_Refusal_PROOF, import_of_other_terms},
        {"a certificate to nobody", gasm_Refusal_MISMATCH, import_without_a_counterpart},
    };
    struct scene s = new_scene();
    const struct mc_core before = s.w->meter->core;

    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct scene spoilt = s;
        gasm_Ticket t = aid_swap_ticket(&s.swap, AID_OTHER_ID);
        gasm_Request r = aid_request(s.w, gasm_Command_IMPORT_CREDIT, OP_IMPORT);

        aid_swap_import_body(&s.swap, &r);
        wrongs[i].spoil(&spoilt, &t, &r);
        aid_greet(s.w, &t);
        assert_int_equal(aid_world_ask(s.w, &r), 0);
        if (s.w->answer.result != wrongs[i].why || !is_untouched(&s.w->meter->core, &before))
            fail_msg("%s: answer %d", wrongs[i].what, s.w->answer.result);
    }
    aid_swap_import(&s.swap, s.w, OP_IMPORT);
    aid_world_free(s.w);
}

/* Each bit of a certificate counts, but for those of the mac that head office looks at. */
static void every_flipped_bit_is_refused(void **state)
{
    struct scene s = new_scene();
    const struct mc_core before = s.w->meter->core;
    const size_t n = s.swap.certificate_n;
    gasm_SealedCertificate was, is;
    size_t passed_over = 0;

    (void)state;
    assert_int_equal(mc_pb_decode(gasm_SealedCertificate_fields,
                                  (struct gf_span){s.swap.certificate, n}, &was),
                     0);
    aid_swap_greet(&s.swap, s.w);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        gasm_Request r = aid_request(s.w, gasm_Command_IMPORT_CREDIT, OP_IMPORT);
        uint8_t *bytes = r.body.import_credit.certificate.bytes;

        aid_swap_import_body(&s.swap, &r);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (mc_pb_decode_strict(gasm_SealedCertificate_fields, (struct gf_span){bytes, n}, &is) ==
                0 &&
            memcmp(was.mac, is.mac, sizeof was.mac) != 0) {
            passed_over++;
            continue;
        }
        assert_int_equal(aid_world_ask(s.w, &r), 0);
        assert_true(s.w->answer.result == gasm_Refusal_FORMAT ||
                    s.w->answer.result == gasm_Refusal_WRONG_METER ||
                    s.w->answer.result == gasm_Refusal_MISMATCH ||
                    s.w->answer.result == gasm_Refusal_PROOF);
        assert_true(is_untouched(&s.w->meter->core, &before));
    }
    assert_int_equal(passed_over, 8 * sizeof was.mac);
    aid_world_free(s.w);
}

static void lost_clock_imports_nothing(void **state)
{
    struct scene s = new_scene();
    gasm_Request r = aid_request(s.w, gasm_Command_IMPORT_CREDIT, OP_IMPORT);

    (void)state;
    aid_swap_import_body(&s.swap, &r);
    aid_swap_greet(&s.swap, s.w);
    s.w->utc_ms -= 86400000;
    aid_expect(s.w, &r, gasm_Refusal_CLOCK, gasm_Stage_STAGE_AUTHENTICATION);
    aid_world_free(s.w);
}

/* Terms hold to the last second that they name. */
static void terms_hold_to_their_last_second(void **state)
{
    (void)state;
    for (int late_s = 0; late_s <= 1; late_s++) {
        struct aid_swap_pair p = aid_swap_pair_of(500, CAP_L);
        int64_t last_s = p.new->utc_ms / 1000 + 100;
        gasm_Request r = aid_request(p.new, gasm_Command_IMPORT_CREDIT, OP_IMPORT);
        gasm_Ticket t;

        p.swap.terms.not_after_s = last_s;
        aid_swap_settle(&p.swap);
        aid_swap_certify(&p.swap, 500);
        t = aid_swap_ticket(&p.swap, AID_OTHER_ID);
        t.not_after_s = last_s + 1000;
        aid_greet(p.new, &t);
        aid_swap_import_body(&p.swap, &r);
        p.new->utc_ms = (last_s + late_s) * 1000 - p.new->meter->core.clock_offset_ms;
        assert_int_equal(aid_world_ask(p.new, &r), 0);
        assert_int_equal(p.new->answer.result, late_s == 0 ? gasm_Refusal_OK : gasm_Refusal_OLD);
        aid_swap_pair_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_moves_when_it_is_refused),
        cmocka_unit_test(lost_clock_closes_nothing),
        cmocka_unit_test(no_room_is_said_before_anything_moves),
        cmocka_unit_test(factory_key_wraps_too),
        cmocka_unit_test(nothing_is_taken_when_it_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(lost_clock_imports_nothing),
        cmocka_unit_test(terms_hold_to_their_last_second),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
