/* opening.c - account opening: the table of its steps; see procedure.h. What a row cannot say is in
 * opening_steps.c, opening_office.c and purge.c.
 */
#include "field/run_inner.h"

static const struct step steps[] = {
    {
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
    {
        .id = "find",
        .title = "Find the meter among the registered",
        .verified = "The scanned id is the job's, and head office has registered it.",
        .refusal = "Another meter: go to the right one. Not registered: call head office.",
        .help = "Compares the scanned meter with the job and with the registered meters on this "
                "laptop.",
        .on = step_find,
    },
    {
        .id = "connect",
        .title = "Connect",
        .needs = NEEDS_LINK,
        .verified = "The meter id that the meter itself shows is the job's.",
        .refusal = "Not heard: go nearer, and look whether the meter is on.",
        .help = "Stay near the meter. A lost link is made again by itself.",
        .on = step_connect,
    },
    {
        .id = "handshake",
        .title = "Handshake",
        .needs = NEEDS_SESSION,
        .verified = "Both sides prove that they know the ticket's key.",
        .refusal = "The ticket is refused: synchronise for a new one. A wrong proof: do not go on, "
                   "report the meter.",
        .help = "Meter and laptop prove themselves to each other with the ticket of head office.",
        .on = step_handshake,
    },
    {
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
    {
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
    {
        .id = "open-account",
        .title = "Open the account on the meter",
        .needs = NEEDS_SESSION,
        .verified = "The account number is read back.",
        .refusal = "The ticket names another account, or the meter has one: call head office.",
        .help = "Writes the account number of the job to the meter.",
        .op = &opening_open_op,
        .on = step_change,
    },
    {
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
    {
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
    {
        .id = "set-clock",
        .title = "Set the clock",
        .needs = NEEDS_SESSION,
        .verified = "The meter's clock is read back: at most 2 s off this laptop's.",
        .refusal = "This laptop's clock is outside the ticket's time: set it, then try again.",
        .help = "Sets the meter's clock from this laptop's.",
        .op = &opening_clock_op,
        .on = step_change,
    },
    {
        .id = "set-parameters",
        .title = "Set the parameters",
        .needs = NEEDS_SESSION,
        .verified = "Each parameter is read back and compared with the job.",
        .refusal = "A value is outside its range: head office corrects the job. Nothing was set.",
        .help = "Shows what the meter has beside what the job says, and writes the job's.",
        .op = &opening_params_op,
        .on = step_change,
    },
    {
        .id = "read-back",
        .title = "Read everything back",
        .needs = NEEDS_SESSION,
        .verified = "Account, balance and parameters are compared with the job.",
        .refusal = "The meter does not hold what it was given: try again, then report the meter.",
        .help = "Reads balance and parameters once more.",
        .on = step_read_back,
    },
    {
        .id = "commission",
        .title = "Commission",
        .needs = NEEDS_SESSION,
        .verified = "The meter's state is read back: in service.",
        .refusal = "Clock or parameters are missing, or the valve is open: do as the reason says.",
        .help = "Puts the meter into service. Its valve stays shut until the customer arms it.",
        .op = &opening_commission_op,
        .on = step_change,
    },
    {
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

const struct procedure procedure_opening = {
    .id = "account-opening",
    .title = "Account opening",
    .steps = steps,
    .n_steps = sizeof steps / sizeof *steps,
};
