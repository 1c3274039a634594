/* test_gasmeter_control.c - the control socket: lines however they are cut, many clients, slow and
 * rude ones, and the socket's file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/host/loop.h"
#include "common/host/real.h"
#include "meter-core/port/host/control.h"
#include "tests/aid/gasmeter_stand.h"
#include "tests/aid/proc.h"

#define ROUNDS_MAX 20000            /* of the loop: every wait's bound */

static struct aid_stand *world;
static struct gm_control *control;
static struct gf_fail why;
static unsigned acted;
static char path[108];

static void on_acted(void *ctx)
{
    (void)ctx;
    acted++;
}

static const struct gm_control_events events = {NULL, on_acted};

static int begin(void)
{
    why = (struct gf_fail){0};
    return gm_control_new(path, &world->stand, &events, &control, &why);
}

static int setup(void **state)
{
    (void)state;
    world = aid_stand_new();
    control = NULL;
    acted = 0;
    assert_true(snprintf(path, sizeof path, "%s/s", aid_tmpdir()) < (int)sizeof path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    control = gm_control_free(control);
    aid_stand_free(world);
    (void)unlink(path);
    return 0;
}

static void turn(void)
{
    const struct gf_source *const sources[] = {gm_control_source(control)};

    assert_int_equal(gf_loop_once(sources, 1, 0), 0);
}

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One line from the meter, without its newline; "" when the connection has ended. */
static const char *hear(int fd)
{
    static char line[2 * GM_ANSWER_MAX];
    size_t n = 0;

    for (int i = 0; i < ROUNDS_MAX; i++) {
        ssize_t got = recv(fd, line + n, 1, 0);

        if (got == 0)
            return "";
        if (got < 0) {
            turn();
            continue;
        }
        if (line[n] == '\n') {
            line[n] = '\0';
            return line;
        }
        assert_true(++n < sizeof line);
    }
    fail_msg("no answer");
    return "";
}

static void test_every_cut(void **state)
{
    static const char text[] = "flow 1\nbattery 3000\nfoo\n\nflow 2\nlcd x\n";
    static const char *const answers[] = {"ok flow 1", "ok battery 3000",
                                          "error command: foo is not one; try help",
                                          "error command:  is not one; try help", "ok flow 2",
                                          "error lcd: takes no argument"};

    (void)state;
    assert_int_equal(begin(), 0);
    for (size_t cut = 0; cut <= sizeof text - 1; cut++) {
        int fd = dial();

        assert_int_equal(send(fd, text, cut, MSG_NOSIGNAL), (ssize_t)cut);
        turn();
        turn();
        say(fd, text + cut);
        for (size_t i = 0; i < 6; i++)
            assert_string_equal(hear(fd), answers[i]);
        (void)close(fd);
        turn();
        turn();
    }
    assert_int_equal(acted, 6 * sizeof text);
}

static void test_quit_and_half_lines(void **state)
{
    int fd, other;

    (void)state;
    assert_int_equal(begin(), 0);
    fd = dial();
    say(fd, "flow 5\nquit\nflow 6\n");
    assert_string_equal(hear(fd), "ok flow 5");
    assert_string_equal(hear(fd), "ok");
    assert_string_equal(hear(fd), "");
    (void)close(fd);
    assert_int_equal(world->stand.body->flow_l_per_h, 5);
    fd = dial();
    other = dial();
    say(fd, "flow 9");                      /* never ended: never said */
    for (int i = 0; i < 10; i++)
        turn();
    say(other, "flow 7\n");                 /* ... and holds nobody up */
    assert_string_equal(hear(other), "ok flow 7");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_string_equal(hear(fd), "");
    assert_int_equal(world->stand.body->flow_l_per_h, 7);
    (void)close(fd);
    (void)close(other);
}

/* Lines around the limit; what is too long is refused once, and the next line counts. */
static void test_long_lines(void **state)
{
    static const size_t lengths[] = {GM_LINE_MAX - 1, GM_LINE_MAX, GM_LINE_MAX + 1,
                                     GM_LINE_MAX + 2, 2 * GM_LINE_MAX, 2 * GM_LINE_MAX + 2,
                                     100 * GM_LINE_MAX};
    static char line[100 * GM_LINE_MAX + 2];

    (void)state;
    assert_int_equal(begin(), 0);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fd = dial();

        memset(line, ' ', sizeof line);
        memcpy(line, "flow", 4);
        line[lengths[i] - 1] = '3';
        line[lengths[i]] = '\n';
        line[lengths[i] + 1] = '\0';
        say(fd, line);
        say(fd, "battery 3100\n");
        assert_string_equal(hear(fd), lengths[i] <= GM_LINE_MAX
                                          ? "ok flow 3" : "error line: longer than 255 bytes");
        assert_string_equal(hear(fd), "ok battery 3100");
        (void)close(fd);
        turn();
        turn();
    }
}

/* A client that asks and never reads is not read from any more; the others are served; and when it
 * reads at last, every answer is there, in order. */
static void test_slow_client(void **state)
{
    int slow, quick;
    unsigned asked = 0;
    char line[40], want[40];

    (void)state;
    assert_int_equal(begin(), 0);
    slow = dial();
    quick = dial();
    for (int idle = 0; idle < 50; turn()) {
        (void)snprintf(line, sizeof line, "flow %u\n", asked % 1000);
        if (send(slow, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line)) {
            asked++;
            idle = 0;
        } else {
            idle++;
        }
    }
    assert_true(asked > 100);
    say(quick, "battery 3200\n");
    assert_string_equal(hear(quick), "ok battery 3200");
    for (unsigned i = 0; i < asked; i++) {
        (void)snprintf(want, sizeof want, "ok flow %u", i % 1000);
        assert_string_equal(hear(slow), want);
    }
    say(slow, "quit\n");
    assert_string_equal(hear(slow), "ok");
    (void)close(slow);
    (void)close(quick);
}

/* It goes away with answers unread. */
static void test_rude_client(void **state)
{
    int fd;

    (void)state;
    assert_int_equal(begin(), 0);
    for (int i = 0; i < 3 * GM_CLIENTS_MAX; i++) {
        fd = dial();
        say(fd, "help\nhelp\nstatus\n");
        turn();
        (void)close(fd);
        for (int k = 0; k < 10; k++)
            turn();
    }
    fd = dial();
    say(fd, "press\n");
    assert_string_equal(hear(fd), "ok");
    (void)close(fd);
}

static void test_connections(void **state)
{
    int fd[GM_CLIENTS_MAX + 1];

    (void)state;
    assert_int_equal(begin(), 0);
    for (int i = 0; i < GM_CLIENTS_MAX; i++) {
        fd[i] = dial();
        say(fd[i], "press\n");
        assert_string_equal(hear(fd[i]), "ok");
    }
    fd[GM_CLIENTS_MAX] = dial();
    assert_string_equal(hear(fd[GM_CLIENTS_MAX]), "error connections: all are in use; try again");
    assert_string_equal(hear(fd[GM_CLIENTS_MAX]), "");
    (void)close(fd[GM_CLIENTS_MAX]);
    (void)close(fd[3]);
    turn();
    fd[3] = dial();
    for (int i = 0; i < GM_CLIENTS_MAX; i++) {
        say(fd[i], "press\n");
        assert_string_equal(hear(fd[i]), "ok");
        (void)close(fd[i]);
    }
}

/* ---- the file ---- */

static void test_file(void **state)
{
    struct gm_control *other = NULL;
    struct stat st;

    (void)state;
    assert_int_equal(begin(), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(gm_control_new(path, &world->stand, &events, &other, &why), GF_E_NOT_NOW);
    assert_string_equal(why.where, "control");
    assert_non_null(strstr(why.detail, "another program listens there"));
    turn();
    control = gm_control_free(control);
    assert_int_equal(stat(path, &st), -1);
}

static void test_stale_socket(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)state;
    memcpy(address.sun_path, path, strlen(path) + 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    (void)close(fd);                        /* as after a kill */
    assert_int_equal(begin(), 0);
    fd = dial();
    say(fd, "press\n");
    assert_string_equal(hear(fd), "ok");
    (void)close(fd);
    assert_int_equal(unlink(path), 0);      /* somebody put a file of his own there */
    assert_int_equal(gf_file_write(path, "x", 1, 0600, NULL), 0);
    control = gm_control_free(control);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_no_socket(void **state)
{
    static char deep[200];
    struct stat st;

    (void)state;
    assert_int_equal(gf_file_write(path, "x", 1, 0600, NULL), 0);
    assert_int_equal(begin(), GF_E_FILE);
    assert_non_null(strstr(why.detail, "no socket is in the way"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 1);
    memset(deep, 'd', sizeof deep - 1);
    why = (struct gf_fail){0};
    assert_int_equal(gm_control_new(deep, &world->stand, &events, &control, &why), GF_E_FILE);
    assert_non_null(strstr(why.detail, "longer than a socket's path may be"));
    why = (struct gf_fail){0};
    assert_int_equal(gm_control_new("/nonexistent/s", &world->stand, &events, &control, &why),
                     GF_E_FILE);
    assert_non_null(strstr(why.detail, "/nonexistent/s: No such file"));
    assert_null(control);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_every_cut), T(test_quit_and_half_lines), T(test_long_lines), T(test_slow_client),
        T(test_rude_client), T(test_connections), T(test_file), T(test_stale_socket),
        T(test_no_socket),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
