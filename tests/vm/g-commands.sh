#!/usr/bin/env bash
# g-commands.sh - the meter's commands one by one over the real bluetoothd: tests/t-meter.sh, with meters at three of its
# controllers. TAP, run by tests/vm/run-group.
# seconds: 350
set -euo pipefail
cd "$(dirname "$0")/../.."
WORLD=tests/vm/world.sh exec tests/t-meter.sh
