# tap.sh - TAP for shell tests. Source it; call ok/is/done_testing. Why a test failed goes to standard error: prove shows that.
TAP_N=0
TAP_BAD=0
# ok CODE NAME - one test; CODE 0 passes
ok() {
    TAP_N=$((TAP_N + 1))
    if [ "$1" = 0 ]; then echo "ok $TAP_N - $2"; else echo "not ok $TAP_N - $2"; echo "# failed: $2" >&2; TAP_BAD=1; fi
    return 0
}
# is GOT WANT NAME
is() {
    [ "$1" = "$2" ] || printf '# got "%s", not "%s"\n' "$1" "$2" >&2
    ok "$([ "$1" = "$2" ] && echo 0 || echo 1)" "$3"
}
# run WANT NAME CMD... - CMD's exit status is WANT; its output is in $OUT, and shown when the test fails
run() {
    local want=$1 name=$2 code=0
    shift 2
    OUT=$("$@" 2>&1 </dev/null) || code=$?
    [ "$code" = "$want" ] || printf '%s\n' "exit status $code, not $want:" "$OUT" | sed 's/^/# /' >&2
    ok "$([ "$code" = "$want" ] && echo 0 || echo 1)" "$name: exit status $want"
}
# says WORDS NAME - $OUT contains them
says() {
    case $OUT in *"$1"*) ok 0 "$2" ;; *) printf '%s\n' "no \"$1\" in:" "$OUT" | sed 's/^/# /' >&2; ok 1 "$2" ;; esac
}
done_testing() { echo "1..$TAP_N"; exit $TAP_BAD; }
