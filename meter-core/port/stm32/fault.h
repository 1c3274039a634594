/* fault.h - what the program left behind when it failed: kept in RAM over the reset, written to the
 * journal by the next start (main.c). Freestanding.
 */
#ifndef GF_STM32_FAULT_H
#define GF_STM32_FAULT_H

#include <stdint.h>

struct fault {
    uint32_t magic;
    uint32_t pc, lr;    /* of the code that failed */
    uint32_t cfsr;      /* Configurable Fault Status Register (ARMv7-M B3.2.15); bit 31: a hard fault
                         * without one; all ones: an interrupt that nobody handles */
};

/* The fault that ended the last run, or NULL. Power-on leaves none. */
const struct fault *fault_of_last_run(void);
void fault_forget(void);

#endif
