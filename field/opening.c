/* opening.c - account opening, of a meter at a new place and of the one that comes in a swap: the
 * tables of their steps; see procedure.h. What a row cannot say is in opening_steps.c,
 * opening_office.c and purge.c.
 */
#include "field/run_inner.h"

enum {
    SCAN, FIND, CONNECT, HANDSHAKE, REGISTER, KEY, OPEN_ACCOUNT, PURGE, ZERO_CLEAR, SET_CLOCK,
    SET_PARAMETERS, READ_BACK, COMMISSION, OLD_METER, CERTIFICATE,
};

static const struct step rows[] = {
    [SCAN] = {
        .id = "scan",
        .title = "Scan the meter's label",
        .needs = NEEDS_ANSWER,
        .questions = {{"scan", ASK_LABEL, "Scan the square code on the meter's front.",
                       "Camera, image file or hand scanner; or type the meter id twice, with a "
                       "space between.",
                       NULL}},
        .verified = "The label's check, and the check digits of the meter id.",
        .refusal = "The code is not a meter's label, or is damaged: clean it, or type the id.",
        .help = "The scanned meter has to be the meter of the job.",
        .on = step_scan,
    },
    [FIND] = {
        .id = "find",
        .title = "Find the meter among the registered",
        .verified = "The scanned id is the job's, and head office has registered it.",
        .refusal = "Another meter: go to the right one. Not registered: call head office.",
        .help = "Compares the scanned meter with the job and with the registered meters on this "
                "laptop.",
        .on = step_find,
    },
    [CONNECT] = {
        .id = "connect",
        .title = "Connect",
        .needs = NEEDS_LINK,
        .verified = "The meter id that the meter itself shows is the job's.",
        .refusal = "Not heard: go nearer, and look whether the meter is on.",
        .help = "Stay near the meter. A lost link is made again by itself.",
        .on = step_connect,
    },
    [HANDSHAKE] = {
        .id = "handshake",
        .title = "Handshake",
        .needs = NEEDS_SESSION,
        .verified = "Both sides prove that they know the ticket's key.",
        .refusal = "The ticket is refused: synchronise for a new one. A wrong proof: do not go on, "
                   "report the meter.",
        .help = "Meter and laptop prove themselves to each other with the ticket of head office.",
        .on = step_handshake,
    },
    [REGISTER] = {
        .id = "register",
        .title = "Register at head office",
        .needs = NEEDS_SESSION | NEEDS_OFFICE,
        .verified = "Head office's signed acknowledgement; without a network the record is queued.",
        .refusal = "What the meter or the job says differs from what is registered: head office "
                   "corrects it, then try again.",
        .help = "Sends customer, supply point, account and the meter's state to be compared with "
                "what is registered.",
        .on = step_register,
    },
    [KEY] = {
        .id = "key",
        .title = "Give the meter its key",
        .needs = NEEDS_SESSION,
        .verified = "A handshake under the new key; the meter's receipt of its activation.",
        .refusal = "The key was not made for this meter, or is older than the one it has: "
                   "synchronise, then try again.",
        .help = "Forwards the sealed key of head office. This laptop cannot open it.",
        .op = &opening_key_op,
        .on = step_key,
    },
    [OPEN_ACCOUNT] = {
        .id = "open-account",
        .title = "Open the account on the meter",
        .needs = NEEDS_SESSION,
        .verified = "The account number is read back.",
        .refusal = "The ticket names another account, or the meter has one: call head office.",
        .help = "Writes the account number of the job to the meter.",
        .op = &opening_open_op,
        .on = step_change,
    },
    [PURGE] = {
        .id = "purge",
        .title = "Purge with gas",
        .needs = NEEDS_SESSION | NEEDS_ANSWER,
        .questions = {
            {"ventilation", ASK_YES,
             "Is the place ventilated, and the outlet of the purge in the open?",
             "Open windows and doors. Nobody smokes. Answer no to stop here.", NULL},
            {"ignition", ASK_YES, "Is every source of ignition away or switched off?",
             "Flames, switches, telephones, tools. Answer no to stop here.", NULL},
            {"purge", ASK_WORD, "Gas will flow. Type the word to open the valve.",
             "Stay at the outlet. Confirm every 30 s that you are there; else the valve closes.",
             "PURGE"},
        },
        .verified = "The receipt of the end says what flowed; the valve is read back shut.",
        .refusal =
            "Battery, temperature or the ticket's volume: do as the reason says, then try again.",
        .help = "The valve closes by itself when the volume has flowed, the time is over, the link "
                "is lost or nobody confirms.",
        .own_failures = true,
        .on = step_purge,
    },
    [ZERO_CLEAR] = {
        .id = "zero-clear",
        .title = "Clear the residual",
        .needs = NEEDS_SESSION | NEEDS_ANSWER,
        .questions = {
            {"zero-clear", ASK_YES, "Clear the residual shown to zero?",
             "The meter's index stays as it is; only credit is cleared. Answer no to stop here.",
             NULL},
        },
        .verified = "The residual is read back.",
        .refusal = "The residual changed since it was shown: look at it again, then try again.",
        .help = "Shows the residual, clears it, reads it back.",
        .op = &opening_clear_op,
        .on = step_change,
    },
    [SET_CLOCK] = {
        .id = "set-clock",
        .title = "Set the clock",
        .needs = NEEDS_SESSION,
        .verified = "The meter's clock is read back: at most 2 s off this laptop's.",
        .refusal = "This laptop's clock is outside the ticket's time: set it, then try again.",
        .help = "Sets the meter's clock from this laptop's.",
        .op = &opening_clock_op,
        .on = step_change,
    },
    [SET_PARAMETERS] = {
        .id = "set-parameters",
        .title = "Set the parameters",
        .needs = NEEDS_SESSION,
        .verified = "Each parameter is read back and compared with the job.",
        .refusal = "A value is outside its range: head office corrects the job. Nothing was set.",
        .help = "Shows what the meter has beside what the job says, and writes the job's.",
        .op = &opening_params_op,
        .on = step_change,
    },
    [READ_BACK] = {
        .id = "read-back",
        .title = "Read everything back",
        .needs = NEEDS_SESSION,
        .verified = "Account, balance and parameters are compared with the job.",
        .refusal = "The meter does not hold what it was given: try again, then report the meter.",
        .help = "Reads balance and parameters once more.",
        .on = step_read_back,
    },
    [COMMISSION] = {
        .id = "commission",
        .title = "Commission",
        .needs = NEEDS_SESSION,
        .verified = "The meter's state is read back: in service.",
        .refusal = "Clock or parameters are missing, or the valve is open: do as the reason says.",
        .help = "Puts the meter into service. Its valve stays shut until the customer arms it.",
        .op = &opening_commission_op,
        .on = step_change,
    },
    [OLD_METER] = {
        .id = "old-meter",
        .title = "Look after the old meter",
        .needs = NEEDS_ANSWER,
        .questions = {
            {"old-meter", ASK_YES, "Is the old meter's account closed, and its credit moved?",
             "On its page: close_account; on the new one's: import_credit, or a token comes "
             "later. Answer no to stop here.", NULL},
        },
        .verified = "The answer is on record; head office has the certificate, or asks for it.",
        .refusal = "Close the old meter's account on its page, then go on here.",
        .help = "The new meter is in service. The order ends when the old one is done with.",
        .on = step_say,
    },
    [CERTIFICATE] = {
        .id = "certificate",
        .title = "Certificate",
        .needs = NEEDS_OFFICE,
        .verified = "Head office has every receipt, and signs the certificate; else the records "
                    "are queued.",
        .refusal = "Head office refuses a record: the reason names the field.",
        .help = "Sends what is queued, and shows the certificate of commissioning.",
        .on = step_certificate,
    },
};

/* From the label to service. */
#define TO_SERVICE                                                                                 \
    &rows[SCAN], &rows[FIND], &rows[CONNECT], &rows[HANDSHAKE], &rows[REGISTER], &rows[KEY],       \
        &rows[OPEN_ACCOUNT], &rows[PURGE], &rows[ZERO_CLEAR], &rows[SET_CLOCK],                    \
        &rows[SET_PARAMETERS], &rows[READ_BACK], &rows[COMMISSION]

static const struct step *const opening[] = {TO_SERVICE, &rows[CERTIFICATE]};
static const struct step *const swap[] = {TO_SERVICE, &rows[OLD_METER], &rows[CERTIFICATE]};

const struct procedure procedure_opening = {
    .id = "account-opening",
    .title = "Account opening",
    .steps = opening,
    .n_steps = sizeof opening / sizeof *opening,
};

const struct procedure procedure_swap = {
    .id = "swap",
    .title = "Swap",
    .steps = swap,
    .n_steps = sizeof swap / sizeof *swap,
};
