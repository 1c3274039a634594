#!/usr/bin/env bash
# t-postgresql.sh [TEST...] - every suite whose head office is made by tests/aid/office_aid, once more with its database
# on PostgreSQL, and every statement that stands in backend/. TAP: a line for each suite. All use one server, which does
# not wait for disks: what a lost machine leaves is test_odb_lost's. Without TEST_ALL a part of the suites, one or more of
# each part of head office. UNSEEN=1 lists statements that no suite ran.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-postgresql.XXXXXX")
SERVER=""
stop() { [ -z "$SERVER" ] || { kill -INT "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }; SERVER=""; }
trap 'stop; rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP
chmod 711 "$W"
export BUILD OFFICE_DB=postgresql PG_SOCKET="@gasfitter-pg-$$-${W##*.}"
BIN=/usr/lib/postgresql/15/bin

tests/tools/pg "$W/pg" "$PG_SOCKET" fsync=off full_page_writes=off autovacuum=off \
    log_statement=all log_parameter_max_length=0 &
SERVER=$!
until $BIN/pg_isready -q -h "$PG_SOCKET"; do
    kill -0 "$SERVER" 2>/dev/null || { echo "Bail out! PostgreSQL did not start"; cat "$W/pg.log"; exit 1; }
    sleep 0.05
done

# what leads to office_aid.h is known from what each suite was compiled of
suites=("$@")
[ $# -gt 0 ] || [ -n "${TEST_ALL:-}" ] || suites=(test_admin_money test_api_meters test_api_money test_api_staff test_credit
    test_keys_rest test_ledger test_office_audit_books test_office_closing test_office_enrol test_office_sync test_orders
    test_report test_swap_case test_tariff test_webhook)
# with sanitizers, which see the same code on SQLite, those that ask most of the database's own part
[ $# -gt 0 ] || [ -n "${TEST_ALL:-}" ] || case $BUILD in
    *-san) suites=(test_api_money test_credit test_office_sync test_swap_case) ;;
esac
[ ${#suites[@]} -gt 0 ] || mapfile -t suites < <(for t in tests/unit/test_*.c; do
    t=$(basename "$t" .c)
    ! grep -q ' tests/aid/office_aid\.h' "$BUILD/obj/tests/unit/$t.d" || echo "$t"
done)
echo "1..$((${#suites[@]} + 1))"

# every statement, by itself
mapfile -t sources < <(ls backend/*.c | grep -v /odb_)
"$BUILD/gasoffice" --dir "$W/office" init --db "postgresql:///postgres?host=$PG_SOCKET&user=postgres" >"$W/out"
{ echo "SET search_path = gasoffice;"; tests/tools/sql_texts.py prepare "${sources[@]}"; } |
    $BIN/psql -X -h "$PG_SOCKET" -U postgres postgres >"$W/prepared" 2>&1 || true
if [ "$(grep -c '^PREPARE' "$W/prepared" || true)" = "$(tests/tools/sql_texts.py texts "${sources[@]}" | wc -l)" ]; then
    echo "ok 1 - every statement of backend/ is one that PostgreSQL takes"
else
    echo "not ok 1 - every statement of backend/ is one that PostgreSQL takes"
    grep -B1 -A4 '^ERROR' "$W/prepared" | sed 's/^/# /' >&2 || true
fi

n=1
for t in "${suites[@]}"; do
    n=$((n + 1))
    status=0
    from=$(date +%s%N)
    timeout 1200 "$BUILD/tests/$t" >"$W/out" 2>"$W/err" || status=$?
    ms=$((($(date +%s%N) - from) / 1000000))
    if [ $status = 0 ]; then
        echo "ok $n - $t on PostgreSQL # ${ms} ms"
    else
        echo "not ok $n - $t on PostgreSQL (status $status)"
        { echo "$t:"; grep -v '^ok' "$W/out" | head -40; tail -20 "$W/err"; } | sed 's/^/# /' >&2
    fi
done
if [ -n "${UNSEEN:-}" ]; then
    tests/tools/sql_texts.py unseen "$W/pg.log" "${sources[@]}" | sed 's/^/# no suite ran: /'
fi
