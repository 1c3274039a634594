# strangers.sh - what programs that know nothing of gasfitter see of a meter and on the air: for t-strangers.sh, t-trace.sh and
# tests/vm/g-strangers.sh. Source it behind tap.sh; needs W.
snoop() { /usr/bin/python3 tests/tools/btsnoop.py "$@"; }

# stranger NAME CMD... - one that reads Device Information and CTL, and gets its hello answered
stranger() {
    local name=$1
    shift
    run 0 "$name" "$@"
    says "Manufacturer: Gasfitter" "$name: reads the manufacturer's name"
    has "$OUT" "^Model: .+" "$name: reads the model"
    has "$OUT" "^Firmware: [0-9]" "$name: reads the firmware's revision"
    says "CTL: GM2400000156" "$name: reads the meter's id from CTL"
    says "answer: ServerHello, 53 bytes" "$name: its hello on RX is answered on TX"
}
# strangers BUS CENTRAL METER - connections 1 and 2 are the script's, 3 is bluetoothctl's
strangers() {
    stranger "a script over D-Bus" /usr/bin/python3 tests/tools/stranger.py --bus "$1" "$2" "$3"
    DBUS_SYSTEM_BUS_ADDRESS=$1 stranger "bluetoothctl on a terminal" /usr/bin/python3 tests/tools/stranger_ctl.py "$2" "$3"
}

# same FILE FILE NAME
same() {
    if diff "$1" "$2" >"$W/differs"; then ok 0 "$3"; else sed 's/^/# /' "$W/differs" >&2; ok 1 "$3"; fi
}
# air_opening AIR LINKS TRACE - an opening, on AIR in the connections LINKS, takes the PDUs that are foretold: those of a first
# contact (tests/tools/air.txt), and one for each value in gasfitter's TRACE
air_opening() {
    local found
    awk '/> mtu/ { links++ } links == 1 && !/^data/ && !(/^subscribe/ && ++subscribed > 2)' tests/tools/air.txt >"$W/foretold"
    snoop --order --links "$2" "$1" >"$W/opening"
    grep -v '^data' "$W/opening" >"$W/contact"
    same "$W/foretold" "$W/contact" "the opening's first contact takes the PDUs that are foretold, in their order"
    snoop --values --links "$2" "$1" >"$W/air.values"
    snoop --values "$3" >"$W/link.values"
    same "$W/link.values" "$W/air.values" "every value of gasfitter's trace crossed the air, and every value on the air is in the trace, in order"
    snoop --order "$3" >>"$W/foretold"
    found=$(wc -l <"$W/opening")
    is "$found" "$(wc -l <"$W/foretold")" "the whole opening takes as many PDUs as are foretold: $found"
}

# tshark_agrees FILE NAME - it decodes the same ATT PDUs as we do
tshark_agrees() {
    tshark -n -r "$1" -Y btatt -T fields -e btatt.opcode >"$W/tshark" 2>"$W/tshark.said" || sed 's/^/# /' "$W/tshark.said" >&2
    sort "$W/tshark" | uniq -c | sed 's/^ *//' >"$W/tshark.ops"
    snoop --ops "$1" >"$W/our.ops"
    same "$W/our.ops" "$W/tshark.ops" "tshark opens $2 and decodes the same $(wc -l <"$W/tshark") PDUs"
    has "$(cat "$W/tshark")" "0x52" "tshark sees commands in $2"
}
