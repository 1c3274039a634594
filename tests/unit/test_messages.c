/* test_messages.c - every message's bytes: each prefix, each flipped bit, what does not belong, and
 * lengths at their limits. Exhaustive over full samples. */
#include "meter-core/pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pb_common.h>
#include <pb_decode.h>

#include "tests/aid/message_samples.h"

static struct gf_span span(const uint8_t *p, size_t n)
{
    return (struct gf_span){p, n};
}

static void flip(uint8_t *p, size_t bit)
{
    p[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Decode as this message is taken, from memory of exactly n bytes, so that a sanitizer sees the
 * end. */
static int take(const struct aid_message_row *row, const uint8_t *bytes, size_t n,
                union aid_any *ret)
{
    uint8_t *exact = malloc(n);
    int rc;

    assert_true(exact != NULL || n == 0);
    if (n > 0)
        memcpy(exact, bytes, n);
    memset(ret, 0, sizeof *ret);
    rc = row->strict ? mc_pb_decode_strict(row->desc, span(exact, n), ret)
                     : mc_pb_decode(row->desc, span(exact, n), ret);
    free(exact);
    return rc;
}

static bool is_taken(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    union aid_any msg;

    return take(row, bytes, n, &msg) == 0;
}

/* What was taken of damaged bytes has one meaning: encoding it gives the very bytes of a strict
 * message; of another, bytes that say the same. True when it was taken. */
static bool check_meaning(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    static union aid_any msg, again;
    static uint8_t encoded[AID_SAMPLE_MAX], twice[AID_SAMPLE_MAX];
    int len, len2;

    if (take(row, bytes, n, &msg) != 0)
        return false;
    aid_as_nanopb(row->desc, &msg);
    len = mc_pb_encode(row->desc, &msg, encoded, sizeof encoded);
    assert_true(len >= 0);
    if (row->strict) {
        assert_int_equal(len, n);
        assert_memory_equal(encoded, bytes, n);
        return true;
    }
    assert_int_equal(take(row, encoded, (size_t)len, &again), 0);
    len2 = mc_pb_encode(row->desc, &again, twice, sizeof twice);
    assert_int_equal(len, len2);
    assert_memory_equal(encoded, twice, (size_t)len);
    return true;
}

/* ---- for each message and each member of its oneof ---- */

typedef void check_sample(const struct aid_message_row *row, const uint8_t *bytes, size_t n);

static size_t with_samples(check_sample *check)
{
    static union aid_any msg;
    static uint8_t bytes[AID_SAMPLE_MAX];
    size_t rows, samples = 0;
    const struct aid_message_row *row = aid_messages(&rows);

    for (size_t i = 0; i < rows; i++)
        for (unsigned member = 0; aid_fill(&row[i], member, &msg); member++) {
            check(&row[i], bytes, aid_encode(&row[i], &msg, bytes));
            samples++;
        }
    return samples;
}

/* The top-level fields of an encoded message. */
struct field {
    uint32_t tag;
    pb_wire_type_t wire;
    size_t at, value, end;      /* its key, its value (a length stands before it), what follows */
};

static size_t split(const uint8_t *bytes, size_t n, struct field *ret, size_t cap)
{
    pb_istream_t in = pb_istream_from_buffer(bytes, n);
    size_t fields = 0;

    while (in.bytes_left > 0) {
        struct field *f = &ret[fields++];
        bool eof;

        assert_true(fields <= cap);
        f->at = n - in.bytes_left;
        assert_true(pb_decode_tag(&in, &f->wire, &f->tag, &eof));
        f->value = n - in.bytes_left;
        assert_true(pb_skip_field(&in, f->wire));
        f->end = n - in.bytes_left;
    }
    return fields;
}

/* Replace `old` bytes at `at` by `with`; the new length. */
static size_t splice(uint8_t *bytes, size_t n, size_t at, size_t old, struct gf_span with)
{
    assert_true(n - old + with.n <= 2 * AID_SAMPLE_MAX);
    memmove(bytes + at + with.n, bytes + at + old, n - at - old);
    memcpy(bytes + at, with.p, with.n);
    return n - old + with.n;
}

/* ---- the tests ---- */

static void check_full(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    if (!check_meaning(row, bytes, n))
        fail_msg("a full %s is refused", row->name);
}

static void test_full_samples(void **state)
{
    (void)state;
    print_message("# %zu samples\n", with_samples(check_full));
}

static void check_prefixes(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    struct field fields[64];
    size_t count = split(bytes, n, fields, 64), next = 0;

    /* Cut between fields, the others may be absent (but a strict message's strings of fixed length
     * may not); cut inside one, nothing is said at all. */
    for (size_t len = 0; len < n; len++) {
        bool taken = check_meaning(row, bytes, len);

        while (next < count && fields[next].at < len)
            next++;
        if (next < count && fields[next].at == len) {
            if (!row->strict)
                assert_true(taken);
        } else if (taken) {
            fail_msg("%s: the first %zu of %zu bytes are taken", row->name, len, n);
        }
    }
}

static void test_every_prefix(void **state)
{
    (void)state;
    (void)with_samples(check_prefixes);
}

static void check_flips(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    static uint8_t damaged[AID_SAMPLE_MAX];

    memcpy(damaged, bytes, n);
    for (size_t bit = 0; bit < n * 8; bit++) {
        flip(damaged, bit);
        (void)check_meaning(row, damaged, n);
        flip(damaged, bit);
    }
}

static void test_every_flipped_bit(void **state)
{
    (void)state;
    (void)with_samples(check_flips);
}

static void check_unknown(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    static const struct {
        bool well_formed;
        size_t n;
        uint8_t bytes[12];
    } unknown[] = {
        {true, 3, {0xF8, 0x7F, 0x05}},                          /* a number */
        {true, 10, {0xF9, 0x7F, 1, 2, 3, 4, 5, 6, 7, 8}},       /* 64 bits */
        {true, 5, {0xFA, 0x7F, 2, 'x', 'y'}},                   /* bytes */
        {true, 3, {0xFA, 0x7F, 0}},
        {true, 6, {0xFD, 0x7F, 1, 2, 3, 4}},                    /* 32 bits */
        {false, 2, {0xFB, 0x7F}},                               /* a group begins, ends */
        {false, 2, {0xFC, 0x7F}},
        {false, 3, {0xFE, 0x7F, 0}},                            /* wire types that are none */
        {false, 3, {0xFF, 0x7F, 0}},
        {false, 2, {0x00, 0x00}},                               /* field 0 */
    };
    static uint8_t damaged[2 * AID_SAMPLE_MAX];
    struct field fields[64];
    size_t count = split(bytes, n, fields, 64);

    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        for (size_t f = 0; f <= count; f++) {
            size_t at = f < count ? fields[f].at : n, len;

            memcpy(damaged, bytes, n);
            len = splice(damaged, n, at, 0, span(unknown[i].bytes, unknown[i].n));
            if (is_taken(row, damaged, len) != (unknown[i].well_formed && !row->strict))
                fail_msg("%s with unknown field %zu before field %zu", row->name, i, f);
        }
}

static void test_unknown_fields(void **state)
{
    (void)state;
    (void)with_samples(check_unknown);
}

static bool is_message(const struct aid_message_row *row, uint32_t tag)
{
    static union aid_any msg;
    pb_field_iter_t known;

    assert_true(pb_field_iter_begin(&known, row->desc, &msg));
    assert_true(pb_field_iter_find(&known, tag));
    return PB_LTYPE(known.type) == PB_LTYPE_SUBMESSAGE;
}

/* A strict message whose fields stand twice, in another order, in a longer form, or say what their
 * absence says. */
static void check_forms(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    static uint8_t damaged[2 * AID_SAMPLE_MAX];
    struct field fields[64];
    size_t count = split(bytes, n, fields, 64);

    for (size_t i = 0; row->strict && i < count; i++) {
        const struct field *f = &fields[i], *g = &fields[i + 1];
        struct gf_span whole = span(bytes + f->at, f->end - f->at);
        size_t last = f->wire == PB_WT_VARINT ? f->end - 1 : f->value;
        uint8_t longer[2] = {(uint8_t)(bytes[last] | 0x80), 0}, zero = 0;

        memcpy(damaged, bytes, n);
        assert_false(is_taken(row, damaged, splice(damaged, n, f->end, 0, whole)));
        if (i + 1 < count) {
            memcpy(damaged, bytes, n);
            (void)splice(damaged, n, f->at, g->end - f->at, span(bytes + g->at, g->end - g->at));
            memcpy(damaged + f->at + (g->end - g->at), whole.p, whole.n);
            assert_false(is_taken(row, damaged, n));
        }
        memcpy(damaged, bytes, n);      /* the last group of seven bits, and a zero above it */
        assert_false(is_taken(row, damaged, splice(damaged, n, last, 1, span(longer, 2))));
        if (is_message(row, f->tag))
            continue;                   /* an empty one differs from none */
        memcpy(damaged, bytes, n);      /* zero, or no bytes */
        assert_false(is_taken(row, damaged,
                              splice(damaged, n, f->value, f->end - f->value, span(&zero, 1))));
    }
}

static void test_one_form_only(void **state)
{
    (void)state;
    (void)with_samples(check_forms);
}

/* ---- lengths ---- */

/* A field of `len` bytes in place of what the sample has. */
static bool takes_length(const struct aid_message_row *row, const uint8_t *bytes, size_t n,
                         const struct field *f, size_t len)
{
    static uint8_t damaged[2 * AID_SAMPLE_MAX], value[AID_SAMPLE_MAX];
    struct gf_writer w = {value, sizeof value, 0, false};

    for (size_t left = len; left > 0x7F || w.n == 0 || (w.p[w.n - 1] & 0x80) != 0; left >>= 7)
        gf_wr_uint(&w, (left & 0x7F) | (left > 0x7F ? 0x80 : 0), 1);
    memset(value + w.n, 'z', len);
    memcpy(damaged, bytes, n);
    return is_taken(row, damaged,
                    splice(damaged, n, f->value, f->end - f->value, span(value, w.n + len)));
}

static void check_field_length(const struct aid_message_row *row, const pb_field_iter_t *known,
                               const uint8_t *bytes, size_t n, const struct field *f)
{
    size_t most = known->data_size;
    bool fixed = PB_LTYPE(known->type) == PB_LTYPE_FIXED_LENGTH_BYTES;

    if (PB_LTYPE(known->type) == PB_LTYPE_BYTES)
        most -= offsetof(pb_bytes_array_t, bytes);
    else if (PB_LTYPE(known->type) == PB_LTYPE_STRING)
        most--;
    else if (!fixed)
        return;
    for (size_t len = 1; len <= most + 300; len++)
        if (takes_length(row, bytes, n, f, len) != (fixed ? len == most : len <= most))
            fail_msg("%s, field %u of %zu bytes", row->name, (unsigned)f->tag, len);
}

static void check_lengths(const struct aid_message_row *row, const uint8_t *bytes, size_t n)
{
    static union aid_any msg;
    static uint8_t more[2 * AID_SAMPLE_MAX];
    struct field fields[64];
    size_t count = split(bytes, n, fields, 64);
    pb_field_iter_t known;

    assert_true(pb_field_iter_begin(&known, row->desc, &msg));
    for (size_t i = 0; i < count; i++) {
        assert_true(pb_field_iter_find(&known, fields[i].tag));
        check_field_length(row, &known, bytes, n, &fields[i]);
        if (PB_HTYPE(known.type) != PB_HTYPE_REPEATED)
            continue;
        /* The array of the sample is full: one more is too many. */
        memcpy(more, bytes, n);
        assert_false(is_taken(row, more,
                              splice(more, n, fields[i].end, 0,
                                     span(bytes + fields[i].at, fields[i].end - fields[i].at))));
    }
}

static void test_lengths_at_their_limits(void **state)
{
    (void)state;
    (void)with_samples(check_lengths);
}

/* ---- a meter hears damaged requests ---- */

static bool waits_for_the_valve(gasm_Command command)
{
    return command == gasm_Command_PURGE_STOP || command == gasm_Command_CLOSE_ACCOUNT ||
           command == gasm_Command_SELF_TEST;
}

static void ask(struct aid_still *s, const uint8_t *bytes, size_t n, const char *what, size_t at)
{
    static gasm_Response answer;
    const char *wrong;
    bool later;

    wrong = aid_still_ask(s, span(bytes, n), &answer, &later);
    if (wrong == NULL && later && !waits_for_the_valve(s->w->meter->request.command))
        wrong = "its answer does not come at once";
    if (wrong != NULL)
        fail_msg("%s in state %u, command %d, %s %zu", wrong, s->meter.core.life,
                 (int)s->w->meter->request.command, what, at);
    aid_still_back(s);
}

static void damage_request(struct aid_still *s, uint8_t *bytes, size_t n)
{
    static const uint8_t unknown[] = {0xFA, 0x7F, 2, 'x', 'y'};

    for (size_t len = 0; len <= n; len++)
        ask(s, bytes, len, "prefix of length", len);
    for (size_t bit = 0; bit < n * 8; bit++) {
        flip(bytes, bit);
        ask(s, bytes, n, "flipped bit", bit);
        flip(bytes, bit);
    }
    memcpy(bytes + n, unknown, sizeof unknown);
    ask(s, bytes, n + sizeof unknown, "unknown field", 0);
}

/* Each request is carried out at some moment: else what damages it proves little. */
static void note_done(struct aid_still *s, const uint8_t *bytes, size_t n, bool *ret)
{
    static gasm_Response answer;
    bool later;

    assert_null(aid_still_ask(s, span(bytes, n), &answer, &later));
    *ret = *ret || later || answer.result == gasm_Refusal_OK;
    aid_still_back(s);
}

static void test_damaged_requests(void **state)
{
    static uint8_t bytes[AID_SAMPLE_MAX + 8];
    size_t count;
    const gasm_Request *requests = aid_requests(&count);
    bool done[64] = {false};

    (void)state;
    for (enum aid_moment moment = AID_AT_FACTORY; moment < AID_MOMENTS; moment++) {
        struct aid_still *s = aid_still_new(moment);

        for (size_t i = 0; i < count; i++) {
            size_t n = aid_request_bytes(s->w, i, bytes);

            note_done(s, bytes, n, &done[i]);
            damage_request(s, bytes, n);
        }
        aid_still_free(s);
    }
    for (size_t i = 0; i < count; i++)
        if (!done[i] && requests[i].command != gasm_Command_KEY_ACTIVATED)
            fail_msg("command %d was never carried out", (int)requests[i].command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_samples),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_one_form_only),
        cmocka_unit_test(test_lengths_at_their_limits),
        cmocka_unit_test(test_damaged_requests),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
