#!/usr/bin/env bash
# t-firmware-stack.sh - what the firmware's stacks took while an account was opened, against what is proved; and that
# an overflow ends in a restart with a note in the journal. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$BUILD/tmp/firmware-stack
QUIET=1
RATE=10
IMAGE=build/firmware/qemu.elf
. tests/tools/tap.sh
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

# hand LETTER [LINES] - do something by hand to meter 1; so many lines of its answer are in $OUT
hand() {
    OUT=$(perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Peer => shift) or die "no socket: $!\n";
        print $s shift; alarm 20; print scalar <$s> for 1 .. shift;' "$W/hand1.sock" "$1" "${2:-0}" 2>&1) || OUT="failed: $OUT"
}
# proved STACK - bytes that the proof gives it
proved() { awk -v stack="$1" '$1 == stack { print $2 }' "$W/proof"; }
# events - code, a and b of each event in the journal of meter 1
events() {
    PYTHONPATH=tests/tools python3 -B -c '
import sys, flash
image = flash.Image(flash.Page("docs/storage.md"), open(sys.argv[1], "rb").read(), 2)
for no in sorted(image.logs["EVENTS"]):
    e = image.event(no)
    print(e["code"], e["a"], e["b"])' "$W/meter1.nvm"
}

world_new
run 0 "the proof" tests/tools/stack --firmware $IMAGE
printf '%s\n' "$OUT" >"$W/proof"
world_bus
world_radio
world_registers
world_serve
world_laptop
world_firmware 1
set -- $METERS
run 0 "an account is opened" fitter run account-opening --job J-0001 --label "$(label_text "$1")" --answers "$W/answers"

hand s 1
set -- $OUT
is "${1:-}" stack "the image tells what its stacks took"
main=${2:-0} handler=${3:-0}
echo "# main: ${main} bytes of $(proved main) proved; handlers: ${handler} of $(proved handler)"
ok "$([ "$main" -gt 2000 ] && [ "$main" -le "$(proved main)" ] && echo 0 || echo 1)" "main's is within what is proved"
ok "$([ "$handler" -gt 0 ] && [ "$handler" -le "$(proved handler)" ] && echo 0 || echo 1)" "the handlers' is within what is proved"

is "$(events | grep -c '^35 ')" 0 "no fault is in the journal"
hand o
hand s 1
set -- $OUT
ok "$([ "${2:-0}" -gt 0 ] && [ "${2:-0}" -lt "$main" ] && echo 0 || echo 1)" "the image started again after main's stack overflowed"
# CFSR bit 12: the core could not push the frame of the exception
status=$(events | awk '$1 == 35 { print $3 }')
is "$((${status:-0} >> 12 & 1))" 1 "the journal has the fault, and why"
done_testing
