#!/usr/bin/env bash
# t-office-postgresql.sh - the whole system with head office's database on PostgreSQL: an account is opened, gas is sold,
# keys are sealed anew and everything is copied while head office serves; and the copy, brought back into a file and into
# another database, is the same. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
export BUILD
HOME_W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-opg.XXXXXX")
W=$HOME_W/w RATE=10
CHEAP=1
. tests/tools/world.sh
SOCKET="@gasfitter-opg-$$" SERVER=""
stop() {
    world_stop
    [ -z "$SERVER" ] || { kill -INT "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }
    rm -rf "$HOME_W"
}
trap stop EXIT
trap 'exit 130' INT TERM HUP
chmod 711 "$HOME_W"
unset GASOFFICE_PASSPHRASE_FILE GASOFFICE_PIN_FILE CREDENTIALS_DIRECTORY

# ---- a server with three empty databases ----
PG=/usr/lib/postgresql/15/bin
tests/tools/pg "$HOME_W/pg" "$SOCKET" &
SERVER=$!
until $PG/pg_isready -q -h "$SOCKET"; do
    kill -0 "$SERVER" 2>/dev/null || { echo "Bail out! PostgreSQL did not start"; cat "$HOME_W/pg.log"; exit 1; }
    sleep 0.05
done
sql() { $PG/psql -X -q -A -t -h "$SOCKET" -U postgres "$@"; }
url() { printf 'postgresql:///%s?host=%s&user=postgres' "$1" "$SOCKET"; }
for d in office other latin; do
    sql postgres -c "CREATE DATABASE $d TEMPLATE template0 ENCODING '$([ $d = latin ] && echo LATIN1 || echo UTF8)'"
done

# ---- what is refused before there is an office ----
mkdir -p "$W"
run 7 "a database in another encoding" office init --db "$(url latin)"
says "UTF8" "says which one it has to be"
run 7 "a database that is not there" office init --db "$(url none)"
says "does not exist" "says so"
rm -rf "$W"

# ---- the whole system: the program serves while everything below is done ----
DB=$(url office)
world_start
ok "$([ ! -e "$W/office/office.db" ] && echo 0 || echo 1)" "there is no file office.db"
is "$(stat -c %a "$W/office/db.url")" 600 "the database's URL is the owner's alone"
run 8 "an office twice in one database" "$BUILD/gasoffice" --dir "$W/second" init --db "$DB"
run 0 "an account is opened" fitter run account-opening --job J-0001 --label "$(label_text GM2400000156)" \
    --answers "$W/answers"
run 0 "staff" office add-staff S900 "Ines Okafor" supervisor
run 0 "prices" office tariff add T-2026 "0=85;500000=120" --currency EUR --period month --by S900
account=$(office show accounts --lines | sed -n 's/.*"account_no": \([0-9]*\), "state": "open".*/\1/p')
id=0199a000-0000-7000-8000-000000000001
run 0 "a payment" office pay "$account" 2000 EUR --id "$id"
paid=$OUT
run 0 "the same payment again" office pay "$account" 2000 EUR --id "$id"
is "$OUT" "$paid" "has no second effect"
run 0 "its token, printed again" office token "$account"
run 0 "a customers' file again" office import-customers "$W/customers.csv"
says "0 added, 0 changed, 3 the same" "changes nothing"
printf '%s\n' number,kind,meter_id,old_meter_id,supply_point,staff_no,due,priority,parameters,note \
    J-0100,inspection,GM2400000156,,SP-0001,S001,,2,, >"$W/orders.csv"
run 0 "orders from a file" office import-orders "$W/orders.csv"
run 0 "plan the year's verifications" office due-list 2040-01-01
run 0 "a report of the day" office report day "$(date -u +%Y-%m-%d)"
run 0 "of a technician" office report technician S001
run 0 "of a meter" office report meter GM2400000156
run 0 "of what is overdue" office report overdue
run 0 "a refund is wanted" office refund want "$account" 1 --by S900 --reason "moves away"
run 0 "a service that tells of payments" office provider list
run 0 "the audit" office audit
says "audit: clean" "is clean"

# ---- keys ----
run 0 "every key sealed anew while the service goes on" office rotate-master-key
run 0 "a synchronisation after it" fitter sync
run 0 "the audit after it" office audit
says "audit: clean" "is clean"

# ---- a copy, while others write ----
(for i in 1 2 3 4 5 6; do office pay "$account" 100 EUR >>"$W/paid" || echo failed >>"$W/paid"; done) &
PAYER=$!
run 0 "a backup while payments go on" office backup "$HOME_W/moving.gasoffice"
wait "$PAYER"
is "$(grep -c failed "$W/paid" || true)" 0 "and none of them fails"
run 0 "a backup" office backup "$HOME_W/still.gasoffice"

# registers DIR - everything that show tells, and the audit's sums
registers() {
    local r
    for r in $("$BUILD/gasoffice" --dir "$1" show --json | sed -n 's/.*"register": "\(.*\)".*/\1/p'); do
        echo "== $r"
        "$BUILD/gasoffice" --dir "$1" show "$r" --lines
    done
}
registers "$W/office" | grep -v '"what": "restored"' >"$HOME_W/was"
ok "$([ "$(grep -c '^== ' "$HOME_W/was")" -ge 10 ] && grep -q '"account_no"' "$HOME_W/was" && echo 0 || echo 1)" \
    "the registers are told"
# back DIR FILE [--db URL] - key files from where they are kept, then everything else
back() {
    mkdir -p "$1"
    cp "$W/office/"{ca,server,sign}.{pem,key} "$W/office/master.key" "$1"
    "$BUILD/gasoffice" --dir "$1" restore "$2" "${@:3}"
}
check() { # DIR WHAT - the audit of it is clean, and it holds what the first one does
    run 0 "the audit of $2" "$BUILD/gasoffice" --dir "$1" audit
    says "audit: clean" "$2: the books are whole"
    registers "$1" | grep -v '"what": "restored"' >"$HOME_W/is"
    ok "$(diff "$HOME_W/was" "$HOME_W/is" | head -20 | sed 's/^/# /' >"$HOME_W/diff"; cat "$HOME_W/diff" >&2
        [ -s "$HOME_W/diff" ] && echo 1 || echo 0)" "$2: every register is the same"
}
run 0 "restore what was copied while it moved" back "$HOME_W/moved" "$HOME_W/moving.gasoffice"
run 0 "the audit of it" "$BUILD/gasoffice" --dir "$HOME_W/moved" audit
says "audit: clean" "the books are whole: it is one moment"
run 0 "restore into a file" back "$HOME_W/file" "$HOME_W/still.gasoffice"
check "$HOME_W/file" "the file"
run 0 "restore into another database" back "$HOME_W/base" "$HOME_W/still.gasoffice" --db "$(url other)"
check "$HOME_W/base" "the other database"
run 8 "restore into a database that has an office" back "$HOME_W/more" "$HOME_W/still.gasoffice" --db "$(url other)"
run 0 "a backup of the file" "$BUILD/gasoffice" --dir "$HOME_W/file" backup "$HOME_W/again.gasoffice"
run 0 "the file can sell" "$BUILD/gasoffice" --dir "$HOME_W/file" pay "$account" 100 EUR
run 0 "so can the other database" "$BUILD/gasoffice" --dir "$HOME_W/base" pay "$account" 100 EUR

# ---- the server ends under a head office that serves ----
world_stop
kill -INT "$SERVER"
wait "$SERVER" 2>/dev/null || true
SERVER=""
run 7 "a database that is away" office show meters
says "cannot be reached" "says so, and what to do"
done_testing
