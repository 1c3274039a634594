/* board_f405.c - the meter's board with an STM32F405: pins, reset, stop, supply and temperature;
 * see part.h. clock_f405.c has its clocks, flash_f405.c its NVM. */
#include "meter-core/port/stm32/fault.h"
#include "meter-core/port/stm32/flash_f405.h"
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_f405.h"

#define PORT_A 0u
#define PORT_B 1u
#define PORT_C 2u
#define AF_USART1 7u            /* data sheet DS8626, table 9 */

#define CHANNEL_TEMPERATURE 16u
#define CHANNEL_REFERENCE 17u
#define CALIBRATED_MV 3300u
/* 492 clocks at 12 MHz are 41 us, 2000 clocks of the core. */
#define ADC_TURNS 5000u

const struct part part = {
    .pins = {.gpio = F405_GPIOA,
             .exti = F405_EXTI,
             .syscfg = F405_SYSCFG,
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
    .usart = {.status = &USART1_F4->sr,
              .in = &USART1_F4->dr,
              .out = &USART1_F4->dr,
              .rate = &USART1_F4->brr,
              .control = &USART1_F4->cr1,
              .on = USART_CR1_UE},
    .bdcr = &RCC_F4->bdcr,
    .rtc_line = EXTI_LINE_RTC_WKUP,
};

static struct flash_stall stall = {.lines = 1u << 0, .apart_ms = PINS_PULSE_APART_MS};

struct mc_nvm part_nvm(void)
{
    return flash_f405_nvm(&stall);
}

void part_stalled(uint32_t *ret_edges, uint32_t *ret_ms)
{
    *ret_edges = stall.edges;
    *ret_ms = stall.ms;
    stall.edges = stall.ms = 0;
}

enum board_reset part_reset(void)
{
    const uint32_t csr = RCC_F4->csr;

    RCC_F4->csr = csr | RCC_CSR_RMVF;
    if ((csr & (RCC_CSR_PORRSTF | RCC_CSR_BORRSTF)) != 0)
        return BOARD_RESET_POWER;
    if ((csr & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) != 0)
        return BOARD_RESET_WATCHDOG;
    if ((csr & RCC_CSR_SFTRSTF) != 0)
        return fault_of_last_run() != NULL ? BOARD_RESET_FAULT : BOARD_RESET_SOFTWARE;
    return (csr & RCC_CSR_LPWRRSTF) != 0 ? BOARD_RESET_LOW_POWER : BOARD_RESET_PIN;
}

void part_stop(bool on)
{
    const uint32_t stop = PWR_CR_LPDS | PWR_CR_FPDS;    /* regulator and flash low; PDDS 0: stop */

    PWR_CR = (PWR_CR & ~(stop | PWR_CR_PDDS)) | (on ? stop | PWR_CR_CWUF : 0);
}

bool part_power_fails(void)
{
    return (PWR_CSR & PWR_CSR_PVDO) != 0;
}

/* One conversion. 0 when none ends. */
static uint32_t convert(uint32_t channel)
{
    ADC1_F4->sqr3 = channel;
    ADC1_F4->sr = 0;
    ADC1_F4->cr2 |= ADC_CR2_SWSTART;
    return rm_wait(&ADC1_F4->sr, ADC_SR_EOC, ADC_SR_EOC, ADC_TURNS) ? ADC1_F4->dr & 0xFFFu : 0;
}

/* The mean of four, behind one that is thrown away: sensor and converter are awake by then. */
static uint32_t measure(uint32_t channel)
{
    uint32_t sum = 0;

    ADC_CCR_F4 = ADC_CCR_ADCPRE_4 | ADC_CCR_TSVREFE;
    ADC1_F4->smpr1 = ADC_SMPR1_480(CHANNEL_TEMPERATURE) | ADC_SMPR1_480(CHANNEL_REFERENCE);
    ADC1_F4->sqr1 = 0;          /* one conversion */
    ADC1_F4->cr2 = ADC_CR2_ADON;
    (void)convert(channel);
    for (uint32_t i = 0; i < 4; i++)
        sum += convert(channel);
    ADC1_F4->cr2 = 0;
    ADC_CCR_F4 = 0;
    return sum / 4u;
}

uint16_t part_supply_mv(void)
{
    const uint32_t reference = measure(CHANNEL_REFERENCE);

    return (uint16_t)(reference == 0 ? 0 : CALIBRATED_MV * F405_VREFINT_CAL / reference);
}

int16_t part_temperature_dc(void)
{
    const int32_t low = F405_TS_CAL1, high = F405_TS_CAL2;
    const int32_t mv = part_supply_mv(), raw = (int32_t)measure(CHANNEL_TEMPERATURE);

    if (mv == 0 || raw == 0 || high <= low)
        return PART_NO_TEMPERATURE;
    return (int16_t)(300 + (raw * mv / (int32_t)CALIBRATED_MV - low) * 800 / (high - low));
}
