#!/usr/bin/env bash
# t-board.sh - the firmware's drivers on register models (Unicorn): flash under the journal with power cuts and failing
# units, and the boards with an STM32F405 and an STM32L476. Then bugs are planted (tests/unicorn/planted), and each has to be caught. TAP.
#
# TEST_ALL=1: every cut at every operation, every planted bug. SEED=n draws other cuts and other planted bugs; without it
# the bugs are drawn by the number of commits, which is printed: PLANTED_SEED=n draws them again. PLANTED=1: every planted
# bug alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
DRAWN_BY=${SEED:-$(git rev-list --count HEAD 2>/dev/null || echo 1)}
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
SILICON=$(tell FW_SILICON)
make -s --no-print-directory "$(tell FW_BUILD)/gen/meter-core/proto/meter.pb.h" "$(tell FW_SOURCES)/versions"

JOURNAL="start begin recover count free program read erase"
BOARD="start reset_cause mono_ms utc_ms entropy nvm valve_drive valve_state supply_mv temperature_dc pulses presses \
sense power_fails uart_rx uart_tx uart_has_rx kick idle die"
# image KIND OUT [FILE INSTEAD] - the sources of a kind of image, linked as the firmware is; one of them replaced
image() {
    local sources names name use=""
    case $1 in
        board-*)
            sources="$SILICON $(echo $PORT/*_"${1#board-}".c) $PORT/fault.c common/bytes.c"
            names="vector_systick $(printf 'board_%s ' $BOARD)" ;;
        *) sources="$U/journal_image.c $U/image_$1.c $PORT/flash_$1.c meter-core/journal.c common/bytes.c common/crc.c"
           names=$(printf 'image_%s ' $JOURNAL) ;;
    esac
    for name in $names; do use="$use -Wl,-u,$name"; done
    [ $# -lt 3 ] || { sources=" $sources "; sources=${sources/ $3 / $4 }; }
    # nothing starts it: functions are called from outside
    "$CC" $CFLAGS $LDFLAGS $use -Wl,-e,0 -T "memory_${1#board-}.ld" -o "$2" $sources
}

prove_one() {                      # KIND IMAGE [TEST...]
    local kind=$1 elf=$2
    shift 2
    case $kind in
        board-*) timeout 900 /usr/bin/python3 -B $U/board_test.py "${kind#board-}" "$elf" "$@" ;;
        *) timeout 3000 /usr/bin/python3 -B $U/flash_test.py "$kind" "$elf" "$@" ;;
    esac
}

# plant FILE OLD NEW KIND TEST - a bug that does not fit its file, or does not compile, fails too
plant() {
    local code=0
    /usr/bin/python3 - "${@:1:3}" >"$W/planted.c" <<'EOF' || return 1
import sys
file, old, new = (part.strip().replace("\\n", "\n") for part in sys.argv[1:4])
text = open(file).read()
if text.count(old) != 1:
    sys.exit(f"{text.count(old)} places in {file} hold: {old}")
print(text.replace(old, new), end="")
EOF
    image "$4" "$W/planted.elf" "$1" "$W/planted.c" || return 1
    STOP=1 prove_one "$4" "$W/planted.elf" "$5" >"$W/out" 2>&1 || code=$?
    [ $code != 0 ]
}

for kind in board-f405:97 board-l476:81 f405:51 l476:56; do
    [ -z "${PLANTED:-}" ] || break
    image "${kind%:*}" "$W/${kind%:*}.elf"
    run 0 "${kind%:*}" prove_one "${kind%:*}" "$W/${kind%:*}.elf"
    n=$(grep -c '^ok ' <<<"$OUT") || true
    ok "$([ "$n" -ge "${kind#*:}" ] && echo 0 || echo 1)" "${kind%:*}: $n checks"
done
run 0 "docs/porting.md: pins" /usr/bin/python3 -B $U/pins_doc.py

planted=$(grep -v '^#' $U/planted)
PLANTED_SEED=${PLANTED_SEED:-$DRAWN_BY}
echo "# PLANTED_SEED=$PLANTED_SEED"
[ -n "${TEST_ALL:-}${PLANTED:-}" ] || planted=$(shuf -n 8 --random-source=<(yes "$PLANTED_SEED") <<<"$planted")
unset TEST_ALL
while IFS= read -r line; do
    mapfile -t part <<<"${line// | /$'\n'}"
    read -r kind name <<<"${part[3]}"
    code=0
    plant "${part[0]}" "${part[1]}" "${part[2]}" "$kind" "$name" || code=$?
    ok $code "planted: $line ($(grep -m1 '^not ok' "$W/out" || echo 'no answer'))"
done <<<"$planted"
done_testing
