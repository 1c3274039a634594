#ifndef GF_TESTS_AID_MATRIX_H
#define GF_TESTS_AID_MATRIX_H
/*
 * The command table once more, written by hand from the contract of the meter and not from its
 * code: which states allow a command, which right it needs, and what else; and what that makes of a
 * situation.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meter-core/proto/meter.pb.h"

/* What a command needs and may; bits of aid_rule.needs. */
enum {
    CHANGES = 1,        /* costs a use, yields a receipt */
    ACCOUNT = 2,        /* an account is open */
    SHUT = 4,           /* the valve is shut for certain, and no grant alive */
    POWER = 8,          /* battery and temperature are good */
    TIME = 16,          /* the clock is valid */
    SETTINGS = 32,      /* parameters were set */
    FACTORY = 64,       /* a factory ticket may send it */
    TIMELESS = 128,     /* allowed with a clock that is lost */
    SUPERVISED = 256,   /* in service it needs a supervisor's right too */
    NEVER = 512,        /* no client can send it */
    GRANTLESS = 1024    /* no purge grant is alive */
};
#define AID_EVERY_TICKET 32         /* has it */

struct aid_rule {
    gasm_Command id;
    int states;             /* bits of gasm_LifeState */
    int right;              /* gasm_Right or AID_EVERY_TICKET */
    int needs;
};

/* All rules in the order of their ids; *ret_n is their number. */
const struct aid_rule *aid_rules(size_t *ret_n);

/* ---- situations ---- */

enum clock { CLOCK_VALID, CLOCK_LOST, CLOCK_NEVER, CLOCKS };
enum account { ACCOUNT_OPEN, ACCOUNT_NONE, ACCOUNT_CLOSED, ACCOUNTS };
enum power { POWER_GOOD, POWER_BATTERY, POWER_COLD, POWER_HOT, POWERS };
enum uses { USES_LEFT, USES_COUNTED, USES_NONE, USES_NO_PLACE, USES };
enum valve {
    VALVE_SHUT,
    VALVE_OPEN,
    VALVE_MOVING,
    VALVE_UNKNOWN,
    VALVE_FAULT,
    VALVE_ORDERED_OPEN,     /* and the end switch says still that it is shut */
    VALVE_NOT_COMMANDED,    /* it says shut, and the motor has not taken the order */
    VALVE_GRANT,            /* shut, under a grant that is alive */
    VALVES
};

/* Zero is what forbids nothing, but for the state. */
struct aid_situation {
    unsigned life;
    uint32_t denied;        /* rights that the ticket has not */
    bool factory;
    enum clock clock;
    enum account account;
    enum valve valve;
    enum power power;
    bool no_settings;
    enum uses uses;
};

struct aid_words {
    gasm_Stage stage;
    uint32_t words;         /* bits of gasm_Refusal: one of them is said; 0: it is allowed */
};

/* What forbids a command in a situation: the words of the first stage at which anything does. */
struct aid_words aid_rule_judge(const struct aid_rule *r, const struct aid_situation *s);

/* The bits of all commands that are allowed in it. */
uint32_t aid_rules_allowed(const struct aid_situation *s);

#endif
