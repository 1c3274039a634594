#!/usr/bin/env bash
# g-boot.sh - the virtual machine is what the other groups take it for. TAP, run by tests/vm/run-group.
# seconds: 25
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/radio.sh
trap radio_down EXIT

has "$(uname -v)" "Debian" "the kernel is Debian's"
is "$(uname -r)" "$(cat build/vm/kernel-version)" "it is the one that was fetched"
is "$(cat /proc/1/comm)" "sh" "nothing else runs here"
before=$(sha256sum <"$BUILD/gasfitter")
echo >"$BUILD/gasfitter"
ok "$([ "$(sha256sum <"$BUILD/gasfitter")" != "$before" ]; echo $?)" "the file system can be written to"
has "$(awk '$2 == "/" { print $3 }' /proc/mounts)" "overlay" "and what is written goes to memory"
radio_up
ok 0 "the radio is up"
is "$(adapter_property hci0 Address) $(adapter_property hci1 Address)" "$CENTRAL $METER" "two controllers"
has "$(/usr/libexec/bluetooth/bluetoothd --version)" "^5" "the daemon is BlueZ's"
done_testing
