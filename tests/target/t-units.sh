#!/usr/bin/env bash
# t-units.sh - the meter's unit and power-cut tests, and the published vectors, on an emulated MCU: a line for each suite,
# with how many tests passed and which of QEMU's machines ran it. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/target-units
IMAGES=build/firmware/units
LIMIT_S=${LIMIT_S:-1200}
. tests/tools/tap.sh

# suite MACHINE NAME - run its image
suite() {
    local code=0 passed
    timeout "$LIMIT_S" setpriv --pdeathsig KILL qemu-system-arm -M "$1" -display none -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$IMAGES/$1/$2.elf" >"$W/$2" 2>&1 </dev/null || code=$?
    passed=$(grep -c '^ok ' "$W/$2" || true)
    [ $code = 0 ] && [ "$passed" -gt 0 ] || { grep -v '^ok ' "$W/$2" | tail -20 | sed 's/^/# /' >&2; code=1; }
    ok $code "$2: $passed tests on $1"
}

mkdir -p "$W"
read -r -d '' -a chosen <<<"${SUITES:-$(cat $IMAGES/suites)}" || true
for image in "$IMAGES"/*/*.elf; do
    machine=$(basename "$(dirname "$image")")
    case " ${chosen[*]} " in *" $machine/$(basename "$image" .elf) "*) ;; *) continue ;; esac
    suite "$machine" "$(basename "$image" .elf)"
done
is "$TAP_N" "${#chosen[@]}" "each suite that was chosen was run"
sed 's/^/# left out: /' $IMAGES/left-out
done_testing
