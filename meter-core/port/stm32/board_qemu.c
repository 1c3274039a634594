/* board_qemu.c - the board that QEMU's `netduinoplus2` is (STM32F405); see board.h.
 *
 * Real there: the core, SysTick, USART1 and USART2 with receive interrupts. What QEMU does not model
 * is stood in for: flash, entropy and UTC by semihosting, the valve and the gas by the host meter's
 * body (port/host/body.h). Semihosting is a breakpoint, on silicon a fault: nothing of it may reach a
 * release image, which the build checks (tests/tools/firmware_size).
 *
 * Arguments (-semihosting-config arg=...,arg=...): the NVM file, then flow=L_PER_H, rate=N. USART2
 * takes what is done by hand: `b` button, `M` `m` magnet on and off, `C` `c` cover, `R` `r` reverse
 * flow, `f` and digits and newline: the flow; `s` is answered with the bytes of stack that main and the
 * handlers have taken since the start, `v` with the valve's state; `o` makes main's stack overflow, `e`
 * reads where nothing is, `u` raises an interrupt that nobody handles; `P` and `p` let the supply fail
 * and hold again.
 */
#include "meter-core/port/stm32/board.h"

#include <string.h>

#include "common/err.h"
#include "common/text.h"
#include "meter-core/port/host/body.h"
#include "meter-core/port/host/nvm_file.h"
#include "meter-core/port/stm32/image.h"
#include "meter-core/port/stm32/ring.h"
#include "meter-core/port/stm32/semihost.h"
#include "meter-core/port/stm32/vectors.h"

#define REG(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REG(0xE000E010u)   /* ARMv7-M B3.3 */
#define SYST_RVR REG(0xE000E014u)
#define SYST_CVR REG(0xE000E018u)
#define NVIC_ISER1 REG(0xE000E104u)
#define NVIC_ISER0 0xE000E100u
#define NVIC_ISPR0_FROM_ISER0 0x100 /* bytes: NVIC_ISPR0 is at 0xE000E200 */
#define AIRCR REG(0xE000ED0Cu)
#define NOWHERE 0x60000000u         /* where the part has its external memory, and this board none */
#define HCLK_PER_MS 168000u         /* QEMU's, whatever the clock tree says */

/* RM0090 30.6: status, data, control 1. */
#define USART1 0x40011000u
#define USART2 0x40004400u
#define USART_SR(base) REG((base) + 0x00u)
#define USART_DR(base) REG((base) + 0x04u)
#define USART_CR1(base) REG((base) + 0x0Cu)
#define SR_RXNE (1u << 5)
#define CR1_ON (1u << 13 | 1u << 5 | 1u << 3 | 1u << 2) /* UE, RXNEIE, TE, RE */
#define IRQ_USART1 37u
#define IRQ_USART2 38u

static struct {
    volatile uint32_t ms;
    struct ring line, hand;
    struct gm_body body;
    struct gf_clock clock;
    struct mc_ports ports;          /* of the body */
    uint32_t rate;
    int64_t utc_start_s;
    uint32_t presses;
    bool power_fails;
    int64_t number;                 /* being read from `hand`; negative: none */
    char args[256];
    int nvm;                        /* file handle */
} qemu;

/* A valve stays where it is when the core alone starts again: kept over a reset, and as anything else
 * in RAM lost with the power, when the body's valve is shut. */
#define KEPT 0x56616C76u
static struct {
    uint32_t magic;
    gasm_ValveState valve;
} kept __attribute__((section(".noinit")));

/* ---- vectors ---- */

void vector_systick(void)
{
    qemu.ms++;
}

static void drain(uintptr_t base, struct ring *r)
{
    while ((USART_SR(base) & SR_RXNE) != 0)
        ring_put(r, (uint8_t)USART_DR(base));
}

static void on_usart1(void)
{
    drain(USART1, &qemu.line);
}

static void on_usart2(void)
{
    drain(USART2, &qemu.hand);
}

/* RM0090 table 61: 82 interrupts of the part. */
__attribute__((section(".vectors_part"), used)) static void (*const vectors_part[82])(void) = {
    VECTOR_NONE_32, VECTOR_NONE_4, VECTOR_NONE_1,           /* 0..36 */
    on_usart1,      on_usart2,                              /* 37, 38 */
    VECTOR_NONE_32, VECTOR_NONE_8, VECTOR_NONE_2, VECTOR_NONE_1, /* 39..81 */
};

/* ---- time ---- */

int64_t board_mono_ms(void)
{
    return (int64_t)qemu.ms * qemu.rate;
}

int64_t board_utc_ms(void)
{
    return qemu.utc_start_s * 1000 + qemu.ms;
}

static int64_t mono_port(void *ctx)
{
    (void)ctx;
    return board_mono_ms();
}

static int64_t utc_port(void *ctx)
{
    (void)ctx;
    return board_utc_ms();
}

/* ---- NVM: the file of a host meter (nvm_file.h has the same geometry) ---- */

static int nvm_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    (void)ctx;
    return semihost_read(qemu.nvm, addr, ret, n) ? 0 : GF_E_STORE;
}

static int nvm_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    uint8_t old[16];

    (void)ctx;
    for (size_t at = 0; at < n; at += sizeof old) {
        size_t step = n - at < sizeof old ? n - at : sizeof old;

        if (!semihost_read(qemu.nvm, addr + (uint32_t)at, old, step))
            return GF_E_STORE;
        for (size_t i = 0; i < step; i++)
            if (old[i] != 0xFF)
                return GF_E_STORE;  /* as flash does */
    }
    /* a unit at a time, as flash does: where the emulator is killed meanwhile a torn record stands */
    for (size_t at = 0; at < n; at += NVM_FILE_UNIT)
        if (!semihost_write(qemu.nvm, addr + (uint32_t)at, (const uint8_t *)from + at, NVM_FILE_UNIT))
            return GF_E_STORE;
    return 0;
}

static int nvm_erase(void *ctx, uint32_t sector)
{
    uint8_t blank[512];

    (void)ctx;
    memset(blank, 0xFF, sizeof blank);
    for (uint32_t at = 0; at < NVM_FILE_SECTOR; at += sizeof blank)
        if (!semihost_write(qemu.nvm, sector * NVM_FILE_SECTOR + at, blank, sizeof blank))
            return GF_E_STORE;
    return 0;
}

struct mc_nvm board_nvm(void)
{
    return (struct mc_nvm){.sector_size = NVM_FILE_SECTOR, .sectors = NVM_FILE_SECTORS, .unit = NVM_FILE_UNIT,
                           .read = nvm_read, .program = nvm_program, .erase = nvm_erase};
}

/* ---- start ---- */

/* The number behind `name=` in the arguments, or `other`. */
static uint32_t argument(const char *name, uint32_t other)
{
    const char *at = strstr(qemu.args, name);
    uint32_t v = 0;

    if (at == NULL)
        return other;
    for (at += strlen(name); *at >= '0' && *at <= '9'; at++)
        v = v * 10 + (uint32_t)(*at - '0');
    return v;
}

static void open_nvm(void)
{
    size_t n = strcspn(qemu.args, " ");
    char was = qemu.args[n];

    qemu.args[n] = '\0';
    qemu.nvm = semihost_open(qemu.args, SEMIHOST_UPDATE);
    qemu.args[n] = was;
}

uint32_t board_start(void)
{
    if (!semihost_cmdline(qemu.args, sizeof qemu.args))
        qemu.args[0] = '\0';
    open_nvm();
    qemu.rate = argument(" rate=", 1);
    qemu.utc_start_s = semihost_time_s();
    qemu.number = -1;
    qemu.clock = (struct gf_clock){.utc_ms = utc_port, .mono_ms = mono_port};
    gm_body_init(&qemu.body, &qemu.clock, argument(" flow=", 0));
    if (kept.magic == KEPT)
        qemu.body.valve = kept.valve;
    kept.magic = 0;
    gm_body_set_pulse(&qemu.body, 1);
    gm_body_ports(&qemu.body, &qemu.ports);
    SYST_RVR = HCLK_PER_MS - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;                   /* core clock, interrupt, on */
    NVIC_ISER1 = 1u << (IRQ_USART1 - 32) | 1u << (IRQ_USART2 - 32);
    USART_CR1(USART1) = CR1_ON;
    USART_CR1(USART2) = CR1_ON;
    return qemu.nvm < 0 ? BOARD_NO_NVM : 0;
}

enum board_reset board_reset_cause(void)
{
    return BOARD_RESET_POWER;
}

int board_entropy(uint8_t *ret, size_t n)
{
    int file = semihost_open("/dev/urandom", SEMIHOST_READ);
    bool good = file >= 0 && semihost_read_next(file, ret, n);

    if (file >= 0)
        semihost_close(file);
    return good ? 0 : GF_E_RANDOM;
}

/* ---- valve, gas, hands ---- */

int board_valve_drive(bool open)
{
    return qemu.ports.valve.drive(qemu.ports.valve.ctx, open);
}

gasm_ValveState board_valve_state(void)
{
    return qemu.ports.valve.state(qemu.ports.valve.ctx);
}

uint16_t board_supply_mv(void)
{
    return qemu.ports.supply_mv(qemu.ports.supply_ctx);
}

int16_t board_temperature_dc(void)
{
    return qemu.ports.temperature_dc(qemu.ports.supply_ctx);
}

static void tell(const char *text)
{
    while (*text != '\0')
        USART_DR(USART2) = (uint8_t)*text++;
}

static void tell_stack(void)
{
    char number[21];

    tell("stack ");
    tell(gf_dec(image_main_stack_used(), number));
    tell(" ");
    tell(gf_dec(image_handler_stack_used(), number));
    tell("\n");
}

/* What a call does that finds no room below. */
static _Noreturn void overflow(void)
{
    __asm volatile("sub sp, %0\n push {r0}" ::"r"((uintptr_t)&main_stack_top -
                                                  (uintptr_t)&main_stack_bottom));
    __builtin_unreachable();
}

static void tell_valve(void)
{
    char number[21];

    tell("valve ");
    tell(gf_dec((uint64_t)board_valve_state(), number));
    tell("\n");
}

/* A bus fault, at this function's first instruction. */
__attribute__((naked, noinline)) static void read_at(uint32_t address)
{
    (void)address;
    __asm volatile("ldr r0, [r0]\n bx lr");
}

/* Interrupt 0, the window watchdog's, which this board leaves alone: enabled, and made pending. */
__attribute__((naked, noinline)) static void interrupt_unhandled(uint32_t iser, uint32_t bit)
{
    (void)iser;
    (void)bit;
    __asm volatile("str r1, [r0]\n str r1, [r0, %0]\n dsb\n isb\n bx lr" ::"i"(NVIC_ISPR0_FROM_ISER0));
}

static void by_hand(char c)
{
    static const char on[] = "MCR", off[] = "mcr";
    const char *at;

    if (qemu.number >= 0 && c >= '0' && c <= '9') {
        qemu.number = qemu.number * 10 + (c - '0');
    } else if (qemu.number >= 0) {
        gm_body_set_flow(&qemu.body, qemu.number < GM_FLOW_MAX ? qemu.number : GM_FLOW_MAX);
        qemu.number = -1;
    } else if (c == 'b') {
        qemu.presses++;
    } else if (c == 'f') {
        qemu.number = 0;
    } else if (c == 's') {
        tell_stack();
    } else if (c == 'o') {
        overflow();
    } else if (c == 'v') {
        tell_valve();
    } else if (c == 'e') {
        read_at(NOWHERE);
    } else if (c == 'u') {
        interrupt_unhandled(NVIC_ISER0, 1);
    } else if (c == 'P' || c == 'p') {
        qemu.power_fails = c == 'P';
    } else if ((at = strchr(on, c)) != NULL && c != '\0') {
        gm_body_set_sense(&qemu.body, (enum mc_sense)(at - on), true);
    } else if ((at = strchr(off, c)) != NULL && c != '\0') {
        gm_body_set_sense(&qemu.body, (enum mc_sense)(at - off), false);
    }
}

static void take_hand(void)
{
    uint8_t c;

    while (ring_get(&qemu.hand, &c))
        by_hand((char)c);
}

uint32_t board_pulses(void)
{
    take_hand();
    return gm_body_advance(&qemu.body);
}

uint32_t board_presses(void)
{
    uint32_t n = qemu.presses;

    qemu.presses = 0;
    return n;
}

bool board_sense(enum mc_sense sense)
{
    return gm_body_sense(&qemu.body, sense);
}

bool board_power_fails(void)
{
    take_hand();
    return qemu.power_fails;
}

/* ---- line, sleep, end ---- */

size_t board_uart_rx(uint8_t *ret, size_t cap)
{
    size_t n = 0;

    while (n < cap && ring_get(&qemu.line, &ret[n]))
        n++;
    return n;
}

bool board_uart_has_rx(void)
{
    return ring_n(&qemu.line) > 0;
}

/* QEMU always has room, and raises no interrupt when it has. */
size_t board_uart_tx(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        USART_DR(USART1) = p[i];
    return n;
}

void board_kick(void)
{
}

void board_idle(uint32_t max_ms)
{
    int body = gm_body_wait_ms(&qemu.body);
    uint32_t wait = body >= 0 && (uint32_t)body < max_ms ? (uint32_t)body : max_ms;
    const uint32_t from = qemu.ms;

    while ((qemu.ms - from) * qemu.rate < wait) {
        /* an interrupt between the check and wfi stays pending, and ends it (ARMv7-M B1.5.18) */
        __asm volatile("cpsid i" ::: "memory");
        bool work = ring_n(&qemu.line) > 0 || ring_n(&qemu.hand) > 0;
        if (!work)
            __asm volatile("wfi");
        __asm volatile("cpsie i\n isb" ::: "memory");
        if (work)
            return;
    }
}

_Noreturn void board_die(void)
{
    kept.valve = qemu.body.valve;
    kept.magic = KEPT;
    AIRCR = 0x05FA0004u;            /* SYSRESETREQ (ARMv7-M B3.2.6) */
    for (;;)
        ;
}
