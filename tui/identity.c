/* identity.c - keeping what enrolment gave; see identity.h. */
#include "tui/identity.h"

#include <string.h>

/* The one list of names of settings and secrets that this program keeps. */
static const struct {
    const char *name;
    size_t at, cap;
    bool secret;
} kept[] = {
#define KEPT(field, secret) {#field, offsetof(struct office_enrol_result, field), \
                             sizeof ((struct office_enrol_result *)0)->field, secret}
    KEPT(device_id, false), KEPT(staff, false),    KEPT(url, false),    KEPT(ca_pem, false),
    KEPT(cert_pem, false),  KEPT(sign_pem, false), KEPT(key_pem, true),
#undef KEPT
};
#define N_KEPT (sizeof kept / sizeof kept[0])

int identity_put(struct db *db, const struct office_enrol_result *id)
{
    struct db_value values[N_KEPT];

    for (size_t i = 0; i < N_KEPT; i++) {
        const char *text = (const char *)id + kept[i].at;

        values[i] = (struct db_value){kept[i].name, text, strlen(text), kept[i].secret};
    }
    return db_put(db, values, N_KEPT);
}

int identity_get(struct db *db, struct office_enrol_result *ret)
{
    *ret = (struct office_enrol_result){0};
    for (size_t i = 0; i < N_KEPT; i++) {
        char *to = (char *)ret + kept[i].at;
        size_t n;
        int r = kept[i].secret ? db_secret_get(db, kept[i].name, (uint8_t *)to, kept[i].cap - 1, &n)
                               : db_setting_get(db, kept[i].name, to, kept[i].cap);

        if (r <= 0)
            return r;
    }
    return 1;
}
