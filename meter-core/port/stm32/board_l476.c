/* board_l476.c - the meter's board with an STM32L476: pins, reset, stop, supply and temperature;
 * see part.h. clock_l476.c has its clocks, flash_l476.c its NVM. */
#include "meter-core/port/stm32/fault.h"
#include "meter-core/port/stm32/flash_l476.h"
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_l476.h"
#include "meter-core/port/stm32/vectors.h"

#define PORT_A 0u
#define PORT_B 1u
#define PORT_C 2u
#define AF_USART1 7u            /* data sheet DS10198, table 17 */

#define CHANNEL_REFERENCE 0u
#define CHANNEL_TEMPERATURE 17u
#define CALIBRATED_MV 3000u
/* 653 clocks of 16 MHz are 41 us; the calibration takes 116 clocks, the regulator 20 us (18.4.6).
 * */
#define ADC_TURNS 5000u
#define REGULATOR_TURNS 400u

const struct part part = {
    .pins = {.gpio = L476_GPIOA,
             .exti = L476_EXTI,
             .syscfg = L476_SYSCFG,
             .usart_af = AF_USART1,
             .pin = {[PIN_VALVE_OPEN] = {PORT_B, 0},
                     [PIN_VALVE_SHUT] = {PORT_B, 1},
                     [PIN_AT_OPEN] = {PORT_B, 6},
                     [PIN_AT_SHUT] = {PORT_B, 7},
                     [PIN_PULSE] = {PORT_A, 0},
                     [PIN_BUTTON] = {PORT_C, 13},
                     [PIN_MAGNET] = {PORT_C, 1},
                     [PIN_COVER] = {PORT_C, 2},
                     [PIN_REVERSE] = {PORT_C, 3},
                     [PIN_RX] = {PORT_A, 10},
                     [PIN_TX] = {PORT_A, 9}}},
    .usart = {.status = &USART1_L4->isr,
              .in = &USART1_L4->rdr,
              .out = &USART1_L4->tdr,
              .rate = &USART1_L4->brr,
              .control = &USART1_L4->cr1,
              .clear = &USART1_L4->icr,
              .on = USART_CR1_UE},
    .bdcr = &RCC_L4->bdcr,
    .rtc_line = EXTI_LINE_RTC_WKUP,
};

/* Other than an unreadable word of the NVM, nothing raises it. */
void vector_nmi(void)
{
    if (!flash_l476_nmi())
        board_die();
}

struct mc_nvm part_nvm(void)
{
    return flash_l476_nvm();
}

void part_stalled(uint32_t *ret_edges, uint32_t *ret_ms)
{
    *ret_edges = *ret_ms = 0;
}

enum board_reset part_reset(void)
{
    const uint32_t csr = RCC_L4->csr;

    RCC_L4->csr = csr | RCC_CSR_RMVF;
    if ((csr & RCC_CSR_BORRSTF) != 0)   /* power-on too: the part has no flag of its own for it */
        return BOARD_RESET_POWER;
    if ((csr & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) != 0)
        return BOARD_RESET_WATCHDOG;
    if ((csr & RCC_CSR_SFTRSTF) != 0)
        return fault_of_last_run() != NULL ? BOARD_RESET_FAULT : BOARD_RESET_SOFTWARE;
    return (csr & RCC_CSR_LPWRRSTF) != 0 ? BOARD_RESET_LOW_POWER : BOARD_RESET_PIN;
}

void part_stop(bool on)
{
    PWR_CR = (PWR_CR & ~PWR_CR_LPMS) | (on ? PWR_CR_LPMS_STOP1 : 0);
}

bool part_power_fails(void)
{
    return (PWR_SR2 & PWR_SR2_PVDO) != 0;
}

/* Out of its deep sleep, calibrated, on (18.4.6 to 18.4.9). */
static bool start_adc(void)
{
    ADC_CCR_L4 = ADC_CCR_CKMODE_1 | ADC_CCR_VREFEN | ADC_CCR_TSEN;
    ADC1_L4->cr = 0;
    ADC1_L4->cr = ADC_CR_ADVREGEN;
    for (volatile uint32_t i = 0; i < REGULATOR_TURNS; i = i + 1)
        ;
    ADC1_L4->cr = ADC_CR_ADVREGEN | ADC_CR_ADCAL;
    if (!rm_wait(&ADC1_L4->cr, ADC_CR_ADCAL, 0, ADC_TURNS))
        return false;
    ADC1_L4->smpr1 = ADC_SMPR_LONGEST << (3u * CHANNEL_REFERENCE);
    ADC1_L4->smpr2 = ADC_SMPR_LONGEST << (3u * (CHANNEL_TEMPERATURE - 10u));
    ADC1_L4->isr = ADC_ISR_ADRDY;   /* written 1: cleared */
    ADC1_L4->cr = ADC_CR_ADVREGEN | ADC_CR_ADEN;
    return rm_wait(&ADC1_L4->isr, ADC_ISR_ADRDY, ADC_ISR_ADRDY, ADC_TURNS);
}

/* One conversion. 0 when none ends. */
static uint32_t convert(uint32_t channel)
{
    ADC1_L4->sqr1 = channel << 6;   /* one conversion */
    ADC1_L4->cr = ADC_CR_ADVREGEN | ADC_CR_ADEN | ADC_CR_ADSTART;
    return rm_wait(&ADC1_L4->isr, ADC_ISR_EOC, ADC_ISR_EOC, ADC_TURNS) ? ADC1_L4->dr & 0xFFFu : 0;
}

/* The mean of four, behind one that is thrown away: sensor and converter are awake by then. */
static uint32_t measure(uint32_t channel)
{
    uint32_t sum = 0;

    if (start_adc()) {
        (void)convert(channel);
        for (uint32_t i = 0; i < 4; i++)
            sum += convert(channel);
    }
    ADC1_L4->cr = ADC_CR_ADVREGEN | ADC_CR_ADDIS;
    (void)rm_wait(&ADC1_L4->cr, ADC_CR_ADEN, 0, ADC_TURNS);
    ADC1_L4->cr = ADC_CR_DEEPPWD;
    ADC_CCR_L4 = 0;
    return sum / 4u;
}

uint16_t part_supply_mv(void)
{
    const uint32_t reference = measure(CHANNEL_REFERENCE);

    return (uint16_t)(reference == 0 ? 0 : CALIBRATED_MV * L476_VREFINT_CAL / reference);
}

int16_t part_temperature_dc(void)
{
    const int32_t low = L476_TS_CAL1, high = L476_TS_CAL2;
    const int32_t mv = part_supply_mv(), raw = (int32_t)measure(CHANNEL_TEMPERATURE);

    if (mv == 0 || raw == 0 || high <= low)
        return PART_NO_TEMPERATURE;
    return (int16_t)(300 + (raw * mv / (int32_t)CALIBRATED_MV - low) * 800 / (high - low));
}
