#!/usr/bin/env bash
# t-screen.sh - one account opening on the screen, by keys, in tmux; the real programs all around. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/screen
RATE=10 FLOW=36000
. tests/tools/tap.sh
CHEAP=1
. tests/tools/world.sh
. tests/tools/terminal.sh
stop() { terminal_stop; world_stop; }
trap stop EXIT
trap 'exit 130' INT TERM HUP

world_start >/dev/null
set -- $METERS
office label "$1" --png "$W/label.png" --scale 6 >/dev/null
cat >"$W/app" <<EOF
unset TMUX NO_COLOR
"$BUILD/gasfitter" --data "$W/laptop" --bus "$BUS" --clock-rate "$RATE"
echo "ended with \$?"
stty -a | tr ' ' '\n' | grep -x -e icanon -e echo | tr '\n' ' '
read go
"$BUILD/gasfitter" --data "$W/second" enrol "https://127.0.0.1:$(cut -d' ' -f2 "$W/port")" "$(office enrol S001)"
echo "first: \$?"
read go
clear
"$BUILD/gasfitter" --data "$W/second" enrol "https://127.0.0.1:$(cut -d' ' -f2 "$W/port")" "$(office enrol S001)"
echo "second: \$?"
sleep 600
EOF
terminal_start "$W/app"

shows "Passphrase:" "the passphrase is asked"
keys -l "correct horse battery staple"
keys Enter
shows "> J-0001" "the worklist"
shows "12 Canal Street, flat 3" "the address of the chosen job"
shows "$1 ▂" "the job's meter is in reach" 30
keys "?"
shows "Starts the chosen job" "help"
keys Escape
shows "Open jobs" "back from help"
keys /
keys -l "tanaka"
shows "> J-0003" "the filter finds a customer"
keys Escape
shows "> J-0003" "the chosen job stays chosen"
keys Home Enter
shows "Hand scanner" "the procedure asks for the label"
keys -l "https://example.org/leaflet"
keys Enter
shows "E020" "a foreign code is refused"
keys -l "$W/label.png"
keys Enter
shows "yes or no:" "from the image to the purge's first question" 60
t resize-window -t app -x 60 -y 20
shows "Make it larger." "too small says so"
t resize-window -t app -x 110 -y 36
shows "yes or no:" "larger again, the question stands"
keys -l yes
keys Enter
shows "source of ignition" "the next question"
keys -l yes
keys Enter
shows "Type PURGE:" "gas asks for a word"
keys -l PURGE
keys Enter
shows "Clear the residual" "the purge ends, and the next step asks" 60
shows "yes or no:" "the residual is confirmed"
keys -l yes
keys Enter
shows "Finished" "the end of the procedure" 60
shows "CC-000001" "the certificate's number"
keys Enter
shows "Open jobs" "back at the worklist"
if grep -q "J-0001 " <<<"$(screen)"; then ok 1 "the finished job is gone"; else ok 0 "the finished job is gone"; fi
shows "all records are at head office" "the queue is empty"
keys F3
shows "acknowledged" "the records"
keys Escape
shows "Open jobs" "back from the records"
keys q
shows "ended with 0" "q quits"
shows "icanon echo" "the terminal is as it was"
if grep -q "correct horse" <<<"$(screen)"; then ok 1 "the passphrase is not shown"; else ok 0 "the passphrase is not shown"; fi
keys Enter
shows "New passphrase" "a new laptop asks for a new passphrase"
keys -l "one"
keys Enter
shows "The same again" "twice"
keys -l "two"
keys Enter
shows "E047" "two that differ are refused"
shows "first: 4" "with status 4"
keys Enter
for _ in $(seq 200); do grep -q "first: 4" <<<"$(screen)" || break; sleep 0.05; done     # until it is cleared
shows "New passphrase" "once more"
keys -l "three words here"
keys Enter
shows "The same again" "twice again"
keys -l "three words here"
keys Enter
shows "enrolled: device" "enrolled"
shows "second: 0" "with status 0"
run 0 "the audit at head office" office audit
says "audit: clean" "it is clean"
done_testing
