#!/usr/bin/env bash
# t-api.sh - the interface as a document and as a service: docs/api.yaml holds together, every route in it is called by
# the tests, and over TLS the doors, limits, counts and logs are as the page says. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-api
. tests/tools/office.sh

# ---- the document ----
run 0 "docs/api.yaml holds together" tests/tools/check-api docs/api.yaml
sed 's/schemas\/Login/schemas\/Logon/' docs/api.yaml >"$W/bad.yaml"
run 1 "a reference to nowhere is found" tests/tools/check-api "$W/bad.yaml"
says "nothing stands at #/components/schemas/Logon" "and named"

# ---- every route is called ----
/usr/bin/python3 - docs/api.yaml >"$W/routes" <<'END'
import sys, yaml
for path, methods in yaml.safe_load(open(sys.argv[1]))["paths"].items():
    for method in methods:
        print(method.upper(), path)
END
: >"$W/calls"
for t in $(grep -l 'aid/api_aid.h' tests/unit/test_*.c); do
    t=$BUILD/tests/$(basename "$t" .c)
    API_CALLS=$W/calls "$t" >"$W/out" 2>&1 || { sed 's/^/# /' "$W/out"; ok 1 "$(basename "$t")"; }
done
echo "POST /v1/sync" >>"$W/calls" # by test_office_sync and its like, in its own encoding
missing=$(sort -u "$W/routes" | comm -23 - <(sort -u "$W/calls"))
is "$missing" "" "every route is answered in a test"

# ---- the service ----
office init >/dev/null
office add-staff S001 "Rosa Lindqvist" technician >/dev/null
serve --metrics-listen 127.0.0.1:0
OUT=$(req -i "$PUBLIC/v1/customer/meters")
says "WWW-Authenticate: Bearer" "a session is asked for"
says '"error":"login"' "in words"
OUT=$(req -i -X DELETE "$PUBLIC/v1/enrol")
says "405" "a method that is none of ours"
says "Allow: POST" "is told what there is"
says '"error":"method"' "in JSON"
OUT=$(req -I "$PUBLIC/v1/enrol")
says "405" "HEAD is none of ours either"
OUT=$(req -X POST -H 'Content-Type: application/json' --data-binary "$(printf '%050000d' 0 | tr 0 '[')" "$PUBLIC/v1/customer/login")
says "too deep" "brackets without end"
for _ in $(seq 20); do
    OUT=$(req -i -H 'Content-Type: application/json' --data-binary '{"login":"a\u001bb","password":"secret-word"}' "$PUBLIC/v1/customer/login")
    case $OUT in *" 429 "*) break ;; esac
done
says "Retry-After:" "who asks for passwords too often waits"
is "$(req -o /dev/null -w '%{http_code}' "$METRICS/other")" 404 "the plain listener gives counts alone"
OUT=$(req "$METRICS/metrics")
says 'gasoffice_requests_total{route="POST /v1/customer/login",status="429"}' "requests are counted"
says 'gasoffice_connections 0' "connections too"
serve_stop
OUT=$(/usr/bin/python3 - "$W/events" <<'END' 2>&1
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert lines[0]["event"] == "ready" and lines[-1]["event"] == "stopped", lines
logins = [l for l in lines if l.get("route") == "POST /v1/customer/login"]
assert logins and all({"time", "level", "status", "ms", "peer", "id"} <= set(l) for l in logins), lines
assert len({l["id"] for l in logins}) == len(logins)
print("fine")
END
) || true
is "$OUT" fine "every event is a line of JSON"
is "$(grep -c 'secret-word' "$W/events" || true)" 0 "no secret is logged"
done_testing
