/* entropy.c - the board's raw entropy; see entropy.h. */
#include "meter-core/port/stm32/entropy.h"

#include "meter-core/port/stm32/board.h"

int entropy_read(uint8_t *ret, size_t n)
{
    return board_entropy(ret, n);
}
