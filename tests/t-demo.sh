#!/usr/bin/env bash
# t-demo.sh - the demo without a terminal: every step, the audit, the certificate; nothing left behind. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
export W=${BUILD_TMP:-$PWD/$BUILD/tmp}/demo RATE=10

before=$(git status --porcelain 2>/dev/null || true)
run 0 "the demo" tests/tools/demo
for words in "Scan" "Key" "Open" "Purge" "Zero" "clock" "Commission"; do
    says "$words" "a step about: $words"
done
says "audit: clean" "the audit is clean"
says "certificate" "there is a certificate"
[ -z "$(pgrep -f "$W" || true)" ]; ok $? "no process is left"
[ "$before" = "$(git status --porcelain 2>/dev/null || true)" ]; ok $? "no file is left outside the build tree"
done_testing
