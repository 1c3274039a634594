#!/usr/bin/env bash
# t-board.sh - the firmware's drivers on register models (Unicorn): flash under the journal with power cuts and failing
# units, and the board with an STM32F405. Then bugs are planted, and each has to be caught. TAP.
#
# TEST_ALL=1: every cut at every operation, every planted bug. SEED=n draws others.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
: "${BUILD:=build/gcc}" "${SEED:=1}"
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-board.XXXXXX")
trap 'rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP
PORT=meter-core/port/stm32
U=tests/unicorn
export SEED

# The firmware's own compiler and flags.
tell() { make -s --no-print-directory --eval="tell: ; @echo \$($1)" tell; }
CC=$(tell FW_CC)
CFLAGS=$(tell FW_CFLAGS)
LDFLAGS=$(tell FW_LDFLAGS)
make -s --no-print-directory "$(tell FW_BUILD)/gen/meter-core/proto/meter.pb.h"

JOURNAL="start begin recover count free program read erase"
BOARD="start reset_cause mono_ms utc_ms entropy nvm valve_drive valve_state supply_mv temperature_dc pulses presses \
sense power_fails uart_rx uart_tx uart_has_rx kick idle die"
# image KIND OUT [FILE INSTEAD] - the sources of a kind of image, linked as the firmware is; one of them replaced
image() {
    local sources names file use="" name
    case $1 in
        board) sources="$(tell FW_SILICON) $(echo $PORT/*_f405.c) $PORT/fault.c" names=$(printf 'board_%s ' $BOARD) ;;
        *) sources="$U/journal_image.c $U/image_$1.c $PORT/flash_$1.c meter-core/journal.c common/crc.c"
           names=$(printf 'image_%s ' $JOURNAL) ;;
    esac
    for name in $names vector_systick; do
        [ "$1" != board ] && [ $name = vector_systick ] || use="$use -Wl,-u,$name"
    done
    [ $# -lt 3 ] || sources=" $sources "
    [ $# -lt 3 ] || sources="${sources/ $3 / $4 }"
    # a memory map of its part; nothing starts it, so the entry is any function
    # shellcheck disable=SC2086
    "$CC" $CFLAGS $LDFLAGS $use -Wl,-e,0 -T "memory_${1/board/f405}.ld" -o "$2" -I. $sources
}
# the journal's images have interrupts that nobody serves
prove_one() {                      # KIND IMAGE [TEST...]
    local kind=$1 elf=$2
    shift 2
    case $kind in
        board) timeout 900 /usr/bin/python3 -B $U/board_test.py "$elf" "$@" ;;
        *) timeout 3000 /usr/bin/python3 -B $U/flash_test.py "$kind" "$elf" "$@" ;;
    esac
}

for kind in board:90 f405:50 l476:54; do
    image "${kind%:*}" "$W/${kind%:*}.elf"
    run 0 "${kind%:*}" prove_one "${kind%:*}" "$W/${kind%:*}.elf"
    n=$(grep -c '^ok ' <<<"$OUT") || true
    ok "$([ "$n" -ge "${kind#*:}" ] && echo 0 || echo 1)" "${kind%:*}: $n checks"
done

# FILE | OLD | NEW | KIND TEST; a bug that does not fit its file, or does not compile, is a failure too
cat >"$W/plant.py" <<'EOF'
import sys
file, old, new = (part.strip().replace("\\|", "|").replace("\\n", "\n") for part in sys.argv[1:4])
text = open(file).read()
if text.count(old) != 1:
    sys.exit(f"{text.count(old)} places in {file} hold: {old}")
open(sys.argv[4], "w").write(text.replace(old, new))
EOF
planted=$(grep -v '^#' $U/planted)
[ -n "${TEST_ALL:-}" ] || planted=$(shuf -n 8 --random-source=<(yes "$SEED") <<<"$planted")
unset TEST_ALL
while read -r line; do
    mapfile -t part < <(/usr/bin/python3 -c 'import re, sys; print("\n".join(re.split(r"(?<!\\)\|", sys.argv[1])))' "$line")
    file=$(echo ${part[0]}) read -r kind tests <<<"${part[3]}"
    if /usr/bin/python3 "$W/plant.py" "${part[@]:0:3}" "$W/planted.c" && image "$kind" "$W/planted.elf" "$file" "$W/planted.c"; then
        code=0
        prove_one "$kind" "$W/planted.elf" $tests >"$W/out" 2>&1 || code=$?
        ok "$([ $code != 0 ] && echo 0 || echo 1)" "planted: ${file##*/}:${part[2]} ($(grep -m1 -o '^not ok.*' "$W/out" || echo "ends with $code"))"
    else
        ok 1 "planted: $line"
    fi
done <<<"$planted"
done_testing
