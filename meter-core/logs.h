/* logs.h - the meter's four logs: events, gas days, months, purchases. Freestanding.
 *
 * An entry is numbered 1, 2, 3 ... for the life of the meter, and stands in the record of the
 * change that caused it, before that record's other entries: tag 1 | number 4 LE | fields. A turn
 * of the journal carries the newest `keep` of each log over, packed in LOG records; older ones are
 * gone, which their numbers show. Reading scans the journal: nothing about entries is kept in RAM.
 */
#ifndef GF_METER_LOGS_H
#define GF_METER_LOGS_H

#include "meter-core/events.h"
#include "meter-core/meter_state.h"

/* X(name, tag, bytes of the fields, entries kept, member of mc_core with the last number).
 * Events: code 1, at_s 5, a 8, b 8. Days and months: period 4, index_l 8, purged_l 4, residual_l 8.
 * Purchases: at_s 5, account 8, sequence 8, credited_l 8, residual_l 8, carrier 1, order id 16. */
#define MC_LOG_TABLE(X) \
    X(EVENTS, 0xF1, 22, 512, event_seq) \
    X(DAYS, 0xF2, 24, 408, day_no) \
    X(MONTHS, 0xF3, 24, 64, month_no) \
    X(PURCHASES, 0xF4, MC_LOG_PURCHASE, 104, purchase_no)
#define MC_LOG_PURCHASE (5 + 8 + 8 + 8 + 8 + 1 + MC_LOG_ORDER)
#define MC_LOG_ORDER 16

enum mc_log {
#define X(name, tag, size, keep, last) MC_LOG_##name,
    MC_LOG_TABLE(X)
#undef X
    MC_LOGS
};

#define MC_LOG_HEAD 5       /* bytes before the fields */
#define MC_LOG_ENTRY_MAX 64 /* bytes of the longest entry, rounded up */

/* Bytes that a turn carries over at most, without the records around them. */
enum {
#define X(name, tag, size, keep, last) +(MC_LOG_HEAD + (size)) * (keep)
    MC_LOG_BYTES = 0 MC_LOG_TABLE(X)
#undef X
};

/* Bytes of the fields of the log with this tag; 0 when there is none. */
uint32_t mc_log_size(uint8_t tag);

/* Numbers of the oldest and the newest entry that is kept; both 0 when the log is empty. `log` is
 * one of the four. */
uint32_t mc_log_first(const struct mc_core *core, enum mc_log log);
uint32_t mc_log_last(const struct mc_core *core, enum mc_log log);

/* Append an entry to *w and count it in *core. */
void mc_log_event(struct gf_writer *w, struct mc_core *core, enum mc_event event, int64_t at_s,
                  int64_t a, int64_t b);
void mc_log_period(struct gf_writer *w, struct mc_core *core, enum mc_log log, uint32_t period);
void mc_log_purchase(struct gf_writer *w, struct mc_core *core, const gasm_Purchase *purchase);

/* Called for an entry: its number, and its fields in *r. 0 to go on; else the reading ends. */
typedef int mc_log_visit(void *ctx, uint32_t no, struct gf_reader *r);

/* Read a log from number `from` (or the oldest kept) on, in order. 0 or GF_E_STORE. */
int mc_log_read(struct mc_meter *m, enum mc_log log, uint32_t from, mc_log_visit *visit, void *ctx);

/* Append all that is kept of every log to *next, a journal that *m turns to. Uses m->rec. 0 or
 * GF_E_STORE. */
int mc_log_carry(struct mc_meter *m, struct mc_journal *next);

#endif
