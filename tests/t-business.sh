#!/usr/bin/env bash
# t-business.sh - a customer's month with the programs themselves: an account is opened, gas is sold at the counter and
# by a provider's signed message, the token is typed at the meter, its receipt comes home, the books are proved. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${BUILD:=build/gcc}"
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
. tests/tools/tap.sh
W=${BUILD_TMP:-$BUILD/tmp}/business RATE=10 FLOW=6000
CHEAP=1
. tests/tools/world.sh
trap world_stop EXIT
trap 'exit 130' INT TERM HUP

# json WORDS - a value of the JSON in $OUT: items 0 state
json() {
    /usr/bin/python3 -c '
import json, sys
at = json.loads(sys.argv[1])
for word in sys.argv[2:]:
    at = at[int(word)] if isinstance(at, list) else at[word]
print(at)' "$OUT" "$@"
}
# ask METHOD PATH [BODY] - a call of the listener for customers; the answer to $OUT, its status to $STATUS
TOKEN=""
ask() {
    local body=()
    [ $# -lt 3 ] || body=(-H "Content-Type: application/json" --data-binary "$3")
    STATUS=$(curl -s --max-time 20 --cacert "$W/office/ca.pem" -X "$1" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} \
        ${body[@]+"${body[@]}"} -o "$W/answer" -w '%{http_code}' "$PUBLIC$2") || STATUS=none
    OUT=$(cat "$W/answer")
}
answers() { [ "$STATUS" = "$1" ] || printf '# %s: %s\n' "$STATUS" "$OUT"; ok "$([ "$STATUS" = "$1" ] && echo 0 || echo 1)" "$2"; }
# at_meter LINE... - commands for the meter's control socket; its answers
at_meter() {
    perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(shift) or die "no meter\n";
        for (@ARGV) { print $s "$_\n"; print scalar <$s> }' "$W/m1.sock" "$@"
}
uuid() { cat /proc/sys/kernel/random/uuid; }

# ---- an account is opened ----
world_new
world_bus
world_radio
world_registers
world_meter 1
world_serve
world_laptop
set -- $METERS
METER=$1
PUBLIC=https://127.0.0.1:$(cut -d' ' -f2 "$W/port")
office label "$METER" --png "$W/label.png" --scale 6 >/dev/null
run 0 "the opening" fitter run account-opening --job J-0001 --image "$W/label.png" --answers "$W/answers"
account=$(office show accounts --lines | sed -n 's/.*"account_no": \([0-9]*\), "state": "open".*/\1/p')
world_kill meter1
world_spawn meter1 "$BUILD/gasmeter" run --nvm "$W/meter1.nvm" --adapter 02:00:00:00:00:01 --bus "$BUS" \
    --flow-l-per-h 0 --clock-rate 1 --control "$W/m1.sock"
world_wait meter1 ready
OUT=$(at_meter status)
says "account=$account" "the meter has account $account, also after its power failed"
says "residual=0" "and no credit"

# ---- prices, and the counter ----
office add-staff S900 "Ines Okafor" supervisor >/dev/null
run 0 "a tariff" office tariff add T-2026 "0=850" --currency EUR --period month --by S900
run 0 "a payment at the counter" office pay "$account" 2000 EUR --json
counter_l=$(json litres)
counter_digits=$(json carriers 0 digits)
is "$counter_l" 2352 "2000 cents buy 2352 litres at 0.850"

# ---- the customer ----
office show customers --lines >"$W/customers"
name=$(sed -n 's/.*"customer_no": "C-1001".*"name": "\([^"]*\)".*/\1/p' "$W/customers")
who="\"customer_no\":\"C-1001\",\"name\":\"${name:-Ada Marchetti}\",\"phone\":\"+44 20 7946 0101\""
ask POST /v1/customer/register "{$who,\"meter_id\":\"$METER\",\"account_no\":$((account + 1)),\"login\":\"ada\",\"password\":\"correct horse battery\"}"
is "$STATUS" 409 "another account's number is no way in"
ask POST /v1/customer/register "{$who,\"meter_id\":\"$METER\",\"account_no\":$account,\"login\":\"ada\",\"password\":\"correct horse battery\"}"
answers 200 "the customer registers"
ask POST /v1/customer/login '{"login":"ada","password":"wrong horse battery"}'
is "$STATUS" 401 "a wrong password is refused"
ask POST /v1/customer/login '{"login":"ada","password":"correct horse battery"}'
answers 200 "the customer logs in"
TOKEN=$(json token)

# ---- a payment by a provider ----
(umask 077; head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$W/demo.secret")
run 0 "a provider" office provider add demo --secret "$W/demo.secret"
payment=$(uuid)
ask POST /v1/customer/payments "{\"payment_id\":\"$payment\",\"account_no\":$account,\"amount_minor\":1250,\"currency\":\"EUR\",\"provider\":\"demo\"}"
answers 200 "the customer asks for a payment"
is "$(json state)" requested "it is asked for, not paid"
pays() {
    "$BUILD/payprovider" pay --url "$PUBLIC/v1/webhooks/demo" --ca "$W/office/ca.pem" --secret "$W/demo.secret" \
        --payment "$payment" --currency EUR "$@"
}
run 4 "an altered message" pays --amount 1250 --alter
run 4 "another amount" pays --amount 1251
ask GET "/v1/customer/payments/$payment"
is "$(json state)" requested "neither changed anything"
run 0 "the provider's message" pays --amount 1250
ask GET "/v1/customer/payments/$payment"
is "$(json state)" confirmed "the payment is confirmed"
ask GET "/v1/customer/accounts/$account/tokens"
answers 200 "the customer fetches the tokens"
n=$(json items | grep -o "'sequence'" | wc -l)
is "$n" 2 "two tokens"
digits=$(json items 1 digits)
webhook_l=$(json items 1 litres)

# ---- at the meter ----
OUT=$(at_meter "type ${digits:0:24}$(((${digits:24:1} + 1) % 10))" status)
says "error meter:" "a wrong digit is refused"
says "residual=0" "and brings nothing"
OUT=$(at_meter "type $digits" status)
says "residual=$((counter_l + webhook_l))" "the second token brings the litres of the first, which was lost"
OUT=$(at_meter "type $counter_digits" status)
says "error meter:" "the first is too late then"
says "residual=$((counter_l + webhook_l))" "and nothing comes twice"

# ---- its receipt goes home ----
ask GET "/v1/customer/accounts/$account"
is "$(json residual_l) $(json in_tokens_l)" "0 $((counter_l + webhook_l))" "the books have it in tokens"
receipt=$(tests/tools/last_receipt.py "$W/meter1.nvm")
ask POST /v1/customer/receipts "{\"receipt\":\"00$receipt\"}"
is "$STATUS" 400 "a receipt with a byte before it is refused"
ask POST /v1/customer/receipts "{\"receipt\":\"$receipt\"}"
is "$STATUS $(json verdict)" "200 applied" "the receipt is taken"
ask POST /v1/customer/receipts "{\"receipt\":\"$receipt\"}"
is "$STATUS $(json verdict)" "200 duplicate" "and again it is the same"
ask GET "/v1/customer/accounts/$account"
is "$(json residual_l) $(json in_tokens_l)" "$((counter_l + webhook_l)) 0" "the books have it on the meter"

# ---- once is once ----
run 0 "the report of the day" office report day "$(date -u +%Y-%m-%d)"
report=$OUT
says "3250" "it tells what was taken: 32.50 EUR"
run 0 "the provider's message once more" pays --amount 1250 --times 2
run 0 "the report of the day again" office report day "$(date -u +%Y-%m-%d)"
is "$OUT" "$report" "a second message changed nothing"
# ---- long reads by the service, on a thread of their own, over books with sealed keys and receipts ----
. tests/tools/office.sh
URL=https://127.0.0.1:$(cut -d' ' -f1 "$W/port")
laptop supervisor "$(office enrol S900)"
for path in /v1/audit "/v1/reports/day/$(date -u +%Y-%m-%d)" /v1/reports/technician/S001 "/v1/reports/meter/$METER" \
    /v1/reports/overdue /healthz; do
    is "$(req --cert "$W/supervisor.pem" --key "$W/supervisor.key" -o "$W/body" -w '%{http_code}' "$URL$path")" 200 "GET $path"
    [ "$path" != /v1/audit ] || ok "$(grep -q '"clean": *true' "$W/body" && echo 0 || { head -c 300 "$W/body" >&2; echo 1; })" "clean too"
done

# ---- and the end ----
run 0 "the audit" office audit
says "audit: clean" "the audit is clean"
world_kill office
run 0 "the audit without the service" office audit
says "audit: clean" "it is clean too"
world_stop
is "$(pgrep -f "$W" || true)" "" "no process is left"
done_testing
