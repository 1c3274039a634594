#!/usr/bin/env bash
# t-units.sh - the meter's unit and power-cut tests, and the published vectors, on an emulated MCU: a line for each suite,
# with how many tests passed and which of QEMU's machines ran it. SEED=n draws other power cuts (units/cuts_drawn.c); it is
# the number of commits when it is not given. GENERATE=1 writes the page's list of suites. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/target-units
IMAGES=build/firmware/units
LIMIT_S=${LIMIT_S:-1200}
PAGE=docs/firmware.md
SEED=${SEED:-$(git rev-list --count HEAD 2>/dev/null || echo 1)}
. tests/tools/tap.sh

# suite MACHINE NAME - run its image
suite() {
    local code=0 passed
    timeout "$LIMIT_S" setpriv --pdeathsig KILL qemu-system-arm -M "$1" -display none -monitor none -serial none \
        -semihosting-config "enable=on,target=native,arg=$SEED" -kernel "$IMAGES/$1/$2.elf" >"$W/$2" 2>&1 </dev/null || code=$?
    passed=$(grep -c '^ok ' "$W/$2" || true)
    [ $code = 0 ] && [ "$passed" -gt 0 ] || { grep -v '^ok ' "$W/$2" | tail -20 | sed 's/^/# /' >&2; code=1; }
    grep '^# SEED=' "$W/$2" || true
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
# printed FILE - its part between the marks
printed() { sed -n '/^<!-- printed: suites -->$/,/^<!-- end -->$/{/^<!--/d; /^$/d; p}' "$1"; }
if [ -n "${GENERATE:-}" ]; then
    awk -v from="$IMAGES/page" '/^<!-- end -->$/ { skip = 0 } !skip
        /^<!-- printed: suites -->$/ { skip = 1; while ((getline line <from) > 0) print line }' $PAGE >"$W/page"
    cat "$W/page" >$PAGE
fi
is "$(printed $PAGE)" "$(cat $IMAGES/page)" "the page tells which machine runs which suites"
sed 's/^/# left out: /' $IMAGES/left-out
done_testing
