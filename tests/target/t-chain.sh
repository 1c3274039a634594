#!/usr/bin/env bash
# t-chain.sh - the technician's app, virtual BlueZ, `gasmeter --uart` and the firmware in its emulator as one chain: three
# account openings, one undisturbed, one with controller and radio module killed in the middle, one over a bad line on a
# terminal. SEED=n: other noise. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$BUILD/tmp/target-chain
QUIET=1
RATE=10
SEED=${SEED:-1}
. tests/tools/tap.sh
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

module() { # N PATH - the radio module of meter N on a line
    world_spawn "meter$1" "$BUILD/gasmeter" --uart "$2" --adapter "02:00:00:00:00:0$1" --bus "$BUS"
}
# lines NAME WORD - how many lines of a log start with it
lines() { grep -c "^$2" "$W/$1.log" || true; }
# comes NAME WORD N TEXT - wait until N lines of the log start with WORD
comes() {
    local i=0
    until [ "$(lines "$1" "$2")" -ge "$3" ]; do
        i=$((i + 1))
        if [ $i -gt 1000 ]; then
            tail -5 "$W/$1.log" | sed 's/^/# /' >&2
            ok 1 "$4"
            return 0
        fi
        sleep 0.02
    done
    ok 0 "$4"
}
open_account() { # N - begin the opening on meter N
    local id
    id=$(echo "$METERS" | cut -d' ' -f"$1")
    world_spawn fitter "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" \
        --clock-rate "$RATE" run account-opening --job "J-000$1" --label "$(label_text "$id")" --answers "$W/answers"
}
# opens N TEXT - the opening that runs ends well; one that gave up for the link's sake is called again, as its words say
opens() {
    local code try
    for try in 1 2 3 4; do
        code=0
        wait "$(cat "$W/fitter.pid")" || code=$?
        rm -f "$W/fitter.pid"
        cat "$W/fitter.log" >>"$W/all$1"
        [ $code = 5 ] || break
        open_account "$1"
    done
    [ $code = 0 ] || tail -8 "$W/all$1" | sed 's/^/# /' >&2
    ok $code "$2 (in $try calls)"
}

world_new
world_bus
world_radio
world_registers
world_serve
world_laptop

# ---- the module is there before its controller ----
module 1 "$W/uart1.sock"
world_controller 1
comes meter1 "ready GM2400000156" 1 "a module that starts first waits for its controller"
open_account 1
opens 1 "an account is opened on the firmware"
is "$(grep -c '^\[ *[0-9]*/14\]' "$W/all1")" 14 "each step is told"
world_kill controller1 KILL
comes meter1 "not advertising: the line has ended" 1 "a module that has nothing to say notices its controller's end too"
world_controller 1
comes meter1 ready 2 "and its return"

# ---- places that are no line ----
run 3 "a file in place of a line" timeout 10 "$BUILD/gasmeter" --uart "$W/answers" --bus "$BUS"
says "uart" "the place is named"
says "neither a terminal nor a socket" "and the reason"
run 3 "a folder in place of a line" timeout 10 "$BUILD/gasmeter" --uart "$W" --bus "$BUS"
run 2 "no line" timeout 10 "$BUILD/gasmeter" --uart

# ---- killed in the middle: the controller, then the module ----
world_firmware 2
open_account 2
world_wait fitter '\[ *4/14\]' 60
world_kill controller2 KILL
comes meter2 "not advertising: " 1 "without its controller the module stops advertising"
grep "^not advertising" "$W/meter2.log" | sed 's/^/# /'
world_controller 2
comes meter2 ready 2 "with it the module comes back by itself"
i=0
until grep -q '^\[ *7/14\]' "$W/fitter.log" || ! kill -0 "$(cat "$W/fitter.pid")" 2>/dev/null || [ $i -gt 3000 ]; do
    i=$((i + 1))
    sleep 0.02
done
world_kill meter2 KILL
module 2 "$W/uart2.sock"
world_wait meter2 ready
opens 2 "the opening ends well all the same"

# ---- a stall ----
run 0 "the controller's start and its first message come in one piece" \
    /usr/bin/python3 -B tests/target/early_hello.py "$BUILD/gasmeter" "$BUS" 02:00:00:00:00:03 "$W/early.sock"

# ---- a terminal, a bad one ----
world_controller 3
world_spawn relay /usr/bin/python3 -B tests/target/relay.py "$W/uart3.sock" "$W/tty3" "$SEED" 3
world_wait relay ready
module 3 "$W/tty3"
world_wait meter3 ready 60
run 3 "a second module on a terminal" timeout 10 "$BUILD/gasmeter" --uart "$W/tty3" --bus "$BUS"
says "uart" "the place is named"
says "busy" "and the reason"
open_account 3
opens 3 "an account is opened over a line that loses, alters, doubles and stalls bytes; SEED=$SEED"
world_kill relay
sed -n 's/^\([0-9]* bytes\)/# \1/p' "$W/relay.log"
ok "$(grep -Eq ' [1-9][0-9]* lost, [1-9][0-9]* altered, [1-9][0-9]* doubled, [1-9][0-9]* stalled' "$W/relay.log" && echo 0 || echo 1)" \
    "each of them happened"

run 0 "what is left is brought home" fitter sync
run 0 "the audit" office audit
says "audit: clean" "the audit is clean"
is "$(office show accounts --lines | grep -c '"state": "open"' || true)" 3 "three accounts are open at head office"
done_testing
