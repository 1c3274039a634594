/* nvm_file.h - a meter's NVM in a file: flash that survives the end of the program. */
#ifndef GF_METER_NVM_FILE_H
#define GF_METER_NVM_FILE_H

#include <stdbool.h>

#include "common/err.h"
#include "meter-core/meter.h"

/* Geometry of every such file: as two 128 KiB sectors of an STM32F405, programmed by words. */
#define NVM_FILE_SECTOR 131072u
#define NVM_FILE_SECTORS 2u
#define NVM_FILE_UNIT 4u

struct nvm_file {
    int fd;
    bool is_new;        /* the file was made, all erased */
    struct mc_nvm nvm;  /* hand this to the meter; its ctx is the struct, which must not move */
};

/* Open the file, or make it. The file stays locked: a second program gets GF_E_NVM_BUSY. Each
 * program call is one pwrite and fdatasync; only erased bytes may be programmed. 0; GF_E_FILE
 * (path, permissions); GF_E_NVM_FOREIGN (another size than a meter's NVM has); GF_E_NVM_BUSY;
 * GF_E_DISK_FULL. */
int nvm_file_open(struct nvm_file *f, const char *path, struct gf_fail *why);

/* Close; the lock goes with it. An all-zero or closed one is fine. */
void nvm_file_close(struct nvm_file *f);

#endif
