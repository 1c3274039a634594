/* test_nvm_file.c - a meter's memory in a file: flash that survives, belongs to one program, and
 * refuses what is none. */
#include "meter-core/port/host/nvm_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/aid/meter_story.h"
#include "tests/aid/proc.h"

static const char *path_of(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", aid_tmpdir(), name);
    return path;
}

static void open_ok(struct nvm_file *f, const char *path)
{
    struct gf_fail why = {0};

    if (nvm_file_open(f, path, &why) != 0)
        fail_msg("%s: %s", why.where, why.detail);
}

static int open_code(const char *path)
{
    struct nvm_file f;
    struct gf_fail why = {0};
    int rc = nvm_file_open(&f, path, &why);

    assert_int_equal(why.code, rc);
    assert_true(rc == 0 || strlen(why.detail) > 0);
    nvm_file_close(&f);
    return rc;
}

static void write_file(const char *path, int byte, size_t n)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    while (n-- > 0)
        assert_int_not_equal(fputc(byte, f), EOF);
    assert_int_equal(fclose(f), 0);
}

static void test_flash(void **state)
{
    const char *path = path_of("flash.nvm");
    struct nvm_file f;
    uint8_t b[16], want[16];

    (void)state;
    open_ok(&f, path);
    assert_true(f.is_new);
    assert_true(mc_journal_fits(&f.nvm));
    memset(want, 0xFF, sizeof want);
    assert_int_equal(f.nvm.read(f.nvm.ctx, NVM_FILE_SECTOR - 8, b, 16), 0);
    assert_memory_equal(b, want, 16);
    memcpy(want, "sixteen bytes ..", 16);
    assert_int_equal(f.nvm.program(f.nvm.ctx, NVM_FILE_SECTOR - 8, want, 16), 0);
    assert_int_equal(f.nvm.program(f.nvm.ctx, NVM_FILE_SECTOR + 4, want, 8),
                     GF_E_STORE); /* not erased */
    assert_int_equal(f.nvm.program(f.nvm.ctx, 2, want, 8), GF_E_STORE);
    assert_int_equal(f.nvm.program(f.nvm.ctx, 0, want, 6), GF_E_STORE);
    assert_int_equal(f.nvm.program(f.nvm.ctx, 2 * NVM_FILE_SECTOR - 8, want, 16), GF_E_STORE);
    assert_int_equal(f.nvm.read(f.nvm.ctx, 2 * NVM_FILE_SECTOR - 8, b, 16), GF_E_STORE);
    assert_int_equal(f.nvm.erase(f.nvm.ctx, 2), GF_E_STORE);
    nvm_file_close(&f);
    open_ok(&f, path);
    assert_false(f.is_new);
    assert_int_equal(f.nvm.read(f.nvm.ctx, NVM_FILE_SECTOR - 8, b, 16), 0);
    assert_memory_equal(b, want, 16);
    assert_int_equal(f.nvm.erase(f.nvm.ctx, 1), 0);
    memset(want + 8, 0xFF, 8);
    assert_int_equal(f.nvm.read(f.nvm.ctx, NVM_FILE_SECTOR - 8, b, 16), 0);
    assert_memory_equal(b, want, 16);
    nvm_file_close(&f);
    nvm_file_close(&f);
}

static void test_refused(void **state)
{
    struct nvm_file f;

    (void)state;
    open_ok(&f, path_of("taken.nvm"));
    assert_int_equal(open_code(path_of("taken.nvm")), GF_E_NVM_BUSY);
    nvm_file_close(&f);
    assert_int_equal(open_code(path_of("taken.nvm")), 0);
    assert_int_equal(open_code(aid_tmpdir()), GF_E_FILE);
    assert_int_equal(open_code(path_of("no/such/folder.nvm")), GF_E_FILE);
    write_file(path_of("foreign"), 'x', 1000);
    assert_int_equal(open_code(path_of("foreign")), GF_E_NVM_FOREIGN);
    write_file(path_of("long"), 0xFF, 2 * NVM_FILE_SECTOR + 1);
    assert_int_equal(open_code(path_of("long")), GF_E_NVM_FOREIGN);
    /* The making of the file was cut short. */
    write_file(path_of("half"), 0xFF, NVM_FILE_SECTOR + 4096);
    open_ok(&f, path_of("half"));
    assert_true(f.is_new);
    nvm_file_close(&f);
}

/* A meter lives in a file as it does in RAM flash. */
static void test_meter(void **state)
{
    const char *path = path_of("meter.nvm");
    struct aid_world *w = aid_world_new(1, 1);
    struct aid_story s;
    struct mc_birth birth = {.meter_id = AID_METER_ID, .meter_type = 3, .pulse_l = 1};
    struct nvm_file f;
    gasm_Identity who;

    (void)state;
    open_ok(&f, path);
    w->ports.nvm = f.nvm;
    aid_world_root(0, birth.factory_key);
    assert_int_equal(aid_world_restart(w), GF_E_STORE);     /* erased: no meter */
    assert_int_equal(mc_meter_manufacture(&w->ports, &birth), 0);
    assert_int_equal(aid_world_restart(w), 0);
    s = aid_story_of(w);
    for (enum aid_step step = 0; step < AID_STEPS; step++) {
        aid_story_step(&s, step);
        nvm_file_close(&f);
        open_ok(&f, path);
        w->ports.nvm = f.nvm;
        assert_int_equal(aid_world_restart(w), 0);
    }
    aid_story_check(&s);
    mc_meter_identity(w->meter, &who);
    assert_int_equal(who.meter_type, 3);
    nvm_file_close(&f);
    aid_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flash),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_meter),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
