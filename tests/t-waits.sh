#!/usr/bin/env bash
# t-waits.sh - nothing that runs in the one loop of gasfitter or gasmeter refers to a function which waits for D-Bus; and the
# check that says so finds one that is planted. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder waits
run 0 "gasfitter, gasmeter and bt" tests/tools/check-waits "$BUILD/gasfitter" "$BUILD/gasmeter" "$BUILD/libbt.a"
# plant NAME CODE - an object, a library and a shared object with that code
plant() {
    printf '#include <unistd.h>\n#include <systemd/sd-bus.h>\nint planted(sd_bus *bus);\nint planted(sd_bus *bus)\n{\n    %s\n}\n' \
        "$2" >"$W/$1.c"
    ${CC:-cc} -fPIC -c -o "$W/$1.o" "$W/$1.c"
    ar crs "$W/lib$1.a" "$W/$1.o"
    ${CC:-cc} -shared -o "$W/$1.so" "$W/$1.o" -lsystemd
}
plant call 'return sd_bus_call(bus, NULL, 0, NULL, NULL);'
for kind in call.o libcall.a call.so; do
    run 1 "sd_bus_call in $kind" tests/tools/check-waits "$W/$kind"
    says "waits: sd_bus_call" "it is named"
done
plant get 'return sd_bus_get_property_trivial(bus, "", "", "", "", NULL, 0, NULL) + sd_bus_flush(bus);'
run 1 "two others" tests/tools/check-waits "$BUILD/gasfitter" "$W/get.o"
says "get.o waits: sd_bus_flush sd_bus_get_property_trivial" "both are named, and the file"
plant nap 'return bus != NULL ? usleep(1) : 0;'
run 1 "a nap" tests/tools/check-waits "$W/nap.o"
plant good 'return sd_bus_call_async(bus, NULL, NULL, NULL, NULL, 0) + sd_bus_send(bus, NULL, NULL);'
run 0 "calls that do not wait" tests/tools/check-waits "$W/good.o" "$W/good.so"
run 1 "a file that is none" tests/tools/check-waits "$W/none"
done_testing
