/* fuzz_office_backup.c - a backup that was damaged: what is restored from it is what was backed up,
 * or nothing is.
 *
 * Input: damages, each: where 3 | how many bytes 1 | the bytes; or, after a first byte of 0xFF, a
 * file as it is. */
#include <stdio.h>

#include "backend/odb_backup.h"
#include "tests/aid/proc.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/office.h"

static uint8_t *whole, *damaged;
static size_t whole_n;
static char path[600], target[600];

static void make_backup(void)
{
    struct odb_backup_watch watch = { 0 };
    struct gf_fail why = { 0 };
    FILE *f;

    (void)fuzz_office();
    (void)snprintf(path, sizeof path, "%s/backup", aid_tmpdir());
    (void)snprintf(target, sizeof target, "%s/restored", aid_tmpdir());
    FUZZ_INSIST(odb_backup(each_office.o->db, path, &watch, &why) == 0, why.where);
    f = fopen(path, "rb");
    FUZZ_INSIST(f != NULL && fseek(f, 0, SEEK_END) == 0, path);
    whole_n = (size_t)ftell(f);
    rewind(f);
    whole = malloc(whole_n);
    damaged = malloc(whole_n);
    FUZZ_INSIST(whole != NULL && damaged != NULL && fread(whole, 1, whole_n, f) == whole_n, path);
    (void)fclose(f);
}

static void write_file(const uint8_t *p, size_t n)
{
    FILE *f = fopen(path, "wb");

    FUZZ_INSIST(f != NULL && (n == 0 || fwrite(p, 1, n, f) == n) && fclose(f) == 0, path);
}

/* How many rows were restored; -1 when it was refused. Nothing is kept. */
static int64_t restore(void)
{
    static struct odb *db;
    struct odb_backup_watch watch = { 0 };
    struct gf_fail why = { 0 };
    int r;

    FUZZ_INSIST(db != NULL || odb_open(target, true, &db, &why) == 0, why.where);
    FUZZ_INSIST(odb_begin(db) == 0, "no transaction");
    r = odb_restore(db, path, &watch, &why);
    FUZZ_INSIST((r == 0) == (why.code == 0), "refused without a reason, or taken with one");
    odb_rollback(db);
    return r == 0 ? watch.rows : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int64_t all;
    struct gf_reader in = { data, size, false };

    if (whole == NULL) {
        make_backup();
        all = restore();
        FUZZ_INSIST(all > 0, "what is whole is refused");
    }
    if (size > 0 && data[0] == 0xFF) {
        write_file(data + 1, size - 1);
    } else {
        memcpy(damaged, whole, whole_n);
        while (in.left > 4) {
            size_t to = (size_t)gf_rd_uint(&in, 3) % whole_n, n = (size_t)gf_rd_uint(&in, 1);

            for (; n > 0 && in.left > 0 && to < whole_n; n--)
                damaged[to++] = (uint8_t)gf_rd_uint(&in, 1);
        }
        write_file(damaged, whole_n);
    }

    int64_t n = restore();
    FUZZ_INSIST(n == -1 || n == all || (size > 0 && data[0] == 0xFF), "rows were lost");
    return 0;
}
