#!/usr/bin/env bash
# t-office.sh - gasoffice as a program: administration, and its service to curl over mutual TLS on loopback. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-office
. tests/tools/office.sh

# ---- administration ----
run 0 "help" office --help
has "$OUT" "verify-certificate" "help lists the commands"
# each command, as help lists it: what it says of itself, and what it refuses before there is an office
office --help | sed -n 's/^  \([a-z].\{21\}\) .*/\1/p' | sed 's/ *$//' >"$W/commands"
is "$(sort "$W/commands")" "$(sed -n 's/^### //p' docs/gasoffice.md | sort)" "help lists every command of the page"
bad=""
while read -r c; do
    told=$(office $c --help)
    usage=${told%%$'\n'*}
    # the words that are needed, then --name VALUE of each option that is
    words=$(sed "s/^usage: gasoffice $c//; s/\[[^]]*\]\(\.\.\.\)\?//g; s/\.\.\.//g" <<<"$usage" | sed 's/  */ /g; s/ $//')
    for option in $(sed -n "/^### $c\$/,/^##/s/^| \`\(--[a-z-]*\).*/\1/p" docs/gasoffice.md); do
        [[ $told = *$'\n'"  $option "* ]] || bad="$bad, $c does not tell of $option"
    done
    OUT=$(office $c $words --nonsense 2>&1) && code=0 || code=$?
    [[ $code = 2 && $OUT = *"there is no option: --nonsense"* ]] || bad="$bad, $c --nonsense: $code $OUT"
    OUT=$(office $c $words --json --nonsense 2>&1 >/dev/null | /usr/bin/python3 -c \
        'import json, sys; d = json.load(sys.stdin); print(d["error"], d["detail"])' 2>&1) || true
    [ "$OUT" = "USAGE --nonsense" ] || bad="$bad, $c --nonsense --json: $OUT"
    if [ -n "$words" ]; then
        OUT=$(office $c 2>&1) && code=0 || code=$?
        [[ $code = 2 && $OUT = *" missing: "* ]] || bad="$bad, $c without words: $code $OUT"
    fi
    case $usage in *...*) ;; *)
        OUT=$(office $c $words a b c d extra 2>&1) && code=0 || code=$?
        [[ $code = 2 && $OUT = *"one argument too many: "* ]] || bad="$bad, $c with words too many: $code $OUT" ;;
    esac
    case $c in init | restore | setting) continue ;; esac
    OUT=$(office $c $words 2>&1) && code=0 || code=$?
    [[ $code = 3 && $OUT = *"make one with init"* ]] || bad="$bad, $c without an office: $code $OUT"
done <"$W/commands"
is "$bad" "" "every command tells its options, refuses others, and wants an office"
run 2 "no command" office
run 2 "an unknown command" office frobnicate
run 3 "no office yet" office audit
has "$OUT" "make one with init" "says what to do"
run 0 "init" office init --host office.example
run 8 "init again" office init
for f in ca.key server.key sign.key master.key office.db; do
    is "$(stat -c %a "$W/office/$f")" 600 "$f is the owner's alone"
done
has "$(openssl x509 -in "$W/office/server.pem" -noout -ext subjectAltName)" \
    'DNS:localhost, IP Address:127.0.0.1, DNS:office.example' "the host is in the certificate"
is "$(grep -c BEGIN "$W/office/server.pem")" 2 "the CA stands behind the server's certificate"
run 0 "staff" office add-staff S001 "Rosa Lindqvist" technician
run 8 "staff twice" office add-staff S001 "Rosa Lindqvist" technician
run 2 "an argument is missing" office add-staff S002 Omar
run 2 "an unknown option" office add-staff S002 Omar technician --force
run 3 "a code for nobody" office enrol S999

# ---- imports ----
echo "$TRANSPORT_KEY" >"$W/transport.key"
byte() { printf "\\x$1%.0s" $(seq 32); } # a key of one byte's value
{
    echo meter_id,type,pulse_l,verification_date,bt_address,wrapped_key
    echo "GM2400000156,4,1,2026-06-01,02:00:00:00:00:01,$(wrap byte 01)"
    echo "GM2400000253,4,10,2026-06-01,-,$(wrap byte 02)"
} >"$W/meters.csv"
sed '3s/,10,/,11,/' "$W/meters.csv" >"$W/bad.csv"
run 3 "a bad shipment" office import-meters "$W/bad.csv" --transport-key "$W/transport.key"
has "$OUT" 'line 3, column 16: pulse_l: a pulse is 1 or 10 litres' "names line and column"
is "$(office show meters --json | grep -c meter_id || true)" 0 "and imports nothing"
run 2 "no transport key" office import-meters "$W/meters.csv"
run 3 "no such file" office import-meters "$W/none.csv" --transport-key "$W/transport.key"
run 0 "a shipment" office import-meters "$W/meters.csv" --transport-key "$W/transport.key"
is "$OUT" "2 added, 0 changed, 0 the same" "says what it did"
run 0 "the same again" office import-meters "$W/meters.csv" --transport-key "$W/transport.key"
is "$OUT" "0 added, 0 changed, 2 the same" "changes nothing"
cat >"$W/customers.csv" <<'END'
customer_no,name,phone,supply_point,address
C-1001,Ada Marchetti,+44 20 7946 0101,SP-0001,"12 Canal Street, flat 3"
C-1002,Jonas Bergström,,SP-0002,"12 Canal Street, ""rear"""
END
run 0 "customers" office import-customers "$W/customers.csv"
run 0 "an order" office work-order GM2400000156 SP-0001 S001 --priority 1 --param 7=4000 --note "ring twice"
is "$OUT" J-0001 "prints its number"
run 8 "a second order for the meter" office work-order GM2400000156 SP-0001 S001
run 3 "a parameter out of range" office work-order GM2400000253 SP-0002 S001 --param 9=1
run 2 "a number that is none" office work-order GM2400000253 SP-0002 S001 --purge-l ten
run 0 "a label" office label GM2400000156 --png "$W/label.png" --scale 6
is "$OUT" "GASM:1:GM2400000156:02:00:00:00:00:01:FE3B" "has the text"
is "$(od -An -tx1 -j1 -N3 "$W/label.png" | tr -d ' ')" 504e47 "is a PNG"
run 0 "a label in ASCII" office label GM2400000253 --ascii
has "$OUT" "GASM:1:GM2400000253:-:" "without an address"
run 3 "a label of an unknown meter" office label GM2499999978

# ---- every answer as JSON ----
json_of() { # WHAT CMD... - it ends well and prints one JSON document
    local what=$1
    shift
    local bad=0
    OUT=$(office "$@" --json 2>&1) && /usr/bin/python3 -m json.tool <<<"$OUT" >/dev/null 2>&1 || bad=1
    [ $bad = 0 ] || printf '%s\n' "$OUT" | sed 's/^/# /' >&2
    ok $bad "$what in JSON"
}
json_of "a new member" add-staff S005 "Omar Haddad" clerk
json_of "a code" enrol S005
json_of "a code as a picture" enrol S005 --png "$W/enrol.png" --url https://office.example:8444
has "$OUT" '"qr": "GASM-ENROL:1:https://office.example:8444:[0-9A-Z]{10}-[0-9a-f]{16}"' "has its text"
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
is "$(office label --install | tail -1)" https://office.example/gasfitter "the setting is used"
run 3 "a setting that is none" office setting frobnicate
run 3 "a setting out of range" office setting verification_years 0
has "$OUT" 'verification_years: a number from 1 to 50' "says the range"
run 2 "a code without a URL" office enrol S005 --qr
has "$OUT" 'say --url, or choose the setting public_url' "says what to do"
is "$(pdfinfo "$W/new.pdf" | sed -n 's/^Pages: *//p')" 1 "a sheet has its pages"
printf 'GM2400000253\n\nGM2400000156\r\n' >"$W/list"
run 0 "a list on SVG" office label --sheet "$W/list.svg" --from-file "$W/list" --format 2x7
is "$OUT" "2 labels on 1 page: $W/list.svg" "says so"
printf 'GM2400000253\nGM2400000155\n' >"$W/list"
run 3 "a list with a wrong id" office label --sheet "$W/bad.svg" --from-file "$W/list"
has "$OUT" 'line 2' "names the line"
is "$(ls "$W" | grep -c 'bad.svg' || true)" 0 "and draws nothing"
run 2 "a format that is none" office label GM2400000156 --sheet "$W/x.pdf" --format 9x9
run 2 "a sheet of another kind" office label GM2400000156 --sheet "$W/x.gif"
run 2 "two meters without a sheet" office label GM2400000156 GM2400000253
run 3 "a sheet where no folder is" office label GM2400000156 --sheet "$W/none/x.pdf"
is "$(office show meters --limit 1 --lines | grep -o 'GM[0-9]*')" GM2400000156 "a page of a register"
is "$(office show meters --after GM2400000156 --lines | grep -o 'GM[0-9]*')" GM2400000253 "the page behind it"
run 2 "a key that is none" office show receipts --after GM2400000156
has "$OUT" 'meter_id,seq' "says what one is"

# ---- the service ----
serve
has "$(cat "$W/log")" '^ready URL=https://127\.0\.0\.1:[0-9]+ PUBLIC=https://127\.0\.0\.1:[0-9]+$' "ready"
json() { req -H 'Content-Type: application/json' "$@"; }

CODE=$(office enrol S001)
has "$CODE" \
    "^[0-9A-HJKMNP-TV-Z]{10}-$(openssl x509 -in "$W/office/ca.pem" -outform DER | sha256sum | cut -c1-16)\$" "a code with the CA's fingerprint"
laptop one "$CODE"
has "$(cat "$W/one.answer")" '"staff":"S001","url":"https://127\.0\.0\.1' "enrols"
ID=$(sed -n 's/.*"device_id":"\([^"]*\)".*/\1/p' "$W/one.answer")
has "$(openssl x509 -in "$W/one.pem" -noout -subject)" "CN = $ID" "the certificate names the device"
laptop again "$CODE"
has "$(cat "$W/again.answer")" '"error":"code_used"' "a code is good once"
mine=(--cert "$W/one.pem" --key "$W/one.key")
has "$(req "${mine[@]}" "$URL/healthz")" '"status":"ok"' "a laptop is heard"
has "$(req "${mine[@]}" -o /dev/null -w '%{http_code} %{content_type}' "$URL/healthz")" \
    '^200 application/json$' "HTTP says so"

# what the handshake refuses: no byte of HTTP comes back
refused() { has "$1" 'curl exit (16|35|52|55|56)$' "$2"; } # ANSWER NAME
refused "$(req "$URL/healthz")" "no certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/foreign.key" -subj "/CN=$ID" -days 2 \
    -out "$W/foreign.pem" 2>/dev/null
refused "$(req --cert "$W/foreign.pem" --key "$W/foreign.key" "$URL/healthz")" "a certificate of another CA"
refused "$(req --cert "$W/office/server.pem" --key "$W/office/server.key" "$URL/healthz")" "the server's own certificate"
refused "$(req "${mine[@]}" --tls-max 1.2 "$URL/healthz")" "TLS 1.2"
refused "$(req --tls-max 1.2 "$PUBLIC/v1/enrol")" "TLS 1.2 for strangers"
has "$(req "http${URL#https}/healthz")" 'curl exit (1|52|56)$' "plain HTTP"
has "$(req --cacert "$W/foreign.pem" "${mine[@]}" "$URL/healthz")" 'curl exit 60$' "a client that knows another CA"

# sync: a head (schema 1) alone, and wrong ones
printf '\006\012\004\010\001\040\000' >"$W/head"
sync() { post_sync one "$1"; }
is "$(sync "$W/head")" 200 "a sync"
has "$(grep -ac 'J-0001' "$W/body")" '^[1-9]' "brings the order"
printf '\006\012\004\010\001' >"$W/cut"
is "$(sync "$W/cut")" 400 "a cut stream"
has "$(cat "$W/body")" '"field":"message 1, byte 0"' "is told where"
head -c 4194305 /dev/zero >"$W/big"
is "$(sync "$W/big")" 413 "too large a body"
is "$(req "${mine[@]}" --data-binary @"$W/head" -o /dev/null -w '%{http_code}' "$URL/v1/sync")" 415 "a wrong type"
is "$(req "${mine[@]}" -o /dev/null -w '%{http_code}' "$URL/v1/none")" 404 "an unknown path"
is "$(req "${mine[@]}" -o /dev/null -w '%{http_code}' "$URL/v1/sync")" 405 "a wrong method"
is "$(req -o /dev/null -w '%{http_code}' "$PUBLIC/v1/sync")" 404 "only enrolling without a certificate"
has "$(json --data-binary '{' "$PUBLIC/v1/enrol")" '"error":"format".*"field":"body"' "bad JSON"

# killed and started again on the same data; then revoked
serve_stop KILL || true
serve
is "$(sync "$W/head")" 200 "a sync after kill -9"
run 0 "revoke" office revoke "$ID"
is "$OUT" "1 device revoked" "says how many"
is "$(sync "$W/head")" 403 "a revoked laptop"
has "$(cat "$W/body")" '^\{"error":"revoked"' "is told so"
has "$(req "${mine[@]}" "$URL/healthz")" '^\{"error":"revoked"' "nor is its health told"
run 3 "revoke nobody" office revoke S777
run 8 "the port is taken" office serve --listen "${URL#https://}" --public-listen 127.0.0.1:0
has "$OUT" "Address already in use" "says which"
run 2 "no address" office serve --listen 127.0.0.1 --public-listen 127.0.0.1:0
is "$(office audit | tail -1)" "audit: clean" "the audit"
run 0 "the audit in JSON" office audit --json
has "$OUT" '"clean": true' "is clean"
sqlite3 "$W/office/office.db" "DELETE FROM audit_log WHERE n = 3"
run 4 "the audit after a row was deleted" office audit
has "$OUT" "broken: audit log: row 4 follows row 2" "names it"
run 2 "show nothing" office show everything
run 3 "a certificate that is none" office verify-certificate "$W/customers.csv"

# no key, code or ticket key in what it wrote to its log
is "$(grep -c "${CODE%%-*}" "$W/events" || true)" 0 "no code is in its log"
code=0; serve_stop || code=$?
is "$code" 0 "it ends when it is told to"
is "$(ls "$W/office" | grep -c -- '-wal' || true)" 0 "and leaves a closed database"
done_testing
