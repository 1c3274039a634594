#ifndef GF_TESTS_AID_OFFICE_AID_H
#define GF_TESTS_AID_OFFICE_AID_H
/*
 * A head office in this process, laptops that speak to it through office_handle(), and meters that
 * make receipts with the keys that head office gave them. Time stands still but for what a test
 * sets. Failures of the aid itself end the test through cmocka's assertions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/office.h"
#include "backend/office_in.h"
#include "common/ids.h"
#include "common/proto/sync.pb.h"
#include "meter-core/proto/meter.pb.h"

#define AID_METER_1 "GM2400000156"
#define AID_METER_2 "GM2400000253"
#define AID_METER_3 "GM2400000350"
#define AID_NOW_MS INT64_C(1795339800000) /* 2026-11-22T09:30:00Z */

struct oaid_office {
    char dir[512], db_url[256]; /* db_url: "" on SQLite */
    int64_t utc_ms, mono_ms; /* what its clock says */
    struct gf_clock clock;
    struct office_ports ports;
    struct office *o;
};

/* A new office with staff S001, S002, meters 1 to 3 (type 4, factory key: 32 times the meter's
 * number), customers C-1001 .. C-1003 at SP-0001 .. SP-0003. Its files go when the test process
 * ends. The environment variable OFFICE_DB=postgresql puts it on PostgreSQL (pg.h). */
void oaid_office_new(struct oaid_office *a);
void oaid_office_end(struct oaid_office *a);

/* Close and open again: what was not stored is gone. */
void oaid_office_restart(struct oaid_office *a);

/* An order for S001 of a meter (1..3) at its supply point; its number goes to ret. */
void oaid_order(struct oaid_office *a, int meter, char ret[static 32]);

/* Import a text as a file. The function's result. */
int oaid_import_meters(struct oaid_office *a, const char *text);
int oaid_import_customers(struct oaid_office *a, const char *text);

/* A row of the manufacturer's file for a meter with this factory key byte. */
void oaid_shipment_row(const char *id, uint8_t key_byte, char ret[static 200]);

/* This case looks into the database's file: on PostgreSQL it is skipped. */
void oaid_needs_file(const struct oaid_office *a);

/* Run SQL of SQLite's kind on the office's database behind its back (on PostgreSQL as pg_sql()
 * translates it). */
void oaid_sql(struct oaid_office *a, const char *sql);
int64_t oaid_sql_number(struct oaid_office *a, const char *sql);

/* From now on every "INSERT" or "UPDATE" of this table fails with the word "no"; until allowed. */
void oaid_forbid(struct oaid_office *a, const char *what, const char *table);
void oaid_allow(struct oaid_office *a, const char *table);

/* ---- a laptop ---- */

#define AID_ANSWERS 64

struct oaid_laptop {
    struct oaid_office *a;
    char id_text[GF_UUID_TEXT];
    uint8_t id[GF_UUID_LEN];
    /* its outbox' chain */
    uint64_t seq;
    uint8_t prev_hash[32];
    uint64_t cursor;
    /* the request that is being made */
    uint8_t body[262144];
    size_t body_n;
    /* the last answer */
    int status;
    char error[512]; /* JSON of an answer that is not 200 */
    size_t n_verdicts, n_jobs, n_meters, n_tickets, n_keys, n_certificates, n_swaps, n_tokens;
    sync_Verdict verdicts[AID_ANSWERS];
    sync_Job jobs[AID_ANSWERS];
    sync_MeterRow meters[AID_ANSWERS];
    sync_TicketGrant tickets[AID_ANSWERS];
    sync_KeyIssue keys[AID_ANSWERS];
    sync_Certificate certificates[AID_ANSWERS];
    sync_SwapIssue swaps[AID_ANSWERS];
    sync_TokenIssue tokens[AID_ANSWERS];
    bool has_end;
    sync_End end;
};

/* Enrol a laptop of this member of the staff. */
void oaid_laptop_new(struct oaid_laptop *l, struct oaid_office *a, const char *staff_no);

/* The enrolment itself: the request's code and CSR, the answer's status; its JSON goes to ret. */
int oaid_enrol(struct oaid_office *a, const char *code, const char *csr_pem, const char *peer,
               char *ret, size_t cap);
/* A certificate request of a new key on the curve named ("P-256"), as PEM. */
void oaid_csr(const char *curve, char *ret, size_t cap);

/* A new office, an order for meter 1, a laptop of S001 that has fetched it. */
void oaid_start(struct oaid_office *a, struct oaid_laptop *l);

/* Begin a request: its head. */
void oaid_begin(struct oaid_laptop *l);
/* Add an Up message with these item bytes as they are. */
void oaid_add_bytes(struct oaid_laptop *l, const uint8_t *p, size_t n);
/* Number, chain and add an item; its id is made when it is all zero. */
void oaid_add(struct oaid_laptop *l, sync_Item *item);
/* The same, and the bytes too. How many. */
size_t oaid_add_get(struct oaid_laptop *l, sync_Item *item, uint8_t *ret, size_t cap);
/* Send, read the answer, verify every signature. The HTTP status. */
int oaid_send(struct oaid_laptop *l);
/* Head alone: fetch what changed. */
int oaid_fetch(struct oaid_laptop *l);
/* The last verdict of the last answer. */
const sync_Verdict *oaid_verdict(const struct oaid_laptop *l);

/* Send one item alone: this is what is said of it. */
void oaid_expect(struct oaid_laptop *l, sync_Item *item, sync_VerdictKind kind, const char *field);

/* The i-th ticket of the last answer. */
gasm_Ticket oaid_ticket(const struct oaid_laptop *l, size_t i);

/* Items; `job` as it was fetched. */
sync_Item oaid_application(const sync_Job *job, const sync_Application *a);
/* What a laptop says when all is as registered and the meter is new. */
sync_Application oaid_application_of(const sync_Job *job);
sync_Item oaid_step(const sync_Job *job, const char *step);
sync_Item oaid_done(const sync_Job *job, const char *outcome, uint64_t last_receipt_seq);
sync_Item oaid_receipt_item(const sync_Job *job, const uint8_t *receipt, size_t n);

/* ---- a meter ---- */

#define AID_RECEIPT_MAX 464

struct oaid_meter {
    char id[GF_METER_ID_TEXT];
    uint8_t key[2][32]; /* of epochs 0 and 1 */
    uint64_t serial[2]; /* of the tickets */
    gasm_Receipt next;  /* what the next receipt will say; its totals are those before */
    uint8_t made;       /* operations so far: their ids */
};

/* Meter 1..3 as the laptop reaches it: it opens the key envelope that the laptop fetched. */
void oaid_meter_new(struct oaid_meter *m, int n, const struct oaid_laptop *l);
/* Execute: the receipt's bytes; their number. The meter's state follows. litres flow with a
 * PURGE_STOP. */
size_t oaid_execute(struct oaid_meter *m, gasm_Command command, uint64_t litres,
                    uint8_t ret[static AID_RECEIPT_MAX]);
/* Seal m->next as it stands, and chain it. */
size_t oaid_seal(struct oaid_meter *m, uint8_t ret[static AID_RECEIPT_MAX]);

/* The opening: all nine receipts in their order with `litres` purged, each an item of the request.
 * The last is the commissioning. */
void oaid_add_opening(struct oaid_laptop *l, const sync_Job *job, struct oaid_meter *m,
                      uint64_t litres);

#endif
