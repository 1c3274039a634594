-- office-v2-postgresql.sql - the tables of version 2, as the program made them on PostgreSQL. Never edited: every later version has
-- to open it. Rows are in office-v2-rows.sql.
CREATE SCHEMA gasoffice;
CREATE TABLE setting (org_id bigint NOT NULL, name text COLLATE "C" NOT NULL, value text COLLATE
    "C" NOT NULL, PRIMARY KEY (org_id, name));
CREATE TABLE counter (org_id bigint NOT NULL, name text COLLATE "C" NOT NULL, last bigint NOT
    NULL, PRIMARY KEY (org_id, name));
CREATE TABLE transaction_mark (org_id bigint NOT NULL, tx_id bytea NOT NULL, at_ms bigint NOT
    NULL, PRIMARY KEY (org_id, tx_id));
CREATE INDEX transaction_mark_1 ON transaction_mark (org_id, at_ms);
CREATE TABLE master_key (org_id bigint NOT NULL, version bigint NOT NULL, kind text COLLATE "C"
    NOT NULL CHECK (kind IN ('file', 'passphrase', 'pkcs11')), master_id text COLLATE "C" NOT
    NULL, parameters text COLLATE "C" NOT NULL DEFAULT '', wrapped bytea NOT NULL, made_at_ms
    bigint NOT NULL, retired_at_ms bigint, PRIMARY KEY (org_id, version));
CREATE TABLE staff (org_id bigint NOT NULL, staff_no text COLLATE "C" NOT NULL, name text COLLATE
    "C" NOT NULL, role text COLLATE "C" NOT NULL, added_at_ms bigint NOT NULL, left_at_ms bigint,
    PRIMARY KEY (org_id, staff_no));
CREATE TABLE device (org_id bigint NOT NULL, device_id bytea NOT NULL, staff_no text COLLATE "C"
    NOT NULL, name text COLLATE "C" NOT NULL, certificate text COLLATE "C" NOT NULL,
    enrolled_at_ms bigint NOT NULL, revoked_at_ms bigint, chain_start bigint NOT NULL DEFAULT 1,
    chain_seq bigint NOT NULL DEFAULT 0, chain_hash bytea NOT NULL, claimed_seq bigint NOT NULL
    DEFAULT 0, cursor_no bigint NOT NULL DEFAULT 0, seen_at_ms bigint, version text COLLATE "C"
    NOT NULL DEFAULT '', PRIMARY KEY (org_id, device_id), FOREIGN KEY (org_id, staff_no)
    REFERENCES staff (org_id, staff_no));
CREATE INDEX device_1 ON device (org_id, staff_no);
CREATE TABLE enrol_code (org_id bigint NOT NULL, code_hash bytea NOT NULL, staff_no text COLLATE
    "C" NOT NULL, made_at_ms bigint NOT NULL, expires_at_ms bigint NOT NULL, used_at_ms bigint,
    csr_hash bytea, device_id bytea, PRIMARY KEY (org_id, code_hash), FOREIGN KEY (org_id,
    staff_no) REFERENCES staff (org_id, staff_no));
CREATE TABLE meter (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, type bigint NOT
    NULL, pulse_l bigint NOT NULL, verification_date text COLLATE "C" NOT NULL, bt_address text
    COLLATE "C" NOT NULL, factory_key bytea NOT NULL, life_state bigint NOT NULL, active_epoch
    bigint NOT NULL DEFAULT 0, account_no bigint NOT NULL DEFAULT 0, last_seq bigint NOT NULL
    DEFAULT 0, imported_at_ms bigint NOT NULL, sealed_version bigint NOT NULL DEFAULT 0, PRIMARY
    KEY (org_id, meter_id));
CREATE INDEX meter_1 ON meter (org_id, verification_date);
CREATE INDEX meter_2 ON meter (org_id, sealed_version);
CREATE TABLE customer (org_id bigint NOT NULL, customer_no text COLLATE "C" NOT NULL, name text
    COLLATE "C" NOT NULL, phone text COLLATE "C" NOT NULL, imported_no bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, customer_no));
CREATE TABLE customer_login (org_id bigint NOT NULL, login text COLLATE "C" NOT NULL, customer_no
    text COLLATE "C" NOT NULL, salt bytea NOT NULL, hash bytea NOT NULL, parameters text COLLATE
    "C" NOT NULL, made_at_ms bigint NOT NULL, failed bigint NOT NULL DEFAULT 0, locked_until_ms
    bigint NOT NULL DEFAULT 0, PRIMARY KEY (org_id, login), UNIQUE (org_id, customer_no), FOREIGN
    KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no));
CREATE TABLE customer_session (org_id bigint NOT NULL, token_hash bytea NOT NULL, login text
    COLLATE "C" NOT NULL, customer_no text COLLATE "C" NOT NULL, made_at_ms bigint NOT NULL,
    expires_at_ms bigint NOT NULL, PRIMARY KEY (org_id, token_hash), FOREIGN KEY (org_id, login)
    REFERENCES customer_login (org_id, login));
CREATE INDEX customer_session_1 ON customer_session (org_id, expires_at_ms);
CREATE TABLE supply_point (org_id bigint NOT NULL, supply_point text COLLATE "C" NOT NULL, address
    text COLLATE "C" NOT NULL, customer_no text COLLATE "C" NOT NULL, meter_id text COLLATE "C",
    tariff_class text COLLATE "C" NOT NULL DEFAULT 'standard', imported_no bigint NOT NULL DEFAULT
    0, PRIMARY KEY (org_id, supply_point), FOREIGN KEY (org_id, customer_no) REFERENCES customer
    (org_id, customer_no));
CREATE INDEX supply_point_1 ON supply_point (org_id, customer_no);
CREATE TABLE account (org_id bigint NOT NULL, account_no bigint NOT NULL, customer_no text COLLATE
    "C" NOT NULL, supply_point text COLLATE "C" NOT NULL, meter_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('reserved', 'open', 'closed')), opened_at_s
    bigint, opened_seq bigint, closed_at_s bigint, closed_seq bigint, residual_l bigint, PRIMARY
    KEY (org_id, account_no), FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id,
    customer_no), FOREIGN KEY (org_id, supply_point) REFERENCES supply_point (org_id,
    supply_point), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id));
CREATE INDEX account_1 ON account (org_id, customer_no);
CREATE INDEX account_2 ON account (org_id, meter_id);
CREATE INDEX account_3 ON account (org_id, supply_point);
CREATE TABLE binding (org_id bigint NOT NULL, customer_no text COLLATE "C" NOT NULL, meter_id text
    COLLATE "C" NOT NULL, account_no bigint NOT NULL, bound_at_ms bigint NOT NULL, ended_at_ms
    bigint, PRIMARY KEY (org_id, customer_no, meter_id), FOREIGN KEY (org_id, customer_no)
    REFERENCES customer (org_id, customer_no), FOREIGN KEY (org_id, account_no) REFERENCES account
    (org_id, account_no));
CREATE INDEX binding_1 ON binding (org_id, meter_id);
CREATE TABLE swap_case (org_id bigint NOT NULL, case_id bytea NOT NULL, number text COLLATE "C"
    NOT NULL, supply_point text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL CHECK
    (reason IN ('fault', 'due', 'dispute')), old_meter_id text COLLATE "C" NOT NULL, new_meter_id
    text COLLATE "C" NOT NULL, old_account_no bigint NOT NULL, new_account_no bigint NOT NULL,
    cap_l bigint NOT NULL, not_after_s bigint NOT NULL, terms bytea NOT NULL, state text COLLATE
    "C" NOT NULL CHECK (state IN ('planned', 'closed', 'settled', 'cancelled')), made_at_ms bigint
    NOT NULL, made_by text COLLATE "C" NOT NULL, estimate_l bigint, estimated_by text COLLATE "C",
    confirmed_by text COLLATE "C", settled_at_ms bigint, note text COLLATE "C" NOT NULL DEFAULT
    '', PRIMARY KEY (org_id, case_id), UNIQUE (org_id, number), FOREIGN KEY (org_id, old_meter_id)
    REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, new_meter_id) REFERENCES meter
    (org_id, meter_id), FOREIGN KEY (org_id, old_account_no) REFERENCES account (org_id,
    account_no), FOREIGN KEY (org_id, new_account_no) REFERENCES account (org_id, account_no));
CREATE INDEX swap_case_1 ON swap_case (org_id, state, number);
CREATE INDEX swap_case_2 ON swap_case (org_id, old_meter_id);
CREATE INDEX swap_case_3 ON swap_case (org_id, new_meter_id);
CREATE INDEX swap_case_4 ON swap_case (org_id, supply_point);
CREATE TABLE work_order (org_id bigint NOT NULL, order_id bytea NOT NULL, number text COLLATE "C"
    NOT NULL, kind text COLLATE "C" NOT NULL, meter_id text COLLATE "C" NOT NULL, supply_point
    text COLLATE "C" NOT NULL, customer_no text COLLATE "C" NOT NULL, staff_no text COLLATE "C",
    account_no bigint, state text COLLATE "C" NOT NULL CHECK (state IN ('planned', 'assigned',
    'on-site', 'done', 'unable', 'checked')), due text COLLATE "C" NOT NULL, priority bigint NOT
    NULL, purge_volume_l bigint NOT NULL, purge_limit_s bigint NOT NULL, parameters text COLLATE
    "C" NOT NULL, note text COLLATE "C" NOT NULL, made_at_ms bigint NOT NULL, began_state bigint,
    began_epoch bigint, began_seq bigint, key_epoch bigint, closed_at_ms bigint, code text COLLATE
    "C" NOT NULL DEFAULT '', last_receipt_seq bigint, swap_case bytea, made_by text COLLATE "C"
    NOT NULL DEFAULT '', checked_by text COLLATE "C", checked_at_ms bigint, PRIMARY KEY (org_id,
    order_id), UNIQUE (org_id, number), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id,
    meter_id), FOREIGN KEY (org_id, supply_point) REFERENCES supply_point (org_id, supply_point),
    FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no), FOREIGN KEY
    (org_id, staff_no) REFERENCES staff (org_id, staff_no), FOREIGN KEY (org_id, account_no)
    REFERENCES account (org_id, account_no), FOREIGN KEY (org_id, swap_case) REFERENCES swap_case
    (org_id, case_id));
CREATE INDEX work_order_1 ON work_order (org_id, meter_id);
CREATE INDEX work_order_2 ON work_order (org_id, staff_no, state);
CREATE INDEX work_order_3 ON work_order (org_id, state, due, number);
CREATE INDEX work_order_4 ON work_order (org_id, swap_case);
CREATE TABLE account_key (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, epoch bigint
    NOT NULL, sealed bytea NOT NULL, wrap_epoch bigint NOT NULL, envelope bytea NOT NULL, state
    text COLLATE "C" NOT NULL CHECK (state IN ('new', 'active', 'expired', 'withdrawn')),
    made_at_ms bigint NOT NULL, active_since_ms bigint, ended_at_ms bigint, sealed_version bigint
    NOT NULL DEFAULT 0, PRIMARY KEY (org_id, meter_id, epoch), FOREIGN KEY (org_id, meter_id)
    REFERENCES meter (org_id, meter_id));
CREATE INDEX account_key_1 ON account_key (org_id, sealed_version);
CREATE TABLE ticket (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, serial bigint NOT
    NULL, order_id bytea, staff_no text COLLATE "C", customer_no text COLLATE "C", role bigint NOT
    NULL DEFAULT 1, rights bigint NOT NULL DEFAULT 0, epoch bigint NOT NULL, bytes bytea NOT NULL,
    use_count bigint NOT NULL, not_after_s bigint NOT NULL, is_void bigint NOT NULL DEFAULT 0,
    made_at_ms bigint NOT NULL, PRIMARY KEY (org_id, meter_id, serial), FOREIGN KEY (org_id,
    order_id) REFERENCES work_order (org_id, order_id));
CREATE INDEX ticket_1 ON ticket (org_id, order_id);
CREATE INDEX ticket_2 ON ticket (org_id, customer_no);
CREATE TABLE ticket_holder (org_id bigint NOT NULL, order_id bytea NOT NULL, device_id bytea NOT
    NULL, since_ms bigint NOT NULL, PRIMARY KEY (org_id, order_id, device_id));
CREATE TABLE tariff (org_id bigint NOT NULL, tariff_id text COLLATE "C" NOT NULL, class text
    COLLATE "C" NOT NULL, currency text COLLATE "C" NOT NULL, period text COLLATE "C" NOT NULL
    CHECK (period IN ('none', 'month', 'year')), steps text COLLATE "C" NOT NULL, valid_from_s
    bigint NOT NULL, made_at_ms bigint NOT NULL, made_by text COLLATE "C" NOT NULL, hash bytea NOT
    NULL, PRIMARY KEY (org_id, tariff_id), UNIQUE (org_id, class, valid_from_s));
CREATE TABLE payment (org_id bigint NOT NULL, payment_id bytea NOT NULL, account_no bigint NOT
    NULL, customer_no text COLLATE "C" NOT NULL, provider text COLLATE "C" NOT NULL, provider_ref
    text COLLATE "C", amount_minor bigint NOT NULL, currency text COLLATE "C" NOT NULL, state text
    COLLATE "C" NOT NULL CHECK (state IN ('requested', 'confirmed', 'failed', 'refunded')),
    asked_by text COLLATE "C" NOT NULL, asked_at_ms bigint NOT NULL, confirmed_at_ms bigint,
    confirmed_by text COLLATE "C", token_seq bigint, reason text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (org_id, payment_id), UNIQUE (org_id, provider, provider_ref), FOREIGN KEY
    (org_id, account_no) REFERENCES account (org_id, account_no));
CREATE INDEX payment_1 ON payment (org_id, account_no);
CREATE INDEX payment_2 ON payment (org_id, state, asked_at_ms);
CREATE INDEX payment_3 ON payment (org_id, asked_at_ms);
CREATE TABLE token (org_id bigint NOT NULL, account_no bigint NOT NULL, sequence bigint NOT NULL,
    op_id bytea NOT NULL, cause_id bytea NOT NULL, meter_id text COLLATE "C" NOT NULL, kind text
    COLLATE "C" NOT NULL CHECK (kind IN ('sale', 'transfer', 'forgive', 'debit', 'refund')),
    litres bigint NOT NULL, purchased_l bigint NOT NULL, imported_l bigint NOT NULL, forgiven_l
    bigint NOT NULL, debited_l bigint NOT NULL, not_after_s bigint NOT NULL DEFAULT 0, order_ref
    bytea NOT NULL, content bytea NOT NULL, state text COLLATE "C" NOT NULL CHECK (state IN
    ('pending', 'posted', 'voided')), made_at_ms bigint NOT NULL, made_by text COLLATE "C" NOT
    NULL, settled_at_ms bigint, settled_seq bigint, refunds_seq bigint, payment_id bytea,
    swap_case bytea, tariff_id text COLLATE "C", from_l bigint, to_l bigint, cost_milli bigint,
    price_minor bigint, currency text COLLATE "C", reason text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (org_id, account_no, sequence), UNIQUE (org_id, op_id), UNIQUE (org_id, cause_id,
    kind), FOREIGN KEY (org_id, account_no) REFERENCES account (org_id, account_no), FOREIGN KEY
    (org_id, meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, payment_id)
    REFERENCES payment (org_id, payment_id));
CREATE INDEX token_1 ON token (org_id, state, made_at_ms);
CREATE INDEX token_2 ON token (org_id, swap_case);
CREATE TABLE provider (org_id bigint NOT NULL, name text COLLATE "C" NOT NULL, kind text COLLATE
    "C" NOT NULL CHECK (kind IN ('counter', 'webhook')), sealed bytea, sealed_version bigint NOT
    NULL DEFAULT 0, made_at_ms bigint NOT NULL, ended_at_ms bigint, PRIMARY KEY (org_id, name));
CREATE TABLE refund (org_id bigint NOT NULL, refund_id bytea NOT NULL, account_no bigint NOT NULL,
    sequence bigint NOT NULL, by_sequence bigint, state text COLLATE "C" NOT NULL CHECK (state IN
    ('asked', 'paid', 'refused', 'wanted')), amount_minor bigint NOT NULL, currency text COLLATE
    "C" NOT NULL, asked_by text COLLATE "C" NOT NULL, approved_by text COLLATE "C" NOT NULL,
    asked_at_ms bigint NOT NULL, ended_at_ms bigint, reason text COLLATE "C" NOT NULL, PRIMARY KEY
    (org_id, refund_id), UNIQUE (org_id, account_no, sequence), UNIQUE (org_id, account_no,
    by_sequence), FOREIGN KEY (org_id, account_no) REFERENCES account (org_id, account_no));
CREATE TABLE item (org_id bigint NOT NULL, item_id bytea NOT NULL, device_id bytea NOT NULL, seq
    bigint NOT NULL, hash bytea NOT NULL, kind bigint NOT NULL, order_id bytea NOT NULL, run_id
    bytea NOT NULL, bytes bytea NOT NULL, received_at_ms bigint NOT NULL, verdict bigint NOT NULL,
    field text COLLATE "C" NOT NULL, reason text COLLATE "C" NOT NULL, PRIMARY KEY (org_id,
    item_id), UNIQUE (org_id, device_id, seq), FOREIGN KEY (org_id, device_id) REFERENCES device
    (org_id, device_id));
CREATE INDEX item_1 ON item (org_id, order_id);
CREATE INDEX item_2 ON item (org_id, hash);
CREATE TABLE stray (org_id bigint NOT NULL, device_id bytea NOT NULL, hash bytea NOT NULL, seq
    bigint, assumed_seq bigint, item_id bytea NOT NULL, bytes bytea NOT NULL, received_at_ms
    bigint NOT NULL, verdict bigint NOT NULL, field text COLLATE "C" NOT NULL, reason text COLLATE
    "C" NOT NULL, PRIMARY KEY (org_id, device_id, hash), UNIQUE (org_id, device_id, seq), FOREIGN
    KEY (org_id, device_id) REFERENCES device (org_id, device_id));
CREATE INDEX stray_1 ON stray (org_id, hash);
CREATE TABLE receipt (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, seq bigint NOT
    NULL, bytes bytea NOT NULL, hash bytea NOT NULL, prev_hash bytea NOT NULL, gap bigint NOT
    NULL, op_id bytea, command bigint NOT NULL, key_epoch bigint NOT NULL, account_no bigint NOT
    NULL, life_state bigint NOT NULL, at_s bigint NOT NULL, clock_valid bigint NOT NULL, flowed_l
    bigint NOT NULL, cleared_l bigint NOT NULL, ticket_serial bigint NOT NULL, order_id bytea,
    item_id bytea, brought_by text COLLATE "C" NOT NULL DEFAULT '', verified_at_ms bigint NOT
    NULL, PRIMARY KEY (org_id, meter_id, seq), UNIQUE (org_id, meter_id, op_id), FOREIGN KEY
    (org_id, meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, order_id)
    REFERENCES work_order (org_id, order_id));
CREATE INDEX receipt_1 ON receipt (org_id, account_no, command);
CREATE INDEX receipt_2 ON receipt (org_id, meter_id, ticket_serial);
CREATE INDEX receipt_3 ON receipt (org_id, verified_at_ms);
CREATE TABLE posted_totals (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, account_no
    bigint NOT NULL, seq bigint NOT NULL, at_s bigint NOT NULL, index_l bigint NOT NULL, purged_l
    bigint NOT NULL, opening_index_l bigint NOT NULL, opening_purged_l bigint NOT NULL,
    purchased_l bigint NOT NULL, imported_l bigint NOT NULL, forgiven_l bigint NOT NULL, debited_l
    bigint NOT NULL, cleared_l bigint NOT NULL, exported_l bigint NOT NULL, certified_l bigint NOT
    NULL DEFAULT 0, debt_l bigint NOT NULL DEFAULT 0, PRIMARY KEY (org_id, meter_id, account_no),
    FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id));
CREATE INDEX posted_totals_1 ON posted_totals (org_id, account_no);
CREATE TABLE closing (org_id bigint NOT NULL, meter_id text COLLATE "C" NOT NULL, account_no
    bigint NOT NULL, bytes bytea NOT NULL, swap_case bytea, residual_l bigint NOT NULL, token_seq
    bigint NOT NULL, receipt_seq bigint NOT NULL, at_s bigint NOT NULL, valve_fault bigint NOT
    NULL, received_at_ms bigint NOT NULL, brought_by text COLLATE "C" NOT NULL, PRIMARY KEY
    (org_id, meter_id, account_no), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id,
    meter_id));
CREATE TABLE certificate (org_id bigint NOT NULL, order_id bytea NOT NULL, number text COLLATE "C"
    NOT NULL, text text COLLATE "C" NOT NULL, signature bytea NOT NULL, made_at_ms bigint NOT
    NULL, PRIMARY KEY (org_id, order_id), UNIQUE (org_id, number), FOREIGN KEY (org_id, order_id)
    REFERENCES work_order (org_id, order_id));
CREATE TABLE ledger_account (org_id bigint NOT NULL, unit text COLLATE "C" NOT NULL, code text
    COLLATE "C" NOT NULL, owner text COLLATE "C" NOT NULL, debits bigint NOT NULL DEFAULT 0,
    credits bigint NOT NULL DEFAULT 0, PRIMARY KEY (org_id, unit, code, owner));
CREATE TABLE journal (org_id bigint NOT NULL, op_id bytea NOT NULL, kind text COLLATE "C" NOT
    NULL, at_ms bigint NOT NULL, effective_s bigint NOT NULL, made_by text COLLATE "C" NOT NULL,
    note text COLLATE "C" NOT NULL, hash bytea NOT NULL, PRIMARY KEY (org_id, op_id, kind));
CREATE INDEX journal_1 ON journal (org_id, at_ms);
CREATE TABLE posting (org_id bigint NOT NULL, op_id bytea NOT NULL, kind text COLLATE "C" NOT
    NULL, line bigint NOT NULL, unit text COLLATE "C" NOT NULL, code text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL, amount bigint NOT NULL, PRIMARY KEY (org_id, op_id, kind,
    line), FOREIGN KEY (org_id, op_id, kind) REFERENCES journal (org_id, op_id, kind), FOREIGN KEY
    (org_id, unit, code, owner) REFERENCES ledger_account (org_id, unit, code, owner));
CREATE INDEX posting_1 ON posting (org_id, unit, code, owner);
CREATE TABLE change_feed (org_id bigint NOT NULL, change_no bigint NOT NULL, staff_no text COLLATE
    "C" NOT NULL, order_id bytea NOT NULL, PRIMARY KEY (org_id, change_no), FOREIGN KEY (org_id,
    order_id) REFERENCES work_order (org_id, order_id));
CREATE INDEX change_feed_1 ON change_feed (org_id, staff_no, change_no);
CREATE TABLE audit_log (org_id bigint NOT NULL, n bigint NOT NULL, at_ms bigint NOT NULL, who text
    COLLATE "C" NOT NULL, what text COLLATE "C" NOT NULL, detail text COLLATE "C" NOT NULL,
    prev_hash bytea NOT NULL, hash bytea NOT NULL, PRIMARY KEY (org_id, n));
CREATE INDEX audit_log_1 ON audit_log (org_id, at_ms);
INSERT INTO setting (org_id, name, value) VALUES (1, 'schema version', '2');
