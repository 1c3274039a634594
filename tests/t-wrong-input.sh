#!/usr/bin/env bash
# t-wrong-input.sh - what wrong input gets: a sentence that says what happened and what to do, nothing half-done, and
# the documented exit status. The whole system, the real programs. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/wrong
RATE=8 FLOW=36000
. tests/tools/tap.sh
CHEAP=1
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

opening() { fitter run account-opening --job "$@" --answers "$W/answers"; }
waiting() { fitter outbox | grep -c "waiting" || true; }

world_start >/dev/null
set -- $METERS

run 3 "no such job" opening J-9999 --label x
says "no such job" "it says so"

run 2 "a camera for a run" opening J-0001 --camera /dev/video0
says "gasfitter scan" "it says what looks through one"

qrencode -o "$W/foreign.png" "https://example.org/not-a-meter"
run 3 "a foreign QR code" opening J-0001 --image "$W/foreign.png"
says "https://example.org/not-a-meter" "it says what the code contains"
says "To do:" "it says what to do"

office label "$1" --png "$W/1.png" --scale 6 >/dev/null
office label "$2" --png "$W/2.png" --scale 6 >/dev/null
head -c 300 "$W/1.png" >"$W/damaged.png"
run 3 "a damaged image" opening J-0001 --image "$W/damaged.png"
says "E023" "the image is named as what cannot be read"
printf 'P5 1 1 255 x' >"$W/not.png"
run 3 "not a PNG" opening J-0001 --image "$W/not.png"
run 3 "no such file" opening J-0001 --image "$W/none.png"

run 3 "a meter that is not the job's" opening J-0001 --image "$W/2.png"
says "$1" "the job's meter is named"
says "$2" "the scanned meter is named"

run 3 "a meter that nobody registered" opening J-0001 --label "$(label_text GM2400999935)"
says "GM2400999935" "the scanned meter is named"
run 3 "an order for an unregistered meter" office work-order GM2400999935 SP-0001 S001 --due 2026-01-01 --number J-0008
says "GM2400999935" "the meter is named"

run 3 "a typed id with wrong check digits" opening J-0001 --label "GASM:1:GM2400000157:-:0000"

# nothing of all that reached the meter
run 0 "synchronisation" fitter sync
is "$(office show receipts --json | grep -c command || true)" 0 "no meter did anything"
is "$(office show accounts --json | grep -vc '"opened": null' || true)" 2 "no account was opened"

# another meter answers to the job's id: same label, other key
world_kill meter2
mv "$W/meter2.nvm" "$W/meter2.real"
"$BUILD/gasmeter" manufacture --id "$2" --nvm "$W/meter2.nvm" --transport-key "$W/transport.key" \
    --shipment "$W/false.csv" --type 4 --pulse-l 1 --address 02:00:00:00:00:02 --verified 2026-06-01 >/dev/null
world_meter 2
run 4 "a meter with the right id and another key" opening J-0002 --image "$W/2.png"
says "To do:" "it says what to do"
world_kill meter2
mv "$W/meter2.real" "$W/meter2.nvm"
world_meter 2

# a full disk: the first durable write of the opening finds no space; later it goes on
full() {
    env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -P "$W/laptop/gasfitter.db-wal" -e trace=pwrite64 \
        -e inject=pwrite64:error=ENOSPC:when=3+ "$BUILD/gasfitter" --data "$W/laptop" \
        --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" run account-opening --job J-0002 \
        --image "$W/2.png" --answers "$W/answers"
}
run 7 "a full disk" full
says "E090" "it says that the disk is full"

# head office away
world_kill office
run 6 "head office away: synchronisation" fitter sync
says "E080" "it says that head office cannot be reached"
run 0 "head office away: the opening goes on" opening J-0002 --image "$W/2.png"
run 0 "the outbox" fitter outbox
says "waiting       receipt" "what each record is"
is "$([ "$(waiting)" -gt 0 ] && echo some)" some "its records wait on the laptop"
world_serve
run 0 "head office is back" fitter sync
is "$(waiting)" 0 "no record waits any more"

# a ticket that has expired: an opening that was cut once the meter had its clock goes on three days later
wrap="env ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -P $W/laptop/gasfitter.db-wal -e trace=fdatasync -e inject=fdatasync:signal=SIGKILL:when=31"
$wrap "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" \
    run account-opening --job J-0001 --image "$W/1.png" --answers "$W/answers" >"$W/cut.log" 2>&1 || true
is "$(grep -c '^\[10/14\]' "$W/cut.log")" 1 "an opening is cut after the clock was set"
world_kill meter1
world_spawn meter1 env FAKETIME_DONT_FAKE_MONOTONIC=1 ASAN_OPTIONS=verify_asan_link_order=0 faketime -f +3d "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" \
    --adapter 02:00:00:00:00:01 --bus "$BUS" --flow-l-per-h "$FLOW" --clock-rate "$RATE"
world_wait meter1 ready
run 4 "an expired ticket" opening J-0001 --image "$W/1.png"
says "E041" "it says that the meter refused the ticket"
says "To do:" "it says what to do"

# a second gasfitter on the same database, while the first looks for a meter that is not there
world_kill meter3
world_spawn first "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" \
    run account-opening --job J-0003 --label "$(label_text "$3")" --answers "$W/answers"
world_wait first "\[ 1/"
run 8 "a second gasfitter" fitter jobs
says "E092" "it says that another one runs"
world_kill first

printf 'wrong\n' >"$W/other"
run 4 "a wrong passphrase" "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/other" jobs
says "E047" "it says so"

# a revoked laptop
office revoke S001 >/dev/null
run 4 "a revoked laptop" fitter sync
says "E045" "it says that the laptop is revoked"

run 0 "audit" office audit
says "audit: clean" "the books are clean after all that"
done_testing
