/* history.h - gas days and months: what the index was at the end of each. Freestanding.
 *
 * A gas day begins at the parameter gas_day_start_min; it has the number of the calendar day (UTC)
 * on which it began, in days since 1970-01-01. A month is that of the gas day, in months since
 * January 1970. A period that the meter slept through, or that the clock jumped over, has no entry:
 * what flowed stands in the entry of the period before. When the clock is set back no second entry
 * is written for a period that has one.
 *
 * What is written here cannot be taken back: the time floor never falls. So a clock that is an hour
 * or more ahead of what has passed on the timers since it was last looked at (an RTC that is
 * disturbed) is only believed once it has been so for a minute.
 */
#ifndef GF_METER_HISTORY_H
#define GF_METER_HISTORY_H

#include "meter-core/store.h"

/* The gas day of a time, and the month of a gas day. */
uint32_t mc_gas_day(int64_t utc_s, int64_t start_min);
uint32_t mc_gas_month(uint32_t day);

/* When a gas day has ended: write its entry, its month's if that ended too, and raise the time
 * floor, in one record. Does nothing while the clock is not valid. */
void mc_history_poll(struct mc_meter *m);

#endif
