#!/usr/bin/env bash
# t-storage.sh - docs/storage.md suffices: a reader that was written from it finds in the real
# meter's flash what the meter says, whole, turned, cut and damaged. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-storage
timeout 240 /usr/bin/python3 -B tests/tools/storage_check.py "$BUILD/pipe/meter_pipe" "$W"
