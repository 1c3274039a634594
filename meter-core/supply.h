/* supply.h - gas for the customer: arming, the button, and everything that shuts the valve again.
 * Freestanding.
 *
 * In service the valve opens only when it is armed and the button is pressed within arming_time_s,
 * with credit, without a lock, and with battery and temperature in their limits. Credit here means
 * that the next pulse does not take the residual below minus credit_emergency_l; the valve shuts
 * when that no longer holds, at the next pulse. Nothing of this survives a reset, but for the
 * locks: then the valve is shut and not armed. It has to report open within valve_travel_s, and
 * from then on: else it is driven shut and locked (LOCK_VALVE). Gas that flows while it is shut
 * locks it too.
 *
 * Leak watch. The appliances are off when the valve has been opened. At a flow of leak_flow_l_per_h
 * a pulse comes every T = pulse_l * 3600 / leak_flow_l_per_h seconds. Two pulses since the opening
 * that are less than T apart are uncontrolled flow: the valve shuts and is locked (LOCK_LEAK). The
 * watch begins when the valve reports open; it is over when T has passed without a pulse, or T
 * since the first one. (1-litre pulses and 30 l/h: two to four minutes; 10-litre pulses: twenty to
 * forty.)
 *
 * Over-flow. What flows above over_flow_l_per_h fills a bucket that drains at that rate; ten
 * seconds' worth and two pulses in it: the valve shuts, LOCK_LEAK.
 *
 * Continuous flow. Pulses for continuous_flow_h hours without a pause of an hour (or of T, when
 * that is longer): an event once, and a close when close_on_continuous is 1.
 *
 * Senses. One that goes on is an event; in service, when close_on_tamper is 1, the valve shuts if
 * it is open, LOCK_TAMPER is set, and nothing arms or opens while the sense is on. A sense that was
 * on at the start is reported then.
 *
 * A lock is in force from the moment of its cause, and stands in the record of its event. When that
 * record cannot be written at once it is tried again every second; until then nothing opens.
 *
 * Writing a parameter never moves the valve: what a parameter limits is judged at the next pulse,
 * press or travel.
 */
#ifndef GF_METER_SUPPLY_H
#define GF_METER_SUPPLY_H

#include "meter-core/store.h"

/* True when gas may flow for the customer as far as credit goes. */
bool mc_supply_has_credit(const struct mc_core *core);

/* May the valve be armed once *core is in force? OK; LOCKED_OUT (a lock); STATE (not IN_SERVICE, no
 * credit, open already, or a sense is on while close_on_tamper is 1). What valve_arm answers, with
 * the Supply. */
gasm_Refusal mc_supply_judge(const struct mc_meter *m, const struct mc_core *core);

/* Arm the valve for arming_time_s (after the record is written). Does nothing when
 * mc_supply_judge() says no. */
void mc_supply_arm(struct mc_meter *m);

/* Disarm, and shut the valve if it is open for the customer. For what ends service by itself
 * (close_account). */
void mc_supply_stop(struct mc_meter *m);

/* The locks in force: bits of gasm_Lock. */
uint32_t mc_supply_locks(const struct mc_meter *m);

/* Owe the journal an event, and the locks (bits of gasm_Lock) that go with it: in force from now on,
 * written at once or as soon as the journal takes it. */
void mc_supply_note(struct mc_meter *m, enum mc_event event, int64_t a, int64_t b, uint32_t locks);

/* Pulses came: n * pulse_l litres that are in the index by now. */
void mc_supply_pulse(struct mc_meter *m, uint32_t n);

/* Run the timers: arming, leak watch, travel of an opening valve, pauses, battery. */
void mc_supply_poll(struct mc_meter *m);

/* Seconds left until a typed token is looked at again; 0 when at once. */
uint32_t mc_typed_wait_s(const struct mc_meter *m);

#endif
