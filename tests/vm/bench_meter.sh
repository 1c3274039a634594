# bench_meter.sh - in the virtual machine, under bt-up: a meter at the second controller, for benchmarks. Source it.
# bench_meter NVM runs it with that memory until the script ends; files go to $W.
. tests/vm/radio.sh
W=$(mktemp -d)
METER_PID=
trap 'kill "$METER_PID" 2>/dev/null || true; rm -rf "$W"' EXIT
BUS=unix:path=/run/dbus/system_bus_socket

bench_meter() {
    "$BUILD/gasmeter" run --nvm "$1" --adapter "$METER" --bus "$BUS" --readvertise-ms 500 >"$W/log" 2>&1 &
    METER_PID=$!
    wait_for 60 grep -q ^ready "$W/log" || { cat "$W/log" >&2; exit 1; }
}
