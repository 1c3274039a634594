/* words.c - the words for what a meter says; see procedure.h. */
#include "field/procedure.h"

static const char *word(const char *const *words, size_t n, unsigned i)
{
    return i < n && words[i] != NULL ? words[i] : "unknown";
}
#define WORD(words, i) word(words, sizeof(words) / sizeof *(words), (unsigned)(i))

const char *refusal_text(gasm_Refusal refusal)
{
    static const char *const words[] = {
        [gasm_Refusal_OK] = "accepted",
        [gasm_Refusal_FORMAT] = "FORMAT: not in the form that the meter expects",
        [gasm_Refusal_OLD] = "OLD: older than what the meter has seen",
        [gasm_Refusal_USED] = "USED: the ticket's uses are used up",
        [gasm_Refusal_WRONG_METER] = "WRONG_METER: made for another meter",
        [gasm_Refusal_KEY_EXPIRED] = "KEY_EXPIRED: made under a key that is no longer active",
        [gasm_Refusal_RANGE] = "RANGE: a value outside its permitted range",
        [gasm_Refusal_OVERFLOW] = "OVERFLOW: more than the meter may hold",
        [gasm_Refusal_STATE] = "STATE: not in the meter's present state",
        [gasm_Refusal_RIGHT] = "RIGHT: the ticket does not give this right",
        [gasm_Refusal_LOCKED_OUT] = "LOCKED_OUT: too many wrong tries; wait",
        [gasm_Refusal_BATTERY] = "BATTERY: the meter's battery is too low",
        [gasm_Refusal_TEMPERATURE] = "TEMPERATURE: too cold or too hot for the valve",
        [gasm_Refusal_CLOCK] = "CLOCK: outside the ticket's time, or the clock is not valid",
        [gasm_Refusal_MISMATCH] = "MISMATCH: the same id with other content",
        [gasm_Refusal_NVM] = "NVM: the meter could not store it; nothing was done",
        [gasm_Refusal_PROOF] = "PROOF: the proof is wrong",
        [gasm_Refusal_BUSY] = "BUSY: the valve is moving, or asked too soon",
    };

    return WORD(words, refusal);
}

const char *right_text(unsigned right)
{
    static const char *const words[] = {
        [gasm_Right_RIGHT_READ] = "READ",
        [gasm_Right_RIGHT_KEY] = "KEY",
        [gasm_Right_RIGHT_OPEN] = "OPEN",
        [gasm_Right_RIGHT_PURGE] = "PURGE",
        [gasm_Right_RIGHT_CLEAR] = "CLEAR",
        [gasm_Right_RIGHT_CLOCK] = "CLOCK",
        [gasm_Right_RIGHT_PARAMETERS] = "PARAMETERS",
        [gasm_Right_RIGHT_COMMISSION] = "COMMISSION",
        [gasm_Right_RIGHT_SUPERVISE] = "SUPERVISE",
        [gasm_Right_RIGHT_RECHARGE] = "RECHARGE",
        [gasm_Right_RIGHT_VALVE] = "VALVE",
        [gasm_Right_RIGHT_UNLOCK] = "UNLOCK",
        [gasm_Right_RIGHT_CLOSE] = "CLOSE",
        [gasm_Right_RIGHT_IMPORT] = "IMPORT",
        [gasm_Right_RIGHT_TEST] = "TEST",
        [gasm_Right_RIGHT_BENCH] = "BENCH",
        [gasm_Right_RIGHT_NEVER] = "nobody",
    };

    return WORD(words, right);
}

const char *life_text(gasm_LifeState state)
{
    static const char *const words[] = {
        [gasm_LifeState_FACTORY] = "new from the factory",
        [gasm_LifeState_KEYED] = "has its key",
        [gasm_LifeState_PURGED] = "purged",
        [gasm_LifeState_CLEARED] = "cleared",
        [gasm_LifeState_IN_SERVICE] = "in service",
        [gasm_LifeState_CLOSED] = "account closed",
        [gasm_LifeState_SCRAPPED] = "scrapped",
    };

    return WORD(words, state);
}

const char *valve_text(gasm_ValveState valve)
{
    static const char *const words[] = {
        [gasm_ValveState_VALVE_SHUT] = "shut",
        [gasm_ValveState_VALVE_OPEN] = "open",
        [gasm_ValveState_VALVE_MOVING] = "moving",
        [gasm_ValveState_VALVE_FAULT] = "faulty",
    };

    return WORD(words, valve);
}

const char *purge_end_text(gasm_PurgeEnd end)
{
    static const char *const words[] = {
        [gasm_PurgeEnd_PURGE_NOT_ENDED] = "not ended",
        [gasm_PurgeEnd_PURGE_STOPPED] = "stopped by the operator",
        [gasm_PurgeEnd_PURGE_VOLUME] = "the granted volume has flowed",
        [gasm_PurgeEnd_PURGE_TIME] = "the granted time is over",
        [gasm_PurgeEnd_PURGE_PRESENCE] = "nobody confirmed to be present",
        [gasm_PurgeEnd_PURGE_LINK] = "the radio link was lost",
        [gasm_PurgeEnd_PURGE_RESET] = "the meter lost its power",
        [gasm_PurgeEnd_PURGE_FAULT] = "valve, battery or temperature",
    };

    return WORD(words, end);
}
