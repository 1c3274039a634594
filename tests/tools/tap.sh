# tap.sh - TAP for shell tests. Source it; call ok/is/done_testing. Why a test failed goes to standard error: prove shows that.
TAP_N=0
TAP_BAD=0
# ok CODE NAME - one test; CODE 0 passes
ok() {
    TAP_N=$((TAP_N + 1))
    if [ "$1" = 0 ]; then echo "ok $TAP_N - $2"; else echo "not ok $TAP_N - $2"; echo "# failed: $2" >&2; TAP_BAD=1; fi
    return 0
}
# holds NAME CMD... - CMD succeeds. Not `CMD; ok $? NAME`: under set -e a CMD that fails ends the whole test, and nothing is told
holds() { local name=$1; shift; if "$@"; then ok 0 "$name"; else ok 1 "$name"; fi; }
# is GOT WANT NAME
is() {
    [ "$1" = "$2" ] || printf '# got "%s", not "%s"\n' "$1" "$2" >&2
    ok "$([ "$1" = "$2" ] && echo 0 || echo 1)" "$3"
}
# has TEXT PATTERN NAME - an extended regular expression in it. From a here-string and not from a pipe, here and wherever
# grep -q reads: it ends at the first match, and whoever still writes lines into the pipe dies of it (pipefail)
has() {
    if grep -Eq -- "$2" <<<"$1"; then ok 0 "$3"; else printf '%s\n' "no /$2/ in:" "$1" | sed 's/^/# /' >&2; ok 1 "$3"; fi
}
# run WANT NAME CMD... - CMD's exit status is WANT; its output is in $OUT (and goes to the file TAP_SAID, when that is
# set), and shown when the test fails
run() {
    local want=$1 name=$2 code=0
    shift 2
    OUT=$("$@" 2>&1 </dev/null) || code=$?
    [ -z "${TAP_SAID:-}" ] || printf '%s\n' "$OUT" >>"$TAP_SAID"
    [ "$code" = "$want" ] || printf '%s\n' "exit status $code, not $want:" "$OUT" | sed 's/^/# /' >&2
    ok "$([ "$code" = "$want" ] && echo 0 || echo 1)" "$name: exit status $want"
}
# says WORDS NAME - $OUT contains them
says() {
    case $OUT in *"$1"*) ok 0 "$2" ;; *) printf '%s\n' "no \"$1\" in:" "$OUT" | sed 's/^/# /' >&2; ok 1 "$2" ;; esac
}
# tap_folder NAME - the test's own folder, $W, in the build tree, whose whole path $BUILD is then; it goes at the end, when
# tap_stop (to be defined by who starts something) is called first
tap_stop() { :; }
tap_folder() {
    : "${BUILD:=build/gcc}"
    case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
    W=$(mktemp -d "${BUILD_TMP:-$BUILD}/$1.XXXXXX")
    trap 'tap_stop; rm -rf "$W"' EXIT
    trap 'exit 130' INT TERM HUP
}
done_testing() { echo "1..$TAP_N"; exit $TAP_BAD; }
