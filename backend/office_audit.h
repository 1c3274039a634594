/* office_audit.h - proves from the records alone what they can prove; see docs/office.md, Audit.
 *
 * Each statement counts what it looked at, and names every row that breaks it. Notes are no breaks:
 * receipts that are not home yet.
 */
#ifndef GF_OFFICE_AUDIT_H
#define GF_OFFICE_AUDIT_H

#include "backend/office_in.h"

/* X(name, text): the statements, in the order of the report. Products: the enum, the report's
 * lines, docs/office.md. */
#define HO_AUDIT_TABLE(X)                                                                          \
    X(RECEIPTS_VERIFY,                                                                             \
      "every receipt verifies under its meter's key, and is registered as it says")                \
    X(RECEIPTS_CHAIN, "each meter's receipts follow one another")                                  \
    X(TOTALS_GROW, "no receipt's totals go down")                                                  \
    X(PURGED_ONCE, "each purged litre stands in exactly one receipt")                              \
    X(METERS_FOLLOW, "what is registered of a meter is what its last receipt says")                \
    X(ONE_ACCOUNT, "each account was opened by one receipt, and each opening has one account")     \
    X(ONE_CLEAR, "each commissioned account was zero-cleared once")                                \
    X(ONE_KEY, "each key epoch has one key, and its envelope is the one that was issued")          \
    X(TICKETS, "each ticket is registered as it says")                                             \
    X(ITEMS_CHAIN, "each laptop's records are whole and follow one another")                       \
    X(CERTIFICATES, "each certificate's signature holds")                                          \
    X(LOG_CHAIN, "the audit log is whole")

enum ho_statement {
#define X(name, text) HO_##name,
    HO_AUDIT_TABLE(X)
#undef X
        HO_STATEMENTS
};

/* What was found of one statement. */
struct ho_finding {
    uint64_t checked, n_broken, n_notes;
    struct buf broken, notes; /* texts, each with its NUL */
};

struct ho_audit {
    struct office *o;
    struct ho_finding of[HO_STATEMENTS];
};

const char *ho_statement_text(enum ho_statement s);

/* Look at everything, in one reading transaction. 0 (also when something is broken: see n_broken),
 * or a failure of the database itself. ho_audit_free() afterwards, in any case. */
int ho_audit_run(struct office *o, struct ho_audit *ret);
void ho_audit_free(struct ho_audit *a);

/* For the checks: one thing looked at; a row that breaks a statement; a remark. */
void ho_checked(struct ho_audit *a, enum ho_statement s);
__attribute__((format(printf, 3, 4))) void ho_broken(struct ho_audit *a, enum ho_statement s,
                                                     const char *text, ...);
__attribute__((format(printf, 3, 4))) void ho_note(struct ho_audit *a, enum ho_statement s,
                                                   const char *text, ...);

/* The checks of receipts (office_audit_receipts.c). 0 or a failure of the database. */
int ho_audit_receipts(struct ho_audit *a);

#endif
