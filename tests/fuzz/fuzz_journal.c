/* fuzz_journal.c - a meter that wakes up with whatever flash may hold; see meter-core/journal.h and
 * store.h. Either it says that it cannot, or it is a meter: shut, and the same at its next start.
 *
 * Input: geometry 1 | the valve's state, pulses, 0x80 to look at the journal first 1 | pieces
 * (image.h). Sectors are smaller than a meter's, so that an input takes little time, but for one
 * geometry. */
#include "meter-core/meter_state.h"
#include "meter-core/port/openssl/crypto.h"
#include "tests/aid/linkaid.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/image.h"

#define FULL 0xFF               /* the geometry with a meter's own sectors */
#define SMALL_SECTOR 8192u
#define ROOM 4096u              /* what a start needs for certain */
#define NUMBERS 0x7FFFFF00u     /* a sequence above it may run out: 2^31 records, far from a life */

/* In place of the core's own, which insists on sectors of a meter's size. */
bool __real_mc_journal_fits(const struct mc_nvm *nvm);
bool __wrap_mc_journal_fits(const struct mc_nvm *nvm);
bool __wrap_mc_journal_fits(const struct mc_nvm *nvm)
{
    return nvm->sector_size == SMALL_SECTOR || __real_mc_journal_fits(nvm);
}

/* ---- ports ---- */

static struct {
    int64_t ms;
    gasm_ValveState valve;
    unsigned opened;
    struct aid_random random;
} world;

static int64_t utc_ms(void *ctx)
{
    (void)ctx;
    return 1795000000000 + world.ms;
}

static int64_t mono_ms(void *ctx)
{
    (void)ctx;
    return world.ms;
}

static int drive(void *ctx, bool open)
{
    (void)ctx;
    world.opened += open;
    world.valve = open ? gasm_ValveState_VALVE_OPEN : gasm_ValveState_VALVE_SHUT;
    return 0;
}

static gasm_ValveState valve_state(void *ctx)
{
    (void)ctx;
    return world.valve;
}

static uint16_t supply_mv(void *ctx)
{
    (void)ctx;
    return 3600;
}

static int16_t temperature_dc(void *ctx)
{
    (void)ctx;
    return 200;
}

static struct mc_ports ports_on(struct mc_nvm nvm)
{
    static const struct gf_clock clock = {.utc_ms = utc_ms, .mono_ms = mono_ms};
    static struct gf_random random;

    random = aid_random_port(&world.random);
    return (struct mc_ports){.clock = &clock,
                             .random = &random,
                             .crypto = mc_crypto_openssl(),
                             .nvm = nvm,
                             .valve = {.drive = drive, .state = valve_state},
                             .supply_mv = supply_mv,
                             .temperature_dc = temperature_dc};
}

/* ---- what must be true ---- */

struct visited {
    const struct mc_journal *journal;
    uint32_t end;
};

/* Records lie in the journal's sector, one behind the other. */
static int visit(void *ctx, const struct mc_record *record)
{
    struct visited *v = ctx;
    uint32_t from = v->journal->sector * v->journal->nvm->sector_size;

    FUZZ_INSIST(record->addr >= v->end + MC_JOURNAL_HEAD, "records overlap");
    v->end = record->addr - MC_JOURNAL_HEAD + mc_journal_cost(record->len);
    FUZZ_INSIST(record->addr >= from && v->end <= from + v->journal->nvm->sector_size,
                "a record leaves its sector");
    return 0;
}

static void check_journal(const struct mc_nvm *nvm)
{
    struct mc_journal j;
    struct visited v = {&j, 0};

    if (mc_journal_open(&j, nvm) != 0)
        return;
    FUZZ_INSIST(j.sector < nvm->sectors && j.pos <= nvm->sector_size, "a journal outside");
    v.end = j.sector * nvm->sector_size;
    FUZZ_INSIST(mc_journal_replay(&j, visit, &v) == 0, "what was opened cannot be replayed");
    FUZZ_INSIST(v.end <= j.sector * nvm->sector_size + j.pos, "a record behind the end");
}

/* A meter that could not start tells nobody anything, and stays shut. */
static void check_useless(struct mc_meter *m)
{
    gasm_Identity who;

    FUZZ_INSIST(!m->usable && m->core.life == gasm_LifeState_LIFE_UNKNOWN, "half a meter");
    mc_meter_identity(m, &who);
    mc_meter_pulse(m, 3);
    (void)mc_meter_tick(m);
    FUZZ_INSIST(world.opened == 0 && m->core.totals.index_l == 0, "a useless meter does something");
}

static void check_started(const struct mc_meter *m)
{
    uint8_t life = m->core.life;

    FUZZ_INSIST(m->usable, "a start that is none");
    FUZZ_INSIST(life > gasm_LifeState_LIFE_UNKNOWN && life <= gasm_LifeState_SCRAPPED, "no life");
    FUZZ_INSIST(m->core.pulse_l == 1 || m->core.pulse_l == 10, "no pulse");
    FUZZ_INSIST(!m->drive.want_open && world.opened == 0, "the valve opened at a start");
    FUZZ_INSIST(world.valve == gasm_ValveState_VALVE_SHUT, "the valve is not shut");
    FUZZ_INSIST(m->core.grant_open == 0, "a grant outlived a reset");
}

/* The same meter, one start and one event later. */
static void check_same(const struct mc_core *first, const struct mc_core *second)
{
    struct mc_core want = *first;

    want.starts++;
    want.event_seq++;
    FUZZ_INSIST(memcmp(&want, second, sizeof want) == 0, "another meter at its next start");
}

/* The rest of its life: pulses, time. */
static void live(struct mc_meter *m, uint32_t pulses)
{
    uint64_t index_l = m->core.totals.index_l;

    for (uint32_t i = 0; i < 4; i++) {
        mc_meter_pulse(m, pulses);
        world.ms += 1000;
        (void)mc_meter_tick(m);
        index_l += (uint64_t)pulses * m->core.pulse_l;
    }
    FUZZ_INSIST(m->core.totals.index_l == index_l, "gas was not measured");
    FUZZ_INSIST(world.opened == 0, "the valve opened by itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mc_meter m;
    struct gf_reader in = {data, size, false};
    uint8_t geometry = (uint8_t)gf_rd_uint(&in, 1), how = (uint8_t)gf_rd_uint(&in, 1);
    bool full = geometry == FULL, roomy;
    struct mc_nvm nvm = image_new(full ? MC_JOURNAL_SECTOR_MIN : SMALL_SECTOR,
                                  2 + (geometry >> 2 & 1), 4u << geometry % 3);
    struct mc_ports ports = ports_on(nvm);
    struct mc_core first;

    world.ms = 5000;
    world.valve = (gasm_ValveState)(how & 7) % (gasm_ValveState_VALVE_FAULT + 1);
    world.opened = 0;
    image_write(&in);
    if ((how & 0x80) != 0)
        check_journal(&nvm);
    if (mc_meter_start(&m, &ports) != 0) {
        check_useless(&m);
        return 0;
    }
    check_started(&m);
    first = m.core;
    roomy = m.journal.sequence < NUMBERS && (full || mc_journal_free(&m.journal) >= ROOM);
    if (mc_meter_start(&m, &ports) != 0) {
        FUZZ_INSIST(!roomy, "its next start fails");
        check_useless(&m);
        return 0;
    }
    check_started(&m);
    check_same(&first, &m.core);
    live(&m, how >> 3 & 15);
    return 0;
}
