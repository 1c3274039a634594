#!/usr/bin/env bash
# g-installed.sh - the programs as installed, under the real systemd, D-Bus and bluetoothd: every command of docs/install.md;
# head office runs under its unit, a meter under its own, gasfitter as an ordinary user. TAP, run by tests/vm/run-group.
# vm: --systemd
# before: make -s install BUILD="$BUILD" DESTDIR="$work/root" -o all
# seconds: 190
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/radio.sh
W=/var/tmp/installed
mkdir -p $W
trap 'journalctl --no-pager >"$VM_OUT/journal" 2>&1 || true' EXIT
PATH=/usr/local/sbin:/usr/local/bin:$PATH
export SYSTEMD_PAGER='' SYSTEMD_LOG_LEVEL=err
ID=GM2400000156
CODE=""

# ---- the page's commands, in its order ----
# after a # as root, after a $ as the technician, with her passphrase
sed -n 's/^    *\([#$]\) \([^ ].*\)$/\1\2/p' docs/install.md >$W/commands
told=0
# tell WORDS - give them, up to and with the next one that contains WORDS. Guessing a passphrase costs time on purpose: here
# it costs little
tell() {
    local line
    while :; do
        told=$((told + 1))
        line=$(sed -n "${told}p" $W/commands)
        [ -n "$line" ] || { ok 1 "the page has the command \"$1\""; return; }
        line=${line/rotate-master-key/rotate-master-key --work 14}
        case $line in
        \#*) run 0 "${line#?}" bash -c "${line#?}" ;;
        *) line=${line/CODE/$CODE}; run 0 "${line#?}" rosa ${line#?gasfitter} ;;
        esac
        case $line in *"$1"*) return ;; esac
    done
}
as() { # USER ARGUMENT... - gasfitter as this user
    local user=$1
    shift
    runuser -u "$user" -- env HOME="/home/$user" gasfitter --passphrase-file "/home/$user/passphrase" "$@"
}
rosa() { as rosa "$@"; }

# by make install DESTDIR=, before the machine was started
run 0 "what make install put in place is put here" cp -r --preserve=mode "$BUILD/vm/g-installed/root/." /
echo "127.0.0.1 office.example" >>/etc/hosts
systemctl start dbus
tell "reload dbus"

# ---- head office ----
run 3 "a service without an office" bash -c 'systemctl start gasoffice 2>/dev/null; systemctl is-active gasoffice'
has "$(journalctl -u gasoffice -o cat)" "make one with init" "says what to do"
systemctl reset-failed gasoffice
tell "enable --now gasoffice"
pid() { systemctl show -P MainPID gasoffice; }
status() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status"; }
is "$(systemctl is-active gasoffice) $(systemctl is-enabled gasoffice)" "active enabled" \
    "the service runs, and will after a restart"
is "$(ps -o user= -p "$(pid)")" gasoffice "as its own user"
is "$(status CapEff) $(status CapBnd) $(status NoNewPrivs) $(status Seccomp)" "0000000000000000 0000000000000000 1 2" \
    "without a capability, no way to one, behind a filter of system calls"
figure=$(systemd-analyze security --no-pager gasoffice | sed -n 's/.*: \([0-9.]*\) .*/\1/p')
echo "# systemd-analyze security gasoffice: $figure"
is "$(awk -v f="$figure" 'BEGIN { print f != "" && f < 2.0 ? "yes" : f }')" yes "it is exposed less than 2.0 of 10"
is "$(stat -c '%U %a' /var/lib/gasoffice /var/lib/gasoffice/*.key | sort -u | tr '\n' ' ')" "gasoffice 600 gasoffice 700 " \
    "its folder and keys are its own"
run 1 "another user reads no key" runuser -u nobody -- cat /var/lib/gasoffice/master.key
tell "office enrol S001"
CODE=$(sed -n 's/.*\([0-9A-Z]\{10\}-[0-9a-f]\{16\}\).*/\1/p' <<<"$OUT")
is "${#CODE}" 27 "a one-time code"
tell "start gasoffice-backup"
is "$(stat -c '%U %a' /var/backups/gasoffice/*.gasoffice)" "gasoffice 600" "the backup is its own too"
is "$(systemctl is-active gasoffice-backup.timer)" active "the next one comes by itself"

# ---- killed, and with a passphrase ----
before=$(pid)
kill -KILL "$before"
holds "killed, it is back" wait_for 60 sh -c "[ \$(systemctl show -P MainPID gasoffice) != $before ] && systemctl is-active -q gasoffice"
tell "systemctl restart gasoffice"
is "$(systemctl is-active gasoffice)" active "it serves with a passphrase that root keeps"
is "$(find /var/lib/gasoffice /run/gasoffice.passphrase -name '*master*' -o -name '*pass*' 2>/dev/null)" "" \
    "no file of its own opens the keys"
run 0 "a backup with the passphrase" systemctl start gasoffice-backup
install -m 600 -o gasoffice /etc/credstore/gasoffice.passphrase $W/passphrase
export GASOFFICE_PASSPHRASE_FILE=$W/passphrase # for office, where the page has a terminal ask

# ---- the laptop ----
tell "useradd"
(umask 077; echo "correct horse battery staple" >/home/rosa/passphrase; chown rosa: /home/rosa/passphrase)
# a store whose passphrase costs little to try
runuser -u rosa -- "$BUILD/pipe/laptop_store" /home/rosa/.local/share/gasfitter "$(cat /home/rosa/passphrase)"
tell "gasfitter sync"
says "synchronised" "a laptop synchronises"
told=$((told + 1)) # the app itself, which wants a terminal: with its input at an end it says what it would do, and ends
run 0 "gasfitter" rosa

# ---- BlueZ, for technicians only ----
mkdir -p /etc/bluetooth
printf '[GATT]\nChannels = 1\n' >/etc/bluetooth/main.conf
modprobe hci_vhci
systemctl start bluetooth
air_start
tell "reload dbus"

# ---- a meter under its unit, opened by the technician ----
mkdir -p /etc/gasmeter
echo "OPTIONS=--adapter $METER --readvertise-ms 500 --flow-l-per-h 6000" >/etc/gasmeter/one.conf
tell "start gasmeter@one"
is "$(sed -n "$((told + 1)),\$p" $W/commands)" "" "every command of the page was given"
is "$(ps -o user= -p "$(systemctl show -P MainPID gasmeter@one)")" gasmeter "the meter runs as its own user"
meter_ready() { local said; said=$(journalctl -u gasmeter@one -o cat); grep -q "^ready" <<<"$said"; }
holds "it advertises, as BlueZ's policy lets it" wait_for 60 meter_ready
install -m 600 -o gasoffice /var/lib/gasmeter/transport.key /run/transport.key
printf 'customer_no,name,phone,supply_point,address\nC-1,Ada Marchetti,,SP-1,"12 Canal Street, flat 3"\n' |
    office import-customers - >/dev/null
office import-meters - --transport-key /run/transport.key </var/lib/gasmeter/shipment.csv >/dev/null
office work-order $ID SP-1 S001 --number J-1 >/dev/null
label=$(office label $ID --ascii | grep -o 'GASM:1:[^ ]*')
printf 'ventilation = yes\nignition = yes\npurge = PURGE\npresence = yes\nzero-clear = yes\n' >/home/rosa/answers
run 0 "the job is fetched" rosa sync
useradd --create-home guest
cp -r /home/rosa/. /home/guest/
chown -R guest: /home/guest
opening() { as "$1" --adapter $CENTRAL run account-opening --job J-1 --label "$label" --answers "/home/$1/answers"; }
run 5 "somebody who is no technician" opening guest
says "E065" "may not use Bluetooth"
run 0 "a technician opens the account" opening rosa
is "$(office show accounts --lines | grep -c '"state": "open"')" 1 "head office has it"

# ---- stopped, and what is in the journal ----
run 0 "stopped" systemctl stop gasoffice
is "$(systemctl show -P Result gasoffice) $(systemctl show -P ExecMainStatus gasoffice)" "success 0" "it ends in order"
journalctl -u gasoffice -o cat | grep '^{' >$W/log
holds "the journal has its lines of JSON, the synchronisations among them" /usr/bin/python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert all({"time", "level", "event"} <= set(r) for r in rows)
assert any(r.get("route") == "POST /v1/sync" and r["status"] == 200 for r in rows)' $W/log
journalctl -o cat >$W/journal # messages alone: what runuser logs has its command line, and the code in it
for secret in "${CODE%-*}" "$(cat /etc/credstore/gasoffice.passphrase)" "$(cat /var/lib/gasmeter/transport.key)" \
        "correct horse" "Marchetti"; do
    if [ -z "$secret" ] || grep -aqF "$secret" $W/journal; then echo "$secret"; fi
done >$W/secrets
is "$(cat $W/secrets)" "" "and no secret, no customer"
done_testing
