#!/usr/bin/env bash
# t-postgresql.sh [TEST...] - every suite whose head office is made by tests/aid/office_aid, once more
# with its database on PostgreSQL. TAP: one line a suite.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-postgresql.XXXXXX")
trap 'rm -rf "$W"' EXIT

suites=("$@")
[ $# -gt 0 ] || mapfile -t suites < <(grep -l '"tests/aid/office_aid.h"' tests/unit/test_*.c | xargs -n1 basename -s .c)
echo "1..${#suites[@]}"
n=0
for t in "${suites[@]}"; do
    n=$((n + 1))
    status=0
    OFFICE_DB=postgresql BUILD=$BUILD timeout 300 "$BUILD/tests/$t" >"$W/out" 2>"$W/err" || status=$?
    if [ $status = 0 ]; then
        echo "ok $n - $t on PostgreSQL"
    else
        echo "not ok $n - $t on PostgreSQL (status $status)"
        grep -v '^ok' "$W/out" | head -40 | sed 's/^/# /' || true
        tail -20 "$W/err" | sed 's/^/# /'
    fi
done
