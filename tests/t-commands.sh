#!/usr/bin/env bash
# t-commands.sh - every command of gasoffice on a head office with an account that a real meter opened: once as it should
# be, its answer read as JSON; and with what is wrong, which is refused with its place, as JSON too. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
. tests/tools/tap.sh
W=${BUILD_TMP:-$BUILD/tmp}/commands RATE=10 FLOW=6000
mkdir -p "$(dirname "$W")"
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

# ---- a world with one open account ----
world_new
: >"$W/good" >"$W/bad"
world_bus
world_radio
world_registers
world_meter 1
world_serve
world_laptop
run 0 "an account is opened" fitter run account-opening --job J-0001 --label "$(label_text GM2400000156)" --answers "$W/answers"
account=$(office show accounts --lines | sed -n 's/.*"account_no": \([0-9]*\), "state": "open".*/\1/p')
receipt_key=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
(umask 077; echo "$receipt_key" >"$W/secret")

# parsed WORD... - the document in $OUT holds together; prints what stands there
parsed() {
    /usr/bin/python3 -c 'import json, sys
at = json.loads(sys.argv[1])
for word in sys.argv[2:]:
    at = at[int(word)] if isinstance(at, list) else at[word]
print(at)' "$OUT" "$@" 2>/dev/null || echo "no JSON"
}
# good COMMAND ARGUMENT... - ends well, with one JSON document; it ends well for people too where the same again is the same
good() {
    local command=$1
    shift
    echo "$command" >>"$W/good"
    run 0 "$command" office $command "$@" --json
    holds "$command: its answer is JSON" [ "$(parsed)" != "no JSON" ]
}
# bad COMMAND STATUS WORDS ARGUMENT... - ends with that exit status, and says these words: in a sentence and in JSON
bad() {
    local command=$1 status=$2 words=$3
    shift 3
    echo "$command" >>"$W/bad"
    run "$status" "$command $*" office $command "$@"
    says "$words" "$command $*: says why"
    run "$status" "$command $* in JSON" office $command "$@" --json
    is "$(parsed exit_status)" "$status" "$command $*: its failure is JSON"
    case "$(parsed where) $(parsed detail)" in *"$words"*) ok 0 "$command: with the place" ;; *) is "$OUT" "$words" "$command: with the place" ;; esac
}
id() { cat /proc/sys/kernel/random/uuid; }

# ---- the office ----
good init --dir "$W/other"
bad init 8 "a head office in this folder already"
bad init 2 "a password on a command line" --dir "$W/third" --db postgresql://u:secret@localhost/x
bad init 2 "a password on a command line" --dir "$W/third" --db 'postgresql://u@localhost/x?port=1&%70assword=secret'
bad init 2 "--db begins with postgresql://" --dir "$W/third" --db mysql://localhost/x
bad init 3 "No such file" --dir "$W/third" --db-file "$W/none"
echo postgresql://u:secret@localhost/x >"$W/url"
chmod 644 "$W/url"
bad init 3 "others may read the password" --dir "$W/third" --db-file "$W/url"
is "$(ls -A "$W/third")" "" "nothing is made there"
echo serve >>"$W/good" # since world_serve
bad serve 2 "missing" --listen 127.0.0.1:0
good setting install_url https://office.example/gasfitter
bad setting 3 "verification_years" verification_years 0
good rotate-master-key
bad rotate-master-key 2 "paper" --to paper

# ---- registers ----
good add-staff S900 "Ines Okafor" supervisor
office add-staff S901 "Nils Brandt" supervisor >/dev/null
good add-staff S005 "Omar Haddad" technician
bad add-staff 3 "role" S006 "Omar Haddad" gardener
good enrol S005
bad enrol 3 "no such person" S999
good revoke S005
bad revoke 3 "device" S777
good import-meters "$W/shipment.csv" --transport-key "$W/transport.key"
is "$(parsed same)" 3 "the same shipment again is the same"
sed '3s/,4,/,9,/' "$W/shipment.csv" >"$W/bad.csv"
bad import-meters 3 "line 3, column" "$W/bad.csv" --transport-key "$W/transport.key"
good import-customers "$W/customers.csv"
printf 'customer_no,name\nC-1,A\n' >"$W/bad.csv"
bad import-customers 3 "line 1" "$W/bad.csv"
good show meters
bad show 2 "everything" everything

# ---- work orders ----
good work-order GM2400000156 - - --kind inspection --number J-0100 --id "$(id)"
is "$(parsed number)" J-0100 "under its number"
bad work-order 3 "GM2400000155" GM2400000155 - -
bad work-order 3 "kind" GM2400000156 - - --kind gardening
printf 'number,kind,meter_id,old_meter_id,supply_point,staff_no,due,priority,parameters,note\nJ-0200,query,GM2400000156,,,,,,,\n' >"$W/orders.csv"
good import-orders "$W/orders.csv"
is "$(parsed added)" 1 "one is added"
sed 's/J-0200,query/J-0201,gardening/' "$W/orders.csv" >"$W/bad.csv"
bad import-orders 3 "line 2, column 8" "$W/bad.csv"
bad import-orders 3 "No such file" "$W/none.csv"
good due-list 2036-01-01
bad due-list 3 "before" 2036-13-01
bad due-list 3 "kind" 2036-01-01 --kind purge
good assign J-0100 S001
bad assign 3 "no order with this number" J-9999 S001
bad assign 3 "no such person" J-0200 S999
good check J-0001 S900
bad check 8 "it is assigned" J-0100 S900
bad check 3 "no order with this number" J-9999 S900
good cancel J-0100
bad cancel 8 "it is checked" J-0001
bad cancel 3 "no order with this number" J-9999

# ---- swaps ----
office cancel J-0003 >/dev/null
office cancel J-0200 >/dev/null
run 0 "a swap is ordered" office work-order GM2400000350 SP-0001 - --kind swap --reason fault --number J-0300
good "swap list" --state planned
is "$(parsed 0 new_meter_id)" GM2400000350 "the case is listed"
swap=$(parsed 0 number)
bad "swap list" 3 "state" --state lost
good "swap show" "$swap"
is "$(parsed transit_l)" 0 "nothing is in transit"
bad "swap show" 3 "there is no such swap case" SW-999999
bad "swap settle" 8 "closed" "$swap"
bad "swap settle" 3 "there is no such swap case" SW-999999 --online
bad "swap estimate" 8 "open" "$swap" 100 S001 S900
bad "swap estimate" 2 "litres" "$swap" many S001 S900
bad "swap estimate" 3 "there is no such swap case" SW-999999 100 S001 S900
good "swap cancel" "$swap"
is "$(parsed state)" cancelled "it is called off"
bad "swap cancel" 3 "there is no such swap case" SW-999999
bad "swap move" 8 "closed" "$account" $((account + 1))
bad "swap move" 2 "account" none "$account"

# ---- money ----
good "tariff add" T-2026 "0=850;500000=1200" --currency EUR --period month --by S900
bad "tariff add" 3 "step 2" T-2027 "0=850;0=900" --currency EUR
good "tariff show" T-2026
is "$(parsed steps 1 milli_per_l)" 1200 "its steps"
bad "tariff show" 3 "there is no such tariff" T-1999
good "tariff price" T-2026 1000
is "$(parsed amount_minor)" 850 "1000 litres at 0.850 cents"
bad "tariff price" 2 "litres" T-2026 0
bad "tariff price" 3 "there is no such tariff" T-1999 10
good pay "$account" 2000 EUR --id "$(id)" --by S001
is "$(parsed litres)" 2352 "2000 cents at 0.850"
bad pay 2 "amount" "$account" 0 EUR
bad pay 4 "currency" "$account" 5 USD
good token "$account"
bad token 3 "the account has no such token" "$account" 99
refund=$(id)
good "refund want" "$account" 1 --reason "paid twice" --by S001 --id "$refund"
bad "refund want" 2 "by" "$account" 1 --reason "paid twice"
bad "refund approve" 8 "another" "$refund" --by S001
good "refund reject" "$refund" --by S900
bad "refund reject" 3 "id" none --by S900
refund=$(id)
office refund want "$account" 1 --reason "paid twice" --by S001 --id "$refund" >/dev/null
good "refund approve" "$refund" --by S900
is "$(parsed state)" asked "the meter decides"
good "provider add" demo --secret "$W/secret" --by S900
echo 0011 >"$W/short"
bad "provider add" 3 "secret" other --secret "$W/short"
good "provider list"
good "provider end" demo
bad "provider end" 3 "there is no such provider" nobody
bad "provider list" 2 "too many" all
bad "payout want" 8 "closed" "$account" EUR --reason "moved away" --by S001
bad "payout confirm" 3 "id" none --by S900
bad "payout reject" 3 "id" none --by S900

# ---- labels, reports, proofs ----
good label GM2400000156
bad label 3 "GM2499999978" GM2499999978
today=$(date -u +%Y-%m-%d)
good "report day" "$today"
bad "report day" 3 "date" 2026-11-31
good "report technician" S001
bad "report technician" 3 "S999" S999
good "report meter" GM2400000156
bad "report meter" 3 "GM2499999978" GM2499999978
good "report overdue" --before 2099-01-01
is "$(parsed items 2 meter_id)" GM2400000350 "three that will have ended then"
bad "report overdue" 3 "before" --before 2099-02-30
good audit
is "$(parsed clean)" True "and is clean"
bad audit 3 "make one with init" --dir "$W/third"
bad verify-certificate 3 "certificate" "$W/customers.csv"
echo verify-certificate >>"$W/good" # tests/t-faces.sh, with what gasfitter prints

# ---- backup ----
good backup "$W/backup"
bad backup 8 "there is such a file" "$W/backup"
mkdir "$W/restored"
cp "$W/office/"*.pem "$W/office/"*.key "$W/restored/"
good restore "$W/backup" --dir "$W/restored"
bad restore 8 "already" "$W/backup"
run 0 "backup where a name cannot be given in one step" strace -f -qq -o /dev/null -e trace=renameat2 \
    -e inject=renameat2:error=EINVAL env ASAN_OPTIONS=detect_leaks=0 "$BUILD/gasoffice" --dir "$W/office" backup "$W/fat"
run 0 "it is the same" cmp "$W/fat" "$W/backup"
run 8 "and writes over nothing" strace -f -qq -o /dev/null -P "$W/fat" -e trace=renameat2,faccessat2,access \
    -e inject=renameat2:error=EINVAL -e inject=access,faccessat2:error=ENOENT env ASAN_OPTIONS=detect_leaks=0 "$BUILD/gasoffice" --dir "$W/office" backup "$W/fat"
world_kill office
run 7 "a disk that is full when the database is opened" strace -f -qq -o /dev/null -P "$W/office/office.db-shm" \
    -e trace=ftruncate,pwrite64 -e inject=ftruncate,pwrite64:error=ENOSPC env ASAN_OPTIONS=detect_leaks=0 \
    "$BUILD/gasoffice" --dir "$W/office" show staff
says "the disk is full" "is called so"
for i in 1 2 3 4; do
    "$BUILD/gasoffice" --dir "$W/at-once" init >"$W/init$i" 2>&1 && echo 0 >"$W/status$i" || echo $? >"$W/status$i" &
    PIDS="$PIDS $!" inits="${inits:-} $!"
done
wait $inits
is "$(cat "$W"/status? | sort | tr '\n' ' ')" "0 8 8 8 " "of four inits at once one makes it, the others say so"
run 0 "and it is whole" office audit --dir "$W/at-once"

# ---- no command is left out ----
# what a closed account leaves needs meters that are taken away: tests/unit/test_api_swaps.c, test_admin_payouts.c
printf '%s\n' "swap settle" "swap estimate" "swap move" "payout want" "payout confirm" "payout reject" >>"$W/good"
sed -n 's/^### //p' docs/gasoffice.md | sort >"$W/commands"
is "$(sort -u "$W/good" | comm -3 "$W/commands" -)" "" "every command has been seen to do it"
is "$(sort -u "$W/bad" | comm -3 "$W/commands" -)" "" "every command has refused something"
done_testing
