/* cuts.c - scenes and cases of power cuts; see cuts.h. */
#include "tests/aid/cuts.h"

#include <stdlib.h>
#include <string.h>

#include "meter-core/pb.h"
#include "meter-core/store.h"

#define SEED 5
#define NO_BOOT 1000    /* program calls of a meter that has been running */
#define STARTS 6        /* attempts to start, with cuts in them */
#define TRIES 40        /* of the client */
#define TIDY_MS 60      /* after the client has gone: the meter erases what it needs */
#define PATIENCE_MS 1500
#define LOCKED_MS 2100  /* the wait for typed tokens after two wrong ones */
#define SHUT_MS 1500    /* travel of a valve that was open when the power failed */

uint64_t aid_life_measured_l(const struct aid_life *l)
{
    return l->first_l + l->w->measured_l + l->pulsed_l;
}

/* ---- the client ---- */

int aid_life_greet(struct aid_life *l, const gasm_Ticket *ticket)
{
    struct aid_pass pass = aid_world_pass_of(ticket);
    int rc;

    if (l->w->flash.dead)
        return GF_E_LINK_LOST;
    aid_world_connect(l->w, 247);
    rc = aid_world_hello(l->w, &pass);
    if (rc == 0) {
        if (l->w->meter->session_next <= l->session && l->wrong == NULL)
            l->wrong = "a session number was used twice";
        l->session = l->w->meter->session_next;
    }
    return rc;
}

gasm_Request aid_life_request(struct aid_life *l, gasm_Command command, uint32_t op)
{
    gasm_Request r = aid_request(l->w, command, op);

    if (op != 0)
        r.base_receipt_seq = l->base;
    return r;
}

/* The answer of the operation is the same whenever it is given. */
static void keep_answer(struct aid_life *l)
{
    uint8_t answer[sizeof l->answer];
    int n = mc_pb_encode(gasm_Response_fields, &l->w->answer, answer, sizeof answer);

    if (n < 0)
        l->wrong = "an answer that is too long";
    else if (l->answer_n == 0)
        memcpy(l->answer, answer, l->answer_n = (size_t)n);
    else if ((l->answer_n != (size_t)n || memcmp(l->answer, answer, (size_t)n) != 0) &&
             l->wrong == NULL)
        l->wrong = "another answer to the same operation";
}

int aid_life_ask(struct aid_life *l, const gasm_Request *request)
{
    int rc = aid_world_ask(l->w, request);

    if (rc != 0)
        return rc;
    if (l->w->answer.result == gasm_Refusal_LOCKED_OUT)
        aid_world_pass(l->w, LOCKED_MS);
    if (l->w->answer.result == gasm_Refusal_BUSY || l->w->answer.result == gasm_Refusal_LOCKED_OUT)
        return GF_E_LINK_LOST;
    if (l->w->answer.result != gasm_Refusal_OK)
        return GF_E_MISMATCH;
    if (request->op_id.size > 0 && memcmp(request->op_id.bytes, l->op, sizeof l->op) == 0)
        keep_answer(l);
    return 0;
}

static int act(struct aid_life *l)
{
    gasm_Request r;
    int rc;

    if (l->row->act != NULL)
        return l->row->act(l);
    rc = aid_life_greet(l, &l->ticket);
    if (rc != 0)
        return rc;
    r = aid_life_request(l, l->row->command, AID_CUT_OP);
    if (l->row->make != NULL)
        l->row->make(l, &r);
    return aid_life_ask(l, &r);
}

/* ---- a life with cuts in it ---- */

/* The power comes back. */
static const char *revive(struct aid_life *l)
{
    struct aid_world *w = l->w;
    uint64_t sessions = w->meter->usable ? w->meter->session_next : 0;
    const char *wrong;
    int rc = GF_E_STORE;

    for (int i = 0; rc != 0 && i < STARTS; i++) {
        w->flash.cut_in = l->cut_again;
        l->cut_again = -1;
        w->random.state = SEED;
        l->faulty.calls = 0;
        l->faulty.late_n = 0;
        l->restarts++;
        rc = aid_world_restart(w);
        if (rc != 0 && !w->flash.dead && !l->patient)
            return "the meter does not start";
    }
    if (rc != 0)
        return "the meter does not start in the end";
    if (w->meter->session_next < sessions)
        return "session numbers went back";
    if (w->flash.dead)
        return NULL;
    if (w->valve.state == gasm_ValveState_VALVE_OPEN)
        return "the valve stays open after a reset";
    if (l->faults_in != NULL)
        *l->faults_in = -1;
    wrong = aid_life_judge(l);
    return wrong == NULL && l->witness != NULL ? l->witness(l) : wrong;
}

static const char *revive_if_dead(struct aid_life *l)
{
    const char *wrong = NULL;

    for (int i = 0; wrong == NULL && l->w->flash.dead; i++)
        wrong = i < STARTS ? revive(l) : "the power fails for ever";
    return wrong != NULL ? wrong : l->wrong;
}

/* Until the client has its answer. */
static const char *live(struct aid_life *l)
{
    int rc = GF_E_LINK_LOST;

    for (int i = 0; rc != 0; i++) {
        const char *wrong;

        rc = act(l);
        l->acknowledged = l->acknowledged || rc == 0;
        wrong = revive_if_dead(l);
        if (wrong != NULL)
            return wrong;
        if (rc != 0 && (i == TRIES || l->w->flash.dead))
            return "the client never got its answer";
        if (rc != 0 && l->patient)
            aid_world_pass(l->w, PATIENCE_MS);
        else if (rc != 0 && rc != GF_E_LINK_LOST && l->restarts == l->tries)
            return "the client was refused";
        l->tries = l->restarts;
    }
    return NULL;
}

/* The client goes, the valve shuts, the meter tidies up. */
static const char *rest(struct aid_life *l)
{
    const char *wrong = NULL;

    do {
        aid_world_disconnect(l->w);
        aid_world_pass(l->w, TIDY_MS);
        if (!l->w->flash.dead && l->w->valve.state != gasm_ValveState_VALVE_SHUT)
            aid_world_pass(l->w, SHUT_MS);
        if (!l->w->flash.dead && l->w->meter->core.grant_open != 0)
            aid_world_pass(l->w, 5 * SHUT_MS);
        if (!l->w->flash.dead)
            break;
        wrong = revive_if_dead(l);
    } while (wrong == NULL);
    if (wrong == NULL && l->w->valve.state != gasm_ValveState_VALVE_SHUT)
        wrong = "the valve is not shut";
    return wrong != NULL ? wrong : l->wrong;
}

/* Acknowledged, and at rest: now and after each of `restarts` more. */
static const char *judge_in_the_end(struct aid_life *l, int restarts)
{
    const char *wrong = aid_life_judge(l);

    if (wrong == NULL && l->row->check != NULL)
        wrong = l->row->check(l);
    while (wrong == NULL && restarts-- > 0) {
        l->w->flash.cut_in = -1;
        wrong = revive(l);
        if (wrong == NULL)
            wrong = rest(l);
        if (wrong == NULL && l->row->check != NULL)
            wrong = l->row->check(l);
    }
    return wrong;
}

/* Everything is carried over to the next sector once more. */
static const char *turn(struct aid_life *l)
{
    uint32_t generation = l->w->meter->journal.generation;
    uint8_t rec[MC_JOURNAL_EXTRA] = {0};
    struct mc_journal *j = &l->w->meter->journal;

    while (mc_journal_free(j) >= mc_journal_cost(MC_REC_MAX))
        if (mc_journal_append(j, MC_RECORD_CHANGE, rec, 0, NULL) != 0)
            return "the journal takes no more";
    if (mc_store_room(l->w->meter, 2 * mc_journal_cost(MC_REC_MAX)) != 0 ||
        l->w->meter->journal.generation != generation + 1)
        return "the journal does not turn";
    return judge_in_the_end(l, 1);
}

/* The client does it again after it was acknowledged: the same answer, and nothing more. */
static const char *repeat(struct aid_life *l)
{
    uint64_t receipts = l->w->meter->core.receipt_seq;
    const char *wrong;

    if (l->row->command == gasm_Command_COMMAND_NONE || l->answer_n == 0)
        return NULL;
    wrong = aid_life_run(l);
    if (wrong == NULL && l->w->meter->core.receipt_seq != receipts)
        wrong = "a repeat gave a receipt of its own";
    return wrong != NULL ? wrong : judge_in_the_end(l, 0);
}

const char *aid_life_run(struct aid_life *l)
{
    const char *wrong = live(l);

    return wrong == NULL ? rest(l) : wrong;
}

const char *aid_life_end(struct aid_life *l, int restarts)
{
    const char *wrong;

    l->w->flash.cut_in = l->cut_again = -1;
    wrong = judge_in_the_end(l, restarts);
    return wrong == NULL ? repeat(l) : wrong;
}

/* ---- scenes ---- */

/* Fill the present sector with records that say nothing until `left` bytes are free. */
static void fill(struct aid_world *w, uint32_t left)
{
    uint8_t rec[MC_JOURNAL_EXTRA] = {0};

    while (mc_journal_free(&w->meter->journal) > left &&
           mc_journal_append(&w->meter->journal, MC_RECORD_CHANGE, rec, 0, NULL) == 0)
        ;
}

static struct aid_world *open_meter(struct aid_scene *s, const struct aid_cut_row *row,
                                    uint32_t unit)
{
    const struct aid_flash like = {.sector_size = AID_FLASH_SECTOR, .sectors = 2, .unit = unit};
    const char *meter_id = row->meter_id == NULL ? AID_METER_ID : row->meter_id;
    struct aid_world *w = aid_world_new_like(SEED, 1, meter_id, &like);
    struct aid_story story;

    w->ports.crypto = &s->watch.port;
    if (aid_world_restart(w) != 0)
        abort();
    story = aid_story_of(w);
    s->life.ticket = story.account;
    if (row->opened != AID_STEPS)
        aid_story_steps(&story, AID_INSTALL_KEY, row->opened);
    aid_world_disconnect(w);
    aid_world_pass(w, TIDY_MS);
    return w;
}

static void keep_image(struct aid_scene *s)
{
    const struct aid_flash *f = &s->life.w->flash;
    size_t n = (size_t)f->sector_size * f->sectors;

    s->world = *s->life.w;
    s->meter = *s->life.w->meter;
    s->image = malloc(n);
    if (s->image == NULL)
        abort();
    memcpy(s->image, f->bytes, n);
    s->sealed = s->watch.n;
}

struct aid_scene *aid_scene_new(const struct aid_cut_row *row, uint32_t unit, uint32_t left,
                                enum aid_fault fault, const char **ret_wrong)
{
    struct aid_scene *s = calloc(1, sizeof *s);
    struct aid_life *l;
    struct aid_world *w;
    const char *wrong;
    uint64_t done;

    if (s == NULL)
        abort();
    aid_watch_init(&s->watch);
    l = &s->life;
    l->w = w = open_meter(s, row, unit);
    l->row = row;
    l->watch = &s->watch;
    l->cut_again = -1;
    aid_op_id(AID_CUT_OP, l->op);
    if (row->prepare != NULL)
        row->prepare(l);
    aid_world_disconnect(w);
    aid_world_pass(w, TIDY_MS);
    fill(w, left);
    w->flash.judged = true;
    l->faulty = (struct aid_faulty){.flash = &w->flash, .fault = fault, .calls = NO_BOOT};
    if (fault != AID_FAULT_NONE)
        w->ports.nvm = w->meter->ports.nvm = aid_faulty_port(&l->faulty);
    l->base = w->meter->core.receipt_seq;
    l->first_l = w->meter->core.totals.index_l - w->measured_l;
    l->session = w->meter->session_next;
    l->opened = w->valve.opened;
    aid_mark_take(&l->before, l);
    keep_image(s);
    done = w->flash.programmed + w->flash.erased;
    wrong = aid_life_run(l);
    s->units = w->flash.programmed + w->flash.erased - done;
    aid_mark_take(&l->after, l);
    l->knows_after = true;
    *ret_wrong = wrong == NULL ? aid_life_end(l, 2) : wrong;
    return s;
}

void aid_scene_free(struct aid_scene *s)
{
    aid_world_free(s->life.w);
    free(s->image);
    free(s);
}

struct aid_life *aid_scene_back(struct aid_scene *s)
{
    struct aid_life *l = &s->life;
    struct aid_world *w = l->w;
    const struct aid_flash *f = &w->flash;

    *w = s->world;
    *w->meter = s->meter;
    memcpy(f->bytes, s->image, (size_t)f->sector_size * f->sectors);
    aid_watch_back(&s->watch, s->sealed);
    l->faulty.calls = NO_BOOT;
    l->faulty.late_n = 0;
    l->acknowledged = false;
    l->answer_n = 0;
    l->pulsed_l = l->lost_l = 0;
    l->session = w->meter->session_next;
    l->restarts = l->tries = l->step = 0;
    l->cut_again = -1;
    l->wrong = NULL;
    l->patient = false;
    l->faults_in = NULL;
    return l;
}

const char *aid_scene_live(struct aid_scene *s)
{
    struct aid_life *l = &s->life;
    const char *wrong = live(l);

    if (l->patient)
        aid_world_pass(l->w, PATIENCE_MS);      /* what could not be written is tried again */
    if (wrong == NULL)
        wrong = rest(l);
    if (l->faults_in != NULL)
        *l->faults_in = -1;
    if (wrong == NULL)
        wrong = judge_in_the_end(l, 1);
    return wrong != NULL ? wrong : repeat(l);
}

const char *aid_scene_cut(struct aid_scene *s, const struct aid_cut_case *c, uint32_t *ret_hit)
{
    struct aid_life *l = aid_scene_back(s);
    bool shows_late = c->mode == AID_CUT_RIPENS || c->mode == AID_CUT_DECAYS;
    const char *wrong;

    l->w->flash.cut = c->mode;
    l->w->flash.cut_in = c->at;
    l->cut_again = c->second;
    wrong = aid_life_run(l);
    if (ret_hit != NULL)
        *ret_hit = (uint32_t)(l->restarts > 0) + (l->restarts > 0 && c->second >= 0 &&
                                                  l->w->flash.cut_in < 0);
    if (wrong == NULL)
        wrong = aid_life_end(l, shows_late ? 2 : 1);
    if (wrong == NULL && c->at % 16 == 3)
        wrong = turn(l);
    return wrong;
}
