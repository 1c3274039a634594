#!/usr/bin/env bash
# t-layers.sh - the layer check refuses what it must, and nothing else. On dependency files made up here. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
. tests/tools/tap.sh
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/layers
rm -rf "$W"
trap 'rm -rf "$W"' EXIT
mkdir -p "$W/obj"
check() { tests/tools/check-layers "$W" low: mid:low,top/door.h top:mid,low top/inner:low; }
dep() { printf '%s: \\\n %s %s\n' "$W/obj/$1.o" "$1.c" "$2" >"$W/obj/$(echo "$1" | tr / -).d"; }

run 1 "nothing compiled" check
dep low/a "low/a.h /usr/include/stdio.h"
dep mid/b "mid/b.h low/a.h"
dep top/c "top/c.h mid/b.h low/a.h"
run 0 "includes that go down" check
says "3 files" "all files are counted"
dep low/d "mid/b.h"
run 1 "an include that goes up" check
says "low/d.c (low) may not include mid/b.h (mid)" "file, layer and include are named"
rm "$W/obj/low-d.d"
dep mid/e "top/door.h"
run 0 "the one header that is let through" check
dep mid/e "top/window.h"
run 1 "another header of that layer" check
rm "$W/obj/mid-e.d"
dep top/inner/f "top/c.h"
run 1 "a folder inside a layer is a layer of its own" check
rm "$W/obj/top-inner-f.d"
dep else/g "low/a.h"
run 1 "a file of no layer" check
says "else/g.c is in no layer" "it is named"
done_testing
