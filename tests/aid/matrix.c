/* matrix.c - the command table once more, by hand; see matrix.h. */
#include "tests/aid/matrix.h"

enum {
    F = 1 << gasm_LifeState_FACTORY,
    K = 1 << gasm_LifeState_KEYED,
    P = 1 << gasm_LifeState_PURGED,
    C = 1 << gasm_LifeState_CLEARED,
    S = 1 << gasm_LifeState_IN_SERVICE,
    E = 1 << gasm_LifeState_CLOSED,
    X = 1 << gasm_LifeState_SCRAPPED
};

#define RULE(name, states, right, needs) {gasm_Command_##name, states, right, needs}
#define R(name) gasm_Right_RIGHT_##name

static const struct aid_rule rules[] = {
    RULE(IDENTIFY, F | K | P | C | S | E | X, AID_EVERY_TICKET, FACTORY | TIMELESS),
    RULE(INSTALL_KEY, F | K | P | C | S | E, R(KEY), CHANGES | GRANTLESS | FACTORY | TIMELESS),
    RULE(OPEN_ACCOUNT, K | P | C, R(OPEN), CHANGES | SHUT),
    RULE(PURGE_START, K | P | C, R(PURGE), CHANGES | ACCOUNT | SHUT | POWER),
    RULE(PURGE_KEEPALIVE, K | P | C, R(PURGE), 0),
    RULE(PURGE_STOP, K | P | C, R(PURGE), CHANGES | TIMELESS),
    RULE(ZERO_CLEAR, P | C | S, R(CLEAR), CHANGES | ACCOUNT | SHUT | SUPERVISED),
    RULE(SET_CLOCK, K | P | C | S | E, R(CLOCK), CHANGES | GRANTLESS | TIMELESS),
    RULE(SET_PARAMETERS, K | P | C | S, R(PARAMETERS), CHANGES | GRANTLESS),
    RULE(GET_PARAMETERS, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(COMMISSION, C, R(COMMISSION), CHANGES | ACCOUNT | SHUT | TIME | SETTINGS),
    RULE(READ_BALANCE, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(READ_RECEIPTS, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(KEY_ACTIVATED, 0, AID_EVERY_TICKET, NEVER),
    RULE(READ_HISTORY, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(READ_PURCHASES, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(READ_EVENTS, K | P | C | S | E | X, R(READ), TIMELESS),
    RULE(RECHARGE, C | S, R(RECHARGE), CHANGES | ACCOUNT | GRANTLESS | TIMELESS),
    RULE(VALVE_ARM, S, R(VALVE), CHANGES | ACCOUNT | POWER),
    RULE(VALVE_CLOSE, S, R(VALVE), CHANGES | TIMELESS),
    RULE(CLOSE_ACCOUNT, S, R(CLOSE), CHANGES | ACCOUNT),
    RULE(IMPORT_CREDIT, C | S, R(IMPORT), CHANGES | ACCOUNT | GRANTLESS),
    RULE(SELF_TEST, K | P | C | S | E, R(TEST), CHANGES | GRANTLESS),
    RULE(RESET_TO_FACTORY, E, R(BENCH), CHANGES | SHUT),
};

const struct aid_rule *aid_rules(size_t *ret_n)
{
    *ret_n = sizeof rules / sizeof rules[0];
    return rules;
}

static uint32_t word(bool broken, gasm_Refusal why)
{
    return broken ? 1u << why : 0;
}

static uint32_t valve_words(const struct aid_situation *s)
{
    return word(s->valve == VALVE_MOVING, gasm_Refusal_BUSY) |
           word(s->valve != VALVE_SHUT && s->valve != VALVE_MOVING, gasm_Refusal_STATE);
}

struct aid_words aid_rule_judge(const struct aid_rule *r, const struct aid_situation *s)
{
    const bool in_service = s->life == gasm_LifeState_IN_SERVICE;
    struct aid_words said = {gasm_Stage_STAGE_FORMAT,
                             word((r->needs & NEVER) != 0, gasm_Refusal_FORMAT)};

    if (said.words != 0)
        return said;
    said.stage = gasm_Stage_STAGE_AUTHENTICATION;
    said.words = word(s->factory && (r->needs & FACTORY) == 0, gasm_Refusal_RIGHT) |
                 word(r->right != AID_EVERY_TICKET && (s->denied >> r->right & 1) != 0,
                      gasm_Refusal_RIGHT) |
                 word(in_service && (r->needs & SUPERVISED) != 0 &&
                          (s->denied >> R(SUPERVISE) & 1) != 0,
                      gasm_Refusal_RIGHT) |
                 word(s->clock == CLOCK_LOST && (r->needs & TIMELESS) == 0, gasm_Refusal_CLOCK);
    if ((r->needs & CHANGES) != 0)
        said.words |= word(s->uses == USES_NONE, gasm_Refusal_USED) |
                      word(s->uses == USES_NO_PLACE, gasm_Refusal_OVERFLOW);
    if (said.words != 0)
        return said;
    said.stage = gasm_Stage_STAGE_VALIDATION;
    said.words = word((r->states >> s->life & 1) == 0, gasm_Refusal_STATE) |
                 word((r->needs & ACCOUNT) != 0 && s->account != ACCOUNT_OPEN,
                      gasm_Refusal_STATE) |
                 word((r->needs & GRANTLESS) != 0 && s->valve == VALVE_GRANT,
                      gasm_Refusal_STATE) |
                 word((r->needs & SETTINGS) != 0 && s->no_settings, gasm_Refusal_STATE) |
                 word((r->needs & TIME) != 0 && s->clock != CLOCK_VALID, gasm_Refusal_CLOCK);
    if ((r->needs & SHUT) != 0)
        said.words |= valve_words(s);
    if ((r->needs & POWER) != 0)
        said.words |= word(s->power == POWER_BATTERY, gasm_Refusal_BATTERY) |
                      word(s->power == POWER_COLD || s->power == POWER_HOT,
                           gasm_Refusal_TEMPERATURE);
    return said;
}

uint32_t aid_rules_allowed(const struct aid_situation *s)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        bits |= (uint32_t)(aid_rule_judge(&rules[i], s).words == 0) << rules[i].id;
    return bits;
}
