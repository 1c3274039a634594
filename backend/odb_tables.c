/* odb_tables.c - the description of head office's tables; see odb_tables.h. */
#include "backend/odb_tables.h"

#include "backend/odb_columns.h"

#define TABLE(t)                                                                                   \
    .name = #t, .columns = t##_columns, .n_columns = sizeof t##_columns / sizeof t##_columns[0]

const struct odb_table odb_tables[] = {
    {TABLE(setting), .key = "name", .what = "settings of the organisation, by name"},
    {TABLE(counter), .key = "name", .what = "numbers that only grow and are never reused"},
    {TABLE(transaction_mark), .key = "tx_id", .indexes = {"at_ms"},
     .what = "transactions whose commit could get lost on its way: a mark written with each"},
    {TABLE(master_key), .key = "version",
     .what = "data keys that seal the meters' keys, wrapped under the present master key"},
    {TABLE(staff), .key = "staff_no", .what = "people of the company"},
    {TABLE(device), .key = "device_id", .refers = {"staff_no > staff (staff_no)"},
     .indexes = {"staff_no"},
     .what =
         "laptops; chain_*: the last link of its records, claimed_seq: what it said it had made"},
    {TABLE(enrol_code), .key = "code_hash", .refers = {"staff_no > staff (staff_no)"},
     .what =
         "one-time codes; csr_hash: the request that used it, which gets the same answer again"},
    {TABLE(meter), .key = "meter_id",
     .indexes = {"verification_date", "sealed_version",
                 "life_state, type, verification_date, meter_id"},
     .what = "meters; life_state, active_epoch, account_no: as the receipts that are home say, "
             "last_seq: the highest of them"},
    {TABLE(customer), .key = "customer_no", .what = "customers"},
    {TABLE(customer_login), .key = "login", .unique = {"customer_no"},
     .refers = {"customer_no > customer (customer_no)"},
     .what = "how a customer logs in: scrypt of the password; strangers_ms: up to when wrong ones "
             "of strange addresses are paid for"},
    {TABLE(customer_address), .key = "login, address",
     .refers = {"login > customer_login (login)"},
     .what = "where logins were tried from (an HMAC): wrong passwords in a row, until when it "
             "waits, and until when it is familiar because the right one came from there"},
    {TABLE(customer_session), .key = "token_hash", .refers = {"login > customer_login (login)"},
     .indexes = {"expires_at_ms", "login"}, .what = "sessions of customers, by SHA-256 of their token"},
    {TABLE(supply_point), .key = "supply_point", .refers = {"customer_no > customer (customer_no)"},
     .indexes = {"customer_no"},
     .what = "the identity that survives a swap; meter_id: its present occupant"},
    {TABLE(account), .key = "account_no",
     .refers = {"customer_no > customer (customer_no)",
                "supply_point > supply_point (supply_point)", "meter_id > meter (meter_id)"},
     .indexes = {"customer_no", "meter_id, account_no", "supply_point, account_no"},
     .what = "prepaid accounts; an account is on one meter for its whole life"},
    {TABLE(binding), .key = "customer_no, meter_id",
     .refers = {"customer_no > customer (customer_no)", "account_no > account (account_no)"},
     .indexes = {"meter_id"}, .what = "meters that a customer's program may talk to"},
    {TABLE(swap_case), .key = "case_id", .unique = {"number"},
     .refers = {"old_meter_id > meter (meter_id)", "new_meter_id > meter (meter_id)",
                "old_account_no > account (account_no)", "new_account_no > account (account_no)"},
     .indexes = {"state, number", "old_meter_id", "new_meter_id", "supply_point"},
     .what = "meter swaps; the terms are the same bytes in both tickets"},
    {TABLE(work_order), .key = "order_id", .unique = {"number"},
     .refers = {"meter_id > meter (meter_id)", "supply_point > supply_point (supply_point)",
                "customer_no > customer (customer_no)", "staff_no > staff (staff_no)",
                "account_no > account (account_no)", "swap_case > swap_case (case_id)"},
     .indexes = {"meter_id, order_id", "staff_no, state", "state, due, number", "swap_case"},
     .what = "work for technicians; began_*: what was registered when tickets were first issued, "
             "key_epoch: the epoch that the work is done under"},
    {TABLE(account_key), .key = "meter_id, epoch", .refers = {"meter_id > meter (meter_id)"},
     .indexes = {"sealed_version"},
     .what = "account keys, each with the envelope that it travels in"},
    {TABLE(ticket), .key = "meter_id, serial", .refers = {"order_id > work_order (order_id)"},
     .indexes = {"order_id", "customer_no"},
     .what = "tickets as issued; keys are derived when needed, never stored"},
    {TABLE(ticket_holder), .key = "order_id, device_id",
     .what = "which laptops were given an order's tickets"},
    {TABLE(tariff), .key = "tariff_id", .unique = {"class, valid_from_s"},
     .what = "prices; never changed once made. steps: \"0=850;500000=1200\", from litres = "
             "milli-minor a litre"},
    {TABLE(payment), .key = "payment_id", .unique = {"provider, provider_ref"},
     .refers = {"account_no > account (account_no)"},
     .indexes = {"account_no", "state, asked_at_ms", "asked_at_ms"},
     .what = "money asked for and received; the id is the payer's, so that nothing is paid twice"},
    {TABLE(token), .key = "account_no, sequence", .unique = {"op_id", "cause_id, kind"},
     .refers = {"account_no > account (account_no)", "meter_id > meter (meter_id)",
                "payment_id > payment (payment_id)"},
     .indexes = {"state, made_at_ms", "swap_case", "account_no, state, kind, litres, sequence"},
     .what =
         "credit issued to meters. litres: what it changes by, the four ceilings: what it carries"},
    {TABLE(provider), .key = "name",
     .what = "who takes payments; sealed: the secret that signs its messages"},
    {TABLE(refund), .key = "refund_id",
     .unique = {"account_no, sequence, live", "account_no, by_sequence"},
     .refers = {"account_no > account (account_no)"},
     .what = "unused tokens given back: wanted by one, approved (asked) by another, then paid or "
             "refused by the meter's own receipt; live: null once it is refused, so that a token "
             "has one other at most"},
    {TABLE(payout), .key = "payout_id", .unique = {"account_no, live"},
     .refers = {"account_no > account (account_no)"},
     .what = "what an account that was closed without a swap left: paid out or written off, asked "
             "for by one, decided by another; live: null once it is decided"},
    {TABLE(item), .key = "item_id", .unique = {"device_id, seq"},
     .refers = {"device_id > device (device_id)"}, .indexes = {"order_id", "hash"},
     .what = "what laptops sent, as it came; each has its place in its device's chain"},
    {TABLE(stray), .key = "device_id, hash", .unique = {"device_id, seq"},
     .refers = {"device_id > device (device_id)"}, .indexes = {"hash"},
     .what = "what came and could not become an item; assumed_seq: of one that was not decoded, "
             "until the next item proves it"},
    {TABLE(receipt), .key = "meter_id, seq", .unique = {"meter_id, op_id"},
     .refers = {"meter_id > meter (meter_id)", "order_id > work_order (order_id)"},
     .indexes = {"account_no, command", "meter_id, ticket_serial", "verified_at_ms"},
     .what = "receipts that verified; gap: the one before it is not home; flowed_l, cleared_l: by "
             "this operation"},
    {TABLE(posted_totals), .key = "meter_id, account_no", .refers = {"meter_id > meter (meter_id)"},
     .indexes = {"account_no"},
     .what = "the totals of a meter up to which the ledger is posted; index_l: without what flowed "
             "after the closing, certified_l: credit less debt that came by certificate, debt_l: "
             "that its own closing certificate says"},
    {TABLE(closing), .key = "meter_id, account_no", .refers = {"meter_id > meter (meter_id)"},
     .what = "closing certificates as meters made them"},
    {TABLE(certificate), .key = "order_id", .unique = {"number"},
     .refers = {"order_id > work_order (order_id)"}, .what = "certificates of commissioning"},
    {TABLE(ledger_account), .key = "unit, code, owner",
     .what = "ledger accounts with their balance; unit: \"litre\", or a currency whose thousandths "
             "of the minor unit are counted"},
    {TABLE(journal), .key = "op_id, kind", .indexes = {"at_ms"},
     .what = "what happened: one entry with its postings, for good"},
    {TABLE(posting), .key = "op_id, kind, line",
     .refers = {"op_id, kind > journal (op_id, kind)",
                "unit, code, owner > ledger_account (unit, code, owner)"},
     .indexes = {"unit, code, owner"},
     .what = "lines of the journal; amount: debit above zero, credit below; of each unit they sum "
             "to zero"},
    {TABLE(change_feed), .key = "change_no", .refers = {"order_id > work_order (order_id)"},
     .indexes = {"staff_no, change_no"},
     .what = "what a laptop of this person has to fetch; a cursor is the last change_no that it "
             "stored"},
    {TABLE(audit_log), .key = "n", .indexes = {"at_ms"},
     .what = "who did what; only ever appended to, each row with the hash of the one before"},
};
const size_t odb_n_tables = sizeof odb_tables / sizeof odb_tables[0];
