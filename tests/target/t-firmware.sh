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

# forbidden NAME WORDS - no image comes of the F405's sources and tests/target/forbidden/NAME.c, and WORDS say why
forbidden() {
    rm -f "$FW/forbidden-$1.elf"
    run 2 "an image with what forbidden/$1.c has is not made" make -s "$FW/forbidden-$1.elf"
    says "$2" "$1: the reason"
    ok "$([ -e "$FW/forbidden-$1.elf" ] && echo 1 || echo 0)" "$1: nothing is left of it"
}
forbidden heap " malloc must not be in it"
forbidden stdio " snprintf must not be in it"
forbidden floating " __aeabi_dadd must not be in it"
forbidden flash "forbidden-flash.elf: flash "
says " above the budget" "flash: what is above"
forbidden ram "forbidden-ram.elf: RAM "
says " above the budget" "ram: what is above"
done_testing
