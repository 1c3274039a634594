/*
 * nvm_ram.h - a meter's NVM in memory, for many meters in one program: the geometry of a file's
 * (nvm_file.h), but only pages that were programmed take room.
 */
#ifndef GF_METER_NVM_RAM_H
#define GF_METER_NVM_RAM_H

#include <stddef.h>

#include "meter-core/meter.h"
#include "meter-core/port/host/nvm_file.h"

#define NVM_RAM_PAGE 1024u
#define NVM_RAM_PAGES (NVM_FILE_SECTOR * NVM_FILE_SECTORS / NVM_RAM_PAGE)

struct nvm_ram {                            /* private; caller allocates */
    uint8_t *page[NVM_RAM_PAGES];           /* NULL: erased */
    size_t used;                            /* pages that exist */
    struct mc_nvm nvm;                      /* hand this to the meter; ctx is the struct */
};

/* All erased; the struct must not move from here on. As strict as a file: GF_E_STORE for what is
 * outside, not in whole units, or programmed a second time between erases, and when memory ends. */
void nvm_ram_init(struct nvm_ram *f);

/* Give the pages back. An all-zero one is fine. */
void nvm_ram_done(struct nvm_ram *f);

/* Bytes that the contents take now. */
size_t nvm_ram_bytes(const struct nvm_ram *f);

#endif
