#!/usr/bin/env bash
# t-kills.sh - the image survives 300 kills of its emulator at random instants of recharges, key changes and closings;
# and images with a planted bug do not. SEED=n draws other instants, KILL="KIND WHERE MS" replays one; TEST_ALL=1: 1500
# kills. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/target-kills
IMAGES=build/firmware
. tests/tools/tap.sh

# kills IMAGE N - the campaign, with its words in $OUT
kills() { timeout 1200 /usr/bin/python3 -B tests/target/kills.py "$1" "$BUILD/gasmeter" "$W" "$2"; }

rm -rf "$W"
mkdir -p "$W"
run 0 "kills" kills $IMAGES/qemu.elf $([ -n "${TEST_ALL:-}" ] && echo 1500 || echo 300)
printf '%s\n' "$OUT" | grep '^#' || true
[ -z "${KILL:-}" ] || done_testing
for planted in $(sed -n 's/^\([a-z-]*\) | .*/\1/p' tests/target/planted | sort -u); do
    rm -rf "$W"
    mkdir -p "$W"
    export PLANTED=$planted
    run 0 "planted: $planted" kills "$IMAGES/planted/$planted.elf" 300
    printf "%s\n" "$OUT" | grep "^#" || true
done
done_testing
