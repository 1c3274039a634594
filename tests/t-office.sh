#!/usr/bin/env bash
# t-office.sh - gasoffice as a program: administration, and its service to curl over mutual TLS on loopback. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
W=$(mktemp -d "${BUILD_TMP:-$BUILD}/t-office.XXXXXX")
SERVER=""
stop() { [ -z "$SERVER" ] || { kill -TERM "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }; SERVER=""; }
trap 'stop; rm -rf "$W"' EXIT
trap 'exit 130' INT TERM HUP

n=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); echo "not ok $n - $1"; shift; printf '# %s\n' "$@"; }
# is WHAT GOT WANT - equal texts; has WHAT TEXT PATTERN - a regular expression in it
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
has() { if printf '%s' "$2" | grep -Eq -- "$3"; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
# exits WHAT STATUS CMD... - its exit status; what it says goes to $out
exits() {
    local what=$1 want=$2 got=0
    shift 2
    out=$("$@" 2>&1) || got=$?
    if [ "$got" = "$want" ]; then ok "$what"; else not_ok "$what" "exit $got, not $want: $out"; fi
}
office() { "$BUILD/gasoffice" --dir "$W/office" "$@"; }

start() {
    : >"$W/log"
    "$BUILD/gasoffice" --dir "$W/office" serve --listen 127.0.0.1:0 --public-listen 127.0.0.1:0 >>"$W/log" 2>"$W/errors" &
    SERVER=$!
    for _ in $(seq 500); do
        grep -q '^ready' "$W/log" && break
        kill -0 "$SERVER" || break
        sleep 0.02
    done
    URL=$(sed -n 's/^ready URL=\([^ ]*\) .*/\1/p' "$W/log")
    PUBLIC=$(sed -n 's/^ready .*PUBLIC=//p' "$W/log")
}

# ---- administration ----
exits "help" 0 office --help
has "help lists the commands" "$out" "verify-certificate"
# each command, as help lists it: what it says of itself, and what it refuses before there is an office
office --help | sed -n 's/^  \([a-z].\{21\}\) .*/\1/p' | sed 's/ *$//' >"$W/commands"
is "help lists every command of the page" "$(sort "$W/commands")" "$(sed -n 's/^### //p' docs/gasoffice.md | sort)"
bad=""
while read -r c; do
    told=$(office $c --help)
    usage=${told%%$'\n'*}
    # the words that are needed, then --name VALUE of each option that is
    words=$(sed "s/^usage: gasoffice $c//; s/\[[^]]*\]\(\.\.\.\)\?//g; s/\.\.\.//g" <<<"$usage" | sed 's/  */ /g; s/ $//')
    for option in $(sed -n "/^### $c\$/,/^##/s/^| \`\(--[a-z-]*\).*/\1/p" docs/gasoffice.md); do
        [[ $told = *$'\n'"  $option "* ]] || bad="$bad, $c does not tell of $option"
    done
    out=$(office $c $words --nonsense 2>&1) && code=0 || code=$?
    [[ $code = 2 && $out = *"there is no option: --nonsense"* ]] || bad="$bad, $c --nonsense: $code $out"
    out=$(office $c $words --json --nonsense 2>&1 >/dev/null | /usr/bin/python3 -c \
        'import json, sys; d = json.load(sys.stdin); print(d["error"], d["detail"])' 2>&1) || true
    [ "$out" = "USAGE --nonsense" ] || bad="$bad, $c --nonsense --json: $out"
    if [ -n "$words" ]; then
        out=$(office $c 2>&1) && code=0 || code=$?
        [[ $code = 2 && $out = *" missing: "* ]] || bad="$bad, $c without words: $code $out"
    fi
    case $usage in *...*) ;; *)
        out=$(office $c $words a b c d extra 2>&1) && code=0 || code=$?
        [[ $code = 2 && $out = *"one argument too many: "* ]] || bad="$bad, $c with words too many: $code $out" ;;
    esac
    case $c in init | restore | setting) continue ;; esac
    out=$(office $c $words 2>&1) && code=0 || code=$?
    [[ $code = 3 && $out = *"make one with init"* ]] || bad="$bad, $c without an office: $code $out"
done <"$W/commands"
is "every command tells its options, refuses others, and wants an office" "$bad" ""
exits "no command" 2 office
exits "an unknown command" 2 office frobnicate
exits "no office yet" 3 office audit
has "says what to do" "$out" "make one with init"
exits "init" 0 office init --host office.example
exits "init again" 8 office init
for f in ca.key server.key sign.key master.key office.db; do
    is "$f is the owner's alone" "$(stat -c %a "$W/office/$f")" 600
done
has "the host is in the certificate" "$(openssl x509 -in "$W/office/server.pem" -noout -ext subjectAltName)" \
    'DNS:localhost, IP Address:127.0.0.1, DNS:office.example'
is "the CA stands behind the server's certificate" "$(grep -c BEGIN "$W/office/server.pem")" 2
exits "staff" 0 office add-staff S001 "Rosa Lindqvist" technician
exits "staff twice" 8 office add-staff S001 "Rosa Lindqvist" technician
exits "an argument is missing" 2 office add-staff S002 Omar
exits "an unknown option" 2 office add-staff S002 Omar technician --force
exits "a code for nobody" 3 office enrol S999

# ---- imports ----
KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
echo "$KEY" >"$W/transport.key"
wrap() { # a factory key of one byte's value, wrapped as RFC 3394 says
    printf "\\x$1%.0s" $(seq 32) | openssl enc -id-aes256-wrap -K "$KEY" -iv A6A6A6A6A6A6A6A6 | od -An -v -tx1 | tr -d ' \n'
}
{
    echo meter_id,type,pulse_l,verification_date,bt_address,wrapped_key
    echo "GM2400000156,4,1,2026-06-01,02:00:00:00:00:01,$(wrap 01)"
    echo "GM2400000253,4,10,2026-06-01,-,$(wrap 02)"
} >"$W/meters.csv"
sed '3s/,10,/,11,/' "$W/meters.csv" >"$W/bad.csv"
exits "a bad shipment" 3 office import-meters "$W/bad.csv" --transport-key "$W/transport.key"
has "names line and column" "$out" 'line 3, column 16: pulse_l: a pulse is 1 or 10 litres'
is "and imports nothing" "$(office show meters --json | grep -c meter_id || true)" 0
exits "no transport key" 2 office import-meters "$W/meters.csv"
exits "no such file" 3 office import-meters "$W/none.csv" --transport-key "$W/transport.key"
exits "a shipment" 0 office import-meters "$W/meters.csv" --transport-key "$W/transport.key"
is "says what it did" "$out" "2 added, 0 changed, 0 the same"
exits "the same again" 0 office import-meters "$W/meters.csv" --transport-key "$W/transport.key"
is "changes nothing" "$out" "0 added, 0 changed, 2 the same"
cat >"$W/customers.csv" <<'END'
customer_no,name,phone,supply_point,address
C-1001,Ada Marchetti,+44 20 7946 0101,SP-0001,"12 Canal Street, flat 3"
C-1002,Jonas Bergström,,SP-0002,"12 Canal Street, ""rear"""
END
exits "customers" 0 office import-customers "$W/customers.csv"
exits "an order" 0 office work-order GM2400000156 SP-0001 S001 --priority 1 --param 7=4000 --note "ring twice"
is "prints its number" "$out" J-0001
exits "a second order for the meter" 8 office work-order GM2400000156 SP-0001 S001
exits "a parameter out of range" 3 office work-order GM2400000253 SP-0002 S001 --param 9=1
exits "a number that is none" 2 office work-order GM2400000253 SP-0002 S001 --purge-l ten
exits "a label" 0 office label GM2400000156 --png "$W/label.png" --scale 6
is "has the text" "$out" "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B"
is "is a PNG" "$(od -An -tx1 -j1 -N3 "$W/label.png" | tr -d ' ')" 504e47
exits "a label in ASCII" 0 office label GM2400000253 --ascii
has "without an address" "$out" "GASM:1:GM2400000253:-:"
exits "a label of an unknown meter" 3 office label GM2499999978

# ---- every answer as JSON ----
json_of() { # WHAT CMD... - it ends well and prints one JSON document
    local what=$1
    shift
    out=$(office "$@" --json 2>&1) || { not_ok "$what in JSON" "$out"; return 0; }
    if printf '%s' "$out" | /usr/bin/python3 -m json.tool >/dev/null 2>&1; then ok "$what in JSON"; else not_ok "$what in JSON" "$out"; fi
}
json_of "a new member" add-staff S005 "Omar Haddad" clerk
json_of "a code" enrol S005
json_of "a code as a picture" enrol S005 --png "$W/enrol.png" --url https://office.example:8444
has "has its text" "$out" '"qr": "GASM-ENROL:1:https://office.example:8444:[0-9A-Z]{10}-[0-9a-f]{16}"'
json_of "nothing to revoke" revoke S005
json_of "a shipment" import-meters "$W/meters.csv" --transport-key "$W/transport.key"
json_of "customers" import-customers "$W/customers.csv"
json_of "an order" work-order GM2400000253 SP-0002 S001
json_of "a label" label GM2400000156
json_of "sheets" label --all-new --sheet "$W/new.pdf"
json_of "the settings" setting
json_of "a setting" setting install_url https://office.example/gasfitter
json_of "the page to install from" label --install
json_of "the registers" show
for r in $(office show --json | sed -n 's/.*"register": "\(.*\)".*/\1/p'); do json_of "show $r" show "$r"; done
json_of "a day" report day 2026-11-22
json_of "a technician" report technician S001
json_of "a meter" report meter GM2400000156
json_of "what is overdue" report overdue
json_of "the audit" audit

# ---- labels, settings, pages ----
is "the setting is used" "$(office label --install | tail -1)" https://office.example/gasfitter
exits "a setting that is none" 3 office setting frobnicate
exits "a setting out of range" 3 office setting verification_years 0
has "says the range" "$out" 'verification_years: a number from 1 to 50'
exits "a code without a URL" 2 office enrol S005 --qr
has "says what to do" "$out" 'say --url, or choose the setting public_url'
is "a sheet has its pages" "$(pdfinfo "$W/new.pdf" | sed -n 's/^Pages: *//p')" 1
printf 'GM2400000253\n\nGM2400000156\r\n' >"$W/list"
exits "a list on SVG" 0 office label --sheet "$W/list.svg" --from-file "$W/list" --format 2x7
is "says so" "$out" "2 labels on 1 page: $W/list.svg"
printf 'GM2400000253\nGM2400000155\n' >"$W/list"
exits "a list with a wrong id" 3 office label --sheet "$W/bad.svg" --from-file "$W/list"
has "names the line" "$out" 'line 2'
is "and draws nothing" "$(ls "$W" | grep -c 'bad.svg' || true)" 0
exits "a format that is none" 2 office label GM2400000156 --sheet "$W/x.pdf" --format 9x9
exits "a sheet of another kind" 2 office label GM2400000156 --sheet "$W/x.gif"
exits "two meters without a sheet" 2 office label GM2400000156 GM2400000253
exits "a sheet where no folder is" 3 office label GM2400000156 --sheet "$W/none/x.pdf"
is "a page of a register" "$(office show meters --limit 1 --lines | grep -o 'GM[0-9]*')" GM2400000156
is "the page behind it" "$(office show meters --after GM2400000156 --lines | grep -o 'GM[0-9]*')" GM2400000253
exits "a key that is none" 2 office show receipts --after GM2400000156
has "says what one is" "$out" 'meter_id,seq'

# ---- the service ----
start
has "ready" "$(cat "$W/log")" '^ready URL=https://127\.0\.0\.1:[0-9]+ PUBLIC=https://127\.0\.0\.1:[0-9]+$'
CA=(--cacert "$W/office/ca.pem")
req() { curl -sS --max-time 20 "${CA[@]}" "$@" 2>&1 || echo "curl exit $?"; }
json() { req -H 'Content-Type: application/json' "$@"; }

CODE=$(office enrol S001)
has "a code with the CA's fingerprint" "$CODE" \
    "^[0-9A-HJKMNP-TV-Z]{10}-$(openssl x509 -in "$W/office/ca.pem" -outform DER | sha256sum | cut -c1-16)\$"
device() { # NAME CODE - enrol a laptop: its files NAME.key NAME.pem
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/$1.key" -subj "/CN=$1" \
        -out "$W/$1.csr" 2>/dev/null
    awk -v code="$2" -v name="$1" 'BEGIN { printf "{\"code\":\"%s\",\"name\":\"%s\",\"csr_pem\":\"", code, name }
        { printf "%s\\n", $0 } END { printf "\"}" }' "$W/$1.csr" >"$W/$1.json"
    json --data-binary @"$W/$1.json" "$PUBLIC/v1/enrol" >"$W/$1.answer"
    sed -n 's/.*"cert_pem":"\([^"]*\)".*/\1/p' "$W/$1.answer" | sed 's/\\n/\n/g' >"$W/$1.pem"
}
device one "$CODE"
has "enrols" "$(cat "$W/one.answer")" '"staff":"S001","url":"https://127\.0\.0\.1'
ID=$(sed -n 's/.*"device_id":"\([^"]*\)".*/\1/p' "$W/one.answer")
has "the certificate names the device" "$(openssl x509 -in "$W/one.pem" -noout -subject)" "CN = $ID"
cp "$W/one.pem" "$W/one.kept"; cp "$W/one.key" "$W/one.keptkey"
device again "$CODE"
has "a code is good once" "$(cat "$W/again.answer")" '"error":"code_used"'
mine=(--cert "$W/one.kept" --key "$W/one.keptkey")
has "a laptop is heard" "$(req "${mine[@]}" "$URL/healthz")" '"status":"ok"'
has "HTTP says so" "$(req "${mine[@]}" -o /dev/null -w '%{http_code} %{content_type}' "$URL/healthz")" \
    '^200 application/json$'

# what the handshake refuses: no byte of HTTP comes back
refused() { has "$1" "$2" 'curl exit (16|35|52|55|56)$'; }
refused "no certificate" "$(req "$URL/healthz")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/foreign.key" -subj "/CN=$ID" -days 2 \
    -out "$W/foreign.pem" 2>/dev/null
refused "a certificate of another CA" "$(req --cert "$W/foreign.pem" --key "$W/foreign.key" "$URL/healthz")"
refused "the server's own certificate" "$(req --cert "$W/office/server.pem" --key "$W/office/server.key" "$URL/healthz")"
refused "TLS 1.2" "$(req "${mine[@]}" --tls-max 1.2 "$URL/healthz")"
refused "TLS 1.2 for strangers" "$(req --tls-max 1.2 "$PUBLIC/v1/enrol")"
has "plain HTTP" "$(req "http${URL#https}/healthz")" 'curl exit (1|52|56)$'
has "a client that knows another CA" "$(CA=(--cacert "$W/foreign.pem"); req "${mine[@]}" "$URL/healthz")" 'curl exit 60$'

# sync: a head (schema 1) alone, and wrong ones
printf '\006\012\004\010\001\040\000' >"$W/head"
sync() { req "${mine[@]}" -H 'Content-Type: application/x-protobuf' --data-binary @"$1" -o "$W/body" -w '%{http_code}' "$URL/v1/sync"; }
is "a sync" "$(sync "$W/head")" 200
has "brings the order" "$(grep -ac 'J-0001' "$W/body")" '^[1-9]'
printf '\006\012\004\010\001' >"$W/cut"
is "a cut stream" "$(sync "$W/cut")" 400
has "is told where" "$(cat "$W/body")" '"field":"message 1, byte 0"'
head -c 4194305 /dev/zero >"$W/big"
is "too large a body" "$(sync "$W/big")" 413
is "a wrong type" "$(req "${mine[@]}" --data-binary @"$W/head" -o /dev/null -w '%{http_code}' "$URL/v1/sync")" 415
is "an unknown path" "$(req "${mine[@]}" -o /dev/null -w '%{http_code}' "$URL/v1/none")" 404
is "a wrong method" "$(req "${mine[@]}" -o /dev/null -w '%{http_code}' "$URL/v1/sync")" 405
is "only enrolling without a certificate" "$(req -o /dev/null -w '%{http_code}' "$PUBLIC/v1/sync")" 404
has "bad JSON" "$(json --data-binary '{' "$PUBLIC/v1/enrol")" '"error":"format".*"field":"body"'

# killed and started again on the same data; then revoked
kill -KILL "$SERVER"; wait "$SERVER" 2>/dev/null || true; SERVER=""
start
is "a sync after kill -9" "$(sync "$W/head")" 200
exits "revoke" 0 office revoke "$ID"
is "says how many" "$out" "1 device revoked"
is "a revoked laptop" "$(sync "$W/head")" 403
has "is told so" "$(cat "$W/body")" '^\{"error":"revoked"'
has "nor is its health told" "$(req "${mine[@]}" "$URL/healthz")" '^\{"error":"revoked"'
exits "revoke nobody" 3 office revoke S777
exits "the port is taken" 8 office serve --listen "${URL#https://}" --public-listen 127.0.0.1:0
has "says which" "$out" "Address already in use"
exits "no address" 2 office serve --listen 127.0.0.1 --public-listen 127.0.0.1:0
is "the audit" "$(office audit | tail -1)" "audit: clean"
exits "the audit in JSON" 0 office audit --json
has "is clean" "$out" '"clean": true'
sqlite3 "$W/office/office.db" "DELETE FROM audit_log WHERE n = 3"
exits "the audit after a row was deleted" 4 office audit
has "names it" "$out" "broken: audit log: row 4 follows row 2"
exits "show nothing" 2 office show everything
exits "a certificate that is none" 3 office verify-certificate "$W/customers.csv"

# no key, code or ticket key in what it wrote to its log
has "an honest log" "$(cat "$W/errors"; echo end)" '^end$'
kill -TERM "$SERVER"; code=0; wait "$SERVER" || code=$?; SERVER=""
is "it ends when it is told to" "$code" 0
is "and leaves a closed database" "$(ls "$W/office" | grep -c -- '-wal' || true)" 0
echo "1..$n"
