#ifndef GF_TESTS_AID_FIELD_STORE_H
#define GF_TESTS_AID_FIELD_STORE_H
/*
 * The store port in memory, for tests of field/: as the port says, and with faults.
 * It survives the programs of a test as a database survives a process.
 */
#include "field/ports.h"

#define FIELD_STORE_ROWS 192

/* When the program of a test dies: at the n-th save of a step, or the n-th event of link or office,
 * before or after it (n from 1; 0: never). From then on nothing that it does has any effect.
 * Counted in all ports. */
struct field_fate {
    uint64_t saves, events;
    uint64_t before_save, after_save, before_event, after_event;
    bool dead;
};

struct field_store {
    struct store_port port;
    struct field_fate *fate;
    int fail_code;              /* what one step_save returns, once; 0: nothing fails */
    uint64_t fail_after;        /* ... the one after so many saves (of fate) */

    unsigned fail_change;       /* the n-th change from now is refused: DISK_FULL, once */

    struct field_store_data {
        sync_Job jobs[4];
        sync_MeterRow meters[4];
        sync_TicketGrant tickets[8];
        sync_KeyIssue keys[4];
        sync_SwapIssue swaps[4];
        sync_TokenIssue tokens[4];
        sync_Certificate certificates[4];
        struct run_row runs[8];
        struct step_row steps[FIELD_STORE_ROWS];
        struct outbox_row outbox[FIELD_STORE_ROWS];
        size_t n_jobs, n_meters, n_tickets, n_keys, n_swaps, n_tokens, n_certificates, n_runs, n_steps, n_outbox;
        uint64_t cursor;
    } data;
    struct field_store_data *saved;     /* between changes_begin and changes_end */
};

/* An empty store. Keeps `fate`. To be freed. */
struct field_store *field_store_new(struct field_fate *fate);

/* The program died: what it had begun to change is as before. */
void field_store_recover(struct field_store *s);

void field_store_free(struct field_store *s);

/* Put a change in, as synchronisation does. */
void field_store_put(struct field_store *s, const sync_Down *change);

/* The last attempt at a step of the first run; NULL when there is none. */
const struct step_row *field_store_step(const struct field_store *s, const char *step);

#endif
