/* image.c - sparse flash made of pieces; see image.h. */
#include "tests/fuzz/image.h"

#include "common/crc.h"
#include "meter-core/journal.h"
#include "tests/fuzz/fuzz.h"

#define FLASH_MAX (4u << 17)    /* bytes */
#define PAGE 256u
#define PAGES (FLASH_MAX / PAGE)

static struct {
    uint8_t bytes[FLASH_MAX];
    bool is_touched[PAGES];
    uint16_t touched[PAGES];
    size_t touches;
    uint32_t sector_size, sectors, unit;
    bool began;
} flash;

static void touch(uint32_t addr, size_t n)
{
    for (uint32_t page = addr / PAGE; n > 0 && page <= (addr + n - 1) / PAGE; page++)
        if (!flash.is_touched[page]) {
            flash.is_touched[page] = true;
            flash.touched[flash.touches++] = (uint16_t)page;
        }
}

/* Erase what was touched in [from, to). */
static void erase(uint32_t from, uint32_t to)
{
    size_t left = 0;

    for (size_t i = 0; i < flash.touches; i++) {
        uint32_t page = flash.touched[i];

        if (page * PAGE >= from && page * PAGE < to) {
            memset(flash.bytes + page * PAGE, 0xFF, PAGE);
            flash.is_touched[page] = false;
        } else {
            flash.touched[left++] = (uint16_t)page;
        }
    }
    flash.touches = left;
}

static uint32_t size(void)
{
    return flash.sector_size * flash.sectors;
}

/* ---- the port ---- */

static int flash_read(void *ctx, uint32_t addr, void *ret, size_t n)
{
    (void)ctx;
    FUZZ_INSIST(addr <= size() && n <= size() - addr, "read outside");
    memcpy(ret, flash.bytes + addr, n);
    return 0;
}

static int flash_program(void *ctx, uint32_t addr, const void *from, size_t n)
{
    (void)ctx;
    FUZZ_INSIST(addr <= size() && n <= size() - addr, "programmed outside");
    FUZZ_INSIST(addr % flash.unit == 0 && n % flash.unit == 0, "programmed beside a unit");
    for (size_t i = 0; i < n; i++)
        FUZZ_INSIST(flash.bytes[addr + i] == 0xFF, "programmed twice");
    touch(addr, n);
    memcpy(flash.bytes + addr, from, n);
    return 0;
}

static int flash_erase(void *ctx, uint32_t sector)
{
    (void)ctx;
    FUZZ_INSIST(sector < flash.sectors, "erased outside");
    erase(sector * flash.sector_size, (sector + 1) * flash.sector_size);
    return 0;
}

struct mc_nvm image_new(uint32_t sector_size, uint32_t sectors, uint32_t unit)
{
    if (!flash.began)
        memset(flash.bytes, 0xFF, sizeof flash.bytes);
    flash.began = true;
    erase(0, FLASH_MAX);
    flash.sector_size = sector_size;
    flash.sectors = sectors;
    flash.unit = unit;
    FUZZ_INSIST(size() <= FLASH_MAX, "more flash than there is");
    return (struct mc_nvm){.sector_size = sector_size,
                           .sectors = sectors,
                           .unit = unit,
                           .read = flash_read,
                           .program = flash_program,
                           .erase = flash_erase};
}

/* ---- pieces ---- */

/* Put bytes at the cursor as far as there is room. */
static void put(uint32_t *at, const uint8_t *p, size_t n)
{
    size_t room = size() - *at;

    if (n > room)
        n = room;
    touch(*at, n);
    if (n > 0)
        memcpy(flash.bytes + *at, p, n);
    *at += (uint32_t)n;
}

static void put_record(uint32_t *at, uint32_t *sequence, struct gf_reader *in)
{
    static uint8_t rec[MC_JOURNAL_HEAD + UINT16_MAX + MC_JOURNAL_EXTRA];
    uint8_t type = (uint8_t)gf_rd_uint(in, 1), how = (uint8_t)gf_rd_uint(in, 1);
    size_t len = (size_t)gf_rd_uint(in, 2);
    uint32_t total;
    struct gf_writer w = {rec, sizeof rec, 0, false};

    if ((how & IMAGE_SEQUENCE) != 0)
        *sequence = (uint32_t)gf_rd_uint(in, 4);
    else if ((how & IMAGE_SAME) == 0)
        *sequence += 1;
    if (in->bad)
        return;
    if (len > in->left)
        len = in->left;
    total = mc_journal_cost(len);
    gf_wr_uint(&w, *sequence, 4);
    gf_wr_uint(&w, type, 1);
    gf_wr_uint(&w, 0, 1);
    gf_wr_uint(&w, len, 2);
    gf_wr_uint(&w, gf_crc32(0, rec, 8) ^ ((how & IMAGE_BAD_HEAD) != 0 ? 1u : 0u), 4);
    if (len > 0)
        gf_wr(&w, gf_rd(in, len), len);
    memset(rec + w.n, 0, total - 4 - w.n);
    w.n = total - 4;
    gf_wr_uint(&w, gf_crc32(0, rec, total - 4) ^ ((how & IMAGE_BAD_TAIL) != 0 ? 1u : 0u), 4);
    if ((how & IMAGE_TORN) != 0)
        memset(rec + total - MC_JOURNAL_SLOT, 0xFF, MC_JOURNAL_SLOT);
    put(at, rec, total);
}

void image_write(struct gf_reader *in)
{
    uint32_t at = 0, sequence = 0;

    while (in->left > 0 && !in->bad) {
        uint8_t op = (uint8_t)gf_rd_uint(in, 1);
        uint32_t slots = op;
        size_t n;

        if (op == IMAGE_RAW) {
            n = (size_t)gf_rd_uint(in, 1);
            n = n < in->left ? n : in->left;
            if (n > 0 && !in->bad)
                put(&at, gf_rd(in, n), n);
        } else if (op == IMAGE_RECORD) {
            put_record(&at, &sequence, in);
        } else {
            if (op == IMAGE_SEEK) {
                at = (uint32_t)gf_rd_uint(in, 1) % flash.sectors * flash.sector_size;
                slots = (uint32_t)gf_rd_uint(in, 2);
            }
            at = (at / MC_JOURNAL_SLOT + slots) * MC_JOURNAL_SLOT;
            at = at < size() ? at : size();
        }
    }
}
