#!/usr/bin/env bash
# t-faults.sh - the emulated firmware fails: a bus fault, an interrupt that nobody handles. It starts again with its valve
# driven shut, and the journal has the reason and the place. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/target-faults
IMAGE=build/firmware/qemu.elf
. tests/tools/tap.sh
rm -rf "$W"
mkdir -p "$W"
run 0 "a meter is put into service" timeout 300 /usr/bin/python3 -B tests/target/kills.py prepare $IMAGE "$W" "$BUILD/gasmeter"
run 0 "faults" timeout 300 /usr/bin/python3 -B tests/target/faults.py $IMAGE "$W"
printf '%s\n' "$OUT" | sed 's/^/# /'
done_testing
