# world.sh - the whole system on this machine, for the demo and the shell tests. Source it; needs BUILD and W.
#   W       folder of this world (made fresh by world_new), under the build tree
#   RATE    clock rate of all programs (default 1)
#   FLOW    litres an hour that flow while a meter's valve is open (default 6000)
#   LAX_BUS the bus passes on answers that nobody waits for (a fault of F10), which D-Bus usually drops
#   RADIO   options of virtual-bluez, as words
#   DB      URL of head office's database (default: a file in its folder)
# Everything started here is stopped by world_stop, by pid. Programs talk over a private bus and loopback only.

RATE=${RATE:-1}
FLOW=${FLOW:-6000}
METERS=""                      # set by world_new
PIDS=""

world_note() { [ -n "${QUIET:-}" ] || printf '%s\n' "$*"; }

# world_spawn NAME CMD... - start in the background, output to W/NAME.log, remember the pid in W/NAME.pid
world_spawn() {
    local name=$1; shift
    : >"$W/$name.log"
    "$@" >>"$W/$name.log" 2>&1 </dev/null &
    echo $! >"$W/$name.pid"
    PIDS="$PIDS $!"
}

# world_wait NAME WORD [seconds] - until a line that starts with WORD stands in W/NAME.log
world_wait() {
    local i=0 limit=$((${3:-20} * 50))
    until grep -q "^$2" "$W/$1.log" 2>/dev/null; do
        i=$((i + 1))
        if [ $i -gt $limit ] || ! kill -0 "$(cat "$W/$1.pid")" 2>/dev/null; then
            echo "world: $1 did not say '$2':" >&2
            tail -5 "$W/$1.log" >&2
            return 1
        fi
        sleep 0.02
    done
}

# world_signal SIGNAL PID - a program, or the program that strace (which is deaf to TERM) runs
world_signal() { pkill "-$1" -P "$2" 2>/dev/null || kill "-$1" "$2" 2>/dev/null || true; }

# world_kill NAME [SIGNAL] - stop one program and wait for its end
world_kill() {
    local pid
    pid=$(cat "$W/$1.pid" 2>/dev/null) || return 0
    world_signal "${2:-TERM}" "$pid"
    wait "$pid" 2>/dev/null || true
    rm -f "$W/$1.pid"
}

# world_stop - stop all of them that still run: the number of one that has ended may be another program's by now
world_stop() {
    local p running left=""
    # no <(...): where there is no /dev/fd, as in the virtual machine, there is none
    running=$(jobs -pr)
    for p in $PIDS; do
        case " ${running//$'\n'/ } " in *" $p "*) left="$left $p" ;; esac
    done
    PIDS=$left
    for p in $PIDS; do world_signal TERM "$p"; done
    for p in $PIDS; do
        for _ in $(seq 100); do kill -0 "$p" 2>/dev/null || break; sleep 0.02; done
        world_signal KILL "$p"
        wait "$p" 2>/dev/null || true
    done
    PIDS=""
}

world_bus() {
    local lax=""
    [ -z "${LAX_BUS:-}" ] || lax='<allow send_requested_reply="false" send_type="method_return"/><allow receive_requested_reply="false" receive_type="method_return"/>'
    cat >"$W/bus.conf" <<EOF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path=$SOCK</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/>
$lax</policy>
</busconfig>
EOF
    rm -f "$SOCK"
    world_spawn bus dbus-daemon --nofork --nosyslog --nopidfile --config-file="$W/bus.conf" --print-address=1
    world_wait bus unix:
}

# world_radio [OPTION...] - with options of virtual-bluez' own, and those of RADIO
# shellcheck disable=SC2086 # words
world_radio() { world_spawn radio "$BUILD/virtual-bluez" --bus "$BUS" --adapters 4 --clock-rate "$RATE" ${RADIO:-} "$@"; world_wait radio ready; }

# world_meter N [ADAPTER [OPTION...]] - run meter N on an adapter, the N-th unless said; with options of gasmeter's own
world_meter() {
    world_spawn "meter$1" "$BUILD/gasmeter" run --nvm "$W/meter$1.nvm" --adapter "02:00:00:00:00:0${2:-$1}" --bus "$BUS" \
        --flow-l-per-h "$FLOW" --clock-rate "$RATE" "${@:3}"
    world_wait "meter$1" ready
}

# world_firmware N - meter N is the firmware's image in an emulator; a radio module carries it to adapter N
world_firmware() {
    world_controller "$1"
    world_spawn "meter$1" "$BUILD/gasmeter" --uart "$W/uart$1.sock" --adapter "02:00:00:00:00:0$1" --bus "$BUS"
    world_wait "meter$1" ready
}

# world_controller N - start the emulator of meter N: its line at W/uartN.sock, its hand at W/handN.sock
world_controller() {
    rm -f "$W/uart$1.sock" "$W/hand$1.sock"
    world_spawn "controller$1" setpriv --pdeathsig KILL qemu-system-arm -M netduinoplus2 -display none -monitor none \
        -semihosting-config "enable=on,target=native,arg=$W/meter$1.nvm,arg=flow=$FLOW,arg=rate=$RATE" \
        -serial "unix:$W/uart$1.sock,server=on,wait=off" -serial "unix:$W/hand$1.sock,server=on,wait=off" \
        -kernel "${FIRMWARE:-build/firmware/qemu.elf}"
}

# world_serve [PORT] - head office; the port is kept for restarts in W/port
world_serve() {
    local port=0 enrol=0
    [ ! -f "$W/port" ] || read -r port enrol <"$W/port"
    world_spawn office "$BUILD/gasoffice" --dir "$W/office" serve --listen "127.0.0.1:$port" --public-listen "127.0.0.1:$enrol"
    world_wait office ready
    sed -n 's/^ready URL=https:\/\/127.0.0.1:\([0-9]*\) PUBLIC=https:\/\/127.0.0.1:\([0-9]*\).*/\1 \2/p' "$W/office.log" >"$W/port"
}

office() { "$BUILD/gasoffice" --dir "$W/office" "$@"; }
fitter() { "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus "$BUS" --clock-rate "$RATE" "$@"; }

# label_text ID - what the meter's label says, without an address
label_text() {
    local text="GASM:1:$1:-" crc=65535 i k
    for ((i = 0; i < ${#text}; i++)); do
        crc=$((crc ^ $(printf '%d' "'${text:i:1}") << 8))
        for k in 1 2 3 4 5 6 7 8; do crc=$((crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xFFFF : crc << 1)); done
    done
    printf '%s:%04X' "$text" "$crc"
}

# world_registers - head office with staff, three meters from the manufacturer, customers, three orders for today
world_registers() {
    local i id today
    office init ${DB:+--db "$DB"} >/dev/null
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$W/transport.key"
    i=0
    for id in $METERS; do
        i=$((i + 1))
        "$BUILD/gasmeter" manufacture --id "$id" --nvm "$W/meter$i.nvm" --transport-key "$W/transport.key" \
            --shipment "$W/shipment.csv" --type 4 --pulse-l 1 --address "02:00:00:00:00:0$i" --verified 2026-06-01 >/dev/null
    done
    cat >"$W/customers.csv" <<'EOF'
customer_no,name,phone,supply_point,address
C-1001,Ada Marchetti,+44 20 7946 0101,SP-0001,"12 Canal Street, flat 3"
C-1002,Jonas Bergström,+44 20 7946 0102,SP-0002,"12 Canal Street, flat 4"
C-1003,Mei Tanaka,+44 20 7946 0103,SP-0003,"7 Foundry Lane, cellar"
EOF
    office import-meters "$W/shipment.csv" --transport-key "$W/transport.key" >/dev/null
    office import-customers "$W/customers.csv" >/dev/null
    office add-staff S001 "Rosa Lindqvist" technician >/dev/null
    today=$(date -u +%Y-%m-%d)
    i=0
    for id in $METERS; do
        i=$((i + 1))
        office work-order "$id" "SP-000$i" S001 --due "$today" --priority "$i" --number "J-000$i" >/dev/null
    done
}

# world_laptop - a laptop of staff S001, enrolled and with its bundle. CHEAP=1: its passphrase costs no time to try
world_laptop() {
    local port enrol code
    printf 'correct horse battery staple\n' >"$W/passphrase"
    chmod 600 "$W/passphrase"
    [ -z "${CHEAP:-}" ] || "$BUILD/pipe/laptop_store" "$W/laptop" "$(cat "$W/passphrase")"
    read -r port enrol <"$W/port"
    code=$(office enrol S001)
    fitter enrol "https://127.0.0.1:$enrol" "$code" >/dev/null
    fitter sync >/dev/null
}

world_answers() {
    cat >"$W/answers" <<'EOF'
ventilation = yes
ignition = yes
purge = PURGE
presence = yes
zero-clear = yes
EOF
}

world_new() {
    case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
    METERS="GM2400000156 GM2400000253 GM2400000350"
    rm -rf "$W"
    mkdir -p "$W"
    # a socket's path may be 107 bytes at most, so it is made in a short place of its own when W is deep
    SOCK=$W/bus.sock
    [ ${#SOCK} -lt 100 ] || { echo "world: $W is too deep for a socket" >&2; return 1; }
    BUS=unix:path=$SOCK
    world_answers
}

world_start() {
    world_new
    world_bus
    world_radio
    world_registers
    for i in 1 2 3; do world_meter $i; done
    world_serve
    world_laptop
}
