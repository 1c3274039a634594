#!/usr/bin/env bash
# t-bluetoothctl.sh - Debian's own bluetoothctl lists, finds, connects to, browses and reads a meter on virtual-bluez.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$BUILD/tmp/bluetoothctl
QUIET=1
. tests/tools/tap.sh
. tests/tools/world.sh
ID=GM2400000156
ADDRESS=02:00:00:00:00:01
CTL=8a5c0004-2f4d-4b7e-9c61-d0b3f1e7a942
DEVICE=/org/bluez/hci0/dev_02_00_00_00_00_01

# One bluetoothctl for the whole test: commands go in by a pipe, what it says is in $W/ctl.log.
SEEN=0
since() { tail -c +$((SEEN + 1)) "$W/ctl.log" | tr -d '\001\002\r' | sed 's/\x1b\[[0-9;]*[a-zA-Z]//g'; }
ask() {
    SEEN=$(wc -c <"$W/ctl.log")
    printf '%s\n' "$@" >&3
}
# heard WORDS NAME - it says so, after the last ask, within 20 s
heard() {
    local i=0
    until since | grep -F -- "$1" >/dev/null; do
        i=$((i + 1))
        if [ $i -gt 1000 ]; then
            printf '%s\n' "no \"$1\" in:" "$(since)" | sed 's/^/# /'
            ok 1 "$2"
            return
        fi
        sleep 0.02
    done
    ok 0 "$2"
}
finish() {
    exec 3>&-
    world_stop
}

world_new
trap finish EXIT
RATE=4
world_bus
world_radio
head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$W/transport.key"
"$BUILD/gasmeter" manufacture --id $ID --nvm "$W/meter1.nvm" --transport-key "$W/transport.key" \
    --shipment "$W/shipment.csv" --type 4 --pulse-l 1 --address $ADDRESS --verified 2026-06-01 >/dev/null
world_meter 1

mkfifo "$W/ctl.in"
exec 3<>"$W/ctl.in"
: >"$W/ctl.log"
DBUS_SYSTEM_BUS_ADDRESS=$BUS bluetoothctl <"$W/ctl.in" >"$W/ctl.log" 2>&1 3>&- &
PIDS="$PIDS $!"
heard "Agent registered" "bluetoothctl finds the daemon and registers its agent"

ask list
heard "Controller 02:00:00:00:00:00" "list: the laptop's adapter"
heard "Controller 02:00:00:00:00:03" "list: the meters' adapters"
ask "scan on"
heard "Discovery started" "scan: started"
heard "Device $ADDRESS GASM-$ID" "scan: the meter is found, with its name"
ask "info $ADDRESS"
heard "UUID: Vendor specific           (8a5c0001-2f4d-4b7e-9c61-d0b3f1e7a942)" "info: the meter's service is advertised"
heard "ManufacturerData Key: 0xffff" "info: the id's hash is advertised"
ask "scan off"
heard "Discovery stopped" "scan: stopped"

ask "connect $ADDRESS"
heard "Connection successful" "connect: successful"
heard "Device $ADDRESS ServicesResolved: yes" "connect: the services are found"
ask "menu gatt" "list-attributes"
heard "0000180a-0000-1000-8000-00805f9b34fb" "list-attributes: Device Information"
heard "$CTL" "list-attributes: the meter's CTL"
ask "select-attribute $CTL" "attribute-info"
heard "Flags: read" "attribute-info: CTL can be read"
heard "MTU: 0x0205" "attribute-info: the MTU is 517"
ask read
heard "Attempting to read $DEVICE/service001c/char0022" "read: of CTL"
heard "[CHG] Attribute $DEVICE/service001c/char0022 Value:" "read: the value comes"
heard "GM2400" "read: the meter's id is in it"
ask "select-attribute 00002a29-0000-1000-8000-00805f9b34fb" read
heard "Value:" "read: the manufacturer's name"
ask "select-attribute 8a5c0003-2f4d-4b7e-9c61-d0b3f1e7a942" "notify on"
heard "Notify started" "notify: on"
ask "notify off"
heard "Notify stopped" "notify: off"

ask back "disconnect $ADDRESS"
heard "Successful disconnected" "disconnect: successful"
heard "Device $ADDRESS Connected: no" "disconnect: told"
ask "remove $ADDRESS"
heard "Device has been removed" "remove: the device is forgotten"
ask quit
done_testing
