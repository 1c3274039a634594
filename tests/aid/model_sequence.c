/* model_sequence.c - making, shortening, showing and reading sequences; see model_play.h. */
#include "tests/aid/model_play.h"

#include <stdlib.h>
#include <string.h>

#include "meter-core/store.h"

/* ---- where sequences begin ---- */

#define FILLED 6                    /* in service, and its journal's sector nearly full */

/* Write events until the next turn is near. */
static void fill(struct mc_meter *m)
{
    while (mc_journal_free(&m->journal) > 6000)
        (void)mc_store_event(m, MC_EVENT_RESET, 0, 0);
}

void aid_players_open(struct aid_players *p)
{
    static const enum aid_moment moments[AID_STARTS] = {
        AID_AT_FACTORY, AID_AT_KEYED,   AID_AT_ACCOUNT,       AID_AT_PURGED,
        AID_AT_CLEARED, AID_AT_SERVICE, [FILLED] = AID_AT_SERVICE};

    for (size_t i = 0; i < AID_STARTS; i++) {
        struct aid_still *s = aid_still_new(moments[i]);

        aid_world_disconnect(s->w);
        s->w->flow_l_per_h = 0;
        s->w->flash.judged = true;
        if (i == FILLED)
            fill(s->w->meter);
        aid_world_pass(s->w, 3000);
        memcpy(s->image, s->w->flash.bytes, (size_t)s->inner.sector_size * s->inner.sectors);
        s->touches = 0;
        s->world = *s->w;
        s->meter = *s->w->meter;
        p->stills[i] = s;
    }
}

void aid_players_close(struct aid_players *p)
{
    for (size_t i = 0; i < AID_STARTS; i++)
        aid_still_free(p->stills[i]);
}

/* ---- making ---- */

/* How often a step comes, and how large its numbers are. */
struct habit {
    uint8_t kind, weight, hows;
    uint32_t least, most;
};

static const struct habit habits[] = {
    {AID_DO_PULSE, 60, 1, 1, 1},      {AID_DO_PULSE, 20, 1, 1, 30},
    {AID_DO_PULSE, 12, 2, 1, 15},     {AID_DO_PULSE, 5, 1, 1, 3000},
       {AID_DO_WAIT, 40, 1, 10, 4000},
    {AID_DO_WAIT, 15, 1, 1000, 9000}, {AID_DO_LEAP, 25, 1, 10, 7200},
    {AID_DO_LEAP, 6, 1, 40000, 10000000}, {AID_DO_SESSION, 25, 9, 0, UINT32_MAX},
    {AID_DO_DROP, 8, 1, 0, 0},        {AID_DO_RESTART, 12, 1, 0, 0},
    {AID_DO_POWER, 8, 3, 0, 0},       {AID_DO_POWER, 8, 1, 0, 0},
    {AID_DO_JAM, 4, 2, 0, 0},         {AID_DO_JAM, 6, 1, 0, 0},
    {AID_DO_SENSE, 10, 2, 0, 0},      {AID_DO_BUTTON, 30, 1, 0, 0},
    {AID_DO_ISSUE, 60, 5, 0, 4000},   {AID_DO_ISSUE, 20, 10, 0, 200000},
    {AID_DO_DELIVER, 80, 3, 0, 0},    {AID_DO_DELIVER, 30, 10, 0, 0},
    {AID_DO_CLEAR, 15, 3, 0, 2},      {AID_DO_PURGE, 12, 1, 1, 60},
    {AID_DO_PURGE, 2, 1, 0, 200},     {AID_DO_KEEP, 12, 1, 0, 0},
    {AID_DO_STOP, 10, 1, 0, 0},       {AID_DO_OPEN, 8, 2, 0, 0},
    {AID_DO_KEY, 8, 4, 0, 0},         {AID_DO_ACTIVATE, 10, 1, 0, 0},
    {AID_DO_CLOCK, 8, 4, 0, 3600},    {AID_DO_PARAM, 20, 5, 0, 0},
    {AID_DO_COMMISSION, 8, 1, 0, 0},  {AID_DO_ARM, 20, 1, 0, 0},
    {AID_DO_SHUT, 8, 1, 0, 0},        {AID_DO_CLOSE, 4, 2, 0, 0},
    {AID_DO_IMPORT, 15, 3, 0, 5000},  {AID_DO_TEST, 5, 1, 0, 0},
    {AID_DO_RESET, 4, 1, 0, 0},       {AID_DO_RESET, 1, 2, 0, 0},
    {AID_DO_READ, 20, 1, 0, 0},       {AID_DO_REPEAT, 15, 3, 0, 0},
    {AID_DO_MANY, 1, 1, 1, 70},       {AID_DO_RECEIPTS, 4, 1, 0, 0},
};
#define HABITS (sizeof habits / sizeof habits[0])

/* What belongs together, so that the deep states are reached often enough. */
static const struct aid_do opening[] = {
    {AID_DO_KEY, 0, 0, 0},      {AID_DO_ACTIVATE, 0, 0, 0}, {AID_DO_OPEN, 0, 0, 0},
    {AID_DO_PURGE, 0, 20, 60},  {AID_DO_WAIT, 0, 0, 1500},  {AID_DO_PULSE, 0, 0, 4},
    {AID_DO_KEEP, 0, 0, 0},     {AID_DO_STOP, 0, 0, 0},     {AID_DO_CLEAR, 0, 0, 0},
    {AID_DO_CLOCK, 0, 0, 60},   {AID_DO_PARAM, 2, 1, 0},    {AID_DO_COMMISSION, 0, 0, 0},
};
static const struct aid_do gas[] = {
    {AID_DO_ISSUE, 0, 0, 3000}, {AID_DO_DELIVER, 0, 0, 0}, {AID_DO_ARM, 0, 0, 0},
    {AID_DO_BUTTON, 0, 0, 0},   {AID_DO_WAIT, 0, 0, 1500}, {AID_DO_PULSE, 0, 0, 1},
    {AID_DO_LEAP, 0, 0, 300},   {AID_DO_PULSE, 0, 0, 1},
};
static const struct aid_do purging[] = {
    {AID_DO_PURGE, 0, 9, 60},  {AID_DO_WAIT, 0, 0, 3000}, {AID_DO_KEEP, 0, 0, 0},
    {AID_DO_PULSE, 0, 0, 3},   {AID_DO_WAIT, 0, 0, 4000}, {AID_DO_KEEP, 0, 0, 0},
    {AID_DO_PULSE, 0, 0, 6},
};
static const struct aid_do leaving[] = {
    {AID_DO_SESSION, 6, 0, 0}, {AID_DO_CLOSE, 1, 0, 0}, {AID_DO_PULSE, 0, 0, 3},
    {AID_DO_SESSION, 0, 0, 0}, {AID_DO_RESET, 0, 0, 0},
};
static const struct aid_do whole_volume[] = {
    {AID_DO_PURGE, 0, 30, 60}, {AID_DO_WAIT, 0, 0, 1500}, {AID_DO_PULSE, 0, 0, 30},
    {AID_DO_WAIT, 0, 0, 3000}, {AID_DO_PURGE, 0, 30, 60}, {AID_DO_PULSE, 0, 0, 29},
    {AID_DO_WAIT, 0, 0, 8000}, {AID_DO_PURGE, 0, 2, 60},
};
static const struct aid_do too_late[] = {
    {AID_DO_PARAM, 0, MC_PARAM_ARMING_TIME, 0}, {AID_DO_ISSUE, 0, 0, 3000},
    {AID_DO_DELIVER, 0, 0, 0}, {AID_DO_ARM, 0, 0, 0}, {AID_DO_LEAP, 0, 0, 10},
    {AID_DO_BUTTON, 0, 0, 0},
};
static const struct aid_do too_much[] = {
    {AID_DO_ISSUE, 0, 0, 3000}, {AID_DO_DELIVER, 0, 0, 0},
    {AID_DO_PARAM, 0, MC_PARAM_BALANCE_MAX, 0}, {AID_DO_ISSUE, 0, 0, 0},
    {AID_DO_DELIVER, 0, 0, 0}, {AID_DO_ISSUE, 3, 0, 500}, {AID_DO_DELIVER, 0, 0, 0},
    {AID_DO_ISSUE, 0, 0, 1}, {AID_DO_DELIVER, 0, 0, 0}, {AID_DO_SESSION, 7, 1, 0},
    {AID_DO_IMPORT, 0, 0, 1}, {AID_DO_IMPORT, 1, 0, 1},
};
static const struct aid_do forgetting[] = {
    {AID_DO_SESSION, 0, 0, 0}, {AID_DO_MANY, 0, 0, AID_MODEL_KEPT + 1},
    {AID_DO_REPEAT, 0, AID_MODEL_KEPT - 1, 0}, {AID_DO_REPEAT, 0, AID_MODEL_KEPT, 0},
};
static const struct aid_do scrapping[] = {
    {AID_DO_SESSION, 0, 0, 0}, {AID_DO_CLOSE, 0, 0, 0}, {AID_DO_RESET, 1, 0, 0},
};
static const struct aid_do taking_over[] = {
    {AID_DO_SESSION, 7, 1, 0}, {AID_DO_IMPORT, 0, 0, 700}, {AID_DO_IMPORT, 0, 0, 700},
};
static const struct {
    const struct aid_do *steps;
    size_t n;
} runs[] = {
    {opening, sizeof opening / sizeof opening[0]},
    {gas, sizeof gas / sizeof gas[0]},
    {leaving, sizeof leaving / sizeof leaving[0]},
    {taking_over, sizeof taking_over / sizeof taking_over[0]},
    {gas, sizeof gas / sizeof gas[0]},
    {purging, sizeof purging / sizeof purging[0]},
    {scrapping, sizeof scrapping / sizeof scrapping[0]},
    {forgetting, sizeof forgetting / sizeof forgetting[0]},
    {whole_volume, sizeof whole_volume / sizeof whole_volume[0]},
    {too_late, sizeof too_late / sizeof too_late[0]},
    {too_much, sizeof too_much / sizeof too_much[0]},
};
#define RUNS (sizeof runs / sizeof runs[0])

static struct aid_do make_step(struct aid_random *r)
{
    unsigned total = 0, at;
    const struct habit *h = habits;
    struct aid_do d = {0};
    uint64_t bits = aid_random_next(r);

    for (size_t i = 0; i < HABITS; i++)
        total += habits[i].weight;
    for (at = (unsigned)(bits % total); at >= h->weight; h++)
        at -= h->weight;
    bits = aid_random_next(r);
    d.kind = h->kind;
    d.how = (uint8_t)(bits % h->hows);
    d.pick = (uint16_t)(bits >> 8 & 63);
    if (h->kind == AID_DO_DELIVER && (bits >> 16 & 3) != 0)
        d.pick = 0;
    if (h->kind == AID_DO_REPEAT && (bits >> 16 & 3) == 0)
        d.pick = (uint16_t)(58 + (bits >> 18 & 15));    /* about the oldest that is remembered */
    d.n = h->least + (uint32_t)((bits >> 24) % ((uint64_t)h->most - h->least + 1));
    return d;
}

void aid_sequence_make(uint64_t seed, struct aid_sequence *ret)
{
    /* Scattered first: neighbouring states of the generator give one stream, a step apart. */
    struct aid_random scatter = {.state = seed}, r;
    uint64_t bits;
    size_t n;

    r.state = aid_random_next(&scatter);
    r.state = r.state << 32 ^ aid_random_next(&r);
    bits = aid_random_next(&r);
    n = 20 + bits % 41;
    memset(ret, 0, sizeof *ret);
    ret->start = (uint8_t)((bits >> 8) % 12);
    if (ret->start >= AID_STARTS)
        ret->start = 5;                 /* most of a life is service */
    ret->radio = (bits >> 16) % 8 == 0;
    while (ret->n < n) {
        bits = aid_random_next(&r);
        if (bits % 12 == 0) {
            const size_t run = (bits >> 8) % RUNS;

            for (size_t i = 0; i < runs[run].n && ret->n < AID_SEQUENCE_MAX; i++)
                ret->steps[ret->n++] = runs[run].steps[i];
        } else {
            ret->steps[ret->n++] = make_step(&r);
        }
    }
}

/* ---- shortening ---- */

/* What is made shorter, and how it fails: its words up to the first number. */
struct failing {
    struct aid_players *players;
    struct aid_sequence *s;
    char why[240];
    size_t same;
};

static bool fails(const struct failing *f, const struct aid_sequence *s)
{
    char why[sizeof f->why];
    size_t at;

    return !aid_play(f->players, s, why, sizeof why, &at) && strncmp(why, f->why, f->same) == 0;
}

/* Leave out n steps at `at`, if it still fails. */
static bool cut(const struct failing *f, size_t at, size_t n)
{
    struct aid_sequence *s = f->s, shorter = *s;

    memmove(&shorter.steps[at], &shorter.steps[at + n],
            (s->n - at - n) * sizeof shorter.steps[0]);
    shorter.n -= n;
    if (!fails(f, &shorter))
        return false;
    *s = shorter;
    return true;
}

/* Give step i smaller numbers, if it still fails. */
static bool simplify(const struct failing *f, size_t i)
{
    struct aid_sequence *s = f->s;
    const struct aid_do was = s->steps[i];
    const struct aid_do tries[] = {
        {was.kind, was.how, was.pick, 0},        {was.kind, was.how, was.pick, 1},
        {was.kind, was.how, was.pick, was.n / 2}, {was.kind, was.how, was.pick, was.n - was.n / 8},
        {was.kind, was.how, 0, was.n},           {was.kind, 0, was.pick, was.n},
    };

    for (size_t k = 0; k < sizeof tries / sizeof tries[0]; k++) {
        const struct aid_do *d = &tries[k];

        if (d->n + d->pick + d->how >= was.n + was.pick + was.how || d->n > was.n)
            continue;
        s->steps[i] = *d;
        if (fails(f, s))
            return true;
    }
    s->steps[i] = was;
    return false;
}

void aid_sequence_shrink(struct aid_players *p, struct aid_sequence *s)
{
    struct failing f = {.players = p, .s = s};
    struct aid_sequence direct = *s;
    bool shorter = true;
    size_t at;

    if (aid_play(p, s, f.why, sizeof f.why, &at))
        return;
    f.same = strcspn(f.why, "0123456789");
    direct.radio = false;
    if (s->radio && fails(&f, &direct))
        *s = direct;
    while (shorter) {
        shorter = false;
        for (size_t n = s->n / 2; n > 0; n /= 2)
            for (at = 0; at + n <= s->n;)
                if (cut(&f, at, n))
                    shorter = true;
                else
                    at += n;
        for (size_t i = 0; i < s->n; i++)
            while (simplify(&f, i))
                shorter = true;
    }
}

/* ---- showing and reading ---- */

void aid_sequence_print(const struct aid_sequence *s, FILE *to)
{
    static const char *const names[] = {
#define X(name, what) #name,
        AID_KINDS(X)
#undef X
    };
    static const char *const starts[AID_STARTS] = {
        "in the factory's state", "keyed", "with an account", "purged",
        "cleared", "in service", "in service, the journal's sector nearly full"};

    fprintf(to, "# a meter %s, %s\n", starts[s->start % AID_STARTS],
            s->radio ? "through the link" : "its commands alone");
    for (size_t i = 0; i < s->n; i++) {
        const struct aid_do *d = &s->steps[i];

        fprintf(to, "#   %zu. %s how %u, pick %u, n %u\n", i + 1, names[d->kind % AID_KINDS_COUNT],
                d->how, d->pick, d->n);
    }
}

void aid_sequence_write(const struct aid_sequence *s, FILE *to)
{
    fprintf(to, "%u.%u", s->start, s->radio);
    for (size_t i = 0; i < s->n; i++)
        fprintf(to, ",%u.%u.%u.%u", s->steps[i].kind, s->steps[i].how, s->steps[i].pick,
                s->steps[i].n);
}

/* A number and what follows it. */
static bool take(const char **text, char after, unsigned long *ret)
{
    char *end;

    *ret = strtoul(*text, &end, 10);
    if (end == *text || (after != '\0' && *end != after))
        return false;
    *text = end + (after != '\0');
    return true;
}

bool aid_sequence_read(const char *text, struct aid_sequence *ret)
{
    unsigned long v[4];

    memset(ret, 0, sizeof *ret);
    if (!take(&text, '.', &v[0]) || !take(&text, '\0', &v[1]))
        return false;
    ret->start = (uint8_t)v[0];
    ret->radio = v[1] != 0;
    while (*text == ',' && ret->n < AID_SEQUENCE_MAX) {
        text++;
        for (int i = 0; i < 4; i++)
            if (!take(&text, i < 3 ? '.' : '\0', &v[i]))
                return false;
        ret->steps[ret->n++] = (struct aid_do){(uint8_t)v[0], (uint8_t)v[1], (uint16_t)v[2],
                                               (uint32_t)v[3]};
    }
    return *text == '\0';
}
