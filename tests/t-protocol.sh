#!/usr/bin/env bash
# t-protocol.sh - docs/protocol.md suffices: a client that was written from it recomputes every
# published vector and the page's own session, and lives a meter's life with the real meter. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
check() { timeout 120 /usr/bin/python3 -B tests/tools/protocol_check.py "$@"; }

# done_well NAME - every line of $OUT passed, and there were some
done_well() {
    local n bad
    n=$(grep -c '^ok ' <<<"$OUT" || true)
    bad=$(grep -c '^not ok ' <<<"$OUT" || true)
    is "$bad" 0 "$1: $n checks, none failed"
    ok "$([ "$n" -gt 0 ] && echo 0 || echo 1)" "$1: there were checks"
}

for what in vectors example; do
    run 0 "$what" check $what
    done_well "$what"
done
run 0 "the meter" check meter "$BUILD/pipe/meter_pipe"
done_well "the meter"
run 1 "a command line that it does not know" check all
done_testing
