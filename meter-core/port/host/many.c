/* many.c - a fleet of in-process meters under one loop; see many.h. */
#include "meter-core/port/host/many.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/host/loop.h"
#include "common/host/real.h"
#include "common/text.h"
#include "meter-core/port/host/firmware.h"
#include "meter-core/port/host/opening.h"
#include "meter-core/port/host/signals.h"

#define FIRST_ID "GM2600000080"
#define CREDIT_L 1000000
#define NUMBER_MAX INT64_C(99999999)
#define STATUS_FILE "/proc/self/status"

struct fleet {
    const struct gm_options *options;
    struct gm_world world;
    uint8_t digest[MC_HASH_LEN];
    struct gm_inproc *meters;
    struct mc_birth *births;        /* wiped one by one as they are opened */
    int64_t *due_ms;                /* mono, of the program's clock */
    size_t made, opened;
    unsigned sessions;
    struct gm_client client;
    struct gm_signals signals;
    struct gf_source source;
    bool ticking;
    uint64_t ticks;
    int64_t late_ms;                /* the most that a tick came too late by */
    int64_t opened_in_ms, ticked_in_ms;     /* of the program's clock */
    int64_t bare_kib, open_kib, end_kib;    /* resident memory */
    int code;
    struct gf_fail *why;
};

int gm_next_id(const char *first, int64_t n, char ret[static GF_METER_ID_TEXT])
{
    char digits[9], text[24];
    int64_t number;
    int r;

    (void)snprintf(digits, sizeof digits, "%.8s", first + 2);
    r = gf_parse_int(digits, 0, NUMBER_MAX, &number);
    if (r != 0 || n < 0 || number + n > NUMBER_MAX)
        return GF_E_RANGE;
    (void)snprintf(text, sizeof text, "%.2s%08" PRId64, first, number + n);
    (void)gf_copy(ret, GF_METER_ID_TEXT, text);
    return gf_meter_id_digits(ret, ret + 10);
}

static int64_t mono_ms(const struct fleet *f)
{
    return f->world.clock->mono_ms(f->world.clock->ctx);
}

/* VmRSS in KiB; 0 when it cannot be read. */
static int64_t resident_kib(void)
{
    uint8_t text[4096];
    int n = gf_file_read(STATUS_FILE, text, sizeof text - 1, NULL);
    int64_t kib = 0;
    char *at;

    if (n <= 0)
        return 0;
    text[n] = '\0';
    at = strstr((char *)text, "VmRSS:");
    for (at = at != NULL ? at + 6 : NULL; at != NULL && *at != '\n' && *at != '\0'; at++)
        if (*at >= '0' && *at <= '9')
            kib = kib * 10 + (*at - '0');
    return kib;
}

/* ---- making, opening ---- */

static int make_one(struct fleet *f)
{
    struct mc_birth *birth = &f->births[f->made];
    const struct gf_random *random = f->world.random;
    const char *first = f->options->id != NULL ? f->options->id : FIRST_ID;
    int r = gm_next_id(first, (int64_t)f->made, birth->meter_id);

    if (r != 0)
        return gf_fail(f->why, r, "id", "there are not so many ids after the first");
    birth->meter_type = (uint32_t)f->options->type;
    birth->pulse_l = (uint32_t)f->options->pulse_l;
    r = random->fill(random->ctx, birth->factory_key, sizeof birth->factory_key);
    if (r != 0)
        return gf_fail(f->why, r, "factory key", "");
    return gm_inproc_make(&f->meters[f->made++], &f->world, birth, f->why);
}

static int open_one(struct fleet *f)
{
    struct gm_opened opened;
    int r = make_one(f);

    if (r != 0)
        return r;
    r = gm_open_account(&f->client, &f->meters[f->opened], &f->births[f->opened], CREDIT_L,
                        &opened, f->why);
    gf_wipe(&f->births[f->opened], sizeof f->births[f->opened]);
    if (r != 0)
        return r;
    f->opened++;
    f->sessions += opened.sessions;
    return 0;
}

/* ---- the source ---- */

static size_t no_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    (void)ctx;
    (void)ret;
    (void)cap;
    return 0;
}

static int timeout_ms(void *ctx)
{
    const struct fleet *f = ctx;
    int64_t first_ms = INT64_MAX, now_ms = mono_ms(f);

    if (!f->ticking)
        return 0;
    for (size_t i = 0; i < f->opened; i++)
        if (f->due_ms[i] < first_ms)
            first_ms = f->due_ms[i];
    return first_ms <= now_ms ? 0 : first_ms - now_ms > 1000 ? 1000 : (int)(first_ms - now_ms);
}

static void tick_due(struct fleet *f)
{
    for (size_t i = 0; i < f->opened; i++) {
        int64_t now_ms = mono_ms(f);

        if (f->due_ms[i] > now_ms)
            continue;
        if (now_ms - f->due_ms[i] > f->late_ms)
            f->late_ms = now_ms - f->due_ms[i];
        gm_inproc_tick(&f->meters[i]);
        f->due_ms[i] = now_ms + gm_inproc_wait_ms(&f->meters[i]);
        f->ticks++;
    }
}

static void process(void *ctx, const struct gf_pollfd *fds, size_t n)
{
    struct fleet *f = ctx;

    (void)fds;
    (void)n;
    if (f->ticking)
        tick_due(f);
    else
        f->code = open_one(f);
}

/* ---- from start to end ---- */

static int start(struct fleet *f)
{
    size_t n = (size_t)f->options->count;
    int r = gm_firmware_digest(f->world.crypto, f->digest, f->why);

    f->world.firmware_digest = f->digest;
    if (r == 0)
        r = gm_signals_open(&f->signals, f->why);
    if (r != 0)
        return r;
    f->meters = calloc(n, sizeof *f->meters);
    f->births = calloc(n, sizeof *f->births);
    f->due_ms = calloc(n, sizeof *f->due_ms);
    if (f->meters == NULL || f->births == NULL || f->due_ms == NULL)
        return gf_fail(f->why, GF_E_MEMORY, "meters", "");
    return 0;
}

/* Until every meter is open, then until the time is over; or a signal says stop. */
static int run(struct fleet *f)
{
    const struct gf_source *const sources[] = {&f->source, &f->signals.source};
    int64_t began_ms = mono_ms(f), left_ms;
    int r = 0;

    f->bare_kib = resident_kib();
    while (r == 0 && f->code == 0 && !f->signals.stop && f->opened < (size_t)f->options->count)
        r = gf_loop_once(sources, 2, 0);
    f->opened_in_ms = mono_ms(f) - began_ms;
    f->open_kib = resident_kib();
    f->ticking = true;
    began_ms = mono_ms(f);
    for (size_t i = 0; i < f->opened; i++) {
        gm_body_set_flow(&f->meters[i].body, f->options->flow_l_per_h);
        f->due_ms[i] = began_ms;
    }
    while (r == 0 && f->code == 0 && !f->signals.stop &&
           (left_ms = began_ms + f->options->seconds * 1000 - mono_ms(f)) > 0)
        r = gf_loop_once(sources, 2, gf_real_wait_ms(left_ms > 1000 ? 1000 : (int)left_ms));
    f->ticked_in_ms = mono_ms(f) - began_ms;
    f->end_kib = resident_kib();
    return r != 0 ? gf_fail(f->why, r, "loop", "") : f->code;
}

/* n in 1/1000 s of the program's clock, as a rate in real time. */
static int64_t rate(const struct fleet *f, uint64_t n, int64_t in_ms)
{
    return in_ms > 0 ? (int64_t)n * 1000 * f->options->clock_rate / in_ms : 0;
}

static void print_table(const struct fleet *f)
{
    int64_t n = f->opened > 0 ? (int64_t)f->opened : 1, gas_l = 0, nvm = 0;
    unsigned open = 0;

    for (size_t i = 0; i < f->opened; i++) {
        gasm_Balance b;

        mc_meter_balance(f->meters[i].meter, &b);
        gas_l += (int64_t)(b.totals.index_l - b.totals.purged_l);
        nvm += (int64_t)nvm_ram_bytes(&f->meters[i].nvm);
        open += b.valve == gasm_ValveState_VALVE_OPEN;
    }
    (void)printf("meters in service            %zu of %" PRId64 "\n", f->opened, f->options->count);
    (void)printf("valves open at the end       %u\n", open);
    (void)printf("gas for customers            %" PRId64 " l\n", gas_l);
    (void)printf("state of a meter             %zu bytes\n", mc_meter_size());
    (void)printf("body, clock, page table      %zu bytes\n", sizeof(struct gm_inproc));
    (void)printf("NVM in use, a meter          %" PRId64 " of %u bytes\n", nvm / n,
                 NVM_FILE_SECTOR * NVM_FILE_SECTORS);
    (void)printf("resident, a meter, opened    %" PRId64 " bytes\n",
                 (f->open_kib - f->bare_kib) * 1024 / n);
    (void)printf("resident, a meter, at end    %" PRId64 " bytes\n",
                 (f->end_kib - f->bare_kib) * 1024 / n);
    (void)printf("resident, the program        %" PRId64 " KiB\n", f->end_kib);
    (void)printf("sessions                     %u, %" PRId64 " a second\n", f->sessions,
                 rate(f, f->sessions, f->opened_in_ms));
    (void)printf("ticks                        %" PRIu64 ", %" PRId64 " a second, %" PRId64
                 " ms late at most\n", f->ticks, rate(f, f->ticks, f->ticked_in_ms), f->late_ms);
    (void)fflush(stdout);
}

int gm_many(const struct gm_options *o, const struct gf_clock *clock,
            const struct gf_random *random, const struct mc_crypto *crypto, struct gf_fail *why)
{
    struct fleet f = {.options = o, .world = {clock, random, crypto, NULL},
                      .signals = {.fd = -1}, .why = why};
    int r;

    f.source = (struct gf_source){&f, no_fds, timeout_ms, process};
    r = start(&f);
    if (r == 0)
        r = run(&f);
    if (r == 0)
        print_table(&f);
    gm_client_leave(&f.client);
    for (size_t i = 0; i < f.made; i++)
        gm_inproc_done(&f.meters[i]);
    if (f.births != NULL)
        gf_wipe(f.births, (size_t)o->count * sizeof *f.births);
    free(f.meters);
    free(f.births);
    free(f.due_ms);
    gm_signals_close(&f.signals);
    return r;
}
