#!/usr/bin/env bash
# t-place.sh - head offices are made and brought back whole or not at all, and over nothing that is somebody's. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-place

in_office() { "$BUILD/gasoffice" --dir "$W/$1" "${@:2}"; }
keys_of() { (cd "$W/$1" && sha256sum -- *.key *.pem); }

in_office one init >"$W/log" 2>&1
in_office two init >>"$W/log" 2>&1
in_office two add-staff S001 "Rosa Lindqvist" technician >>"$W/log"
in_office two backup "$W/two.backup" >>"$W/log"
is "$(ls "$W/one" | grep -c -e begun -e new)" 0 "nothing of the making is left"

# ---- keys are not destroyed ----
rm "$W"/one/office.db*
BEFORE=$(keys_of one)
run 8 "init over the keys of a lost office" in_office one init
says "restore" "it says what brings it back"
is "$(keys_of one)" "$BEFORE" "and leaves every key as it is"
: >"$W/one/init.begun"
run 0 "an init that was cut off is made anew" in_office one init
is "$(ls "$W/one" | grep -c begun)" 0 "and leaves no mark"
run 2 "a database that is no URL" in_office four init --db four.db
is "$(ls -d "$W/four/db.url" 2>/dev/null || true)" "" "is not noted"

# ---- a restore fails whole ----
rm "$W"/two/office.db
: >"$W/two/office.db-wal"
run 8 "a restore beside what is left of another database" in_office two restore "$W/two.backup"
says "office.db-wal" "it names the file"
rm -f "$W"/two/office.db-*
mv "$W/two/master.key" "$W/master.two"
run 3 "a restore without the master key" in_office two restore "$W/two.backup"
is "$(ls "$W/two/office.db" 2>/dev/null || true)" "" "makes nothing"
cp "$W/one/master.key" "$W/two/master.key"
run 3 "a restore with another office's master key" in_office two restore "$W/two.backup"
cp "$W/master.two" "$W/two/master.key"
for f in ca sign; do
    cp "$W/two/$f.pem" "$W/$f.two"
    cp "$W/one/$f.pem" "$W/two/$f.pem"
    run 1 "a restore with another office's $f.pem" in_office two restore "$W/two.backup"
    says "$f.pem" "it names the file"
    is "$(ls "$W/two/office.db" 2>/dev/null || true)" "" "and makes nothing"
    cp "$W/$f.two" "$W/two/$f.pem"
done
run 0 "with what belongs to it" in_office two restore "$W/two.backup"
says "revoke" "it says what may have come back"
run 0 "the books are whole" in_office two audit
cp "$W/one/ca.pem" "$W/two/ca.pem"
run 1 "an office whose ca.pem was changed for another's" in_office two show staff

# ---- a disk without room ----
for kib in 300 500 700 900 1100; do
    (
        ulimit -f "$kib"
        code=0
        "$BUILD/gasoffice" --dir "$W/small$kib" init >"$W/small.log" 2>&1 || code=$?
        [ "$code" = 0 ] || [ "$code" = 7 ]
    ) && R=0 || R=1
    ok $R "init with room for $kib KiB ends well or says that the disk is full"
    if [ -e "$W/small$kib/office.db" ]; then
        run 0 "what it made is whole" in_office "small$kib" audit
    fi
done
done_testing
