#!/usr/bin/env bash
# t-keys.sh - gasoffice's keys from outside: what its files, its process and its words show, and a rotation that is
# killed at each system call that writes. TAP. KILL="rename 2" replays one.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-keys.XXXXXX")
SERVER=""
stop() { [ -z "$SERVER" ] || { kill -TERM "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }; SERVER=""; }
trap 'stop; rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP
unset GASOFFICE_PASSPHRASE_FILE GASOFFICE_PIN_FILE CREDENTIALS_DIRECTORY

n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; shift; printf '# %s\n' "$@"; }
# is WHAT GOT WANT - equal texts; has WHAT TEXT PATTERN - a regular expression in it
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
has() { if printf '%s' "$2" | grep -Eq -- "$3"; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
# exits WHAT STATUS CMD... - its exit status; what it says goes to $out, and to the file of all that was said
exits() {
    local what=$1 want=$2 got=0
    shift 2
    out=$("$@" </dev/null 2>&1) || got=$?
    printf '%s\n' "$out" >>"$W/said"
    if [ "$got" = "$want" ]; then ok "$what"; else not_ok "$what" "exit $got, not $want: $out"; fi
}
office() { setsid "$BUILD/gasoffice" "$@" --dir "$W/office"; } # without a terminal to ask at

start() {
    (cd "$W" && ulimit -c unlimited && exec setsid "$BUILD/gasoffice" --dir "$W/office" serve --listen 127.0.0.1:0 \
        --public-listen 127.0.0.1:0) >"$W/log" 2>>"$W/said" &
    SERVER=$!
    for _ in $(seq 500); do
        grep -q '^ready' "$W/log" && break
        kill -0 "$SERVER" || break
        sleep 0.02
    done
    URL=$(sed -n 's/^ready URL=\([^ ]*\) .*/\1/p' "$W/log")
    PUBLIC=$(sed -n 's/^ready .*PUBLIC=//p' "$W/log")
    PROCESS=$(pgrep -P "$SERVER" gasoffice || echo "$SERVER")
}

# ---- an office with two meters and a laptop ----
exits "init" 0 office init
KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
echo "$KEY" >"$W/transport.key"
factory_key() { printf "\\xA$1\\x5C%.0s" $(seq 16); }
wrap() { factory_key "$1" | openssl enc -id-aes256-wrap -K "$KEY" -iv A6A6A6A6A6A6A6A6 | od -An -v -tx1 | tr -d ' \n'; }
{
    echo meter_id,type,pulse_l,verification_date,bt_address,wrapped_key
    echo "GM2400000156,4,1,2026-06-01,02:00:00:00:00:01,$(wrap 1)"
    echo "GM2400000253,4,10,2026-06-01,-,$(wrap 2)"
} >"$W/meters.csv"
printf '%s\n' customer_no,name,phone,supply_point,address 'C-1001,Ada Marchetti,,SP-0001,"12 Canal Street"' \
    'C-1002,Jonas Bergström,,SP-0002,"14 Canal Street"' >"$W/customers.csv"
exits "staff" 0 office add-staff S001 "Rosa Lindqvist" technician
import() { office import-meters "$W/meters.csv" --transport-key "$W/transport.key"; }
exits "meters" 0 import
exits "customers" 0 office import-customers "$W/customers.csv"
exits "an order" 0 office work-order GM2400000156 SP-0001 S001
start
req() { curl -sS --max-time 20 --cacert "$W/office/ca.pem" "$@" 2>&1 || echo "curl exit $?"; }
CODE=$(office enrol S001)
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/laptop.key" -subj /CN=laptop \
    -out "$W/laptop.csr" 2>/dev/null
awk -v code="$CODE" 'BEGIN { printf "{\"code\":\"%s\",\"name\":\"laptop\",\"csr_pem\":\"", code }
    { printf "%s\\n", $0 } END { printf "\"}" }' "$W/laptop.csr" >"$W/laptop.json"
enrol() { req -H 'Content-Type: application/json' --data-binary @"$W/laptop.json" "$PUBLIC/v1/enrol"; }
enrol >"$W/laptop.answer"
sed -n 's/.*"cert_pem":"\([^"]*\)".*/\1/p' "$W/laptop.answer" | sed 's/\\n/\n/g' >"$W/laptop.pem"
printf '\006\012\004\010\001\040\000' >"$W/head"
sync() {
    req --cert "$W/laptop.pem" --key "$W/laptop.key" -H 'Content-Type: application/x-protobuf' --data-binary @"$W/head" \
        -o "$W/body" -w '%{http_code}' "$URL/v1/sync"
}
orders() { grep -ao 'J-000[0-9]' "$W/body" | sort -u | tr '\n' ' '; } # that the answer has
is "a sync brings the first order" "$(sync) $(orders)" "200 J-0001 "

# ---- rotations while it serves ----
cp "$W/office/master.key" "$W/first.key"
exits "a rotation" 0 office rotate-master-key
is "tells how many keys" "$out" "3 keys re-sealed"
if cmp -s "$W/first.key" "$W/office/master.key"; then not_ok "the master key is another"; else ok "the master key is another"; fi
exits "an order for the other meter" 0 office work-order GM2400000253 SP-0002 S001
is "the service makes its key under the new data key" "$(sync) $(orders)" "200 J-0001 J-0002 "
is "what is sealed" "$(sqlite3 "$W/office/office.db" 'SELECT MIN(sealed_version), COUNT(*) FROM account_key')" "2|2"
is "the same code gets the same answer" "$(enrol)" "$(cat "$W/laptop.answer")"
exits "one more" 0 office rotate-master-key
is "the service reads them all" "$(sync) $(orders)" "200 J-0001 J-0002 "
exits "a kind that there is not" 2 office rotate-master-key --to paper
exits "no token named" 2 office rotate-master-key --to pkcs11

# ---- the process shows nothing ----
is "no core is allowed" "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$PROCESS/limits")" "0 0"
if [ "$(id -u)" = 0 ]; then
    install -d -m 755 "$W/nobody"
    chmod 755 "$W"
    install -m 755 "$BUILD/gasoffice" "$W/nobody/gasoffice"
    install -d -o 65534 -g 65534 "$W/nobody/own"
    as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${as_nobody[@]}" "$W/nobody/gasoffice" --dir "$W/nobody/own/office" init >/dev/null
    "${as_nobody[@]}" "$W/nobody/gasoffice" --dir "$W/nobody/own/office" serve --listen 127.0.0.1:0 \
        --public-listen 127.0.0.1:0 >"$W/nobody.log" 2>>"$W/said" &
    OTHER=$!
    for _ in $(seq 500); do
        grep -q '^ready' "$W/nobody.log" && break
        kill -0 "$OTHER" || break
        sleep 0.02
    done
else
    as_nobody=()
    OTHER=$PROCESS
fi
for f in mem environ maps; do
    out=$("${as_nobody[@]}" head -c 1 "/proc/$OTHER/$f" 2>&1 >/dev/null || true)
    has "its own user cannot read /proc/PID/$f" "$out" "Permission denied"
done
out=$("${as_nobody[@]}" strace -f -o /dev/null -p "$OTHER" 2>&1 || true)
has "nor trace it" "$out" "Operation not permitted"
if [ "$OTHER" != "$PROCESS" ]; then kill -TERM "$OTHER"; wait "$OTHER" || true; fi
is "keys stand in locked memory" "$(awk '/^VmLck/ { print ($2 >= 4) }' "/proc/$PROCESS/status")" 1
kill -ABRT "$PROCESS"
wait "$SERVER" 2>/dev/null || true
SERVER=""
is "killed by an abort it leaves no core" "$(find "$W" -maxdepth 2 -name 'core*' | wc -l)" 0

# ---- a passphrase ----
printf 'a passphrase of this test\n' >"$W/pass"
printf 'another passphrase of it\n' >"$W/wrong"
chmod 600 "$W/pass" "$W/wrong"
exits "to a passphrase that nobody can type" 4 office rotate-master-key --to passphrase
exits "to a passphrase" 0 office rotate-master-key --to passphrase --new-passphrase-file "$W/pass" --work 14
is "no file of a master key is left" "$(find "$W/office" -name 'master*' | wc -l)" 0
exits "without it" 4 office audit
has "says where it looks" "$out" "GASOFFICE_PASSPHRASE_FILE|no terminal"
exits "with a wrong one" 4 office audit --passphrase-file "$W/wrong"
exits "with a file that is not there" 3 office audit --passphrase-file "$W/none"
exits "with the right one" 0 office audit --passphrase-file "$W/pass"
exits "from the environment" 0 env GASOFFICE_PASSPHRASE_FILE="$W/pass" "$BUILD/gasoffice" audit --dir "$W/office"
mkdir "$W/credentials"
install -m 600 "$W/pass" "$W/credentials/passphrase"
exits "from the service manager" 0 env CREDENTIALS_DIRECTORY="$W/credentials" "$BUILD/gasoffice" audit --dir "$W/office"
chmod 644 "$W/pass"
exits "from a file that all may read" 3 office audit --passphrase-file "$W/pass"
chmod 600 "$W/pass"
# at a terminal: asked once it stands there, and not shown
cat >"$W/type.py" <<'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b""
while not said.endswith(b"passphrase: "):
    said += os.read(fd, 1024)
os.write(fd, sys.argv[1].encode() + b"\n")
try:
    while chunk := os.read(fd, 1024):
        said += chunk
except OSError:
    pass
print(said.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
type_in() { timeout 60 /usr/bin/python3 "$W/type.py" "$@" | tr -d '\r' | tr '\n' ' '; }
has "typed at a terminal" "$(type_in 'a passphrase of this test' "$BUILD/gasoffice" --dir "$W/office" audit)" \
    '^passphrase:  .*audit: clean .* 0 $'
has "typed wrong" "$(type_in 'some other words' "$BUILD/gasoffice" --dir "$W/office" audit)" \
    '^passphrase:  gasoffice: E047 .* 4 $'
has "it is not shown" "$(type_in 'some other words' "$BUILD/gasoffice" --dir "$W/office" audit | grep -c 'other words' || true)" '^0$'
exits "and back to a file" 0 office rotate-master-key --passphrase-file "$W/pass"
exits "which needs no passphrase" 0 import
is "with every key" "$out" "0 added, 0 changed, 2 the same"

# ---- killed at each system call that writes ----
cp -a "$W/office" "$W/ready"
check() { # WHAT - it opens, every key is there, and a rotation comes to its end
    local got=0
    out=$(import 2>&1 && office rotate-master-key --continue 2>&1 && import 2>&1 && office audit 2>&1 | tail -1) || got=$?
    out+=" $(sqlite3 "$W/office/office.db" 'SELECT COUNT(*) FROM master_key WHERE retired_at_ms IS NULL') $(cd "$W/office" && ls -d master*)"
    case "$got $out" in
    "0 0 added, 0 changed, 2 the same"*"0 added, 0 changed, 2 the same"*"audit: clean 2 master.key") ;;
    *) not_ok "$1" "exit $got: $out"; return 1 ;;
    esac
}
killed() { # CALL N - a rotation of a fresh copy that is killed at its n-th such call; false when there were fewer
    rm -rf "$W/office"
    cp -a "$W/ready" "$W/office"
    ! ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" \
        "$BUILD/gasoffice" --dir "$W/office" rotate-master-key
}
# CALL STEP - at every one of these calls; where there are many at every STEP-th, unless TEST_ALL is set
kill_at_each() {
    local i=1 step=${TEST_ALL:+1} times=0
    while { killed "$1" "$i"; } >/dev/null 2>&1; do
        check "killed at $1 $i" || return 0
        times=$((times + 1))
        i=$((i + ${step:-$2}))
    done
    check "not killed at all: $1 $i" || return 0
    if [ $times -gt 0 ]; then ok "killed at $1: $times times"; else not_ok "killed at $1" "there was none"; fi
}
if [ -n "${KILL:-}" ]; then
    killed ${KILL} || true
    check "killed at $KILL" && ok "killed at $KILL"
else
    kill_at_each write 1
    kill_at_each pwrite64 5
    kill_at_each fsync 1
    kill_at_each fdatasync 1
    kill_at_each rename 1
    kill_at_each unlink 1
    kill_at_each ftruncate 1
fi

# ---- nothing that was said or stored has a key ----
{
    cat "$W/first.key" "$W/office/master.key" "$W/ready/master.key"
    factory_key 1
    factory_key 2
} | od -An -v -tx1 -w32 | tr -d ' ' >"$W/known"
is "so many keys are known" "$(wc -l <"$W/known")" 5
sqlite3 "$W/office/office.db" 'SELECT * FROM audit_log' >>"$W/said"
for f in said log office/office.db; do
    found=$(/usr/bin/python3 - "$W/known" "$W/$f" <<'END'
import base64, sys
data = open(sys.argv[2], "rb").read()
for line in open(sys.argv[1]):
    key = bytes.fromhex(line)
    # of base64 the middle, which does not depend on what stands beside it in a whole group of three
    shapes = [key, key.hex().encode(), key.hex().upper().encode()]
    shapes += [base64.b64encode(b"\0" * n + key)[4:40] for n in range(3)]
    print(sum(s in data for s in shapes), end=" ")
END
    )
    is "no key in $f" "$found" "0 0 0 0 0 "
done
echo "1..$n"
