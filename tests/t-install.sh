#!/usr/bin/env bash
# t-install.sh - make install into a folder and away again: exactly those files, programs that run from there, man pages
# without a warning, units and policies that systemd and D-Bus understand, a changed setting that is left alone. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-install
R=$W/root
put() { make -s BUILD="$BUILD" "$@" -o all; } # the programs are there already
files() { (cd "$R" && find . ! -type d | sed 's/^.//' | sort); }

# ---- everything, in its places ----
run 0 "install" put install DESTDIR="$R"
is "$OUT" "" "says nothing"
is "$(files | grep -v /share/doc/)" "/etc/dbus-1/system.d/gasfitter.conf
/etc/dbus-1/system.d/gasmeter.conf
/usr/local/bin/gasfitter
/usr/local/bin/gasmeter
/usr/local/bin/gasoffice
/usr/local/bin/virtual-bluez
/usr/local/lib/systemd/system/gasmeter-uart@.service
/usr/local/lib/systemd/system/gasmeter@.service
/usr/local/lib/systemd/system/gasoffice-backup.service
/usr/local/lib/systemd/system/gasoffice-backup.timer
/usr/local/lib/systemd/system/gasoffice.service
/usr/local/lib/sysusers.d/gasfitter.conf
/usr/local/lib/sysusers.d/gasmeter.conf
/usr/local/lib/sysusers.d/gasoffice.conf
/usr/local/lib/tmpfiles.d/gasmeter.conf
/usr/local/lib/tmpfiles.d/gasoffice.conf
/usr/local/share/man/man1/gasfitter.1
/usr/local/share/man/man1/gasmeter.1
/usr/local/share/man/man1/virtual-bluez.1
/usr/local/share/man/man8/gasoffice.8" "these files and no others"
is "$(files | grep /share/doc/ | sed 's|.*/share/doc/gasfitter/||')" \
    "$( (ls README.md docs/api.yaml docs/*.md docs/decisions/*.md) | sort)" "and the documents"
is "$(cd "$R" && find . -type f -perm /111 | sort | tr '\n' ' ')" \
    "./usr/local/bin/gasfitter ./usr/local/bin/gasmeter ./usr/local/bin/gasoffice ./usr/local/bin/virtual-bluez " \
    "programs may be run, nothing else may"
is "$(cd "$R" && find . \( -perm /6022 -a ! -type l \) | tr '\n' ' ')" "" "nothing is written by others or runs as another"
is "$(cd "$R" && grep -rIlE '@[a-z]+@' --include='*.[18]' --include='*.service' --include='*.conf' . || true)" "" \
    "every folder's name is filled in"
is "$(grep -rIl "$PWD" "$R" || true)" "" "no text names the place it was built in"

# ---- programs ----
for p in gasfitter gasmeter gasoffice; do
    run 0 "$p --version" "$R/usr/local/bin/$p" --version
    has "$OUT" "^$p [0-9]+\.[0-9]+\.[0-9]+\$" "tells its version"
done
for p in gasfitter gasmeter gasoffice virtual-bluez; do
    run 0 "$p --help" "$R/usr/local/bin/$p" --help
    for option in $(grep -oE '(^|[[:space:]])--[a-z-]+' <<<"$OUT" | sort -u); do
        grep -q -- "${option//-/\\\\-}" "$R"/usr/local/share/man/man?/"$p".? || echo "$p $option"
    done >"$W/untold"
    is "$(cat "$W/untold")" "" "the man page has every option of it"
done

# ---- man pages ----
for page in "$R"/usr/local/share/man/man?/*; do
    is "$(MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >"$W/page" || true)" "" "${page##*/} has no warning"
    has "$(sed -n '1p' "$W/page")" "^[A-Z-]+\([18]\) " "and is one"
done
for name in $(grep -rhoE '(/usr/local/share/doc/gasfitter|docs)/[a-z./\\-]+\.(md|yaml)' "$R"/usr/local/share/man \
        "$R"/usr/local/lib | sed 's/\\//g; s|.*/docs/||; s|^docs/||' | sort -u); do
    [ -f "$R/usr/local/share/doc/gasfitter/docs/$name" ] || echo "$name"
done >"$W/untold"
is "$(cat "$W/untold")" "" "documents they name are there"

# ---- units, users, policies ----
# verified as on a machine: the systemd of this one gives the units they stand beside
mkdir -p "$R/bin" "$R/usr/bin"
cp /bin/sh "$R/bin/sh"
for unit in /usr/lib/systemd/system /lib/systemd/system; do
    [ ! -d $unit ] || { mkdir -p "$R/usr/lib/systemd" && cp -r $unit "$R/usr/lib/systemd/" && break; }
done
for unit in gasoffice.service gasoffice-backup.service gasoffice-backup.timer gasmeter@one.service gasmeter-uart@ttyUSB0.service; do
    is "$(systemd-analyze verify --root="$R" --man=no --recursive-errors=no "$unit" 2>&1 | grep gas || true)" "" "$unit is understood"
done
sed -i 's/^ProtectProc=.*/ProtectProc=unseen/' "$R/usr/local/lib/systemd/system/gasoffice.service"
has "$(systemd-analyze verify --root="$R" --man=no --recursive-errors=no gasoffice.service 2>&1 || true)" "unseen" \
    "a wrong one would not be"
run 0 "install again" put install DESTDIR="$R"
security() { systemd-analyze security --offline=yes --root="$R" --no-pager "$1" 2>/dev/null | sed -n 's/.*: \([0-9.]*\) .*/\1/p'; }
for unit in gasoffice.service gasmeter@one.service gasmeter-uart@ttyUSB0.service gasoffice-backup.service; do
    figure=$(security "$unit")
    echo "# systemd-analyze security $unit: $figure" >&2
    is "$(awk -v f="$figure" 'BEGIN { print f != "" && f < 2.0 ? "yes" : f }')" yes "$unit is exposed less than 2.0 of 10"
done
rm -rf "$R/bin" "$R/usr/bin" "$R/usr/lib"
mkdir -p "$W/sysusers"
run 0 "users and groups are made" systemd-sysusers --dry-run --root="$R" "$R"/usr/local/lib/sysusers.d/*.conf
says "gasfitter" "the technicians' group among them"
for policy in "$R"/etc/dbus-1/system.d/*.conf; do
    holds "${policy##*/} lets one user or group send to BlueZ, and nothing else" /usr/bin/python3 -c 'import sys, xml.etree.ElementTree as E
root = E.parse(sys.argv[1]).getroot()
rules = [(p.attrib, [(r.tag, r.attrib) for r in p]) for p in root]
assert root.tag == "busconfig" and len(rules) == 1, rules
assert rules[0][1] == [("allow", {"send_destination": "org.bluez"})], rules
assert list(rules[0][0]) in (["user"], ["group"]), rules' "$policy"
done

# ---- what an owner changed ----
policy=$R/etc/dbus-1/system.d/gasfitter.conf
sed -i 's/group="gasfitter"/group="fitters"/' "$policy"
run 0 "install over a changed setting" put install DESTDIR="$R"
says "is not as it was installed" "says so"
is "$(grep -c fitters "$policy") $(grep -c 'group="gasfitter"' "$policy.new")" "1 1" "it is left, the new one is beside it"
run 0 "uninstall" put uninstall DESTDIR="$R"
says "gasfitter.conf was changed: left" "says what is left"
is "$(files)" "/etc/dbus-1/system.d/gasfitter.conf
/etc/dbus-1/system.d/gasfitter.conf.new" "nothing else is"
rm -rf "$R"

# ---- other places, one part ----
run 0 "install as a package does" put install DESTDIR="$R" prefix=/usr PARTS=laptop
is "$(files | tr '\n' ' ')" "/usr/bin/gasfitter /usr/lib/sysusers.d/gasfitter.conf /usr/share/dbus-1/system.d/gasfitter.conf \
/usr/share/man/man1/gasfitter.1 " "the laptop's part alone, where packages lie"
run 0 "uninstall it" put uninstall DESTDIR="$R" prefix=/usr PARTS=laptop
is "$(find "$R" -mindepth 1)" "" "nothing is left, no folder either"
run 0 "install into a folder of one's own" put install prefix="$W/own" PARTS="meter office docs" systemdsystemunitdir="$W/units"
has "$(cat "$W/units/gasoffice.service")" "^ExecStart=$W/own/bin/gasoffice " "the unit runs it there"
has "$(cat "$W/units/gasoffice.service")" "^EnvironmentFile=-$W/own/etc/gasoffice.conf\$" "with settings from there"
run 0 "uninstall that" put uninstall prefix="$W/own" PARTS="meter office docs" systemdsystemunitdir="$W/units"
is "$(find "$W/own" "$W/units" ! -type d)" "" "nothing is left"
is "$(cd "$W/own" && ls -d bin lib/sysusers.d share/man/man8 share/doc share/doc/gasfitter 2>/dev/null | tr '\n' ' ')" \
    "bin lib/sysusers.d share/doc share/man/man8 " "but folders that others use too"
done_testing
