/* test_pb.c - structs to bytes: what nanopb makes of them, in no more room than it takes; and what
 * is no message. */
#include "meter-core/pb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/aid/message_samples.h"

/* Each message and each member of its oneof, filled in; numbers as aid_fill_fields() says. */
static void with_messages(uint64_t number,
                          void (*check)(const pb_msgdesc_t *desc, const union aid_any *msg))
{
    static union aid_any msg;
    size_t rows;
    const struct aid_message_row *row = aid_messages(&rows);

    for (size_t i = 0; i < rows; i++)
        for (unsigned member = 0; aid_fill(&row[i], member, &msg); member++) {
            assert_true(aid_fill_fields(row[i].desc, member, number, &msg));
            check(row[i].desc, &msg);
        }
}

static void check_same(const pb_msgdesc_t *desc, const union aid_any *msg)
{
    aid_as_nanopb(desc, msg);
}

static void test_as_nanopb(void **state)
{
    static const union aid_any nothing;
    static const uint64_t numbers[] = {
        1,          0x7F,        0x80,      0x3FFF,     0x4000,     INT32_MAX,      0x80000000,
        UINT32_MAX, 0x100000000, INT64_MAX, 1ULL << 63, UINT64_MAX, UINT64_MAX - 1,
    };
    size_t rows;
    const struct aid_message_row *row = aid_messages(&rows);

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        with_messages(numbers[i], check_same);
    for (size_t i = 0; i < rows; i++)
        aid_as_nanopb(row[i].desc, &nothing);
}

/* Lengths of a message inside another that take one byte, and two. */
static void test_lengths_inside(void **state)
{
    static gasm_Response r = {.which_body = gasm_Response_closed_tag};
    gasm_Closed *closed = &r.body.closed;

    (void)state;
    memset(closed->certificate.bytes, 'c', sizeof closed->certificate.bytes);
    for (size_t n = 0; n <= sizeof closed->certificate.bytes; n++) {
        closed->certificate.size = (pb_size_t)n;
        aid_as_nanopb(gasm_Response_fields, &r);
    }
}

/* Any room that is too small is refused, and nothing is written behind it. */
static void check_room(const pb_msgdesc_t *desc, const union aid_any *msg)
{
    static uint8_t whole[AID_SAMPLE_MAX], bytes[AID_SAMPLE_MAX];
    int n = mc_pb_encode(desc, msg, whole, sizeof whole);

    assert_true(n > 0 && (size_t)n < sizeof bytes);
    memset(bytes, 0xA5, sizeof bytes);
    for (int cap = 0; cap < n; cap++) {
        assert_int_equal(mc_pb_encode(desc, msg, bytes, (size_t)cap), GF_E_SPACE);
        assert_int_equal(bytes[cap], 0xA5);
        assert_int_equal(bytes[cap + 1], 0xA5);
    }
    assert_int_equal(mc_pb_encode(desc, msg, bytes, (size_t)n), n);
    assert_memory_equal(bytes, whole, (size_t)n);
}

static void test_room(void **state)
{
    (void)state;
    with_messages(0, check_room);
}

static void refuse(const pb_msgdesc_t *desc, const void *msg)
{
    uint8_t bytes[AID_SAMPLE_MAX];

    assert_int_equal(mc_pb_encode(desc, msg, bytes, sizeof bytes), GF_E_SPACE);
}

/* More than the struct has room for, or a body that no description knows. */
static void test_no_message(void **state)
{
    static gasm_Request request = {.which_body = gasm_Request_set_parameters_tag};
    static gasm_Ticket ticket;
    gasm_SetParameters *set = &request.body.set_parameters;

    (void)state;
    set->parameters_count = sizeof set->parameters / sizeof set->parameters[0];
    aid_as_nanopb(gasm_Request_fields, &request);
    set->parameters_count++;
    refuse(gasm_Request_fields, &request);
    request.which_body = gasm_Request_reset_to_factory_tag + 1;
    refuse(gasm_Request_fields, &request);

    ticket.swap.size = sizeof ticket.swap.bytes;
    memset(ticket.subject, 's', sizeof ticket.subject - 1);
    aid_as_nanopb(gasm_Ticket_fields, &ticket);
    ticket.swap.size++;
    refuse(gasm_Ticket_fields, &ticket);
    ticket.swap.size = 0;
    ticket.subject[sizeof ticket.subject - 1] = 's';
    refuse(gasm_Ticket_fields, &ticket);
}

/* What is read strictly may be nothing at all, but nothing longer than a sealed receipt. */
static void test_strict_lengths(void **state)
{
    static uint8_t bytes[AID_SAMPLE_MAX];
    static gasm_Response r = {.which_body = gasm_Response_closed_tag}, got;
    gasm_Token nothing;
    int n;

    (void)state;
    assert_int_equal(
        mc_pb_decode_strict(gasm_Token_fields, (struct gf_span){NULL, 0}, &nothing), 0);
    r.receipt.size = sizeof r.receipt.bytes;
    n = mc_pb_encode(gasm_Response_fields, &r, bytes, sizeof bytes);
    assert_true(n > (int)gasm_SealedReceipt_size);
    assert_int_equal(mc_pb_decode_strict(gasm_Response_fields,
                                         (struct gf_span){bytes, (size_t)n}, &got),
                     GF_E_FORMAT);
    r.receipt.size -= 40;
    n = mc_pb_encode(gasm_Response_fields, &r, bytes, sizeof bytes);
    assert_int_equal(mc_pb_decode_strict(gasm_Response_fields,
                                         (struct gf_span){bytes, (size_t)n}, &got), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_nanopb),
        cmocka_unit_test(test_lengths_inside),
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_no_message),
        cmocka_unit_test(test_strict_lengths),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
