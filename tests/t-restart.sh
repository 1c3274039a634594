#!/usr/bin/env bash
# t-restart.sh - bluetoothd is killed at the moment when a step's request is on its way, again and again, and started again: one
# account opening goes on without a key press, and each operation has the id that it had. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder restart
FOLDER=$W W=$W/world RATE=10 FLOW=36000 CHEAP=1
. tests/tools/world.sh
tap_stop() { world_stop; }
# a link as slow as a real one: a request is on its way for some connection intervals, in the smallest fragments that there are
world_radio() {
    world_spawn radio "$BUILD/virtual-bluez" --bus "$BUS" --adapters 4 --clock-rate "$RATE" --ci-ms 200 --mtu 23
    world_wait radio ready
}
world_start >/dev/null
STEPS="key open-account zero-clear set-clock set-parameters commission"
DB=$W/laptop/gasfitter.db

world_spawn fitter "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" \
    run account-opening --job J-0001 --label "$(label_text GM2400000156)" --answers "$W/answers"
exec 3>&2 2>"$FOLDER/stderr"      # bash tells of each program that a signal ended
for step in $STEPS; do
    tests/tools/radio_killer.py "$DB" "$(cat "$W/radio.pid")" "$step" >>"$FOLDER/killed" || break
    world_kill radio
    world_radio
done
exec 2>&3
code=0
wait "$(cat "$W/fitter.pid")" || code=$?
[ $code = 0 ] || tail -5 "$W/fitter.log" >&2
ok $code "the opening ends well, without a key press"
is "$(cut -d' ' -f1 "$FOLDER/killed" | tr '\n' ' ')" "$STEPS " "bluetoothd was killed in each of the steps"
sed 's/^/# /' "$FOLDER/killed"
ok "$(grep -q 'in flight$' "$FOLDER/killed" && echo 0 || echo 1)" "at least one request was on its way"

# what the laptop has of each step now: one attempt, done, with that id
sql() { /usr/bin/python3 -c 'import sqlite3, sys
for row in sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(sys.argv[2]): print(*row)' "$DB" "$1"; }
while read -r step id _; do
    is "$(sql "SELECT count(*), state, hex(op_id) FROM steps WHERE step = '$step'")" "1 2 $id" "$step: done once, its id is the one of before"
    is "$(sql "SELECT kind FROM outbox WHERE hex(id) = '$id'")" 2 "$step: the meter's receipt has that id"
done <"$FOLDER/killed"

# and what the meter did, as head office has it: each once
fitter sync >/dev/null
office show receipts --json >"$FOLDER/receipts"
for command in install-key key-activated open-account zero-clear set-parameters commission; do
    is "$(grep -c "\"command\": *\"$command\"" "$FOLDER/receipts")" 1 "$command: one receipt"
done
run 0 "the audit" office audit
done_testing
