#!/usr/bin/env bash
# g-camera.sh - gasfitter with a V4L2 camera of the kernel's own: preview, decoding, the job, and what goes wrong. TAP, run by
# tests/vm/run-group.
# before: W="$work/world" bash -ec '. tests/vm/camera.sh; camera_frames'
# seconds: 60
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/tools/tap.sh
. tests/vm/radio.sh
. tests/vm/camera.sh
W=$BUILD/vm/g-camera/world
T="tmux -L camera -f /dev/null"
HELD=""
stop() {
    camera_dark
    [ -z "$HELD" ] || kill "$HELD" 2>/dev/null || true
    $T kill-server 2>/dev/null || true
}
trap stop EXIT
fitter() { timeout 300 "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" --bus unix:path=/nonexistent "$@"; }

run 3 "scanning without a camera" fitter scan
says "E034" "it says so"
holds "the kernel has a camera" camera_up

# ---- without a screen ----
camera_show "$W/label1"
run 0 "scanning without a screen" fitter scan
says "label $(cat "$W/text1")" "the label is read"
says "job J-0001" "its job is found"

# ---- somebody else has it, or this user may not ----
# buffers belong to whoever asked first (VIDIOC_REQBUFS: two, of a capture, mapped)
hold='open F, "+<", "/dev/video0" or die; $b = pack "L5", 2, 1, 1, 0, 0; ioctl F, 0xC0145608, $b or die;
    $| = 1; print "held\n"; sleep'
perl -e "$hold" >"$W/held" 2>&1 &
HELD=$!
holds "another program uses the camera" wait_for 60 grep -q held "$W/held"
run 8 "scanning then" fitter scan
says "E035" "it says so"
kill "$HELD"
wait "$HELD" 2>/dev/null || true
HELD=""
mkdir /run/other
cp -r "$W/laptop" "$W/passphrase" "$BUILD/gasfitter" /run/other/
chown -R nobody /run/other
chmod 660 /dev/video0
run 3 "a user without permission" setpriv --reuid=65534 --regid=65534 --clear-groups /run/other/gasfitter \
    --data /run/other/laptop --passphrase-file /run/other/passphrase scan
says "E036" "it says so"

# ---- the app ----
screen() { $T capture-pane -p "$@"; }
shows() { local now; now=$(screen); grep -qF -- "$1" <<<"$now"; }
# sees TEXT NAME - it comes onto the screen
sees() {
    if wait_for 120 shows "$1"; then ok 0 "$2"; else screen | sed 's/^/# /' >&2; ok 1 "$2"; fi
}
camera_show "$W/foreign"
$T new-session -d -x 80 -y 24 "$BUILD/gasfitter" --data "$W/laptop" --passphrase-file "$W/passphrase" \
    --bus unix:path=/nonexistent
sees "J-0002" "the worklist"
$T send-keys F7
sees "Hold the label into the picture." "F7 looks for a label"
sees "https://example.org" "a code that is no label is told"
sees "▀" "what the camera sees is on the screen"
screen -e >"$VM_OUT/preview"
greys=$(grep -o '[34]8;5;[0-9]*' "$VM_OUT/preview" | cut -d';' -f3 | sort -u)
has "$(tr '\n' ' ' <<<"$greys")" "(23[2-9]|16) .*(25[0-5]|231) " "from dark to light"
camera_dark
v4l2-ctl -d 0 -c disconnect=1
sees "unplugged" "unplugged, it says so"
screen >"$VM_OUT/unplugged"
$T send-keys F7
sees "Hold the label into the picture." "plugged in, F7 looks again"
camera_show "$W/label2"
sees "J-0002  $(cut -d: -f3 "$W/text2")" "the label is read and its job is opened" # in the title; messages come and go
screen >"$VM_OUT/job"
done_testing
