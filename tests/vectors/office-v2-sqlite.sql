-- office-v2-sqlite.sql - the tables of version 2, as the program made them on SQLite. Never edited: every later version has
-- to open it. Rows are in office-v2-rows.sql.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1330005577;
PRAGMA user_version = 2;
CREATE TABLE setting (org_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY
    KEY (org_id, name)) STRICT;
CREATE TABLE counter (org_id INTEGER NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY
    KEY (org_id, name)) STRICT;
CREATE TABLE transaction_mark (org_id INTEGER NOT NULL, tx_id BLOB NOT NULL, at_ms INTEGER NOT
    NULL, PRIMARY KEY (org_id, tx_id)) STRICT;
CREATE INDEX transaction_mark_1 ON transaction_mark (org_id, at_ms);
CREATE TABLE master_key (org_id INTEGER NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL
    CHECK (kind IN ('file', 'passphrase', 'pkcs11')), master_id TEXT NOT NULL, parameters TEXT NOT
    NULL DEFAULT '', wrapped BLOB NOT NULL, made_at_ms INTEGER NOT NULL, retired_at_ms INTEGER,
    PRIMARY KEY (org_id, version)) STRICT;
CREATE TABLE staff (org_id INTEGER NOT NULL, staff_no TEXT NOT NULL, name TEXT NOT NULL, role TEXT
    NOT NULL, added_at_ms INTEGER NOT NULL, left_at_ms INTEGER, PRIMARY KEY (org_id, staff_no))
    STRICT;
CREATE TABLE device (org_id INTEGER NOT NULL, device_id BLOB NOT NULL, staff_no TEXT NOT NULL,
    name TEXT NOT NULL, certificate TEXT NOT NULL, enrolled_at_ms INTEGER NOT NULL, revoked_at_ms
    INTEGER, chain_start INTEGER NOT NULL DEFAULT 1, chain_seq INTEGER NOT NULL DEFAULT 0,
    chain_hash BLOB NOT NULL, claimed_seq INTEGER NOT NULL DEFAULT 0, cursor_no INTEGER NOT NULL
    DEFAULT 0, seen_at_ms INTEGER, version TEXT NOT NULL DEFAULT '', PRIMARY KEY (org_id,
    device_id), FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id, staff_no)) STRICT;
CREATE INDEX device_1 ON device (org_id, staff_no);
CREATE TABLE enrol_code (org_id INTEGER NOT NULL, code_hash BLOB NOT NULL, staff_no TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, used_at_ms INTEGER, csr_hash
    BLOB, device_id BLOB, PRIMARY KEY (org_id, code_hash), FOREIGN KEY (org_id, staff_no)
    REFERENCES staff (org_id, staff_no)) STRICT;
CREATE TABLE meter (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, type INTEGER NOT NULL,
    pulse_l INTEGER NOT NULL, verification_date TEXT NOT NULL, bt_address TEXT NOT NULL,
    factory_key BLOB NOT NULL, life_state INTEGER NOT NULL, active_epoch INTEGER NOT NULL DEFAULT
    0, account_no INTEGER NOT NULL DEFAULT 0, last_seq INTEGER NOT NULL DEFAULT 0, imported_at_ms
    INTEGER NOT NULL, sealed_version INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (org_id, meter_id))
    STRICT;
CREATE INDEX meter_1 ON meter (org_id, verification_date);
CREATE INDEX meter_2 ON meter (org_id, sealed_version);
CREATE TABLE customer (org_id INTEGER NOT NULL, customer_no TEXT NOT NULL, name TEXT NOT NULL,
    phone TEXT NOT NULL, imported_no INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (org_id,
    customer_no)) STRICT;
CREATE TABLE customer_login (org_id INTEGER NOT NULL, login TEXT NOT NULL, customer_no TEXT NOT
    NULL, salt BLOB NOT NULL, hash BLOB NOT NULL, parameters TEXT NOT NULL, made_at_ms INTEGER NOT
    NULL, failed INTEGER NOT NULL DEFAULT 0, locked_until_ms INTEGER NOT NULL DEFAULT 0, PRIMARY
    KEY (org_id, login), UNIQUE (org_id, customer_no), FOREIGN KEY (org_id, customer_no)
    REFERENCES customer (org_id, customer_no)) STRICT;
CREATE TABLE customer_session (org_id INTEGER NOT NULL, token_hash BLOB NOT NULL, login TEXT NOT
    NULL, customer_no TEXT NOT NULL, made_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (org_id, token_hash), FOREIGN KEY (org_id, login) REFERENCES customer_login
    (org_id, login)) STRICT;
CREATE INDEX customer_session_1 ON customer_session (org_id, expires_at_ms);
CREATE TABLE supply_point (org_id INTEGER NOT NULL, supply_point TEXT NOT NULL, address TEXT NOT
    NULL, customer_no TEXT NOT NULL, meter_id TEXT, tariff_class TEXT NOT NULL DEFAULT 'standard',
    imported_no INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (org_id, supply_point), FOREIGN KEY
    (org_id, customer_no) REFERENCES customer (org_id, customer_no)) STRICT;
CREATE INDEX supply_point_1 ON supply_point (org_id, customer_no);
CREATE TABLE account (org_id INTEGER NOT NULL, account_no INTEGER NOT NULL, customer_no TEXT NOT
    NULL, supply_point TEXT NOT NULL, meter_id TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN
    ('reserved', 'open', 'closed')), opened_at_s INTEGER, opened_seq INTEGER, closed_at_s INTEGER,
    closed_seq INTEGER, residual_l INTEGER, PRIMARY KEY (org_id, account_no), FOREIGN KEY (org_id,
    customer_no) REFERENCES customer (org_id, customer_no), FOREIGN KEY (org_id, supply_point)
    REFERENCES supply_point (org_id, supply_point), FOREIGN KEY (org_id, meter_id) REFERENCES
    meter (org_id, meter_id)) STRICT;
CREATE INDEX account_1 ON account (org_id, customer_no);
CREATE INDEX account_2 ON account (org_id, meter_id);
CREATE INDEX account_3 ON account (org_id, supply_point);
CREATE TABLE binding (org_id INTEGER NOT NULL, customer_no TEXT NOT NULL, meter_id TEXT NOT NULL,
    account_no INTEGER NOT NULL, bound_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, PRIMARY KEY
    (org_id, customer_no, meter_id), FOREIGN KEY (org_id, customer_no) REFERENCES customer
    (org_id, customer_no), FOREIGN KEY (org_id, account_no) REFERENCES account (org_id,
    account_no)) STRICT;
CREATE INDEX binding_1 ON binding (org_id, meter_id);
CREATE TABLE swap_case (org_id INTEGER NOT NULL, case_id BLOB NOT NULL, number TEXT NOT NULL,
    supply_point TEXT NOT NULL, reason TEXT NOT NULL CHECK (reason IN ('fault', 'due',
    'dispute')), old_meter_id TEXT NOT NULL, new_meter_id TEXT NOT NULL, old_account_no INTEGER
    NOT NULL, new_account_no INTEGER NOT NULL, cap_l INTEGER NOT NULL, not_after_s INTEGER NOT
    NULL, terms BLOB NOT NULL, state TEXT NOT NULL CHECK (state IN ('planned', 'closed',
    'settled', 'cancelled')), made_at_ms INTEGER NOT NULL, made_by TEXT NOT NULL, estimate_l
    INTEGER, estimated_by TEXT, confirmed_by TEXT, settled_at_ms INTEGER, note TEXT NOT NULL
    DEFAULT '', PRIMARY KEY (org_id, case_id), UNIQUE (org_id, number), FOREIGN KEY (org_id,
    old_meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, new_meter_id)
    REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, old_account_no) REFERENCES account
    (org_id, account_no), FOREIGN KEY (org_id, new_account_no) REFERENCES account (org_id,
    account_no)) STRICT;
CREATE INDEX swap_case_1 ON swap_case (org_id, state, number);
CREATE INDEX swap_case_2 ON swap_case (org_id, old_meter_id);
CREATE INDEX swap_case_3 ON swap_case (org_id, new_meter_id);
CREATE INDEX swap_case_4 ON swap_case (org_id, supply_point);
CREATE TABLE work_order (org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL,
    kind TEXT NOT NULL, meter_id TEXT NOT NULL, supply_point TEXT NOT NULL, customer_no TEXT NOT
    NULL, staff_no TEXT, account_no INTEGER, state TEXT NOT NULL CHECK (state IN ('planned',
    'assigned', 'on-site', 'done', 'unable', 'checked')), due TEXT NOT NULL, priority INTEGER NOT
    NULL, purge_volume_l INTEGER NOT NULL, purge_limit_s INTEGER NOT NULL, parameters TEXT NOT
    NULL, note TEXT NOT NULL, made_at_ms INTEGER NOT NULL, began_state INTEGER, began_epoch
    INTEGER, began_seq INTEGER, key_epoch INTEGER, closed_at_ms INTEGER, code TEXT NOT NULL
    DEFAULT '', last_receipt_seq INTEGER, swap_case BLOB, made_by TEXT NOT NULL DEFAULT '',
    checked_by TEXT, checked_at_ms INTEGER, PRIMARY KEY (org_id, order_id), UNIQUE (org_id,
    number), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY
    (org_id, supply_point) REFERENCES supply_point (org_id, supply_point), FOREIGN KEY (org_id,
    customer_no) REFERENCES customer (org_id, customer_no), FOREIGN KEY (org_id, staff_no)
    REFERENCES staff (org_id, staff_no), FOREIGN KEY (org_id, account_no) REFERENCES account
    (org_id, account_no), FOREIGN KEY (org_id, swap_case) REFERENCES swap_case (org_id, case_id))
    STRICT;
CREATE INDEX work_order_1 ON work_order (org_id, meter_id);
CREATE INDEX work_order_2 ON work_order (org_id, staff_no, state);
CREATE INDEX work_order_3 ON work_order (org_id, state, due, number);
CREATE INDEX work_order_4 ON work_order (org_id, swap_case);
CREATE TABLE account_key (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, epoch INTEGER NOT NULL,
    sealed BLOB NOT NULL, wrap_epoch INTEGER NOT NULL, envelope BLOB NOT NULL, state TEXT NOT NULL
    CHECK (state IN ('new', 'active', 'expired', 'withdrawn')), made_at_ms INTEGER NOT NULL,
    active_since_ms INTEGER, ended_at_ms INTEGER, sealed_version INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, meter_id, epoch), FOREIGN KEY (org_id, meter_id) REFERENCES meter
    (org_id, meter_id)) STRICT;
CREATE INDEX account_key_1 ON account_key (org_id, sealed_version);
CREATE TABLE ticket (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, serial INTEGER NOT NULL,
    order_id BLOB, staff_no TEXT, customer_no TEXT, role INTEGER NOT NULL DEFAULT 1, rights
    INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL, bytes BLOB NOT NULL, use_count INTEGER NOT
    NULL, not_after_s INTEGER NOT NULL, is_void INTEGER NOT NULL DEFAULT 0, made_at_ms INTEGER NOT
    NULL, PRIMARY KEY (org_id, meter_id, serial), FOREIGN KEY (org_id, order_id) REFERENCES
    work_order (org_id, order_id)) STRICT;
CREATE INDEX ticket_1 ON ticket (org_id, order_id);
CREATE INDEX ticket_2 ON ticket (org_id, customer_no);
CREATE TABLE ticket_holder (org_id INTEGER NOT NULL, order_id BLOB NOT NULL, device_id BLOB NOT
    NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (org_id, order_id, device_id)) STRICT;
CREATE TABLE tariff (org_id INTEGER NOT NULL, tariff_id TEXT NOT NULL, class TEXT NOT NULL,
    currency TEXT NOT NULL, period TEXT NOT NULL CHECK (period IN ('none', 'month', 'year')),
    steps TEXT NOT NULL, valid_from_s INTEGER NOT NULL, made_at_ms INTEGER NOT NULL, made_by TEXT
    NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (org_id, tariff_id), UNIQUE (org_id, class,
    valid_from_s)) STRICT;
CREATE TABLE payment (org_id INTEGER NOT NULL, payment_id BLOB NOT NULL, account_no INTEGER NOT
    NULL, customer_no TEXT NOT NULL, provider TEXT NOT NULL, provider_ref TEXT, amount_minor
    INTEGER NOT NULL, currency TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('requested',
    'confirmed', 'failed', 'refunded')), asked_by TEXT NOT NULL, asked_at_ms INTEGER NOT NULL,
    confirmed_at_ms INTEGER, confirmed_by TEXT, token_seq INTEGER, reason TEXT NOT NULL DEFAULT
    '', PRIMARY KEY (org_id, payment_id), UNIQUE (org_id, provider, provider_ref), FOREIGN KEY
    (org_id, account_no) REFERENCES account (org_id, account_no)) STRICT;
CREATE INDEX payment_1 ON payment (org_id, account_no);
CREATE INDEX payment_2 ON payment (org_id, state, asked_at_ms);
CREATE INDEX payment_3 ON payment (org_id, asked_at_ms);
CREATE TABLE token (org_id INTEGER NOT NULL, account_no INTEGER NOT NULL, sequence INTEGER NOT
    NULL, op_id BLOB NOT NULL, cause_id BLOB NOT NULL, meter_id TEXT NOT NULL, kind TEXT NOT NULL
    CHECK (kind IN ('sale', 'transfer', 'forgive', 'debit', 'refund')), litres INTEGER NOT NULL,
    purchased_l INTEGER NOT NULL, imported_l INTEGER NOT NULL, forgiven_l INTEGER NOT NULL,
    debited_l INTEGER NOT NULL, not_after_s INTEGER NOT NULL DEFAULT 0, order_ref BLOB NOT NULL,
    content BLOB NOT NULL, state TEXT NOT NULL CHECK (state IN ('pending', 'posted', 'voided')),
    made_at_ms INTEGER NOT NULL, made_by TEXT NOT NULL, settled_at_ms INTEGER, settled_seq
    INTEGER, refunds_seq INTEGER, payment_id BLOB, swap_case BLOB, tariff_id TEXT, from_l INTEGER,
    to_l INTEGER, cost_milli INTEGER, price_minor INTEGER, currency TEXT, reason TEXT NOT NULL
    DEFAULT '', PRIMARY KEY (org_id, account_no, sequence), UNIQUE (org_id, op_id), UNIQUE
    (org_id, cause_id, kind), FOREIGN KEY (org_id, account_no) REFERENCES account (org_id,
    account_no), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY
    (org_id, payment_id) REFERENCES payment (org_id, payment_id)) STRICT;
CREATE INDEX token_1 ON token (org_id, state, made_at_ms);
CREATE INDEX token_2 ON token (org_id, swap_case);
CREATE TABLE provider (org_id INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind
    IN ('counter', 'webhook')), sealed BLOB, sealed_version INTEGER NOT NULL DEFAULT 0, made_at_ms
    INTEGER NOT NULL, ended_at_ms INTEGER, PRIMARY KEY (org_id, name)) STRICT;
CREATE TABLE refund (org_id INTEGER NOT NULL, refund_id BLOB NOT NULL, account_no INTEGER NOT
    NULL, sequence INTEGER NOT NULL, by_sequence INTEGER, state TEXT NOT NULL CHECK (state IN
    ('asked', 'paid', 'refused', 'wanted')), amount_minor INTEGER NOT NULL, currency TEXT NOT
    NULL, asked_by TEXT NOT NULL, approved_by TEXT NOT NULL, asked_at_ms INTEGER NOT NULL,
    ended_at_ms INTEGER, reason TEXT NOT NULL, PRIMARY KEY (org_id, refund_id), UNIQUE (org_id,
    account_no, sequence), UNIQUE (org_id, account_no, by_sequence), FOREIGN KEY (org_id,
    account_no) REFERENCES account (org_id, account_no)) STRICT;
CREATE TABLE item (org_id INTEGER NOT NULL, item_id BLOB NOT NULL, device_id BLOB NOT NULL, seq
    INTEGER NOT NULL, hash BLOB NOT NULL, kind INTEGER NOT NULL, order_id BLOB NOT NULL, run_id
    BLOB NOT NULL, bytes BLOB NOT NULL, received_at_ms INTEGER NOT NULL, verdict INTEGER NOT NULL,
    field TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (org_id, item_id), UNIQUE (org_id,
    device_id, seq), FOREIGN KEY (org_id, device_id) REFERENCES device (org_id, device_id))
    STRICT;
CREATE INDEX item_1 ON item (org_id, order_id);
CREATE INDEX item_2 ON item (org_id, hash);
CREATE TABLE stray (org_id INTEGER NOT NULL, device_id BLOB NOT NULL, hash BLOB NOT NULL, seq
    INTEGER, assumed_seq INTEGER, item_id BLOB NOT NULL, bytes BLOB NOT NULL, received_at_ms
    INTEGER NOT NULL, verdict INTEGER NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY
    KEY (org_id, device_id, hash), UNIQUE (org_id, device_id, seq), FOREIGN KEY (org_id,
    device_id) REFERENCES device (org_id, device_id)) STRICT;
CREATE INDEX stray_1 ON stray (org_id, hash);
CREATE TABLE receipt (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, seq INTEGER NOT NULL, bytes
    BLOB NOT NULL, hash BLOB NOT NULL, prev_hash BLOB NOT NULL, gap INTEGER NOT NULL, op_id BLOB,
    command INTEGER NOT NULL, key_epoch INTEGER NOT NULL, account_no INTEGER NOT NULL, life_state
    INTEGER NOT NULL, at_s INTEGER NOT NULL, clock_valid INTEGER NOT NULL, flowed_l INTEGER NOT
    NULL, cleared_l INTEGER NOT NULL, ticket_serial INTEGER NOT NULL, order_id BLOB, item_id BLOB,
    brought_by TEXT NOT NULL DEFAULT '', verified_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id,
    meter_id, seq), UNIQUE (org_id, meter_id, op_id), FOREIGN KEY (org_id, meter_id) REFERENCES
    meter (org_id, meter_id), FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id,
    order_id)) STRICT;
CREATE INDEX receipt_1 ON receipt (org_id, account_no, command);
CREATE INDEX receipt_2 ON receipt (org_id, meter_id, ticket_serial);
CREATE INDEX receipt_3 ON receipt (org_id, verified_at_ms);
CREATE TABLE posted_totals (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, account_no INTEGER
    NOT NULL, seq INTEGER NOT NULL, at_s INTEGER NOT NULL, index_l INTEGER NOT NULL, purged_l
    INTEGER NOT NULL, opening_index_l INTEGER NOT NULL, opening_purged_l INTEGER NOT NULL,
    purchased_l INTEGER NOT NULL, imported_l INTEGER NOT NULL, forgiven_l INTEGER NOT NULL,
    debited_l INTEGER NOT NULL, cleared_l INTEGER NOT NULL, exported_l INTEGER NOT NULL,
    certified_l INTEGER NOT NULL DEFAULT 0, debt_l INTEGER NOT NULL DEFAULT 0, PRIMARY KEY
    (org_id, meter_id, account_no), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id,
    meter_id)) STRICT;
CREATE INDEX posted_totals_1 ON posted_totals (org_id, account_no);
CREATE TABLE closing (org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, account_no INTEGER NOT
    NULL, bytes BLOB NOT NULL, swap_case BLOB, residual_l INTEGER NOT NULL, token_seq INTEGER NOT
    NULL, receipt_seq INTEGER NOT NULL, at_s INTEGER NOT NULL, valve_fault INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL, brought_by TEXT NOT NULL, PRIMARY KEY (org_id, meter_id,
    account_no), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id)) STRICT;
CREATE TABLE certificate (org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL,
    text TEXT NOT NULL, signature BLOB NOT NULL, made_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id,
    order_id), UNIQUE (org_id, number), FOREIGN KEY (org_id, order_id) REFERENCES work_order
    (org_id, order_id)) STRICT;
CREATE TABLE ledger_account (org_id INTEGER NOT NULL, unit TEXT NOT NULL, code TEXT NOT NULL,
    owner TEXT NOT NULL, debits INTEGER NOT NULL DEFAULT 0, credits INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, unit, code, owner)) STRICT;
CREATE TABLE journal (org_id INTEGER NOT NULL, op_id BLOB NOT NULL, kind TEXT NOT NULL, at_ms
    INTEGER NOT NULL, effective_s INTEGER NOT NULL, made_by TEXT NOT NULL, note TEXT NOT NULL,
    hash BLOB NOT NULL, PRIMARY KEY (org_id, op_id, kind)) STRICT;
CREATE INDEX journal_1 ON journal (org_id, at_ms);
CREATE TABLE posting (org_id INTEGER NOT NULL, op_id BLOB NOT NULL, kind TEXT NOT NULL, line
    INTEGER NOT NULL, unit TEXT NOT NULL, code TEXT NOT NULL, owner TEXT NOT NULL, amount INTEGER
    NOT NULL, PRIMARY KEY (org_id, op_id, kind, line), FOREIGN KEY (org_id, op_id, kind)
    REFERENCES journal (org_id, op_id, kind), FOREIGN KEY (org_id, unit, code, owner) REFERENCES
    ledger_account (org_id, unit, code, owner)) STRICT;
CREATE INDEX posting_1 ON posting (org_id, unit, code, owner);
CREATE TABLE change_feed (org_id INTEGER NOT NULL, change_no INTEGER NOT NULL, staff_no TEXT NOT
    NULL, order_id BLOB NOT NULL, PRIMARY KEY (org_id, change_no), FOREIGN KEY (org_id, order_id)
    REFERENCES work_order (org_id, order_id)) STRICT;
CREATE INDEX change_feed_1 ON change_feed (org_id, staff_no, change_no);
CREATE TABLE audit_log (org_id INTEGER NOT NULL, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, who
    TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB
    NOT NULL, PRIMARY KEY (org_id, n)) STRICT;
CREATE INDEX audit_log_1 ON audit_log (org_id, at_ms);
