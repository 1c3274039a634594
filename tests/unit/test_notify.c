/* test_notify.c - what the service manager hears: at a socket with a path and at an abstract one,
 * and that nothing else is an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/notify.h"

/* A socket of that name, which $NOTIFY_SOCKET names too. */
static int listen_at(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0 && n < sizeof at.sun_path);
    memcpy(at.sun_path, name, n);
    if (name[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (const struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void check(const char *name)
{
    char got[32] = "";
    int fd = listen_at(name);

    gf_notify("READY=1");
    assert_int_equal(recv(fd, got, sizeof got - 1, 0), 7);
    assert_string_equal(got, "READY=1");
    assert_int_equal(close(fd), 0);
    gf_notify("READY=1"); /* nobody listens any more */
}

static void test_told(void **state)
{
    char name[100];
    const char *folder = getenv("TMPDIR");

    (void)state;
    (void)snprintf(name, sizeof name, "@gasfitter-notify-%d", (int)getpid());
    check(name);
    if (folder == NULL || strlen(folder) > 60)
        folder = "/tmp";
    (void)snprintf(name, sizeof name, "%s/notify-%d", folder, (int)getpid());
    check(name);
    assert_int_equal(unlink(name), 0);
}

static void test_nobody(void **state)
{
    static const char *const bad[] = { "", "/", "@", "relative", "vsock:2:1234" };
    char longest[200];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", bad[i], 1), 0);
        gf_notify("READY=1");
    }
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", longest, 1), 0);
    gf_notify("READY=1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    gf_notify("READY=1");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_told),
                                        cmocka_unit_test(test_nobody) };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
