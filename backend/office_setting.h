/* office_setting.h - the settings of a head office that people choose: one table of them. */
#ifndef GF_OFFICE_SETTING_H
#define GF_OFFICE_SETTING_H

#include "backend/office_in.h"

#define HO_SETTING_MAX HO_URL_MAX /* bytes of a value, with its NUL */

/* X(name, min, max, missing, what): a setting; a URL when max is 0, else a whole number from min to
 * max. `missing` holds where nobody chose ("" for none). Products: the table, `gasoffice setting`. */
#define HO_SETTING_TABLE(X)                                                                        \
    X("verification_years", 1, 50, "8", "how long a meter's verification lasts, in years")         \
    X("install_url", 0, 0, "", "where technicians fetch gasfitter: the QR code of label --install") \
    X("public_url", 0, 0, "", "where strangers reach the service: the QR code of enrol")

struct ho_setting {
    const char *name, *missing, *what;
    int64_t min, max;
};
/* By its place, 0 first; NULL behind the last. */
const struct ho_setting *ho_setting_at(size_t i);

/* Its value, or what holds without one. 0; GF_E_FORMAT (there is none of this name) or store errors
 * in o->fail. */
int ho_setting_get(struct office *o, const char *name, char ret[static HO_SETTING_MAX]);

/* Choose it, for the audit log too. 0; GF_E_FORMAT, GF_E_RANGE (the name, or a value that it cannot
 * have). */
int ho_setting_set(struct office *o, const char *name, const char *value);

/* True for "https://name[:port][/path]" in visible ASCII without white space and quotes, shorter
 * than HO_SETTING_MAX. */
bool ho_is_url(const char *text);

#endif
