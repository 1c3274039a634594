#!/usr/bin/env bash
# g-strangers.sh - programs that know a meter by its documents alone use one through the real bluetoothd: a script over D-Bus, and
# bluetoothctl on a terminal; then gasfitter opens its account. btmon captured it all: on the air are the PDUs that virtual-bluez
# foretells (tests/tools/air.txt, kept by tests/t-strangers.sh), and tshark decodes them. TAP, run by tests/vm/run-group.
# seconds: 110
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
FLOW=60000 BTMON=1
. tests/vm/world.sh
. tests/tools/strangers.sh
CAPTURE=$VM_OUT/btmon.snoop

# captured N - btmon has written so many connections, with their ends
captured() { [ "$(snoop --open "$CAPTURE")" = "$1 $1" ]; }

vm_world 1
world_meter 1
strangers "$BUS" "$CENTRAL" "$METER"
ok "$(wait_for 60 captured 3; echo $?)" "btmon captured their three connections"
snoop --order --links 1-2 "$CAPTURE" >"$W/air"
same tests/tools/air.txt "$W/air" "the script's connections take the PDUs that virtual-bluez foretells, in their order"

run 0 "an account is opened with --trace" fitter run account-opening --job J-0001 --label "$(label_text "$(meter_id 1)")" \
    --answers "$W/answers" --trace "$VM_OUT/link.snoop"
ok "$(wait_for 60 captured 4; echo $?)" "btmon captured the opening's one connection"
air_opening "$CAPTURE" 4- "$VM_OUT/link.snoop"
tshark_agrees "$CAPTURE" "btmon's capture"
done_testing
