/* flash_l476.h - the STM32L476's flash as the meter's NVM: the last 256 KiB of bank 2, as two
 * sectors of 64 pages, programmed in double words of 8 bytes. Freestanding.
 *
 * The program runs in bank 1, which an erase of bank 2 does not stall (RM0351 3.3.8): interrupts
 * run on. A sector is 64 pages of 22 ms. The first page, with the sector's marks, goes last: an
 * erase that is cut short leaves the count of cycles readable.
 *
 * A double word carries 8 bits of error correction. One that power failed in may be beyond it: then
 * the part raises the NMI when it is read. Such a word reads as zeroes here, never as erased: the
 * journal steps over it. flash_l476_nmi() belongs into the board's NMI handler.
 */
#ifndef GF_STM32_FLASH_L476_H
#define GF_STM32_FLASH_L476_H

#include "meter-core/meter.h"

#define FLASH_L476_BASE 0x080C0000u
#define FLASH_L476_SECTOR 131072u
#define FLASH_L476_SECTORS 2u
#define FLASH_L476_UNIT 8u

/* The NVM. program() and erase() are GF_E_STORE when an argument does not fit, when the part
 * reports an error or does not end in time, and when what was written does not read back. */
struct mc_nvm flash_l476_nvm(void);

/* True when the NMI was an uncorrectable word of the NVM: it is noted, and the program goes on. */
bool flash_l476_nmi(void);

#endif
