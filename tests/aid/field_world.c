/* field_world.c - meter, link, store and head office around the work in field/; see
 * field_world.h. */
#include "tests/aid/field_world.h"

#include <assert.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "meter-core/pb.h"

#define STEP_MS 10
#define POWER_STEPS 30          /* without power, after a cut */

struct field_world *field_world_new(uint64_t seed)
{
    struct field_world *w = calloc(1, sizeof *w);
    sync_Down d = {.which_body = sync_Down_job_tag};

    assert_non_null(w);
    w->meter = aid_world_new(seed, 1);
    w->meter->flow_l_per_h = 7200;
    w->random.state = seed ^ 0x5EED;
    w->random_port = aid_random_port(&w->random);
    w->store = field_store_new(&w->fate);
    field_link_init(&w->link, w->meter, &w->fate);
    w->office = field_office_new(w->meter, &w->fate);
    w->ports = (struct field_ports){&w->meter->clock, &w->random_port, w->meter->ports.crypto,
                                    &w->link.port, &w->office->port, &w->store->port};
    w->job = (sync_Job){
        .id = "job of a test", .number = FIELD_JOB, .kind = "account-opening", .state = "assigned",
        .due = "2026-11-22", .priority = 1, .meter_id = AID_METER_ID, .supply_point = "SP-17",
        .address = "Rue de la Gare 5", .customer_no = "C-99", .customer_name = "Amina Diallo",
        .account_no = 1001, .purge_volume_l = 10, .purge_limit_s = 60, .parameters_count = 2,
        .parameters = {{7, 4000}, {10, 45}},
    };
    d.body.job = w->job;
    field_store_put(w->store, &d);
    d = (sync_Down){.which_body = sync_Down_meter_tag,
                    .body.meter = {AID_METER_ID, 7, FIELD_LABEL_ADDRESS, gasm_LifeState_FACTORY}};
    field_store_put(w->store, &d);
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        gasm_Ticket ticket = aid_world_ticket(epoch, 100 + epoch);

        field_world_grant(w, &ticket);
    }
    d = (sync_Down){.which_body = sync_Down_key_tag, .body.key = {.epoch = 1}};
    memcpy(d.body.key.job_id, w->job.id, GF_UUID_LEN);
    gf_copy(d.body.key.meter_id, sizeof d.body.key.meter_id, AID_METER_ID);
    d.body.key.envelope.size = (pb_size_t)aid_world_envelope(1, 0, d.body.key.envelope.bytes);
    field_store_put(w->store, &d);
    return w;
}

void field_world_grant(struct field_world *w, const gasm_Ticket *ticket)
{
    sync_Down d = {.which_body = sync_Down_ticket_tag};
    struct aid_pass pass = aid_world_pass_of(ticket);
    sync_TicketGrant *t = &d.body.ticket;

    memcpy(t->job_id, w->job.id, GF_UUID_LEN);
    gf_copy(t->meter_id, sizeof t->meter_id, AID_METER_ID);
    t->epoch = ticket->epoch;
    t->not_after_s = ticket->not_after_s;
    t->ticket.size = (pb_size_t)pass.ticket_n;
    memcpy(t->ticket.bytes, pass.ticket, pass.ticket_n);
    memcpy(t->ticket_key, pass.key, sizeof t->ticket_key);
    field_store_put(w->store, &d);
}

void field_world_free(struct field_world *w)
{
    aid_world_free(w->meter);
    field_store_free(w->store);
    free(w->office);
    free(w);
}

void field_world_step(struct field_world *w)
{
    aid_world_pass(w->meter, STEP_MS);
    if (w->meter->flash.dead && ++w->dead_steps >= POWER_STEPS) {
        int code = aid_world_restart(w->meter);

        assert_int_equal(code, 0);
        w->dead_steps = 0;
        w->restarts++;
        field_link_lose(&w->link);
    }
    field_link_step(&w->link);
    field_office_step(w->office);
}

void field_world_bury(struct field_world *w)
{
    w->fate = (struct field_fate){0};
    field_link_bury(&w->link);
    field_office_bury(w->office);
    field_store_recover(w->store);
}

void field_label(const char *meter_id, char ret[static GF_LABEL_TEXT])
{
    struct gf_label label = {.address = FIELD_LABEL_ADDRESS};
    int code;

    gf_copy(label.meter_id, sizeof label.meter_id, meter_id);
    code = gf_label_format(&label, ret);
    assert_int_equal(code, 0);
}

/* ---- what must hold at the end ---- */

struct tally {
    unsigned commands[32];
    uint64_t purged_l;
};

/* Receipt `seq`, from the records that head office has: exactly one, authentic, and following the
 * one before. */
static void check_receipt(struct field_world *w, uint64_t seq, uint8_t prev_hash[static 32],
                          struct tally *tally)
{
    unsigned found = 0;
    uint8_t root[MC_KEY_LEN], hash[32] = {0};

    for (size_t i = 0; i < w->office->n_items; i++) {
        const struct field_item *at = &w->office->items[i];
        struct gf_span sealed = {at->item.receipt.bytes, at->item.receipt.size};
        gasm_Receipt r;

        if (at->item.kind != sync_ItemKind_RECEIPT)
            continue;
        assert_int_equal(mc_receipt_peek(sealed, &r), 0);
        if (r.seq != seq)
            continue;
        aid_world_root(r.key_epoch, root);
        assert_int_equal(mc_receipt_open(w->ports.crypto, root, sealed, &r), 0);
        assert_memory_equal(r.prev_hash, prev_hash, 32);
        assert_memory_equal(r.op_id.bytes, at->id, GF_UUID_LEN);
        assert_int_equal(mc_receipt_hash(w->ports.crypto, sealed, hash), 0);
        tally->commands[r.command]++;
        tally->purged_l += r.after.purged_l - r.before.purged_l;
        found++;
    }
    assert_int_equal(found, 1);
    memcpy(prev_hash, hash, 32);
}

void field_world_check_receipt(struct field_world *w, uint64_t seq, uint8_t prev_hash[static 32])
{
    struct tally tally = {0};

    check_receipt(w, seq, prev_hash, &tally);
}

void field_world_check(struct field_world *w)
{
    const struct mc_core *core = &w->meter->meter->core;
    struct tally tally = {0};
    uint8_t prev_hash[32] = {0};
    struct outbox_counts counts;
    const struct field_item *done = field_office_item(w->office, sync_ItemKind_JOB_DONE, 0);
    sync_JobDone body;

    assert_non_null(done);
    assert_int_equal(
        mc_pb_decode(sync_JobDone_fields,
                     (struct gf_span){done->item.payload.bytes, done->item.payload.size}, &body),
        0);
    assert_int_equal(body.last_receipt_seq, core->receipt_seq);
    assert_string_equal(body.outcome, "done");
    for (uint64_t seq = 1; seq <= core->receipt_seq; seq++)
        check_receipt(w, seq, prev_hash, &tally);
    assert_int_equal(core->life, gasm_LifeState_IN_SERVICE);
    assert_int_equal(core->account_no, 1001);
    assert_int_equal(core->active_epoch, 1);
    assert_int_equal(core->params[6], 4000);
    assert_int_equal(core->params[9], 45);
    assert_int_equal(tally.commands[gasm_Command_INSTALL_KEY], 1);
    assert_int_equal(tally.commands[gasm_Command_KEY_ACTIVATED], 1);
    assert_int_equal(tally.commands[gasm_Command_OPEN_ACCOUNT], 1);
    assert_int_equal(tally.commands[gasm_Command_ZERO_CLEAR], 1);
    assert_int_equal(tally.commands[gasm_Command_COMMISSION], 1);
    assert_int_equal(tally.commands[gasm_Command_SET_PARAMETERS], 1);
    assert_int_equal(tally.commands[gasm_Command_PURGE_START],
                     tally.commands[gasm_Command_PURGE_STOP]);
    assert_int_equal(tally.purged_l, core->totals.purged_l);
    assert_true(core->totals.purged_l > 0);
    assert_int_equal(w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
    w->ports.store->outbox_counts(w->store, &counts);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.refused, 0);
    assert_string_equal(w->store->data.jobs[0].state, "done");
    assert_int_equal(w->store->data.runs[0].state, RUN_DONE);
    for (size_t i = 1; i < w->store->data.n_runs; i++)
        assert_int_equal(w->store->data.runs[i].state, RUN_ABANDONED);
    assert_int_equal(w->store->data.n_certificates, 1);
}
