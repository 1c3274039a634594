#!/usr/bin/env bash
# t-storage.sh - docs/storage.md suffices: a reader that was written from it finds in the real
# meter's flash what the meter says, whole, turned, cut and damaged. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/storage.XXXXXX")
trap 'rm -rf "$W"' EXIT
timeout 240 /usr/bin/python3 -B tests/tools/storage_check.py "$BUILD/pipe/meter_pipe" "$W"
