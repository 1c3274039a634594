#ifndef GF_TESTS_AID_CUTS_H
#define GF_TESTS_AID_CUTS_H
/*
 * Power cuts at every program unit and erase of all that a meter journals.
 *
 * A row names one thing that a meter does: where its life has come to before, and what a careful
 * client does, again and again under the same operation id, until it has an answer. A scene is a
 * meter at that point, on flash of one geometry, kept as an image, so that each case begins with a
 * copy. A case cuts the power at one unit in one way, perhaps a second time in what comes after the
 * restart; then the meter is judged (cuts_check.c): nothing lost, nothing double.
 *
 * Both ends draw their random bytes from a source that says the same after every restart, so that
 * only what the journal reserved keeps sessions apart.
 */
#include "meter-core/events.h"
#include "tests/aid/cuts_watch.h"
#include "tests/aid/meter_story.h"

#define AID_CUT_OP 900          /* number of the operation id of what a row does */
#define AID_CUT_OP_STOP 901     /* ... of the purge_stop that belongs to it */
#define AID_CUT_WHOLE UINT32_MAX

struct aid_life;

enum aid_flow {
    AID_FLOW_NONE,
    AID_FLOW_ANY,               /* litres are measured meanwhile */
    AID_FLOW_PURGE,             /* litres flow, under a purge grant */
};

struct aid_cut_row {
    const char *name;
    enum aid_step opened;       /* the last step of the opening that was done; AID_STEPS: none */
    void (*prepare)(struct aid_life *l);    /* the rest of the way; NULL: nothing */
    /* Fill in the body of the one request that does it, or ... */
    void (*make)(struct aid_life *l, gasm_Request *request);
    /* ... do it. 0; GF_E_LINK_LOST: not yet, again; else an error. NULL: send the request. */
    int (*act)(struct aid_life *l);
    /* What else must be true in the end; NULL, or what is not. NULL: nothing. */
    const char *(*check)(struct aid_life *l);
    gasm_Command command;       /* that the receipt names; COMMAND_NONE: there is none */
    enum mc_event event;        /* logged once, in the record that does it; NONE: no such event */
    uint8_t uses;               /* of the ticket */
    uint8_t purchases;          /* that are logged */
    enum aid_flow flow;
    bool unsteady;              /* several records: between them the state is neither old nor new */
    const char *meter_id;       /* NULL: AID_METER_ID */
};

/* What the journal must hold, but for what every start and litre changes. */
struct aid_mark {
    struct mc_core core;
    uint32_t uses;              /* of the life's ticket */
    struct mc_core steady;      /* without what differs from life to life */
};

struct aid_life {
    struct aid_world *w;
    const struct aid_cut_row *row;
    struct aid_watch *watch;
    struct aid_faulty faulty;
    gasm_Ticket ticket;         /* of the client */
    uint8_t op[GF_UUID_LEN];    /* operation id of what the row does */
    uint64_t base;              /* receipt sequence that it read before it first sent anything */
    struct aid_mark before, after;
    bool knows_after;           /* the uncut life came first */
    bool acknowledged;
    uint8_t answer[1024];       /* of the operation, as it was first given */
    size_t answer_n;
    uint64_t first_l;           /* index of the scene, less what the world had measured then */
    uint64_t pulsed_l, lost_l;  /* measured by the row itself; lost in cuts */
    uint64_t worst_l;           /* the most that one cut ever took */
    uint64_t session;           /* number of the last one that was begun */
    uint32_t restarts, tries;
    int64_t cut_again;          /* flash.cut_in from the next restart on */
    uint32_t opened;            /* w->valve.opened of the scene */
    uint32_t step;              /* the row's own */
    bool patient;               /* a refusal, a failed session: again, after a while */
    void *ctx;                  /* of the witness */
    const char *(*witness)(struct aid_life *l);     /* asked after each restart; NULL: nobody */
    int64_t *faults_in;         /* set below 0 before anything is judged; NULL: nothing */
    const char *wrong;          /* the first thing that is not as it must be; NULL */
};

/* ---- for rows ---- */

/* Connect, and open a session under the ticket. 0; GF_E_LINK_LOST: again; else an error. */
int aid_life_greet(struct aid_life *l, const gasm_Ticket *ticket);

/* A request with the life's base. op 0: without operation id. */
gasm_Request aid_life_request(struct aid_life *l, gasm_Command command, uint32_t op);

/* Ask and insist on OK: 0; GF_E_LINK_LOST: again (also when only an erase makes room, and when the
 * wait for typed tokens was not over yet). */
int aid_life_ask(struct aid_life *l, const gasm_Request *request);

/* How often an event was logged since the scene. */
uint32_t aid_life_logged(struct aid_life *l, enum mc_event event);

/* A session under the life's ticket, and identify: the first proof. As aid_life_ask(). */
int aid_life_prove(struct aid_life *l);

/* The i-th row, NULL behind the last; and a row by its name, NULL when there is none. */
const struct aid_cut_row *aid_cut_rows(size_t i);
const struct aid_cut_row *aid_cut_row(const char *name);

/* The part of them that is about credit, the valve and service (cuts_service.c). */
extern const struct aid_cut_row aid_cut_service_rows[];
extern const size_t aid_cut_service_count;

/* ---- judging ---- */

void aid_mark_take(struct aid_mark *mark, const struct aid_life *l);

/* Look at a meter that has just started, or is at rest. NULL, or what is wrong. */
const char *aid_life_judge(struct aid_life *l);

/* Litres that went through the meter in its life so far. */
uint64_t aid_life_measured_l(const struct aid_life *l);

/* Let the client go on until it is acknowledged, over all cuts, and the meter be at rest. NULL, or
 * what is wrong. */
const char *aid_life_run(struct aid_life *l);

/* Nothing is cut any more: judge now and after so many more restarts, and let the client do it all
 * again. */
const char *aid_life_end(struct aid_life *l, int restarts);

/* ---- scenes and cases ---- */

struct aid_scene {
    struct aid_life life;       /* at the beginning of each case */
    struct aid_watch watch;
    struct aid_world world;     /* everything as it was */
    struct mc_meter meter;
    uint8_t *image;
    size_t sealed;              /* watch.n then */
    uint64_t units;             /* program units and erases that the uncut life takes */
};

struct aid_cut_case {
    const struct aid_cut_row *row;
    uint32_t unit;              /* bytes of a program unit */
    uint32_t left;              /* bytes free in the sector at first; AID_CUT_WHOLE: as it comes */
    int64_t at;                 /* the program unit or erase that is cut */
    enum aid_cut mode;
    int64_t second;             /* the unit after the restart that is cut as well; below 0: none */
};

/* The scene of a row, and its uncut life, after which *ret_wrong is NULL or what was wrong already.
 * Never NULL. */
struct aid_scene *aid_scene_new(const struct aid_cut_row *row, uint32_t unit, uint32_t left,
                                enum aid_fault fault, const char **ret_wrong);
void aid_scene_free(struct aid_scene *s);

/* Put the scene back. Returns its life. */
struct aid_life *aid_scene_back(struct aid_scene *s);

/* Go on from here, as a case does, but without cuts: until the client has its answer; at rest;
 * after another start; and once more. NULL, or what is wrong. */
const char *aid_scene_live(struct aid_scene *s);

/* Run one case. NULL, or what is wrong. *ret_hit (may be NULL): how many of its cuts were
 * reached. */
const char *aid_scene_cut(struct aid_scene *s, const struct aid_cut_case *c, uint32_t *ret_hit);

/* What a sweep over the units of a row does. */
struct aid_sweep {
    uint32_t unit, left;
    uint32_t stride;            /* of the units that are cut */
    uint32_t units;             /* the first so many; 0: all */
    bool every_mode;            /* at each of them; else one after the other, */
    bool ripens_only;           /* ... or AID_CUT_RIPENS only */
    uint32_t second;            /* stride of second cuts; 0: none */
    uint32_t seconds;           /* the first so many units; 0: all */
    enum aid_fault fault;       /* of the NVM */
};

/* What came of it. */
struct aid_swept {
    uint64_t cuts;              /* survived */
    uint64_t worst_l;           /* litres that one cut took, at most */
    const char *wrong;          /* NULL: nothing; the sweep ended there */
    struct aid_cut_case failed;
};

/* Cut a row's life everywhere; adds to *to. False when something is wrong. */
bool aid_sweep(const struct aid_cut_row *row, const struct aid_sweep *how, struct aid_swept *to);

/* A case as text, and back: false when it is none. */
void aid_cut_print(const struct aid_cut_case *c, char *ret, size_t cap);
bool aid_cut_parse(const char *text, struct aid_cut_case *ret);

#endif
