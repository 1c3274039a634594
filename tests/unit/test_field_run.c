/* test_field_run.c - account opening on a real meter in this process: whole, and with what it
 * lacks. */
#include <stdlib.h>

#include "meter-core/pb.h"
#include "tests/aid/field_scene.h"

#define OTHER_METER "GM2400001320"

/* ---- whole ---- */

static void opens_an_account(void **state)
{
    struct scene s = scene_new(1);
    const struct run_view *v;

    (void)state;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    v = view(&s);
    assert_int_equal(s.p.steps_done, v->n_steps);
    for (size_t i = 0; i < v->n_steps; i++)
        assert_int_equal(v->steps[i].mark, MARK_DONE);
    assert_string_equal(s.p.last_text, "certificate CERT-1");
    assert_true(has_line(v, "", "Meter in service"));
    assert_true(has_line(v, "", "Account 1001"));
    assert_false(v->can_cancel);
    field_world_check(s.w);
    assert_int_equal(s.w->link.connections, 1);
    assert_null(s.w->link.events);                      /* the radio is free for others */
    assert_int_equal(run_answer(s.p.run, "yes"), GF_E_NOT_NOW);
    assert_int_equal(run_retry(s.p.run), GF_E_NOT_NOW);
    assert_int_equal(run_stop_purge(s.p.run), GF_E_NOT_NOW);
    scene_end(&s);
}

static void opens_at_every_mtu(void **state)
{
    static const uint16_t mtus[] = {23, 24, 50, 185, 247, 515, 517};

    (void)state;
    for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
        struct scene s = scene_new(100 + mtus[i]);

        s.w->link.mtu = mtus[i];
        assert_int_equal(play(&s, &careful), RUN_FINISHED);
        field_world_check(s.w);
        scene_end(&s);
    }
}

/* A job that names no parameter: the meter's own are confirmed, since it is not commissioned
 * without. */
static void opens_without_parameters(void **state)
{
    struct scene s = scene_new(2);

    (void)state;
    s.w->store->data.jobs[0].parameters_count = 0;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    assert_int_equal(s.w->meter->meter->core.life, gasm_LifeState_IN_SERVICE);
    scene_end(&s);
}

static void records_what_the_operator_answered(void **state)
{
    static const char *const steps[] = {"scan", "purge", "zero-clear"};
    static const char *const texts[] = {
        ("scan=" AID_METER_ID), "ventilation=yes; ignition=yes; purge=PURGE", "zero-clear=yes",
    };
    struct scene s = scene_new(3);

    (void)state;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    for (size_t i = 0; i < 3; i++) {
        const struct field_item *it = field_office_item(s.w->office, sync_ItemKind_STEP_RECORD, i);
        sync_StepRecord record;

        assert_non_null(it);
        assert_int_equal(
            mc_pb_decode(sync_StepRecord_fields,
                         (struct gf_span){it->item.payload.bytes, it->item.payload.size}, &record),
            0);
        assert_string_equal(record.step, steps[i]);
        assert_string_equal(record.text, texts[i]);
    }
    assert_null(field_office_item(s.w->office, sync_ItemKind_STEP_RECORD, 3));
    scene_end(&s);
}

/* The new meter of a swap is opened as any; the order ends when the old one is done with. */
static void a_swap_asks_for_the_old_meter(void **state)
{
    const struct field_operator who = {.procedure = "swap", .refuses = "old-meter"};
    struct scene s = scene_new(7);
    const struct field_item *it;
    sync_StepRecord record;

    (void)state;
    gf_copy(s.w->store->data.jobs[0].kind, sizeof s.w->store->data.jobs[0].kind, "swap");
    assert_int_equal(play(&s, &who), RUN_STOPPED);
    assert_stopped(&s, "old-meter", GF_E_ANSWER, "Is the old meter's account closed");
    assert_int_equal(s.w->meter->meter->core.life, gasm_LifeState_IN_SERVICE);
    assert_string_equal(s.w->store->data.jobs[0].state, "on-site");
    s.p.who.refuses = NULL;
    retry_to_the_end(&s);
    it = field_office_item(s.w->office, sync_ItemKind_STEP_RECORD, 3);
    assert_non_null(it);
    assert_int_equal(
        mc_pb_decode(sync_StepRecord_fields,
                     (struct gf_span){it->item.payload.bytes, it->item.payload.size}, &record),
        0);
    assert_string_equal(record.step, "old-meter");
    assert_string_equal(record.text, "old-meter=yes");
    scene_end(&s);
}

static void application_says_what_the_meter_says(void **state)
{
    struct scene s = scene_new(4);
    const struct field_item *it;
    sync_Application app;

    (void)state;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    it = field_office_item(s.w->office, sync_ItemKind_APPLICATION, 0);
    assert_non_null(it);
    assert_int_equal(mc_pb_decode(sync_Application_fields,
                                  (struct gf_span){it->item.payload.bytes, it->item.payload.size},
                                  &app), 0);
    assert_string_equal(app.meter_id, AID_METER_ID);
    assert_string_equal(app.supply_point, "SP-17");
    assert_string_equal(app.customer_no, "C-99");
    assert_string_equal(app.customer_name, "Amina Diallo");
    assert_int_equal(app.account_no, 1001);
    assert_int_equal(app.meter_type, 7);
    assert_int_equal(app.function_state, gasm_LifeState_FACTORY);
    assert_int_equal(app.key_epoch, 0);
    scene_end(&s);
}

/* ---- starting ---- */

static void start_refuses(void **state)
{
    struct scene s = scene_new(5);
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), GF_E_NOT_NOW);
    drive_end(&s.p);
    s.p.sync = sync_new(&s.w->ports);
    s.p.run = run_new(&s.w->ports, s.p.sync);
    why = (struct gf_fail){0};
    assert_int_equal(run_start(s.p.run, "no-such-thing", FIELD_JOB, &why), GF_E_USAGE);
    assert_string_equal(why.detail, "no-such-thing");
    why = (struct gf_fail){0};
    assert_int_equal(run_start(s.p.run, "account-opening", "J-9999", &why), GF_E_NO_JOB);
    assert_string_equal(why.detail, "J-9999");
    why = (struct gf_fail){0};
    gf_copy(s.w->store->data.jobs[0].kind, 32, "swap");
    assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), GF_E_JOB_STATE);
    assert_int_equal(run_view(s.p.run)->phase, RUN_IDLE);
    assert_int_equal(run_tick(s.p.run), 1000);
    scene_end(&s);
}

static void a_closed_job_is_not_started(void **state)
{
    static const char *const closed[] = {"done", "unable", "checked"};
    struct scene s = scene_new(6);
    struct gf_fail why;

    (void)state;
    s.p = (struct field_program){.w = s.w, .sync = sync_new(&s.w->ports)};
    s.p.run = run_new(&s.w->ports, s.p.sync);
    for (size_t i = 0; i < 3; i++) {
        why = (struct gf_fail){0};
        gf_copy(s.w->store->data.jobs[0].state, 16, closed[i]);
        assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), GF_E_JOB_STATE);
        assert_string_equal(why.detail, closed[i]);
    }
    gf_copy(s.w->store->data.jobs[0].state, 16, "assigned");
    assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), 0);
    scene_end(&s);
}

/* Head office closed the job when its last record was home, and then the program was killed: it
 * still ends the run. */
static void a_run_under_way_goes_on_when_its_job_is_closed(void **state)
{
    struct scene s = scene_new(41);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "certificate", RUN_WORK);
    drive_end(&s.p);
    gf_copy(s.w->store->data.jobs[0].state, 16, "done");
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

/* ---- the label ---- */

static void refuse_label(struct scene *s, const char *text, int code)
{
    assert_int_equal(run_answer(s->p.run, text), code);
    assert_int_equal(view(s)->phase, RUN_ASK);
    assert_int_equal(view(s)->fail.code, code);
    assert_string_equal(view(s)->ask_id, "scan");
}

static void labels_and_typed_ids(void **state)
{
    struct scene s = scene_new(7);
    char label[GF_LABEL_TEXT];

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    assert_int_equal(run_answer(s.p.run, "too early"), GF_E_NOT_NOW);
    (void)run_tick(s.p.run);
    assert_int_equal(view(&s)->ask, ASK_LABEL);
    refuse_label(&s, "", GF_E_LABEL_FOREIGN);
    refuse_label(&s, "https://example.org/menu", GF_E_LABEL_FOREIGN);
    refuse_label(&s, "WIFI:T:WPA;S:cafe;P:secret;;", GF_E_LABEL_FOREIGN);
    refuse_label(&s, "4006381333931", GF_E_LABEL_FOREIGN);
    field_label(AID_METER_ID, label);
    label[strlen(label) - 1] ^= 1;
    refuse_label(&s, label, GF_E_LABEL_CHECK);
    refuse_label(&s, AID_METER_ID, GF_E_TYPED_TWICE);
    refuse_label(&s, AID_METER_ID " " OTHER_METER, GF_E_TYPED_TWICE);
    refuse_label(&s, AID_METER_ID " " AID_METER_ID " " AID_METER_ID, GF_E_TYPED_TWICE);
    refuse_label(&s, "GM2400001224 GM2400001224", GF_E_METER_ID);
    refuse_label(&s, "GM24X0001223 GM24X0001223", GF_E_FORMAT);
    assert_int_equal(run_answer(s.p.run, "  " AID_METER_ID "\t" AID_METER_ID "\n"), 0);
    assert_int_equal(view(&s)->fail.code, 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void another_meter_is_scanned_again(void **state)
{
    const struct field_operator lost = {.meter_id = OTHER_METER};
    struct scene s = scene_new(8);

    (void)state;
    assert_int_equal(play(&s, &lost), RUN_STOPPED);
    assert_stopped(&s, "find", GF_E_ID_MISMATCH,
                   "scanned " OTHER_METER ", the job's meter is " AID_METER_ID);
    assert_int_equal(s.w->link.connections, 0);
    /* a restart begins with the scan, too */
    drive_end(&s.p);
    assert_int_equal(play(&s, &lost), RUN_STOPPED);
    drive_end(&s.p);
    assert_int_equal(play(&s, &lost), RUN_STOPPED);
    s.p.who.meter_id = AID_METER_ID;
    retry_to_the_end(&s);
    scene_end(&s);
    s = scene_new(8);
    assert_int_equal(play(&s, &lost), RUN_STOPPED);
    drive_end(&s.p);
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    scene_end(&s);
}

/* ---- what the store lacks ---- */

static void unregistered_meter(void **state)
{
    struct scene s = scene_new(9);

    (void)state;
    s.w->store->data.n_meters = 0;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "find", GF_E_UNREGISTERED, AID_METER_ID);
    s.w->store->data.n_meters = 1;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void no_ticket(void **state)
{
    struct scene s = scene_new(10);

    (void)state;
    s.w->store->data.n_tickets = 0;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "find", GF_E_NO_TICKET, AID_METER_ID);
    s.w->store->data.n_tickets = 2;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void no_key(void **state)
{
    struct scene s = scene_new(11);

    (void)state;
    s.w->store->data.n_keys = 0;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "key", GF_E_NO_TICKET, "no key");
    s.w->store->data.n_keys = 1;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void full_disk_at_every_save(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 200; n++) {
        struct scene s = scene_new(12);

        s.w->store->fail_code = GF_E_DISK_FULL;
        s.w->store->fail_after = n;
        (void)play(&s, &careful);
        if (s.w->store->fail_code != 0) {
            scene_end(&s);
            assert_in_range(n, 30, 199);
            return;
        }
        assert_int_equal(view(&s)->phase, RUN_STOPPED);
        assert_int_equal(view(&s)->fail.code, GF_E_DISK_FULL);
        for (int i = 0; i < 300; i++)       /* sooner than the meter's own 5 s of patience */
            drive_turn(&s.p);
        assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
        retry_to_the_end(&s);
        scene_end(&s);
    }
}

/* ---- tickets and proofs ---- */

static void expired_ticket(void **state)
{
    struct scene s = scene_new(13);
    gasm_Ticket fresh = aid_world_ticket(0, 200);

    (void)state;
    s.w->meter->utc_ms += 13 * 3600 * 1000LL;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "handshake", GF_E_TICKET, "expired at 2026-11-18T");
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        fresh = aid_world_ticket(epoch, 200 + epoch);
        fresh.not_after_s += 24 * 3600;
        field_world_grant(s.w, &fresh);
    }
    retry_to_the_end(&s);
    scene_end(&s);
}

/* The meter refuses: its floor is above the ticket's serial. */
static void void_ticket(void **state)
{
    struct scene s = scene_new(14);
    gasm_Ticket fresh = aid_world_ticket(1, 300);

    (void)state;
    s.w->meter->meter->core.serial_floor = 150;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "handshake", GF_E_TICKET, "OLD");
    field_world_grant(s.w, &fresh);
    fresh = aid_world_ticket(0, 301);
    field_world_grant(s.w, &fresh);
    retry_to_the_end(&s);
    scene_end(&s);
}

static void wrong_proof(void **state)
{
    struct scene s = scene_new(15);

    (void)state;
    s.w->store->data.tickets[0].ticket_key[5] ^= 1;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "handshake", GF_E_PROOF, "");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 0);
    s.w->store->data.tickets[0].ticket_key[5] ^= 1;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void used_up_ticket(void **state)
{
    struct scene s = scene_new(16);
    gasm_Ticket once = aid_world_ticket(1, 400);

    (void)state;
    once.use_count = 1;
    field_world_grant(s.w, &once);
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "zero-clear", RUN_WORK);
    field_link_lose(&s.w->link);        /* the next change needs a second use */
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_stopped(&s, "zero-clear", GF_E_REFUSED, "USED");
    once = aid_world_ticket(1, 401);
    field_world_grant(s.w, &once);
    retry_to_the_end(&s);
    scene_end(&s);
}

static void another_account_is_open(void **state)
{
    struct scene s = scene_new(17);

    (void)state;
    s.w->meter->meter->core.account_no = 900;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "handshake", GF_E_JOB_STATE, "account 900, the job says 1001");
    scene_end(&s);
}

/* Another laptop opened it; this one knows nothing of it but finds everything in effect. */
static void what_is_in_effect_is_not_done_again(void **state)
{
    struct scene s = scene_new(18);
    struct field_store_data before = s.w->store->data;

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "set-parameters", RUN_WORK);
    drive_end(&s.p);
    s.w->store->data = before;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

/* The same laptop opens an account on the meter for the second time, after the bench: receipts of
 * the first opening are in its outbox already, under another job.
 */
static void the_second_life_of_a_meter(void **state)
{
    struct scene s = scene_new(42);
    struct mc_core *core = &s.w->meter->meter->core;
    gasm_Ticket factory = aid_world_ticket(0, 700), account = aid_world_ticket(2, 701);
    sync_KeyIssue *key = &s.w->store->data.keys[1];
    sync_Job *job = &s.w->store->data.jobs[0];
    uint8_t prev[32] = {0};

    (void)state;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    drive_end(&s.p);
    core->life = gasm_LifeState_FACTORY;        /* what a bench reset does */
    core->account_no = 0;
    job->id[0] ^= 1;
    gf_copy(job->state, sizeof job->state, "assigned");
    job->account_no = 1002;
    memcpy(s.w->job.id, job->id, sizeof job->id);
    factory.installs_epoch = 2;
    account.account_no = 1002;
    field_world_grant(s.w, &factory);
    field_world_grant(s.w, &account);
    *key = s.w->store->data.keys[0];
    s.w->store->data.n_keys = 2;
    key->epoch = 2;
    key->envelope.size = (pb_size_t)aid_world_envelope(2, 0, key->envelope.bytes);
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    assert_int_equal(core->active_epoch, 2);
    assert_int_equal(core->account_no, 1002);
    assert_int_equal(sync_view(s.p.sync)->counts.waiting, 0);
    for (uint64_t seq = 1; seq <= core->receipt_seq; seq++)
        field_world_check_receipt(s.w, seq, prev);
    assert_int_equal(core->receipt_seq, 18);
    scene_end(&s);
}

/* A meter that came back from the bench: its key epochs and receipts go on from where they were. */
static void a_meter_from_the_bench(void **state)
{
    struct scene s = scene_new(40);
    struct mc_core *core = &s.w->meter->meter->core;
    gasm_Ticket factory = aid_world_ticket(0, 600), account = aid_world_ticket(4, 601);
    sync_KeyIssue *key;

    (void)state;
    core->active_epoch = 3;
    aid_world_root(3, core->active_key);
    factory.installs_epoch = 4;
    field_world_grant(s.w, &factory);
    field_world_grant(s.w, &account);
    key = &s.w->store->data.keys[s.w->store->data.n_keys++];
    *key = s.w->store->data.keys[0];
    key->epoch = 4;
    key->envelope.size = (pb_size_t)aid_world_envelope(4, 0, key->envelope.bytes);
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    assert_int_equal(core->active_epoch, 4);
    assert_int_equal(core->life, gasm_LifeState_IN_SERVICE);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_an_account),
        cmocka_unit_test(opens_at_every_mtu),
        cmocka_unit_test(opens_without_parameters),
        cmocka_unit_test(records_what_the_operator_answered),
        cmocka_unit_test(a_swap_asks_for_the_old_meter),
        cmocka_unit_test(application_says_what_the_meter_says),
        cmocka_unit_test(start_refuses),
        cmocka_unit_test(a_closed_job_is_not_started),
        cmocka_unit_test(a_run_under_way_goes_on_when_its_job_is_closed),
        cmocka_unit_test(labels_and_typed_ids),
        cmocka_unit_test(another_meter_is_scanned_again),
        cmocka_unit_test(unregistered_meter),
        cmocka_unit_test(no_ticket),
        cmocka_unit_test(no_key),
        cmocka_unit_test(full_disk_at_every_save),
        cmocka_unit_test(expired_ticket),
        cmocka_unit_test(void_ticket),
        cmocka_unit_test(wrong_proof),
        cmocka_unit_test(used_up_ticket),
        cmocka_unit_test(another_account_is_open),
        cmocka_unit_test(what_is_in_effect_is_not_done_again),
        cmocka_unit_test(a_meter_from_the_bench),
        cmocka_unit_test(the_second_life_of_a_meter),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
