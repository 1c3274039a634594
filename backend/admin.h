/* admin.h - the administration commands of gasoffice: one table, one way to read arguments. */
#ifndef GF_OFFICE_ADMIN_H
#define GF_OFFICE_ADMIN_H

#include <stdio.h>

#include "backend/office_in.h"

/* What a command works with. */
struct admin {
    const char *dir;
    const struct office_ports *ports;
    struct office *office; /* NULL for a command that makes one */
    FILE *out;
};

/* An option of a command: its values are collected, the last counts where one is wanted. */
struct admin_option {
    const char *name; /* "--due" */
    bool has_value;
    const char **values; /* room for `room`; NULL for one without a value */
    size_t room, n;      /* n: how often it stood there */
};

/* Read arguments: `words` gets what is no option, at least min and at most max of them. GF_E_USAGE
 * names the argument. */
struct admin_args {
    const char *const *argv; /* ended by NULL */
    struct admin_option *options;
    size_t n_options;
    const char **words;
    size_t min, max, n_words;
};
int admin_args(struct admin_args *args, struct gf_fail *why);

/* A command: 0, or a failure in *why. */
struct admin_command {
    const char *name, *args, *help;
    bool needs_office; /* opened before, closed after */
    int (*run)(struct admin *a, const char *const *argv, struct gf_fail *why);
};

int admin_init(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_add_staff(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_enrol(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_revoke(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_import_meters(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_import_customers(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_work_order(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_label(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_audit(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_show(struct admin *a, const char *const *argv, struct gf_fail *why);
int admin_verify_certificate(struct admin *a, const char *const *argv, struct gf_fail *why);

#endif
