/* ledger.h - double entry: immutable journal entries of litres and money, in integers.
 *
 * An entry is what one operation caused: its id (16 bytes) and kind are its key, so posting twice
 * is impossible, not just checked. It has two or more postings; of each unit they sum to zero.
 * Units: "litre", and currencies ("EUR"), of which thousandths of the minor unit are counted. A
 * ledger account is (unit, code, owner): the code is from the table below, the owner an account
 * number, a swap case in hex, a provider's name, or "". Amounts: debit above zero, credit below.
 * Nothing is ever changed: a correction is an entry of its own. Each entry's hash goes to the audit
 * log. docs/ledger.md has the kinds of entries.
 */
#ifndef GF_LEDGER_H
#define GF_LEDGER_H

#include "backend/office_in.h"
#include "meter-core/proto/meter.pb.h"

#define LEDGER_LITRE "litre"
#define LEDGER_POSTINGS_MAX 8

/* X(name, code, what it is; whose it is). Litres first, then money. */
#define LEDGER_CODE_TABLE(X)                                                                       \
    X(SOLD, "sold", "litres sold, of an account")                                                  \
    X(FORGIVEN, "forgiven", "debt forgiven, of an account")                                        \
    X(DEBITED, "debited", "settled downwards, of an account")                                      \
    X(IN_TOKENS, "in-tokens", "in tokens not yet taken, signed, of an account")                    \
    X(RESIDUAL, "residual", "credit on the meter, of an account")                                  \
    X(CONSUMED, "consumed", "gas consumed, of an account")                                         \
    X(CLEARED, "cleared", "removed by zero-clears, of an account")                                 \
    X(TRANSIT, "transit",                                                                          \
      "exported by an old meter, not yet on the new one; of a swap case, or of "                   \
      "an account closed without one")                                                             \
    X(ADJUSTED, "adjusted", "estimates and differences of a dead meter, of a swap case")           \
    X(BOUGHT_BACK, "bought-back", "credit of a closed account that was paid out, of an account")   \
    X(WRITTEN_OFF, "written-off",                                                                  \
      "credit, debt or money of a closed account that was written off, of an account")             \
    X(CASH, "cash", "money taken, of a provider")                                                  \
    X(CUSTOMER, "customer", "prepaid money and change, of an account")                             \
    X(TOKEN_MONEY, "token-money", "price of tokens not yet taken, of an account")                  \
    X(REVENUE, "revenue", "price of tokens taken, of a currency")                                  \
    X(ROUNDING, "rounding", "what rounding to whole minor units left, of a currency")

enum ledger_code {
#define X(name, code, what) LEDGER_##name,
    LEDGER_CODE_TABLE(X)
#undef X
        LEDGER_CODES
};

struct ledger_posting {
    const char *unit;
    enum ledger_code code;
    const char *owner;
    int64_t amount; /* 0: this line is left out */
};

struct ledger_entry {
    uint8_t op_id[16];
    const char *kind;    /* "sale", "taken": see docs/ledger.md */
    int64_t effective_s; /* when it happened, UTC */
    const char *made_by; /* a member of the staff, "customer C-1001", "meter GM..." */
    const char *note;
    struct ledger_posting postings[LEDGER_POSTINGS_MAX];
    size_t n;
    bool is_new; /* it cannot have been posted before: not asked; if it was, that is GF_E_STORE */
};

/* Post an entry in the caller's transaction, with its row of the audit log. 0: posted; 1: it was
 * posted before with the same content; GF_E_MISMATCH: before with other content; GF_E_BUG: it does
 * not balance, a text is empty or too long, a code is none; GF_E_RANGE: a sum leaves 64 bits; store
 * errors. All in o->fail, store errors and GF_E_RANGE at times by a later statement only
 * (odb_later()). An entry whose lines are all zero is not posted, and 0. */
int ledger_post(struct office *o, const struct ledger_entry *entry);

/* Longest texts of an entry, with their NUL. */
#define LEDGER_KIND_MAX 24
#define LEDGER_WHO_MAX 64
#define LEDGER_NOTE_MAX 200
#define LEDGER_OWNER_MAX 64
#define LEDGER_UNIT_MAX 8

/* What the audit log says of an entry that was posted at at_ms: SHA-256 over all of it, postings in
 * their order. 0, GF_E_MEMORY or GF_E_CRYPTO. */
int ledger_hash(struct office *o, const struct ledger_entry *entry, int64_t at_ms,
                uint8_t ret[static 32]);

/* The detail of its row there, whose `what` is LEDGER_POSTED: "<op id> <kind> <hash>" in hex. */
#define LEDGER_POSTED "posted"
#define LEDGER_DETAIL_MAX (32 + 1 + LEDGER_KIND_MAX + 65)
void ledger_detail(const struct ledger_entry *entry, const uint8_t hash[static 32],
                   char ret[static LEDGER_DETAIL_MAX]);

/* Debits less credits of a ledger account; 0 for one that has no posting. 0 or a store error. */
int ledger_balance(struct office *o, const char *unit, enum ledger_code code, const char *owner,
                   int64_t *ret);

/* An account number as an owner; a swap case as one. */
void ledger_owner(uint64_t account_no, char ret[static 24]);
void ledger_owner_case(const uint8_t swap_case[static 16], char ret[static 33]);

/* Static words; LEDGER_CODES for a word that is none. */
const char *ledger_code_text(enum ledger_code code);
enum ledger_code ledger_code_find(const char *word);

/* Post what a receipt's totals say beyond posted_totals of its meter and account: consumption,
 * credit that arrived (against in-tokens; what came by certificate against transit), zero-clears,
 * export (a debt too, which the meter's registers keep). In the caller's transaction, after the
 * receipt is stored; receipts older than posted_totals post nothing, nor do totals that
 * contradict it. The sum of all entries of an account is its meter's residual, whatever the order
 * in which its receipts came; that of a closed account is zero. An opening posts the last totals of
 * the account before it too. 0 or a failure. */
struct ledger_reading {
    const char *meter_id;
    const gasm_Receipt *receipt;
    /* What of a rise of imported_l and debited_l since posted_totals came by token: credit.h knows.
     * The rest came by certificate. */
    uint64_t imported_by_token_l, debited_by_token_l;
    /* 16 bytes or NULL, for the account's own: whose transit an export goes to, and whose an import
     * comes from. An account may close for one swap and have been opened for another. */
    const uint8_t *swap_case, *from_case;
    /* NULL, or the posted totals of its meter and account as the caller remembers them: they are not
     * asked for, and changed here alone; ledger_put_posted() stores them. Not with an opening. */
    struct ledger_totals *posted;
};
int ledger_follow(struct office *o, const struct ledger_reading *reading);

/* Does a receipt say that its account is closed? CLOSED ends in SCRAPPED or, by a bench reset, in
 * FACTORY; no other way leads there. */
bool ledger_says_closed(const gasm_Receipt *r);

/* Could tokens have made these totals, and could one token bring or take what is left? Credit, debt
 * and each register that tokens raise are within 2^48 litres. */
bool ledger_bears(const gasm_Totals *totals);

/* The id of an entry that a receipt causes. Not the receipt's operation: which ids those have is the
 * bringer's choice, and two meters may have the same. What was posted before never comes twice, so
 * the same receipt again, or its closing certificate, cannot meet its own entry. 0, GF_E_CRYPTO. */
struct ledger_place {
    const char *meter_id;
    uint64_t account_no, seq; /* the receipt's */
    uint64_t was_seq;         /* up to where the account was posted before */
    int64_t was_debt_l;
};
int ledger_receipt_id(struct office *o, const struct ledger_place *place,
                      uint8_t ret[static 16]);

/* Up to where an account is posted on a meter. 1, 0 (nothing yet) or a store error. */
struct ledger_totals {
    uint64_t seq;
    int64_t at_s;
    uint64_t index_l, purged_l, opening_index_l, opening_purged_l, purchased_l, imported_l,
        forgiven_l, debited_l, cleared_l, exported_l;
    int64_t certified_l; /* came in by certificate: credit less debt */
    int64_t debt_l;      /* that its own closing certificate says */
};
int ledger_posted(struct office *o, const char *meter_id, uint64_t account_no,
                  struct ledger_totals *ret);
/* For what follows a receipt alone. 0 or a store error. */
int ledger_put_posted(struct office *o, const char *meter_id, uint64_t account_no,
                      const struct ledger_totals *t);

#endif
