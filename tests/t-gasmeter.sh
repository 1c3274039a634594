#!/usr/bin/env bash
# t-gasmeter.sh - a meter on virtual-bluez, driven through its control socket, and on its panel in tmux. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$BUILD/tmp/gasmeter
QUIET=1
RATE=10
. tests/tools/tap.sh
. tests/tools/world.sh
TMUX_NAME=gasmeter-$$
t() { tmux -L "$TMUX_NAME" -f /dev/null "$@"; }
stop() { t kill-server 2>/dev/null || true; world_stop; }
trap stop EXIT
trap 'exit 130' INT TERM HUP
ID=GM2400000156
ADDRESS=02:00:00:00:00:01
SOCKET=$W/meter.sock

# tell LINE... - each line to the meter; its answers are in $OUT, one a line
tell() {
    OUT=$(perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Peer => shift) or die "no socket: $!\n";
        for (@ARGV) { print $s "$_\n"; print scalar <$s>; }' "$SOCKET" "$@" 2>&1) || OUT="failed: $OUT"
}
# becomes KEY=VALUE NAME - wait until the status has it
becomes() {
    local i=0
    until tell status; case " $OUT " in *" $1 "*) true ;; *) false ;; esac; do
        i=$((i + 1))
        if [ $i -gt 500 ]; then
            printf '# %s\n' "$OUT"
            ok 1 "$2: $1"
            return 0
        fi
        sleep 0.04
    done
    ok 0 "$2: $1"
}
make_meter() {
    "$BUILD/gasmeter" manufacture --id "$1" --nvm "$2" --transport-key "$W/transport.key" \
        --shipment "$W/shipment.csv" --type 4 --pulse-l 1 --verified 2026-06-01 >/dev/null
}

world_new
world_bus
world_radio
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$W/transport.key"
make_meter $ID "$W/meter1.nvm"
make_meter GM2400000253 "$W/meter2.nvm"
world_spawn meter1 "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter $ADDRESS --bus "$BUS" \
    --clock-rate $RATE --control "$SOCKET"
world_wait meter1 ready

# ---- the control socket ----
is "$(stat -c %a "$SOCKET")" 600 "the socket is its owner's alone"
tell help
says "ok press; magnet on|off" "help lists the commands"
tell lcd
says "ok |" "lcd: the display"
becomes valve=shut "the valve"
tell "magnet on" "battery 2700" "clock 2030-01-01T00:00:00Z" "flow x" "battery 9999" "fly" "type 123"
is "$OUT" "ok magnet on
ok battery 2700
ok clock 2030-01-01T00:00:00Z
error flow: x is not L_PER_H 0..1000000
error battery: 9999 is not MV 0..5000
error command: fly is not one; try help
error meter: state" "answers, in order"
tell status
says " magnet=on " "status: the magnet"
says " battery=2700 " "status: the battery"
says " clock=2030-01-01T00:0" "status: the clock"
tell "leak on" "flow 360000"
tell status
says " gas=360000 " "gas flows through the shut valve"
i=0
until tell status; [ "$(printf '%s' "$OUT" | sed 's/.* index=\([0-9]*\).*/\1/')" -gt 100 ] || [ $i -gt 500 ]; do
    i=$((i + 1))
    sleep 0.02
done
ok "$([ $i -le 500 ] && echo 0 || echo 1)" "it is counted"
run 8 "a second meter at the same socket" "$BUILD/gasmeter" run --nvm "$W/meter2.nvm" --control "$SOCKET" --bus "$BUS"
says "another program listens there" "the reason"

tell "leak off"

# a central comes, reads, and goes: bluetoothctl is told again and again until the meter has noticed
mkfifo "$W/ctl.in"
exec 3<>"$W/ctl.in"
DBUS_SYSTEM_BUS_ADDRESS=$BUS bluetoothctl <"$W/ctl.in" >"$W/ctl.log" 2>&1 3>&- &
PIDS="$PIDS $!"
# leads_to KEY=VALUE NAME COMMAND... - bluetoothctl's commands, until the status has it
leads_to() {
    local want=$1 name=$2 i=0
    shift 2
    until tell status; case " $OUT " in *" $want "*) true ;; *) false ;; esac || [ $i -gt 100 ]; do
        i=$((i + 1))
        printf '%s\n' "$@" >&3
        sleep 0.2
    done
    says " $want " "$name"
}
leads_to connected=yes "a central is there" "scan on" "connect $ADDRESS" "menu gatt" \
    "select-attribute 8a5c0004-2f4d-4b7e-9c61-d0b3f1e7a942" read back
leads_to connected=no "it goes away" "disconnect $ADDRESS"
echo quit >&3
exec 3>&-
world_kill meter1
ok "$([ ! -e "$SOCKET" ] && echo 0 || echo 1)" "the socket goes with the meter"

# ---- a killed meter leaves its socket; the next one takes its place ----
start_meter() {
    world_spawn meter1 "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter $ADDRESS --bus "$BUS" --control "$SOCKET"
    world_wait meter1 ready
}
start_meter
world_kill meter1 KILL
ok "$([ -S "$SOCKET" ] && echo 0 || echo 1)" "killed, the meter leaves its socket"
start_meter
becomes magnet=off "the next one listens there"
world_kill meter1

# ---- the panel ----
run 2 "a panel without a terminal" "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --bus "$BUS" --panel
says "no terminal" "the reason"
cat >"$W/app" <<END
"$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter $ADDRESS --bus "$BUS" --control "$SOCKET" --panel
echo "ended with \$?"
stty -a | tr ' ' '\n' | grep -x -e icanon -e echo | tr '\n' ' '
read go
clear
"$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter $ADDRESS --bus "$BUS" --control "$SOCKET" --panel
echo "again with \$?"
stty -a | tr ' ' '\n' | grep -x -e icanon -e echo | tr '\n' ' '
read go
clear
TERM=nonsense "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter $ADDRESS --bus "$BUS" --panel
echo "unknown with \$?"
read go
END
screen() { t capture-pane -p -t app; }
keys() { t send-keys -t app "$@"; }
# shows PATTERN NAME - wait until a line of the screen has it
shows() {
    local i=0
    until grep -qE -- "$1" <<<"$(screen)"; do
        i=$((i + 1))
        if [ $i -gt 400 ]; then
            screen | sed 's/^/# /'
            ok 1 "$2"
            return 0
        fi
        sleep 0.05
    done
    ok 0 "$2"
}
t new-session -d -s app -x 80 -y 24 "env LC_ALL=C.UTF-8 TZ=UTC TERM=screen sh '$W/app'"
shows "gasmeter $ID  factory" "panel: which meter, in which state"
shows '\+------------------\+    valve     shut' "the display's frame, and the valve"
shows 'radio: advertising at 02:00:00:00:00:01' "the radio"
shows 'residual  -?[0-9]+ l' "the residual"
shows 'q +quit' "the last key is on the screen"
is "$(screen | awk 'length > 80' | wc -l)" 0 "nothing is wider than the screen"
keys m
shows 'm +magnet +on' "m: the magnet"
keys c r v l
shows 'c +cover +on' "c: the cover"
shows 'r +reverse +on' "r: reverse flow"
shows 'v +valve +stuck' "v: the valve sticks"
shows 'l +leak +on' "l: a leak"
keys + + -
shows '\+ - +flow +100 ' "+ and -: the flow"
keys '[' '>' '>'
shows 'battery +3500' "[: the battery"
shows 'temperature +300' ">: the temperature"
tell "clock stop" "clock 2030-01-01T00:00:00Z"
keys T
shows "clock +2029-12-31T23:00:00Z,stopped " "T: the clock, an hour back, and stopped"
tell "clock run"
shows "clock +2029-12-31T23:[0-9:]*Z " "it runs on"
keys b
shows '^ok$' "b: the button"
keys x
shows 'this key does nothing' "another key"
keys k
shows 'digits: +Enter types' "k asks for digits"
keys -l '12-34x5'
shows 'digits: 12-345' "digits are typed"
keys BSpace Enter
shows 'error meter: state' "the meter's answer"
tell status "temperature -100"
says " temperature=300 " "the control socket sees what the keys did"
shows 'temperature +-100' "and the panel what the socket did"
t resize-window -t app -x 60 -y 20
shows 'Make it larger: 64x22' "too small says so"
t resize-window -t app -x 132 -y 40
shows 'set, step by S seconds, stop, run on' "larger again"
keys q
shows 'ended with 0' "q ends the meter"
shows 'icanon echo' "the terminal is as it was"
keys Enter
shows "gasmeter $ID  factory" "the panel again"
PANEL=$(pgrep -P "$(t list-panes -t app -F '#{pane_pid}')" gasmeter || true)
kill -TERM "$PANEL"
shows 'again with 0' "a signal ends it"
shows 'icanon echo' "the terminal is as it was, too"
keys Enter
shows 'terminal: nonsense' "an unknown terminal is refused"
shows 'unknown with 2' "with status 2"
done_testing
