#!/usr/bin/env bash
# g-opening.sh - accounts are opened over the real bluetoothd: without a person, and on the screen by keys, in tmux. TAP, run by
# tests/vm/run-group.
# seconds: 190
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/tools/terminal.sh
. tests/vm/world.sh

vm_world 2
world_meter 1
opening 1
opening_ends "headless"
agrees 1 "headless"
is "$(grep -c "Receipts .*1 to 9, all verified" "$W/said.1")" 1 "headless: nine receipts, none twice"
has "$(cat "$W/said.1")" "link: ATT MTU 517, fragments of 509 bytes" "headless: the greatest MTU"
world_kill meter1

# ---- on the screen ----
world_meter 2
cat >"$W/app" <<END
unset TMUX NO_COLOR
"$BUILD/gasfitter" --data "$W/laptop" --bus "$BUS" --adapter "$CENTRAL" --clock-rate "$RATE"
echo "ended with \$?"
sleep 600
END
terminal_start "$W/app"
shows "Passphrase:" "the passphrase is asked" 60
keys -l "$(cat "$W/passphrase")"
keys Enter
shows "> J-0002" "the worklist" 60
shows "$(meter_id 2)        ?" "its meter is in reach, with no strength" 30
keys Enter
shows "Hand scanner" "the label is asked" 60
keys -l "$(label_text "$(meter_id 2)")"
keys Enter
shows "yes or no:" "the link is up, the account is open, and the purge asks" 120
keys -l yes
keys Enter
shows "source of ignition" "the next question" 60
keys -l yes
keys Enter
shows "Type PURGE:" "gas asks for a word" 60
keys -l PURGE
keys Enter
shows "Clear the residual" "gas has flowed, and the residual is asked" 120
shows "yes or no:" "it is confirmed" 60
keys -l yes
keys Enter
shows "Finished" "the end of the procedure" 120
shows "CC-000002" "the certificate's number" 60
keys Enter
shows "all records are at head office" "nothing waits on the laptop" 60
keys q
shows "ended with 0" "q quits" 60
agrees 2 "on the screen"
done_testing
