/* journal_image.c - the real journal over the real flash driver, for an emulated core: it counts
 * up, one record a number, and carries the last number over at a sector's turn. Each function is
 * called from outside (flash_test.py); what it knows is in `image`. */
#include "tests/unicorn/journal_image.h"

#include <string.h>

#include "common/bytes.h"
#include "common/err.h"
#include "meter-core/journal.h"

#define PAYLOAD_MAX 2048u

static struct mc_nvm nvm;
static struct mc_journal journal;
static uint8_t record[PAYLOAD_MAX + MC_JOURNAL_EXTRA];

struct image image;

static int put(struct mc_journal *j, enum mc_record_type type, uint32_t number, uint32_t len)
{
    struct gf_writer w = {record + MC_JOURNAL_HEAD, 8, 0, false};

    memset(record, 0x5A, sizeof record);
    gf_wr_uint(&w, number, 8);
    return mc_journal_append(j, type, record, len, NULL);
}

static int turn(void)
{
    struct mc_journal next;
    int rc = mc_journal_prepare(&journal);

    if (rc == 0)
        rc = mc_journal_turn(&journal, &next);
    if (rc == 0)
        rc = put(&next, MC_RECORD_SNAPSHOT, image.number, 8);
    if (rc == 0)
        rc = mc_journal_commit(&next);
    if (rc == 0)
        journal = next;
    return rc;
}

static int visit(void *ctx, const struct mc_record *found)
{
    uint8_t b[8];
    struct gf_reader r = {b, sizeof b, false};

    (void)ctx;
    if (found->type != MC_RECORD_CHANGE && found->type != MC_RECORD_SNAPSHOT)
        return 0;
    if (nvm.read(nvm.ctx, found->addr, b, sizeof b) != 0)
        return GF_E_STORE;
    image.number = (uint32_t)gf_rd_uint(&r, 8);
    return 0;
}

void image_start(void)
{
    nvm = image_nvm();
    image = (struct image){.number = UINT32_MAX};
}

int image_begin(void)
{
    int rc = mc_journal_format(&journal, &nvm);

    image.number = 0;
    if (rc == 0)
        rc = put(&journal, MC_RECORD_SNAPSHOT, 0, 8);
    return rc == 0 ? mc_journal_commit(&journal) : rc;
}

int image_recover(void)
{
    int rc = mc_journal_open(&journal, &nvm);

    if (rc == 0)
        rc = mc_journal_replay(&journal, visit, NULL);
    if (rc == 0)
        rc = mc_journal_settle(&journal, record, sizeof record);
    if (rc != 0 && rc != GF_E_SPACE)
        return rc;
    return rc == GF_E_SPACE ? turn() : mc_journal_prepare(&journal);
}

int image_count(uint32_t times, uint32_t len)
{
    int rc = 0;

    while (rc == 0 && times-- > 0) {
        rc = put(&journal, MC_RECORD_CHANGE, image.number + 1, len);
        if (rc == GF_E_SPACE) {
            rc = turn();
            if (rc == 0)
                rc = put(&journal, MC_RECORD_CHANGE, image.number + 1, len);
        }
        image.number += rc == 0;
    }
    return rc;
}

uint32_t image_free(void)
{
    return mc_journal_free(&journal);
}

int image_program(uint32_t addr, uint32_t n)
{
    return nvm.program(nvm.ctx, addr, image.buffer, n);
}

int image_read(uint32_t addr, uint32_t n)
{
    return nvm.read(nvm.ctx, addr, image.buffer, n);
}

int image_erase(uint32_t sector)
{
    return nvm.erase(nvm.ctx, sector);
}
