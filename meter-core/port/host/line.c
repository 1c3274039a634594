/* line.c - terminal or socket; see line.h. */
#include "meter-core/port/host/line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/* 0 or errno. */
static int open_socket(struct gm_line *l)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(l->path);

    if (n >= sizeof address.sun_path)
        return ENAMETOOLONG;
    memcpy(address.sun_path, l->path, n + 1);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return errno;
    return connect(l->fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
}

/* A terminal that two programs read gives each half of the bytes: the lock keeps the second out. */
static int open_terminal(struct gm_line *l)
{
    struct termios raw;

    l->fd = open(l->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (l->fd < 0)
        return errno;
    if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? EBUSY : errno;
    if (tcgetattr(l->fd, &raw) != 0)
        return errno;
    cfmakeraw(&raw);
    raw.c_cflag |= (tcflag_t)(CLOCAL | CREAD);
    raw.c_cflag &= (tcflag_t)~(CSTOPB | CRTSCTS);
    if (cfsetspeed(&raw, B115200) != 0 || tcsetattr(l->fd, TCSANOW, &raw) != 0)
        return errno;
    return tcflush(l->fd, TCIOFLUSH) == 0 ? 0 : errno;
}

/* 0 or errno; open only with 0. */
static int try_open(struct gm_line *l)
{
    struct stat st;
    int code = stat(l->path, &st) == 0 ? 0 : errno;

    if (code == 0 && S_ISSOCK(st.st_mode))
        code = open_socket(l);
    else if (code == 0 && S_ISCHR(st.st_mode))
        code = open_terminal(l);
    else if (code == 0)
        code = ENOTTY;
    if (code != 0)
        gm_line_close(l);
    return code;
}

/* What may be another way in a moment: an emulator that starts, an adapter that is plugged in. */
static bool may_come(int code)
{
    return code == ENOENT || code == ECONNREFUSED || code == EAGAIN || code == ENODEV ||
           code == ENXIO || code == EIO;
}

int gm_line_open(struct gm_line *l, const char *path, struct gf_fail *why)
{
    int code;

    *l = (struct gm_line){path, -1};
    code = try_open(l);
    if (code == 0 || may_come(code))
        return 0;
    return gf_fail(why, GF_E_FILE, "uart",
                   code == ENOTTY ? "neither a terminal nor a socket" : strerror(code));
}

void gm_line_close(struct gm_line *l)
{
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
}

bool gm_line_again(struct gm_line *l)
{
    return l->fd >= 0 || try_open(l) == 0;
}

int gm_line_read(struct gm_line *l, uint8_t *ret, size_t cap)
{
    ssize_t n = l->fd >= 0 ? read(l->fd, ret, cap) : 0;

    if (l->fd < 0 || n > 0)
        return (int)n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    gm_line_close(l);
    return -1;
}

int gm_line_write(struct gm_line *l, const uint8_t *p, size_t n)
{
    ssize_t r = l->fd >= 0 ? write(l->fd, p, n) : 0;

    if (r >= 0)
        return (int)r;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    gm_line_close(l);
    return -1;
}
