/* rm_stm32.h - peripherals that are the same in the STM32F4 (RM0090) and the STM32L4 (RM0351),
 * where they are in one place or are handed their base. Sections are those of RM0090. Freestanding.
 * */
#ifndef GF_STM32_RM_STM32_H
#define GF_STM32_RM_STM32_H

#include "meter-core/port/stm32/rm_core.h"

/* 8.4: GPIO, one block of 0x400 for each port from A on */
struct rm_gpio {
    volatile uint32_t moder, otyper, ospeedr, pupdr, idr, odr, bsrr, lckr, afrl, afrh;
};
#define GPIO_BLOCK 0x400u
#define GPIO_MODE_INPUT 0u
#define GPIO_MODE_OUTPUT 1u
#define GPIO_MODE_AF 2u
#define GPIO_MODE_ANALOG 3u
#define GPIO_PULL_UP 1u
#define GPIO_PULL_DOWN 2u

/* 12.3: EXTI. A line's bit in `pr` is set by its edge whether `imr` lets it through or not, and is
 * cleared by writing 1. */
struct rm_exti {
    volatile uint32_t imr, emr, rtsr, ftsr, swier, pr;
};
#define EXTI_LINE_PVD 16u

/* 9.2: SYSCFG; exticr[n / 4] holds the port of line n in 4 bits */
struct rm_syscfg {
    volatile uint32_t memrmp, pmc, exticr[4];
};

/* 26.6: RTC */
#define RTC_TR RM_REG(0x40002800u)
#define RTC_DR RM_REG(0x40002804u)
#define RTC_CR RM_REG(0x40002808u)
#define RTC_CR_WUCKSEL 7u           /* bits; 0: RTC clock / 16 */
#define RTC_CR_WUTE (1u << 10)
#define RTC_CR_WUTIE (1u << 14)
#define RTC_ISR RM_REG(0x4000280Cu)
#define RTC_ISR_WUTWF (1u << 2)
#define RTC_ISR_INITS (1u << 4)
#define RTC_ISR_RSF (1u << 5)
#define RTC_ISR_INITF (1u << 6)
#define RTC_ISR_INIT (1u << 7)
#define RTC_ISR_WUTF (1u << 10)
#define RTC_PRER RM_REG(0x40002810u)
#define RTC_WUTR RM_REG(0x40002814u)
#define RTC_WPR RM_REG(0x40002824u)
#define RTC_WPR_KEY1 0xCAu
#define RTC_WPR_KEY2 0x53u
#define RTC_SSR RM_REG(0x40002828u)

/* 7.3.20: RCC_BDCR; its address is the part's */
#define BDCR_LSEON (1u << 0)
#define BDCR_LSERDY (1u << 1)
#define BDCR_RTCSEL (3u << 8)
#define BDCR_RTCSEL_LSE (1u << 8)
#define BDCR_RTCEN (1u << 15)
#define BDCR_BDRST (1u << 16)

/* 5.4.1: PWR_CR (PWR_CR1 in RM0351) */
#define PWR_CR RM_REG(0x40007000u)
#define PWR_CR_DBP (1u << 8)

/* 21.4: independent watchdog */
#define IWDG_KR RM_REG(0x40003000u)
#define IWDG_KR_FEED 0xAAAAu
#define IWDG_KR_WRITE 0x5555u
#define IWDG_KR_START 0xCCCCu
#define IWDG_PR RM_REG(0x40003004u)
#define IWDG_PR_64 4u               /* LSI / 64: 2 ms at 32 kHz */
#define IWDG_RLR RM_REG(0x40003008u)
#define IWDG_SR RM_REG(0x4000300Cu)
#define IWDG_SR_UPDATING 3u

/* 24.4: random number generator */
#define RNG_CR RM_REG(0x50060800u)
#define RNG_CR_RNGEN (1u << 2)
#define RNG_SR RM_REG(0x50060804u)
#define RNG_SR_DRDY (1u << 0)
#define RNG_SR_CEIS (1u << 5)
#define RNG_SR_SEIS (1u << 6)
#define RNG_DR RM_REG(0x50060808u)

/* Interrupts with the same number in both (RM0090 table 61, RM0351 table 57). */
#define IRQ_PVD 1u
#define IRQ_RTC_WKUP 3u
#define IRQ_EXTI0 6u                /* EXTI1 to EXTI4 follow */
#define IRQ_EXTI9_5 23u
#define IRQ_USART1 37u
#define IRQ_EXTI15_10 40u

#endif
