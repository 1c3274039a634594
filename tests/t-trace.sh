#!/usr/bin/env bash
# t-trace.sh - an account opening with --trace: the values in gasfitter's file are those that crossed the air, in their order,
# as virtual-bluez writes them; on the air are the PDUs that are foretold; tshark opens both files. An attempt that fails leaves
# a file too. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
W=${BUILD_TMP:-$BUILD/tmp}/trace RATE=5 CHEAP=1
mkdir -p "$(dirname "$W")"
. tests/tools/world.sh
. tests/tools/strangers.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

world_new
world_bus
world_radio --trace "$W/air.snoop"
world_registers
world_meter 1
world_serve
world_laptop
run 0 "an account is opened with --trace" fitter run account-opening --job J-0001 --label "$(label_text GM2400000156)" \
    --answers "$W/answers" --trace "$W/link.snoop"
is "$(stat -c %a "$W/link.snoop")" 600 "the trace is the user's own"
air_opening "$W/air.snoop" 1- "$W/link.snoop"
for kind in command notification value write; do
    ok "$(grep -q "^$kind " "$W/link.values"; echo $?)" "the trace has its ${kind}s"
done
tshark_agrees "$W/link.snoop" "gasfitter's trace"
tshark_agrees "$W/air.snoop" "virtual-bluez's trace"
snoop --list "$W/link.snoop" >"$W/list"
is "$(grep -c "op-" "$W/list")" 0 "nothing else is in it"

world_kill meter1
run 5 "without its meter an opening fails" fitter run account-opening --job J-0002 --label "$(label_text GM2400000253)" \
    --answers "$W/answers" --trace "$W/none.snoop"
is "$(stat -c %s "$W/none.snoop")" 16 "and its trace is a file without PDUs"
world_meter 2
run 3 "a trace that cannot be written" fitter run account-opening --job J-0002 --label "$(label_text GM2400000253)" \
    --answers "$W/answers" --trace "$W/nowhere/link.snoop"
says "nowhere" "is told with its path, after the work is done"
done_testing
