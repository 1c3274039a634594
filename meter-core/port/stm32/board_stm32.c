/* board_stm32.c - board.h on an STM32F4 or L4: what is the same on all of them; part.h has the
 * rest.
 *
 * Time is counted by SysTick while the core runs or sleeps, and taken from the RTC over a stop. A
 * stop is made when the serial line has been silent for QUIET_MS and the motor stands; an edge on
 * the line ends it, which costs the bytes that come meanwhile: the other end sends them again.
 */
#include "common/err.h"
#include "meter-core/port/stm32/motor.h"
#include "meter-core/port/stm32/part.h"
#include "meter-core/port/stm32/rm_stm32.h"
#include "meter-core/port/stm32/rtc.h"
#include "meter-core/port/stm32/vectors.h"
#include "meter-core/port/stm32/watchdog.h"

#define QUIET_MS 2000       /* longer than uart_link.h needs for the next byte of a dialogue */
#define STOP_MS_MIN 20      /* a shorter stop costs more than it saves */
/* What ends board_die() when SysTick does not count: more turns than MOTOR_MS has at any clock. */
#define DIE_TURNS 400000000u

static struct {
    int64_t ms;             /* since the start; changed with interrupts off */
    int64_t heard_ms;       /* when the line was heard last */
    uint32_t heard;         /* usart_heard() then */
    uint32_t stalled_pulses; /* that came while flash was erased */
    uint32_t hz;
    enum board_reset reset;
    volatile bool has_started;
} board;

/* ---- vectors ---- */

void vector_systick(void)
{
    board.ms++;
    motor_poll(board.ms);
}

/* Take over what was counted while flash was erased. No other interrupt comes meanwhile. */
static void catch_up(void)
{
    uint32_t pulses, ms;

    part_stalled(&pulses, &ms);
    board.stalled_pulses += pulses;
    board.ms += ms;
}

static void on_pin(void)
{
    catch_up();     /* else an edge behind an erase looks like a bounce of one before */
    pins_irq(board.ms);
}

/* Supply monitor, RTC: they wake the core; the loop looks. */
static void on_wake(void)
{
    ((struct rm_exti *)part.pins.exti)->pr = 1u << EXTI_LINE_PVD | 1u << part.rtc_line;
}

/* RM0090 table 61, RM0351 table 57: 82 interrupts; those that are used have the same numbers. */
__attribute__((section(".vectors_part"), used)) static void (*const vectors_part[82])(void) = {
    VECTOR_NONE_1,  on_wake,        VECTOR_NONE_1, on_wake,        /* 0..3: PVD, RTC */
    VECTOR_NONE_2,  on_pin,         on_pin,        on_pin,         /* 4..8: EXTI0 to 2 */
    on_pin,         on_pin,         VECTOR_NONE_8, VECTOR_NONE_4,  /* 9..22: EXTI3 and 4 */
    on_pin,         VECTOR_NONE_8,  VECTOR_NONE_4, VECTOR_NONE_1,  /* 23..36: EXTI5 to 9 */
    usart_irq,      VECTOR_NONE_2,  on_pin,        VECTOR_NONE_1,  /* 37..41: EXTI10 to 15 */
    VECTOR_NONE_32, VECTOR_NONE_8,                                 /* 42..81 */
};

/* ---- time ---- */

static void start_systick(void)
{
    board.hz = part_hz();
    SYST_RVR = board.hz / 1000u - 1u;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ON;
}

int64_t board_mono_ms(void)
{
    uint32_t masked = irq_off();
    int64_t ms;

    catch_up();
    ms = board.ms;
    irq_restore(masked);
    return ms;
}

int64_t board_utc_ms(void)
{
    return rtc_utc_ms();
}

/* ---- start ---- */

uint32_t board_start(void)
{
    struct rm_exti *exti = (struct rm_exti *)part.pins.exti;
    uint32_t faults;

    board.reset = part_reset();
    watchdog_start();
    faults = part_start();
    pins_start(&part.pins);
    exti->rtsr |= 1u << EXTI_LINE_PVD | 1u << part.rtc_line;
    exti->imr |= 1u << EXTI_LINE_PVD | 1u << part.rtc_line;
    NVIC_ISER(IRQ_PVD) = NVIC_BIT(IRQ_PVD) | NVIC_BIT(IRQ_RTC_WKUP);
    faults |= rtc_start(part.bdcr);
    start_systick();
    usart_start(&part.usart, board.hz);
    board.has_started = true;
    irq_restore(0);
    return faults;
}

enum board_reset board_reset_cause(void)
{
    return board.reset;
}

struct mc_nvm board_nvm(void)
{
    return part_nvm();
}

/* ---- valve, battery, senses ---- */

int board_valve_drive(bool open)
{
    if (open && part_power_fails())
        return GF_E_NOT_NOW;
    motor_drive(open, board_mono_ms());
    return 0;
}

gasm_ValveState board_valve_state(void)
{
    return motor_state();
}

uint16_t board_supply_mv(void)
{
    return part_supply_mv();
}

int16_t board_temperature_dc(void)
{
    return part_temperature_dc();
}

uint32_t board_pulses(void)
{
    uint32_t masked = irq_off(), n;

    catch_up();
    n = board.stalled_pulses;
    board.stalled_pulses = 0;
    irq_restore(masked);
    return n + pins_pulses();
}

uint32_t board_presses(void)
{
    return pins_presses();
}

bool board_sense(enum mc_sense sense)
{
    static const uint8_t pin[MC_SENSES] = {
        [MC_SENSE_MAGNET] = PIN_MAGNET,
        [MC_SENSE_COVER] = PIN_COVER,
        [MC_SENSE_REVERSE] = PIN_REVERSE,
    };

    return pins_is_low((enum pin_id)pin[sense]);
}

bool board_power_fails(void)
{
    return part_power_fails();
}

/* ---- line ---- */

size_t board_uart_rx(uint8_t *ret, size_t cap)
{
    return usart_read(ret, cap);
}

size_t board_uart_tx(const uint8_t *p, size_t n)
{
    return usart_write(p, n);
}

bool board_uart_has_rx(void)
{
    return usart_has_work();
}

/* ---- sleep ---- */

void board_kick(void)
{
    watchdog_feed();
}

static bool may_stop(int64_t left_ms)
{
    if (usart_heard() != board.heard) {
        board.heard = usart_heard();
        board.heard_ms = board.ms;
    }
    return left_ms >= STOP_MS_MIN && board.ms - board.heard_ms >= QUIET_MS && !motor_is_on() &&
           usart_is_quiet();
}

/* Stop the clocks until a pin, the supply monitor or the RTC says so. Interrupts are off: what is
 * pending already ends it at once. */
static void stop(uint32_t left_ms)
{
    const int64_t before_ms = rtc_utc_ms();
    int64_t slept_ms;

    if (before_ms == 0 || !rtc_wake_in(left_ms)) {
        cpu_sleep();
        return;
    }
    pins_wake_on_rx(true);
    part_stop(true);
    SCB_SCR |= SCB_SCR_SLEEPDEEP;
    cpu_sleep();
    SCB_SCR &= ~SCB_SCR_SLEEPDEEP;
    part_stop(false);
    part_resume();
    if (part_hz() != board.hz) {
        start_systick();
        usart_start(&part.usart, board.hz);
    }
    pins_wake_on_rx(false);
    rtc_wake_off();
    rtc_resume();
    slept_ms = rtc_utc_ms() - before_ms;
    if (slept_ms > 0 && slept_ms <= RTC_WAKE_MS_MAX)    /* else the RTC was lost meanwhile */
        board.ms += slept_ms;
    if (pins_was_woken())
        board.heard_ms = board.ms;
}

static void nap(int64_t left_ms)
{
    if (may_stop(left_ms))
        stop((uint32_t)left_ms);
    else
        cpu_sleep();
}

void board_idle(uint32_t max_ms)
{
    const int64_t until_ms = board_mono_ms() + max_ms;

    for (bool done = false; !done;) {
        uint32_t masked = irq_off();

        done = usart_has_work() || pins_have_work() || board.ms >= until_ms;
        if (done)
            pins_forget_change();
        else
            nap(until_ms - board.ms);
        irq_restore(masked);
    }
}

_Noreturn void board_die(void)
{
    (void)irq_off();
    if (board.has_started) {
        pins_motor(false, true);
        for (uint32_t i = 0, ms = 0; i < DIE_TURNS && ms < MOTOR_MS; i++) {
            if (pins_is_low(PIN_AT_SHUT))
                break;
            if ((SYST_CSR & SYST_CSR_COUNTFLAG) != 0) {
                watchdog_feed();
                ms++;
            }
        }
        pins_motor(false, false);
    }
    for (;;)
        SCB_AIRCR = SCB_AIRCR_RESET;
}
