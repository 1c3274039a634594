#!/usr/bin/env bash
# t-faults.sh - account openings under Bluetooth faults: 20 runs, each a drawn fault and phase; TEST_ALL=1: every fault in
# every phase once, 200 drawn ones, and the planted bugs of tests/mutants-faults. FAULT_SEED draws others. The table in docs/bluetooth.md is that of the faults and of
# the recorded run; GENERATE=1 prints it anew, after tests/tools/faults --all --out tests/golden/faults.tsv. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
export BUILD
. tests/tools/tap.sh
FAULT_SEED=${FAULT_SEED:-1}
HERE=${BUILD_TMP:-$BUILD/tmp}

# told RESULTS - a test for each line of a campaign
told() {
    local fault phase seed verdict strikes seconds words good
    while IFS=$'\t' read -r fault phase seed verdict strikes seconds words; do
        case $verdict in done | sentence) good=0 ;; *) good=1 ;; esac
        ok $good "$fault@$phase: $verdict $words  (replay: tests/tools/faults --only $fault@$phase --seed $seed)"
    done <"$1"
}

# campaign NAME RUNS OPTION... - so many runs
campaign() {
    local name=$1 runs=$2
    shift 2
    W=$HERE/faults-$name tests/tools/faults "$@" --seed "$FAULT_SEED" --out "$HERE/faults-$name.tsv" >/dev/null || true
    told "$HERE/faults-$name.tsv"
    is "$(wc -l <"$HERE/faults-$name.tsv")" "$runs" "all $runs runs ended"
}

[ -z "${GENERATE:-}" ] || tests/tools/faults_table docs/bluetooth.md
run 0 "the table of docs/bluetooth.md is that of the faults and of the recorded run" tests/tools/faults_table --check docs/bluetooth.md
for verdict in hang wrong; do   # one hang, or seven of 523 that stopped
    awk -F'\t' -v OFS='\t' -v v=$verdict '{ n += $4 == "done" } $4 == "done" && n <= (v == "hang" ? 1 : 7) { $4 = v } 1' \
        tests/golden/faults.tsv >"$HERE/faults-broken.tsv"
    run 1 "a record with too much of \"$verdict\" is refused" \
        env FAULTS_RECORD="$HERE/faults-broken.tsv" tests/tools/faults_table --check docs/bluetooth.md
    says "breaks what is promised" "it says so"
done
run 2 "an order for a fault that there is not" "$BUILD/virtual-bluez" --fault F99@idle --list
run 2 "an order for a phase that there is not" "$BUILD/virtual-bluez" --fault F01@lunch --list
run 0 "the bugs that the campaign has to find fit their files" tests/tools/mutants --list tests/mutants-faults --check
if [ -n "${TEST_ALL:-}" ]; then
    case $BUILD in
        *-san) ;;               # bugs are planted in a tree of their own, the same for every build
        *) run 0 "it finds each of them" tests/tools/mutants --list tests/mutants-faults
           printf '%s\n' "$OUT" | sed 's/^/# /' ;;
    esac
    campaign all "$(tests/tools/faults --count)" --all
    campaign drawn 200 --draw 200
else
    campaign drawn 20 --draw 20
fi
done_testing
