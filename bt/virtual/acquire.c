/* acquire.c - AcquireWrite and AcquireNotify; see acquire.h. */
#include "bt/virtual/acquire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bt/virtual/att.h"
#include "bt/virtual/cache.h"
#include "bt/virtual/link.h"
#include "bt/virtual/notify.h"

struct vb_pipe {
    struct vb_char *chr;
    bool notify, granted; /* granted: nothing but the services may be missing */
    sd_bus_message *call; /* until it is answered */
    int fd;
    sd_event_source *io;
};

static struct vb *vb_of(const struct vb_char *chr)
{
    return chr->service->device->adapter->vb;
}

static struct vb_pipe *pipe_new(struct vb_char *chr, bool notify, sd_bus_message *m)
{
    struct vb_pipe *pipe = vb_new(sizeof *pipe);

    pipe->chr = chr;
    pipe->notify = notify;
    pipe->granted = !notify;
    pipe->fd = -1;
    pipe->call = sd_bus_message_ref(m);
    if (notify)
        chr->notify_pipe = pipe;
    else
        chr->write_pipe = pipe;
    return pipe;
}

/* Take it out of the characteristic and free it; true when its socket was handed out. */
static bool pipe_free(struct vb_pipe *pipe)
{
    bool was_open = pipe->fd >= 0;

    if (pipe->notify)
        pipe->chr->notify_pipe = NULL;
    else
        pipe->chr->write_pipe = NULL;
    vb_fail_kept(&pipe->call, VB_E_FAILED, "Not connected");
    sd_event_source_disable_unref(pipe->io);
    if (was_open)
        (void)close(pipe->fd);
    free(pipe);
    return was_open;
}

void vb_acquire_close(struct vb_char *chr, bool notify)
{
    struct vb_pipe *pipe = notify ? chr->notify_pipe : chr->write_pipe;

    if (!pipe)
        return;
    if (pipe_free(pipe))
        vb_changed(vb_of(chr), chr->path, VB_CHARACTERISTIC,
                   notify ? "NotifyAcquired" : "WriteAcquired", NULL);
    if (notify)
        vb_unsubscribe(chr);
}

/* One packet of the client is one Write Command; too long ones go nowhere. */
static bool forward(struct vb_pipe *pipe)
{
    uint8_t pdu[3 + VB_ATT_VALUE_MAX] = {VB_ATT_WRITE_CMD, (uint8_t)pipe->chr->value_handle,
                                         (uint8_t)(pipe->chr->value_handle >> 8)};
    ssize_t n = recv(pipe->fd, pdu + 3, VB_ATT_VALUE_MAX, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (!pipe->notify)
        (void)vb_link_command(pipe->chr->service->device->link, pdu, (size_t)n + 3);
    return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct vb_pipe *pipe = userdata;

    (void)source;
    (void)fd;
    if ((events & EPOLLIN) && forward(pipe))
        return 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        vb_acquire_close(pipe->chr, pipe->notify);
    return 0;
}

/* Make the socket and answer the call. */
static void hand_out(struct vb_pipe *pipe)
{
    struct vb_char *chr = pipe->chr;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0) {
        vb_fail_kept(&pipe->call, VB_E_FAILED, strerror(errno));
        vb_acquire_close(chr, pipe->notify);
        return;
    }
    pipe->fd = fds[0];
    (void)sd_event_add_io(vb_of(chr)->event, &pipe->io, pipe->fd, EPOLLIN, on_io, pipe);
    vb_changed(vb_of(chr), chr->path, VB_CHARACTERISTIC,
               pipe->notify ? "NotifyAcquired" : "WriteAcquired", NULL);
    (void)sd_bus_reply_method_return(pipe->call, "hq", fds[1], chr->service->device->link->mtu);
    pipe->call = sd_bus_message_unref(pipe->call);
    (void)close(fds[1]); /* the reply holds its own */
}

static void try_hand_out(struct vb_pipe *pipe)
{
    if (pipe && pipe->call && pipe->granted && pipe->chr->service->device->link->ready)
        hand_out(pipe);
}

/* ---- methods --------------------------------------------------------------------------------- */

void vb_acquire_write(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_char *chr = self;

    if (!chr->service->device->link)
        vb_fail(m, VB_E_FAILED, "Not connected");
    else if (chr->service->claimed && vb->opt.version >= VB_BLUEZ_CLAIMED)
        vb_fail(m, VB_E_NOT_AUTHORIZED, NULL);
    else if (chr->write_pipe)
        vb_fail(m, VB_E_NOT_PERMITTED, "Write acquired");
    else if (!(chr->props & VB_PROP_WRITE_CMD))
        vb_fail(m, VB_E_NOT_SUPPORTED, NULL);
    else
        try_hand_out(pipe_new(chr, false, m));
}

void vb_acquire_notify(struct vb *vb, void *self, sd_bus_message *m)
{
    struct vb_char *chr = self;

    (void)vb;
    if (!chr->service->device->link) {
        vb_fail(m, VB_E_FAILED, "Not connected");
    } else if (chr->notify_pipe) {
        vb_fail(m, VB_E_NOT_PERMITTED, "Notify acquired");
    } else if (!TAILQ_EMPTY(&chr->sessions)) {
        vb_fail(m, VB_E_IN_PROGRESS, NULL);
    } else if (!(chr->props & VB_PROP_NOTIFY)) {
        vb_fail(m, VB_E_NOT_SUPPORTED, NULL);
    } else {
        (void)pipe_new(chr, true, m);
        vb_subscribe(chr);
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

void vb_acquire_subscribed(struct vb_char *chr, uint8_t code)
{
    struct vb_pipe *pipe = chr->notify_pipe;

    if (!pipe || !pipe->call)
        return;
    pipe->granted = code == VB_ATT_OK;
    if (pipe->granted) {
        try_hand_out(pipe);
        return;
    }
    vb_fail_att(pipe->call, code);
    pipe->call = sd_bus_message_unref(pipe->call);
    vb_acquire_close(chr, true);
}

void vb_acquire_ready(struct vb_device *device)
{
    struct vb_service *service;
    struct vb_char *chr;

    TAILQ_FOREACH(service, &device->cache.services, next)
        TAILQ_FOREACH(chr, &service->chars, next) {
            try_hand_out(chr->write_pipe);
            try_hand_out(chr->notify_pipe);
        }
}

void vb_acquire_arrived(struct vb_char *chr, const uint8_t *bytes, size_t n)
{
    if (chr->notify_pipe->fd >= 0)
        (void)send(chr->notify_pipe->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void vb_acquire_link_down(struct vb_char *chr)
{
    vb_acquire_close(chr, false);
    vb_acquire_close(chr, true);
}

void vb_acquire_drop(struct vb_char *chr)
{
    if (chr->write_pipe)
        (void)pipe_free(chr->write_pipe);
    if (chr->notify_pipe)
        (void)pipe_free(chr->notify_pipe);
}
