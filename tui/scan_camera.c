/* scan_camera.c - a V4L2 camera as a source of pictures: YUYV through memory-mapped buffers; see
 * scan.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tui/scan.h"

#define BUFFERS 4
#define WIDTH 640       /* asked for; the driver may give another size */
#define HEIGHT 480

struct camera {
    struct frame_source port;
    const char *device;
    int fd;
    struct { void *p; size_t len; } map[BUFFERS];
    unsigned n_maps;
    unsigned width, height;
    size_t stride;
    int held;           /* buffer that the last picture is in; -1: none */
};

static int camera_fail(const struct camera *c, const char *what, struct gf_fail *why)
{
    char text[sizeof why->detail];

    (void)snprintf(text, sizeof text, "%.80s: %s: %s", c->device, what, strerror(errno));
    return gf_fail(why, GF_E_CAMERA, "camera", text);
}

static int control(const struct camera *c, unsigned long request, void *arg)
{
    int r;

    do
        r = ioctl(c->fd, request, arg);
    while (r < 0 && errno == EINTR);
    return r;
}

static int set_format(struct camera *c, struct gf_fail *why)
{
    struct v4l2_capability cap = {0};
    struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    unsigned can;

    if (control(c, VIDIOC_QUERYCAP, &cap) < 0)
        return camera_fail(c, "is not a camera", why);
    can = (cap.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? cap.device_caps : cap.capabilities;
    errno = ENOTSUP;
    if ((can & V4L2_CAP_VIDEO_CAPTURE) == 0 || (can & V4L2_CAP_STREAMING) == 0)
        return camera_fail(c, "gives no stream of pictures", why);
    f.fmt.pix.width = WIDTH;
    f.fmt.pix.height = HEIGHT;
    f.fmt.pix.pixelformat = V4L2_PIX_FMT_YUYV;
    f.fmt.pix.field = V4L2_FIELD_NONE;
    if (control(c, VIDIOC_S_FMT, &f) < 0)
        return camera_fail(c, "refuses the picture's form", why);
    errno = ENOTSUP;
    if (f.fmt.pix.pixelformat != V4L2_PIX_FMT_YUYV)
        return camera_fail(c, "gives no YUYV pictures", why);
    c->width = f.fmt.pix.width;
    c->height = f.fmt.pix.height;
    c->stride = f.fmt.pix.bytesperline;
    return 0;
}

static int map_buffers(struct camera *c, struct gf_fail *why)
{
    struct v4l2_requestbuffers req = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP,
    };

    if (control(c, VIDIOC_REQBUFS, &req) < 0 || req.count == 0)
        return camera_fail(c, "is used by another program", why);
    for (unsigned i = 0; i < req.count && i < BUFFERS; i++) {
        struct v4l2_buffer b = {.type = req.type, .memory = req.memory, .index = i};
        void *p;

        if (control(c, VIDIOC_QUERYBUF, &b) < 0)
            return camera_fail(c, "gives no buffers", why);
        p = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)b.m.offset);
        if (p == MAP_FAILED)
            return camera_fail(c, "gives no buffers", why);
        c->map[i].p = p;
        c->map[i].len = b.length;
        c->n_maps = i + 1;
        if (control(c, VIDIOC_QBUF, &b) < 0)
            return camera_fail(c, "takes no buffers", why);
    }
    return 0;
}

static void camera_close(void *ctx)
{
    struct camera *c = ctx;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

    if (c->fd < 0)
        return;
    (void)control(c, VIDIOC_STREAMOFF, &type);
    for (unsigned i = 0; i < c->n_maps; i++)
        (void)munmap(c->map[i].p, c->map[i].len);
    (void)close(c->fd);
    c->n_maps = 0;
    c->fd = -1;
    c->held = -1;
}

static int camera_open(void *ctx, struct gf_fail *why)
{
    struct camera *c = ctx;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    int r;

    c->fd = open(c->device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (c->fd < 0)
        return camera_fail(c, "cannot be opened", why);
    r = set_format(c, why);
    if (r == 0)
        r = map_buffers(c, why);
    if (r == 0 && control(c, VIDIOC_STREAMON, &type) < 0)
        r = camera_fail(c, "does not start", why);
    if (r != 0)
        camera_close(c);
    return r;
}

static size_t camera_fds(void *ctx, struct gf_pollfd *ret, size_t cap)
{
    const struct camera *c = ctx;

    if (c->fd < 0 || cap == 0)
        return 0;
    ret[0] = (struct gf_pollfd){.fd = c->fd, .events = POLLIN};
    return 1;
}

static int camera_next(void *ctx, struct frame *ret, struct gf_fail *why)
{
    struct camera *c = ctx;
    struct v4l2_buffer b = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};

    if (c->held >= 0) {
        b.index = (unsigned)c->held;
        c->held = -1;
        if (control(c, VIDIOC_QBUF, &b) < 0)
            return camera_fail(c, "stopped", why);
    }
    if (control(c, VIDIOC_DQBUF, &b) < 0)
        return errno == EAGAIN ? 0 : camera_fail(c, "stopped", why);
    if (b.index >= c->n_maps)
        return 0;
    c->held = (int)b.index;
    if ((b.flags & V4L2_BUF_FLAG_ERROR) != 0)
        return 0;           /* a torn picture; the next one comes */
    *ret = (struct frame){.p = c->map[b.index].p,
                          .len = b.bytesused,
                          .width = c->width,
                          .height = c->height,
                          .stride = c->stride,
                          .format = FRAME_YUYV};
    if (ret->len > c->map[b.index].len)
        ret->len = c->map[b.index].len;
    return 1;
}

struct frame_source *scan_camera_new(const char *device)
{
    struct camera *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->device = device;
    c->fd = -1;
    c->held = -1;
    c->port = (struct frame_source){c, camera_open, camera_fds, camera_next, camera_close, free};
    return &c->port;
}
