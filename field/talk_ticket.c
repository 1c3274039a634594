/* talk_ticket.c - which of the laptop's tickets a talk uses; see talk_inner.h. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "field/talk_inner.h"
#include "meter-core/commands.h"
#include "meter-core/keys.h"

bool talk_allows(const struct run *r, const gasm_Ticket *t, const struct talk_command *c)
{
    const struct mc_command_row *row = talk_row(c->id);
    bool in_service = r->identity.state == gasm_LifeState_IN_SERVICE;

    if (row->handler == NULL || (t->epoch == 0 && (row->needs & MC_MAY_FACTORY) == 0))
        return false;
    if (in_service && row->service_right != MC_RIGHT_ANY &&
        (t->rights >> row->service_right & 1) == 0)
        return false;
    return row->right == MC_RIGHT_ANY || (t->rights >> row->right & 1) != 0;
}

/* The tickets of the talk's meter that are good now, decoded. How many, or GF_E_*. */
static int good_tickets(const struct run *r, struct ticket_row rows[static TICKETS],
                        gasm_Ticket tickets[static TICKETS])
{
    const struct store_port *store = r->ports->store;
    int n = store->tickets(store->ctx, r->job.meter_id, run_utc_ms(r) / 1000, rows, TICKETS);
    int kept = 0;

    for (int i = 0; i < n; i++) {
        struct gf_span bytes = {rows[i].ticket, rows[i].ticket_len};

        if (mc_ticket_decode(bytes, &tickets[kept]) == 0)
            rows[kept++] = rows[i];
    }
    return n < 0 ? n : kept;
}

/* Which of them is best for the command: the present job's before others, the newest first. Under
 * epoch 0, the factory's, also one of a key that the meter has and not used yet. -1: none. */
static int choose(const struct run *r, const struct ticket_row *rows, const gasm_Ticket *tickets,
                  int n, int64_t epoch, const struct talk_command *c)
{
    int best = -1, best_rank = 0;

    for (int i = 0; i < n; i++) {
        bool fits = epoch < 0 || tickets[i].epoch == epoch;
        int rank = (fits ? 4 : epoch == 0 ? 2 : 0);

        if (rank == 0 || !talk_allows(r, &tickets[i], c))
            continue;
        rank += memcmp(rows[i].job_id, r->job.id, sizeof rows[i].job_id) == 0 ? 1 : 0;
        if (rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static int no_right(const struct talk_command *c, const gasm_Ticket *tickets, int n,
                    struct gf_fail *why)
{
    char text[sizeof why->detail];
    size_t at;
    uint32_t rights = 0;
    const char *between = "";

    for (int i = 0; i < n; i++)
        rights |= tickets[i].rights;
    at = (size_t)snprintf(text, sizeof text, "%s needs %s; the tickets here give ", talk_name(c),
                          talk_right(c));
    for (unsigned i = 0; i < 32; i++) {
        if ((rights >> i & 1) == 0 || at >= sizeof text - 16)
            continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", between, right_text(i));
        between = ", ";
    }
    return gf_fail(why, GF_E_RIGHT, talk_name(c), text);
}

/* The command that the next exchange is for: what is to be settled comes first. */
const struct talk_command *talk_wanted(const struct run *r)
{
    return r->talk.planned ? r->talk.change_of : r->talk.command;
}

/* Go over to the job of a ticket: its records are of that job. The meter stays the same one: a swap
 * has two. */
int talk_go_over(struct run *r, const uint8_t job_id[static GF_UUID_LEN])
{
    const struct store_port *store = r->ports->store;
    char meter_id[GF_METER_ID_TEXT];
    int code;

    if (memcmp(r->job.id, job_id, sizeof r->job.id) == 0)
        return 0;
    gf_copy(meter_id, sizeof meter_id, r->job.meter_id);
    code = store->job_of(store->ctx, job_id, &r->job);
    gf_copy(r->job.meter_id, sizeof r->job.meter_id, meter_id);
    gf_copy(r->view.job, sizeof r->view.job, r->job.number);
    return code;
}

int talk_ticket(struct run *r, uint32_t epoch, struct ticket_row *ret, struct gf_fail *why)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n = good_tickets(r, rows, tickets), best, code;

    *ret = (struct ticket_row){0};
    if (n < 0)
        return gf_fail(why, n, "store", "the tickets cannot be read");
    best = choose(r, rows, tickets, n, epoch, talk_wanted(r));
    if (best < 0)       /* what is to be settled cannot be asked any more: look with another */
        best = choose(r, rows, tickets, n, epoch, r->talk.command);
    if (best < 0) {
        code = no_right(r->talk.command, tickets, n, why);
    } else {
        code = talk_go_over(r, rows[best].job_id);
        *ret = rows[best];
    }
    gf_wipe(rows, sizeof rows);
    return code;
}

/* Before the radio is used: does any ticket give the right? 0, or GF_E_* with *why. */
int talk_look(const struct run *r, const struct talk_command *c, struct gf_fail *why)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n = good_tickets(r, rows, tickets), best = choose(r, rows, tickets, n, -1, c);

    gf_wipe(rows, sizeof rows);
    if (n < 0)
        return gf_fail(why, n, "store", "the tickets cannot be read");
    if (n == 0)
        return gf_fail(why, GF_E_NO_TICKET, "meter", r->job.meter_id);
    return best < 0 ? no_right(c, tickets, n, why) : 0;
}

enum talk_may talk_may(const struct run *r, const struct talk_command *c)
{
    struct ticket_row rows[TICKETS];
    gasm_Ticket tickets[TICKETS];
    int n;

    if (r->ticket.rights != 0 && talk_allows(r, &r->ticket, c) && !r->talk.outdated &&
        r->identity.allowed != 0)
        return (r->identity.allowed >> c->id & 1) != 0 ? TALK_ALLOWED : TALK_NOT_IN_STATE;
    n = good_tickets(r, rows, tickets);
    gf_wipe(rows, sizeof rows);
    return choose(r, rows, tickets, n, -1, c) >= 0 ? TALK_HAS_TICKET : TALK_NO_TICKET;
}

