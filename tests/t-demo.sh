#!/usr/bin/env bash
# t-demo.sh - the demo without a terminal: every step, a sale, the audit, the certificate; nothing left behind. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
export W=${BUILD_TMP:-$PWD/$BUILD/tmp}/demo RATE=10

before=$(git status --porcelain 2>/dev/null || true)
run 0 "the demo" tests/tools/demo
for n in $(seq 14); do
    says "$(printf '[%2d/14]' "$n")" "step $n is told"
done
says "receipt 9" "the meter's last receipt is told"
says "audit: clean" "the audit is clean"
ok "$(grep -Eqw '[0-9]{25}' <<<"$OUT" && echo 0 || echo 1)" "the sale gives a token of 25 digits"
says "3 labels on 1 page" "there is a sheet of labels"
says "certificate" "there is a certificate"
is "$(pgrep -f "$W" || true)" "" "no process is left"
is "$(git status --porcelain 2>/dev/null || true)" "$before" "no file is left outside the build tree"
done_testing
