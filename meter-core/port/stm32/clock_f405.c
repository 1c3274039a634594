/* clock_f405.c - the STM32F405's clock tree: 48 MHz from the PLL on the 8 MHz crystal, which is
 * also what the random number generator needs; on the internal 16 MHz oscillator when the crystal
 * does not start; that oscillator itself when the PLL does not lock. Part of part.h. */
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_f405.h"

#define HSI_HZ 16000000u
#define PLL_HZ 48000000u
/* PLL (RM0090 7.3.2): 2 MHz in, 192 MHz inside, / 4 for the core, / 4 for the 48 MHz domain. */
#define PLL_N (96u << 6)
#define PLL_P_4 (1u << 16)
#define PLL_Q_4 (4u << 24)
#define PLL_M_HSE 4u
#define PLL_M_HSI 8u
/* A crystal starts in 2 ms, the PLL locks in 300 us (data sheet); 20000 turns are 10 ms or more at
 * 16 MHz. */
#define TURNS 20000u
/* RM0090 table 10: one wait state up to 60 MHz from 2.7 V on. */
#define WAIT_STATES 1u

static uint32_t hz = HSI_HZ;

static bool switch_to(uint32_t sw, uint32_t sws)
{
    RCC_F4->cfgr = (RCC_F4->cfgr & ~RCC_CFGR_SW) | sw;
    return rm_wait(&RCC_F4->cfgr, RCC_CFGR_SWS, sws, TURNS);
}

/* The core on the PLL. False: it stays on the internal oscillator. */
static bool start_pll(bool on_crystal)
{
    RCC_F4->cr &= ~RCC_CR_PLLON;
    if (!rm_wait(&RCC_F4->cr, RCC_CR_PLLRDY, 0, TURNS))
        return false;
    RCC_F4->pllcfgr = PLL_Q_4 | PLL_P_4 | PLL_N |
                      (on_crystal ? RCC_PLLCFGR_SRC_HSE | PLL_M_HSE : PLL_M_HSI);
    RCC_F4->cr |= RCC_CR_PLLON;
    return rm_wait(&RCC_F4->cr, RCC_CR_PLLRDY, RCC_CR_PLLRDY, TURNS) &&
           switch_to(RCC_CFGR_SW_PLL, RCC_CFGR_SWS_PLL);
}

/* From the internal oscillator, which runs after a reset and after a stop. */
static uint32_t start_clocks(void)
{
    uint32_t faults = 0;

    RCC_F4->cr |= RCC_CR_HSION;
    (void)rm_wait(&RCC_F4->cr, RCC_CR_HSIRDY, RCC_CR_HSIRDY, TURNS);  /* the core runs on it already */
    (void)switch_to(RCC_CFGR_SW_HSI, RCC_CFGR_SWS_HSI);
    RCC_F4->cr |= RCC_CR_HSEON;
    if (!rm_wait(&RCC_F4->cr, RCC_CR_HSERDY, RCC_CR_HSERDY, TURNS))
        faults |= BOARD_NO_HSE;
    hz = PLL_HZ;
    if (start_pll((faults & BOARD_NO_HSE) == 0))
        return faults;
    (void)switch_to(RCC_CFGR_SW_HSI, RCC_CFGR_SWS_HSI);
    RCC_F4->cr &= ~RCC_CR_PLLON;
    hz = HSI_HZ;
    return faults | BOARD_NO_PLL;
}

/* Flash reads at one wait state. The data cache stays off: after an erase it would have to be
 * flushed (3.5.2), and the program has few constants. */
static bool set_wait_states(void)
{
    FLASH_F4->acr = WAIT_STATES | FLASH_ACR_PRFTEN | FLASH_ACR_ICEN;
    return rm_wait(&FLASH_F4->acr, FLASH_ACR_LATENCY, WAIT_STATES, TURNS);
}

uint32_t part_start(void)
{
    uint32_t faults;

    RCC_F4->apb1enr |= RCC_APB1ENR_PWR;
    RCC_F4->ahb1enr |= RCC_AHB1ENR_GPIO_ABC;
    RCC_F4->apb2enr |= RCC_APB2ENR_USART1 | RCC_APB2ENR_ADC1 | RCC_APB2ENR_SYSCFG;
    PWR_CR = (PWR_CR & ~(PWR_CR_VOS | PWR_CR_PLS)) | PWR_CR_PLS_2V8 | PWR_CR_PVDE;
    RCC_F4->cfgr |= RCC_CFGR_PPRE1_2;       /* APB1 goes to 42 MHz */
    if (!set_wait_states())
        return BOARD_NO_PLL | BOARD_NO_RNG;
    faults = start_clocks();
    return faults | ((faults & BOARD_NO_PLL) != 0 ? BOARD_NO_RNG : 0);
}

uint32_t part_hz(void)
{
    return hz;
}

void part_resume(void)
{
    (void)start_clocks();
}

bool part_rng_clock(bool on)
{
    if (!on)
        RCC_F4->ahb2enr &= ~RCC_AHB2ENR_RNG;
    else if (hz == PLL_HZ)
        RCC_F4->ahb2enr |= RCC_AHB2ENR_RNG;
    return hz == PLL_HZ;
}
