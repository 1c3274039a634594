# strikes.sh - openings over the real bluetoothd while something fails in one phase after another. Source it behind
# tests/vm/world.sh.

# ---- what fails, and is there again ----
fault_daemon() { daemon_stop KILL; daemon_start; }
fault_power() {
    wait_for 20 adapter_set hci0 Powered false && wait_for 20 adapter_is hci0 Powered false &&
        wait_for 20 adapter_set hci0 Powered true && wait_for 20 adapter_is hci0 Powered true
}
fault_removed() { air_stop && wait_for 20 adapters_are 0 && air_start; }
fault_link() { [ -z "$(link_handle)" ] || hcitool -i hci0 ledc "$(link_handle)" >/dev/null 2>&1 || true; }
fault_meter() { world_kill "meter$NOW" KILL; world_meter "$NOW"; }

adapter_set() { busctl --system --timeout=5 set-property org.bluez "/org/bluez/$1" org.bluez.Adapter1 "$2" b "$3"; }
# link_handle - of the laptop's link; nothing when there is none
link_handle() { hcitool -i hci0 con | awk '{ for (i = 1; i < NF; i++) if ($i == "handle" && !n++) print $(i + 1) }'; }

# strike NAME N FAULT WORDS... - the opening of meter N, during which each fault strikes when the words behind it have been said
strike() {
    local name=$1 n=$2 fault words
    shift 2
    world_meter "$n"
    opening "$n"
    while [ $# -gt 0 ]; do
        fault=$1 words=$2
        shift 2
        until_said "$words" || { ok 1 "$name: the opening comes to \"$words\""; break; }
        echo "# $name: $fault at \"$(tail -n 1 "$W/said.$n")\", $([ -n "$(link_handle)" ] && echo with || echo without) a link"
        if "fault_$fault"; then ok 0 "$name: $fault, at \"$words\""; else ok 1 "$name: $fault, at \"$words\""; fi
    done
    opening_ends "$name"
    agrees "$n" "$name"
    world_kill "meter$n"
}
