/* flash_f405.h - the STM32F405's flash as the meter's NVM: its last two sectors of 128 KiB (10 and
 * 11), programmed in words of 4 bytes. Freestanding.
 *
 * One bank holds the program and the NVM: while a sector is erased (1 to 2 s, RM0090 3.6.3 and data
 * sheet) nothing can be fetched from flash. The loop that waits for it therefore runs from RAM,
 * with interrupts off, and does there what cannot wait: it counts the edges of the lines named,
 * counts the milliseconds and feeds the watchdog, for FLASH_F405_ERASE_MS at most. Bytes on the
 * serial line are lost meanwhile; its other end sends them again. Words are programmed at 16 us
 * each, which merely delays interrupts. Supply: 2.7 V or more (32 bits at a time).
 */
#ifndef GF_STM32_FLASH_F405_H
#define GF_STM32_FLASH_F405_H

#include "meter-core/meter.h"

#define FLASH_F405_BASE 0x080C0000u
#define FLASH_F405_SECTOR 131072u
#define FLASH_F405_SECTORS 2u
#define FLASH_F405_UNIT 4u
#define FLASH_F405_ERASE_MS 5000u   /* an erase that takes longer has failed */

/* What went on while flash was being erased: read and set to zero with interrupts off. */
struct flash_stall {
    uint32_t lines;     /* EXTI lines to watch, bits */
    uint32_t apart_ms;  /* an edge sooner after another is a bounce */
    uint32_t edges;     /* seen on them */
    uint32_t ms;        /* SysTick wrapped so often */
};

/* The NVM; *stall is borrowed for life. program() and erase() are GF_E_STORE when an argument does
 * not fit, when the part reports an error or does not end in time, and when what was written does
 * not read back. */
struct mc_nvm flash_f405_nvm(struct flash_stall *stall);

#endif
