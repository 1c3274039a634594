/* image_f405.c - the journal's image on the STM32F405's flash. */
#include "meter-core/port/stm32/flash_f405.h"
#include "tests/unicorn/journal_image.h"

struct flash_stall image_stall = {.lines = 1};

struct mc_nvm image_nvm(void)
{
    return flash_f405_nvm(&image_stall);
}
