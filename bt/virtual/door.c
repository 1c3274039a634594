/* door.c - a way to the bus that can be cut; see door.h. */
#include "bt/virtual/door.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bt/virtual/model.h"

#define CHUNK 65536
#define BUS_PREFIX "unix:path="

/* One side of a connection, and what came from it but could not be handed on yet. */
struct side {
    struct vb_passage *passage;
    struct side *other;
    int fd;
    sd_event_source *io;
    size_t n;
    uint8_t bytes[CHUNK];
};

struct vb_passage {
    TAILQ_ENTRY(vb_passage) next;
    struct vb *vb;
    struct side sides[2];
};

static void passage_free(struct vb_passage *passage)
{
    TAILQ_REMOVE(&passage->vb->passages, passage, next);
    for (int i = 0; i < 2; i++) {
        sd_event_source_disable_unref(passage->sides[i].io);
        if (passage->sides[i].fd >= 0)
            (void)close(passage->sides[i].fd);
    }
    free(passage);
}

/* Read from a side while the last of it is handed on, write to it while the other's is not. */
static void watch(struct side *side)
{
    (void)sd_event_source_set_io_events(side->io, (side->n == 0 ? (uint32_t)EPOLLIN : 0) |
                                                      (side->other->n > 0 ? EPOLLOUT : 0));
}

/* Hand on what a side has; false when the connection is at its end. */
static bool hand_on(struct side *from)
{
    ssize_t n = send(from->other->fd, from->bytes, from->n, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    from->n -= (size_t)n;
    memmove(from->bytes, from->bytes + n, from->n);
    return true;
}

static bool take(struct side *side)
{
    ssize_t n = recv(side->fd, side->bytes, sizeof side->bytes, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    side->n = (size_t)n;
    return n > 0 && hand_on(side);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct side *side = userdata;
    bool open = true;

    (void)source;
    (void)fd;
    if (events & EPOLLOUT)
        open = hand_on(side->other);
    if (open && (events & EPOLLIN))
        open = take(side);
    if (!open || ((events & (EPOLLHUP | EPOLLERR)) && !(events & EPOLLIN))) {
        passage_free(side->passage);
        return 0;
    }
    watch(side);
    watch(side->other);
    return 0;
}

/* A stream socket with its address; -1 with errno. */
static int stream(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof ret->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(ret->sun_path, path, strlen(path));
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int reach_bus(const struct vb *vb)
{
    const char *address = vb->opt.bus;
    struct sockaddr_un at;
    int fd;

    if (!address || strncmp(address, BUS_PREFIX, strlen(BUS_PREFIX)) != 0)
        return -1;
    fd = stream(address + strlen(BUS_PREFIX), &at);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static int on_knock(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct vb *vb = userdata;
    struct vb_passage *passage;
    int in = accept(fd, NULL, NULL), out;

    (void)source;
    (void)events;
    if (in < 0)
        return 0;
    out = reach_bus(vb);
    if (out < 0) {
        (void)close(in);
        return 0;
    }
    passage = vb_new(sizeof *passage);
    passage->vb = vb;
    passage->sides[0].fd = in;
    passage->sides[1].fd = out;
    TAILQ_INSERT_TAIL(&vb->passages, passage, next);
    for (int i = 0; i < 2; i++) {
        struct side *side = &passage->sides[i];

        side->passage = passage;
        side->other = &passage->sides[1 - i];
        (void)sd_event_add_io(vb->event, &side->io, side->fd, EPOLLIN, on_io, side);
    }
    return 0;
}

int vb_door_open(struct vb *vb, const char *path)
{
    struct sockaddr_un at;
    int fd = stream(path, &at);

    if (fd < 0)
        return -errno;
    (void)unlink(path);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 16) < 0) {
        int error = errno;

        (void)close(fd);
        return -error;
    }
    vb->door_fd = fd;
    return sd_event_add_io(vb->event, &vb->door, fd, EPOLLIN, on_knock, vb);
}

void vb_door_slam(struct vb *vb)
{
    struct vb_passage *passage;

    while ((passage = TAILQ_FIRST(&vb->passages)) != NULL)
        passage_free(passage);
}

void vb_door_done(struct vb *vb)
{
    vb_door_slam(vb);
    if (!vb->door)
        return;
    vb->door = sd_event_source_disable_unref(vb->door);
    (void)close(vb->door_fd);
    (void)unlink(vb->opt.door);
}
