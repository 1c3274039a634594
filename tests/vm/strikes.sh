# strikes.sh - openings over the real bluetoothd while something fails in one phase after another. Source it behind
# tests/vm/world.sh.

# ---- what fails, and is there again ----
fault_daemon() { daemon_stop KILL; daemon_start; }
fault_power() {
    wait_for 20 adapter_set hci0 Powered false && wait_for 20 adapter_is hci0 Powered false &&
        wait_for 20 adapter_set hci0 Powered true && wait_for 20 adapter_is hci0 Powered true
}
# Linux 6.1 was seen to use memory that it had freed when a controller went that had a link: the link goes just before
fault_removed() {
    if link_cut; then PAUSE=0.02 wait_for 20 link_gone || return 1; fi
    air_stop && wait_for 20 adapters_are 0 && air_start
}
# The link is lost as soon as there is one, and the opening has noticed when it has made another
fault_link() { wait_for 60 link_cut && PAUSE=0.3 wait_for 60 linked_since "$LOST_BEFORE"; }
fault_meter() { world_kill "meter$NOW" KILL; world_meter "$NOW"; }

adapter_set() { busctl --system --timeout=5 set-property org.bluez "/org/bluez/$1" org.bluez.Adapter1 "$2" b "$3"; }
# link_handle - HANDLE is that of the laptop's link, which the kernel shows as a file; fails when there is none
link_handle() {
    local file
    for file in /sys/class/bluetooth/hci0:*; do
        HANDLE=${file##*:}
        [ ! -e "$file" ] || return 0
    done
    return 1
}
link_gone() { ! link_handle; }
link_cut() { link_handle && hcitool -i hci0 ledc "$HANDLE"; }
# links_lost - how often the laptop's bluetoothd has told that its link to the meter has ended. linked_since N - it has, more
# than N times, and then that there is one again; it makes none by itself, so the opening has wanted it
LOST="dev_disconnected.. Device $METER |bluetoothd crashed"
links_lost() { grep -Ec "$LOST" "$VM_OUT/bluetoothd.log" || true; }
linked_since() {
    daemon_keep && awk -v before="$1" -v lost="$LOST" -v made="connected_callback() hci0 device $METER connected" '
        $0 ~ lost { n++; linked = 0 }
        index($0, made) { linked = 1 }
        END { exit n <= before || !linked }' "$VM_OUT/bluetoothd.log"
}

# strike NAME N FAULT WORDS... - the opening of meter N, during which each fault strikes when the words behind it have been said
strike() {
    local name=$1 n=$2 fault words link said failed
    shift 2
    world_meter "$n"
    opening "$n"
    while [ $# -gt 0 ]; do
        fault=$1 words=$2
        shift 2
        LOST_BEFORE=$(links_lost)
        PAUSE=0.05 until_said "$words" || { ok 1 "$name: the opening comes to \"$words\""; break; }
        # without a program that is started, which would take as long as a step
        link_handle && link=with || link=without
        mapfile -t said <"$W/said.$n"
        "fault_$fault" && failed=0 || failed=1
        echo "# $name: $fault at \"${said[-1]}\", $link a link"
        ok $failed "$name: $fault, at \"$words\""
    done
    opening_ends "$name"
    agrees "$n" "$name"
    world_kill "meter$n"
}
