/* office_audit.h - proves from the records alone what they can prove; see docs/office.md, Audit.
 *
 * Each statement counts what it looked at, and names the rows that break it: the first
 * HO_AUDIT_NAMED of them, the rest is counted. Notes are no breaks: receipts that are not home yet,
 * tokens that are not taken yet, swaps under way. Every check is a walk over rows in the order of a
 * key: memory stays flat, time grows with the number of rows.
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
    X(ENTRIES, "every entry of the ledger balances in each unit, and is as it was posted")         \
    X(ENTRIES_LOGGED, "every entry stands in the audit log, and no other does")                    \
    X(SUMS, "the sums of every ledger account are those of its postings")                          \
    X(ACCOUNTS_BALANCE,                                                                            \
      "of each account, sold + imported + forgiven = consumed + residual + cleared + exported + "  \
      "debited + in tokens not yet taken")                                                         \
    X(RESIDUALS, "each account's residual in the ledger is the one that its meter says")           \
    X(SWAPS, "of each swap, exported = imported + in transit, and nothing once it is settled")     \
    X(MONEY,                                                                                       \
      "no customer's money is below zero, token money and cash are what tokens and payments say")  \
    X(PRICES, "each sale costs what its tariff says, and no litre of a period is sold twice")      \
    X(TOKENS, "each account's tokens follow one another and carry their running sums")             \
    X(RECHARGES, "no meter took credit without a token that was issued")                           \
    X(CLOSINGS, "each closing certificate verifies, and says what its receipt says")               \
    X(TIERS, "each sale starts at the litre where the sales of its customer at its place ended")   \
    X(ACCOUNT_ENDS, "each account is open or closed as its receipts, closing, swaps say")          \
    X(TOKEN_STATES, "each token is pending, taken or void as its meter and the ledger say")        \
    X(REFUNDS, "each refund is where its tokens, its payment and the ledger are")                  \
    X(SWAP_STATES, "each swap is where its accounts, its papers and its estimate are")             \
    X(PLACES, "at each place is the meter of its open account, and no other, or a swap says why")  \
    X(LOGGED_ROWS, "what the audit log says was made or done is there")                            \
    X(LOG_CHAIN, "the audit log is whole")

enum ho_statement {
#define X(name, text) HO_##name,
    HO_AUDIT_TABLE(X)
#undef X
        HO_STATEMENTS
};

#define HO_AUDIT_NAMED 100

/* What was found of one statement. */
struct ho_finding {
    uint64_t checked, n_broken, n_notes;
    struct buf broken, notes; /* texts, each with its NUL; the last may be "... and N more" */
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

/* The checks of other files, by file: office_audit_receipts.c, _books.c, _accounts.c, _tokens.c,
 * _tiers.c, _states.c, _places.c, _logged.c. 0 or a failure of the database. */
int ho_audit_receipts(struct ho_audit *a);
int ho_audit_entries(struct ho_audit *a);
int ho_audit_logged(struct ho_audit *a);
int ho_audit_sums(struct ho_audit *a);
int ho_audit_accounts(struct ho_audit *a);
int ho_audit_swaps(struct ho_audit *a);
int ho_audit_closings(struct ho_audit *a);
int ho_audit_tokens(struct ho_audit *a);
int ho_audit_tariffs(struct ho_audit *a);
int ho_audit_money(struct ho_audit *a);
int ho_audit_tiers(struct ho_audit *a);
int ho_audit_states(struct ho_audit *a);
int ho_audit_places(struct ho_audit *a);
int ho_audit_logged_rows(struct ho_audit *a);

#endif
