#ifndef GF_TESTS_AID_FLASH_H
#define GF_TESTS_AID_FLASH_H
/*
 * Flash in RAM behind the NVM port, whose power can be cut at any program unit or erase. These end
 * the test (or, when it is judged elsewhere, are noted): a unit that is programmed twice between
 * erases (but for one that a cut had begun, with the same bytes), and a record that begins as erased
 * flash reads. After a cut everything is refused until aid_flash_boot().
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

#define AID_FLASH_SECTORS_MAX 16

/* A program unit that a cut left between two states. */
#define AID_WEAK 4
struct aid_weak {
    uint32_t at, n;                 /* n 0: none */
    uint32_t boots;                 /* since then */
    bool ripens;
    uint8_t bytes[16];              /* what it will be */
};

struct aid_flash {
    uint8_t *bytes;                 /* sector_size * sectors */
    uint32_t sector_size, sectors, unit;
    int64_t cut_in; /* program units and erases until the power fails; below 0: never */
    enum aid_cut cut;
    bool dead;
    uint64_t programmed, erased;    /* units and sectors since it was made */
    uint32_t worn[AID_FLASH_SECTORS_MAX];   /* erases of each sector */
    bool judged;                    /* a mistake is noted here, instead of ending the test */
    const char *wrong;              /* the first of them */
    bool erase_forbidden;           /* the test says: an erase now is a mistake */
    uint32_t forbidden_erases;
    struct aid_weak weak[AID_WEAK]; /* what the last cuts left weak */
    uint32_t weak_next;             /* the oldest of them gives its place */
    int64_t half_erased;            /* the sector whose erase a cut hit, or -1 */
};

/* Foreign bytes in every sector. unit is 4, 8 or 16. */
void aid_flash_init(struct aid_flash *f, uint32_t sector_size, uint32_t sectors, uint32_t unit);
void aid_flash_free(struct aid_flash *f);

/* The port; borrows f. */
struct mc_nvm aid_flash_port(struct aid_flash *f);

/* Power is back. */
void aid_flash_boot(struct aid_flash *f);

/* Ways in which an NVM breaks its word to the journal. */
enum aid_fault {
    AID_FAULT_NONE,
    AID_FAULT_REVERSED,     /* a record's last unit goes first */
    AID_FAULT_SHORT,        /* a record's last unit is left out, and it says that all is well */
    AID_FAULT_LATE,         /* says that all is well, and programs before the next call */
    AID_FAULT_DEAF,         /* forgets the second program call after a boot: a start's copy */
    AID_FAULT_NO_ERASE,     /* erases nothing, and says that all is well */
    AID_FAULTS
};

/* A port that breaks its word, in front of the flash. */
struct aid_faulty {
    struct aid_flash *flash;
    enum aid_fault fault;
    uint32_t calls;                 /* of program since the boot, when the caller set it to 0 */
    uint32_t late_at, late_n;       /* what AID_FAULT_LATE holds back */
    uint8_t late[2048];
};
struct mc_nvm aid_faulty_port(struct aid_faulty *f);

#endif
