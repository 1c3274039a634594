/* rm_l476.h - registers of the STM32L476 that another family has elsewhere or has not (RM0351).
 * Freestanding. */
#ifndef GF_STM32_RM_L476_H
#define GF_STM32_RM_L476_H

#include "meter-core/port/stm32/rm_stm32.h"

/* 2.2.2: where the blocks stand */
#define L476_GPIOA 0x48000000u
#define L476_EXTI 0x40010400u
#define L476_SYSCFG 0x40010000u
#define EXTI_LINE_RTC_WKUP 20u

/* 3.7: flash */
struct rm_flash_l4 {
    volatile uint32_t acr, pdkeyr, keyr, optkeyr, sr, cr, eccr, reserved, optr;
};
#define FLASH_L4 ((struct rm_flash_l4 *)0x40022000u)
#define FLASH_ACR_LATENCY 7u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_KEY1 0x45670123u
#define FLASH_KEY2 0xCDEF89ABu
#define FLASH_SR_EOP (1u << 0)
#define FLASH_SR_OPERR (1u << 1)
#define FLASH_SR_PROGERR (1u << 3)
#define FLASH_SR_WRPERR (1u << 4)
#define FLASH_SR_PGAERR (1u << 5)
#define FLASH_SR_SIZERR (1u << 6)
#define FLASH_SR_PGSERR (1u << 7)
#define FLASH_SR_MISERR (1u << 8)
#define FLASH_SR_FASTERR (1u << 9)
#define FLASH_SR_BSY (1u << 16)
#define FLASH_CR_PG (1u << 0)
#define FLASH_CR_PER (1u << 1)
#define FLASH_CR_PNB(n) ((uint32_t)(n) << 3)
#define FLASH_CR_BKER (1u << 11)
#define FLASH_CR_STRT (1u << 16)
#define FLASH_CR_LOCK (1u << 31)
#define FLASH_ECCR_ADDR 0x7FFFFu    /* offset in the bank */
#define FLASH_ECCR_BANK2 (1u << 19)
#define FLASH_ECCR_SYSTEM (1u << 20)
#define FLASH_ECCR_ECCD (1u << 31)

/* 5.4: PWR_CR1 is PWR_CR of rm_stm32.h */
#define PWR_CR_LPMS 7u
#define PWR_CR_LPMS_STOP1 1u
#define PWR_CR2 RM_REG(0x40007004u)
#define PWR_CR2_PVDE (1u << 0)
#define PWR_CR2_PLS (7u << 1)
#define PWR_CR2_PLS_2V0 (0u << 1)
#define PWR_SR2 RM_REG(0x40007014u)
#define PWR_SR2_PVDO (1u << 11)

/* 6.4: RCC */
struct rm_rcc_l4 {
    volatile uint32_t cr, icscr, cfgr, pllcfgr, pllsai1cfgr, pllsai2cfgr, cier, cifr, cicr,
        reserved1, ahb1rstr, ahb2rstr, ahb3rstr, reserved2, apb1rstr1, apb1rstr2, apb2rstr,
        reserved3, ahb1enr, ahb2enr, ahb3enr, reserved4, apb1enr1, apb1enr2, apb2enr, reserved5,
        ahb1smenr, ahb2smenr, ahb3smenr, reserved6, apb1smenr1, apb1smenr2, apb2smenr, reserved7,
        ccipr, reserved8, bdcr, csr;
};
#define RCC_L4 ((struct rm_rcc_l4 *)0x40021000u)
#define RCC_CR_MSION (1u << 0)
#define RCC_CR_MSIRDY (1u << 1)
#define RCC_CR_MSIRGSEL (1u << 3)
#define RCC_CR_MSIRANGE (15u << 4)
#define RCC_CR_MSIRANGE_48M (11u << 4)
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CFGR_SW 3u
#define RCC_CFGR_SW_HSI16 1u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_HSI16 (1u << 2)
#define RCC_CFGR_STOPWUCK (1u << 15)        /* HSI16 after Stop */
#define RCC_AHB2ENR_GPIO_ABC 7u
#define RCC_AHB2ENR_ADC (1u << 13)
#define RCC_AHB2ENR_RNG (1u << 18)
#define RCC_APB1ENR1_PWR (1u << 28)
#define RCC_APB2ENR_SYSCFG (1u << 0)
#define RCC_APB2ENR_USART1 (1u << 14)
#define RCC_CCIPR_CLK48_MSI (3u << 26)
#define RCC_CSR_RMVF (1u << 23)
#define RCC_CSR_PINRSTF (1u << 26)
#define RCC_CSR_BORRSTF (1u << 27)
#define RCC_CSR_SFTRSTF (1u << 28)
#define RCC_CSR_IWDGRSTF (1u << 29)
#define RCC_CSR_WWDGRSTF (1u << 30)
#define RCC_CSR_LPWRRSTF (1u << 31)

/* 40.8: USART */
struct rm_usart_l4 {
    volatile uint32_t cr1, cr2, cr3, brr, gtpr, rtor, rqr, isr, icr, rdr, tdr;
};
#define USART1_L4 ((struct rm_usart_l4 *)0x40013800u)
#define USART_CR1_UE (1u << 0)

/* 18.7: ADC1, and the part common to 1 and 2 */
struct rm_adc_l4 {
    volatile uint32_t isr, ier, cr, cfgr, cfgr2, smpr1, smpr2, reserved1, tr1, tr2, tr3, reserved2,
        sqr1, sqr2, sqr3, sqr4, dr;
};
#define ADC1_L4 ((struct rm_adc_l4 *)0x50040000u)
#define ADC_CCR_L4 RM_REG(0x50040308u)
#define ADC_CCR_CKMODE_1 (1u << 16)
#define ADC_CCR_VREFEN (1u << 22)
#define ADC_CCR_TSEN (1u << 23)
#define ADC_ISR_ADRDY (1u << 0)
#define ADC_ISR_EOC (1u << 2)
#define ADC_CR_ADEN (1u << 0)
#define ADC_CR_ADDIS (1u << 1)
#define ADC_CR_ADSTART (1u << 2)
#define ADC_CR_ADVREGEN (1u << 28)
#define ADC_CR_DEEPPWD (1u << 29)
#define ADC_CR_ADCAL (1u << 31)
#define ADC_SMPR_LONGEST 7u         /* 640.5 clocks; 3 bits a channel */

/* Data sheet DS10198, 3.15: factory calibration, made at 3.0 V; channel 17 is the temperature, 0
 * the reference. */
#define L476_VREFINT_CAL (*(const volatile uint16_t *)0x1FFF75AAu)
#define L476_TS_CAL1 (*(const volatile uint16_t *)0x1FFF75A8u) /* at 30 degrees */
#define L476_TS_CAL2 (*(const volatile uint16_t *)0x1FFF75CAu) /* at 110 degrees */

#endif
