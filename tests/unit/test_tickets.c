/* test_tickets.c - tickets that are refused, uses that are counted, keys that are installed and
 * become active. */
#include "meter-core/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"

static gasm_Refusal hello_says(struct aid_world *w, const gasm_Ticket *t)
{
    struct aid_pass pass = aid_world_pass_of(t);
    int rc;

    aid_world_connect(w, 247);
    rc = aid_world_hello(w, &pass);
    if (rc == 0)
        return gasm_Refusal_OK;
    assert_int_equal(rc, GF_E_TICKET);
    assert_int_equal(w->refusal.active_epoch, w->meter->core.active_epoch);
    return w->refusal.reason;
}

/* The meter's time. */
static int64_t now_s(const struct aid_world *w)
{
    return (w->utc_ms + w->meter->core.clock_offset_ms) / 1000;
}

static void test_tickets(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_SET_CLOCK);
    const gasm_Ticket good = aid_world_ticket(1, 50);
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0);
    gasm_Ticket t = good;

    (void)state;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    memcpy(t.meter_id, "GM2400001320", sizeof t.meter_id);
    assert_int_equal(hello_says(w, &t), gasm_Refusal_WRONG_METER);
    t = good;
    t.epoch = 2;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_KEY_EXPIRED);
    t = aid_world_ticket(0, 50);
    assert_int_equal(hello_says(w, &t), gasm_Refusal_KEY_EXPIRED);      /* its epoch is active */
    t.installs_epoch = 0;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_KEY_EXPIRED);
    t.installs_epoch = 2;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    /* Times, to the second. */
    for (int64_t d = -2; d <= 2; d++) {
        t = good;
        aid_world_pass(w, 1000);        /* so that the hello need not wait */
        t.not_after_s = now_s(w) + d;
        assert_int_equal(hello_says(w, &t), d < 0 ? gasm_Refusal_OLD : gasm_Refusal_OK);
        t = good;
        aid_world_pass(w, 1000);
        t.not_before_s = now_s(w) + d;
        assert_int_equal(hello_says(w, &t), d > 0 ? gasm_Refusal_CLOCK : gasm_Refusal_OK);
    }
    /* The floor of a ticket counts from its proof on, not from a hello that anyone can repeat. */
    t = good;
    t.serial = 60;
    t.serial_floor = 55;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    assert_int_equal(hello_says(w, &good), gasm_Refusal_OK);
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_world_ask(w, &who), 0);
    assert_int_equal(hello_says(w, &good), gasm_Refusal_OLD);
    t.serial = 55;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(hello_says(w, &good), gasm_Refusal_OLD);
    t = good;
    t.role = gasm_Role_CUSTOMER;        /* staff tickets only */
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    aid_world_free(w);
}

/* A ticket with a field that the meter does not know, or that is no ticket at all. */
static void test_ticket_form(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    gasm_Ticket t = aid_world_ticket(1, 2);
    struct aid_pass pass = aid_world_pass_of(&t);

    (void)state;
    pass.ticket[pass.ticket_n++] = 0xF8;        /* field 127, a number */
    pass.ticket[pass.ticket_n++] = 0x07;
    pass.ticket[pass.ticket_n++] = 1;
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_FORMAT);
    pass.ticket_n = 7;
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), GF_E_TICKET);
    assert_int_equal(w->refusal.reason, gasm_Refusal_FORMAT);
    pass.ticket_n = 0;
    aid_world_connect(w, 247);
    assert_int_equal(aid_world_hello(w, &pass), GF_E_TICKET);
    aid_world_free(w);
}

/* Before the first commissioning, while the clock was never set, times are not judged. */
static void test_unjudged(void **state)
{
    struct aid_world *w = aid_world_new(4, 1);
    gasm_Ticket t = aid_world_ticket(0, 1);

    (void)state;
    t.not_after_s = 5;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    t.not_before_s = INT64_MAX / 4;
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    aid_world_free(w);
}

/* Uses: one for each session that changes something, counted over restarts; then USED, but reading
 * and repeating go on. */
static void test_uses(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_ACTIVATE);
    gasm_Ticket t = aid_world_ticket(1, 9);
    gasm_Request who = aid_request(w, gasm_Command_IDENTIFY, 0), r, repeat = aid_set_one(w, 700, 1);

    (void)state;
    t.use_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        aid_greet(w, &t);
        aid_expect(w, &who, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
        assert_int_equal(w->answer.body.identity.uses_left, 3 - i);
        for (uint32_t k = 0; k < 4; k++) {
            r = i + k == 0 ? repeat : aid_set_one(w, 700 + 4 * i + k, k);
            aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
            assert_int_equal(mc_ticket_uses_left(w->meter), 2 - i);
        }
        /* A session that only reads or repeats costs nothing. */
        aid_greet(w, &t);
        aid_expect(w, &repeat, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
        assert_int_equal(mc_ticket_uses_left(w->meter), 2 - i);
        assert_int_equal(aid_world_restart(w), 0);
    }
    aid_greet(w, &t);
    aid_expect(w, &who, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.identity.uses_left, 0);
    assert_int_equal(w->answer.body.identity.allowed >> gasm_Command_SET_PARAMETERS & 1, 0);
    assert_int_equal(w->answer.body.identity.allowed >> gasm_Command_READ_BALANCE & 1, 1);
    aid_expect(w, &repeat, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    r = aid_set_one(w, 799, 5);
    aid_expect(w, &r, gasm_Refusal_USED, gasm_Stage_STAGE_AUTHENTICATION);
    aid_world_free(w);
}

/* 32 tickets are counted; a 33rd is refused as long as all are good; places of void ones are taken
 * again. */
static void test_counted_tickets(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_SET_CLOCK);
    gasm_Ticket t;
    gasm_Request r;
    uint32_t full = 0, taken = 0;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        t = aid_world_ticket(1, 100 + i);
        t.not_after_s = AID_UTC_MS / 1000 + (i == 5 ? 86400 : 864000);
        aid_greet(w, &t);
        r = aid_set_one(w, 800 + i, i);
        assert_int_equal(aid_world_ask(w, &r), 0);
        *(w->answer.result == gasm_Refusal_OK ? &taken : &full) += 1;
        assert_true(w->answer.result == gasm_Refusal_OK ||
                    w->answer.result == gasm_Refusal_OVERFLOW);
    }
    /* The factory ticket's place is free again, since its epoch is active; the opening's own ticket
     * has one. */
    assert_int_equal(taken, 31);
    assert_int_equal(full, 9);
    /* Two days later one has expired, and the floor says so. */
    for (int hour = 0; hour < 49; hour++) {
        w->utc_ms += 3600000;
        w->mono_ms += 3600000;
        aid_world_pass(w, 10);
    }
    t = aid_world_ticket(1, 200);
    t.not_after_s = AID_UTC_MS / 1000 + 864000;
    aid_greet(w, &t);
    r = aid_set_one(w, 900, 1);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(aid_world_restart(w), 0);
    t.serial = 139;
    aid_greet(w, &t);
    r = aid_set_one(w, 901, 1);
    /* Another has expired too by then: the opening's own, twelve hours long. */
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    t.serial = 138;
    aid_greet(w, &t);
    r = aid_set_one(w, 902, 1);
    aid_expect(w, &r, gasm_Refusal_OVERFLOW, gasm_Stage_STAGE_AUTHENTICATION);
    aid_world_free(w);
}

/* Whose place is taken, with all others taken by good tickets: of an epoch that is over, of one
 * whose end is below the floor; not of one that may still be used, at its last second either. */
static void test_void_places(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct mc_meter *m = w->meter;
    const int64_t floor_s = m->core.floor_s;
    const struct {
        uint32_t scope, not_after_s;
        int64_t floor_s;
        bool taken;
    } rows[] = {
        {0, 0, floor_s, true},
        {1, UINT32_MAX, floor_s, true},
        {2, UINT32_MAX, floor_s, false},
        {3, UINT32_MAX, floor_s, false},
        {MC_SCOPE_FACTORY | 1, UINT32_MAX, floor_s, true},
        {MC_SCOPE_FACTORY | 2, UINT32_MAX, floor_s, true},
        {MC_SCOPE_FACTORY | 3, UINT32_MAX, floor_s, false},
        {2, (uint32_t)floor_s - 1, floor_s, true},
        {2, (uint32_t)floor_s, floor_s, false},
        {2, UINT32_MAX - 1, UINT32_MAX, true},
        {2, UINT32_MAX, (int64_t)UINT32_MAX + 1, false},    /* later than it can say */
    };

    (void)state;
    m->core.active_epoch = 2;
    m->ticket = aid_world_ticket(2, 500);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const int place = (int)(i % MC_COUNTED);
        struct mc_tx tx;

        for (uint32_t k = 0; k < MC_COUNTED; k++)
            m->uses[k] = (struct mc_use){1000 + k, 2, 1, 0, UINT32_MAX};
        m->uses[place].scope = rows[i].scope;
        m->uses[place].not_after_s = rows[i].not_after_s;
        m->core.floor_s = rows[i].floor_s;
        mc_store_begin(m, &tx);
        assert_int_equal(mc_ticket_use(m, &tx),
                         rows[i].taken ? gasm_Refusal_OK : gasm_Refusal_OVERFLOW);
        assert_int_equal(tx.slot, rows[i].taken ? place : -1);
    }
    aid_world_free(w);
}

/* The same serial under another key is another ticket, a factory ticket's too. */
static void test_places_are_of_a_key(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    struct mc_meter *m = w->meter;
    const uint32_t scopes[] = {1, 2, MC_SCOPE_FACTORY | 1, MC_SCOPE_FACTORY | 2};

    (void)state;
    memset(m->uses, 0, sizeof m->uses);
    for (int i = 0; i < 4; i++)
        m->uses[i] = (struct mc_use){9, scopes[i], 1, 0, 0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(mc_ticket_place(m, 9, scopes[i]), i);
    assert_int_equal(mc_ticket_place(m, 9, 3), -1);
    assert_int_equal(mc_ticket_place(m, 8, 1), -1);
    aid_world_free(w);
}

/* ---- keys ---- */

static gasm_Request key_request(const struct aid_world *w, uint32_t op, uint32_t epoch,
                                uint32_t wrap_epoch)
{
    gasm_Request r = aid_request(w, gasm_Command_INSTALL_KEY, op);

    r.which_body = gasm_Request_install_key_tag;
    r.body.install_key.envelope.size =
        (pb_size_t)aid_world_envelope(epoch, wrap_epoch, r.body.install_key.envelope.bytes);
    return r;
}

static void test_keys(void **state)
{
    struct aid_world *w = aid_story_opened(1, AID_COMMISSION);
    gasm_Ticket t = aid_world_ticket(1, 2), next = aid_world_ticket(3, 3),
                factory = aid_world_ticket(0, 4);
    gasm_Request r, who = aid_request(w, gasm_Command_IDENTIFY, 0);
    uint8_t factory_root[MC_KEY_LEN], other_key[MC_KEY_LEN] = {9};
    uint64_t receipts;

    (void)state;
    aid_world_root(0, factory_root);
    aid_greet(w, &t);
    r = key_request(w, 300, 1, 0);
    aid_expect(w, &r, gasm_Refusal_KEY_EXPIRED, gasm_Stage_STAGE_VALIDATION);
    r = key_request(w, 300, 4, 2);              /* wrapped under a key that is not here */
    aid_expect(w, &r, gasm_Refusal_KEY_EXPIRED, gasm_Stage_STAGE_VALIDATION);
    r = key_request(w, 300, 3, 1);
    r.body.install_key.envelope.bytes[14] ^= 1; /* the epoch inside */
    assert_int_equal(aid_world_ask(w, &r), 0);
    assert_int_not_equal(w->answer.result, gasm_Refusal_OK);
    r = key_request(w, 300, 3, 1);
    r.body.install_key.envelope.bytes[r.body.install_key.envelope.size - 1] ^= 1;
    aid_expect(w, &r, gasm_Refusal_MISMATCH, gasm_Stage_STAGE_VALIDATION);
    r = key_request(w, 300, 3, 1);
    r.body.install_key.envelope.bytes[5] ^= 1;  /* the meter's id */
    aid_expect(w, &r, gasm_Refusal_WRONG_METER, gasm_Stage_STAGE_VALIDATION);
    r = key_request(w, 300, 3, 1);
    r.body.install_key.envelope.size--;
    aid_expect(w, &r, gasm_Refusal_FORMAT, gasm_Stage_STAGE_VALIDATION);
    /* Good; the same envelope again under another id is good too; an older epoch is not. */
    r = key_request(w, 300, 3, 1);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    r = key_request(w, 301, 3, 1);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    r.op_id.bytes[0]++;
    r.body.install_key.envelope.size = (pb_size_t)mc_envelope_seal(
        w->ports.crypto, &(struct mc_wrap){AID_METER_ID, 3, 0, factory_root}, other_key,
        r.body.install_key.envelope.bytes, sizeof r.body.install_key.envelope.bytes);
    aid_expect(w, &r, gasm_Refusal_MISMATCH,
               gasm_Stage_STAGE_VALIDATION); /* an epoch never has two keys */
    r = key_request(w, 302, 2, 1);
    aid_expect(w, &r, gasm_Refusal_OLD, gasm_Stage_STAGE_VALIDATION);
    /* Pending over a restart; the old epoch still works; a hello alone activates nothing. */
    assert_int_equal(aid_world_restart(w), 0);
    assert_int_equal(hello_says(w, &t), gasm_Refusal_OK);
    receipts = w->meter->core.receipt_seq;
    assert_int_equal(hello_says(w, &next), gasm_Refusal_OK);
    assert_int_equal(w->meter->core.active_epoch, 1);
    aid_expect(w, &who, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    assert_int_equal(w->answer.body.identity.active_epoch, 3);
    assert_int_equal(w->answer.body.identity.pending_epoch, 0);
    assert_int_equal(w->meter->core.receipt_seq, receipts + 1);
    assert_int_equal(w->meter->core.life,
                     gasm_LifeState_IN_SERVICE); /* the epoch touches nothing else */
    assert_int_equal(hello_says(w, &t), gasm_Refusal_KEY_EXPIRED);
    assert_int_equal(w->refusal.active_epoch, 3);
    /* A factory ticket installs the epoch that it names, no other. */
    factory.installs_epoch = 4;
    aid_greet(w, &factory);
    r = key_request(w, 303, 5, 0);
    aid_expect(w, &r, gasm_Refusal_RIGHT, gasm_Stage_STAGE_VALIDATION);
    r = key_request(w, 303, 4, 0);
    aid_expect(w, &r, gasm_Refusal_OK, gasm_Stage_STAGE_EXECUTION);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_ticket_form),
        cmocka_unit_test(test_unjudged),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_counted_tickets),
        cmocka_unit_test(test_void_places),
        cmocka_unit_test(test_places_are_of_a_key),
        cmocka_unit_test(test_keys),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
