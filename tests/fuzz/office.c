/* office.c - a head office that each input finds the same; see office.h. */
#include "tests/fuzz/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/provider.h"
#include "tests/fuzz/fuzz.h"

const uint8_t fuzz_provider_secret[HO_KEY_LEN] = { 5, 6, 7 };
static bool is_made;
static struct oaid_laptop laptop;
static uint8_t *kept; /* its database, closed */
static size_t kept_n;

static void path_of(const char *end, char ret[static 600])
{
    (void)snprintf(ret, 600, "%s/office.db%s", each_office.dir, end);
}

static void open_again(void)
{
    struct gf_fail why = { 0 };

    FUZZ_INSIST(office_open(each_office.dir, &each_office.ports, &each_office.o, &why) == 0,
                "the office does not open");
    FUZZ_INSIST(office_set_url(each_office.o, "https://127.0.0.1:1"), "no URL");
}

static void keep(void)
{
    char path[600];
    struct stat st;
    FILE *f;

    each_office.o = office_close(each_office.o);
    path_of("", path);
    f = fopen(path, "rb");
    FUZZ_INSIST(f != NULL && stat(path, &st) == 0, path);
    kept_n = (size_t)st.st_size;
    kept = malloc(kept_n);
    FUZZ_INSIST(kept != NULL && fread(kept, 1, kept_n, f) == kept_n, path);
    (void)fclose(f);
    open_again();
}

static int add_provider(struct office *o, void *ctx)
{
    (void)ctx;
    return provider_add(o, FUZZ_PROVIDER, fuzz_provider_secret, "S002");
}

struct oaid_office *fuzz_office(void)
{
    char number[32];

    if (is_made)
        return &each_office;
    is_made = true;
    FUZZ_INSIST(each_start(NULL) == 0, "no office");
    oaid_order(&each_office, 1, number);
    FUZZ_INSIST(ho_transaction(each_office.o, add_provider, NULL) == 0, "no provider");
    oaid_laptop_new(&laptop, &each_office, "S001");
    FUZZ_INSIST(oaid_fetch(&laptop) == 200 && laptop.n_jobs == 1, "no order");
    keep();
    return &each_office;
}

const struct oaid_laptop *fuzz_laptop(void)
{
    (void)fuzz_office();
    return &laptop;
}

/* A commit appends to the log beside the database. */
static bool is_changed(void)
{
    char path[600];
    struct stat st;

    path_of("-wal", path);
    return stat(path, &st) == 0 && st.st_size > 0;
}

void fuzz_office_back(void)
{
    char path[600];
    FILE *f;

    memset(each_office.o->tries, 0, sizeof each_office.o->tries);
    if (!is_changed())
        return;
    each_office.o = office_close(each_office.o);
    path_of("", path);
    f = fopen(path, "wb");
    FUZZ_INSIST(f != NULL && fwrite(kept, 1, kept_n, f) == kept_n && fclose(f) == 0, path);
    path_of("-wal", path);
    (void)unlink(path);
    path_of("-shm", path);
    (void)unlink(path);
    open_again();
}
