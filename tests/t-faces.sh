#!/usr/bin/env bash
# t-faces.sh - line mode through a whole opening, and a run that is stopped by a signal and goes on. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/faces
# the daemon leaves out Connected=true: an opening does not rest on it
RATE=10 FLOW=36000 RADIO=--no-connected
. tests/tools/tap.sh
CHEAP=1
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

world_start >/dev/null
set -- $METERS
office label "$1" --png "$W/1.png" --scale 6 >/dev/null

# line mode: chosen by itself without a terminal; each line waits for its question
printf '%s\n' J-0001 "$2" "$2" r "$W/1.png" no r yes yes PURGE yes l q >"$W/lines"
from_lines() { fitter <"$W/lines"; }
run 0 "an opening in line mode" bash -c "$(declare -f from_lines fitter); $(declare -p W BUILD BUS RATE); from_lines"
says "E026" "another meter's id is refused"
says "Type the id again: " "an id is asked for twice"
says "[ 8/14] Purge with gas: receipt" "gas was purged"
says "Finished." "it is finished"
says "Records: all records are at head office." "nothing waits on the laptop"
case $OUT in *"$(printf '\033')"*) ok 1 "no control sequence" ;; *) ok 0 "no control sequence" ;; esac

# one meter, command by command, in line mode: until the input ends
printf '%s\n' "m $2" identify zero_clear "zero_clear residual=0" no self_test install_key >"$W/lines"
run 0 "a talk in line mode" bash -c "$(declare -f from_lines fitter); $(declare -p W BUILD BUS RATE); from_lines"
says "state: new from the factory" "the meter answers"
says "residual: it has to be given" "a missing argument is named"
says "its name was to be typed; nothing was sent" "what is dangerous has to be meant"
says "E053" "what no ticket allows is refused"
says "Talk to the meter: install_key: receipt" "what is asked next is done"
says "The connection to the meter is closed." "it is left"

# the meter stands still, so the run waits; SIGTERM leaves it safely, and the same call goes on
label=$(office label "$3" --ascii | grep '^GASM:')
opening() { fitter run account-opening --job J-0003 --label "$label" --answers "$W/answers"; }
kill -STOP "$(cat "$W/meter3.pid")"
world_spawn waits "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" \
    --clock-rate "$RATE" run account-opening --job J-0003 --label "$label" --answers "$W/answers"
world_wait waits "\[ 2/14\]"
pid=$(cat "$W/waits.pid")
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
rm "$W/waits.pid"
OUT=$(cat "$W/waits.log")
[ $code = 8 ] || echo "# it was $code"
ok "$([ $code = 8 ] && echo 0 || echo 1)" "a signal ends the run with status 8"
says "E100 cancelled" "it says so"
kill -CONT "$(cat "$W/meter3.pid")"
run 0 "the same call goes on" opening
says "2 of them are done already; it goes on with \"Connect\"" "where it stopped"
says "[14/14] Certificate" "to the end"
# the command line
run 0 "help" "$BUILD/gasfitter" --help
run 0 "version" "$BUILD/gasfitter" --version
run 2 "no such command" fitter frobnicate
says "frobnicate" "it is named"
run 2 "no such option" fitter --frobnicate jobs
run 2 "too many arguments" fitter sync now
run 2 "no such procedure" fitter run coffee --job J-0002
run 2 "a run without its job" fitter run account-opening
run 2 "two labels" fitter run account-opening --job J-0002 --image "$W/1.png" --label "$label"
run 2 "a clock rate that is none" fitter --clock-rate fast jobs
run 3 "a laptop that is not enrolled" "$BUILD/gasfitter" --data "$W/nobody" --passphrase-file "$W/passphrase" jobs
says "E033" "it says so"
holds "and nothing was made" [ ! -e "$W/nobody" ]
echo "another passphrase" >"$W/wrong"
run 4 "a wrong passphrase" "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/wrong" jobs
run 8 "enrolled twice" fitter enrol https://127.0.0.1:1 AAAAAAAAAA-0000000000000000
run 8 "a certificate that is not issued yet" fitter certificate --job J-0002
run 3 "a certificate of no job" fitter certificate --job J-0009
run 0 "a certificate" fitter certificate --job J-0003
printf '%s\n' "$OUT" >"$W/certificate"
run 0 "that head office knows" office verify-certificate "$W/certificate"

run 0 "the audit at head office" office audit
says "audit: clean" "it is clean"
done_testing
