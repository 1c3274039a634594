-- office-v1.sql - a head office's database as version 1 of its schema made it, with rows in every
-- table. Never edited: every later version has to open it.
PRAGMA journal_mode = WAL;
PRAGMA application_id = 1330005577;
PRAGMA user_version = 1;

CREATE TABLE setting ( org_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY
    (org_id, name)) STRICT;
CREATE TABLE counter ( org_id INTEGER NOT NULL, name TEXT NOT NULL, last INTEGER NOT NULL, PRIMARY
    KEY (org_id, name)) STRICT;
CREATE TABLE staff ( org_id INTEGER NOT NULL, staff_no TEXT NOT NULL, name TEXT NOT NULL, role TEXT
    NOT NULL, added_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id, staff_no)) STRICT;
CREATE TABLE device ( org_id INTEGER NOT NULL, device_id BLOB NOT NULL, staff_no TEXT NOT NULL, name
    TEXT NOT NULL, certificate TEXT NOT NULL, enrolled_at_ms INTEGER NOT NULL, revoked_at_ms
    INTEGER, chain_start INTEGER NOT NULL DEFAULT 1, chain_seq INTEGER NOT NULL DEFAULT 0,
    chain_hash BLOB NOT NULL, claimed_seq INTEGER NOT NULL DEFAULT 0, cursor_no INTEGER NOT NULL
    DEFAULT 0, seen_at_ms INTEGER, version TEXT NOT NULL DEFAULT '', PRIMARY KEY (org_id,
    device_id), FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id, staff_no)) STRICT;
CREATE TABLE enrol_code ( org_id INTEGER NOT NULL, code_hash BLOB NOT NULL, staff_no TEXT NOT NULL,
    made_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL, used_at_ms INTEGER, csr_hash BLOB,
    device_id BLOB, PRIMARY KEY (org_id, code_hash), FOREIGN KEY (org_id, staff_no) REFERENCES staff
    (org_id, staff_no)) STRICT;
CREATE TABLE meter ( org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, type INTEGER NOT NULL, pulse_l
    INTEGER NOT NULL, verification_date TEXT NOT NULL, bt_address TEXT NOT NULL, factory_key BLOB
    NOT NULL, life_state INTEGER NOT NULL, active_epoch INTEGER NOT NULL DEFAULT 0, account_no
    INTEGER NOT NULL DEFAULT 0, last_seq INTEGER NOT NULL DEFAULT 0, imported_at_ms INTEGER NOT
    NULL, PRIMARY KEY (org_id, meter_id)) STRICT;
CREATE TABLE customer ( org_id INTEGER NOT NULL, customer_no TEXT NOT NULL, name TEXT NOT NULL,
    phone TEXT NOT NULL, PRIMARY KEY (org_id, customer_no)) STRICT;
CREATE TABLE supply_point ( org_id INTEGER NOT NULL, supply_point TEXT NOT NULL, address TEXT NOT
    NULL, customer_no TEXT NOT NULL, meter_id TEXT, PRIMARY KEY (org_id, supply_point), FOREIGN KEY
    (org_id, customer_no) REFERENCES customer (org_id, customer_no)) STRICT;
CREATE TABLE account ( org_id INTEGER NOT NULL, account_no INTEGER NOT NULL, customer_no TEXT NOT
    NULL, supply_point TEXT NOT NULL, meter_id TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN
    ('reserved', 'open')), opened_at_s INTEGER, opened_seq INTEGER, PRIMARY KEY (org_id,
    account_no), FOREIGN KEY (org_id, customer_no) REFERENCES customer (org_id, customer_no),
    FOREIGN KEY (org_id, supply_point) REFERENCES supply_point (org_id, supply_point), FOREIGN KEY
    (org_id, meter_id) REFERENCES meter (org_id, meter_id)) STRICT;
CREATE TABLE work_order ( org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL,
    kind TEXT NOT NULL, meter_id TEXT NOT NULL, supply_point TEXT NOT NULL, customer_no TEXT NOT
    NULL, staff_no TEXT NOT NULL, account_no INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN
    ('planned', 'assigned', 'on-site', 'done', 'unable', 'checked')), due TEXT NOT NULL, priority
    INTEGER NOT NULL, purge_volume_l INTEGER NOT NULL, purge_limit_s INTEGER NOT NULL, parameters
    TEXT NOT NULL, note TEXT NOT NULL, made_at_ms INTEGER NOT NULL, began_state INTEGER, began_epoch
    INTEGER, began_seq INTEGER, key_epoch INTEGER, closed_at_ms INTEGER, code TEXT NOT NULL DEFAULT
    '', last_receipt_seq INTEGER, PRIMARY KEY (org_id, order_id), UNIQUE (org_id, number), FOREIGN
    KEY (org_id, meter_id) REFERENCES meter (org_id, meter_id), FOREIGN KEY (org_id, supply_point)
    REFERENCES supply_point (org_id, supply_point), FOREIGN KEY (org_id, customer_no) REFERENCES
    customer (org_id, customer_no), FOREIGN KEY (org_id, staff_no) REFERENCES staff (org_id,
    staff_no), FOREIGN KEY (org_id, account_no) REFERENCES account (org_id, account_no)) STRICT;
CREATE INDEX work_order_meter ON work_order (org_id, meter_id);
CREATE TABLE account_key ( org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, epoch INTEGER NOT NULL,
    sealed BLOB NOT NULL, wrap_epoch INTEGER NOT NULL, envelope BLOB NOT NULL, state TEXT NOT NULL
    CHECK (state IN ('new', 'active', 'expired')), made_at_ms INTEGER NOT NULL, active_since_ms
    INTEGER, PRIMARY KEY (org_id, meter_id, epoch), FOREIGN KEY (org_id, meter_id) REFERENCES meter
    (org_id, meter_id)) STRICT;
CREATE TABLE ticket ( org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, serial INTEGER NOT NULL,
    order_id BLOB NOT NULL, staff_no TEXT NOT NULL, epoch INTEGER NOT NULL, bytes BLOB NOT NULL,
    use_count INTEGER NOT NULL, not_after_s INTEGER NOT NULL, is_void INTEGER NOT NULL DEFAULT 0,
    made_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id, meter_id, serial), FOREIGN KEY (org_id,
    order_id) REFERENCES work_order (org_id, order_id)) STRICT;
CREATE INDEX ticket_order ON ticket (org_id, order_id);
CREATE TABLE ticket_holder ( org_id INTEGER NOT NULL, order_id BLOB NOT NULL, device_id BLOB NOT
    NULL, since_ms INTEGER NOT NULL, PRIMARY KEY (org_id, order_id, device_id)) STRICT;
CREATE TABLE item ( org_id INTEGER NOT NULL, item_id BLOB NOT NULL, device_id BLOB NOT NULL, seq
    INTEGER NOT NULL, hash BLOB NOT NULL, kind INTEGER NOT NULL, order_id BLOB NOT NULL, run_id BLOB
    NOT NULL, bytes BLOB NOT NULL, received_at_ms INTEGER NOT NULL, verdict INTEGER NOT NULL, field
    TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (org_id, item_id), UNIQUE (org_id, device_id,
    seq), FOREIGN KEY (org_id, device_id) REFERENCES device (org_id, device_id)) STRICT;
CREATE INDEX item_order ON item (org_id, order_id);
CREATE INDEX item_hash ON item (org_id, hash);
CREATE TABLE stray ( org_id INTEGER NOT NULL, device_id BLOB NOT NULL, hash BLOB NOT NULL, seq
    INTEGER, assumed_seq INTEGER, item_id BLOB NOT NULL, bytes BLOB NOT NULL, received_at_ms INTEGER
    NOT NULL, verdict INTEGER NOT NULL, field TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY
    (org_id, device_id, hash), UNIQUE (org_id, device_id, seq), FOREIGN KEY (org_id, device_id)
    REFERENCES device (org_id, device_id)) STRICT;
CREATE TABLE receipt ( org_id INTEGER NOT NULL, meter_id TEXT NOT NULL, seq INTEGER NOT NULL, bytes
    BLOB NOT NULL, hash BLOB NOT NULL, prev_hash BLOB NOT NULL, gap INTEGER NOT NULL, op_id BLOB,
    command INTEGER NOT NULL, key_epoch INTEGER NOT NULL, account_no INTEGER NOT NULL, life_state
    INTEGER NOT NULL, at_s INTEGER NOT NULL, clock_valid INTEGER NOT NULL, flowed_l INTEGER NOT
    NULL, cleared_l INTEGER NOT NULL, ticket_serial INTEGER NOT NULL, order_id BLOB NOT NULL,
    item_id BLOB NOT NULL, verified_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id, meter_id, seq),
    UNIQUE (org_id, meter_id, op_id), FOREIGN KEY (org_id, meter_id) REFERENCES meter (org_id,
    meter_id), FOREIGN KEY (org_id, order_id) REFERENCES work_order (org_id, order_id), FOREIGN KEY
    (org_id, item_id) REFERENCES item (org_id, item_id) DEFERRABLE INITIALLY DEFERRED) STRICT;
CREATE TABLE certificate ( org_id INTEGER NOT NULL, order_id BLOB NOT NULL, number TEXT NOT NULL,
    text TEXT NOT NULL, signature BLOB NOT NULL, made_at_ms INTEGER NOT NULL, PRIMARY KEY (org_id,
    order_id), UNIQUE (org_id, number), FOREIGN KEY (org_id, order_id) REFERENCES work_order
    (org_id, order_id)) STRICT;
CREATE TABLE change_feed ( org_id INTEGER NOT NULL, change_no INTEGER NOT NULL, staff_no TEXT NOT
    NULL, order_id BLOB NOT NULL, PRIMARY KEY (org_id, change_no), FOREIGN KEY (org_id, order_id)
    REFERENCES work_order (org_id, order_id)) STRICT;
CREATE INDEX change_feed_staff ON change_feed (org_id, staff_no, change_no);
CREATE TABLE audit_log ( org_id INTEGER NOT NULL, n INTEGER NOT NULL, at_ms INTEGER NOT NULL, who
    TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT
    NULL, PRIMARY KEY (org_id, n)) STRICT;

INSERT INTO setting VALUES (1, 'audit head', '2 00ff'), (1, 'quo''ted', 'Größe; -- "x"');
INSERT INTO counter VALUES (1, 'audit', 2), (1, 'account', 100002), (1, 'most', 9223372036854775807);
INSERT INTO staff VALUES (1, 'S001', 'Rosa Lindqvist', 'technician', 1795339800000),
    (1, 'S002', 'Omar Haddad', 'clerk', 1795339800001);
INSERT INTO device VALUES (1, x'0190a5b200007000800000000000000a', 'S001', 'laptop', '-----BEGIN', 5,
    NULL, 1, 3, zeroblob(32), 4, 7, 8, '1.0'),
    (1, x'0190a5b200007000800000000000000b', 'S002', 'old', '-----BEGIN', 5, 9, 2, 0, zeroblob(32), 0,
    0, NULL, '');
INSERT INTO enrol_code VALUES (1, x'aa', 'S001', 1, 2, NULL, NULL, NULL),
    (1, x'ab', 'S001', 1, 2, 3, x'01', x'0190a5b200007000800000000000000a');
INSERT INTO meter VALUES (1, 'GM2400000156', 4, 1, '2026-06-01', '02:00:00:00:00:01', randomblob(60),
    5, 1, 100001, 9, 11), (1, 'GM2400000253', 4, 10, '2026-06-01', '-', randomblob(60), 1, 0, 0, 0, 12);
INSERT INTO customer VALUES (1, 'C-1001', 'Ada Marchetti', '+44'), (1, 'C-1002', 'Bergström', '');
INSERT INTO supply_point VALUES (1, 'SP-0001', '12 Canal Street', 'C-1001', 'GM2400000156'),
    (1, 'SP-0002', '7 Foundry Lane', 'C-1002', NULL);
INSERT INTO account VALUES (1, 100001, 'C-1001', 'SP-0001', 'GM2400000156', 'open', 70, 3),
    (1, 100002, 'C-1002', 'SP-0002', 'GM2400000253', 'reserved', NULL, NULL);
INSERT INTO work_order VALUES (1, x'01', 'J-0001', 'open-account', 'GM2400000156', 'SP-0001', 'C-1001',
    'S001', 100001, 'done', '2026-11-22', 1, 10, 120, '', 'note', 20, 1, 0, 0, 1, 30, '', 9),
    (1, x'02', 'J-0002', 'open-account', 'GM2400000253', 'SP-0002', 'C-1002', 'S002', 100002, 'assigned',
    '2026-11-23', 2, 10, 120, '901=3', '', 21, NULL, NULL, NULL, NULL, NULL, '', NULL);
INSERT INTO account_key VALUES (1, 'GM2400000156', 1, randomblob(60), 0, x'0102', 'active', 22, 23);
INSERT INTO ticket VALUES (1, 'GM2400000156', 1, x'01', 'S001', 0, x'0a0b', 40, 99, 0, 24),
    (1, 'GM2400000156', 2, x'01', 'S001', 1, x'0c', 40, 99, 1, 25);
INSERT INTO ticket_holder VALUES (1, x'01', x'0190a5b200007000800000000000000a', 26);
INSERT INTO item VALUES (1, x'11', x'0190a5b200007000800000000000000a', 1, x'21', 2, x'01', x'31', x'41',
    27, 1, '', ''), (1, x'12', x'0190a5b200007000800000000000000a', 2, x'22', 3, x'01', x'31',
    zeroblob(5000), 28, 4, 'field', 'reason');
INSERT INTO stray VALUES (1, x'0190a5b200007000800000000000000a', x'51', NULL, 3, x'13', x'61', 29, 5, 'f',
    'r');
INSERT INTO receipt VALUES (1, 'GM2400000156', 1, x'71', x'72', zeroblob(32), 0, x'73', 4, 0, 100001, 2,
    31, 1, 5, 0, 1, x'01', x'11', 32), (1, 'GM2400000156', 2, x'74', x'75', x'72', 1, NULL, 5, 1, 100001,
    3, 33, 0, 0, 7, 2, x'01', x'12', 34);
INSERT INTO certificate VALUES (1, x'01', 'CC-000001', 'text
in lines', x'81', 35);
INSERT INTO change_feed VALUES (1, 1, 'S001', x'01'), (1, 2, 'S002', x'02');
INSERT INTO audit_log VALUES (1, 1, 36, 'cli', 'staff added', 'S001', zeroblob(32), x'91'),
    (1, 2, 37, 'cli', 'staff added', 'S002', x'91', x'92');
