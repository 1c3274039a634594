/* test_field_answers.c - answers of head office that are cut off anywhere, forged or nonsense. */
#include <stdlib.h>

#include <pb_encode.h>

#include "tests/aid/field_rounds.h"

/* ---- answers that are not whole ---- */

/* The answer to three records and a change breaks off after `cut` bytes. False: it was whole. */
static bool cut_answer(size_t cut, bool seems_whole)
{
    struct scene s;
    sync_Down change = job_change(1);
    const struct sync_view *v;
    uint64_t acknowledged;
    bool was_cut;

    begin(&s, 9);
    s.w->office->changes = &change;
    s.w->office->n_changes = 1;
    make_records(&s, 3, 10);
    s.w->office->cut = true;
    s.w->office->cut_at = cut;
    s.w->office->cut_seems_whole = seems_whole;
    v = round_now(&s);
    was_cut = cut < s.w->office->answer_n;
    acknowledged = v->counts.acknowledged;
    if (was_cut) {
        assert_int_equal(v->fail.code, seems_whole ? GF_E_OFFICE_ANSWER : GF_E_OFFICE_AWAY);
        assert_int_equal(v->phase, SYNC_WAITING);
        assert_int_equal(s.w->store->data.n_jobs, 1);
        assert_int_equal(s.w->store->data.cursor, 0);
        assert_null(s.w->store->saved);
    } else {
        assert_int_equal(acknowledged, 3);
    }
    s.w->office->cut = false;
    v = round_now(&s);
    assert_int_equal(v->fail.code, 0);
    assert_int_equal(v->counts.acknowledged, 3);
    assert_int_equal(s.w->store->data.n_jobs, 2);
    assert_int_equal(s.w->store->data.cursor, 1);
    for (size_t i = 0; i < 3; i++)      /* what was acknowledged before the cut is not sent again */
        assert_int_equal(s.w->office->items[i].sent, i < acknowledged ? 1 : 2);
    end(&s);
    return was_cut;
}

static void answers_cut_at_every_byte(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        size_t cut = 0;

        while (cut_answer(cut, whole != 0))
            cut++;
        assert_in_range(cut, 200, 5000);
    }
}

static void answer_with(struct scene *s, const uint8_t *bytes, size_t n)
{
    const struct sync_view *v;
    uint64_t jobs = s->w->store->data.n_jobs;

    s->w->office->script = bytes;
    s->w->office->script_n = n;
    v = round_now(s);
    assert_int_equal(v->fail.code, GF_E_OFFICE_ANSWER);
    assert_int_equal(s->w->store->data.n_jobs, jobs);
    assert_int_equal(s->w->store->data.cursor, 0);
    assert_null(s->w->store->saved);
    s->w->office->script = NULL;
}

static size_t put(uint8_t *to, size_t at, const sync_Down *down)
{
    pb_ostream_t out = pb_ostream_from_buffer(to + at, 4096 - at);

    assert_true(pb_encode_ex(&out, sync_Down_fields, down, PB_ENCODE_DELIMITED));
    return at + out.bytes_written;
}

static void answers_that_are_nonsense(void **state)
{
    static const uint8_t json[] = "{\"error\":\"busy\"}";
    static const uint8_t noise[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                    0xFF, 0xFF, 0xFF, 0xFF, 0x7F};
    sync_Down finish = {.which_body = sync_Down_end_tag, .body.end = {.cursor = 5}},
              job = job_change(1);
    sync_Down empty = {.which_body = 0};
    uint8_t bytes[4096];
    struct scene s;
    size_t n;

    (void)state;
    begin(&s, 10);
    answer_with(&s, json, sizeof json - 1);
    answer_with(&s, noise, sizeof noise);
    answer_with(&s, noise, 0);
    n = put(bytes, 0, &job);                        /* no end */
    answer_with(&s, bytes, n);
    n = put(bytes, put(bytes, 0, &finish), &job);   /* something after the end */
    answer_with(&s, bytes, n);
    n = put(bytes, put(bytes, 0, &finish), &empty);
    answer_with(&s, bytes, n);
    finish.body.end.items = 1;                      /* a verdict is missing */
    n = put(bytes, 0, &finish);
    answer_with(&s, bytes, n);
    finish.body.end.items = 0;                      /* two ends */
    n = put(bytes, put(bytes, 0, &finish), &finish);
    answer_with(&s, bytes, n);
    make_records(&s, 2, 10);                        /* no verdict for what was sent */
    n = put(bytes, 0, &finish);
    answer_with(&s, bytes, n);
    end(&s);
}

static void fewer_verdicts_than_records(void **state)
{
    struct scene s;
    const struct sync_view *v;

    (void)state;
    begin(&s, 11);
    make_records(&s, 3, 10);
    s.w->office->only_verdicts = 2;
    v = round_now(&s);
    assert_int_equal(v->fail.code, GF_E_OFFICE_ANSWER);
    assert_int_equal(v->counts.acknowledged, 2);    /* signed, so they count */
    assert_int_equal(v->counts.waiting, 1);
    end(&s);
}

static void more_without_an_end(void **state)
{
    struct scene s;

    (void)state;
    begin(&s, 12);
    s.w->office->more_for_ever = true;
    assert_int_equal(round_now(&s)->fail.code, GF_E_OFFICE_ANSWER);
    assert_true(s.w->office->posts < 5);
    end(&s);
}

static void changes_after_an_end(void **state)
{
    struct scene s;
    sync_Down changes[2] = {job_change(1), job_change(2)};
    uint8_t bytes[4096];
    sync_Down odd = {.which_body = sync_Down_end_tag, .body.end = {.cursor = 7}};
    size_t n;

    (void)state;
    begin(&s, 13);
    n = put(bytes, put(bytes, 0, &changes[0]), &odd);   /* an end in the middle moves no cursor by itself */
    n = put(bytes, put(bytes, n, &changes[1]), &odd);
    s.w->office->script = bytes;
    s.w->office->script_n = n;
    (void)round_now(&s);
    assert_int_equal(sync_view(s.sync)->fail.code, GF_E_OFFICE_ANSWER);
    assert_int_equal(s.w->store->data.n_jobs, 1);
    assert_int_equal(s.w->store->data.cursor, 0);
    end(&s);
}

/* What a newer head office tells besides: swaps, tokens, and messages of a tag that is not known
 * here. They are passed over, and all else counts. */
static void messages_for_newer_laptops_are_passed_over(void **state)
{
    static const uint8_t unknown[] = {6, 0xD2, 0x0F, 3, 'n', 'e', 'w'}; /* tag 250, a string */
    static const uint8_t number[] = {3, 0xD0, 0x0F, 9};                 /* tag 250, a number */
    sync_Down swap = {.which_body = sync_Down_swap_tag,
                      .body.swap = {.old_meter_id = AID_METER_ID, .wrap_epoch = 3}},
              token = {.which_body = sync_Down_token_tag,
                       .body.token = {.meter_id = AID_METER_ID, .sequence = 7}},
              job = job_change(1),
              finish = {.which_body = sync_Down_end_tag, .body.end = {.cursor = 5}};
    uint8_t bytes[4096];
    struct scene s;
    size_t n;

    (void)state;
    swap.body.swap.swap_key.size = sizeof swap.body.swap.swap_key.bytes;
    token.body.token.token.size = sizeof token.body.token.token.bytes;
    begin(&s, 25);
    n = put(bytes, put(bytes, 0, &swap), &token);
    memcpy(bytes + n, unknown, sizeof unknown);
    n += sizeof unknown;
    n = put(bytes, n, &job);
    memcpy(bytes + n, number, sizeof number);
    n = put(bytes, n + sizeof number, &finish);
    s.w->office->script = bytes;
    s.w->office->script_n = n;
    assert_int_equal(round_now(&s)->fail.code, 0);
    assert_int_equal(s.w->store->data.n_jobs, 2);
    assert_int_equal(s.w->store->data.cursor, 5);
    end(&s);
}

/* One change of several is refused by the store: none of them is kept, the verdicts are. */
static void changes_that_the_store_refuses(void **state)
{
    struct scene s;
    sync_Down changes[2] = {job_change(1), job_change(2)};

    (void)state;
    begin(&s, 13);
    make_records(&s, 1, 10);
    s.w->office->changes = changes;
    s.w->office->n_changes = 2;
    s.w->store->fail_change = 2;
    assert_int_equal(round_now(&s)->fail.code, GF_E_DISK_FULL);
    assert_int_equal(s.w->store->data.n_jobs, 1);
    assert_int_equal(s.w->store->data.cursor, 0);
    assert_null(s.w->store->saved);
    assert_int_equal(sync_view(s.sync)->counts.acknowledged, 1);
    assert_int_equal(round_now(&s)->fail.code, 0);
    assert_int_equal(s.w->store->data.n_jobs, 3);
    assert_int_equal(s.w->store->data.cursor, 2);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_cut_at_every_byte),
        cmocka_unit_test(answers_that_are_nonsense),
        cmocka_unit_test(fewer_verdicts_than_records),
        cmocka_unit_test(more_without_an_end),
        cmocka_unit_test(changes_after_an_end),
        cmocka_unit_test(changes_that_the_store_refuses),
        cmocka_unit_test(messages_for_newer_laptops_are_passed_over),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
