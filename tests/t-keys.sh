#!/usr/bin/env bash
# t-keys.sh - gasoffice's keys from outside: what its files, its process and its words show, and a rotation that is
# killed at each system call that writes. TAP. KILL="rename 2" replays one.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-keys
. tests/tools/office.sh
TAP_SAID=$W/said
unset GASOFFICE_PASSPHRASE_FILE GASOFFICE_PIN_FILE CREDENTIALS_DIRECTORY

office() { setsid "$BUILD/gasoffice" "$@" --dir "$W/office"; } # without a terminal to ask at

# its memory may be dumped as far as the shell says
start() {
    serve_with bash -c 'cd "$1" && ulimit -c unlimited && exec setsid "$2" --dir "$1/office" serve --listen 127.0.0.1:0 \
        --public-listen 127.0.0.1:0' - "$W" "$BUILD/gasoffice"
    PROCESS=$(pgrep -P "$SERVER" gasoffice || echo "$SERVER")
}

# ---- an office with two meters and a laptop ----
run 0 "init" office init
echo "$TRANSPORT_KEY" >"$W/transport.key"
factory_key() { printf "\\xA$1\\x5C%.0s" $(seq 16); }
{
    echo meter_id,type,pulse_l,verification_date,bt_address,wrapped_key
    echo "GM2400000156,4,1,2026-06-01,02:00:00:00:00:01,$(wrap factory_key 1)"
    echo "GM2400000253,4,10,2026-06-01,-,$(wrap factory_key 2)"
} >"$W/meters.csv"
printf '%s\n' customer_no,name,phone,supply_point,address 'C-1001,Ada Marchetti,,SP-0001,"12 Canal Street"' \
    'C-1002,Jonas Bergström,,SP-0002,"14 Canal Street"' >"$W/customers.csv"
run 0 "staff" office add-staff S001 "Rosa Lindqvist" technician
import() { office import-meters "$W/meters.csv" --transport-key "$W/transport.key"; }
run 0 "meters" import
run 0 "customers" office import-customers "$W/customers.csv"
run 0 "an order" office work-order GM2400000156 SP-0001 S001
start
laptop laptop "$(office enrol S001)"
orders() { grep -ao 'J-000[0-9]' "$W/body" | sort -u | tr '\n' ' '; } # that the answer has
is "$(sync_as laptop) $(orders)" "200 J-0001 " "a sync brings the first order"

# ---- rotations while it serves ----
cp "$W/office/master.key" "$W/first.key"
run 0 "a rotation" office rotate-master-key
is "$OUT" "3 keys re-sealed" "tells how many keys"
run 1 "the master key is another" cmp -s "$W/first.key" "$W/office/master.key"
run 0 "an order for the other meter" office work-order GM2400000253 SP-0002 S001
is "$(sync_as laptop) $(orders)" "200 J-0001 J-0002 " "the service makes its key under the new data key"
is "$(sqlite3 "$W/office/office.db" 'SELECT MIN(sealed_version), COUNT(*) FROM account_key')" "2|2" "what is sealed"
is "$(enrol laptop)" "$(cat "$W/laptop.answer")" "the same code gets the same answer"
run 0 "one more" office rotate-master-key
is "$(sync_as laptop) $(orders)" "200 J-0001 J-0002 " "the service reads them all"
run 2 "a kind that there is not" office rotate-master-key --to paper
run 2 "no token named" office rotate-master-key --to pkcs11

# ---- the process shows nothing ----
is "$(awk '/^Max core file size/ { print $5, $6 }' "/proc/$PROCESS/limits")" "0 0" "no core is allowed"
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
    OUT=$("${as_nobody[@]}" head -c 1 "/proc/$OTHER/$f" 2>&1 >/dev/null || true)
    has "$OUT" "Permission denied" "its own user cannot read /proc/PID/$f"
done
OUT=$("${as_nobody[@]}" strace -f -o /dev/null -p "$OTHER" 2>&1 || true)
has "$OUT" "Operation not permitted" "nor trace it"
if [ "$OTHER" != "$PROCESS" ]; then kill -TERM "$OTHER"; wait "$OTHER" || true; fi
is "$(awk '/^VmLck/ { print ($2 >= 4) }' "/proc/$PROCESS/status")" 1 "keys stand in locked memory"
kill -ABRT "$PROCESS"
wait "$SERVER" 2>/dev/null || true
SERVER=""
is "$(find "$W" -maxdepth 2 -name 'core*' | wc -l)" 0 "killed by an abort it leaves no core"

# ---- a passphrase ----
printf 'a passphrase of this test\n' >"$W/pass"
printf 'another passphrase of it\n' >"$W/wrong"
chmod 600 "$W/pass" "$W/wrong"
run 4 "to a passphrase that nobody can type" office rotate-master-key --to passphrase
run 0 "to a passphrase" office rotate-master-key --to passphrase --new-passphrase-file "$W/pass" --work 14
is "$(find "$W/office" -name 'master*' | wc -l)" 0 "no file of a master key is left"
run 4 "without it" office audit
has "$OUT" "GASOFFICE_PASSPHRASE_FILE|no terminal" "says where it looks"
run 4 "with a wrong one" office audit --passphrase-file "$W/wrong"
run 3 "with a file that is not there" office audit --passphrase-file "$W/none"
run 0 "with the right one" office audit --passphrase-file "$W/pass"
run 0 "from the environment" env GASOFFICE_PASSPHRASE_FILE="$W/pass" "$BUILD/gasoffice" audit --dir "$W/office"
mkdir "$W/credentials"
install -m 600 "$W/pass" "$W/credentials/passphrase"
run 0 "from the service manager" env CREDENTIALS_DIRECTORY="$W/credentials" "$BUILD/gasoffice" audit --dir "$W/office"
chmod 644 "$W/pass"
run 3 "from a file that all may read" office audit --passphrase-file "$W/pass"
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
has "$(type_in 'a passphrase of this test' "$BUILD/gasoffice" --dir "$W/office" audit)" \
    '^passphrase:  .*audit: clean .* 0 $' "typed at a terminal"
has "$(type_in 'some other words' "$BUILD/gasoffice" --dir "$W/office" audit)" \
    '^passphrase:  gasoffice: E047 .* 4 $' "typed wrong"
has "$(type_in 'some other words' "$BUILD/gasoffice" --dir "$W/office" audit | grep -c 'other words' || true)" '^0$' "it is not shown"
run 0 "and back to a file" office rotate-master-key --passphrase-file "$W/pass"
run 0 "which needs no passphrase" import
is "$OUT" "0 added, 0 changed, 2 the same" "with every key"

# ---- killed at each system call that writes ----
cp -a "$W/office" "$W/ready"
check() { # WHAT - it opens, every key is there, and a rotation comes to its end
    local got=0
    OUT=$(import 2>&1 && office rotate-master-key --continue 2>&1 && import 2>&1 && office audit 2>&1 | tail -1) || got=$?
    OUT+=" $(sqlite3 "$W/office/office.db" 'SELECT COUNT(*) FROM master_key WHERE retired_at_ms IS NULL') $(cd "$W/office" && ls -d master*)"
    case "$got $OUT" in
    "0 0 added, 0 changed, 2 the same"*"0 added, 0 changed, 2 the same"*"audit: clean 2 master.key") ;;
    *) printf '# exit %s: %s\n' "$got" "$OUT" >&2; ok 1 "$1"; return 1 ;;
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
    ok $((times == 0)) "killed at $1: $times times"
}
if [ -n "${KILL:-}" ]; then
    killed ${KILL} || true
    check "killed at $KILL" && ok 0 "killed at $KILL"
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
is "$(wc -l <"$W/known")" 5 "so many keys are known"
sqlite3 "$W/office/office.db" 'SELECT * FROM audit_log' >>"$W/said"
for f in said log events office/office.db; do
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
    is "$found" "0 0 0 0 0 " "no key in $f"
done
done_testing
