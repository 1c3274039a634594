#ifndef GF_TESTS_AID_FLASH_H
#define GF_TESTS_AID_FLASH_H
/*
 * Flash in RAM behind the NVM port, whose power can be cut at any program unit or erase. It aborts
 * the test when a unit is programmed twice between erases (but for one that a cut had begun, with
 * the same bytes). After a cut everything is refused until aid_flash_boot().
 */
#include <stdbool.h>
#include <stdint.h>

#include "meter-core/meter.h"

/* What a cut leaves of the program unit (or sector) that it hits. */
enum aid_cut {
    AID_CUT_BEFORE,     /* as it was */
    AID_CUT_TORN,       /* the first half done */
    AID_CUT_GARBAGE,    /* bits at random */
    AID_CUT_AFTER,      /* whole, but nobody was told */
    AID_CUT_RIPENS,     /* reads as it was at the next boot, and whole from the one after */
    AID_CUT_DECAYS,     /* reads whole at the next boot, and as garbage from the one after */
    AID_CUTS
};

struct aid_flash {
    uint8_t *bytes;                 /* sector_size * sectors */
    uint32_t sector_size, sectors, unit;
    int64_t cut_in; /* program units and erases until the power fails; below 0: never */
    enum aid_cut cut;
    bool dead;
    uint64_t programmed, erased;    /* units and sectors since it was made */
    bool erase_forbidden;           /* the test says: an erase now is a mistake */
    uint32_t forbidden_erases;
    /* the place that a cut left weak */
    uint32_t weak_at, weak_n;       /* n 0: none */
    uint32_t weak_boots;
    uint8_t weak[64];               /* what it will be */
    int64_t half_erased;            /* the sector whose erase a cut hit, or -1 */
};

/* Foreign bytes in every sector. unit is 4, 8 or 16. */
void aid_flash_init(struct aid_flash *f, uint32_t sector_size, uint32_t sectors, uint32_t unit);
void aid_flash_free(struct aid_flash *f);

/* The port; borrows f. */
struct mc_nvm aid_flash_port(struct aid_flash *f);

/* Power is back. */
void aid_flash_boot(struct aid_flash *f);

#endif
