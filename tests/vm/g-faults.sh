#!/usr/bin/env bash
# g-faults.sh - account openings over the real bluetoothd, while the link, the daemon, the laptop's adapter or the meter fails:
# each goes on by itself, and has been done once. TAP, run by tests/vm/run-group.
# seconds: 200
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/world.sh
. tests/vm/strikes.sh

vm_world 3
# A phase begins when the opening has said: the label is read (it searches and connects), connected (the handshake), registered
# (the meter gets its key), gas flows, the clock is set (the last commands).
strike "lost links" 1 link "[ 1/14]" link "[ 3/14]" link "[ 5/14]" link "gas flows" link "[ 9/14]"
strike "faults" 2 daemon "[ 1/14]" power "[ 3/14]" meter "[ 5/14]" daemon "gas flows" removed "[10/14]"
strike "the same in other phases" 3 removed "[ 1/14]" daemon "[ 3/14]" power "[ 5/14]" meter "gas flows" daemon "[10/14]"
done_testing
