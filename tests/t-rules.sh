#!/usr/bin/env bash
# t-rules.sh - the rules listed in docs/bluetooth.md name functions and tests that exist. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder rules
# missing FILE - the names in the table's last two columns that do not exist, one a line
missing() {
    local name file
    grep -E '^\| [CP][0-9]' "$1" | cut -d'|' -f4,5 | grep -oE '`[^`]+`' | tr -d '`' | sort -u | while read -r name; do
        case $name in
            *.sh) file=tests/$name ;;
            */*) file=${name%%:*} ;;
            *) file=tests/unit/${name%%:*}.c ;;
        esac
        if [ ! -f "$file" ]; then
            echo "$name: no such file"
        elif [ "$name" != "${name#*:}" ] && ! grep -qE "^[a-z].*\b${name#*:}(\(|\[)" "$file"; then
            echo "$name: not in $file"
        fi
    done
}
is "$(missing docs/bluetooth.md)" "" "every file, function and test that is named exists"
is "$(grep -cE '^\| [CP][0-9]' docs/bluetooth.md)" "$(grep -E '^\| [CP][0-9]' docs/bluetooth.md | cut -d'|' -f2 | sort -u | wc -l)" \
    "each row stands there once"
printf '%s\n' '| C01 | x | `bt/bus.c:no_such` | `test_bt_bus:test_flood` |' '| C02 | x | `bt/none.c:f` | `t-none.sh` |' >"$W/planted"
is "$(missing "$W/planted" | tr '\n' ';')" "bt/bus.c:no_such: not in bt/bus.c;bt/none.c:f: no such file;t-none.sh: no such file;" \
    "names that do not exist are found"
done_testing
