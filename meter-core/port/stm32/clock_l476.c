/* clock_l476.c - the STM32L476's clock tree: the core on the internal 16 MHz oscillator (HSI16),
 * from which it also wakes; the other one (MSI) at 48 MHz while random numbers are made, else off.
 * Part of part.h. */
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_l476.h"

#define HSI16_HZ 16000000u
#define MSI_RESET_HZ 4000000u
/* Oscillators start in 20 us at most (data sheet), 320 clocks. */
#define TURNS 2000u

static uint32_t hz = MSI_RESET_HZ;

/* The core on HSI16. False: it stays on what it runs on. */
static bool start_core(void)
{
    RCC_L4->cr |= RCC_CR_HSION;
    if (!rm_wait(&RCC_L4->cr, RCC_CR_HSIRDY, RCC_CR_HSIRDY, TURNS))
        return false;
    RCC_L4->cfgr = (RCC_L4->cfgr & ~RCC_CFGR_SW) | RCC_CFGR_SW_HSI16 | RCC_CFGR_STOPWUCK;
    return rm_wait(&RCC_L4->cfgr, RCC_CFGR_SWS, RCC_CFGR_SWS_HSI16, TURNS);
}

uint32_t part_start(void)
{
    RCC_L4->apb1enr1 |= RCC_APB1ENR1_PWR;
    RCC_L4->ahb2enr |= RCC_AHB2ENR_GPIO_ABC | RCC_AHB2ENR_ADC;
    RCC_L4->apb2enr |= RCC_APB2ENR_USART1 | RCC_APB2ENR_SYSCFG;
    RCC_L4->ccipr |= RCC_CCIPR_CLK48_MSI;
    PWR_CR2 = (PWR_CR2 & ~PWR_CR2_PLS) | PWR_CR2_PLS_2V0 | PWR_CR2_PVDE;
    /* no wait state up to 16 MHz (3.3.3); the data cache stays off, see flash_l476.h */
    FLASH_L4->acr = FLASH_ACR_PRFTEN | FLASH_ACR_ICEN;
    if (!start_core())
        return BOARD_NO_PLL | BOARD_NO_RNG;
    hz = HSI16_HZ;
    RCC_L4->cr &= ~RCC_CR_MSION;
    return 0;
}

uint32_t part_hz(void)
{
    return hz;
}

void part_resume(void)
{
    if (hz == HSI16_HZ && (RCC_L4->cfgr & RCC_CFGR_SWS) != RCC_CFGR_SWS_HSI16 && !start_core())
        hz = MSI_RESET_HZ;
}

bool part_rng_clock(bool on)
{
    if (hz != HSI16_HZ)
        return false;               /* the core itself runs on MSI */
    if (!on) {
        RCC_L4->ahb2enr &= ~RCC_AHB2ENR_RNG;
        RCC_L4->cr &= ~RCC_CR_MSION;
        return true;
    }
    RCC_L4->cr = (RCC_L4->cr & ~RCC_CR_MSIRANGE) | RCC_CR_MSIRANGE_48M | RCC_CR_MSIRGSEL;
    RCC_L4->cr |= RCC_CR_MSION;
    RCC_L4->ahb2enr |= RCC_AHB2ENR_RNG;
    return rm_wait(&RCC_L4->cr, RCC_CR_MSIRDY, RCC_CR_MSIRDY, TURNS);
}
