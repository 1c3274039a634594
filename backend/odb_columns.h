/* odb_columns.h - the columns of each table, without org_id; for odb_tables.c alone, see
 * odb_tables.h. */
#ifndef GF_ODB_COLUMNS_H
#define GF_ODB_COLUMNS_H

#include "backend/odb_tables.h"

#define INT(name) { name, ODB_COL_INT, false, NULL, NULL, NULL }
#define TEXT(name) { name, ODB_COL_TEXT, false, NULL, NULL, NULL }
#define BYTES(name) { name, ODB_COL_BYTES, false, NULL, NULL, NULL }
#define INT_OR_NULL(name) { name, ODB_COL_INT, true, NULL, NULL, NULL }
#define TEXT_OR_NULL(name) { name, ODB_COL_TEXT, true, NULL, NULL, NULL }
#define BYTES_OR_NULL(name) { name, ODB_COL_BYTES, true, NULL, NULL, NULL }
#define INT_ELSE(name, missing) { name, ODB_COL_INT, false, missing, NULL, NULL }
#define TEXT_ELSE(name, missing) { name, ODB_COL_TEXT, false, missing, NULL, NULL }
#define WORD(name, words) { name, ODB_COL_TEXT, false, NULL, words, NULL }
#define INT_OR_NULL_BEFORE(name, before) { name, ODB_COL_INT, true, NULL, NULL, before }

static const struct odb_column setting_columns[] = {
    TEXT("name"),
    TEXT("value"),
};

static const struct odb_column counter_columns[] = {
    TEXT("name"),
    INT("last"),
};

static const struct odb_column transaction_mark_columns[] = {
    BYTES("tx_id"),
    INT("at_ms"),
};

static const struct odb_column master_key_columns[] = {
    INT("version"),
    WORD("kind", "file|passphrase|pkcs11"),
    TEXT("master_id"),
    TEXT_ELSE("parameters", "''"),
    BYTES("wrapped"),
    INT("made_at_ms"),
    INT_OR_NULL("retired_at_ms"),
};

static const struct odb_column staff_columns[] = {
    TEXT("staff_no"),
    TEXT("name"),
    TEXT("role"),
    INT("added_at_ms"),
    INT_OR_NULL("left_at_ms"),
};

static const struct odb_column device_columns[] = {
    BYTES("device_id"),
    TEXT("staff_no"),
    TEXT("name"),
    TEXT("certificate"),
    INT("enrolled_at_ms"),
    INT_OR_NULL("revoked_at_ms"),
    INT_ELSE("chain_start", "1"),
    INT_ELSE("chain_seq", "0"),
    BYTES("chain_hash"),
    INT_ELSE("claimed_seq", "0"),
    INT_ELSE("cursor_no", "0"),
    INT_OR_NULL("seen_at_ms"),
    TEXT_ELSE("version", "''"),
};

static const struct odb_column enrol_code_columns[] = {
    BYTES("code_hash"),
    TEXT("staff_no"),
    INT("made_at_ms"),
    INT("expires_at_ms"),
    INT_OR_NULL("used_at_ms"),
    BYTES_OR_NULL("csr_hash"),
    BYTES_OR_NULL("device_id"),
};

static const struct odb_column meter_columns[] = {
    TEXT("meter_id"),
    INT("type"),
    INT("pulse_l"),
    TEXT("verification_date"),
    TEXT("bt_address"),
    BYTES("factory_key"),
    INT("life_state"),
    INT_ELSE("active_epoch", "0"),
    INT_ELSE("account_no", "0"),
    INT_ELSE("last_seq", "0"),
    INT("imported_at_ms"),
    INT_ELSE("sealed_version", "0"),
};

static const struct odb_column customer_columns[] = {
    TEXT("customer_no"),
    TEXT("name"),
    TEXT("phone"),
    INT_ELSE("imported_no", "0"),
};

static const struct odb_column customer_login_columns[] = {
    TEXT("login"),
    TEXT("customer_no"),
    BYTES("salt"),
    BYTES("hash"),
    TEXT("parameters"),
    INT("made_at_ms"),
    INT_ELSE("strangers_ms", "0"),
};

static const struct odb_column customer_address_columns[] = {
    TEXT("login"),
    BYTES("address"),
    INT("failed"),
    INT("until_ms"),
    INT("familiar_until_ms"),
};

static const struct odb_column customer_session_columns[] = {
    BYTES("token_hash"),
    TEXT("login"),
    TEXT("customer_no"),
    INT("made_at_ms"),
    INT("expires_at_ms"),
};

static const struct odb_column supply_point_columns[] = {
    TEXT("supply_point"),
    TEXT("address"),
    TEXT("customer_no"),
    TEXT_OR_NULL("meter_id"),
    TEXT_ELSE("tariff_class", "'standard'"),
    INT_ELSE("imported_no", "0"),
};

static const struct odb_column account_columns[] = {
    INT("account_no"),
    TEXT("customer_no"),
    TEXT("supply_point"),
    TEXT("meter_id"),
    WORD("state", "reserved|open|closed"),
    INT_OR_NULL("opened_at_s"),
    INT_OR_NULL("opened_seq"),
    INT_OR_NULL("closed_at_s"),
    INT_OR_NULL("closed_seq"),
    INT_OR_NULL("residual_l"),
};

static const struct odb_column binding_columns[] = {
    TEXT("customer_no"),
    TEXT("meter_id"),
    INT("account_no"),
    INT("bound_at_ms"),
    INT_OR_NULL("ended_at_ms"),
};

static const struct odb_column swap_case_columns[] = {
    BYTES("case_id"),
    TEXT("number"),
    TEXT("supply_point"),
    WORD("reason", "fault|due|dispute"),
    TEXT("old_meter_id"),
    TEXT("new_meter_id"),
    INT("old_account_no"),
    INT("new_account_no"),
    INT("cap_l"),
    INT("not_after_s"),
    BYTES("terms"),
    WORD("state", "planned|closed|settled|cancelled"),
    INT("made_at_ms"),
    TEXT("made_by"),
    INT_OR_NULL("estimate_l"),
    TEXT_OR_NULL("estimated_by"),
    TEXT_OR_NULL("confirmed_by"),
    INT_OR_NULL("settled_at_ms"),
    TEXT_ELSE("note", "''"),
};

static const struct odb_column work_order_columns[] = {
    BYTES("order_id"),
    TEXT("number"),
    TEXT("kind"),
    TEXT("meter_id"),
    TEXT("supply_point"),
    TEXT("customer_no"),
    TEXT_OR_NULL("staff_no"),
    INT_OR_NULL("account_no"),
    WORD("state", "planned|assigned|on-site|done|unable|checked"),
    TEXT("due"),
    INT("priority"),
    INT("purge_volume_l"),
    INT("purge_limit_s"),
    TEXT("parameters"),
    TEXT("note"),
    INT("made_at_ms"),
    INT_OR_NULL("began_state"),
    INT_OR_NULL("began_epoch"),
    INT_OR_NULL("began_seq"),
    INT_OR_NULL("key_epoch"),
    INT_OR_NULL("closed_at_ms"),
    TEXT_ELSE("code", "''"),
    INT_OR_NULL("last_receipt_seq"),
    BYTES_OR_NULL("swap_case"),
    TEXT_ELSE("made_by", "''"),
    TEXT_OR_NULL("checked_by"),
    INT_OR_NULL("checked_at_ms"),
};

static const struct odb_column account_key_columns[] = {
    TEXT("meter_id"),
    INT("epoch"),
    BYTES("sealed"),
    INT("wrap_epoch"),
    BYTES("envelope"),
    WORD("state", "new|active|expired|withdrawn"),
    INT("made_at_ms"),
    INT_OR_NULL("active_since_ms"),
    INT_OR_NULL("ended_at_ms"),
    INT_ELSE("sealed_version", "0"),
};

static const struct odb_column ticket_columns[] = {
    TEXT("meter_id"),
    INT("serial"),
    BYTES_OR_NULL("order_id"),
    TEXT_OR_NULL("staff_no"),
    TEXT_OR_NULL("customer_no"),
    INT_ELSE("role", "1"),
    INT_ELSE("rights", "0"),
    INT("epoch"),
    BYTES("bytes"),
    INT("use_count"),
    INT("not_after_s"),
    INT_ELSE("is_void", "0"),
    INT("made_at_ms"),
};

static const struct odb_column ticket_holder_columns[] = {
    BYTES("order_id"),
    BYTES("device_id"),
    INT("since_ms"),
};

static const struct odb_column tariff_columns[] = {
    TEXT("tariff_id"),
    TEXT("class"),
    TEXT("currency"),
    WORD("period", "none|month|year"),
    TEXT("steps"),
    INT("valid_from_s"),
    INT("made_at_ms"),
    TEXT("made_by"),
    BYTES("hash"),
};

static const struct odb_column payment_columns[] = {
    BYTES("payment_id"),
    INT("account_no"),
    TEXT("customer_no"),
    TEXT("provider"),
    TEXT_OR_NULL("provider_ref"),
    INT("amount_minor"),
    TEXT("currency"),
    WORD("state", "requested|confirmed|failed|refunded"),
    TEXT("asked_by"),
    INT("asked_at_ms"),
    INT_OR_NULL("confirmed_at_ms"),
    TEXT_OR_NULL("confirmed_by"),
    INT_OR_NULL("token_seq"),
    TEXT_ELSE("reason", "''"),
};

static const struct odb_column token_columns[] = {
    INT("account_no"),
    INT("sequence"),
    BYTES("op_id"),
    BYTES("cause_id"),
    TEXT("meter_id"),
    WORD("kind", "sale|transfer|forgive|debit|refund"),
    INT("litres"),
    INT("purchased_l"),
    INT("imported_l"),
    INT("forgiven_l"),
    INT("debited_l"),
    INT_ELSE("not_after_s", "0"),
    BYTES("order_ref"),
    BYTES("content"),
    WORD("state", "pending|posted|voided"),
    INT("made_at_ms"),
    TEXT("made_by"),
    INT_OR_NULL("settled_at_ms"),
    INT_OR_NULL("settled_seq"),
    INT_OR_NULL("refunds_seq"),
    BYTES_OR_NULL("payment_id"),
    BYTES_OR_NULL("swap_case"),
    TEXT_OR_NULL("tariff_id"),
    INT_OR_NULL("from_l"),
    INT_OR_NULL("to_l"),
    INT_OR_NULL("cost_milli"),
    INT_OR_NULL("price_minor"),
    TEXT_OR_NULL("currency"),
    TEXT_ELSE("reason", "''"),
};

static const struct odb_column provider_columns[] = {
    TEXT("name"),
    WORD("kind", "counter|webhook"),
    BYTES_OR_NULL("sealed"),
    INT_ELSE("sealed_version", "0"),
    INT("made_at_ms"),
    INT_OR_NULL("ended_at_ms"),
};

static const struct odb_column refund_columns[] = {
    BYTES("refund_id"),
    INT("account_no"),
    INT("sequence"),
    INT_OR_NULL("by_sequence"),
    WORD("state", "asked|paid|refused|wanted"),
    INT("amount_minor"),
    TEXT("currency"),
    TEXT("asked_by"),
    TEXT("approved_by"),
    INT("asked_at_ms"),
    INT_OR_NULL("ended_at_ms"),
    TEXT("reason"),
    INT_OR_NULL_BEFORE("live", "CASE state WHEN 'refused' THEN NULL ELSE 1 END"),
    TEXT_ELSE("why", "''"),
};

static const struct odb_column payout_columns[] = {
    BYTES("payout_id"),
    INT("account_no"),
    WORD("kind", "pay-out|write-off"),
    WORD("state", "wanted|done|rejected"),
    INT("litres"),
    INT("cost_milli"),
    INT("price_minor"),
    INT("change_minor"),
    TEXT("currency"),
    TEXT("provider"),
    TEXT("asked_by"),
    TEXT("decided_by"),
    INT("asked_at_ms"),
    INT_OR_NULL("ended_at_ms"),
    TEXT("reason"),
    INT_OR_NULL("live"),
};

static const struct odb_column item_columns[] = {
    BYTES("item_id"),
    BYTES("device_id"),
    INT("seq"),
    BYTES("hash"),
    INT("kind"),
    BYTES("order_id"),
    BYTES("run_id"),
    BYTES("bytes"),
    INT("received_at_ms"),
    INT("verdict"),
    TEXT("field"),
    TEXT("reason"),
};

static const struct odb_column stray_columns[] = {
    BYTES("device_id"),
    BYTES("hash"),
    INT_OR_NULL("seq"),
    INT_OR_NULL("assumed_seq"),
    BYTES("item_id"),
    BYTES("bytes"),
    INT("received_at_ms"),
    INT("verdict"),
    TEXT("field"),
    TEXT("reason"),
};

static const struct odb_column receipt_columns[] = {
    TEXT("meter_id"),
    INT("seq"),
    BYTES("bytes"),
    BYTES("hash"),
    BYTES("prev_hash"),
    INT("gap"),
    BYTES_OR_NULL("op_id"),
    INT("command"),
    INT("key_epoch"),
    INT("account_no"),
    INT("life_state"),
    INT("at_s"),
    INT("clock_valid"),
    INT("flowed_l"),
    INT("cleared_l"),
    INT("ticket_serial"),
    BYTES_OR_NULL("order_id"),
    BYTES_OR_NULL("item_id"),
    TEXT_ELSE("brought_by", "''"),
    INT("verified_at_ms"),
};

static const struct odb_column posted_totals_columns[] = {
    TEXT("meter_id"),
    INT("account_no"),
    INT("seq"),
    INT("at_s"),
    INT("index_l"),
    INT("purged_l"),
    INT("opening_index_l"),
    INT("opening_purged_l"),
    INT("purchased_l"),
    INT("imported_l"),
    INT("forgiven_l"),
    INT("debited_l"),
    INT("cleared_l"),
    INT("exported_l"),
    INT_ELSE("certified_l", "0"),
    INT_ELSE("debt_l", "0"),
};

static const struct odb_column closing_columns[] = {
    TEXT("meter_id"),
    INT("account_no"),
    BYTES("bytes"),
    BYTES_OR_NULL("swap_case"),
    INT("residual_l"),
    INT("token_seq"),
    INT("receipt_seq"),
    INT("at_s"),
    INT("valve_fault"),
    INT("received_at_ms"),
    TEXT("brought_by"),
};

static const struct odb_column certificate_columns[] = {
    BYTES("order_id"),
    TEXT("number"),
    TEXT("text"),
    BYTES("signature"),
    INT("made_at_ms"),
};

static const struct odb_column ledger_account_columns[] = {
    TEXT("unit"),
    TEXT("code"),
    TEXT("owner"),
    INT_ELSE("debits", "0"),
    INT_ELSE("credits", "0"),
};

static const struct odb_column journal_columns[] = {
    BYTES("op_id"),
    TEXT("kind"),
    INT("at_ms"),
    INT("effective_s"),
    TEXT("made_by"),
    TEXT("note"),
    BYTES("hash"),
};

static const struct odb_column posting_columns[] = {
    BYTES("op_id"),
    TEXT("kind"),
    INT("line"),
    TEXT("unit"),
    TEXT("code"),
    TEXT("owner"),
    INT("amount"),
};

static const struct odb_column change_feed_columns[] = {
    INT("change_no"),
    TEXT("staff_no"),
    BYTES("order_id"),
};

static const struct odb_column audit_log_columns[] = {
    INT("n"),
    INT("at_ms"),
    TEXT("who"),
    TEXT("what"),
    TEXT("detail"),
    BYTES("prev_hash"),
    BYTES("hash"),
};

#endif
