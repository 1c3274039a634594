/* office_words.c - words for numbers; see office_words.h. */
#include "backend/office_words.h"

#include <stddef.h>

#include "meter-core/proto/meter.pb.h"

static const char *word(const char *const *words, size_t n, int64_t i)
{
    return i >= 0 && (uint64_t)i < n && words[i] != NULL ? words[i] : "?";
}

const char *ho_life_word(int64_t life_state)
{
    static const char *const words[] = {
        [gasm_LifeState_LIFE_UNKNOWN] = "unknown", [gasm_LifeState_FACTORY] = "factory",
        [gasm_LifeState_KEYED] = "keyed",          [gasm_LifeState_PURGED] = "purged",
        [gasm_LifeState_CLEARED] = "cleared",      [gasm_LifeState_IN_SERVICE] = "in-service",
        [gasm_LifeState_CLOSED] = "closed",        [gasm_LifeState_SCRAPPED] = "scrapped",
    };

    return word(words, sizeof words / sizeof words[0], life_state);
}

const char *ho_command_word(int64_t command)
{
    static const char *const words[] = {
        [gasm_Command_IDENTIFY] = "identify",
        [gasm_Command_INSTALL_KEY] = "install-key",
        [gasm_Command_OPEN_ACCOUNT] = "open-account",
        [gasm_Command_PURGE_START] = "purge-start",
        [gasm_Command_PURGE_KEEPALIVE] = "purge-keepalive",
        [gasm_Command_PURGE_STOP] = "purge-stop",
        [gasm_Command_ZERO_CLEAR] = "zero-clear",
        [gasm_Command_SET_CLOCK] = "set-clock",
        [gasm_Command_SET_PARAMETERS] = "set-parameters",
        [gasm_Command_GET_PARAMETERS] = "get-parameters",
        [gasm_Command_COMMISSION] = "commission",
        [gasm_Command_READ_BALANCE] = "read-balance",
        [gasm_Command_READ_RECEIPTS] = "read-receipts",
        [gasm_Command_KEY_ACTIVATED] = "key-activated",
        [gasm_Command_READ_HISTORY] = "read-history",
        [gasm_Command_READ_PURCHASES] = "read-purchases",
        [gasm_Command_READ_EVENTS] = "read-events",
        [gasm_Command_RECHARGE] = "recharge",
        [gasm_Command_VALVE_ARM] = "valve-arm",
        [gasm_Command_VALVE_CLOSE] = "valve-close",
        [gasm_Command_CLOSE_ACCOUNT] = "close-account",
        [gasm_Command_IMPORT_CREDIT] = "import-credit",
        [gasm_Command_SELF_TEST] = "self-test",
        [gasm_Command_RESET_TO_FACTORY] = "reset-to-factory",
    };

    return word(words, sizeof words / sizeof words[0], command);
}
