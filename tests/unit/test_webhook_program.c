/* test_webhook_program.c - payprovider against gasoffice: the programs as they are, over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/provider.h"
#include "common/host/real.h"
#include "tests/aid/money_aid.h"
#include "tests/aid/proc.h"

#define START_MS 30000
#define RUN_MS 60000
#define PAYMENT "00000001-7070-7070-7070-707070707070" /* maid_id(1, 'p') */

static struct maid m;
static pid_t service;
static char url[128], ca[600], secret_file[600], wrong_file[600];

static int add_demo(struct office *o, void *ctx)
{
    uint8_t secret[HO_KEY_LEN];

    (void)ctx;
    memset(secret, 0x11, sizeof secret);
    return provider_add(o, "demo", secret, "S002");
}

static void write_secret(char digit, const char *name, char *path)
{
    char text[2 * HO_KEY_LEN + 1];

    memset(text, digit, sizeof text - 1);
    (void)snprintf(path, 600, "%s/%s", aid_tmpdir(), name);
    assert_int_equal(gf_file_write(path, text, sizeof text - 1, 0600, NULL), 0);
}

static int begin(void **state)
{
    char program[600], line[512];
    int out;

    (void)state;
    maid_office(&m);
    assert_int_equal(ho_transaction(m.office.o, add_demo, NULL), 0);
    write_secret('1', "secret", secret_file);
    write_secret('2', "wrong", wrong_file);
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", m.office.dir);
    (void)snprintf(program, sizeof program, "%s", aid_program("gasoffice"));

    const char *const argv[] = { program,           "--dir",       m.office.dir,
                                 "serve",           "--listen",    "127.0.0.1:0",
                                 "--public-listen", "127.0.0.1:0", NULL };
    service = aid_spawn(argv, &out);
    assert_true(service > 0);
    assert_int_equal(aid_wait_line_get(out, "PUBLIC=", START_MS, line, sizeof line), 0);
    (void)close(out);

    const char *at = strstr(line, "PUBLIC=") + 7;
    (void)snprintf(url, sizeof url, "%.*s/v1/webhooks/demo", (int)strcspn(at, " \r\n"), at);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(aid_stop(service), 0);
    maid_end(&m);
    return 0;
}

/* payprovider's exit status; its first line of output. */
static int pay(const char *const more[], char line[static 256])
{
    const char *argv[40] = { NULL, "pay",       "--url", url,          "--ca",
                             ca,   "--payment", PAYMENT, "--currency", "EUR" };
    char program[600];
    size_t n = 10;
    int out;

    (void)snprintf(program, sizeof program, "%s", aid_program("payprovider"));
    argv[0] = program;
    for (; *more != NULL; more++)
        argv[n++] = *more;
    line[0] = '\0';

    pid_t pid = aid_spawn(argv, &out);
    assert_true(pid > 0);
    (void)aid_wait_line_get(out, "", RUN_MS, line, 256);
    int status = aid_wait_exit(pid, RUN_MS);
    (void)close(out);
    return status;
}

static void a_payment_over_the_wire(void **state)
{
    struct payment_new what = { .account_no = MAID_ACCOUNT,
                                .provider = "demo",
                                .amount_minor = 1250,
                                .currency = "EUR",
                                .asked_by = "customer C-1001" };
    const char *const wrong[] = { "--amount", "1250", "--secret", wrong_file, NULL },
                      *const altered[] = { "--amount",  "1250",    "--secret",
                                           secret_file, "--alter", NULL },
                      *const old[] = { "--amount", "1250", "--secret", secret_file,
                                       "--at",     "1000", NULL },
                      *const less[] = { "--amount", "1249", "--secret", secret_file, NULL },
                      *const good[] = { "--amount", "1250", "--secret", secret_file,
                                        "--times",  "2",    NULL },
                      *const failed[] = { "--amount", "1250",   "--secret", secret_file,
                                          "--status", "failed", NULL };
    struct payment p;
    char line[256];

    (void)state;
    maid_id(1, 'p', what.payment_id);
    assert_int_equal(maid_ask(&m, &what, &p), 0);
    assert_int_equal(pay(wrong, line), 4);
    assert_non_null(strstr(line, "SIGNATURE"));
    assert_int_equal(pay(altered, line), 4);
    assert_non_null(strstr(line, "SIGNATURE"));
    assert_int_equal(pay(old, line), 4);
    assert_non_null(strstr(line, "CLOCK"));
    assert_int_equal(pay(less, line), 4);
    assert_non_null(strstr(line, "MISMATCH"));
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 0);
    assert_int_equal(pay(good, line), 0);
    assert_non_null(strstr(line, "200 "));
    assert_non_null(strstr(line, "confirmed"));
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM token"), 1);
    assert_int_equal(pay(failed, line), 4);
    assert_non_null(strstr(line, "MISMATCH"));
    assert_int_equal(maid_sum(&m, "SELECT COUNT(*) FROM payment WHERE state = 'confirmed'"), 1);
    assert_int_equal(maid_balance(&m, "EUR", LEDGER_CASH, "demo"), 1250000);
}

static void what_it_is_told_wrong(void **state)
{
    const char *const none[] = { "--secret", secret_file, NULL },
                      *const zero[] = { "--secret", secret_file, "--amount", "0", NULL },
                      *const no_file[] = { "--secret", "/nowhere", "--amount", "1", NULL };
    char line[256];

    (void)state;
    assert_int_equal(pay(none, line), 2);
    assert_int_equal(pay(zero, line), 2);
    assert_int_equal(pay(no_file, line), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_payment_over_the_wire),
        cmocka_unit_test(what_it_is_told_wrong),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, begin, end);
}
