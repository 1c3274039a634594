/* api_meters.c - meters with their keys' epochs, tickets and receipts; see api.h. No key ever
 * stands in an answer. */
#include "backend/api.h"

#include "backend/keys_epoch.h"
#include "backend/office_words.h"
#include "common/text.h"

#define LOOKS (API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(KEY_OFFICER) | API_BIT(AUDITOR))
#define LOOKS_AT_KEYS (API_BIT(KEY_OFFICER) | API_BIT(AUDITOR))
#define NO_METER "404 not_found there is no such meter"
#define STATE_WORDS "factory|keyed|purged|cleared|in-service|closed|scrapped"
#define MAX INT64_C(9007199254740991)

static const struct api_field meter_fields[] = {
    { .name = "meter_id", .type = API_ID, .min = 12, .max = 12, .what = "the meter's id" },
    { .name = "type", .type = API_INT, .min = 1, .max = 65535, .what = "the manufacturer's type" },
    { .name = "pulse_l", .type = API_INT, .min = 1, .max = 10, .what = "litres a pulse" },
    { .name = "verification_date", .type = API_DATE, .what = "of its last verification" },
    { .name = "bt_address", .type = API_TEXT, .max = 17, .what = "Bluetooth address, or none" },
    { .name = "state",
      .type = API_WORD,
      .words = STATE_WORDS,
      .word_of = ho_life_word,
      .what = "as its last receipt says" },
    { .name = "active_epoch",
      .type = API_INT,
      .max = UINT32_MAX,
      .what = "key epoch that a receipt proved; 0: the factory key" },
    { .name = "account_no",
      .type = API_INT,
      .is_optional = true,
      .max = MAX,
      .what = "open on it" },
    { .name = "supply_point",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 31,
      .what = "of that account" },
    { .name = "customer_no",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 31,
      .what = "of that account" },
    { .name = "last_receipt_seq", .type = API_INT, .max = MAX, .what = "highest at home; 0: none" },
    { .name = "last_receipt_s",
      .type = API_INT,
      .is_optional = true,
      .min = -MAX,
      .max = MAX,
      .what = "the meter's time in it, s since 1970" },
    { .name = "imported_at_ms", .type = API_INT, .max = MAX, .what = "registered, ms since 1970" },
};
static const struct api_message meter_message = API_MESSAGE("Meter", meter_fields);

static const struct api_field key_fields[] = {
    { .name = "epoch", .type = API_INT, .min = 1, .max = UINT32_MAX, .what = "its number" },
    { .name = "state",
      .type = API_WORD,
      .words = "new|active|expired|withdrawn",
      .what = "active only by the meter's own receipt" },
    { .name = "wrap_epoch",
      .type = API_INT,
      .max = UINT32_MAX,
      .what = "epoch of the key that opens its envelope" },
    { .name = "made_at_ms", .type = API_INT, .max = MAX, .what = "ms since 1970" },
    { .name = "active_since_ms",
      .type = API_INT,
      .is_optional = true,
      .max = MAX,
      .what = "the receipt came home" },
    { .name = "ended_at_ms",
      .type = API_INT,
      .is_optional = true,
      .max = MAX,
      .what = "withdrawn or expired; of an active key: it had been withdrawn before the meter "
              "proved that it uses it" },
};
static const struct api_message key_message = API_MESSAGE("KeyEpoch", key_fields);

static const struct api_field ticket_fields[] = {
    { .name = "serial", .type = API_INT, .min = 1, .max = MAX, .what = "of this meter" },
    { .name = "epoch", .type = API_INT, .max = UINT32_MAX, .what = "key epoch it is good under" },
    { .name = "role", .type = API_INT, .max = 255, .what = "gasm.Role" },
    { .name = "rights", .type = API_INT, .max = UINT32_MAX, .what = "bit n: gasm.Right n" },
    { .name = "order_id", .type = API_UUID, .is_optional = true, .what = "the work it is for" },
    { .name = "staff_no",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 24,
      .what = "who it was issued to" },
    { .name = "customer_no",
      .type = API_ID,
      .is_optional = true,
      .min = 1,
      .max = 31,
      .what = "who it was issued to" },
    { .name = "uses", .type = API_INT, .max = UINT32_MAX, .what = "how often it is good" },
    { .name = "not_after_s", .type = API_INT, .max = MAX, .what = "until then, s since 1970" },
    { .name = "is_void", .type = API_BOOL, .what = "not issued again: a later one voids it" },
    { .name = "made_at_ms", .type = API_INT, .max = MAX, .what = "ms since 1970" },
};
static const struct api_message ticket_message = API_MESSAGE("Ticket", ticket_fields);

static const struct api_field receipt_fields[] = {
    { .name = "seq", .type = API_INT, .min = 1, .max = MAX, .what = "of this meter, without gaps" },
    { .name = "command",
      .type = API_TEXT,
      .max = 32,
      .word_of = ho_command_word,
      .what = "what the meter did" },
    { .name = "state",
      .type = API_WORD,
      .words = STATE_WORDS,
      .word_of = ho_life_word,
      .what = "of the meter after it" },
    { .name = "key_epoch", .type = API_INT, .max = UINT32_MAX, .what = "whose receipt key signed" },
    { .name = "account_no", .type = API_INT, .is_optional = true, .max = MAX, .what = "open then" },
    { .name = "at_s", .type = API_INT, .min = -MAX, .max = MAX, .what = "the meter's time" },
    { .name = "clock_valid", .type = API_BOOL, .what = "whether that time was set" },
    { .name = "flowed_l", .type = API_INT, .min = -MAX, .max = MAX, .what = "litres purged by it" },
    { .name = "cleared_l", .type = API_INT, .min = -MAX, .max = MAX, .what = "litres cleared" },
    { .name = "ticket_serial",
      .type = API_INT,
      .is_optional = true,
      .max = MAX,
      .what = "under which ticket; none: the meter by itself" },
    { .name = "order_id", .type = API_UUID, .is_optional = true, .what = "in which work" },
    { .name = "has_gap", .type = API_BOOL, .what = "the one before it is not home" },
    { .name = "hash", .type = API_HEX, .min = 32, .max = 32, .what = "SHA-256 of its bytes" },
    { .name = "brought_by", .type = API_TEXT, .max = 64, .what = "whose device brought it" },
    { .name = "verified_at_ms", .type = API_INT, .max = MAX, .what = "taken, ms since 1970" },
};
static const struct api_message receipt_message = API_MESSAGE("Receipt", receipt_fields);

/* ---- meters ---- */

/* 0 means none: a meter that never had an account, or a receipt, is not looked for among them. (A
 * CASE is less work than NULLIF(), which is a call.) */
#define ACCOUNT_NO "CASE WHEN m.account_no <> 0 THEN m.account_no END"
#define LAST_SEQ "CASE WHEN m.last_seq <> 0 THEN m.last_seq END"
#define METER_COLUMNS                                                                              \
    "SELECT m.meter_id, m.type, m.pulse_l, m.verification_date, m.bt_address, m.life_state, "      \
    "m.active_epoch, " ACCOUNT_NO ", a.supply_point, a.customer_no, m.last_seq, r.at_s, "          \
    "m.imported_at_ms FROM meter m LEFT JOIN account a ON a.org_id = ?1 AND a.account_no "         \
    "= " ACCOUNT_NO " LEFT JOIN receipt r ON r.org_id = ?1 AND r.meter_id = m.meter_id AND "       \
    "r.seq = " LAST_SEQ " WHERE m.org_id = ?1 AND "

static void list_meters(struct api_call *c)
{
    api_list_rows(c,
                  odb_query(c->o->db, METER_COLUMNS "m.meter_id > ?2 ORDER BY m.meter_id LIMIT ?3",
                            ODB(ODB_T(c->after), ODB_I(c->limit + 1))),
                  &meter_message, "meter_id");
}

static void get_meter(struct api_call *c)
{
    api_one_row(c, odb_query(c->o->db, METER_COLUMNS "m.meter_id = ?2", ODB(ODB_T(c->words[0]))),
                &meter_message, "there is no such meter");
}

/* The meter of the path, or the answer is made. */
static bool find_meter(struct api_call *c)
{
    struct ho_meter meter;
    int r = ho_find_meter(c->o, c->words[0], &meter);

    if (r == 0)
        api_refuse(c, 404, "not_found", NULL, "there is no such meter");
    if (r < 0)
        api_fail(c);
    return r == 1;
}

/* The meter of the path, and the number that a page begins behind. */
static bool begins_behind(struct api_call *c, int64_t *ret)
{
    return find_meter(c) && api_after_number(c, 0, ret);
}

/* ---- keys ---- */

#define KEY_COLUMNS                                                                                \
    "SELECT epoch, state, wrap_epoch, made_at_ms, active_since_ms, ended_at_ms FROM account_key "  \
    "WHERE org_id = ?1 AND meter_id = ?2 AND "

static void list_keys(struct api_call *c)
{
    int64_t after;

    if (begins_behind(c, &after))
        api_list_rows(c,
                      odb_query(c->o->db, KEY_COLUMNS "epoch > ?3 ORDER BY epoch LIMIT ?4",
                                ODB(ODB_T(c->words[0]), ODB_I(after), ODB_I(c->limit + 1))),
                      &key_message, "epoch");
}

struct withdrawal {
    const struct api_call *c;
    uint32_t epoch;
};

static int withdraw(struct office *o, void *ctx)
{
    const struct withdrawal *w = ctx;
    struct ho_meter meter;
    int r = ho_find_meter(o, w->c->words[0], &meter);

    return r == 1 ? ho_epoch_withdraw(o, &meter, w->epoch, w->c->who) : r;
}

static void withdraw_key(struct api_call *c)
{
    int64_t epoch = 0;
    struct withdrawal w = { .c = c };
    int r = 0;

    if (gf_parse_int(c->words[1], 1, UINT32_MAX, &epoch) == 0) {
        w.epoch = (uint32_t)epoch;
        r = ho_transaction(c->o, withdraw, &w);
    }
    if (r < 0)
        api_fail(c);
    else if (r == 0)
        api_refuse(c, 404, "not_found", NULL, "there is no such key");
    else
        api_one_row(c,
                    odb_query(c->o->db, KEY_COLUMNS "epoch = ?3",
                              ODB(ODB_T(c->words[0]), ODB_I(epoch))),
                    &key_message, "there is no such key");
}

/* ---- tickets and receipts ---- */

static void list_tickets(struct api_call *c)
{
    int64_t after;

    if (begins_behind(c, &after))
        api_list_rows(
            c,
            odb_query(c->o->db,
                      "SELECT serial, epoch, role, rights, order_id, staff_no, customer_no, "
                      "use_count, not_after_s, is_void, made_at_ms FROM ticket WHERE org_id = ?1 "
                      "AND meter_id = ?2 AND serial > ?3 ORDER BY serial LIMIT ?4",
                      ODB(ODB_T(c->words[0]), ODB_I(after), ODB_I(c->limit + 1))),
            &ticket_message, "serial");
}

static void list_receipts(struct api_call *c)
{
    int64_t after;

    if (begins_behind(c, &after))
        api_list_rows(
            c,
            odb_query(c->o->db,
                      "SELECT seq, command, life_state, key_epoch, NULLIF(account_no, 0), at_s, "
                      "clock_valid, flowed_l, cleared_l, NULLIF(ticket_serial, 0), order_id, gap, "
                      "hash, brought_by, verified_at_ms FROM receipt WHERE org_id = ?1 AND "
                      "meter_id = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4",
                      ODB(ODB_T(c->words[0]), ODB_I(after), ODB_I(c->limit + 1))),
            &receipt_message, "seq");
}

static const struct api_route routes[] = {
    { .method = "GET",
      .path = "/v1/meters",
      .roles = LOOKS,
      .gives = &meter_message,
      .flags = API_LIST_ROUTE,
      .handler = list_meters,
      .what = "the meters, as their receipts say" },
    { .method = "GET",
      .path = "/v1/meters/{meter_id}",
      .roles = LOOKS,
      .gives = &meter_message,
      .handler = get_meter,
      .what = "a meter",
      .errors = NO_METER },
    { .method = "GET",
      .path = "/v1/meters/{meter_id}/keys",
      .roles = LOOKS_AT_KEYS,
      .gives = &key_message,
      .flags = API_LIST_ROUTE,
      .handler = list_keys,
      .what = "the epochs of its keys: never a key",
      .errors = NO_METER },
    { .method = "POST",
      .path = "/v1/meters/{meter_id}/keys/{epoch}/withdraw",
      .roles = API_BIT(KEY_OFFICER),
      .gives = &key_message,
      .handler = withdraw_key,
      .what = "give up a new key: nothing of its epoch is issued again",
      .errors = "404 not_found there is no such key|409 NOT_NOW it is active or expired" },
    { .method = "GET",
      .path = "/v1/meters/{meter_id}/tickets",
      .roles = LOOKS_AT_KEYS,
      .gives = &ticket_message,
      .flags = API_LIST_ROUTE,
      .handler = list_tickets,
      .what = "tickets issued for it: never their keys",
      .errors = NO_METER },
    { .method = "GET",
      .path = "/v1/meters/{meter_id}/receipts",
      .roles = LOOKS,
      .gives = &receipt_message,
      .flags = API_LIST_ROUTE,
      .handler = list_receipts,
      .what = "its receipts that are home",
      .errors = NO_METER },
};

const struct api_part api_part_meters = { .name = "meters",
                                          .routes = routes,
                                          .n = sizeof routes / sizeof routes[0] };
