# world.sh - the whole system of tests/tools/world.sh on the real bluetoothd: the laptop at controller hci0, one meter at a time
# at hci1. Source it behind tests/tools/tap.sh; needs BUILD. vm_world N makes N meters of type 4, with a job for each.
. tests/vm/radio.sh
. tests/tools/world.sh
. tests/tools/openings.sh       # opening_proved
QUIET=1 CHEAP=1
NOW=""                          # number of the meter that runs

vm_stop() {
    local code=$?
    # what one wants to read when a test has failed
    if [ -n "${W:-}" ]; then mkdir -p "$VM_OUT/world"; cp "$W"/*.log "$W"/said.* "$VM_OUT/world/" 2>/dev/null || true; fi
    if type terminal_stop >/dev/null 2>&1; then terminal_stop; fi
    world_stop
    radio_down
    return $code
}
trap vm_stop EXIT

# meter_id N - the two digits at the end are a check of the others
meter_id() { printf 'GM240000%02d%02d' "$1" $((59 - 3 * $1)); }

# world_meter N [CONTROLLER [OPTION...]] - run meter N at a controller, 1 unless said; with options of gasmeter's own, it has no
# control socket but theirs
world_meter() {
    local at
    at=$(controller "${2:-1}")
    if [ $# -lt 3 ]; then set -- "$1" "" --control "$W/meter$1.sock"; fi
    world_spawn "meter$1" "$BUILD/gasmeter" run --nvm "$W/meter$1.nvm" --adapter "$at" --bus "$BUS" --readvertise-ms 500 \
        --flow-l-per-h "$FLOW" --clock-rate "$RATE" --verbose "${@:3}"
    wait_for 60 meter_ready "$1" || { tail -n 5 "$W/meter$1.log" | sed 's/^/# /' >&2; return 1; }
    NOW=$1
}
meter_ready() { daemon_keep && grep -q ^ready "$W/meter$1.log"; }
fitter() {
    "$BUILD/gasfitter" --data "$W/${LAPTOP:-laptop}" --passphrase-file "$W/passphrase" --bus "$BUS" \
        --adapter "${ADAPTER:-$CENTRAL}" --clock-rate "$RATE" "$@"
}
# hand LINE... - commands at the running meter's control socket; its answers
hand() {
    perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift) or die "no meter\n";
        for (@ARGV) { print $s "$_\n"; print scalar <$s> }' "$W/meter$NOW.sock" "$@"
}
# meter_field KEY - of the running meter's status
meter_field() { hand status | tr ' ' '\n' | sed -n "s/^$1=//p"; }
meter_says() { [ "$(meter_field "$1")" = "$2" ]; }

vm_world() {
    local bus=unix:path=/run/dbus/system_bus_socket i
    radio_up
    W=$BUILD/tmp/vm
    world_new
    BUS=$bus METERS=""
    for i in $(seq "$1"); do METERS="$METERS $(meter_id "$i")"; done
    world_registers
    world_serve
    world_laptop
}
# world_start - three meters, each at a controller of its own
world_start() {
    local i
    CONTROLLERS=4
    vm_world 3
    for i in 1 2 3; do world_meter $i $i; done
}

# opening N - the opening of meter N in the background; what it says goes to W/said.N. opening_ends NAME waits for it
opening() {
    local pid
    : >"$W/said.$1"
    fitter run account-opening --job "J-000$1" --label "$(label_text "$(meter_id "$1")")" --answers "$W/answers" \
        >"$W/said.$1" 2>&1 </dev/null &
    pid=$!
    OPENING=$pid OPENED=$1
    PIDS="$PIDS $pid"
}
# until_said TEXT [SECONDS] - by the opening
until_said() { wait_for "${2:-120}" opening_said_or_ended "$1" && opening_said "$1"; }
opening_said_or_ended() { opening_said "$1" || opening_ended; }
opening_said() {
    local said
    read -rd '' said <"$W/said.$OPENED" || true
    [[ $said == *"$1"* ]]
}
opening_ended() { daemon_keep && ! kill -0 "$OPENING" 2>/dev/null; }
opening_ends() { # NAME
    local code=0
    if ! wait_for 240 opening_ended; then kill "$OPENING"; fi
    wait "$OPENING" || code=$?
    [ $code = 0 ] || tail -n 25 "$W/said.$OPENED" | sed 's/^/# /' >&2
    is $code 0 "$1: the opening ends well"
}
# agrees N NAME - what the meter is, what the laptop has and what head office has are one: the opening was done once
agrees() {
    local id
    id=$(meter_id "$1")
    is "$(meter_field state) $(meter_field valve) $(meter_field account)" "in-service shut 10000$1" "$2: the meter is in service"
    fitter sync >/dev/null || true
    is "$(fitter outbox 2>&1 | awk -v id="$id" '$0 ~ id { n++; open += !/acknowledged/ } END { print (n > 0), open + 0 }')" "1 0" \
        "$2: the laptop has its records, each acknowledged by head office"
    ok "$(opening_proved "$1" >&2; echo $?)" "$2: each command was done once, and the audit is clean"
}
