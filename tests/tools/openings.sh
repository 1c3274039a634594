# openings.sh - many account openings, each with a meter and a job of its own. Source it after world.sh; needs W and BUILD.

# meter_id N - the N-th id of a series, with its check digits
meter_id() {
    local ten r=0 c
    ten=$(printf 'GM25%06d' "$1")
    for c in 1 6 2 2 $(printf '%s' "${ten:2}" | sed 's/./& /g'); do r=$(((r * 10 + c) % 97)); done
    printf '%s%02d' "$ten" $((98 - r * 100 % 97))
}

job_id() { printf 'K-%04d' "$1"; }

# openings_registers N - head office knows meters 0 to N (memory in W/mN.nvm), a customer and an order for today for each;
# ADDRESS: the meters' Bluetooth address, when head office shall know one
openings_registers() {
    local n today
    office init >/dev/null
    head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$W/transport.key"
    echo "customer_no,name,phone,supply_point,address" >"$W/customers.csv"
    for n in $(seq 0 "$1"); do
        "$BUILD/gasmeter" manufacture --id "$(meter_id "$n")" --nvm "$W/m$n.nvm" --transport-key "$W/transport.key" \
            --shipment "$W/shipment.csv" --type 4 --pulse-l 1 --verified 2026-06-01 ${ADDRESS:+--address "$ADDRESS"} >/dev/null
        echo "C-$n,Customer $n,,SP-$n,Street $n" >>"$W/customers.csv"
    done
    office import-meters "$W/shipment.csv" --transport-key "$W/transport.key" >/dev/null
    office import-customers "$W/customers.csv" >/dev/null
    office add-staff S001 "Rosa Lindqvist" technician >/dev/null
    today=$(date -u +%Y-%m-%d)
    for n in $(seq 0 "$1"); do
        office work-order "$(meter_id "$n")" "SP-$n" S001 --due "$today" --number "$(job_id "$n")" >/dev/null
    done
}

# opening_proved N - what opening N must have left behind at head office, whatever happened: one receipt of each kind, every
# purged litre once
opening_proved() {
    local id kinds want
    id=$(meter_id "$1")
    kinds=$(office show receipts --json | sed -n "s/.*\"meter_id\": *\"$id\".*\"command\": *\"\([a-z-]*\)\".*/\1/p" | sort | uniq -c | tr -s ' ' | tr '\n' ',')
    for want in install-key key-activated open-account zero-clear set-parameters commission; do
        case $kinds in *" 1 $want,"*) ;; *) echo "# $id: not one $want: $kinds"; return 1 ;; esac
    done
    # a purge that was interrupted has an end of its own, and a new grant follows; the clock may be set again
    for want in purge-start purge-stop set-clock; do
        case $kinds in *" $want,"*) ;; *) echo "# $id: no $want: $kinds"; return 1 ;; esac
    done
    office audit >"$W/audit" || { sed 's/^/# /' "$W/audit"; return 1; }
}
