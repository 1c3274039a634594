#!/usr/bin/env bash
# t-import.sh - long files into gasoffice: flat memory, ended and killed in the middle, a full disk, standard input. TAP.
# TEST_ALL=1: 10^6 lines too.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-import
. tests/tools/office.sh
JOB=""
tap_stop() { [ -z "$JOB" ] || kill -KILL "$JOB" 2>/dev/null || true; }
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1"
PYTHON=/usr/bin/python3

rows() { office show "$1" --lines | wc -l; }

echo "$TRANSPORT_KEY" >"$W/transport.key"
WRAPPED=$(wrap printf '\7%.0s' $(seq 32))
customers() { awk -v n="$1" 'BEGIN { print "customer_no,name,phone,supply_point,address"
    for (i = 0; i < n; i++) printf "C-%d,\"Name, %d\",+44 20 %d,SP-%d,%d Canal Street\n", i, i, i, i, i }'; }
meters() { awk -v n="$1" -v key="$WRAPPED" 'BEGIN { print "meter_id,type,pulse_l,verification_date,bt_address,wrapped_key"
    for (i = 0; i < n; i++) printf "GM%08d%02d,4,1,2026-06-01,-,%s\n", i, 98 - (16220000000000 + i * 100) % 97, key }'; }

# peak CMD... - run it; $OUT is the most memory of its own that it had, in KiB. Pages of files are not counted: how many
# of a program's and its libraries' are mapped depends on what the machine holds in its cache.
peak() {
    OUT=$($PYTHON - "$@" <<'END'
import re, subprocess, sys, time
job = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)  # comes back when it is the program
most = 0
while job.poll() is None:
    with open(f"/proc/{job.pid}/status") as status:
        found = re.search(r"RssAnon:\s+(\d+)", status.read())
    most = max(most, int(found[1]) if found else 0)
    time.sleep(0.002)
print(most if job.returncode == 0 and most > 0 else f"failed: {job.returncode}, {most} KiB")
END
    )
}
# fresh - a head office without rows
fresh() { rm -rf "$W/office"; office init >/dev/null; }

# no_more FEW MANY NAME - in KiB; 4 MiB is more than a page cache and its index differ by
no_more() {
    local good=1
    [[ "$1$2" =~ ^[0-9]+$ ]] && [ "$2" -lt $(($1 + 4096)) ] && good=0
    [ $good = 0 ] || echo "# $1 KiB, then $2 KiB" >&2
    ok $good "$3"
}

# ---- memory does not follow the file's length ----
flat() { # WHAT SHORT LONG CMD...
    local what=$1 short=$2 long=$3 few many
    shift 3
    fresh; "$what" "$short" >"$W/rows.csv"; peak "$BUILD/gasoffice" --dir "$W/office" "$@"; few=$OUT
    fresh; "$what" "$long" >"$W/rows.csv"; peak "$BUILD/gasoffice" --dir "$W/office" "$@"; many=$OUT
    echo "# $what: $few KiB for $short lines, $many KiB for $long"
    no_more "$few" "$many" "$what: $long lines take no more memory than $short"
    is "$(rows "$what")" "$long" "$what: all rows are there"
}
flat customers 20000 100000 import-customers "$W/rows.csv"
flat meters 20000 100000 import-meters "$W/rows.csv" --transport-key "$W/transport.key"
peak "$BUILD/gasoffice" --dir "$W/office" show meters --limit 20000 --json
few=$OUT
peak "$BUILD/gasoffice" --dir "$W/office" show meters --json
no_more "$few" "$OUT" "a long listing takes no more memory than a short one"
if [ -n "${TEST_ALL:-}" ]; then
    flat customers 100000 1000000 import-customers "$W/rows.csv"
    flat meters 100000 1000000 import-meters "$W/rows.csv" --transport-key "$W/transport.key"
fi

# ---- ended in the middle: nothing ----
fresh
customers 100000 >"$W/rows.csv"
begun() { # until the import has written to the log of the database
    for _ in $(seq 3000); do
        [ "$(stat -c %s "$W/office/office.db-wal" 2>/dev/null || echo 0)" -lt 1000000 ] || return 0
        kill -0 "$JOB" 2>/dev/null || return 1
        sleep 0.01
    done
    return 1
}
for signal in INT TERM KILL; do
    # a shell's background job ignores SIGINT; python gives it back
    $PYTHON -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
        "$BUILD/gasoffice" --dir "$W/office" import-customers "$W/rows.csv" >"$W/out" 2>&1 &
    JOB=$!
    code=0
    begun || code=$?
    is "$code" 0 "SIG$signal comes while rows are written"
    kill "-$signal" "$JOB"
    code=0
    wait "$JOB" 2>/dev/null || code=$?
    JOB=""
    is "$code" "$([ $signal = KILL ] && echo 137 || echo 8)" "SIG$signal ends the import"
    is "$(rows customers)" 0 "and nothing was imported"
done
is "$(rows audit-log)" 0 "nor is it in the audit log"

# ---- a terminal sees how far it is ----
OUT=$($PYTHON -c 'import pty, sys; pty.spawn(sys.argv[1:])' \
    "$BUILD/gasoffice" --dir "$W/office" import-customers "$W/rows.csv" </dev/null)
ok "$(grep -Eq '^[0-9]+ rows' <<<"${OUT//$'\r'/$'\n'}" && echo 0 || echo 1)" "a terminal sees how many rows are done"
says "100000 added" "and what was done"

# ---- what is wrong in a row is said before anything is locked ----
{ cat "$W/rows.csv"; echo 'C-1,Name,,a place,12 Canal Street'; } >"$W/bad.csv"
locked() { # CMD... - while another program is writing
    $PYTHON - "$W/office/office.db" "$@" <<'END'
import sqlite3, subprocess, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
sys.exit(subprocess.run(sys.argv[2:]).returncode)
END
}
run 3 "the last of many lines is wrong, and another program writes" locked "$BUILD/gasoffice" --dir "$W/office" \
    import-customers "$W/bad.csv"
says "line 100002, column 11: supply_point" "it is named"

# ---- a full disk ----
fresh
full() ( trap '' XFSZ; ulimit -f 2048; office import-customers "$W/rows.csv" )
run 7 "no room for the rows" full
is "$(rows customers)" 0 "and nothing was imported"
input() ( trap '' XFSZ; ulimit -f 1024; office import-customers - <"$W/rows.csv" )
run_input() { OUT=$(input 2>&1) && code=0 || code=$?; }
run_input
is "$code" 7 "no room for a copy of the input: exit status 7"
is "$(rows customers)" 0 "and nothing was imported"
run 0 "the database is as it was" office audit

# ---- where files come from ----
OUT=$(customers 3 | office import-customers - 2>&1)
says "3 added" "standard input"
customers 5 >"$W/five.csv"
OUT=$(office import-customers - <"$W/five.csv")
says "2 added, 0 changed, 3 the same" "standard input that is a file"
OUT=$(office import-customers <(customers 6))
says "1 added" "a pipe with a name"
mkfifo "$W/pipe"
$PYTHON -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])' \
    "$BUILD/gasoffice" --dir "$W/office" import-customers "$W/pipe" >"$W/out" 2>&1 &
JOB=$!
exec 7>"$W/pipe"
customers 2000 >&7
kill -INT "$JOB"
code=0
wait "$JOB" || code=$?
JOB=""
exec 7>&-
is "$code" 8 "SIGINT ends the wait for input that does not come"
run 3 "a folder" office import-customers "$W"
says "this is a folder" "is named as one"
run 3 "a file that is not there" office import-customers "$W/none.csv"
says "$W/none.csv" "is named"
run 3 "a transport key that is not there" office import-meters "$W/five.csv" --transport-key "$W/none.key"
run 3 "a transport key that is none" office import-meters "$W/five.csv" --transport-key "$W/five.csv"
run 3 "no rows at all" office import-customers /dev/null
says "line 1, column 1: the file is empty" "is said so"
is "$(ls "$W/office" | grep -c input || true)" 0 "no copy of an input is left"
done_testing
