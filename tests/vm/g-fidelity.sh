#!/usr/bin/env bash
# g-fidelity.sh - what the real bluetoothd does in each case of tests/tools/conformance.py is what tests/tools/conformance.txt
# says of it: the page that lists virtual-bluez's differences rests on that. TAP, run by tests/vm/run-group.
# seconds: 130
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/radio.sh
trap radio_down EXIT

radio_up
/usr/bin/python3 tests/tools/conformance.py --again "$CENTRAL" "$METER" >"$VM_OUT/seen" 2>"$VM_OUT/conformance.log" || true
sed 's/^/# /' "$VM_OUT/conformance.log" >&2
/usr/bin/python3 tests/tools/conformance_table.py check bluetoothd "$VM_OUT/seen"
