#!/usr/bin/env bash
# t-demo.sh - the demo on the firmware, without a terminal: every step, the audit, the certificate; nothing left behind. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
export W=${BUILD_TMP:-$PWD/$BUILD/tmp}/demo-firmware RATE=10

run 0 "the demo" tests/target/demo
says "build/firmware/qemu.elf" "the image is named"
for n in $(seq 14); do
    says "$(printf '[%2d/14]' "$n")" "step $n is told"
done
says "audit: clean" "the audit is clean"
says "all verified" "the meter's receipts are verified"
says "signed by this head office, unchanged" "the certificate's signature is good"
is "$(pgrep -f "$W/" || true)" "" "no process is left"
done_testing
