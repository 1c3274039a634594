/* image_l476.c - the journal's image on the STM32L476's flash. */
#include "meter-core/port/stm32/flash_l476.h"
#include "tests/unicorn/journal_image.h"

struct mc_nvm image_nvm(void)
{
    return flash_l476_nvm();
}
