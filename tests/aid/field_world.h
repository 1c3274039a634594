#ifndef GF_TESTS_AID_FIELD_WORLD_H
#define GF_TESTS_AID_FIELD_WORLD_H
/*
 * Everything around the work in field/, in this process: a real meter (meter_world), a radio link to it, a store and a
 * head office, on one simulated clock. It holds nothing of field/ itself: tests make runs and syncs on w->ports
 * (field_drive.h), and kill them.
 */
#include "field/ports.h"
#include "tests/aid/field_store.h"
#include "tests/aid/meter_world.h"

#define FIELD_JOB "J-0001"
#define FIELD_LABEL_ADDRESS "02:00:00:00:00:01"

/* ---- the radio link ---- */

struct field_link {
    struct link_port port;
    const struct link_events *events;
    struct aid_world *meter;
    struct field_fate *fate;
    uint16_t mtu;
    bool away;                  /* the meter cannot be heard */
    uint64_t fragments;         /* that were sent, both ways */
    uint64_t lose_at;           /* the link falls instead of carrying this one; 0: never */
    uint64_t corrupt_at;        /* a bit of this one is turned over; 0: never */
    uint64_t drop_at;           /* this one is lost, and the link stays; 0: never */
    uint64_t connections;       /* that became ready */
    uint64_t attempts;          /* that were begun */
    bool radio_away;            /* the Bluetooth service is not running */
    bool mute;                  /* what the meter sends is lost */
    unsigned full;              /* so many fragments are refused with GF_E_SPACE first */
    int ctl_fails;              /* what the next CTL write is answered with, once; 0: 0 */
    const char *impostor;       /* the meter id that CTL shows instead; NULL: the meter's */
    uint16_t ctl_limit;         /* the fragment limit that CTL shows instead; 0: the meter's */
    uint16_t longest;           /* fragment that the program sent */
    uint16_t narrow;            /* fragments of the program longer than this vanish; 0: none */
    uint8_t ctl_version;        /* that CTL shows instead; 0: the meter's */
    /* private */
    bool wanted, up, fall, ctl_due;
    int ctl_code, fall_code;
    int64_t ready_ms, deadline_ms;
};

void field_link_init(struct field_link *l, struct aid_world *meter, struct field_fate *fate);
void field_link_step(struct field_link *l);     /* the events that are due */
void field_link_bury(struct field_link *l);
/* The link falls now (the meter sees it too). */
void field_link_lose(struct field_link *l);

/* ---- head office ---- */

#define FIELD_ITEMS 192
#define FIELD_ANSWER_MAX 65536

struct field_office {
    struct office_port port;
    const struct office_events *events;
    struct aid_world *meter;
    struct field_fate *fate;
    /* how it behaves */
    bool away, revoked;
    const char *conflict;       /* the field of an application that differs; NULL: none */
    unsigned hold;              /* records that are held at first: so many */
    bool forge;                 /* verdicts are signed by somebody else */
    void (*spoil)(sync_Verdict *v); /* changes each on its way; NULL: none */
    bool cut;                   /* the answer breaks off after cut_at bytes */
    size_t cut_at;
    bool cut_seems_whole;       /* ... and the transport does not notice */
    bool more_for_ever;
    const uint8_t *script;      /* answered instead of its own answer; NULL: none */
    size_t script_n;
    const sync_Down *changes;   /* told from the laptop's cursor on; one a post when `drip` */
    size_t n_changes;
    bool drip;
    size_t only_verdicts;       /* answer so many items at most, and say so; 0: all */
    /* what it has */
    uint64_t posts, verified;   /* requests; signatures that the laptop checked */
    size_t answer_n;            /* length of the last whole answer */
    sync_SyncHead head;         /* of the last request */
    struct field_item {
        uint8_t id[GF_UUID_LEN], hash[32];
        sync_Item item;
        sync_VerdictKind verdict;
        unsigned sent;          /* how often it came */
    } items[FIELD_ITEMS];
    size_t n_items;
    /* private */
    bool posted;
    int64_t due_ms;
    size_t body_n;
    uint8_t body[FIELD_ANSWER_MAX * 4], answer[FIELD_ANSWER_MAX];
};

struct field_office *field_office_new(struct aid_world *meter, struct field_fate *fate);
void field_office_step(struct field_office *o);
void field_office_bury(struct field_office *o);
/* The one with this kind, the n-th (from 0); NULL when there are not so many. */
const struct field_item *field_office_item(const struct field_office *o, sync_ItemKind kind,
                                           size_t n);

/* ---- all of it ---- */

struct field_world {
    struct aid_world *meter;
    struct aid_random random;
    struct gf_random random_port;
    struct field_fate fate;
    struct field_link link;
    struct field_store *store;
    struct field_office *office;
    struct field_ports ports;
    sync_Job job;
    unsigned restarts;          /* of the meter, after cuts of its power (meter->flash.cut_in) */
    unsigned dead_steps;        /* private */
};

/* A meter from the factory, registered, with job FIELD_JOB for it (account 1001, 10 l to purge, two
 * parameters), both tickets and the key in the store. Gas flows at 7,200 l/h while the valve is
 * open. */
struct field_world *field_world_new(uint64_t seed);
void field_world_free(struct field_world *w);

/* Another ticket for the job, newer than those before it. */
void field_world_grant(struct field_world *w, const gasm_Ticket *ticket);

/* 10 ms pass: valve, gas, meter, then the events of link and office that are due. A meter whose
 * power was cut starts again 300 ms later; its link falls then. */
void field_world_step(struct field_world *w);

/* The program died (whatever it held is to be freed by the caller before): its connection falls, a
 * request to head office that was on its way arrives, and its answer is lost. Fate is reset. */
void field_world_bury(struct field_world *w);

/* The label of the meter, or of another one. */
void field_label(const char *meter_id, char ret[static GF_LABEL_TEXT]);

/* Receipt `seq` is at head office exactly once, authentic, and follows the one whose hash is
 * prev_hash; its own hash goes there. Fails the test otherwise. */
void field_world_check_receipt(struct field_world *w, uint64_t seq, uint8_t prev_hash[static 32]);

/* What must hold of a finished opening, in meter and head office: fails the test when it does
 * not. */
void field_world_check(struct field_world *w);

#endif
