#!/usr/bin/env bash
# t-kills.sh - kill -9 at any point of an account opening, start again: it ends as if nothing had happened. TAP.
#
# One world, and for each run a meter and a job of its own. gasfitter is killed by strace at the moment of a syscall,
# so that the point is exact: before a step at its n-th durable commit, after a step when it reports the n-th line.
# gasmeter is killed at its n-th journal write, gasoffice at its n-th durable commit, the bus when the n-th line is
# reported; these n are drawn from SEED. TEST_ALL=1 takes every point; KILL="meter 17" replays one.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/kills
RATE=20 FLOW=36000
SEED=${SEED:-2}
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

# how often a part may be started again in one run before it counts as stuck
TRIES=6

meter_id() {                       # the n-th id of a series, with its check digits
    local ten r=0 c
    ten=$(printf 'GM25%06d' "$1")
    for c in 1 6 2 2 $(printf '%s' "${ten:2}" | sed 's/./& /g'); do r=$(((r * 10 + c) % 97)); done
    printf '%s%02d' "$ten" $((98 - r * 100 % 97))
}

rand() { SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff)); echo $((SEED / 65536 % $1 + 1)); }
inject() { echo "strace -f -qq -o /dev/null --seccomp-bpf -P $1 -e trace=$2 -e inject=$2:signal=SIGKILL:when=$3"; }

# One meter on adapter 1, optionally killed at its n-th journal write; restarted by hand below.
meter_up() {
    local wrap=""
    [ -z "${2:-}" ] || wrap=$(inject "$W/m$1.nvm" pwrite64 "$2")
    world_spawn meter $wrap "$BUILD/gasmeter" run --nvm "$W/m$1.nvm" --adapter 02:00:00:00:00:01 --bus "$BUS" \
        --flow-l-per-h "$FLOW" --clock-rate "$RATE"
}
office_up() {
    local wrap="" port enrol
    [ -z "${1:-}" ] || wrap=$(inject "$W/office/office.db-wal" fdatasync "$1")
    read -r port enrol <"$W/port"
    world_spawn office $wrap "$BUILD/gasoffice" --dir "$W/office" serve --listen "127.0.0.1:$port" \
        --enrol-listen "127.0.0.1:$enrol"
    world_wait office ready
}
alive() { [ -f "$W/$1.pid" ] && kill -0 "$(cat "$W/$1.pid")" 2>/dev/null; }

# Whatever was killed is started again, as a person or systemd would.
raise_the_dead() {
    alive bus || { world_kill bus; world_bus; world_kill radio; }
    alive radio || { world_kill radio; world_radio; }
    alive meter || { world_kill meter; meter_up "$1"; died=1; }
    alive office || { world_kill office; office_up; died=1; }
}

# opening N VICTIM POINT - one whole opening; true when it ended well
opening() {
    local n=$1 victim=$2 point=$3 job wrap="" at_meter="" at_office="" try code=99 lines
    job=$(printf 'K-%04d' "$n")
    died=0
    case $victim in
        meter) at_meter=$point ;;
        office) at_office=$point ;;
        before) wrap=$(inject "$W/laptop/gasfitter.db-wal" fdatasync "$point") ;;
        after) wrap=$(inject "$W/out$n" write "$point") ;;
    esac
    [ -z "$at_office" ] || { world_kill office; office_up "$at_office"; }
    meter_up "$n" "$at_meter"
    : >"$W/out$n"
    for try in $(seq $TRIES); do
        world_spawn fitter $wrap "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" \
            --clock-rate "$RATE" run account-opening --job "$job" --label "$(cat "$W/label$n")" --answers "$W/answers"
        # the program's standard output goes to the file that strace watches
        while alive fitter; do
            if [ "$victim" = bus ] && [ "$died" = 0 ]; then
                lines=$(wc -l <"$W/fitter.log")
                [ "$lines" -lt "$point" ] || { world_kill bus KILL; world_kill radio; died=1; }
            fi
            raise_the_dead "$n"
            sleep 0.02
        done
        code=0; wait "$(cat "$W/fitter.pid")" || code=$?
        cat "$W/fitter.log" >>"$W/all$n"
        [ $code != 137 ] || died=1
        wrap=""
        [ $code != 0 ] || break
    done
    world_kill meter
    [ $code = 0 ]
}

# What the run must have left behind at head office, whatever happened: one receipt of each kind, every purged litre once.
proved() {
    local n=$1 id kinds want
    id=$(meter_id "$n")
    kinds=$("$BUILD/gasoffice" --dir "$W/office" show receipts --json | sed -n "s/.*\"meter_id\": *\"$id\".*\"command\": *\"\([a-z-]*\)\".*/\1/p" | sort | uniq -c | tr -s ' ' | tr '\n' ',')
    for want in install-key key-activated open-account zero-clear set-parameters commission; do
        case $kinds in *" 1 $want,"*) ;; *) echo "# $id: not one $want: $kinds"; return 1 ;; esac
    done
    "$BUILD/gasoffice" --dir "$W/office" audit >"$W/audit" || { sed 's/^/# /' "$W/audit"; return 1; }
}

# ---- the world: one bus, one radio, one office, one laptop; a meter and a job for each run ----
plan_runs() {
    local k
    if [ -n "${KILL:-}" ]; then echo "$KILL"; return; fi
    if [ -n "${TEST_ALL:-}" ]; then
        for k in $(seq 1 "$COMMITS"); do echo "before $k"; done
        for k in $(seq 1 "$LINES_OUT"); do echo "after $k"; done
        for k in $(seq 1 "$METER_WRITES"); do echo "meter $k"; done
        for k in $(seq 1 "$OFFICE_COMMITS"); do echo "office $k"; done
        for k in $(seq 1 "$LINES_OUT"); do echo "bus $k"; done
        return
    fi
    for k in $(seq 1 14); do echo "before $((k * COMMITS / 14))"; done
    for k in $(seq 1 13); do echo "after $k"; done
    for k in 1 2 3 4 5; do echo "meter $(rand "$METER_WRITES")"; done
    for k in 1 2 3 4; do echo "office $(rand "$OFFICE_COMMITS")"; done
    for k in 1 2 3 4; do echo "bus $(rand "$LINES_OUT")"; done
}
