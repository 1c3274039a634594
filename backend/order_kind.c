/* order_kind.c - the table of the kinds of work orders; see order_kind.h. */
#include "backend/order_kind.h"

#include <string.h>

#include "backend/office_words.h"

#define R(name) (1u << gasm_Right_RIGHT_##name)
#define S(name) (1u << gasm_LifeState_##name)
#define NEW_ONE (S(FACTORY) | S(KEYED) | S(PURGED) | S(CLEARED))
#define OPENING (S(KEYED) | S(PURGED) | S(CLEARED))
#define COMMISSIONING                                                                              \
    (R(READ) | R(OPEN) | R(PURGE) | R(CLEAR) | R(CLOCK) | R(PARAMETERS) | R(COMMISSION))

/* A meter whose clock was lost takes little before it is set: so whoever changes something at it
 * may set the clock. An inspector does not: a lost clock is a finding. */
const struct order_kind order_kinds[] = {
    { .name = "account-opening",
      .what = "a new meter gets key and account, and is commissioned",
      .states = NEW_ONE,
      .new_account = true,
      .new_key = true,
      .purges = true,
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_INSTALLER, R(READ) | R(KEY) },
                   { ORDER_METER, EPOCH_OF_WORK, gasm_Role_INSTALLER, COMMISSIONING } },
      .n_tickets = 2 },
    { .name = "swap",
      .what = "another meter takes the place of the old one, and its credit",
      .states = NEW_ONE,
      .new_account = true,
      .new_key = true,
      .purges = true,
      .swaps = true,
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_SWAP, R(READ) | R(KEY) },
                   { ORDER_METER, EPOCH_OF_WORK, gasm_Role_SWAP,
                     COMMISSIONING | R(TEST) | R(IMPORT) | R(RECHARGE) },
                   { ORDER_OLD_METER, EPOCH_BEFORE, gasm_Role_SWAP,
                     R(READ) | R(CLOCK) | R(CLOSE) } },
      .n_tickets = 3 },
    { .name = "zero-clear",
      .what = "the credit on a meter is removed",
      .states = S(PURGED) | S(CLEARED) | S(IN_SERVICE),
      .supervised = true,
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_SUPERVISOR,
                     R(READ) | R(CLOCK) | R(CLEAR) | R(SUPERVISE) } },
      .n_tickets = 1 },
    { .name = "parameters",
      .what = "clock and parameters are set",
      .states = OPENING | S(IN_SERVICE),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_MAINTENANCE,
                     R(READ) | R(CLOCK) | R(PARAMETERS) } },
      .n_tickets = 1 },
    { .name = "purge",
      .what = "a meter that is not in service yet is purged again",
      .states = OPENING,
      .purges = true,
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_INSTALLER,
                     R(READ) | R(CLOCK) | R(PURGE) } },
      .n_tickets = 1 },
    { .name = "query",
      .what = "everything that the meter knows is read",
      .states = OPENING | S(IN_SERVICE) | S(CLOSED) | S(SCRAPPED),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_INSPECTOR, R(READ) } },
      .n_tickets = 1 },
    { .name = "inspection",
      .what = "the periodic inspection: everything is read, the meter tests itself",
      .states = OPENING | S(IN_SERVICE),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_INSPECTOR, R(READ) | R(TEST) } },
      .n_tickets = 1 },
    { .name = "maintenance",
      .what = "a fault is looked for and mended; locks are lifted",
      .states = OPENING | S(IN_SERVICE),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_MAINTENANCE,
                     R(READ) | R(CLOCK) | R(PARAMETERS) | R(VALVE) | R(UNLOCK) | R(TEST)
                         | R(RECHARGE) } },
      .n_tickets = 1 },
    { .name = "removal",
      .what = "the account is closed and the meter taken away, none comes instead",
      .states = S(IN_SERVICE),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_MAINTENANCE,
                     R(READ) | R(CLOCK) | R(CLOSE) } },
      .n_tickets = 1 },
    { .name = "bench-reset",
      .what = "a meter that was taken away is read, closed if it was not, and made new",
      .states = S(IN_SERVICE) | S(CLOSED),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_BENCH,
                     R(READ) | R(CLOCK) | R(CLOSE) | R(TEST) | R(BENCH) } },
      .n_tickets = 1 },
    { .name = "scrapping",
      .what = "a meter that was taken away ends for good",
      .states = S(CLOSED),
      .tickets = { { ORDER_METER, EPOCH_BEFORE, gasm_Role_BENCH,
                     R(READ) | R(CLOCK) | R(BENCH) } },
      .n_tickets = 1 },
};
const size_t order_n_kinds = sizeof order_kinds / sizeof order_kinds[0];

const struct order_kind *order_kind_find(const char *name)
{
    for (size_t i = 0; i < order_n_kinds; i++)
        if (strcmp(order_kinds[i].name, name) == 0)
            return &order_kinds[i];
    return NULL;
}

/* ---- words ---- */

const char *order_right_word(unsigned right)
{
    static const char *const words[] = {
        [gasm_Right_RIGHT_READ] = "read",
        [gasm_Right_RIGHT_KEY] = "install key",
        [gasm_Right_RIGHT_OPEN] = "open account",
        [gasm_Right_RIGHT_PURGE] = "purge",
        [gasm_Right_RIGHT_CLEAR] = "zero-clear",
        [gasm_Right_RIGHT_CLOCK] = "set clock",
        [gasm_Right_RIGHT_PARAMETERS] = "set parameters",
        [gasm_Right_RIGHT_COMMISSION] = "commission",
        [gasm_Right_RIGHT_SUPERVISE] = "zero-clear in service",
        [gasm_Right_RIGHT_RECHARGE] = "recharge",
        [gasm_Right_RIGHT_VALVE] = "arm and close the valve",
        [gasm_Right_RIGHT_UNLOCK] = "lift locks",
        [gasm_Right_RIGHT_CLOSE] = "close account",
        [gasm_Right_RIGHT_IMPORT] = "import credit",
        [gasm_Right_RIGHT_TEST] = "self-test",
        [gasm_Right_RIGHT_BENCH] = "reset or scrap",
    };

    return right < sizeof words / sizeof words[0] ? words[right] : NULL;
}

const char *order_role_word(gasm_Role role)
{
    static const char *const words[] = {
        [gasm_Role_ROLE_NONE] = "none",           [gasm_Role_INSTALLER] = "installer",
        [gasm_Role_SWAP] = "swap",                [gasm_Role_MAINTENANCE] = "maintenance",
        [gasm_Role_SUPERVISOR] = "supervisor",    [gasm_Role_INSPECTOR] = "inspector",
        [gasm_Role_CUSTOMER] = "customer",        [gasm_Role_BENCH] = "bench",
    };

    return words[role];
}

/* ---- the page's tables ---- */

void order_kinds_print(struct buf *ret)
{
    buf_text(ret, "| kind | what | the meter is registered as |\n|---|---|---|\n");
    for (size_t i = 0; i < order_n_kinds; i++) {
        const struct order_kind *k = &order_kinds[i];
        const char *between = "";

        buf_print(ret, "| `%s` | %s%s | ", k->name, k->what,
                  k->supervised ? "; a supervisor's work" : "");
        for (unsigned s = gasm_LifeState_FACTORY; s <= gasm_LifeState_SCRAPPED; s++) {
            if ((k->states >> s & 1) == 0)
                continue;
            buf_print(ret, "%s%s", between, ho_life_word(s));
            between = ", ";
        }
        buf_text(ret, " |\n");
    }
}

static void print_ticket(struct buf *ret, const struct order_kind *k, const struct order_ticket *t)
{
    const char *between = "";

    buf_print(ret, "| `%s` | %s | %s | %s | ", k->name,
              t->of == ORDER_OLD_METER ? "old"
              : k->swaps               ? "new"
                                       : "its",
              t->epoch == EPOCH_BEFORE ? "before" : "of the work", order_role_word(t->role));
    for (unsigned r = 0; r < 32; r++) {
        if ((t->rights >> r & 1) == 0)
            continue;
        buf_print(ret, "%s%s", between, order_right_word(r));
        between = ", ";
    }
    buf_text(ret, " |\n");
}

void order_tickets_print(struct buf *ret)
{
    buf_text(ret, "| kind | meter | epoch | role | rights |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < order_n_kinds; i++)
        for (size_t t = 0; t < order_kinds[i].n_tickets; t++)
            print_ticket(ret, &order_kinds[i], &order_kinds[i].tickets[t]);
}
