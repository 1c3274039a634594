-- office-v2-rows.sql - rows of a database of version 2, in tables that changed since.
INSERT INTO customer (org_id, customer_no, name, phone) VALUES (1, 'C-1001', 'Bergström', '+44');
INSERT INTO customer_login (org_id, login, customer_no, salt, hash, parameters, made_at_ms, failed,
    locked_until_ms) VALUES (1, 'ada', 'C-1001', x'01', x'02', 'N', 3, 4, 5);
INSERT INTO supply_point (org_id, supply_point, address, customer_no) VALUES (1, 'SP-0001', '1 Quay',
    'C-1001');
INSERT INTO meter (org_id, meter_id, type, pulse_l, verification_date, bt_address, factory_key,
    life_state, imported_at_ms, sealed_version) VALUES (1, 'GM2400000156', 4, 1, '', '', x'000102', 1,
    2, 3);
INSERT INTO account (org_id, account_no, customer_no, supply_point, meter_id, state) VALUES (1, 1001,
    'C-1001', 'SP-0001', 'GM2400000156', 'open');
INSERT INTO refund (org_id, refund_id, account_no, sequence, by_sequence, state, amount_minor,
    currency, asked_by, approved_by, asked_at_ms, reason) VALUES
    (1, x'01', 1001, 1, 2, 'paid', 100, 'EUR', 'S001', 'S002', 1, 'a'),
    (1, x'02', 1001, 3, NULL, 'wanted', 100, 'EUR', 'S001', '', 1, 'b'),
    (1, x'03', 1001, 4, 5, 'refused', 100, 'EUR', 'S001', 'S002', 1, 'c'),
    (1, x'04', 1001, 6, 7, 'asked', 100, 'EUR', 'S001', 'S002', 1, 'd');
