/* flash_f405.c - sectors 10 and 11 of the STM32F405 as NVM; see flash_f405.h. */
#include "meter-core/port/stm32/flash_f405.h"

#include <string.h>

#include "common/err.h"
#include "meter-core/port/stm32/rm_f405.h"

#define FIRST_SECTOR 10u
#define ERRORS                                                                                     \
    (FLASH_SR_OPERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_PGPERR | FLASH_SR_PGSERR)
/* A word takes 100 us at most (data sheet), 4800 clocks at 48 MHz. */
#define WORD_TURNS 10000u
/* No erase has so many turns of the loop, whatever SysTick does: 20 s at 48 MHz. */
#define ERASE_TURNS 40000000u
#define EXTI ((struct rm_exti *)F405_EXTI)

static bool is_busy(void)
{
    return (FLASH_F4->sr & FLASH_SR_BSY) != 0;
}

/* Idle, unlocked, and without errors of before. */
static int unlock(void)
{
    for (uint32_t i = 0; is_busy(); i++)
        if (i == WORD_TURNS)
            return GF_E_STORE;
    FLASH_F4->sr = ERRORS | FLASH_SR_EOP;   /* written 1: cleared */
    if ((FLASH_F4->cr & FLASH_CR_LOCK) != 0) {
        FLASH_F4->keyr = FLASH_KEY1;
        FLASH_F4->keyr = FLASH_KEY2;
    }
    return (FLASH_F4->cr & FLASH_CR_LOCK) != 0 ? GF_E_STORE : 0;
}

static void lock(void)
{
    FLASH_F4->cr = FLASH_CR_LOCK;
}

/* Wait for the end of what was begun. */
static int end_of_word(void)
{
    for (uint32_t i = 0; is_busy(); i++)
        if (i == WORD_TURNS)
            return GF_E_STORE;
    return (FLASH_F4->sr & ERRORS) != 0 ? GF_E_STORE : 0;
}

static bool is_inside(uint32_t addr, size_t n)
{
    return addr <= FLASH_F405_SECTORS * FLASH_F405_SECTOR &&
           n <= FLASH_F405_SECTORS * FLASH_F405_SECTOR - addr;
}

static int read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    (void)ctx;
    if (!is_inside(addr, n))
        return GF_E_STORE;
    memcpy(ret, (const uint8_t *)(uintptr_t)(FLASH_F405_BASE + addr), n);
    return 0;
}

static int program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    const uint8_t *p = from;
    volatile uint32_t *to = &RM_REG(FLASH_F405_BASE + addr);
    int rc;

    (void)ctx;
    if (!is_inside(addr, n) || addr % FLASH_F405_UNIT != 0 || n % FLASH_F405_UNIT != 0)
        return GF_E_STORE;
    rc = unlock();
    if (rc == 0)
        FLASH_F4->cr = FLASH_CR_PSIZE_32 | FLASH_CR_PG;
    for (size_t at = 0; rc == 0 && at < n; at += FLASH_F405_UNIT, to++) {
        uint32_t word;

        memcpy(&word, p + at, sizeof word);
        *to = word;
        __asm volatile("dsb" ::: "memory"); /* BSY stands only once the word has arrived */
        rc = end_of_word();
        if (rc == 0 && *to != word)
            rc = GF_E_STORE;
    }
    lock();
    return rc;
}

/* Start the erase and see its end, without flash. */
__attribute__((section(".ramcode"), noinline, long_call)) static void erase_from_ram(
    struct flash_stall *stall, uint32_t cr)
{
    uint32_t ms = 0, deaf_ms = 0;

    FLASH_F4->cr = cr;
    FLASH_F4->cr = cr | FLASH_CR_STRT;
    __asm volatile("dsb" ::: "memory");
    for (uint32_t i = 0; (FLASH_F4->sr & FLASH_SR_BSY) != 0; i++) {
        if (i == ERASE_TURNS || ms == FLASH_F405_ERASE_MS)
            break;
        if ((SYST_CSR & SYST_CSR_COUNTFLAG) != 0) {
            SCB_ICSR = SCB_ICSR_PENDSTCLR;  /* counted here, not by its handler */
            IWDG_KR = IWDG_KR_FEED;
            ms++;
            deaf_ms -= deaf_ms > 0;
        }
        if ((EXTI->pr & stall->lines) != 0) {
            EXTI->pr = stall->lines;
            stall->edges += deaf_ms == 0;
            deaf_ms = deaf_ms == 0 ? stall->apart_ms : deaf_ms;
        }
    }
    stall->ms += ms;
}

static bool is_blank(uint32_t sector)
{
    const volatile uint32_t *at = &RM_REG(FLASH_F405_BASE + sector * FLASH_F405_SECTOR);

    for (size_t i = 0; i < FLASH_F405_SECTOR / 4; i++)
        if (at[i] != 0xFFFFFFFFu)
            return false;
    return true;
}

static int erase(void *ctx, uint32_t sector)
{
    uint32_t masked;
    int rc;

    if (sector >= FLASH_F405_SECTORS)
        return GF_E_STORE;
    rc = unlock();
    if (rc == 0) {
        masked = irq_off();
        erase_from_ram(ctx, FLASH_CR_PSIZE_32 | FLASH_CR_SER | FLASH_CR_SNB(FIRST_SECTOR + sector));
        irq_restore(masked);
        rc = end_of_word();
    }
    lock();
    return rc == 0 && is_blank(sector) ? 0 : GF_E_STORE;
}

struct mc_nvm flash_f405_nvm(struct flash_stall *stall)
{
    return (struct mc_nvm){.ctx = stall,
                           .sector_size = FLASH_F405_SECTOR,
                           .sectors = FLASH_F405_SECTORS,
                           .unit = FLASH_F405_UNIT,
                           .read = read,
                           .program = program,
                           .erase = erase};
}
