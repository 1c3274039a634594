/* flash_l476.c - pages of the STM32L476's second bank as NVM; see flash_l476.h. */
#include "meter-core/port/stm32/flash_l476.h"

#include <string.h>

#include "common/err.h"
#include "meter-core/port/stm32/rm_l476.h"

#define PAGE 2048u
#define FIRST_PAGE 128u             /* of bank 2 */
#define PAGES (FLASH_L476_SECTOR / PAGE)
#define ERRORS                                                                                     \
    (FLASH_SR_OPERR | FLASH_SR_PROGERR | FLASH_SR_WRPERR | FLASH_SR_PGAERR | FLASH_SR_SIZERR |     \
     FLASH_SR_PGSERR | FLASH_SR_MISERR | FLASH_SR_FASTERR)
/* A double word takes 91 us at most, a page 25 ms (data sheet); a turn is 4 clocks of 62 ns or
 * more. */
#define WORD_TURNS 4000u
#define PAGE_TURNS 1000000u

static volatile bool has_bad_word;  /* the NMI came */

bool flash_l476_nmi(void)
{
    uint32_t eccr = FLASH_L4->eccr;

    if ((eccr & FLASH_ECCR_ECCD) == 0 || (eccr & FLASH_ECCR_SYSTEM) != 0 ||
        (eccr & FLASH_ECCR_BANK2) == 0 || (eccr & FLASH_ECCR_ADDR) < FIRST_PAGE * PAGE)
        return false;
    FLASH_L4->eccr = FLASH_ECCR_ECCD;   /* written 1: cleared */
    has_bad_word = true;
    return true;
}

static int wait(uint32_t turns)
{
    for (uint32_t i = 0; (FLASH_L4->sr & FLASH_SR_BSY) != 0; i++)
        if (i == turns)
            return GF_E_STORE;
    return (FLASH_L4->sr & ERRORS) != 0 ? GF_E_STORE : 0;
}

static int unlock(void)
{
    FLASH_L4->sr = ERRORS | FLASH_SR_EOP;   /* written 1: cleared; else they forbid programming */
    if (wait(WORD_TURNS) != 0)
        return GF_E_STORE;
    if ((FLASH_L4->cr & FLASH_CR_LOCK) != 0) {
        FLASH_L4->keyr = FLASH_KEY1;
        FLASH_L4->keyr = FLASH_KEY2;
    }
    return (FLASH_L4->cr & FLASH_CR_LOCK) != 0 ? GF_E_STORE : 0;
}

static void lock(void)
{
    FLASH_L4->cr = FLASH_CR_LOCK;
}

static bool is_inside(uint32_t addr, size_t n)
{
    return addr <= FLASH_L476_SECTORS * FLASH_L476_SECTOR &&
           n <= FLASH_L476_SECTORS * FLASH_L476_SECTOR - addr;
}

/* After loads from the NVM: true when one of them was beyond correction. */
static bool was_bad(void)
{
    __asm volatile("dsb\n isb" ::: "memory");   /* the NMI comes before the next instruction */
    return flash_l476_nmi() || has_bad_word;
}

/* A double word, as two; zeroes when it is beyond correction. */
static void load(uint32_t addr, uint32_t ret[static 2])
{
    const volatile uint32_t *at = &RM_REG(FLASH_L476_BASE + addr);

    has_bad_word = false;
    ret[0] = at[0];
    ret[1] = at[1];
    if (was_bad())
        ret[0] = ret[1] = 0;
}

/* One double word after the other, because one of them is bad. */
static void read_each(uint32_t addr, uint8_t *to, size_t n)
{
    while (n > 0) {
        uint32_t skip = addr % FLASH_L476_UNIT, word[2];
        size_t step = FLASH_L476_UNIT - skip < n ? FLASH_L476_UNIT - skip : n;

        load(addr - skip, word);
        memcpy(to, (const uint8_t *)word + skip, step);
        to += step;
        addr += (uint32_t)step;
        n -= step;
    }
}

static int read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    (void)ctx;
    if (!is_inside(addr, n))
        return GF_E_STORE;
    has_bad_word = false;
    memcpy(ret, (const uint8_t *)(uintptr_t)(FLASH_L476_BASE + addr), n);
    if (was_bad())
        read_each(addr, ret, n);
    return 0;
}

static int program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    const uint8_t *p = from;
    int rc;

    (void)ctx;
    if (!is_inside(addr, n) || addr % FLASH_L476_UNIT != 0 || n % FLASH_L476_UNIT != 0)
        return GF_E_STORE;
    rc = unlock();
    if (rc == 0)
        FLASH_L4->cr = FLASH_CR_PG;
    for (size_t at = 0; rc == 0 && at < n; at += FLASH_L476_UNIT) {
        volatile uint32_t *to = &RM_REG(FLASH_L476_BASE + addr + (uint32_t)at);
        uint32_t word[2], got[2], masked;

        memcpy(word, p + at, sizeof word);
        masked = irq_off();         /* both halves, one behind the other (3.3.7) */
        to[0] = word[0];
        __asm volatile("isb" ::: "memory");
        to[1] = word[1];
        irq_restore(masked);
        __asm volatile("dsb" ::: "memory");
        rc = wait(WORD_TURNS);
        load(addr + (uint32_t)at, got);
        if (rc == 0 && (got[0] != word[0] || got[1] != word[1]))
            rc = GF_E_STORE;
    }
    lock();
    return rc;
}

static bool is_blank(uint32_t addr)
{
    const volatile uint32_t *at = &RM_REG(FLASH_L476_BASE + addr);

    has_bad_word = false;
    for (size_t i = 0; i < FLASH_L476_SECTOR / 4; i++)
        if (at[i] != 0xFFFFFFFFu)
            return false;
    return !was_bad();
}

static int erase(void *ctx, uint32_t sector)
{
    int rc;

    (void)ctx;
    if (sector >= FLASH_L476_SECTORS)
        return GF_E_STORE;
    rc = unlock();
    for (uint32_t page = PAGES; rc == 0 && page-- > 0;) {
        uint32_t cr = FLASH_CR_PER | FLASH_CR_BKER |
                      FLASH_CR_PNB(FIRST_PAGE + sector * PAGES + page);

        FLASH_L4->cr = cr;
        FLASH_L4->cr = cr | FLASH_CR_STRT;
        __asm volatile("dsb" ::: "memory");
        rc = wait(PAGE_TURNS);
    }
    lock();
    return rc == 0 && is_blank(sector * FLASH_L476_SECTOR) ? 0 : GF_E_STORE;
}

struct mc_nvm flash_l476_nvm(void)
{
    return (struct mc_nvm){.sector_size = FLASH_L476_SECTOR,
                           .sectors = FLASH_L476_SECTORS,
                           .unit = FLASH_L476_UNIT,
                           .read = read,
                           .program = program,
                           .erase = erase};
}
