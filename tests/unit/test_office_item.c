/* test_office_item.c - records of a laptop in any order and any portions: head office comes to the
 * same, whether they come one by one or many in a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/office_aid.h"

#define MOVES 60 /* records of one run */
#define RUNS 12

static struct oaid_office offices[2];
static struct oaid_laptop laptops[2];

static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

struct move {
    uint8_t bytes[sync_Item_size];
    size_t n;
};

/* What a laptop might send next: mostly what is right, and everything else now and then. `l` keeps
 * the chain; `sent` are the moves before. */
static void make_move(struct oaid_laptop *l, uint64_t *random, const struct move *sent,
                      size_t n_sent, struct move *ret)
{
    static const uint8_t garbage[] = { 0x0A, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                       16, 0xFF };
    const uint64_t what = next_number(random) % 24, seq = l->seq;
    sync_Item item = oaid_step(&l->jobs[0], "scan");
    uint8_t prev_hash[32];

    memcpy(prev_hash, l->prev_hash, sizeof prev_hash);
    for (size_t i = 0; i < sizeof item.id; i++)
        item.id[i] = (uint8_t)next_number(random);
    if (what == 0 && n_sent > 0) { /* again, as it was */
        *ret = sent[next_number(random) % n_sent];
        return;
    }
    if (what == 1) { /* nobody can decode it; it has its place all the same */
        const struct gf_span span = { ret->bytes, sizeof garbage };
        const struct mc_crypto *c = l->a->ports.crypto;

        memcpy(ret->bytes, garbage, sizeof garbage);
        memcpy(ret->bytes + 2, item.id, sizeof item.id);
        ret->n = sizeof garbage;
        l->seq++;
        assert_int_equal(c->sha256(c->ctx, &span, 1, l->prev_hash), 0);
        return;
    }
    if (what == 2 && n_sent > 0) /* an id that was there, over other content */
        memcpy(item.id, sent[next_number(random) % n_sent].bytes + 2, sizeof item.id);
    if (what == 3)
        item.job_id[0] ^= 1; /* no such order */
    if (what == 4)
        item.kind = (sync_ItemKind)77;
    if (what == 5)
        l->seq += 1 + next_number(random) % 2; /* one is missing */
    if (what == 6 && l->seq > 2)
        l->seq -= 2; /* an old copy */
    if (what == 7)
        l->prev_hash[3] ^= 4;
    ret->n = oaid_add_get(l, &item, ret->bytes, sizeof ret->bytes);
    if (what >= 5 && what <= 7) { /* the chain goes on as if that had not been */
        l->seq = seq;
        memcpy(l->prev_hash, prev_hash, sizeof prev_hash);
    }
}

/* A table as one text. */
static void dump(struct oaid_office *a, const char *sql, char *ret, size_t cap)
{
    struct odb_query *q = odb_query(a->o->db, sql, ODB_NONE);
    size_t at = 0;
    int r;

    ret[0] = '\0';
    while ((r = odb_next(a->o->db, q)) == 1) {
        char text[400];

        odb_text(q, 0, text, sizeof text);
        at += (size_t)snprintf(ret + at, cap - at, "%s\n", text);
        assert_true(at < cap);
    }
    assert_int_equal(r, 0);
    odb_end(q);
}

static void expect_same(const char *sql)
{
    static char texts[2][65536];

    for (size_t i = 0; i < 2; i++)
        dump(&offices[i], sql, texts[i], sizeof texts[i]);
    assert_string_equal(texts[0], texts[1]);
}

/* The same moves (but for the order's id) to one office one by one, to the other in portions. */
static void send_one_by_one(struct oaid_laptop *l, const struct move *moves, sync_Verdict *ret)
{
    for (size_t i = 0; i < MOVES; i++) {
        oaid_begin(l);
        oaid_add_bytes(l, moves[i].bytes, moves[i].n);
        assert_int_equal(oaid_send(l), 200);
        ret[i] = *oaid_verdict(l);
    }
}

static void send_portions(struct oaid_laptop *l, const struct move *moves, uint64_t *random,
                          sync_Verdict *ret)
{
    for (size_t at = 0; at < MOVES; at += l->n_verdicts) {
        size_t n = 1 + next_number(random) % 50;

        oaid_begin(l);
        for (size_t i = at; i < at + n && i < MOVES; i++)
            oaid_add_bytes(l, moves[i].bytes, moves[i].n);
        assert_int_equal(oaid_send(l), 200);
        memcpy(ret + at, l->verdicts, l->n_verdicts * sizeof *ret);
    }
}

static void run(uint64_t seed)
{
    static struct move moves[2][MOVES];
    static sync_Verdict verdicts[2][MOVES];
    uint64_t random = 0;

    for (size_t i = 0; i < 2; i++) {
        random = seed;
        oaid_start(&offices[i], &laptops[i]);
        for (size_t n = 0; n < MOVES; n++) {
            oaid_begin(&laptops[i]);
            make_move(&laptops[i], &random, moves[i], n, &moves[i][n]);
        }
    }
    send_one_by_one(&laptops[0], moves[0], verdicts[0]);
    send_portions(&laptops[1], moves[1], &random, verdicts[1]);
    for (size_t i = 0; i < MOVES; i++) {
        const sync_Verdict *one = &verdicts[0][i], *two = &verdicts[1][i];

        if (one->kind != two->kind || strcmp(one->field, two->field) != 0)
            fail_msg("SEED=%llu record %zu: \"%s\", in its portion \"%s\"",
                     (unsigned long long)seed, i, one->reason, two->reason);
        assert_memory_equal(one->id, two->id, sizeof one->id);
    }
    expect_same("SELECT seq || ' ' || kind || ' ' || verdict || ' ' || field FROM item WHERE org_id "
                "= ?1 ORDER BY seq");
    expect_same("SELECT COALESCE(seq, 0) || ' ' || COALESCE(assumed_seq, 0) || ' ' || verdict || ' "
                "' || field FROM stray WHERE org_id = ?1 ORDER BY item_id, seq, assumed_seq, "
                "verdict");
    expect_same("SELECT chain_seq || ' ' || chain_start || ' ' || claimed_seq FROM device WHERE "
                "org_id = ?1");
    expect_same("SELECT state FROM work_order WHERE org_id = ?1");
    for (size_t i = 0; i < 2; i++)
        oaid_office_end(&offices[i]);
}

static void one_by_one_or_many_at_once_is_the_same(void **state)
{
    const char *seed = getenv("SEED");

    (void)state;
    if (seed != NULL) {
        run(strtoull(seed, NULL, 10));
        return;
    }
    for (uint64_t i = 1; i <= RUNS; i++)
        run(i);
}

/* ---- an id that looked new ---- */

static void send_five(struct oaid_laptop *l, size_t known, const uint8_t id[static GF_UUID_LEN])
{
    oaid_begin(l);
    for (size_t i = 0; i < 5; i++) {
        sync_Item item = oaid_step(&l->jobs[0], "connect");

        if (i == known)
            memcpy(item.id, id, GF_UUID_LEN);
        oaid_add(l, &item);
    }
    assert_int_equal(oaid_send(l), 200);
    assert_int_equal(l->n_verdicts, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(l->verdicts[i].kind, i == known ? sync_VerdictKind_CONFLICT
                                                         : sync_VerdictKind_APPLIED);
        assert_string_equal(l->verdicts[i].field, i == known ? "id" : "");
    }
}

/* Wherever it stands among records that are new: it alone is refused, and the chain goes on. */
static void an_id_that_is_home_is_found_among_new_ones(void **state)
{
    struct oaid_office *a = &offices[0];
    struct oaid_laptop *l = &laptops[0];
    sync_Item first;

    (void)state;
    oaid_start(a, l);
    first = oaid_step(&l->jobs[0], "scan");
    oaid_expect(l, &first, sync_VerdictKind_APPLIED, "");
    for (size_t known = 0; known < 5; known++)
        send_five(l, known, first.id);
    assert_int_equal(oaid_sql_number(a, "SELECT COUNT(*) FROM item"), 21);
    assert_int_equal(oaid_sql_number(a, "SELECT COUNT(*) FROM stray WHERE seq IS NOT NULL"), 5);
    assert_int_equal(oaid_sql_number(a, "SELECT chain_seq FROM device"), 26);
    oaid_office_end(a);
}

/* Two records of one request with the same id. */
static void an_id_twice_in_a_request(void **state)
{
    struct oaid_office *a = &offices[0];
    struct oaid_laptop *l = &laptops[0];
    sync_Item one, two;

    (void)state;
    oaid_start(a, l);
    one = oaid_step(&l->jobs[0], "scan");
    two = oaid_step(&l->jobs[0], "find");
    oaid_begin(l);
    oaid_add(l, &one);
    memcpy(two.id, one.id, sizeof two.id);
    oaid_add(l, &two);
    assert_int_equal(oaid_send(l), 200);
    assert_int_equal(l->verdicts[0].kind, sync_VerdictKind_APPLIED);
    assert_int_equal(l->verdicts[1].kind, sync_VerdictKind_CONFLICT);
    assert_int_equal(oaid_sql_number(a, "SELECT COUNT(*) FROM item"), 1);
    oaid_office_end(a);
}

/* A full request: rows in every portion in which they are stored. */
static void requests_of_every_size(void **state)
{
    struct oaid_office *a = &offices[0];
    struct oaid_laptop *l = &laptops[0];
    int64_t home = 0;

    (void)state;
    oaid_start(a, l);
    for (size_t n = 1; n < AID_ANSWERS; n++) {
        oaid_begin(l);
        for (size_t i = 0; i < n; i++) {
            sync_Item item = oaid_step(&l->jobs[0], "scan");

            oaid_add(l, &item);
        }
        assert_int_equal(oaid_send(l), 200);
        home += (int64_t)n;
    }
    assert_int_equal(oaid_sql_number(a, "SELECT COUNT(*) FROM item"), home);
    assert_int_equal(oaid_sql_number(a, "SELECT MAX(seq) FROM item"), home);
    assert_int_equal(oaid_sql_number(a, "SELECT COUNT(*) FROM item WHERE verdict <> 1 OR reason <> "
                                        "'step scan of order J-0001 is on record'"),
                     0);
    oaid_office_end(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_by_one_or_many_at_once_is_the_same),
        cmocka_unit_test(an_id_that_is_home_is_found_among_new_ones),
        cmocka_unit_test(an_id_twice_in_a_request),
        cmocka_unit_test(requests_of_every_size),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
