#!/usr/bin/env bash
# t-conformance.sh - virtual-bluez does in each case what tests/tools/conformance.txt says of it, beside what the real
# bluetoothd does (tests/vm/g-fidelity.sh), and the page lists where they differ. TAP. GENERATE=1 writes the page's table.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
W=${BUILD_TMP:-$BUILD/tmp}/conformance RATE=5
mkdir -p "$(dirname "$W")"
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

world_new
world_bus
world_spawn radio "$BUILD/virtual-bluez" --bus "$BUS" --clock-rate "$RATE"
world_wait radio ready
/usr/bin/python3 tests/tools/conformance.py --bus "$BUS" --rate "$RATE" --rest 0.06 02:00:00:00:00:00 02:00:00:00:00:01 \
    >"$W/seen" 2>"$W/said" || sed 's/^/# /' "$W/said" >&2
world_stop

page=docs/virtual-bluez.md
/usr/bin/python3 tests/tools/conformance_table.py document >"$W/table"
sed '/^<!-- differences -->$/,/^<!-- end -->$/!d;//d' "$page" >"$W/printed"
if [ -n "${GENERATE:-}" ]; then
    sed -i -e "/^<!-- differences -->\$/r $W/table" -e '/^<!-- differences -->$/,/^<!-- end -->$/{//!d}' "$page"
elif ! diff "$W/printed" "$W/table" | sed 's/^/# /' >&2; then
    echo "# $page: the table of differences is another one; GENERATE=1 writes it" >&2
    exit 1
fi
/usr/bin/python3 tests/tools/conformance_table.py check virtual-bluez "$W/seen"
