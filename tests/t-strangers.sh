#!/usr/bin/env bash
# t-strangers.sh - programs that know a meter by its documents alone talk to one on virtual-bluez: a script over D-Bus, and
# bluetoothctl on a terminal. What the script's two connections cost on the air is what tests/tools/air.txt says, as on the real
# bluetoothd (tests/vm/g-strangers.sh). TAP. GENERATE=1 writes that file, and the page's table of it.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
W=${BUILD_TMP:-$BUILD/tmp}/strangers RATE=4
mkdir -p "$(dirname "$W")"
. tests/tools/world.sh
. tests/tools/strangers.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

world_new
world_bus
world_radio --trace "$W/air.snoop"
world_registers
RATE=1                          # the meter has patience
world_meter 1
strangers "$BUS" 02:00:00:00:00:00 02:00:00:00:00:01
world_stop
snoop --order --links 1-2 "$W/air.snoop" >"$W/air"
[ -z "${GENERATE:-}" ] || cp "$W/air" tests/tools/air.txt
same tests/tools/air.txt "$W/air" "the script's connections take the PDUs of tests/tools/air.txt"
is "$(snoop --open "$W/air.snoop")" "3 3" "two connections of the script's and one of bluetoothctl's, all ended"

page=docs/virtual-bluez.md
/usr/bin/python3 tests/tools/air_table.py <tests/tools/air.txt >"$W/table"
[ -z "${GENERATE:-}" ] ||
    sed -i -e "/^<!-- air -->\$/r $W/table" -e '/^<!-- air -->$/,/^<!-- end -->$/{//!d}' "$page"
sed '/^<!-- air -->$/,/^<!-- end -->$/!d;//d' "$page" >"$W/printed"
same "$W/printed" "$W/table" "$page has the same numbers"
done_testing
