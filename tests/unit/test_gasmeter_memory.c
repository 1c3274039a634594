/* test_gasmeter_memory.c - NVM in memory is as strict as NVM in a file, and takes what it uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "meter-core/port/host/nvm_file.h"
#include "meter-core/port/host/nvm_ram.h"
#include "tests/aid/linkaid.h"
#include "tests/aid/proc.h"

#define BYTES (NVM_FILE_SECTOR * NVM_FILE_SECTORS)
#define PIECE_MAX 4096u
#define OPS 3000

static struct nvm_ram ram;

static int setup(void **state)
{
    (void)state;
    nvm_ram_init(&ram);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    nvm_ram_done(&ram);
    return 0;
}

static int program(uint32_t addr, const void *from, size_t n)
{
    return ram.nvm.program(ram.nvm.ctx, addr, from, n);
}

static void test_limits(void **state)
{
    static const uint8_t bytes[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint8_t back[16];

    (void)state;
    assert_int_equal(program(0, bytes, 3), GF_E_STORE);
    assert_int_equal(program(2, bytes, 4), GF_E_STORE);
    assert_int_equal(program(BYTES, bytes, 4), GF_E_STORE);
    assert_int_equal(program(BYTES - 4, bytes, 8), GF_E_STORE);
    assert_int_equal(program(UINT32_MAX - 3, bytes, 8), GF_E_STORE);
    assert_int_equal(ram.nvm.erase(ram.nvm.ctx, NVM_FILE_SECTORS), GF_E_STORE);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, BYTES - 4, back, 5), GF_E_STORE);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, UINT32_MAX, back, 2), GF_E_STORE);
    assert_int_equal(nvm_ram_bytes(&ram), 0);
    assert_int_equal(program(BYTES - 4, bytes, 4), 0);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, BYTES - 5, back, 5), 0);
    assert_int_equal(back[0], 0xFF);
    assert_memory_equal(back + 1, bytes, 4);
    assert_int_equal(nvm_ram_bytes(&ram), NVM_RAM_PAGE);
}

/* Programmed over a page's end, refused a second time and whole; an erase gives the pages back. */
static void test_pages(void **state)
{
    uint8_t bytes[3 * NVM_RAM_PAGE], back[3 * NVM_RAM_PAGE];
    uint32_t addr = NVM_FILE_SECTOR - NVM_RAM_PAGE - 8;     /* two pages here, two in the next */

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    assert_int_equal(program(addr, bytes, sizeof bytes), 0);
    assert_int_equal(nvm_ram_bytes(&ram), 4 * NVM_RAM_PAGE);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, addr, back, sizeof back), 0);
    assert_memory_equal(back, bytes, sizeof back);
    assert_int_equal(program(addr + sizeof bytes - 4, bytes, 8), GF_E_STORE);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, addr + sizeof bytes, back, 4), 0);
    assert_memory_equal(back, "\xFF\xFF\xFF\xFF", 4);       /* nothing of it was done */
    assert_int_equal(ram.nvm.erase(ram.nvm.ctx, 0), 0);
    assert_int_equal(nvm_ram_bytes(&ram), 2 * NVM_RAM_PAGE);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, addr, back, 4), 0);
    assert_memory_equal(back, "\xFF\xFF\xFF\xFF", 4);
    assert_int_equal(program(addr, bytes, 8), 0);
    assert_int_equal(ram.nvm.erase(ram.nvm.ctx, 0), 0);
    assert_int_equal(ram.nvm.erase(ram.nvm.ctx, 1), 0);
    assert_int_equal(nvm_ram_bytes(&ram), 0);
}

/* The same operations at random: the same results, the same contents as in a file. */
static void test_as_a_file(void **state)
{
    static uint8_t a[BYTES], b[BYTES], piece[PIECE_MAX];
    struct aid_random random = {.state = 11};
    struct nvm_file file;
    char path[512];
    unsigned refused = 0, done = 0;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/reference.nvm", aid_tmpdir());
    assert_int_equal(nvm_file_open(&file, path, NULL), 0);
    for (int i = 0; i < OPS; i++) {
        uint32_t addr = (uint32_t)(aid_random_next(&random) % BYTES);
        size_t n = aid_random_next(&random) % 200;
        uint64_t dice = aid_random_next(&random) % 100;
        int rc;

        if (dice < 1) {
            rc = file.nvm.erase(file.nvm.ctx, addr % 3);
            assert_int_equal(ram.nvm.erase(ram.nvm.ctx, addr % 3), rc);
            continue;
        }
        if (dice < 90) {
            addr &= ~3u;
            n &= ~(size_t)3;
        }
        for (size_t k = 0; k < n; k++)
            piece[k] = (uint8_t)aid_random_next(&random);
        rc = file.nvm.program(file.nvm.ctx, addr, piece, n);
        assert_int_equal(program(addr, piece, n), rc);
        *(rc == 0 ? &done : &refused) += 1;
    }
    assert_true(refused > 100 && done > 100);
    assert_int_equal(file.nvm.read(file.nvm.ctx, 0, a, sizeof a), 0);
    assert_int_equal(ram.nvm.read(ram.nvm.ctx, 0, b, sizeof b), 0);
    assert_memory_equal(a, b, sizeof a);
    nvm_file_close(&file);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_limits), T(test_pages), T(test_as_a_file)};

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
