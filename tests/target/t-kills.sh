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

check() { timeout 1200 /usr/bin/python3 -B tests/target/kills.py "$@"; }

rm -rf "$W"
mkdir -p "$W"
run 0 "a meter is put into service" check prepare $IMAGES/qemu.elf "$W" "$BUILD/gasmeter"
run 0 "kills" check run $IMAGES/qemu.elf "$W" "$([ -n "${TEST_ALL:-}" ] && echo 1500 || echo 300)"
printf '%s\n' "$OUT" | grep '^#' || true
[ -z "${KILL:-}" ] || done_testing
for planted in $(sed -n 's/^\([a-z-]*\) | .*/\1/p' tests/target/planted | sort -u); do
    export PLANTED=$planted
    # it ends with the first that is found; a loaded machine seldom kills in the middle of a record
    run 0 "the planted bug \"$planted\" is found" check run "$IMAGES/planted/$planted.elf" "$W" 900
    printf '%s\n' "$OUT" | grep '^#' || true
done
done_testing
