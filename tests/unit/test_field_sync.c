/* test_field_sync.c - bringing the outbox home: batches, verdicts, back-off, revocation. */
#include <stdlib.h>

#include "tests/aid/field_rounds.h"

/* ---- good rounds ---- */

static void nothing_to_send_still_asks_for_changes(void **state)
{
    struct scene s;
    const struct sync_view *v;

    (void)state;
    begin(&s, 1);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_IDLE);
    v = round_now(&s);
    assert_int_equal(v->fail.code, 0);
    assert_int_equal(v->phase, SYNC_IDLE);
    assert_int_equal(s.w->office->posts, 1);
    assert_int_equal(s.w->office->head.schema, 1);
    assert_int_equal(s.w->office->head.laptop_utc_ms / 1000, s.w->meter->utc_ms / 1000);
    assert_true(v->last_ok_at_ms > 0);
    assert_in_range(until_next_round(&s, 400000), 300000, 331000);
    end(&s);
}

/* What is recorded after a good round goes home by itself, without a face that asks. */
static void new_records_go_home_by_themselves(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 21);
    assert_int_equal(round_now(&s)->fail.code, 0);
    make_records(&s, 2, 10);
    assert_in_range(until_next_round(&s, 400000), 1, 31000);
    for (int i = 0; i < 50; i++)
        turn(&s);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
    end(&s);
}

static void sends_in_batches_and_in_order(void **state)
{
    struct scene s;
    const struct sync_view *v;

    (void)state;
    begin(&s, 2);
    make_records(&s, 150, 640);
    v = round_now(&s);
    assert_int_equal(v->fail.code, 0);
    assert_int_equal(s.w->office->posts, 2);
    assert_int_equal(v->sent, 150);
    assert_int_equal(v->answered, 150);
    assert_int_equal(v->counts.waiting, 0);
    assert_int_equal(v->counts.acknowledged, 150);
    assert_int_equal(s.w->office->head.last_seq, 150);
    for (size_t i = 0; i < 150; i++) {
        assert_int_equal(s.w->office->items[i].item.seq, i + 1);
        assert_int_equal(s.w->office->items[i].sent, 1);
    }
    make_records(&s, 1, 1);
    assert_int_equal(round_now(&s)->sent, 1);
    end(&s);
}

/* Exactly one batch: no second post. */
static void a_full_batch_is_one_post(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 3);
    make_records(&s, 100, 10);
    assert_int_equal(round_now(&s)->sent, 100);
    assert_int_equal(s.w->office->posts, 1);
    end(&s);
}

static void fetches_changes(void **state)
{
    struct scene s;
    sync_Down changes[3] = {job_change(1), job_change(2), job_change(3)};

    (void)state;
    for (int drip = 0; drip < 2; drip++) {
        begin(&s, 4);
        s.w->office->changes = changes;
        s.w->office->n_changes = 3;
        s.w->office->drip = drip != 0;
        make_records(&s, 2, 10);
        assert_int_equal(round_now(&s)->fail.code, 0);
        assert_int_equal(s.w->office->posts, drip != 0 ? 3 : 1);
        assert_int_equal(s.w->store->data.cursor, 3);
        assert_int_equal(s.w->store->data.n_jobs, 4);
        assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
        assert_int_equal(s.w->office->items[0].sent, 1);
        round_now(&s);
        assert_int_equal(s.w->store->data.n_jobs, 4);
        assert_int_equal(s.w->office->head.cursor, 3);
        end(&s);
    }
}

/* A round asked for while one is under way is another one after it. */
static void rounds_are_counted(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 5);
    sync_now(s.sync);
    assert_int_equal(sync_round_wanted(s.sync), 1);
    turn(&s);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_RUNNING);
    make_records(&s, 1, 10);
    sync_now(s.sync);
    assert_int_equal(sync_round_wanted(s.sync), 2);
    for (int i = 0; i < 50; i++)
        turn(&s);
    assert_int_equal(sync_rounds_ended(s.sync), 2);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
    end(&s);
}

/* ---- verdicts ---- */

static void refused_records_stay_visible_and_hold_up_nothing(void **state)
{
    struct scene s;
    struct outbox_row row;

    (void)state;
    begin(&s, 6);
    make_records(&s, 3, 10);
    s.w->store->data.outbox[1].state = OUTBOX_QUARANTINED;
    round_now(&s);
    assert_int_equal(s.w->office->n_items, 2);
    assert_int_equal(sync_view(s.sync)->counts.refused, 1);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
    assert_int_equal(s.w->store->port.outbox_item(s.w->store, s.w->store->data.outbox[1].id, &row),
                     1);
    round_now(&s);
    assert_int_equal(s.w->office->n_items, 2);
    end(&s);
}

/* Held: kept, not sent again in the same round, sent again by itself later. */
static void held_records_are_sent_again_later(void **state)
{
    struct scene s;
    const struct sync_view *v;

    (void)state;
    begin(&s, 7);
    make_records(&s, 120, 10);
    s.w->office->hold = 2;
    v = round_now(&s);
    assert_int_equal(v->fail.code, 0);
    assert_int_equal(v->counts.waiting, 2);
    assert_int_equal(s.w->office->items[0].sent, 1);
    assert_string_equal(s.w->store->data.outbox[0].reason, "waits for another record");
    assert_in_range(until_next_round(&s, 100000), 1000, 60000);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
    assert_int_equal(s.w->office->items[0].sent, 2);
    assert_int_equal(s.w->office->items[5].sent, 1);
    end(&s);
}

static void a_forged_certificate_is_not_stored(void **state)
{
    struct scene s;
    sync_Certificate got;
    sync_Down changes[2] = {job_change(1),
                            {.which_body = sync_Down_certificate_tag,
                             .body.certificate = {.number = "CERT-9", .text = "Not by head office"}}};

    (void)state;
    begin(&s, 22);
    s.w->office->changes = changes;
    s.w->office->n_changes = 2;
    assert_int_equal(round_now(&s)->fail.code, GF_E_ACK_BAD);
    assert_int_equal(s.w->store->data.cursor, 0);
    assert_int_equal(s.w->store->data.n_jobs, 1);
    assert_int_equal(s.w->store->port.certificate(s.w->store, changes[1].body.certificate.job_id, &got), 0);
    end(&s);
}

static void a_forged_verdict_counts_for_nothing(void **state)
{
    struct scene s;
    const struct sync_view *v;

    (void)state;
    begin(&s, 8);
    make_records(&s, 3, 10);
    s.w->office->forge = true;
    v = round_now(&s);
    assert_int_equal(v->fail.code, GF_E_ACK_BAD);
    assert_int_equal(v->counts.waiting, 3);
    assert_int_equal(v->counts.acknowledged, 0);
    assert_int_equal(v->phase, SYNC_WAITING);
    s.w->office->forge = false;
    v = round_now(&s);
    assert_int_equal(v->fail.code, 0);
    assert_int_equal(v->counts.acknowledged, 3);
    assert_int_equal(s.w->store->data.outbox[0].state, OUTBOX_DUPLICATE);
    end(&s);
}

/* The signature of an answer is checked once, whatever the number of its verdicts. */
static void one_signature_an_answer(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 23);
    make_records(&s, 100, 10);
    assert_int_equal(round_now(&s)->counts.acknowledged, 100);
    assert_int_equal(s.w->office->posts, 1);
    assert_int_equal(s.w->office->verified, 1);
    make_records(&s, 20, 10);
    assert_int_equal(round_now(&s)->counts.acknowledged, 120);
    assert_int_equal(s.w->office->posts, 2);
    assert_int_equal(s.w->office->verified, 2);
    end(&s);
}

static void other_id(sync_Verdict *v)
{
    v->id[15] ^= 1;
}

static void other_hash(sync_Verdict *v)
{
    v->item_hash[0] ^= 0x80;
}

static void other_kind(sync_Verdict *v)
{
    v->kind = sync_VerdictKind_DUPLICATE;
}

static void other_time(sync_Verdict *v)
{
    v->office_ms++;
}

static void other_leaf(sync_Verdict *v)
{
    v->leaf ^= 1;
}

static void no_such_leaf(sync_Verdict *v)
{
    v->leaf = v->leaves;
}

static void other_size(sync_Verdict *v)
{
    v->leaves++;
}

static void other_path(sync_Verdict *v)
{
    v->path.bytes[v->path.size - 1] ^= 1;
}

static void shorter_path(sync_Verdict *v)
{
    v->path.size--;
}

static void longer_path(sync_Verdict *v)
{
    v->path.size += 32;
}

static void other_signature(sync_Verdict *v)
{
    v->signature.bytes[0] ^= 1;
}

static void no_signature(sync_Verdict *v)
{
    v->signature.size = 0;
}

/* A signature that held for the verdict before does not help one whose path leads elsewhere. */
static void only_the_third(sync_Verdict *v)
{
    if (v->leaf == 2)
        v->office_ms++;
}

static void an_altered_proof_counts_for_nothing(void **state)
{
    static void (*const spoils[])(sync_Verdict *v) = {
        other_id,     other_hash, other_kind,   other_time,  other_leaf,      no_such_leaf,
        other_size,   other_path, shorter_path, longer_path, other_signature, no_signature,
        only_the_third,
    };
    const struct sync_view *v;
    struct scene s;

    (void)state;
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        bool all = spoils[i] != only_the_third;

        begin(&s, 24);
        make_records(&s, 4, 10);
        s.w->office->spoil = spoils[i];
        v = round_now(&s);
        assert_int_equal(v->fail.code, GF_E_ACK_BAD);
        assert_int_equal(v->counts.waiting, all ? 4 : 1);
        assert_int_equal(s.w->store->data.outbox[2].state, OUTBOX_PENDING);
        s.w->office->spoil = NULL;
        v = round_now(&s);
        assert_int_equal(v->fail.code, 0);
        assert_int_equal(v->counts.acknowledged, 4);
        end(&s);
    }
}

/* ---- failures ---- */

static void backs_off_and_starts_by_itself(void **state)
{
    struct scene s;
    int64_t expect = 1000, waited;

    (void)state;
    begin(&s, 14);
    make_records(&s, 1, 10);
    s.w->office->away = true;
    assert_int_equal(round_now(&s)->fail.code, GF_E_OFFICE_AWAY);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(sync_view(s.sync)->phase, SYNC_WAITING);
        assert_in_range(sync_view(s.sync)->next_try_in_ms, expect / 2 - 20, expect);
        waited = until_next_round(&s, 400000);
        assert_in_range(waited, expect / 2 - 100, expect + 100);
        expect = expect * 2 > 300000 ? 300000 : expect * 2;
    }
    s.w->office->away = false;
    assert_true(until_next_round(&s, 400000) > 0);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_IDLE);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 0);
    assert_int_equal(sync_view(s.sync)->next_try_in_ms, 0);
    /* the next failure begins at one second again */
    s.w->office->away = true;
    round_now(&s);
    assert_in_range(sync_view(s.sync)->next_try_in_ms, 400, 1000);
    end(&s);
}

static void now_does_not_wait_for_the_back_off(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 15);
    make_records(&s, 1, 10);
    s.w->office->away = true;
    for (int i = 0; i < 10; i++)
        round_now(&s);
    s.w->office->away = false;
    assert_int_equal(round_now(&s)->fail.code, 0);
    end(&s);
}

/* Two laptops that failed together do not come back together. */
static void jitter_differs(void **state)
{
    int64_t first = -1;
    bool differs = false;

    (void)state;
    for (uint64_t seed = 20; seed < 26; seed++) {
        struct scene s;

        begin(&s, seed);
        s.w->office->away = true;
        round_now(&s);
        differs = differs || (first >= 0 && sync_view(s.sync)->next_try_in_ms != first);
        first = sync_view(s.sync)->next_try_in_ms;
        end(&s);
    }
    assert_true(differs);
}

static void revoked_waits_for_a_person(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 16);
    make_records(&s, 2, 10);
    s.w->office->revoked = true;
    assert_int_equal(round_now(&s)->fail.code, GF_E_REVOKED);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_REVOKED);
    assert_int_equal(sync_view(s.sync)->counts.waiting, 2);
    assert_int_equal(until_next_round(&s, 700000), -1);
    s.w->office->revoked = false;
    assert_int_equal(round_now(&s)->fail.code, 0);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_IDLE);
    end(&s);
}

static void cancelled(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 17);
    make_records(&s, 2, 10);
    sync_now(s.sync);
    turn(&s);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_RUNNING);
    assert_true(sync_cancel(s.sync));
    for (int i = 0; i < 10; i++)
        turn(&s);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_IDLE);
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_CANCELLED);
    assert_int_equal(until_next_round(&s, 400000), -1);
    assert_int_equal(round_now(&s)->fail.code, 0);
    end(&s);
}

/* Asked for and called off before it began: one round that ended, without a post. */
static void cancelled_before_it_began(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 20);
    make_records(&s, 1, 10);
    sync_now(s.sync);
    assert_true(sync_cancel(s.sync));
    assert_int_equal(sync_rounds_ended(s.sync), sync_round_wanted(s.sync));
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_CANCELLED);
    assert_int_equal(until_next_round(&s, 400000), -1);
    assert_int_equal(s.w->office->posts, 0);
    assert_false(sync_cancel(s.sync));
    assert_int_equal(round_now(&s)->counts.waiting, 0);
    end(&s);
}

/* Nothing under way: nothing is cancelled, and what is to begin by itself does: the fetching after a
 * good round, the next try after a bad one. */
static void nothing_to_cancel(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 21);
    round_now(&s);
    assert_false(sync_cancel(s.sync));
    assert_in_range(until_next_round(&s, 400000), 200000, 400000);
    s.w->office->away = true;
    round_now(&s);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_WAITING);
    assert_false(sync_cancel(s.sync));
    assert_int_equal(sync_view(s.sync)->phase, SYNC_WAITING);
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_OFFICE_AWAY);
    assert_in_range(until_next_round(&s, 400000), 1, 2000);
    end(&s);
}

/* An office that takes the request and never answers. */
static void a_request_has_a_deadline(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 18);
    make_records(&s, 1, 10);
    sync_now(s.sync);
    turn(&s);
    for (int i = 0; i < 30000 && sync_rounds_ended(s.sync) == 0; i++) {
        if (s.w->office->due_ms >= 0)
            s.w->office->due_ms = INT64_MAX;
        turn(&s);
    }
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_OFFICE_AWAY);
    assert_true(until_next_round(&s, 400000) > 0);
    assert_int_equal(sync_view(s.sync)->fail.code, 0);
    assert_int_equal(sync_rounds_ended(s.sync), 2);
    end(&s);
}

static void the_store_fails(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 19);
    make_records(&s, 1, 10);
    s.w->fate.dead = true;
    sync_now(s.sync);
    (void)sync_tick(s.sync);
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_STORE);
    assert_int_equal(sync_view(s.sync)->phase, SYNC_WAITING);
    s.w->fate.dead = false;
    assert_int_equal(round_now(&s)->fail.code, 0);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_send_still_asks_for_changes),
        cmocka_unit_test(sends_in_batches_and_in_order),
        cmocka_unit_test(a_full_batch_is_one_post),
        cmocka_unit_test(fetches_changes),
        cmocka_unit_test(rounds_are_counted),
        cmocka_unit_test(refused_records_stay_visible_and_hold_up_nothing),
        cmocka_unit_test(held_records_are_sent_again_later),
        cmocka_unit_test(new_records_go_home_by_themselves),
        cmocka_unit_test(a_forged_certificate_is_not_stored),
        cmocka_unit_test(a_forged_verdict_counts_for_nothing),
        cmocka_unit_test(one_signature_an_answer),
        cmocka_unit_test(an_altered_proof_counts_for_nothing),
        cmocka_unit_test(backs_off_and_starts_by_itself),
        cmocka_unit_test(now_does_not_wait_for_the_back_off),
        cmocka_unit_test(jitter_differs),
        cmocka_unit_test(revoked_waits_for_a_person),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(cancelled_before_it_began),
        cmocka_unit_test(nothing_to_cancel),
        cmocka_unit_test(a_request_has_a_deadline),
        cmocka_unit_test(the_store_fails),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
