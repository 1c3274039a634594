/* flash.c - flash in RAM whose power can be cut; see flash.h. */
#include "tests/aid/flash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void insist(struct aid_flash *f, bool ok, const char *what)
{
    if (ok)
        return;
    if (!f->judged) {
        fprintf(stderr, "flash: %s\n", what);
        abort();
    }
    if (f->wrong == NULL)
        f->wrong = what;
}

static int flash_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    struct aid_flash *f = ctx;

    if (f->dead)
        return GF_E_STORE;
    if (addr + n > (size_t)f->sector_size * f->sectors) {
        insist(f, false, "read outside");
        return GF_E_STORE;
    }
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
    struct aid_weak *weak = NULL;

    f->dead = true;
    if ((f->cut == AID_CUT_RIPENS || f->cut == AID_CUT_DECAYS) && n <= sizeof weak->bytes) {
        weak = &f->weak[f->weak_next++ % AID_WEAK];
        *weak = (struct aid_weak){at, (uint32_t)n, 0, f->cut == AID_CUT_RIPENS, {0}};
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *b = &f->bytes[at + i], want = to == NULL ? 0xFF : to[i];

        if (weak != NULL)
            weak->bytes[i] = weak->ripens ? want : garbage(0xFF, i);
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
    bool ok = true;

    for (size_t i = 0; i < AID_WEAK; i++) {
        struct aid_weak *weak = &f->weak[i];

        if (weak->n == 0 || weak->at != at)
            continue;
        ok = ok && weak->ripens && memcmp(weak->bytes, p, weak->n) == 0;
        weak->n = 0;
    }
    return ok;
}

static bool is_blank(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0xFF)
            return false;
    return true;
}

static int flash_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct aid_flash *f = ctx;
    const uint8_t *p = from;

    if (f->dead)
        return GF_E_STORE;
    if (addr % f->unit != 0 || n % f->unit != 0 ||
        addr + n > (size_t)f->sector_size * f->sectors) {
        insist(f, false, "programmed beside a unit, or outside");
        return GF_E_STORE;
    }
    insist(f, !is_blank(p, n < f->unit ? n : f->unit), "a record begins as erased flash reads");
    insist(f, addr / f->sector_size != f->half_erased,
           "programmed a sector whose erase was cut short");
    for (uint32_t at = addr; at < addr + n; at += f->unit, p += f->unit) {
        for (uint32_t i = 0; i < f->unit; i++)
            insist(f, f->bytes[at + i] == 0xFF, "programmed twice");
        insist(f, may_finish(f, at, p), "programmed a unit that a cut had touched");
        if (fails_now(f)) {
            tear(f, at, p, f->unit);
            return GF_E_STORE;
        }
        for (uint32_t i = 0; i < f->unit; i++)
            f->bytes[at + i] &= p[i];
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
    if (sector >= f->sectors) {
        insist(f, false, "erased outside");
        return GF_E_STORE;
    }
    if (f->erase_forbidden)
        f->forbidden_erases++;
    if (fails_now(f)) {
        tear(f, at, NULL, f->sector_size);
        f->half_erased = sector;
        return GF_E_STORE;
    }
    if (f->half_erased == sector)
        f->half_erased = -1;
    for (size_t i = 0; i < AID_WEAK; i++)
        if (f->weak[i].at >= at && f->weak[i].at < at + f->sector_size)
            f->weak[i].n = 0;
    memset(f->bytes + at, 0xFF, f->sector_size);
    f->erased++;
    f->worn[sector % AID_FLASH_SECTORS_MAX]++;
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
    if (f->bytes == NULL)
        abort();
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
    for (size_t i = 0; i < AID_WEAK; i++) {
        struct aid_weak *weak = &f->weak[i];

        if (weak->n > 0 && ++weak->boots == 2) {
            memcpy(f->bytes + weak->at, weak->bytes, weak->n);
            weak->n = 0;
        }
    }
}

/* ---- a port that breaks its word ---- */

static int faulty_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    struct aid_faulty *f = ctx;
    uint8_t *to = ret;
    int rc = flash_read(f->flash, addr, ret, n);

    for (uint32_t i = 0; rc == 0 && i < f->late_n; i++)     /* as a cache would */
        if (f->late_at + i >= addr && f->late_at + i - addr < n)
            to[f->late_at + i - addr] = f->late[i];
    return rc;
}

/* What was held back goes to the flash. */
static int catch_up(struct aid_faulty *f)
{
    uint32_t n = f->late_n;

    f->late_n = 0;
    return n == 0 ? 0 : flash_program(f->flash, f->late_at, f->late, n);
}

static int program_reversed(struct aid_faulty *f, uint32_t addr, const uint8_t *p, size_t n)
{
    uint32_t unit = f->flash->unit;
    int rc = 0;

    for (size_t at = n; rc == 0 && at >= unit; at -= unit)
        rc = flash_program(f->flash, addr + (uint32_t)(at - unit), p + at - unit, unit);
    return rc;
}

static int program_late(struct aid_faulty *f, uint32_t addr, const void *from, size_t n)
{
    int rc = n > sizeof f->late ? GF_E_STORE : catch_up(f);

    if (rc != 0)
        return rc;
    memcpy(f->late, from, n);
    f->late_at = addr;
    f->late_n = (uint32_t)n;
    return 0;
}

static int faulty_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct aid_faulty *f = ctx;
    bool forgotten = ++f->calls == 2;

    switch (f->fault) {
    case AID_FAULT_REVERSED:
        return program_reversed(f, addr, from, n);
    case AID_FAULT_SHORT:
        return flash_program(f->flash, addr, from, n - f->flash->unit);
    case AID_FAULT_LATE:
        return program_late(f, addr, from, n);
    case AID_FAULT_DEAF:
        return forgotten ? 0 : flash_program(f->flash, addr, from, n);
    case AID_FAULT_NONE:
    case AID_FAULT_NO_ERASE:
    case AID_FAULTS:
        break;
    }
    return flash_program(f->flash, addr, from, n);
}

static int faulty_erase(void *ctx, uint32_t sector)
{
    struct aid_faulty *f = ctx;
    int rc = catch_up(f);

    if (rc != 0 || f->fault == AID_FAULT_NO_ERASE)
        return rc;
    return flash_erase(f->flash, sector);
}

struct mc_nvm aid_faulty_port(struct aid_faulty *f)
{
    struct mc_nvm nvm = aid_flash_port(f->flash);

    nvm.ctx = f;
    nvm.read = faulty_read;
    nvm.program = faulty_program;
    nvm.erase = faulty_erase;
    return nvm;
}
