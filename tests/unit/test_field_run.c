/* test_field_run.c - account opening on a real meter in this process: whole, refused, cancelled,
 * tried again. */
#include <stdlib.h>

#include "meter-core/pb.h"
#include "tests/aid/field_drive.h"

#define OTHER_METER "GM2400001320"

static const struct field_operator careful = {.meter_id = NULL};

struct scene {
    struct field_world *w;
    struct field_program p;
};

static struct scene scene_new(uint64_t seed)
{
    return (struct scene){.w = field_world_new(seed)};
}

static void scene_end(struct scene *s)
{
    drive_end(&s->p);
    field_world_free(s->w);
}

/* Start, and go on until it rests. */
static enum run_phase play(struct scene *s, const struct field_operator *who)
{
    assert_int_equal(drive_start(&s->p, s->w, who), 0);
    return drive(&s->p);
}

static const struct run_view *view(struct scene *s)
{
    return run_view(s->p.run);
}

static void assert_stopped(struct scene *s, const char *step, int code, const char *says)
{
    const struct run_view *v = view(s);

    assert_int_equal(v->phase, RUN_STOPPED);
    assert_string_equal(v->steps[v->now].id, step);
    assert_int_equal(v->steps[v->now].mark, MARK_FAILED);
    assert_int_equal(v->fail.code, code);
    assert_string_equal(v->fail.where, step);
    if (strstr(v->fail.detail, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", v->fail.detail, says);
    assert_true(v->can_retry);
    assert_true(v->can_cancel);
}

/* Try again what stopped: it comes to a good end. */
static void retry_to_the_end(struct scene *s)
{
    assert_int_equal(run_retry(s->p.run), 0);
    assert_int_equal(drive(&s->p), RUN_FINISHED);
    field_world_check(s->w);
}

static bool has_line(const struct run_view *v, const char *name, const char *value)
{
    for (size_t i = 0; i < v->n_lines; i++)
        if (strcmp(v->lines[i].name, name) == 0 && strcmp(v->lines[i].value, value) == 0)
            return true;
    return false;
}

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
        "scan=" AID_METER_ID, "ventilation=yes; ignition=yes; purge=PURGE", "zero-clear=yes",
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
    s.p.who = careful;
    s.p.who.meter_id = AID_METER_ID;
    retry_to_the_end(&s);
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
        for (int i = 0; i < 800; i++)
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

/* ---- head office ---- */

static void office_away(void **state)
{
    struct scene s = scene_new(19);

    (void)state;
    s.w->office->away = true;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    assert_true(view(&s)->office_away);
    assert_string_equal(s.p.last_text, "queued: the certificate follows");
    assert_int_equal(s.w->meter->meter->core.life, gasm_LifeState_IN_SERVICE);
    assert_int_equal(s.w->office->n_items, 0);
    assert_true(sync_view(s.p.sync)->counts.waiting > 10);
    s.w->office->away = false;
    sync_now(s.p.sync);
    for (int i = 0; i < 100; i++)
        drive_turn(&s.p);
    field_world_check(s.w);
    scene_end(&s);
}

/* An answer that never comes does not hold the work up either. */
static void office_silent(void **state)
{
    struct scene s = scene_new(20);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (!drive_resting(&s.p)) {
        s.w->office->due_ms = INT64_MAX;
        drive_turn(&s.p);
    }
    assert_int_equal(view(&s)->phase, RUN_FINISHED);
    assert_true(view(&s)->office_away);
    scene_end(&s);
}

static void conflict(void **state)
{
    struct scene s = scene_new(21);

    (void)state;
    s.w->office->conflict = "customer_name";
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_OFFICE_REFUSED,
                   "customer_name: differs from what is registered");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 0);
    /* killed and started again it says the same */
    drive_end(&s.p);
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    /* head office corrects the job; a new application says what is right */
    s.w->office->conflict = NULL;
    gf_copy(s.w->store->data.jobs[0].customer_name, 96, "Amina B. Diallo");
    assert_int_equal(run_retry(s.p.run), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_int_equal(sync_view(s.p.sync)->counts.refused, 2);
    scene_end(&s);
}

static void late_conflict(void **state)
{
    struct scene s = scene_new(22);

    (void)state;
    s.w->office->away = true;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "open-account", RUN_WORK);
    s.w->office->away = false;
    s.w->office->conflict = "supply_point";
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_stopped(&s, "certificate", GF_E_OFFICE_REFUSED, "supply_point");
    s.w->office->conflict = NULL;
    assert_int_equal(run_retry(s.p.run), 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    assert_string_equal(s.p.last_text, "certificate CERT-1");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 9);   /* nothing was done twice */
    scene_end(&s);
}

static void held_application(void **state)
{
    struct scene s = scene_new(23);

    (void)state;
    s.w->office->hold = 2;
    assert_int_equal(play(&s, &careful), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void revoked(void **state)
{
    struct scene s = scene_new(24);

    (void)state;
    s.w->office->revoked = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_REVOKED, "revoked");
    assert_int_equal(s.w->meter->meter->core.receipt_seq, 0);
    s.w->office->revoked = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void forged_acknowledgement(void **state)
{
    struct scene s = scene_new(25);

    (void)state;
    s.w->office->forge = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "register", GF_E_ACK_BAD, "");
    s.w->office->forge = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

/* ---- questions refused, cancelled ---- */

static void no_stops_the_step(void **state)
{
    static const char *const ids[] = {"ventilation", "ignition", "zero-clear"};
    static const char *const steps[] = {"purge", "purge", "zero-clear"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct field_operator no = {.refuses = ids[i]};
        struct scene s = scene_new(26 + i);

        assert_int_equal(play(&s, &no), RUN_STOPPED);
        assert_stopped(&s, steps[i], GF_E_ANSWER, "?");
        assert_int_equal(s.w->meter->valve.opened, i < 2 ? 0 : 1);
        s.p.who.refuses = NULL;
        retry_to_the_end(&s);
        scene_end(&s);
    }
}

static void danger_wants_the_very_word(void **state)
{
    static const char *const wrong[] = {"", "yes", "purge", "PURGE ", "PURG", "PURGEN"};
    struct scene s = scene_new(30);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (view(&s)->ask != ASK_WORD) {
        field_world_step(s.w);
        (void)sync_tick(s.p.sync);
        (void)run_tick(s.p.run);
        if (view(&s)->phase == RUN_ASK && view(&s)->ask != ASK_WORD)
            drive_answer(&s.p);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(run_answer(s.p.run, wrong[i]), GF_E_ANSWER);
        assert_string_equal(view(&s)->fail.where, "purge");
        assert_int_equal(view(&s)->phase, RUN_ASK);
    }
    assert_int_equal(s.w->meter->valve.opened, 0);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    scene_end(&s);
}

/* The operator takes time over a question: the session is kept, then lost, then made again; nothing
 * is asked twice. */
static void waiting_keeps_the_session(void **state)
{
    struct scene s = scene_new(31);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    while (view(&s)->ask_id == NULL || strcmp(view(&s)->ask_id, "zero-clear") != 0) {
        field_world_step(s.w);
        (void)sync_tick(s.p.sync);
        (void)run_tick(s.p.run);
        if (view(&s)->phase == RUN_ASK && strcmp(view(&s)->ask_id, "zero-clear") != 0)
            drive_answer(&s.p);
        if (view(&s)->purge.running)
            run_confirm_presence(s.p.run);
    }
    assert_true(has_line(view(&s), "residual", "0 l"));
    for (int i = 0; i < 30000; i++) {       /* 5 minutes */
        field_world_step(s.w);
        (void)run_tick(s.p.run);
    }
    assert_int_equal(s.w->link.connections, 1);
    field_link_lose(&s.w->link);
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void cancelled_everywhere(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3000; n += 7) {
        struct scene s = scene_new(32);
        bool over = false;

        assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
        for (unsigned i = 0; i < n && !over; i++) {
            drive_turn(&s.p);
            over = drive_resting(&s.p);
        }
        run_cancel(s.p.run);
        assert_int_equal(drive(&s.p), over ? RUN_FINISHED : RUN_LEFT);
        assert_false(s.w->link.up);
        for (int i = 0; i < 500; i++)
            field_world_step(s.w);
        assert_int_equal(s.w->meter->valve.state, gasm_ValveState_VALVE_SHUT);
        drive_end(&s.p);
        if (!over)
            assert_int_equal(play(&s, &careful), RUN_FINISHED);
        else
            (void)drive_start(&s.p, s.w, &careful);
        field_world_check(s.w);
        scene_end(&s);
        if (over)
            return;
    }
    fail_msg("an opening takes too long to be cancelled everywhere");
}

/* After it was left, the same runner takes it up again. */
static void left_and_resumed(void **state)
{
    struct scene s = scene_new(33);
    struct gf_fail why = {0};

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "purge", RUN_WORK);
    run_cancel(s.p.run);
    assert_int_equal(drive(&s.p), RUN_LEFT);
    assert_int_equal(run_start(s.p.run, "account-opening", FIELD_JOB, &why), 0);
    assert_string_equal(view(&s)->message, "goes on at \"Purge with gas\"");
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

/* ---- link ---- */

static void meter_not_heard(void **state)
{
    struct scene s = scene_new(34);

    (void)state;
    s.w->link.away = true;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "connect", GF_E_LINK_AWAY, "fell");
    s.w->link.away = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

/* It goes out of reach in the middle of a change, and is there again when the operator is. */
static void meter_lost_and_found(void **state)
{
    struct scene s = scene_new(35);

    (void)state;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "set-clock", RUN_WORK);
    s.w->link.away = true;
    field_link_lose(&s.w->link);
    assert_int_equal(drive(&s.p), RUN_STOPPED);
    assert_stopped(&s, "set-clock", GF_E_LINK_AWAY, "");
    s.w->link.away = false;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void meters_clock_is_set_right(void **state)
{
    struct scene s = scene_new(36);
    struct gf_fail why = {0};

    (void)state;
    (void)why;
    assert_int_equal(drive_start(&s.p, s.w, &careful), 0);
    drive_to(&s.p, "set-clock", RUN_WORK);
    s.w->link.away = true;
    field_link_lose(&s.w->link);            /* the time that was planned is old when it arrives */
    for (int i = 0; i < 1000; i++)
        drive_turn(&s.p);
    s.w->link.away = false;
    assert_int_equal(drive(&s.p), RUN_FINISHED);
    field_world_check(s.w);
    scene_end(&s);
}

static void laptops_clock_is_wrong(void **state)
{
    struct scene s = scene_new(37);

    (void)state;
    s.w->meter->utc_ms -= 30 * 24 * 3600 * 1000LL;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "set-clock", GF_E_CLOCK, "outside the time of the ticket");
    s.w->meter->utc_ms += 30 * 24 * 3600 * 1000LL;
    retry_to_the_end(&s);
    scene_end(&s);
}

static void parameter_out_of_range(void **state)
{
    struct scene s = scene_new(38);

    (void)state;
    s.w->store->data.jobs[0].parameters[1].value = 100000;
    assert_int_equal(play(&s, &careful), RUN_STOPPED);
    assert_stopped(&s, "set-parameters", GF_E_REFUSED, "parameter 10: RANGE");
    assert_int_equal(s.w->meter->meter->core.params_were_set, 0);
    s.w->store->data.jobs[0].parameters[1].value = 45;
    retry_to_the_end(&s);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_an_account),
        cmocka_unit_test(opens_at_every_mtu),
        cmocka_unit_test(opens_without_parameters),
        cmocka_unit_test(records_what_the_operator_answered),
        cmocka_unit_test(application_says_what_the_meter_says),
        cmocka_unit_test(start_refuses),
        cmocka_unit_test(a_closed_job_is_not_started),
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
        cmocka_unit_test(office_away),
        cmocka_unit_test(office_silent),
        cmocka_unit_test(conflict),
        cmocka_unit_test(late_conflict),
        cmocka_unit_test(held_application),
        cmocka_unit_test(revoked),
        cmocka_unit_test(forged_acknowledgement),
        cmocka_unit_test(no_stops_the_step),
        cmocka_unit_test(danger_wants_the_very_word),
        cmocka_unit_test(waiting_keeps_the_session),
        cmocka_unit_test(cancelled_everywhere),
        cmocka_unit_test(left_and_resumed),
        cmocka_unit_test(meter_not_heard),
        cmocka_unit_test(meter_lost_and_found),
        cmocka_unit_test(meters_clock_is_set_right),
        cmocka_unit_test(laptops_clock_is_wrong),
        cmocka_unit_test(parameter_out_of_range),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
