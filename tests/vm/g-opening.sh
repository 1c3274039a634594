#!/usr/bin/env bash
# g-opening.sh - an account is opened over the real bluetoothd, without a person. TAP, run by tests/vm/run-group.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/world.sh

vm_world 1
world_meter 1
opening 1
opening_ends "headless"
agrees 1 "headless"
has "$(cat "$W/said.1")" "link: ATT MTU 517, fragments of 509 bytes" "headless: the greatest MTU"
done_testing
