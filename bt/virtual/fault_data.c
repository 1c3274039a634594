/* fault_data.c - faults of writes and notifications, F44 to F60; see fault_state.h. */
#include <stdio.h>
#include <string.h>

#include "bt/virtual/cache.h"
#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/stranger.h"
#include "bt/virtual/value.h"

#define ACK_MAX 4 /* bytes of a fragment that only acknowledges */
#define CUT_TO 20 /* what fits into the smallest MTU */

static bool is_write(const struct vb_scene *scene)
{
    return strcmp(scene->member, "WriteValue") == 0;
}

static bool is_command(const struct vb_scene *scene)
{
    return scene->direction == VB_TO_PERIPHERAL && scene->p[0] == VB_ATT_WRITE_CMD;
}

static bool is_notification(const struct vb_scene *scene)
{
    return scene->direction == VB_TO_CENTRAL &&
           (scene->p[0] == VB_ATT_NOTIFY || scene->p[0] == VB_ATT_NOTIFY_MULTIPLE);
}

/* F44 */
bool vb_strike_write_busy(struct vb_fault *f, struct vb_scene *scene)
{
    return is_write(scene) && vb_fault_count(f, "WriteValue is InProgress") &&
           vb_fault_refuse(scene->m, "org.bluez.Error.InProgress", "In Progress");
}

/* F45 */
bool vb_strike_write_error(struct vb_fault *f, struct vb_scene *scene)
{
    static const uint8_t codes[] = {
        VB_ATT_E_HANDLE, VB_ATT_E_READ, VB_ATT_E_WRITE, VB_ATT_E_PDU, VB_ATT_E_AUTHENTICATION,
        VB_ATT_E_UNSUPPORTED, VB_ATT_E_OFFSET, VB_ATT_E_AUTHORIZATION, VB_ATT_E_QUEUE_FULL,
        VB_ATT_E_NOT_FOUND, 0x0b, VB_ATT_E_KEY_SIZE, VB_ATT_E_LENGTH, VB_ATT_E_UNLIKELY,
        VB_ATT_E_ENCRYPTION, VB_ATT_E_GROUP, 0x11, 0x12, 0x13, VB_ATT_E_APPLICATION, 0x9f,
        0xfc, VB_ATT_E_CCC, VB_ATT_E_IN_PROGRESS, 0xff,
    };
    uint8_t code = codes[(f->draw + f->struck) % sizeof codes];

    if (!is_write(scene) || !vb_fault_count(f, "WriteValue fails with ATT error 0x%02x", code))
        return false;
    vb_fail_att(scene->m, code);
    return true;
}

/* F46 */
bool vb_strike_write_lost(struct vb_fault *f, struct vb_scene *scene)
{
    return is_command(scene) && vb_fault_count(f, "a write of %zu bytes is lost", scene->n - 3);
}

/* F47 */
bool vb_strike_notify_lost(struct vb_fault *f, struct vb_scene *scene)
{
    return is_notification(scene) &&
           vb_fault_count(f, "a notification of %zu bytes is lost", scene->n - 3);
}

static void cut(void *arg)
{
    vb_fault_cut(((struct vb_fault *)arg)->vb);
}

/* F57 */
bool vb_strike_loss_at_byte(struct vb_fault *f, struct vb_scene *scene)
{
    unsigned k = 1 + f->draw % 700;

    if (!is_command(scene) && !is_notification(scene))
        return false;
    f->step += (unsigned)scene->n - 3;
    if (f->step < k || !vb_fault_count(f, "the link falls at byte %u", k))
        return false;
    vb_timer_set(f->vb, &f->later, 0, cut, f);
    return true;
}

/* ---- what clients are told ------------------------------------------------------------------- */

/* F48 */
bool vb_strike_notify_twice(struct vb_fault *f, struct vb_scene *scene)
{
    if (vb_fault_count(f, "a notification of %zu bytes is told twice", scene->n))
        vb_char_set_value(scene->chr, scene->p, scene->n);
    return false;
}

static void send_held(void *arg)
{
    struct vb_fault *f = arg;
    struct vb_link *link = vb_fault_link(f->vb);

    f->busy = true;
    if (link && link == f->pdu_link && f->pdu_n > 0)
        vb_link_answer(link, f->pdu, f->pdu_n);
    f->busy = false;
    f->pdu_n = 0;
}

/* F49: one waits until the next has passed, or for 100 ms when there is none */
bool vb_strike_reordered(struct vb_fault *f, struct vb_scene *scene)
{
    if (f->busy || !is_notification(scene))
        return false;
    if (f->pdu_n > 0) {
        vb_timer_set(f->vb, &f->later, 0, send_held, f);
        return false;
    }
    if (!vb_fault_count(f, "a notification of %zu bytes comes late", scene->n - 3))
        return false;
    memcpy(f->pdu, scene->p, scene->n);
    f->pdu_n = scene->n;
    f->pdu_link = scene->link;
    vb_timer_set(f->vb, &f->later, 100 * VB_MS, send_held, f);
    return true;
}

/* F50 */
bool vb_strike_truncated(struct vb_fault *f, struct vb_scene *scene)
{
    if (scene->n <= CUT_TO ||
        !vb_fault_count(f, "a notification of %zu bytes is cut to %d", scene->n, CUT_TO))
        return false;
    vb_char_set_value(scene->chr, scene->p, CUT_TO);
    return true;
}

static void tell_held(void *arg)
{
    struct vb_fault *f = arg;
    struct vb_link *link = vb_fault_link(f->vb);
    struct vb_char *chr = link ? vb_cache_at(&link->at_central->cache, (uint16_t)f->step) : NULL;

    if (chr && f->pdu_n > 0)
        vb_char_set_value(chr, f->pdu, f->pdu_n);
    f->pdu_n = 0;
}

/* F51: of values that come within 20 ms only the last is told */
bool vb_strike_coalesced(struct vb_fault *f, struct vb_scene *scene)
{
    if (f->pdu_n == 0 && !vb_fault_count(f, "values are told as one"))
        return false;
    f->step = scene->chr->value_handle;
    memcpy(f->pdu, scene->p, scene->n);
    f->pdu_n = scene->n;
    vb_timer_set(f->vb, &f->later, 20 * VB_MS, tell_held, f);
    return true;
}

/* F52 */
bool vb_strike_early_notify(struct vb_fault *f, struct vb_scene *scene)
{
    static const uint8_t ghost[] = {0xc7, 0x00, 0x00, 0x08, 0x01, 0x00, 0x55};
    bool fits = strcmp(scene->member, "StartNotify") == 0;
    struct vb_char *chr = fits ? vb_fault_char(f->vb, scene->m) : NULL;

    if (chr && vb_fault_count(f, "a value is told before StartNotify is answered"))
        vb_char_set_value(chr, ghost, sizeof ghost);
    return false;
}

static void echo(void *arg)
{
    struct vb_fault *f = arg;
    struct vb_link *link = vb_fault_link(f->vb);
    const struct vb_char *chr =
        link ? vb_cache_at(&link->at_central->cache, (uint16_t)f->step) : NULL;

    if (chr && chr->has_value)
        vb_changed(f->vb, chr->path, VB_CHARACTERISTIC, "Value", NULL);
}

/* F53 */
bool vb_strike_read_echo(struct vb_fault *f, struct vb_scene *scene)
{
    if (!vb_timer_running(&f->later) &&
        vb_fault_count(f, "the last value is told again, as when somebody reads it")) {
        f->step = scene->chr->value_handle;
        vb_timer_set(f->vb, &f->later, (50 + 100 * (f->draw % 8)) * VB_MS, echo, f);
    }
    return false;
}

/* ---- other programs, and the peripheral ------------------------------------------------------ */

static void hang_up(void *arg)
{
    vb_stranger_hang_up(((struct vb_fault *)arg)->vb);
}

/* The other program has its socket, for so long: now the client's own write comes. */
static void on_taken(void *arg)
{
    struct vb_fault *f = arg;

    vb_timer_set(f->vb, &f->later, f->step * VB_MS, hang_up, f);
    vb_fault_let_go(f);
}

/* Another program takes the characteristic's writes for a while; its socket comes first. */
static bool acquired(struct vb_fault *f, const struct vb_scene *scene, unsigned ms)
{
    const struct vb_char *chr = is_write(scene) ? vb_fault_char(f->vb, scene->m) : NULL;

    if (!chr || !(chr->props & VB_PROP_WRITE_CMD) ||
        !vb_fault_count(f, "another program has acquired the writes for %u ms", ms))
        return false;
    f->step = ms;
    vb_fault_keep(f, scene->m, UINT64_MAX);
    vb_stranger_acquire(f->vb, chr->path, on_taken, f);
    return true;
}

/* F54 */
bool vb_strike_hang_up(struct vb_fault *f, struct vb_scene *scene)
{
    return acquired(f, scene, 1000);
}

/* F55 */
bool vb_strike_stall(struct vb_fault *f, struct vb_scene *scene)
{
    return acquired(f, scene, 4000);
}

/* F56: noise, an old fragment once more, or one that begins a message */
bool vb_strike_foreign_write(struct vb_fault *f, struct vb_scene *scene)
{
    const struct vb_char *chr;
    uint8_t bytes[20];

    if (scene->place == VB_AT_PDU) {
        if (is_command(scene) && f->pdu_n == 0) {
            memcpy(f->pdu, scene->p + 3, scene->n - 3);
            f->pdu_n = scene->n - 3;
        }
        return false;
    }
    chr = is_write(scene) ? vb_fault_char(f->vb, scene->m) : NULL;
    if (!chr || !(chr->props & VB_PROP_WRITE_CMD) ||
        !vb_fault_count(f, "another program writes too"))
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)vb_fault_random(f, 256);
    if ((f->draw + f->struck) % 3 == 0 && f->pdu_n > 0)
        vb_stranger_write(f->vb, chr->path, f->pdu, f->pdu_n);
    else
        vb_stranger_write(f->vb, chr->path, bytes, sizeof bytes);
    return false;
}

/* F58: who runs the peripheral sees this line, and takes its power */
bool vb_strike_reboot(struct vb_fault *f, struct vb_scene *scene)
{
    (void)scene;
    (void)vb_fault_count(f, "the peripheral loses its power");
    return false;
}

/* F59 */
bool vb_strike_slow(struct vb_fault *f, struct vb_scene *scene)
{
    static const unsigned tenths[] = {49, 51, 290, 310};
    unsigned wait = tenths[f->draw % 4];

    if (scene->link->ready && scene->direction == VB_TO_PERIPHERAL &&
        vb_fault_count(f, "the peripheral does nothing for %u.%u s", wait / 10, wait % 10))
        scene->link->air.deaf_us = vb_now_us(f->vb) + wait * 100 * VB_MS;
    return false;
}

/* F60: on one link */
bool vb_strike_no_credit(struct vb_fault *f, struct vb_scene *scene)
{
    if (scene->place == VB_AT_LINK_DOWN) {
        f->left = f->pdu_link ? 0 : f->left;
        return false;
    }
    if (!is_notification(scene) || scene->n - 3 > ACK_MAX)
        return false;
    if (!f->pdu_link && !vb_fault_count(f, "acknowledgements are lost, on this link"))
        return false;
    f->pdu_link = scene->link;
    f->left = 1;
    return true;
}
