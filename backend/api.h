/* api.h - the HTTP interface: one table of routes, one table of fields for each message.
 *
 * Requests are checked against the tables before a handler sees them, docs/api.yaml is printed from
 * them, answers are compared with them in the tests. A domain has its own file of routes, messages
 * and handlers (api_*.c); api.c lists them. Handlers need no socket.
 */
#ifndef GF_API_H
#define GF_API_H

#include <jansson.h>

#include "backend/http_msg.h"
#include "backend/office_in.h"

/* ---- who ---- */

/* X(name, word, what): roles. Products: the enum, the words of staff.role, docs. */
#define API_ROLE_TABLE(X)                                                                          \
    X(TECHNICIAN, "technician", "works at meters; sees own orders")                                \
    X(CLERK, "clerk", "customers, orders, counter payments")                                       \
    X(SUPERVISOR, "supervisor", "approves: corrections, refunds, estimates, tariffs, staff")       \
    X(KEY_OFFICER, "key-officer", "keys, devices, enrolment")                                      \
    X(AUDITOR, "auditor", "reads everything, changes nothing")                                     \
    X(CUSTOMER, "customer", "own meters, accounts, payments")

enum api_role {
#define X(name, word, what) API_##name,
    API_ROLE_TABLE(X)
#undef X
        API_ROLES
};
#define API_BIT(role) (1u << API_##role)
extern const char *const api_role_words[API_ROLES];
#define API_ALL_STAFF                                                                              \
    (API_BIT(TECHNICIAN) | API_BIT(CLERK) | API_BIT(SUPERVISOR) | API_BIT(KEY_OFFICER)             \
     | API_BIT(AUDITOR))

/* How a caller is known. */
enum api_door {
    API_STAFF,     /* main listener: an enrolled device that is not revoked, of staff with a role */
    API_DEVICE,    /* main listener: any enrolled device that is not revoked (health, metrics) */
    API_LOGGED_IN, /* public listener: a customer's session token */
    API_OPEN,      /* public listener: nobody in particular; limited by address */
};

/* ---- messages ---- */

enum api_type {
    API_TEXT, /* visible UTF-8, min..max bytes */
    API_ID,   /* letters, digits, . _ - /, min..max */
    API_INT,  /* min..max, within +-(2^53 - 1) */
    API_BOOL,
    API_UUID,   /* canonical text */
    API_HEX,    /* min..max bytes */
    API_DATE,   /* 2026-11-22 */
    API_WORD,   /* one of `words`: "a|b" */
    API_SECRET, /* like API_TEXT, and never logged: passwords, codes */
    API_OBJECT, /* of `of` */
    API_LIST,   /* min..max elements, each an object of `of` */
    API_TEXTS,  /* list of texts, each up to 256 bytes; min..max elements */
    API_LINES,  /* like API_TEXT, with line ends: PEM, a certificate's text */
    API_TYPES,
};
#define API_NAME_MAX 40 /* bytes of a field's name */
struct api_message;
struct api_field {
    const char *name;
    enum api_type type;
    bool is_optional;
    int64_t min, max; /* both 0: texts 1..256 bytes, whole numbers and lists without limits of their
                         own */
    const char *words;
    const struct api_message *of;
    const char *(*word_of)(int64_t number); /* of rows: the column is a number, this its word */
    const char *what;                       /* unit and meaning */
};
struct api_message {
    const char *name; /* "PaymentRequest" */
    const struct api_field *fields;
    size_t n;
};
#define API_MESSAGE(message_name, array)                                                           \
    {                                                                                              \
        .name = message_name, .fields = array, .n = sizeof(array) / sizeof((array)[0])             \
    }

/* ---- a call ---- */

struct api_call {
    struct office *o;
    const struct http_request *request;
    const struct ho_device *device; /* of staff; NULL else */
    enum api_role role;             /* of staff and customers */
    char who[64];                   /* for the books: "S001", "customer C-1001", "192.0.2.7" */
    char customer_no[32];
    json_t *body;       /* checked; NULL for routes without one. Borrowed */
    json_t *asked;      /* checked parameters of the query; NULL for routes without. Borrowed */
    char words[2][128]; /* what stood at {a} and {b} of the path, decoded, checked to be API_ID */
    char after[128];    /* of lists: the query's `after`, "" for the first page */
    int limit;          /* of lists: 1..200, 50 unless said */
    struct http_response *ret;
};

/* Answer. The json is taken over. */
void api_answer(struct api_call *c, int status, json_t *json);
/* An error: {"error","message","field"}; 4xx of api_errors (api.c). */
void api_refuse(struct api_call *c, int status, const char *error, const char *field,
                const char *message);
/* A failure that is in o->fail: the status that belongs to its code (FORMAT, RANGE 400; NOT_NOW,
 * MISMATCH 409; ...), with its words for the codes that are the caller's fault. */
void api_fail(struct api_call *c);

/* Begin an answer that the caller writes (json_out.h) into what this returns, the call's body. */
struct buf *api_begin(struct api_call *c, int status);

/* A page of a list, {"items":[...],"next":key or null}: its items are written into the answer as
 * they come, each with the key that `after` names. Queries ask for limit + 1 rows with key > after,
 * ordered by key. */
struct api_list {
    bool has_begun, more;
    int n;
    char last[128]; /* key */
};
void api_list_begin(struct api_list *l);
/* Where the next item is written; NULL: the page is full, stop the query. */
struct buf *api_list_next(struct api_call *c, struct api_list *l, const char *key);
/* The same with an item, which is taken over. False: stop. */
bool api_list_add(struct api_call *c, struct api_list *l, const char *key, json_t *item);

/* Write a row as an object: column i is field i of `m`. Whole numbers and API_BOOL are from numbers,
 * API_UUID and API_HEX from bytes, everything else from text, or a number: its word, or its digits; a
 * column that is NULL is left out, one of another kind makes the buf bad. */
void api_write_row(struct buf *b, struct odb_query *q, const struct api_message *m);
/* The same as an object to be gone on with. NULL when out of memory. */
json_t *api_row(struct odb_query *q, const struct api_message *m);
/* The page is read, r being what the last step of q gave (below zero: a failure, in o->fail or the
 * database's): answer with it, or with the failure. Ends q. */
void api_list_end(struct api_call *c, struct api_list *l, struct odb_query *q, int r);
/* Answer with the page of these rows, whose key (what `after` will say) is the field of this name;
 * or with the failure. Ends q (NULL: the query failed). */
void api_list_rows(struct api_call *c, struct odb_query *q, const struct api_message *m,
                   const char *key);
/* Answer with the one row of q; 404 with this sentence when it has none; or the failure. Ends q. */
void api_one_row(struct api_call *c, struct odb_query *q, const struct api_message *m,
                 const char *sentence);
/* `after` as a number, `first` on the first page. False: it is none, and the answer is made. */
bool api_after_number(struct api_call *c, int64_t first, int64_t *ret);
/* A field of the body: its text or number, or `missing`. A text lives as long as the body. */
const char *api_text(const struct api_call *c, const char *name, const char *missing);
int64_t api_whole(const struct api_call *c, const char *name, int64_t missing);

/* ---- routes ---- */

#define API_METRICS_TYPE "text/plain; version=0.0.4"
#define API_LIST_ROUTE 1u /* takes after and limit */
#define API_SLOW 2u       /* scrypt, audit: limited more strictly */
#define API_LONG 8u       /* reads much and changes nothing: by another thread */
#define API_SIGNED 4u     /* the handler checks the header Gasm-Signature over the body's bytes */

struct api_route {
    const char *method, *path; /* "/v1/meters/{meter_id}" */
    enum api_door door;
    uint32_t roles;                  /* bits of enum api_role; 0 where the door has no roles */
    const struct api_message *asks;  /* query parameters besides after and limit; NULL: none */
    const struct api_message *takes; /* JSON body; NULL: none */
    const struct api_message *gives; /* of 2xx; of a list route: of an item; NULL: {} */
    unsigned flags;
    const char *content_type; /* of bodies that are not JSON; NULL: application/json when `takes` */
    const char *gives_type;   /* of answers that are not JSON; NULL: application/json */
    size_t body_max;          /* 0: 64 KiB */
    void (*handler)(struct api_call *c);
    const char *what;
    const char
        *errors; /* "409 NOT_NOW account not open|404 not_found ..." beyond the common ones */
};

struct api_part {
    const char *name; /* tag in docs/api.yaml */
    const struct api_route *routes;
    size_t n;
};
/* One per domain file. */
extern const struct api_part api_part_system;    /* healthz, metrics, sync, enrol */
extern const struct api_part api_part_staff;     /* staff, devices */
extern const struct api_part api_part_customers; /* registers: customers, supply points, accounts */
extern const struct api_part api_part_public;  /* the customer's own: register, login, bind, ... */
extern const struct api_part api_part_meters;  /* meters, keys, receipts */
extern const struct api_part api_part_orders;  /* work orders, swap cases */
extern const struct api_part api_part_money;   /* tariffs, payments, tokens, refunds, webhooks */
extern const struct api_part api_part_reports; /* reports, audit, audit log */
extern const struct api_part *const api_parts[];
extern const size_t api_n_parts;

/* The route of a request on its listener, with the words of its path in words[] (may be NULL). The
 * one with the fewest {words} wins. NULL: none; *ret_allow (may be NULL) then says which methods
 * the path takes ("GET, POST"), NULL when there is no such path. */
const struct api_route *api_find_route(const struct http_request *request, char words[][128],
                                       const char **ret_allow);

/* Check a body against a message. 0, or GF_E_FORMAT/GF_E_RANGE with the place ("steps[2].from_l"):
 * a missing field, an unknown one, a value of another type or outside its limits. JSON null is no
 * value: leave the field out. */
int api_check(const struct api_message *message, const json_t *body, struct gf_fail *why);

/* The JSON of a body: nested at most API_DEPTH_MAX deep, no key twice. NULL with the place in *why;
 * the caller releases it. */
#define API_DEPTH_MAX 32
json_t *api_decode(struct gf_span body, struct gf_fail *why);

/* The parameters of a query as an object by the fields of `message` (may be NULL: none), checked;
 * `after` (128 bytes) and `limit` are read too when is_list. NULL with the place in *why. */
json_t *api_decode_query(const char *query, const struct api_message *message, bool is_list,
                         char *after, int *limit, struct gf_fail *why);

/* Percent-encoded text of n bytes, decoded. False: a bad escape, a NUL, or too long. */
bool api_unescape(const char *from, size_t n, char *ret, size_t cap);

/* docs/api.yaml: OpenAPI 3.0, printed from the tables. */
void api_print_yaml(struct buf *ret);

#endif
