/* rm_f405.h - registers of the STM32F405 that another family has elsewhere or has not (RM0090).
 * Freestanding. */
#ifndef GF_STM32_RM_F405_H
#define GF_STM32_RM_F405_H

#include "meter-core/port/stm32/rm_stm32.h"

/* 2.3: where the blocks stand */
#define F405_GPIOA 0x40020000u
#define F405_EXTI 0x40013C00u
#define F405_SYSCFG 0x40013800u
#define EXTI_LINE_RTC_WKUP 22u

/* 3.9: flash */
struct rm_flash_f4 {
    volatile uint32_t acr, keyr, optkeyr, sr, cr, optcr;
};
#define FLASH_F4 ((struct rm_flash_f4 *)0x40023C00u)
#define FLASH_ACR_LATENCY 7u
#define FLASH_ACR_PRFTEN (1u << 8)
#define FLASH_ACR_ICEN (1u << 9)
#define FLASH_KEY1 0x45670123u
#define FLASH_KEY2 0xCDEF89ABu
#define FLASH_SR_EOP (1u << 0)
#define FLASH_SR_OPERR (1u << 1)
#define FLASH_SR_WRPERR (1u << 4)
#define FLASH_SR_PGAERR (1u << 5)
#define FLASH_SR_PGPERR (1u << 6)
#define FLASH_SR_PGSERR (1u << 7)
#define FLASH_SR_BSY (1u << 16)
#define FLASH_CR_PG (1u << 0)
#define FLASH_CR_SER (1u << 1)
#define FLASH_CR_SNB(n) ((uint32_t)(n) << 3)
#define FLASH_CR_PSIZE_32 (2u << 8)
#define FLASH_CR_STRT (1u << 16)
#define FLASH_CR_LOCK (1u << 31)

/* 5.4.1, PWR_CR; 5.4.2, PWR_CSR */
#define PWR_CR_LPDS (1u << 0)
#define PWR_CR_PDDS (1u << 1)
#define PWR_CR_CWUF (1u << 2)
#define PWR_CR_PVDE (1u << 4)
#define PWR_CR_PLS (7u << 5)
#define PWR_CR_PLS_2V8 (6u << 5)
#define PWR_CR_FPDS (1u << 9)
#define PWR_CR_VOS (1u << 14)       /* 1: for clocks above 144 MHz */
#define PWR_CSR RM_REG(0x40007004u)
#define PWR_CSR_PVDO (1u << 2)

/* 7.3: RCC */
struct rm_rcc_f4 {
    volatile uint32_t cr, pllcfgr, cfgr, cir, ahb1rstr, ahb2rstr, ahb3rstr, reserved1, apb1rstr,
        apb2rstr, reserved2[2], ahb1enr, ahb2enr, ahb3enr, reserved3, apb1enr, apb2enr,
        reserved4[2], ahb1lpenr, ahb2lpenr, ahb3lpenr, reserved5, apb1lpenr, apb2lpenr,
        reserved6[2], bdcr, csr;
};
#define RCC_F4 ((struct rm_rcc_f4 *)0x40023800u)
#define RCC_CR_HSION (1u << 0)
#define RCC_CR_HSIRDY (1u << 1)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR_SRC_HSE (1u << 22)
#define RCC_CFGR_SW 3u
#define RCC_CFGR_SW_HSI 0u
#define RCC_CFGR_SW_PLL 2u
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_HSI (0u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1_2 (4u << 10)
#define RCC_AHB1ENR_GPIO_ABC 7u
#define RCC_AHB2ENR_RNG (1u << 6)
#define RCC_APB1ENR_PWR (1u << 28)
#define RCC_APB2ENR_USART1 (1u << 4)
#define RCC_APB2ENR_ADC1 (1u << 8)
#define RCC_APB2ENR_SYSCFG (1u << 14)
#define RCC_CSR_RMVF (1u << 24)
#define RCC_CSR_BORRSTF (1u << 25)
#define RCC_CSR_PINRSTF (1u << 26)
#define RCC_CSR_PORRSTF (1u << 27)
#define RCC_CSR_SFTRSTF (1u << 28)
#define RCC_CSR_IWDGRSTF (1u << 29)
#define RCC_CSR_WWDGRSTF (1u << 30)
#define RCC_CSR_LPWRRSTF (1u << 31)

/* 30.6: USART */
struct rm_usart_f4 {
    volatile uint32_t sr, dr, brr, cr1, cr2, cr3, gtpr;
};
#define USART1_F4 ((struct rm_usart_f4 *)0x40011000u)
#define USART_CR1_UE (1u << 13)

/* 13.13: ADC1, and the part common to all */
struct rm_adc_f4 {
    volatile uint32_t sr, cr1, cr2, smpr1, smpr2, jofr[4], htr, ltr, sqr1, sqr2, sqr3, jsqr,
        jdr[4], dr;
};
#define ADC1_F4 ((struct rm_adc_f4 *)0x40012000u)
#define ADC_CCR_F4 RM_REG(0x40012304u)
#define ADC_CCR_ADCPRE_4 (1u << 16)
#define ADC_CCR_TSVREFE (1u << 23)
#define ADC_SR_EOC (1u << 1)
#define ADC_CR2_ADON (1u << 0)
#define ADC_CR2_SWSTART (1u << 30)
#define ADC_SMPR1_480(channel) (7u << (3u * ((channel) - 10u)))  /* channels 10 to 18 */

/* Data sheet DS8626, 5.3.24: factory calibration, made at 3.3 V; channel 16 is the temperature. */
#define F405_TS_CAL1 (*(const volatile uint16_t *)0x1FFF7A2Cu) /* at 30 degrees */
#define F405_TS_CAL2 (*(const volatile uint16_t *)0x1FFF7A2Eu) /* at 110 degrees */
#define F405_VREFINT_CAL (*(const volatile uint16_t *)0x1FFF7A2Au)

#endif
