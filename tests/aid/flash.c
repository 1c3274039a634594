/* flash.c - flash in RAM whose power can be cut; see flash.h. */
#include "tests/aid/flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void insist(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "flash: %s\n", what);
    abort();
}

static int flash_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    struct aid_flash *f = ctx;

    if (f->dead)
        return GF_E_STORE;
    insist(addr + n <= (size_t)f->sector_size * f->sectors, "read outside");
    memcpy(ret, f->bytes + addr, n);
    return 0;
}

static uint8_t garbage(uint8_t was, size_t i)
{
    return (uint8_t)(was & (0xA5u + 0x3Bu * i));
}

/* What a cut leaves of n bytes at `at` that were to become `to` (NULL: erased). */
static void tear(struct aid_flash *f, uint32_t at, const uint8_t *to, size_t n)
{
    bool weak = (f->cut == AID_CUT_RIPENS || f->cut == AID_CUT_DECAYS) && n <= sizeof f->weak;

    f->dead = true;
    f->weak_at = at;
    f->weak_n = weak ? (uint32_t)n : 0;
    f->weak_boots = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t *b = &f->bytes[at + i], want = to == NULL ? 0xFF : to[i];

        if (weak)
            f->weak[i] = f->cut == AID_CUT_RIPENS ? want : garbage(0xFF, i);
        if (f->cut == AID_CUT_TORN)
            *b = i < (n + 1) / 2 ? want : *b;
        else if (f->cut == AID_CUT_GARBAGE)
            *b = garbage(*b, i);
        else if (f->cut == AID_CUT_AFTER || f->cut == AID_CUT_DECAYS)
            *b = want;
    }
}

/* True when the power fails at this unit. */
static bool fails_now(struct aid_flash *f)
{
    return f->cut_in >= 0 && f->cut_in-- == 0;
}

/* A unit that a cut had begun may only be begun again with the same bytes: that finishes it. */
static bool may_finish(struct aid_flash *f, uint32_t at, const uint8_t *p)
{
    bool same;

    if (f->weak_n == 0 || at != f->weak_at)
        return true;
    same = f->cut == AID_CUT_RIPENS && memcmp(f->weak, p, f->weak_n) == 0;
    f->weak_n = 0;
    return same;
}

static int flash_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct aid_flash *f = ctx;
    const uint8_t *p = from;

    if (f->dead)
        return GF_E_STORE;
    insist(addr % f->unit == 0 && n % f->unit == 0, "programmed beside a unit");
    insist(addr + n <= (size_t)f->sector_size * f->sectors, "programmed outside");
    insist(addr / f->sector_size != f->half_erased,
           "programmed a sector whose erase was cut short");
    for (uint32_t at = addr; at < addr + n; at += f->unit, p += f->unit) {
        for (uint32_t i = 0; i < f->unit; i++)
            insist(f->bytes[at + i] == 0xFF, "programmed twice");
        insist(may_finish(f, at, p), "programmed a unit that a cut had touched");
        if (fails_now(f)) {
            tear(f, at, p, f->unit);
            return GF_E_STORE;
        }
        memcpy(f->bytes + at, p, f->unit);
        f->programmed++;
    }
    return 0;
}

static int flash_erase(void *ctx, uint32_t sector)
{
    struct aid_flash *f = ctx;
    uint32_t at = sector * f->sector_size;

    if (f->dead)
        return GF_E_STORE;
    insist(sector < f->sectors, "erased outside");
    if (f->erase_forbidden)
        f->forbidden_erases++;
    if (fails_now(f)) {
        tear(f, at, NULL, f->sector_size);
        f->half_erased = sector;
        return GF_E_STORE;
    }
    if (f->half_erased == sector)
        f->half_erased = -1;
    if (f->weak_at >= at && f->weak_at < at + f->sector_size)
        f->weak_n = 0;
    memset(f->bytes + at, 0xFF, f->sector_size);
    f->erased++;
    return 0;
}

void aid_flash_init(struct aid_flash *f, uint32_t sector_size, uint32_t sectors, uint32_t unit)
{
    *f = (struct aid_flash){.sector_size = sector_size,
                            .sectors = sectors,
                            .unit = unit,
                            .cut_in = -1,
                            .half_erased = -1};
    f->bytes = malloc((size_t)sector_size * sectors);
    insist(f->bytes != NULL, "no memory");
    memset(f->bytes, 0x5A, (size_t)sector_size * sectors);
}

void aid_flash_free(struct aid_flash *f)
{
    free(f->bytes);
    f->bytes = NULL;
}

struct mc_nvm aid_flash_port(struct aid_flash *f)
{
    return (struct mc_nvm){.ctx = f,
                           .sector_size = f->sector_size,
                           .sectors = f->sectors,
                           .unit = f->unit,
                           .read = flash_read,
                           .program = flash_program,
                           .erase = flash_erase};
}

void aid_flash_boot(struct aid_flash *f)
{
    f->dead = false;
    if (f->weak_n > 0 && ++f->weak_boots == 2) {
        memcpy(f->bytes + f->weak_at, f->weak, f->weak_n);
        f->weak_n = 0;
    }
}
