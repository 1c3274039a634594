/* api_money.c - routes of this domain; see api.h. */
#include "backend/api.h"

const struct api_part api_part_money = { .name = "money" };
