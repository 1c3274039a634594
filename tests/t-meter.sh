#!/usr/bin/env bash
# t-meter.sh - commands of the meter through `gasfitter meter`: an opening by hand, service, a recharge, the end of an
# account by a swap, 400 days of history; what is refused without the right ticket; and kill -9 in the middle of
# a change. TAP.
# WORLD: the file of another world, tests/vm/world.sh; nobody is killed there.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=${BUILD_TMP:-$BUILD/tmp}/meter
[ -n "${WORLD:-}" ] || RATE=10 FLOW=36000
. tests/tools/tap.sh
CHEAP=1
. "${WORLD:-tests/tools/world.sh}"
[ -n "${WORLD:-}" ] || trap world_stop EXIT
trap 'exit 130' INT TERM HUP

# ask METER WORDS... - a talk; what is dangerous is confirmed
ALL=purge_start,zero_clear,commission,valve_arm,valve_close,close_account,self_test,reset_to_factory
ask() { local id=$1; shift; fitter meter --meter "$id" --confirm "$ALL" "$@"; }
# does NAME METER COMMAND [ARGUMENT...] - it is done, and counts as tested
# left_out COMMAND WHY - it is not run here
left_out() { TESTED="$TESTED $1"; echo "# $1 is not run here: $2"; }
TESTED=""
does() { local name=$1; shift; TESTED="$TESTED $2"; run 0 "$2: $name" ask "$@"; }
# refuses COMMAND METER - without a ticket that gives the right
refuses() {
    local name=$1 id=$2
    shift 2
    run 4 "$name without the right" ask "$id" "$name" "$@"
    says "E053" "it says so"
    says "$name needs" "and which right is needed"
}
out_has() { grep -Eq -- "$1" <<<"$OUT"; }
value() { printf '%s\n' "$OUT" | sed -n "s/^$1: //p" | tail -1; }

world_start >/dev/null
set -- $METERS
A=$1 B=$2 C=$3 D=GM2400001223
param=credit_low_l

# ---- what needs no meter: the list, wrong words ----
run 0 "the list" "$BUILD/gasfitter" meter --help
COMMANDS=$(printf '%s\n' "$OUT" | sed -n 's/^  \([a-z_]*\)  *!\{0,1\} *\([A-Z]*\|any\|nobody\)  .*/\1/p')
NAMES=$(sed -n '/^## Commands/,/^## Parameters/s/^| [0-9]* | `\([a-z_]*\)`.*/\1/p' docs/meter-tables.md)
is "$(echo $COMMANDS)" "$(echo $NAMES)" "--help has the commands of the meter's table"
run 2 "no such command" ask "$A" frobnicate
says "frobnicate" "it is named"
run 2 "no such argument" ask "$A" read_balance loud=yes
says "loud=yes" "it is named"
run 3 "an argument that is no number" ask "$A" purge_start litres=many
says "litres: a number from 1" "it says where and what"
run 2 "an argument is missing" ask "$A" zero_clear
says "residual: it has to be given" "it is named"
run 2 "given twice" ask "$A" read_events last=1 last=2
run 3 "a period that is none" ask "$A" read_history period=weeks
run 3 "a parameter outside its range" ask "$A" set_parameters "$param=999999999"
says "$param" "it is named"
run 2 "no meter said" fitter meter identify
run 3 "a meter id with a wrong digit" fitter meter --meter GM2400000157 identify
run 2 "what only the meter makes" ask "$A" key_activated
left_out key_activated "the meter makes it, when a new key is used first"
run 3 "a dangerous one without its word" fitter meter --meter "$A" purge_start
says "E029" "it has to be confirmed"

# ---- opening, by hand ----
does "before it has a key" "$A" identify
says "state: new from the factory" "it is new"
run 4 "a command before the key" ask "$A" read_balance
does "from what head office sent" "$A" install_key
does "from the job" "$A" open_account
is "$(value state)" "has its key" "open_account: its key is active"
for name in valve_arm self_test reset_to_factory close_account; do refuses "$name" "$A"; done
refuses import_credit "$A" certificate=00
refuses recharge "$A" token=00
# the six litres have flowed soon after the valve has opened, which takes 2 s of the meter's clock; on a slow machine the keep-alive
# may come too late for them. The ticket's litres are enough for three tries; each begins when the valve has shut again
purge() {
    local try
    for try in 1 2 3; do
        ask "$1" pause 3 then purge_start litres=6 seconds=60 then purge_keepalive then pause 4 then purge_stop && return
    done
    return 1
}
TESTED="$TESTED purge_start purge_keepalive purge_stop"
run 0 "purge_start, purge_keepalive, purge_stop: gas flows" purge "$A"
holds "purge_stop: gas flowed, and it tells how much" [ "$(value flowed_l)" -gt 0 ]
is "$(value valve)" shut "purge_stop: the valve is shut"
does "state and totals" "$A" read_balance
residual=$(value residual_l)
run 4 "another residual than it has" ask "$A" zero_clear residual=12345
does "the residual that it has" "$A" zero_clear "residual=$residual"
does "this laptop's time" "$A" set_clock
run 4 "a time outside the ticket's" ask "$A" set_clock utc=2031-01-01T00:00:00Z
does "by name and number" "$A" set_parameters "$param=4000" 10=20
does "each with its unit" "$A" get_parameters
holds "get_parameters: what was set" out_has "7  $param +4000  l"
does "into service" "$A" commission
is "$(value state)" "in service" "commission: it is in service"
does "all that it keeps" "$A" read_receipts
holds "read_receipts: the last is there" out_has commission
office label "$A" --png "$W/1.png" --scale 6 >/dev/null
run 0 "the procedure finds everything done, and ends the job" \
    fitter run account-opening --job J-0001 --image "$W/1.png" --answers "$W/answers"

# ---- the rest of the opened meters, as procedures do it ----
office label "$B" --png "$W/2.png" --scale 6 >/dev/null
run 0 "another meter" fitter run account-opening --job J-0002 --image "$W/2.png" --answers "$W/answers"

# ---- in service ----
run 0 "the account" ask "$A" identify
account=$(value account)
office add-staff S900 "Ines Okafor" supervisor >/dev/null
office tariff add T-2026 "0=850" --currency EUR --period month --by S900 >/dev/null
office pay "$account" 2000 EUR --json >"$W/sale"
digits_of() { sed -n '/"digits": *"/{s/.*"digits": *"\([0-9]*\)".*/\1/p;q}' "$1"; }
run 0 "an order for maintenance" office work-order "$A" - S001 --kind maintenance --number M-1 --due "$(date -u -d '+402 days' +%Y-%m-%d)"
run 0 "its tickets, and the token" fitter sync
refuses close_account "$A"
does "the token that head office sent" "$A" recharge
bought=$(value residual_l)
is "$(value purchased_l)" 2352 "recharge: the litres that were sold"
run 0 "the same token again" ask "$A" recharge "$(digits_of "$W/sale")"
is "$(value residual_l)" "$bought" "recharge: brings nothing twice"
does "what was bought" "$A" read_purchases
holds "read_purchases: the sale" out_has ' 2352 '
does "for the button" "$A" valve_arm
holds "valve_arm: it waits for the button" [ "$(value armed_s)" -gt 0 ]
does "shut" "$A" valve_close
is "$(value valve)" shut "valve_close: it is shut"
does "all is well" "$A" self_test
is "$(value passed)" yes "self_test: passed"
does "newest of them" "$A" read_events last=3
is "$(printf '%s\n' "$OUT" | grep -c 'Z ' || true)" 3 "read_events: so many as were asked"
does "the days that ended" "$A" read_history

# ---- killed in the middle of a change, asked again ----
# settings - how many times the meter has executed set_parameters
settings() { ask "$C" read_receipts 2>/dev/null | grep -c ' set_parameters ' || true; }
# killed SYSCALL N [FILE] - gasfitter ends at its n-th call of it, in a change; then the same is asked again
killed() {
    local code=0 before
    before=$(settings)
    env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$W/strace" ${3:+-P "$3"} -e "trace=$1" \
        -e "inject=$1:signal=SIGKILL:when=$2" "$BUILD/gasfitter" --data "$W/laptop" \
        --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" \
        meter --meter "$C" set_parameters "$param=4000" >"$W/killed.log" 2>&1 || code=$?
    [ $code = 137 ] || return 0
    KILLED=$((KILLED + 1))
    run 0 "killed at $1 $2, asked again" ask "$C" set_parameters "$param=4000"
    case $OUT in *"settled first"*) ;; *) return 0 ;; esac
    SETTLED=$((SETTLED + 1))
    is "$(settings)" $((before + 1)) "killed at $1 $2: one effect"
}
kills() {
    local n writes made
    # bash tells of every job that a signal ended; that is the point here
    exec 3>&2 2>"$W/killed.stderr"
    KILLED=0 SETTLED=0
    does "on a third meter" "$C" install_key
    for n in 1 2 3 4; do killed fdatasync $n "$W/laptop/gasfitter.db-wal"; done
    # what the store writes until the meter's answer is in it; killed there, the meter has done it, and nobody knows
    settings >/dev/null         # the receipts that are missing here are fetched before, as in each run that is killed
    env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o "$W/strace" -e trace=pwrite64,write -P "$W/laptop/gasfitter.db-wal" -P "$W/counted.log" \
        "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" \
        meter --meter "$C" set_parameters "$param=4000" >"$W/counted.log" 2>/dev/null
    writes=$(awk '/pwrite64\(/ { n++ } / write\(/ { exit } END { print n }' "$W/strace")
    # how many they are differs from run to run, as pages fill: back from the last, until enough was left to settle
    for n in $(seq 1 $((writes - 1))); do
        [ $SETTLED -lt 3 ] || break
        killed pwrite64 $((writes - n)) "$W/laptop/gasfitter.db-wal"
    done
    holds "it was killed" [ $KILLED -gt 3 ]
    holds "and left something to settle" [ $SETTLED -gt 1 ]
    exec 2>&3
    run 0 "the records go home" fitter sync
    run 0 "the meter's receipts" ask "$C" read_receipts
    made=$(printf '%s\n' "$OUT" | sed -n 's/^ *\([0-9][0-9]*\) .*/\1/p' | sort -n | tr '\n' ' ')
    holds "there are some" [ -n "$made" ]
    run 0 "head office's" office show receipts --json
    is "$(printf '%s\n' "$OUT" | sed -n "s/.*\"meter_id\": *\"$C\".*\"seq\": *\([0-9]*\).*/\1/p" | sort -n | tr '\n' ' ')" "$made" \
        "each of them is at head office once"
}
# it takes strace's time, and is the same whatever the radio
[ -n "${WORLD:-}" ] || kills

# ---- a swap: another meter takes the second's place, and the credit that its customer typed in ----
run 0 "the second's account" ask "$B" identify
account=$(value account)
office pay "$account" 1000 EUR --json >"$W/sale"
world_kill meter2
world_meter 2 2 --control "$W/hand2"
# at_meter LINE - with a hand on the second meter; what it answers
at_meter() {
    /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1]); s.sendall((sys.argv[2] + "\n").encode())
print(s.makefile().readline(), end="")' "$W/hand2" "$1"
}
run 0 "the customer types a token" at_meter "type $(digits_of "$W/sale")"
has "$OUT" "^ok" "it is taken"
world_kill meter3
"$BUILD/gasmeter" manufacture --id "$D" --nvm "$W/meter4.nvm" --transport-key "$W/transport.key" --shipment "$W/more.csv" --type 4 \
    --pulse-l 1 --address 02:00:00:00:00:03 --verified 2026-06-01 >/dev/null
office import-meters "$W/more.csv" --transport-key "$W/transport.key" >/dev/null
world_meter 4 3
run 0 "an order for a swap" office work-order "$D" SP-0002 S001 --kind swap --old-meter "$B" --reason fault --number W-1
run 0 "its tickets" fitter sync
run 0 "the new one has a key" ask "$D" install_key
run 0 "and the swap's account" ask "$D" open_account
run 0 "gas flows" purge "$D"
run 0 "state and totals" ask "$D" read_balance
run 0 "no credit" ask "$D" zero_clear "residual=$(value residual_l)"
run 0 "the time" ask "$D" set_clock
run 0 "parameters" ask "$D" set_parameters "$param=4000"
run 0 "it is well" ask "$D" self_test
refuses valve_arm "$B"
run 0 "what the customer has" ask "$B" read_balance
left=$(value residual_l)
holds "there is credit" [ "$left" -gt 0 ]
does "with its certificate" "$B" close_account
holds "close_account: the certificate is there" out_has '^certificate: [0-9a-f]+$'
certificate=$(value certificate)
run 0 "read" ask "$B" read_balance
is "$(value state)" "account closed" "close_account: the meter says so"
run 4 "a certificate that was changed" ask "$D" import_credit "certificate=$(tr 0-9a-f 1-9a-f0 <<<"${certificate:0:60}")${certificate:60}"
does "what the old one had" "$D" import_credit "certificate=$certificate"
is "$(value residual_l)" "$left" "import_credit: the credit has come over"
run 4 "a second time" ask "$D" import_credit "certificate=$certificate"
run 0 "into service" ask "$D" commission
run 0 "everything goes home" fitter sync
run 8 "an order for the bench, too early" office work-order "$B" - S001 --kind bench-reset --number N-1
says "order W-1 for this meter is on-site" "the order by which it was closed has to have ended"
swap() { fitter run swap --job W-1 --label "$(label_text "$D")" --answers "$W/swap"; }
{ cat "$W/answers"; echo "old-meter = no"; } >"$W/swap"
run 3 "the swap's procedure finds everything done, and asks for the old meter" swap
says "Is the old meter's account closed" "it says so"
sed -i 's/^old-meter.*/old-meter = yes/' "$W/swap"
run 0 "it ends the order" swap
says "Certificate of commissioning" "with a certificate"

# ---- the old one on the bench ----
run 0 "an order for the bench" office work-order "$B" - S001 --kind bench-reset --number N-1
run 0 "its ticket" fitter sync
does "as it came from the factory" "$B" reset_to_factory
run 4 "the key is gone" ask "$B" identify
says "KEY_EXPIRED" "the meter says so"
run 0 "its state" at_meter status
says " state=factory " "reset_to_factory: it is as new"
run 0 "the receipt goes home" fitter sync
run 0 "what is registered" office show meters --json
has "$(grep "\"$B\"" <<<"$OUT")" '"factory"' "reset_to_factory: head office has it as new"

# ---- 400 days of history, page by page: the laptop's ticket is good until then, as its order is due then ----
world_kill meter1
run 0 "400 days pass" "$BUILD/pipe/meter_days" "$W/meter1.nvm" 400
world_meter 1
run 0 "all that it keeps" ask "$A" read_history
entries() { sed -n "s/^ *\([0-9][0-9]*\)  *$1  .*/\1/p" <<<"$OUT"; }
n=$(entries '20[0-9-]*' | wc -l)
holds "read_history: 400 days (401 over midnight)" [ "$n" = 400 -o "$n" = 401 ]
is "$(entries '20[0-9-]*')" "$(seq "$n")" "each day once, in order"
run 0 "the newest of them" ask "$A" read_history last=30
is "$(entries '20[0-9-]*')" "$(seq $((n - 29)) "$n")" "read_history: so many as were asked"
run 0 "the months" ask "$A" read_history months
n=$(entries '20[0-9-]*' | wc -l)
holds "read_history: 13 months have ended, or 14" [ "$n" = 13 -o "$n" = 14 ]

# ---- no command is forgotten ----
for name in $COMMANDS; do
    case "$TESTED " in *" $name "*) ;; *) ok 1 "$name is neither run nor left out for a reason" ;; esac
done
ok 0 "every command of the table is accounted for"
done_testing
