/* scan_camera.c - a V4L2 camera as a source of pictures, by memory-mapped buffers; see scan.h. */
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

#include "common/text.h"
#include "tui/scan.h"

#define BUFFERS 4
#define DEVICES 64      /* numbers that are tried */
#define WIDTH 640       /* asked for; the driver may give another size */
#define HEIGHT 480

/* Forms in which the brightness of each pixel is a byte: the first of them that a camera offers is
 * taken. Behind the brightness of planar ones comes colour, which is not looked at; of red, green
 * and blue, green is nearly what an eye calls brightness. */
static const struct form {
    uint32_t id;
    unsigned first, step;       /* byte of the first pixel, bytes to the next */
} forms[] = {
    {V4L2_PIX_FMT_YUYV, 0, 2},   {V4L2_PIX_FMT_GREY, 0, 1},   {V4L2_PIX_FMT_UYVY, 1, 2},
    {V4L2_PIX_FMT_YVYU, 0, 2},   {V4L2_PIX_FMT_VYUY, 1, 2},   {V4L2_PIX_FMT_NV12, 0, 1},
    {V4L2_PIX_FMT_NV21, 0, 1},   {V4L2_PIX_FMT_YUV420, 0, 1}, {V4L2_PIX_FMT_YVU420, 0, 1},
    {V4L2_PIX_FMT_RGB24, 1, 3},  {V4L2_PIX_FMT_BGR24, 1, 3},
};
#define N_FORMS (sizeof forms / sizeof forms[0])

struct camera {
    struct frame_source port;
    char device[SCAN_DEVICE_MAX];       /* "": the first */
    int fd;
    struct { void *p; size_t len; } map[BUFFERS];
    unsigned n_maps;
    unsigned width, height;
    size_t stride;
    const struct form *form;
    int held;           /* buffer that the last picture is in; -1: none */
};

/* What errno means for a camera, to people. */
static int camera_code(int code)
{
    switch (code) {
    case EBUSY:
        return GF_E_CAMERA_BUSY;
    case EACCES:
    case EPERM:
        return GF_E_CAMERA_DENIED;
    case ENOENT:
    case ENXIO:
        return GF_E_CAMERA_NONE;
    case ENODEV:
        return GF_E_CAMERA_GONE;
    default:
        return GF_E_CAMERA;
    }
}

/* errno says what happened, `what` during what. */
static int camera_fail(const struct camera *c, const char *what, struct gf_fail *why)
{
    int code = camera_code(errno);
    char text[sizeof why->detail];

    (void)snprintf(text, sizeof text, "%s: %s: %s", c->device, what, strerror(errno));
    return gf_fail(why, code, "camera", text);
}

static int control_fd(int fd, unsigned long request, void *arg)
{
    int r;

    do
        r = ioctl(fd, request, arg);
    while (r < 0 && errno == EINTR);
    return r;
}

static int control(const struct camera *c, unsigned long request, void *arg)
{
    return control_fd(c->fd, request, arg);
}

static const struct form *form_find(uint32_t id)
{
    for (size_t i = 0; i < N_FORMS; i++)
        if (forms[i].id == id)
            return &forms[i];
    return NULL;
}

/* The best form that a camera offers, or NULL; what it offers instead is written to `other`, as
 * "MJPG H264". */
static const struct form *form_of(int fd, char *other, size_t cap)
{
    const struct form *best = NULL;
    struct v4l2_fmtdesc d = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    char name[5] = {0};
    size_t n = 0;

    other[0] = '\0';
    for (; control_fd(fd, VIDIOC_ENUM_FMT, &d) == 0; d.index++) {
        const struct form *f = form_find(d.pixelformat);

        if (f != NULL && (best == NULL || f < best))
            best = f;
        for (int i = 0; i < 4; i++)
            name[i] = (char)(d.pixelformat >> (8 * i) & 0x7F);
        if (f == NULL && n + sizeof name < cap)
            n += (size_t)snprintf(other + n, cap - n, "%s%s", n > 0 ? " " : "", name);
    }
    return best;
}

/* Is it a device that a stream of pictures comes from? */
static bool is_camera(int fd, struct v4l2_capability *cap)
{
    unsigned can;

    *cap = (struct v4l2_capability){0};
    if (control_fd(fd, VIDIOC_QUERYCAP, cap) < 0)
        return false;
    can = (cap->capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? cap->device_caps : cap->capabilities;
    return (can & V4L2_CAP_VIDEO_CAPTURE) != 0 && (can & V4L2_CAP_STREAMING) != 0;
}

/* Is there a camera behind this name? 1 and its description, 0, or -1 with errno when it may not be
 * asked. */
static int camera_look(const char *device, struct scan_camera *ret)
{
    struct v4l2_capability cap;
    char other[40];
    int fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC), r;

    if (fd < 0)
        return errno == EACCES || errno == EPERM ? -1 : 0;
    r = is_camera(fd, &cap) && form_of(fd, other, sizeof other) != NULL;
    (void)close(fd);
    if (r == 1) {
        (void)gf_copy(ret->device, sizeof ret->device, device);
        gf_visible(ret->name, sizeof ret->name, (const char *)cap.card,
                   strnlen((const char *)cap.card, sizeof cap.card));
    }
    return r;
}

size_t scan_cameras(struct scan_camera *ret, size_t cap, struct gf_fail *why)
{
    char device[SCAN_DEVICE_MAX], denied[SCAN_DEVICE_MAX] = "";
    size_t n = 0;

    for (int i = 0; i < DEVICES && n < cap; i++) {
        (void)snprintf(device, sizeof device, "/dev/video%d", i);

        int r = camera_look(device, &ret[n]);

        if (r > 0)
            n++;
        else if (r < 0)
            (void)gf_copy(denied, sizeof denied, device);
    }
    if (n == 0)
        (void)gf_fail(why, denied[0] != '\0' ? GF_E_CAMERA_DENIED : GF_E_CAMERA_NONE, "camera",
                      denied);
    return n;
}

static int set_format(struct camera *c, struct gf_fail *why)
{
    struct v4l2_capability cap;
    struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    char other[80], text[sizeof why->detail];

    if (!is_camera(c->fd, &cap)) {
        (void)snprintf(text, sizeof text, "%s is not a camera", c->device);
        return gf_fail(why, GF_E_CAMERA, "camera", text);
    }
    c->form = form_of(c->fd, other, sizeof other);
    if (c->form == NULL) {
        (void)snprintf(text, sizeof text, "%s: its forms are %s", c->device, other);
        return gf_fail(why, GF_E_CAMERA_FORM, "camera", text);
    }
    f.fmt.pix.width = WIDTH;
    f.fmt.pix.height = HEIGHT;
    f.fmt.pix.pixelformat = c->form->id;
    f.fmt.pix.field = V4L2_FIELD_NONE;
    if (control(c, VIDIOC_S_FMT, &f) < 0)
        return camera_fail(c, "setting the form", why);
    c->form = form_find(f.fmt.pix.pixelformat);
    if (c->form == NULL)
        return gf_fail(why, GF_E_CAMERA_FORM, "camera", c->device);
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

    if (control(c, VIDIOC_REQBUFS, &req) < 0)
        return camera_fail(c, "asking for buffers", why);
    for (unsigned i = 0; i < req.count && i < BUFFERS; i++) {
        struct v4l2_buffer b = {.type = req.type, .memory = req.memory, .index = i};
        void *p;

        if (control(c, VIDIOC_QUERYBUF, &b) < 0)
            return camera_fail(c, "asking for buffers", why);
        p = mmap(NULL, b.length, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)b.m.offset);
        if (p == MAP_FAILED)
            return camera_fail(c, "asking for buffers", why);
        c->map[i].p = p;
        c->map[i].len = b.length;
        c->n_maps = i + 1;
        if (control(c, VIDIOC_QBUF, &b) < 0)
            return camera_fail(c, "handing out buffers", why);
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
    struct scan_camera first;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    int r;

    if (c->device[0] == '\0') {
        if (scan_cameras(&first, 1, why) == 0)
            return why->code;
        memcpy(c->device, first.device, sizeof c->device);
    }
    c->fd = open(c->device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (c->fd < 0)
        return camera_fail(c, "opening", why);
    r = set_format(c, why);
    if (r == 0)
        r = map_buffers(c, why);
    if (r == 0 && control(c, VIDIOC_STREAMON, &type) < 0)
        r = camera_fail(c, "starting", why);
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
    size_t used;

    if (c->held >= 0) {
        b.index = (unsigned)c->held;
        c->held = -1;
        if (control(c, VIDIOC_QBUF, &b) < 0)
            return camera_fail(c, "reading", why);
    }
    if (control(c, VIDIOC_DQBUF, &b) < 0)
        return errno == EAGAIN ? 0 : camera_fail(c, "reading", why);
    if (b.index >= c->n_maps)
        return 0;
    c->held = (int)b.index;
    if ((b.flags & V4L2_BUF_FLAG_ERROR) != 0)
        return 0;           /* a torn picture; the next one comes */
    used = b.bytesused < c->map[b.index].len ? b.bytesused : c->map[b.index].len;
    if (used <= c->form->first)
        return 0;
    *ret = (struct frame){.p = (const uint8_t *)c->map[b.index].p + c->form->first,
                          .len = used - c->form->first,
                          .width = c->width,
                          .height = c->height,
                          .stride = c->stride,
                          .step = c->form->step};
    return 1;
}

struct frame_source *scan_camera_new(const char *device)
{
    struct camera *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    (void)gf_copy(c->device, sizeof c->device, device != NULL ? device : "");
    c->fd = -1;
    c->held = -1;
    c->port = (struct frame_source){c, camera_open, camera_fds, camera_next, camera_close, free};
    return &c->port;
}
