# office.sh - a head office in $W/office, its service to curl, and laptops by openssl. Source it behind tap.sh and
# tap_folder.
SERVER=""
office() { "$BUILD/gasoffice" --dir "$W/office" "$@"; }

# serve_with CMD... - start a service, by its whole command line; it is stopped at the test's end. Sets SERVER (its pid),
# URL, PUBLIC and METRICS. What it says goes to $W/log, its log to $W/events.
serve_with() {
    : >"$W/log"
    "$@" >>"$W/log" 2>>"$W/events" &
    SERVER=$!
    for _ in $(seq 1500); do
        grep -q '^ready' "$W/log" && break
        kill -0 "$SERVER" || break
        sleep 0.02
    done
    URL=$(serve_field URL) PUBLIC=$(serve_field PUBLIC) METRICS=$(serve_field METRICS)
}
serve_field() { sed -n "s/^ready .*\\b$1=\\([^ ]*\\).*/\\1/p" "$W/log"; }
serve() { serve_with "$BUILD/gasoffice" --dir "$W/office" serve --listen 127.0.0.1:0 --public-listen 127.0.0.1:0 "$@"; }
# serve_stop [SIGNAL] - and wait for it; its exit status
serve_stop() {
    local code=0
    [ -n "$SERVER" ] || return 0
    kill "-${1:-TERM}" "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || code=$?
    SERVER=""
    return $code
}
tap_stop() { serve_stop || true; }

# req CURL_ARGUMENT... - what it answers, or curl's exit status
req() { curl -sS --max-time 20 --cacert "$W/office/ca.pem" "$@" 2>&1 || echo "curl exit $?"; }
# laptop NAME CODE - a key and a request of its own, enrolled by the code: NAME.key, NAME.json, NAME.answer, NAME.pem in $W
laptop() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/$1.key" -subj "/CN=$1" \
        -out "$W/$1.csr" 2>/dev/null
    awk -v code="$2" -v name="$1" 'BEGIN { printf "{\"code\":\"%s\",\"name\":\"%s\",\"csr_pem\":\"", code, name }
        { printf "%s\\n", $0 } END { printf "\"}" }' "$W/$1.csr" >"$W/$1.json"
    enrol "$1" >"$W/$1.answer"
    sed -n 's/.*"cert_pem":"\([^"]*\)".*/\1/p' "$W/$1.answer" | sed 's/\\n/\n/g' >"$W/$1.pem"
}
enrol() { req -H 'Content-Type: application/json' --data-binary @"$W/$1.json" "$PUBLIC/v1/enrol"; }

# a synchronisation's head (schema 1) alone, of the laptop NAME: the status; the answer is $W/body
sync_as() {
    printf '\006\012\004\010\001\040\000' >"$W/head"
    post_sync "$1" "$W/head"
}
post_sync() { # NAME FILE
    req --cert "$W/$1.pem" --key "$W/$1.key" -H 'Content-Type: application/x-protobuf' --data-binary @"$2" -o "$W/body" \
        -w '%{http_code}' "$URL/v1/sync"
}

# what a manufacturer wraps keys with, and a factory key that is wrapped so (RFC 3394): wrap CMD... prints the key's bytes
TRANSPORT_KEY=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
wrap() {
    "$@" | openssl enc -id-aes256-wrap -K "$TRANSPORT_KEY" -iv A6A6A6A6A6A6A6A6 | od -An -v -tx1 | tr -d ' \n'
}
