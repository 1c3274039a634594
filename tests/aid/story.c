/* story.c - one seed's head office, and what happens to it; see story.h. */
#include "tests/aid/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backend/office_register.h"
#include "backend/provider.h"
#include "tests/aid/store_vfs.h"

#define DAY_MS (86400 * INT64_C(1000))
#define SESSION_MS (25 * DAY_MS) /* then customers log in again */

/* ---- draws ---- */

uint64_t story_pick(struct story *y, uint64_t n)
{
    return n > 0 ? aid_random_next(&y->random) % n : 0;
}

bool story_one_in(struct story *y, uint64_t n)
{
    return story_pick(y, n) == 0;
}

void story_tell(struct story *y, const char *what, ...)
{
    va_list list;

    if (!y->trace)
        return;
    (void)printf("# %u: ", y->at);
    va_start(list, what);
    (void)vprintf(what, list);
    va_end(list);
    (void)printf("\n");
    (void)fflush(stdout);
}

void story_id(struct story *y, char ret[static STORY_ID])
{
    uint8_t id[GF_UUID_LEN];

    assert_int_equal(gf_uuid7(&y->s.a.clock, &y->office_random, id), 0);
    gf_uuid_text(id, ret);
}

/* ---- head office ---- */

json_t *story_call(struct story *y, const char *method, const char *path, const char *who,
                   json_t *json, int *status)
{
    const struct oaid_request r = {
        .method = method, .path = path, .who = who, .json = json, .status = status
    };

    return oaid_request(&y->s.a, &r, 200);
}

int64_t story_number(struct story *y, const char *sql, const struct odb_value *values, size_t n)
{
    int64_t ret = 0;

    if (odb_number(y->s.a.o->db, &ret, sql, values, n) < 0)
        fail_msg("%s", sql);
    return ret;
}

struct story_meter *story_at(struct story *y, int place)
{
    return y->places[place].meter < 0 ? NULL : &y->meters[y->places[place].meter];
}

struct story_place *story_some_place(struct story *y)
{
    return &y->places[story_pick(y, STORY_PLACES)];
}

const char *story_session(struct story *y, int place)
{
    const char *customer = y->places[place].customer;
    const int who = strcmp(customer, "C-1001") == 0 ? 0 : 1;
    char *session = y->sessions[who];

    if (session[0] == '\0' && story_at(y, place) != NULL) {
        oaid_session(&y->s.a, customer, session);
        y->session_ms[who] = y->s.a.utc_ms;
    }
    if (session[0] == '\0')
        return NULL;
    if (y->s.a.utc_ms - y->session_ms[who] > SESSION_MS) {
        char login[64];
        json_t *json;

        (void)snprintf(login, sizeof login, "login-%s", customer);
        json = story_call(y, "POST", "/v1/customer/login", "",
                          json_pack("{s:s, s:s}", "login", login, "password",
                                    "correct horse battery"),
                          NULL);
        memcpy(session, oaid_text(json, "token"), 65);
        json_decref(json);
        y->session_ms[who] = y->s.a.utc_ms;
    }
    return session;
}

/* ---- time ---- */

void story_pass(struct story *y, int64_t ms)
{
    int64_t latest = y->s.a.utc_ms;

    for (size_t i = 0; i < y->n_meters; i++)
        if (y->meters[i].m.w->utc_ms > latest)
            latest = y->meters[i].m.w->utc_ms;
    latest += ms;
    y->s.a.mono_ms += latest - y->s.a.utc_ms;
    y->s.a.utc_ms = latest;
    for (size_t i = 0; i < y->n_meters; i++)
        aid_world_leap(y->meters[i].m.w, latest - y->meters[i].m.w->utc_ms);
}

static void pass(struct story *y)
{
    static const int64_t spans[] = { 60 * 1000, 3600 * 1000, DAY_MS / 2, DAY_MS };
    int64_t ms = spans[story_pick(y, 4)];

    if (story_one_in(y, 6))
        ms = 31 * DAY_MS; /* the month is over */
    story_tell(y, "time passes: %lld s", (long long)(ms / 1000));
    story_pass(y, ms);
}

/* ---- begin, step, end ---- */

static int add_provider(struct site *s, void *ctx)
{
    uint8_t secret[HO_KEY_LEN];

    (void)ctx;
    memset(secret, 0x5A, sizeof secret);
    return provider_add(s->a.o, "demo", secret, "V001");
}

void story_begin(struct story *y, uint64_t seed, unsigned steps)
{
    static const char *const points[STORY_PLACES] = { "SP-0001", "SP-0002", "SP-0009" },
                             *const customers[STORY_PLACES] = { "C-1001", "C-1002", "C-1001" };

    memset(y, 0, sizeof *y);
    y->seed = seed;
    y->steps = steps;
    y->trace = getenv("STORY_TRACE") != NULL;
    y->random.state = seed * 7919 + 1;
    y->office_state.state = seed * 104729 + 7;
    y->office_random = aid_random_port(&y->office_state);
    store_vfs_install();
    site_new(&y->s);
    y->s.a.ports.random = &y->office_random;
    oaid_office_restart(&y->s.a);
    site_must(&y->s, site_transact(&y->s, add_provider, NULL));
    assert_int_equal(oaid_import_customers(&y->s.a,
                                           "customer_no,name,phone,supply_point,address\n"
                                           "C-1001,Ada Marchetti,+44 20 7946 0101,SP-0009,"
                                           "9 Canal Street\n"),
                     0);
    oaid_staff(&y->s.a, "C001", "clerk", y->clerk);
    oaid_staff(&y->s.a, "V001", "supervisor", y->chief);
    oaid_staff(&y->s.a, "V002", "supervisor", y->chief2);
    oaid_staff(&y->s.a, "K001", "key-officer", y->officer);
    oaid_staff(&y->s.a, "A001", "auditor", y->auditor);
    oaid_laptop_new(&y->supervisors, &y->s.a, "V001");
    for (int i = 0; i < STORY_PLACES; i++)
        y->places[i] = (struct story_place){
            .point = points[i], .customer = customers[i], .meter = -1, .next = -1
        };
    story_open(y);
    story_open(y);
    story_check(y);
}

/* What happens, and how often. */
static const struct {
    const char *name;
    void (*run)(struct story *y);
    unsigned weight;
} operations[] = {
    { "pay", story_pay, 14 },           { "webhook", story_webhook, 12 },
    { "give", story_give, 16 },         { "deliver", story_deliver, 18 },
    { "refund", story_refund, 6 },      { "correct", story_correct, 5 },
    { "tariff", story_tariff, 1 },      { "broken sale", story_broken_sale, 3 },
    { "open", story_open, 1 },          { "swap", story_swap, 9 },
    { "remove", story_remove, 1 },      { "clear", story_clear, 1 },
    { "maintain", story_maintain, 2 },  { "bench", story_bench, 2 },
    { "use gas", story_use_gas, 8 },    { "pass", pass, 4 },
    { "restart", story_restart, 2 },    { "rotate", story_rotate, 1 },
    { "revoke", story_revoke, 2 },      { "fall", story_fall, 3 },
    { "restore", story_restore, 1 },    { "put back", story_put_back, 6 },
};

void story_step(struct story *y)
{
    unsigned all = 0, at;

    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        all += operations[i].weight;
    at = (unsigned)story_pick(y, all);
    for (size_t i = 0;; i++) {
        if (at < operations[i].weight) {
            story_tell(y, "-- %s", operations[i].name);
            operations[i].run(y);
            break;
        }
        at -= operations[i].weight;
    }
    story_pass(y, 1000);
    story_check(y);
    y->at++;
}

void story_finish(struct story *y)
{
    story_end_field(y);
    story_end_money(y);
    story_end_field(y);
    story_check(y);
    story_check_end(y);
}

void story_end(struct story *y)
{
    for (size_t i = 0; i < y->n_meters; i++)
        site_meter_end(&y->meters[i].m);
    site_end(&y->s);
    store_vfs_remove();
}
