/* fault_data.c - faults of writes and notifications, F44 to F60; see fault_state.h. */
#include <stdio.h>
#include <string.h>

#include "bt/virtual/fault_state.h"
#include "bt/virtual/fault_strikes.h"
#include "bt/virtual/stranger.h"

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
