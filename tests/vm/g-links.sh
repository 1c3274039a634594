#!/usr/bin/env bash
# g-links.sh - account openings over the real bluetoothd with the smallest MTU, with its three ATT channels, with a stale cache and
# beside a second laptop. TAP, run by tests/vm/run-group.
# seconds: 230
set -euo pipefail
cd "$(dirname "$0")/../.."
CONTROLLERS=3
. tests/tools/tap.sh
. tests/vm/world.sh

# opened N NAME - meter N runs and is opened
opened() {
    world_meter "$1"
    opening "$1"
    opening_ends "$2"
    agrees "$1" "$2"
}
# daemon_again - bluetoothd starts again with the settings of radio.sh
daemon_again() { daemon_stop; daemon_start; wait_for 60 adapters_are $CONTROLLERS; }
# cache_stale - what the daemon remembers of the meter's service has handles of another table, and the hash of this one
cache_stale() {
    local cache="/var/lib/bluetooth/$CENTRAL/cache/$METER"
    # it is written some time after the services are known
    wait_for 60 grep -q "=2800:.*:8a5c0001-" "$cache" || { cat "$cache"; return 1; }
    # killed: ended in good order it would forget devices that are not paired
    daemon_stop KILL
    cp "$cache" "$VM_OUT/cache.was"
    perl -i -pe '$on = 1 if /=2800:....:(?!0000....-0000-1000-8000-)/;
        if ($on && /^[0-9a-f]{4}=/) {
            s/^(....)/sprintf "%04x", hex($1) + 16/e;
            s/=(2800|2803):(....)/sprintf "=%s:%04x", $1, hex($2) + 16/e;
        }
        $on = 0 if /^$/' "$cache"
    cp "$cache" "$VM_OUT/cache"
    ! cmp -s "$cache" "$VM_OUT/cache.was" || { echo "nothing changed in:"; cat "$cache"; return 1; }
    daemon_start
    wait_for 60 adapters_are $CONTROLLERS
}
# second NAME ARGUMENT... - the same as fitter, on a second laptop; what it says is in OUT
second() {
    local name=$1 pid code=0
    shift
    LAPTOP=second ADAPTER=$(controller 2) fitter "$@" >"$W/said.second" 2>&1 </dev/null &
    pid=$!
    PIDS="$PIDS $pid"
    while kill -0 $pid 2>/dev/null; do
        daemon_keep
        sleep 0.5
    done
    wait $pid || code=$?
    OUT=$(cat "$W/said.second")
    [ $code = 0 ] || printf '%s\n' "$OUT" | sed 's/^/# /' >&2
    is $code 0 "$name"
}

vm_world 3
# without this the kernel refuses the daemon's sockets (small_mtu.c)
cc -std=c11 -shared -fPIC -o "$W/small_mtu.so" tests/vm/small_mtu.c
printf '#!/bin/sh\nLD_PRELOAD=%s exec /usr/libexec/bluetooth/bluetoothd "$@"\n' "$W/small_mtu.so" >"$W/bluetoothd"
chmod +x "$W/bluetoothd"
BLUETOOTHD=$W/bluetoothd GATT_MTU=23
daemon_again
opened 1 "MTU 23"
has "$(cat "$W/said.1")" "link: ATT MTU 23, fragments of" "MTU 23: it is the link's"
world_kill meter1

BLUETOOTHD="" GATT_MTU=517 GATT_CHANNELS=3
daemon_again
opened 2 "three channels"
has "$(cat "$W/said.2")" "link: ATT MTU 517, fragments of" "three channels: the greatest MTU"
world_kill meter2

GATT_CHANNELS=1
daemon_again
world_meter 3
run 0 "a connection, of which the daemon remembers the services" fitter meter --meter "$(meter_id 3)" identify
run 0 "they change in its memory" cache_stale
cp -r "$W/laptop" "$W/second"
opening 3
ok "$(until_said "gas flows"; echo $?)" "a stale cache: the link comes up"
second "a second laptop waits meanwhile, and gets the link then" meter --meter "$(meter_id 3)" identify
says ", attempt 2" "a second laptop: it did not get it at once"
opening_ends "a stale cache, a second laptop"
has "$(cat "$W/said.3")" "attempt [2-9]" "a stale cache: the first attempt failed"
agrees 3 "a stale cache, a second laptop"
done_testing
