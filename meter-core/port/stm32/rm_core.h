/* rm_core.h - registers that every Cortex-M4 has (ARMv7-M Architecture Reference Manual), and the
 * mask of interrupts. Freestanding. */
#ifndef GF_STM32_RM_CORE_H
#define GF_STM32_RM_CORE_H

#include <stdbool.h>
#include <stdint.h>

#define RM_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* B3.3: SysTick */
#define SYST_CSR RM_REG(0xE000E010u)
#define SYST_CSR_ON 7u                      /* core clock, interrupt, counting */
#define SYST_CSR_COUNTFLAG (1u << 16)       /* it wrapped; cleared by reading */
#define SYST_RVR RM_REG(0xE000E014u)
#define SYST_CVR RM_REG(0xE000E018u)

/* B3.4: NVIC; n is the interrupt's number */
#define NVIC_ISER(n) RM_REG(0xE000E100u + 4u * ((n) / 32u))
#define NVIC_BIT(n) (1u << ((n) % 32u))

/* B3.2: system control */
#define SCB_ICSR RM_REG(0xE000ED04u)
#define SCB_ICSR_PENDSTCLR (1u << 25)
#define SCB_AIRCR RM_REG(0xE000ED0Cu)
#define SCB_AIRCR_RESET 0x05FA0004u         /* key and SYSRESETREQ */
#define SCB_SCR RM_REG(0xE000ED10u)
#define SCB_SCR_SLEEPDEEP (1u << 2)

/* B3.5: memory protection; a region's address holds its number, its attributes say no access */
#define MPU_CTRL RM_REG(0xE000ED94u)
#define MPU_CTRL_ON 7u                      /* in faults too; the rest is as without an MPU */
#define MPU_RBAR RM_REG(0xE000ED9Cu)
#define MPU_RBAR_REGION_0 (1u << 4)
#define MPU_RASR RM_REG(0xE000EDA0u)
#define MPU_RASR_32_BYTES (1u << 28 | 4u << 1 | 1u)

/* Interrupts off; returns what to hand to irq_restore(). */
static inline uint32_t irq_off(void)
{
    uint32_t was;

    __asm volatile("mrs %0, primask\n cpsid i" : "=r"(was)::"memory");
    return was;
}

static inline void irq_restore(uint32_t was)
{
    __asm volatile("msr primask, %0\n isb" ::"r"(was) : "memory");
}

/* Read `reg` until its bits under `mask` are `value`, `turns` times at most. False: they never were. */
static inline bool rm_wait(volatile const uint32_t *reg, uint32_t mask, uint32_t value,
                           uint32_t turns)
{
    for (uint32_t i = 0; i < turns; i++)
        if ((*reg & mask) == value)
            return true;
    return false;
}

/* Until an interrupt is pending, whether it is masked or not (B1.5.18). */
static inline void cpu_sleep(void)
{
    __asm volatile("dsb\n wfi\n isb" ::: "memory");
}

#endif
