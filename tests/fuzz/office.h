#ifndef GF_TESTS_FUZZ_OFFICE_H
#define GF_TESTS_FUZZ_OFFICE_H
/*
 * A head office for fuzz targets: with somebody of every kind (api_each.h), a laptop of S001 that
 * has fetched an order for meter 1, and a payment provider. Each input finds it as it was made.
 */
#include "tests/aid/api_each.h"
#include "tests/aid/office_aid.h"

#define FUZZ_PROVIDER "demo"
extern const uint8_t fuzz_provider_secret[HO_KEY_LEN];

/* The office (each_office), made at the first call. */
struct oaid_office *fuzz_office(void);
/* Its laptop, as it is after that fetch. */
const struct oaid_laptop *fuzz_laptop(void);

/* Put it back as it was, when what came changed something. */
void fuzz_office_back(void);

#endif
