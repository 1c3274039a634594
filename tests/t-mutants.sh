#!/usr/bin/env bash
# t-mutants.sh - the planted bugs of tests/mutants: each line still fits its file, and some are really planted, and
# caught by the test that they name. TEST_ALL=1: all of them. SEED=n: other ones. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
: "${SEED:=1}"
export BUILD
case $BUILD in *-san) echo "1..0 # SKIP bugs are planted in a tree of their own, the same for every build"; exit 0 ;; esac
. tests/tools/tap.sh

run 0 "every line fits its file" tests/tools/mutants --check
says "each fits its file" "they are counted"
tap_folder mutants
edit='tests/tools/tap.sh | TAP_BAD=0 | TAP_BAD=2'
printf '%s | +\n' "$edit" >"$W/list"
run 1 "a bug whose last edit is missing" tests/tools/mutants --check --list "$W/list"
says "no other edit follows" "it is told"
printf '%s | common\n' "$edit" >>"$W/list"
run 0 "a bug of two edits" tests/tools/mutants --check --list "$W/list"
says "# 1 planted bugs, each fits" "it is one"
if [ -n "${TEST_ALL:-}" ]; then
    run 0 "each is caught" tests/tools/mutants
else
    run 0 "three of them are caught" tests/tools/mutants --sample 3 "$SEED"
fi
printf '%s\n' "$OUT" | sed 's/^/# /'
says "planted bugs caught" "they are counted"
done_testing
