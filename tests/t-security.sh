#!/usr/bin/env bash
# t-security.sh - gasoffice as a program against those who may not and what nobody sends: certificates, the
# wire, texts that mean something to databases, an audit log that was changed. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder t-security

for part in certificates wire texts log; do
    mkdir "$W/$part"
    run 0 "$part" timeout 300 /usr/bin/python3 -B tests/tools/security_check.py "$BUILD/gasoffice" "$W/$part" "$part"
    ok "$([ "$(grep -c '^ok ' <<<"$OUT")" -ge 25 ] && echo 0 || echo 1)" "$part: $(grep -c '^ok ' <<<"$OUT") checks"
done
done_testing
