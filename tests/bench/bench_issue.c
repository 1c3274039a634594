/* bench_issue.c - customers' tickets and tokens that head office makes each second, against the calls
 * of cryptography alone; see docs/bench.md.
 *
 * The calls that one of them makes on the crypto port are noted and made again alone, as often.
 * Tokens and tickets are of METERS meters in turn, so that none has many.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/customer.h"
#include "backend/office_issue.h"
#include "tests/bench/bench.h"
#include "tests/bench/crypto_tape.h"
#include "tests/bench/many.h"

#define ROUNDS 7
#define METERS 100

static struct oaid_office office;
static struct many_meter meters[METERS];

/* ---- one of them, in the caller's transaction ---- */

static int make_token(struct office *o, void *ctx)
{
    const struct many_meter *m = ctx;
    struct credit_new what = { .account_no = m->account_no,
                               .kind = "forgive",
                               .litres = 1,
                               .made_by = "S001",
                               .reason = "a leak" };
    struct credit_token token;
    struct credit_carrier carrier;
    uint8_t cause[16];

    many_id(cause);
    what.cause_id = cause;

    int r = credit_issue(o, &what, &token);
    return r < 0 ? r : credit_carrier(o, &token, 1, &carrier);
}

static int make_ticket(struct office *o, void *ctx)
{
    const struct many_meter *m = ctx;
    struct ho_customer_ticket ticket;
    int r = ho_customer_ticket(o, m->customer_no, m->m.id, &ticket);

    gf_wipe(&ticket, sizeof ticket);
    return r < 0 ? r : 0;
}

/* So that the next ticket is a new one. */
static int void_ticket(struct office *o, void *ctx)
{
    return ho_void_customer_tickets(o, ((struct many_meter *)ctx)->m.id);
}

static void must(int r)
{
    char text[400];

    (void)snprintf(text, sizeof text, "%s: %s", office.o->fail.where, office.o->fail.detail);
    bench_need(r >= 0, text);
}

/* ---- all meters ---- */

static int (*made)(struct office *o, void *ctx);

static int make_all(struct office *o, void *ctx)
{
    int r = 0;

    (void)ctx;
    for (size_t i = 0; r >= 0 && i < METERS; i++)
        r = made(o, &meters[i]);
    return r;
}

/* us for one. */
static double make_us(bool is_together)
{
    if (made == make_ticket)
        for (size_t i = 0; i < METERS; i++)
            must(ho_transaction(office.o, void_ticket, &meters[i]));

    double from = bench_now_us();
    if (is_together)
        must(ho_transaction(office.o, make_all, NULL));
    else
        for (size_t i = 0; i < METERS; i++)
            must(ho_transaction(office.o, made, &meters[i]));
    return (bench_now_us() - from) / METERS;
}

static double crypto_us(void)
{
    double us = 0;

    for (size_t i = 0; i < METERS; i++)
        us += bench_tape_replay();
    return us / METERS;
}

static void rounds(const char *engine, const char *what, bool is_together)
{
    const struct mc_crypto *real = office.o->ports.crypto;
    double ours[ROUNDS], floor[ROUNDS], ratios[ROUNDS];
    char text[120];

    if (made == make_ticket)
        must(ho_transaction(office.o, void_ticket, &meters[0]));
    office.o->ports.crypto = bench_tape_crypto(real);
    bench_tape_begin();
    must(ho_transaction(office.o, made, &meters[0]));
    office.o->ports.crypto = real;
    for (size_t i = 0; i < ROUNDS; i++) {
        ours[i] = 1e6 / make_us(is_together);
        floor[i] = 1e6 / crypto_us();
        ratios[i] = ours[i] / floor[i];
    }
    (void)snprintf(text, sizeof text, "issue, %s: %s, %s", engine, what,
                   is_together ? "100 a transaction" : "each durable");
    bench_row(text, "1/s", bench_quantile(ours, ROUNDS, 0.5), bench_quantile(floor, ROUNDS, 0.5),
              bench_quantile(ratios, ROUNDS, 0.5));
}

static void measure(const char *engine)
{
    oaid_office_new(&office);
    many_tariff(&office);
    for (unsigned i = 0; i < METERS; i++) {
        many_add(&office, i, &meters[i]);
        bench_need(customer_bind(office.o, meters[i].customer_no, meters[i].m.id,
                                 meters[i].account_no)
                       >= 0,
                   "a meter is bound");
    }
    made = make_token;
    rounds(engine, "tokens", false);
    rounds(engine, "tokens", true);
    made = make_ticket;
    rounds(engine, "customers' tickets", false);
    rounds(engine, "customers' tickets", true);
    oaid_office_end(&office);
}

int main(void)
{
    (void)unsetenv("OFFICE_DB");
    measure("SQLite");
    (void)setenv("OFFICE_DB", "postgresql", 1);
    measure("PostgreSQL");
    return 0;
}
