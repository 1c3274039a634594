#ifndef GF_TESTS_AID_MODEL_PLAY_H
#define GF_TESTS_AID_MODEL_PLAY_H
/*
 * Sequences of steps, played on a meter and on its reference model side by side (model.h). A step
 * means something in every state, so any part of a sequence is a sequence too: that is what lets a
 * failing one be made short.
 */
#include <stdio.h>

#include "tests/aid/meter_still.h"
#include "tests/aid/model.h"

/* X(name, what `how`, `pick` and `n` say) */
#define AID_KINDS(X) \
    X(PULSE, "n litres; how: 1 even when it is shut") \
    X(WAIT, "n ms") \
    X(LEAP, "n seconds in one") \
    X(SESSION, "how: which ticket; n: rights") \
    X(DROP, "the client goes away") \
    X(RESTART, "a reset") \
    X(POWER, "how: good, battery, cold") \
    X(SENSE, "how: on; pick: which") \
    X(JAM, "how: the valve is stuck") \
    X(BUTTON, "pressed") \
    X(ISSUE, "head office makes a token; how: which, n litres") \
    X(DELIVER, "how: by which way; pick: counted from the newest") \
    X(CLEAR, "how: right or beside it by n") \
    X(PURGE, "pick litres, n seconds") \
    X(KEEP, "keep-alive") \
    X(STOP, "purge_stop") \
    X(OPEN, "how: the ticket's number or another") \
    X(KEY, "how: epoch and wrapping") \
    X(ACTIVATE, "a session under the pending key") \
    X(CLOCK, "how: inside or outside the window; n seconds on") \
    X(PARAM, "pick: which; how: value") \
    X(COMMISSION, "") \
    X(ARM, "") \
    X(SHUT, "valve_close") \
    X(CLOSE, "how: with a swap key or without") \
    X(IMPORT, "how: certificate; n litres") \
    X(TEST, "self_test") \
    X(RESET, "how: scrap; on the bench") \
    X(READ, "pick: what") \
    X(REPEAT, "pick: an operation, counted from the newest; how: same or other content") \
    X(MANY, "n changes, so that what was before them is forgotten") \
    X(RECEIPTS, "those that are kept are looked at")

enum aid_kind {
#define X(name, what) AID_DO_##name,
    AID_KINDS(X)
#undef X
    AID_KINDS_COUNT
};

struct aid_do {
    uint8_t kind, how;
    uint16_t pick;
    uint32_t n;
};

#define AID_SEQUENCE_MAX 96
struct aid_sequence {
    uint8_t start;                  /* a place in aid_players.stills */
    bool radio;                     /* through the whole link; else the commands alone */
    size_t n;
    struct aid_do steps[AID_SEQUENCE_MAX];
};

/* What was seen of everything that was played. */
#define AID_COMMANDS (gasm_Command_RESET_TO_FACTORY + 1)
#define AID_REFUSALS (gasm_Refusal_BUSY + 1)
struct aid_tally {
    uint64_t taken[AID_COMMANDS], refused[AID_REFUSALS], lives[gasm_LifeState_SCRAPPED + 1];
    uint64_t presses, locks, restarts, turns;
};

/* Meters to begin with. */
#define AID_STARTS 7
struct aid_players {
    struct aid_still *stills[AID_STARTS];
    struct aid_tally tally;
    bool planted;                   /* the model has a bug, for tests of what finds it */
};
void aid_players_open(struct aid_players *p);
void aid_players_close(struct aid_players *p);

/* Play it. True when meter and model agreed all along; else why not, and *ret_at, the step (or n)
 * at which it was seen. */
bool aid_play(struct aid_players *p, const struct aid_sequence *s, char *ret_why, size_t cap,
              size_t *ret_at);

/* The sequence of a seed. */
void aid_sequence_make(uint64_t seed, struct aid_sequence *ret);

/* Make a failing sequence as short as it gets and still fails for the same reason. */
void aid_sequence_shrink(struct aid_players *p, struct aid_sequence *s);

/* For people: a line a step. For a replay: one line of text, and back; false when it is none. */
void aid_sequence_print(const struct aid_sequence *s, FILE *to);
void aid_sequence_write(const struct aid_sequence *s, FILE *to);
bool aid_sequence_read(const char *text, struct aid_sequence *ret);

#endif
