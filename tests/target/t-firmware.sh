#!/usr/bin/env bash
# t-firmware.sh - the firmware's images keep their budgets, and docs/firmware.md tells their sizes and the serial line. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
FW=build/firmware
run 0 "the images are built" make -s $FW/f405.elf $FW/l476.elf $FW/qemu.elf
run 0 "their budgets" tests/tools/firmware_size $FW/f405.elf $FW/l476.elf --emulated $FW/qemu.elf
run 0 "their stacks" tests/tools/stack --firmware $FW/f405.elf $FW/l476.elf $FW/qemu.elf
run 0 "the page's sizes" tests/tools/firmware_size --page docs/firmware.md $FW/f405.elf $FW/l476.elf
run 0 "the page's serial line" tests/tools/uart_table docs/firmware.md
run 1 "the emulated board is refused as a release" tests/tools/firmware_size $FW/qemu.elf
says "semihost_" "and what of it is"
done_testing
