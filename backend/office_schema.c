/* office_schema.c - head office's tables, version by version; see office_db.h and docs/office.md.
 *
 * A released version is never edited: a change is a new one at the end. Every key starts with
 * org_id, ids come from outside or from `counter`, times are UTC ms, volumes litres. Types stand
 * for PostgreSQL's: INTEGER bigint, BLOB bytea.
 */
#include "backend/office_db.h"

static const char *const version_1[] = {
    "CREATE TABLE setting ("
    " org_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (org_id, name)) STRICT;",

    /* numbers that only grow and are never reused */
    "CREATE TABLE counter ("
    " org_id INTEGER NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, name)) STRICT;",

    "CREATE TABLE staff ("
    " org_id INTEGER NOT NULL, staff_no TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,"
    " added_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, staff_no)) STRICT;",

    /* chain_seq, chain_hash: the last link of the device's item chain; chain_start: the first of
     * it, above 1 when the laptop was enrolled before; claimed_seq: what it said it had made */
    "CREATE TABLE device ("
    " org_id INTEGER NOT NULL, device_id BLOB NOT NULL, staff_no TEXT NOT NULL, name TEXT NOT NULL,"
    " certificate TEXT NOT NULL, enrolled_at_ms INTEGER NOT NULL, revoked_at_ms INTEGER,"
    " chain_start INTEGER NOT NULL DEFAULT 1, chain_seq INTEGER NOT NULL DEFAULT 0,"
    " chain_hash BLOB NOT NULL,"
    " claimed_seq INTEGER NOT NULL DEFAULT 0,"
    " cursor_no INTEGER NOT NULL DEFAULT 0, seen_at_ms INTEGER, version TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (org_id, device_id),"
    " FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id, staff_no)) STRICT;",

    /* csr_hash: the request that used the code; the same one again gets the same answer */
    "CREATE TABLE enrol_code ("
    " org_id INTEGER NOT NULL, code_hash BLOB NOT NULL, staff_no TEXT NOT NULL,"
    " made_at_ms INTEGER NOT NULL,"
    " expires_at_ms INTEGER NOT NULL, used_at_ms INTEGER, csr_hash BLOB, device_id BLOB,"
    " PRIMARY KEY (org_id, code_hash),"
    " FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id, staff_no)) STRICT;",

    /* life_state, active_epoch, account_no: as the receipts that are home say; last_seq: the
     * highest of them */
    "CREATE TABLE meter ("
    " org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, type INTEGER NOT NULL,"
    " pulse_l INTEGER NOT NULL,"
    " verification_date TEXT NOT NULL, bt_address TEXT NOT NULL, factory_key BLOB NOT NULL,"
    " life_state INTEGER NOT NULL, active_epoch INTEGER NOT NULL DEFAULT 0,"
    " account_no INTEGER NOT NULL DEFAULT 0,"
    " last_seq INTEGER NOT NULL DEFAULT 0, imported_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, meter_id)) STRICT;",

    "CREATE TABLE customer ("
    " org_id INTEGER NOT NULL, customer_no TEXT NOT NULL, name TEXT NOT NULL, phone TEXT NOT NULL,"
    " PRIMARY KEY (org_id, customer_no)) STRICT;",

    /* the identity that survives a swap; meter_id is its present occupant */
    "CREATE TABLE supply_point ("
    " org_id INTEGER NOT NULL, supply_point TEXT NOT NULL, address TEXT NOT NULL,"
    " customer_no TEXT NOT NULL,"
    " meter_id TEXT,"
    " PRIMARY KEY (org_id, supply_point),"
    " FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no)) STRICT;",

    "CREATE TABLE account ("
    " org_id INTEGER NOT NULL, account_no INTEGER NOT NULL, customer_no TEXT NOT NULL,"
    " supply_point TEXT NOT NULL,"
    " meter_id TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('reserved', 'open')),"
    " opened_at_s INTEGER, opened_seq INTEGER,"
    " PRIMARY KEY (org_id, account_no),"
    " FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no),"
    " FOREIGN KEY (org_id, supply_point) REFERENCES supply_point (org_id, supply_point),"
    " FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id)) STRICT;",

    /* began_*: what was registered of the meter when tickets were first issued; key_epoch: the
     * epoch that the work is done under; last_receipt_seq: what job done said. Two orders share an
     * account number only when the second goes on with an opening that the first had to leave. */
    "CREATE TABLE work_order ("
    " org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL, kind TEXT NOT NULL,"
    " meter_id TEXT NOT NULL, supply_point TEXT NOT NULL, customer_no TEXT NOT NULL,"
    " staff_no TEXT NOT NULL,"
    " account_no INTEGER NOT NULL, state TEXT NOT NULL"
    " CHECK (state IN ('planned', 'assigned', 'on-site', 'done', 'unable', 'checked')),"
    " due TEXT NOT NULL, priority INTEGER NOT NULL, purge_volume_l INTEGER NOT NULL,"
    " purge_limit_s INTEGER NOT NULL, parameters TEXT NOT NULL, note TEXT NOT NULL,"
    " made_at_ms INTEGER NOT NULL,"
    " began_state INTEGER, began_epoch INTEGER, began_seq INTEGER, key_epoch INTEGER,"
    " closed_at_ms INTEGER, code TEXT NOT NULL DEFAULT '', last_receipt_seq INTEGER,"
    " PRIMARY KEY (org_id, order_id), UNIQUE (org_id, number),"
    " FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id),"
    " FOREIGN KEY (org_id, supply_point) REFERENCES supply_point (org_id, supply_point),"
    " FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no),"
    " FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id, staff_no),"
    " FOREIGN KEY (org_id, account_no) REFERENCES account (org_id, account_no)) STRICT;",
    "CREATE INDEX work_order_meter ON work_order (org_id, meter_id);",

    "CREATE TABLE account_key ("
    " org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, epoch INTEGER NOT NULL,"
    " sealed BLOB NOT NULL,"
    " wrap_epoch INTEGER NOT NULL, envelope BLOB NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('new', 'active', 'expired')),"
    " made_at_ms INTEGER NOT NULL, active_since_ms INTEGER,"
    " PRIMARY KEY (org_id, meter_id, epoch),"
    " FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id)) STRICT;",

    /* bytes as issued; the key is derived from them when needed, never stored */
    "CREATE TABLE ticket ("
    " org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, serial INTEGER NOT NULL,"
    " order_id BLOB NOT NULL,"
    " staff_no TEXT NOT NULL, epoch INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " use_count INTEGER NOT NULL,"
    " not_after_s INTEGER NOT NULL, is_void INTEGER NOT NULL DEFAULT 0,"
    " made_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, meter_id, serial),"
    " FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id, order_id)) STRICT;",
    "CREATE INDEX ticket_order ON ticket (org_id, order_id);",

    /* which laptops were given an order's tickets */
    "CREATE TABLE ticket_holder ("
    " org_id INTEGER NOT NULL, order_id BLOB NOT NULL, device_id BLOB NOT NULL,"
    " since_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, order_id, device_id)) STRICT;",

    /* what laptops sent, as it came; each has its place in its device's chain */
    "CREATE TABLE item ("
    " org_id INTEGER NOT NULL, item_id BLOB NOT NULL, device_id BLOB NOT NULL,"
    " seq INTEGER NOT NULL,"
    " hash BLOB NOT NULL, kind INTEGER NOT NULL, order_id BLOB NOT NULL, run_id BLOB NOT NULL,"
    " bytes BLOB NOT NULL,"
    " received_at_ms INTEGER NOT NULL, verdict INTEGER NOT NULL, field TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " PRIMARY KEY (org_id, item_id), UNIQUE (org_id, device_id, seq),"
    " FOREIGN KEY (org_id, device_id) REFERENCES device (org_id, device_id)) STRICT;",
    "CREATE INDEX item_order ON item (org_id, order_id);",
    "CREATE INDEX item_hash ON item (org_id, hash);",

    /* what came and could not become an item: not decoded, an id used before, a broken chain. seq:
     * its place in the chain where it has one; assumed_seq: of one that could not be decoded, until
     * the next item proves it */
    "CREATE TABLE stray ("
    " org_id INTEGER NOT NULL, device_id BLOB NOT NULL, hash BLOB NOT NULL, seq INTEGER,"
    " assumed_seq INTEGER,"
    " item_id BLOB NOT NULL, bytes BLOB NOT NULL, received_at_ms INTEGER NOT NULL,"
    " verdict INTEGER NOT NULL,"
    " field TEXT NOT NULL, reason TEXT NOT NULL,"
    " PRIMARY KEY (org_id, device_id, hash), UNIQUE (org_id, device_id, seq),"
    " FOREIGN KEY (org_id, device_id) REFERENCES device (org_id, device_id)) STRICT;",

    /* only receipts that verified; gap: the one before it is not home; flowed_l, cleared_l: by this
       operation */
    "CREATE TABLE receipt ("
    " org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " hash BLOB NOT NULL, prev_hash BLOB NOT NULL, gap INTEGER NOT NULL, op_id BLOB,"
    " command INTEGER NOT NULL, key_epoch INTEGER NOT NULL, account_no INTEGER NOT NULL,"
    " life_state INTEGER NOT NULL, at_s INTEGER NOT NULL, clock_valid INTEGER NOT NULL,"
    " flowed_l INTEGER NOT NULL, cleared_l INTEGER NOT NULL,"
    " ticket_serial INTEGER NOT NULL, order_id BLOB NOT NULL, item_id BLOB NOT NULL,"
    " verified_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, meter_id, seq), UNIQUE (org_id, meter_id, op_id),"
    " FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id),"
    " FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id, order_id),"
    " FOREIGN KEY (org_id, item_id) REFERENCES item (org_id,"
    " item_id) DEFERRABLE INITIALLY DEFERRED) STRICT;",

    "CREATE TABLE certificate ("
    " org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL, text TEXT NOT NULL,"
    " signature BLOB NOT NULL, made_at_ms INTEGER NOT NULL,"
    " PRIMARY KEY (org_id, order_id), UNIQUE (org_id, number),"
    " FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id, order_id)) STRICT;",

    /* what a laptop of this person has to fetch; a cursor is the last change_no that it stored */
    "CREATE TABLE change_feed ("
    " org_id INTEGER NOT NULL, change_no INTEGER NOT NULL, staff_no TEXT NOT NULL,"
    " order_id BLOB NOT NULL,"
    " PRIMARY KEY (org_id, change_no),"
    " FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id, order_id)) STRICT;",
    "CREATE INDEX change_feed_staff ON change_feed (org_id, staff_no, change_no);",

    /* only ever appended to; the counter 'audit' and the setting 'audit head' name its end */
    "CREATE TABLE audit_log ("
    " org_id INTEGER NOT NULL, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
    " what TEXT NOT NULL,"
    " detail TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY (org_id, n)) STRICT;",
    NULL,
};

const char *const *const odb_migrations[] = { version_1 };
const int odb_schema_version = (int)(sizeof odb_migrations / sizeof odb_migrations[0]);
