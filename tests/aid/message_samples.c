/* message_samples.c - samples of every message; see message_samples.h. */
#include "tests/aid/message_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pb_common.h>
#include <pb_encode.h>

#include "meter-core/commands.h"
#include "meter-core/pb.h"
#include "tests/aid/credit_aid.h"

#define ROW(name, strict) {#name, gasm_##name##_fields, sizeof(gasm_##name), strict}

static const struct aid_message_row rows[] = {
    ROW(ClientHello, false),  ROW(ServerHello, true),    ROW(HelloRefusal, false),
    ROW(Ticket, true),        ROW(KeyEnvelope, true),    ROW(Request, false),
    ROW(Response, false),     ROW(SealedReceipt, true),  ROW(Receipt, false),
    ROW(SealedToken, true),   ROW(Token, true),          ROW(SwapTerms, true),
    ROW(SwapKey, true),       ROW(Certificate, true),    ROW(SealedCertificate, true),
};

const struct aid_message_row *aid_messages(size_t *ret_n)
{
    *ret_n = sizeof rows / sizeof rows[0];
    return rows;
}

/* ---- full samples ---- */

static void fill_bytes(uint8_t *p, size_t n, pb_size_t tag)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)('A' + (tag + i) % 26);
}

/* One element of a field, at `at`. */
static void fill_element(const pb_field_iter_t *f, uint64_t number, void *at)
{
    pb_bytes_array_t *bytes = at;

    switch (PB_LTYPE(f->type)) {
    case PB_LTYPE_BYTES:
        bytes->size = (pb_size_t)(f->data_size - offsetof(pb_bytes_array_t, bytes));
        fill_bytes(bytes->bytes, bytes->size, f->tag);
        break;
    case PB_LTYPE_STRING:
        fill_bytes(at, (size_t)f->data_size - 1, f->tag);
        break;
    case PB_LTYPE_FIXED_LENGTH_BYTES:
        fill_bytes(at, f->data_size, f->tag);
        break;
    case PB_LTYPE_SUBMESSAGE:
        assert_true(aid_fill_fields(f->submsg_desc, 0, number, at));
        break;
    case PB_LTYPE_BOOL:
        *(bool *)at = true;
        break;
    default:
        if (number == 0)
            number = f->tag % 100 + 1;
        memcpy(at, &number, f->data_size);      /* little-endian */
        break;
    }
}

static void fill_field(const pb_field_iter_t *f, uint64_t number)
{
    if (PB_HTYPE(f->type) == PB_HTYPE_REPEATED) {
        *(pb_size_t *)f->pSize = f->array_size;
        for (size_t i = 0; i < f->array_size; i++)
            fill_element(f, number, (uint8_t *)f->pData + i * f->data_size);
        return;
    }
    if (PB_HTYPE(f->type) == PB_HTYPE_ONEOF)
        *(pb_size_t *)f->pSize = f->tag;
    else if (PB_HTYPE(f->type) == PB_HTYPE_OPTIONAL && f->pSize != NULL)
        *(bool *)f->pSize = true;
    fill_element(f, number, f->pData);
}

bool aid_fill_fields(const pb_msgdesc_t *desc, unsigned member, uint64_t number, void *msg)
{
    pb_field_iter_t f;
    unsigned members = 0;
    bool filled = false;

    assert_true(pb_field_iter_begin(&f, desc, msg));
    do {
        bool one_of = PB_HTYPE(f.type) == PB_HTYPE_ONEOF;

        if (!one_of || members == member)
            fill_field(&f, number);
        filled = filled || (one_of && members == member);
        members += one_of;
    } while (pb_field_iter_next(&f));
    return members == 0 ? member == 0 : filled;
}

bool aid_fill(const struct aid_message_row *row, unsigned member, union aid_any *ret)
{
    assert_true(row->size <= sizeof *ret);
    memset(ret, 0, sizeof *ret);
    return aid_fill_fields(row->desc, member, 0, ret);
}

void aid_as_nanopb(const pb_msgdesc_t *desc, const void *msg)
{
    static uint8_t ours[AID_LONGEST], theirs[AID_LONGEST];
    pb_ostream_t out = pb_ostream_from_buffer(theirs, sizeof theirs);
    int n = mc_pb_encode(desc, msg, ours, sizeof ours);

    assert_true(pb_encode(&out, desc, msg));
    assert_int_equal(n, out.bytes_written);
    assert_memory_equal(ours, theirs, out.bytes_written);
}

size_t aid_encode(const struct aid_message_row *row, const union aid_any *msg, uint8_t *ret)
{
    int n = mc_pb_encode(row->desc, msg, ret, AID_SAMPLE_MAX);

    assert_true(n >= 0);
    return (size_t)n;
}

/* ---- requests that can be carried out ---- */

#define C(name) .command = gasm_Command_##name
#define BODY(name) .which_body = gasm_Request_##name##_tag, .body.name

static const gasm_Request requests[] = {
    {C(IDENTIFY)},
    {C(INSTALL_KEY), BODY(install_key) = {{0, {0}}}},
    {C(OPEN_ACCOUNT), BODY(open_account) = {1001}},
    {C(PURGE_START), BODY(purge_start) = {20, 60}},
    {C(PURGE_KEEPALIVE)},
    {C(PURGE_STOP)},
    {C(ZERO_CLEAR), BODY(zero_clear) = {0}},
    {C(SET_CLOCK), BODY(set_clock) = {AID_UTC_MS / 1000 + 3600}},
    {C(SET_PARAMETERS),
     BODY(set_parameters) = {2, {{MC_PARAM_CREDIT_LOW, 7100}, {MC_PARAM_BATTERY_MIN, 2950}}}},
    {C(GET_PARAMETERS)},
    {C(COMMISSION)},
    {C(READ_BALANCE)},
    {C(READ_RECEIPTS), BODY(read_receipts) = {1}},
    {C(KEY_ACTIVATED)},
    {C(READ_HISTORY), BODY(read_history) = {false, 1}},
    {C(READ_HISTORY), BODY(read_history) = {true, 0}},
    {C(READ_PURCHASES), BODY(read_purchases) = {1}},
    {C(READ_EVENTS), BODY(read_events) = {1}},
    {C(RECHARGE), BODY(recharge) = {{0, {0}}, ""}},
    {C(RECHARGE), BODY(recharge) = {{0, {0}}, "typed"}},
    {C(VALVE_ARM)},
    {C(VALVE_CLOSE)},
    {C(CLOSE_ACCOUNT), BODY(close_account) = {{0, {0}}}},
    {C(IMPORT_CREDIT), BODY(import_credit) = {{0, {0}}}},
    {C(SELF_TEST)},
    {C(RESET_TO_FACTORY), BODY(reset_to_factory) = {false}},
};

const gasm_Request *aid_requests(size_t *ret_n)
{
    *ret_n = sizeof requests / sizeof requests[0];
    return requests;
}

static bool needs_op_id(gasm_Command command)
{
    size_t n;
    const struct mc_command_row *row = mc_commands(&n);

    for (size_t i = 0; i < n; i++)
        if (row[i].id == command)
            return (row[i].needs & MC_NEED_OP_ID) != 0;
    return false;
}

/* The token that this meter takes next. */
static gasm_Request recharge(const struct aid_world *w, bool typed)
{
    const struct mc_core *core = &w->meter->core;
    gasm_Token token = aid_token(core->token_seq + 1, core->totals.purchased_l + 5000);

    return typed ? aid_recharge_typed(w, &token) : aid_recharge(w, &token);
}

/* What depends on the meter. */
static void complete(const struct aid_world *w, gasm_Request *r)
{
    const struct mc_core *core = &w->meter->core;
    bool swaps = w->meter->ticket.swap.size > 0;
    struct aid_swap swap = aid_still_swap(core->life == gasm_LifeState_IN_SERVICE);

    if (r->command == gasm_Command_INSTALL_KEY)
        r->body.install_key.envelope.size = (pb_size_t)aid_world_envelope(
            core->active_epoch + 1, core->active_epoch, r->body.install_key.envelope.bytes);
    else if (r->command == gasm_Command_ZERO_CLEAR)
        r->body.zero_clear.residual_l = mc_residual_l(&core->totals);
    else if (r->command == gasm_Command_RECHARGE)
        *r = recharge(w, r->body.recharge.digits[0] != '\0');
    else if (r->command == gasm_Command_CLOSE_ACCOUNT && swaps)
        aid_swap_close_body(&swap, r);
    else if (r->command == gasm_Command_IMPORT_CREDIT)
        aid_swap_import_body(&swap, r);
}

size_t aid_request_bytes(const struct aid_world *w, size_t i, uint8_t *ret)
{
    gasm_Request r = aid_request(w, requests[i].command, 0);
    int n;

    r.which_body = requests[i].which_body;
    r.body = requests[i].body;
    if (needs_op_id(r.command)) {
        r.op_id.size = GF_UUID_LEN;
        aid_op_id(7000 + (uint32_t)i, r.op_id.bytes);
    }
    complete(w, &r);
    n = mc_pb_encode(gasm_Request_fields, &r, ret, AID_SAMPLE_MAX);
    assert_true(n > 0);
    return (size_t)n;
}
