#!/usr/bin/env bash
# t-fuzz.sh - every fuzz target on its corpus, and then on what it makes of it, the same each time. TAP.
#
#   t-fuzz.sh             some thousands of inputs each; TEST_ALL=1: 10^7 each. SEED=n: other ones.
#   t-fuzz.sh TARGET...   only these
#   t-fuzz.sh corpus [DIR]   seeds, the corpus, and what a longer run left in DIR/<target>, made as small as it goes,
#                            become the corpus; inputs named kept-* stay in any case
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
: "${SEED:=1}"
export FUZZ_BUILD=${FUZZ_BUILD:-build/fuzz}
. tests/tools/tap.sh
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/fuzz
BIN=$FUZZ_BUILD/bin

# the longest input
max_len() {
    case $1 in
        fuzz_journal | fuzz_office_*) echo 4096 ;;
        *) echo 2100 ;;
    esac
}

# inputs of the quick run: a few seconds each
quick_runs() {
    case $1 in
        fuzz_journal) echo 8000 ;;
        fuzz_message) echo 30000 ;;
        fuzz_office_sync | fuzz_office_backup) echo 200 ;;
        fuzz_office_http | fuzz_office_api) echo 5000 ;;
        fuzz_office_*) echo 20000 ;;
        *) echo 100000 ;;
    esac
}

# inputs of the long run: what takes a database each time gets fewer
all_runs() {
    case $1 in
        fuzz_office_*) echo $((100 * $(quick_runs "$1"))) ;;
        *) echo 10000000 ;;
    esac
}

build() { env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory fuzz >"$W/build.log" 2>&1; }

new_corpus() {
    local target from
    rm -rf "$W/seeds" "$W/new"
    mkdir -p "$W/seeds" "$W/new"
    "$BIN/seeds" "$W/seeds"
    "$BIN/seeds_office" "$W/seeds"
    for target in "${TARGETS[@]}"; do
        mkdir -p "$W/new/$target"
        from=()
        for dir in "tests/fuzz/corpus/$target" "$W/seeds/$target" "${1:+$1/$target}"; do [ ! -d "$dir" ] || from+=("$dir"); done
        "$BIN/$target" -set_cover_merge=1 -use_counters=0 -max_len="$(max_len "$target")" "$W/new/$target" "${from[@]}" >"$W/merge.log" 2>&1
        for dir in "${from[@]}"; do find "$dir" -name 'kept-*' -exec cp {} "$W/new/$target" \;; done
        echo "$target: $(ls "$W/new/$target" | wc -l) inputs, $(cat "$W/new/$target"/* | wc -c) bytes"
        rm -rf "tests/fuzz/corpus/$target"
        mkdir -p tests/fuzz/corpus
        cp -r "$W/new/$target" "tests/fuzz/corpus/$target"
    done
}

# fuzz TARGET NAME ARGUMENT... - one run; says how to replay what it finds
fuzz() {
    local target=$1 name=$2 code=0
    shift 2
    "$BIN/$target" -max_len="$(max_len "$target")" -timeout=60 -artifact_prefix="$W/$target-" "$@" >"$W/$target.log" 2>&1 || code=$?
    if [ $code != 0 ]; then
        grep -v '^\(#\|INFO\|NEW\)' "$W/$target.log" | tail -25 | sed 's/^/# /'
        sed -n "s|.*Test unit written to \(.*\)|# replay: $BIN/$target \1|p" "$W/$target.log"
    fi
    ok $code "$target: $name"
}

case $BUILD in *-san) echo "1..0 # SKIP the fuzz targets have a sanitized tree of their own"; exit 0 ;; esac
mkdir -p "$W"
rm -f "$W"/fuzz_*
build || { sed 's/^/# /' "$W/build.log"; echo "Bail out! the fuzz targets cannot be built"; exit 1; }
mapfile -t TARGETS < <(cd tests/fuzz && ls fuzz_*.c | sed 's/\.c$//')
[ "${1:-}" != corpus ] || { new_corpus "${2:-}"; exit 0; }
[ $# = 0 ] || TARGETS=("$@")

for target in "${TARGETS[@]}"; do
    runs=$(quick_runs "$target")
    [ -z "${TEST_ALL:-}" ] || runs=$(all_runs "$target")
    corpus=tests/fuzz/corpus/$target
    fuzz "$target" "its corpus of $(ls "$corpus" | wc -l)" -runs=0 "$corpus"
    rm -rf "$W/found"
    mkdir -p "$W/found/$target"
    fuzz "$target" "$runs inputs, SEED=$SEED" -runs="$runs" -seed="$SEED" -use_cmp=0 -reload=0 \
        "$W/found/$target" "$corpus"
done
done_testing
