# radio.sh - in the virtual machine: the real bluetoothd on a system bus, over controllers that hear each other. Source it.
#   CENTRAL, METER    addresses of the first controller (hci0) and the second (hci1); controller N gives that of hciN
#   GATT_CHANNELS     bluetoothd's [GATT] Channels; 1. With more, two daemons of BlueZ open EATT channels between them, and
#                     a burst of notifications arrives in another order than it was sent
#   GATT_MTU          its [GATT] ExchangeMTU; 517
#   CONTROLLERS       how many there are; 2
# Logs are in $VM_OUT: bluetoothd.log (all starts), btvirt.log, and btmon.snoop when BTMON is set.
[ "$(uname -r)" = "$(cat build/vm/kernel-version)" ] || { echo "Bail out! this runs in the virtual machine: make test-vm"; exit 1; }
controller() { printf '00:AA:01:%02X:00:%02X' "$1" "$1"; }
CENTRAL=$(controller 0)
METER=$(controller 1)
: "${VM_OUT:=/tmp}"
RADIO_BUS="" RADIO_DAEMON="" RADIO_AIR="" RADIO_MON=""

# wait_for SECONDS CMD... - until CMD succeeds; asked 10 times a second (PAUSE: each so many seconds), by the clock: a slow CMD
# counts too. Nothing is started to wait or to look at the clock: emulated, that would be most of the machine's work
NEVER=$(mktemp -u /run/never.XXXXXX)
mkfifo "$NEVER"
exec {NEVER}<>"$NEVER"          # nothing is ever there to be read
wait_for() {
    local end=$((EPOCHSECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$EPOCHSECONDS" -lt $end ] || return 1
        read -rt "${PAUSE:-0.1}" -u "$NEVER" || true
    done
}

# adapter_property hciN NAME - its value; nothing when there is none
adapter_property() {
    busctl --system --timeout=5 get-property org.bluez "/org/bluez/$1" org.bluez.Adapter1 "$2" 2>/dev/null | cut -d' ' -f2- | tr -d '"'
}
adapter_is() { [ "$(adapter_property "$1" "$2")" = "$3" ]; }
adapter_there() { [ -n "$(adapter_property "$1" Address)" ]; }
# adapters_are N - so many, each with its GATT
adapters_are() {
    [ "$(busctl --system --timeout=5 call org.bluez / org.freedesktop.DBus.ObjectManager GetManagedObjects 2>/dev/null |
        grep -o '"org.bluez.GattManager1"' | wc -l)" = "$1" ]
}

# air_start - the controllers, until they are on the bus. The kernel waits 2 s for a controller's first answer and never asks
# again. Between making a controller and serving it btvirt asks the kernel for ciphers: they are loaded before. On a busy
# machine it may be late all the same, and is started again then.
air_start() {
    local given_up
    modprobe -a hci_vhci algif_skcipher algif_hash ecb cmac uhid
    for _ in 1 2 3 4 5; do
        given_up=$(controllers_given_up)
        btvirt -L "-l${CONTROLLERS:-2}" >>"$VM_OUT/btvirt.log" 2>&1 &
        RADIO_AIR=$!
        wait_for 60 air_settled "$given_up" || true
        [ "$(controllers_given_up)" = "$given_up" ] && adapters_are "${CONTROLLERS:-2}" && return 0
        air_stop
    done
    echo "radio: the controllers did not come up" >&2
    return 1
}
controllers_given_up() { dmesg | grep -c 'Opcode 0x0c03 failed' || true; }
air_settled() { [ "$(controllers_given_up)" != "$1" ] || adapters_are "${CONTROLLERS:-2}"; }
air_stop() { kill -KILL "$RADIO_AIR"; wait "$RADIO_AIR" 2>/dev/null || true; RADIO_AIR=""; }

daemon_start() {
    printf '[GATT]\nChannels = %s\nExchangeMTU = %s\n' "${GATT_CHANNELS:-1}" "${GATT_MTU:-517}" >/run/bluetooth.conf
    "${BLUETOOTHD:-/usr/libexec/bluetooth/bluetoothd}" -n -d -f /run/bluetooth.conf >>"$VM_OUT/bluetoothd.log" 2>&1 &
    RADIO_DAEMON=$!
}
# daemon_stop [SIGNAL]
daemon_stop() { kill "-${1:-TERM}" "$RADIO_DAEMON"; wait "$RADIO_DAEMON" 2>/dev/null || true; RADIO_DAEMON=""; }

# daemon_keep - bluetoothd 5.66 sometimes crashes when a link is lost before its MTU is known: it is started again then, as
# whoever runs a system would have it
daemon_keep() {
    kill -0 "$RADIO_DAEMON" 2>/dev/null && return 0
    echo "bluetoothd crashed" >>"$VM_OUT/bluetoothd.log"
    daemon_start
}

# radio_up - all of it, until both controllers are on the bus. Fails with a sentence after a minute.
radio_up() {
    mkdir -p /run/dbus
    dbus-daemon --system --nofork --nopidfile >"$VM_OUT/dbus.log" 2>&1 &
    RADIO_BUS=$!
    wait_for 30 test -S /run/dbus/system_bus_socket || { echo "radio: no system bus" >&2; return 1; }
    [ -z "${BTMON:-}" ] || { btmon -w "$VM_OUT/btmon.snoop" >/dev/null 2>&1 & RADIO_MON=$!; }
    daemon_start
    air_start
}
radio_down() {
    local pid
    for pid in $RADIO_DAEMON $RADIO_AIR $RADIO_MON $RADIO_BUS; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    RADIO_BUS="" RADIO_DAEMON="" RADIO_AIR="" RADIO_MON=""
}
