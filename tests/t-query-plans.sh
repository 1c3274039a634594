#!/usr/bin/env bash
# No statement of head office reads a table whole where an index is expected, or sorts what grows.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:?}"
mkdir -p "$BUILD/tmp"
W=$(mktemp -d "$BUILD/tmp/plans.XXXXXX")
trap 'rm -rf "$W"' EXIT
"$BUILD/gasoffice" --dir "$W/office" init --host localhost >"$W/said" 2>&1 || cat "$W/said"
/usr/bin/python3 -B tests/tools/query_plans.py "$W/office/office.db"
