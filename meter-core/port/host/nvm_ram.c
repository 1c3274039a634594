/* nvm_ram.c - a meter's NVM in pages of memory; see nvm_ram.h. */
#include "meter-core/port/host/nvm_ram.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"

#define BYTES (NVM_FILE_SECTOR * NVM_FILE_SECTORS)
#define SECTOR_PAGES (NVM_FILE_SECTOR / NVM_RAM_PAGE)

_Static_assert(NVM_FILE_SECTOR % NVM_RAM_PAGE == 0, "a page belongs to one sector");
_Static_assert(NVM_RAM_PAGE % NVM_FILE_UNIT == 0, "a unit belongs to one page");

/* The bytes from addr on that lie in one page, n at most. */
static size_t in_page(uint32_t addr, size_t n)
{
    size_t left = NVM_RAM_PAGE - addr % NVM_RAM_PAGE;

    return n < left ? n : left;
}

static int is_inside(uint32_t addr, size_t n)
{
    return addr <= BYTES && n <= BYTES - addr;
}

static int ram_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    const struct nvm_ram *f = ctx;
    uint8_t *to = ret;

    if (!is_inside(addr, n))
        return GF_E_STORE;
    while (n > 0) {
        const uint8_t *page = f->page[addr / NVM_RAM_PAGE];
        size_t step = in_page(addr, n);

        if (page != NULL)
            memcpy(to, page + addr % NVM_RAM_PAGE, step);
        else
            memset(to, 0xFF, step);
        to += step;
        addr += (uint32_t)step;
        n -= step;
    }
    return 0;
}

static int is_erased(const struct nvm_ram *f, uint32_t addr, size_t n)
{
    for (size_t i = addr; i < addr + n; i++) {
        const uint8_t *page = f->page[i / NVM_RAM_PAGE];

        if (page != NULL && page[i % NVM_RAM_PAGE] != 0xFF)
            return 0;
    }
    return 1;
}

static uint8_t *page_of(struct nvm_ram *f, uint32_t addr)
{
    uint8_t **page = &f->page[addr / NVM_RAM_PAGE];

    if (*page == NULL) {
        *page = malloc(NVM_RAM_PAGE);
        if (*page == NULL)
            return NULL;
        memset(*page, 0xFF, NVM_RAM_PAGE);
        f->used++;
    }
    return *page;
}

static int ram_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    struct nvm_ram *f = ctx;
    const uint8_t *p = from;

    if (addr % NVM_FILE_UNIT != 0 || n % NVM_FILE_UNIT != 0 || !is_inside(addr, n) ||
        !is_erased(f, addr, n))
        return GF_E_STORE;
    while (n > 0) {
        uint8_t *page = page_of(f, addr);
        size_t step = in_page(addr, n);

        if (page == NULL)
            return GF_E_STORE;
        memcpy(page + addr % NVM_RAM_PAGE, p, step);
        p += step;
        addr += (uint32_t)step;
        n -= step;
    }
    return 0;
}

static void drop_page(struct nvm_ram *f, size_t i)
{
    if (f->page[i] == NULL)
        return;
    free(f->page[i]);
    f->page[i] = NULL;
    f->used--;
}

static int ram_erase(void *ctx, uint32_t sector)
{
    struct nvm_ram *f = ctx;

    if (sector >= NVM_FILE_SECTORS)
        return GF_E_STORE;
    for (size_t i = 0; i < SECTOR_PAGES; i++)
        drop_page(f, sector * SECTOR_PAGES + i);
    return 0;
}

void nvm_ram_init(struct nvm_ram *f)
{
    *f = (struct nvm_ram){.nvm = {.ctx = f,
                                  .sector_size = NVM_FILE_SECTOR,
                                  .sectors = NVM_FILE_SECTORS,
                                  .unit = NVM_FILE_UNIT,
                                  .read = ram_read,
                                  .program = ram_program,
                                  .erase = ram_erase}};
}

void nvm_ram_done(struct nvm_ram *f)
{
    for (size_t i = 0; i < NVM_RAM_PAGES; i++)
        drop_page(f, i);
}

size_t nvm_ram_bytes(const struct nvm_ram *f)
{
    return f->used * NVM_RAM_PAGE;
}
