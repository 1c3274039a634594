# camera.sh - the kernel's virtual video driver as a camera that looks at a label. Source it; needs W, a folder.
#   camera_frames   anywhere: a laptop with jobs in W/laptop, frames W/label1 to W/label3 of its meters' labels, their texts in
#                   W/text1 to W/text3, and a frame of a code that is no label in W/foreign
# The rest in the virtual machine. /dev/video0 is the camera, /dev/video1 what it looks at: the driver's output is looped to its
# input, when both have the same size and form.
SHOWN=""

camera_frames() {
    local i=0 id
    CHEAP=1 QUIET=1
    . tests/tools/world.sh
    trap world_stop EXIT
    world_new
    world_registers
    world_serve
    world_laptop
    for id in $METERS; do
        i=$((i + 1))
        office label "$id" --ascii >"$W/drawn"
        grep '^GASM:' "$W/drawn" >"$W/text$i"
        /usr/bin/python3 tests/vm/frame.py 640 480 <"$W/drawn" >"$W/label$i"
    done
    qrencode -t ASCII "https://example.org" | /usr/bin/python3 tests/vm/frame.py 640 480 >"$W/foreign"
}

# camera_up - the driver is loaded, and the camera looks at nothing. Most pictures are left out: each costs an emulated
# processor more time than there is until the next
camera_up() {
    modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=0x3 num_outputs=1 output_types=0x1 &&
        wait_for 60 test -c /dev/video1 &&
        v4l2-ctl -d 0 --set-dv-bt-timings index=0 >/dev/null &&     # 640 x 480
        v4l2-ctl -d 1 --set-dv-bt-timings index=0 >/dev/null &&
        v4l2-ctl -d 0 --set-fmt-video=width=640,height=480,pixelformat=YUYV &&
        v4l2-ctl -d 0 -c loop_video=1,osd_text_mode=2,percentage_of_dropped_buffers=85 &&
        v4l2-ctl -d 1 --set-fmt-video-out=width=640,height=480,pixelformat=YUYV
}

# camera_show FRAME - look at it
camera_show() {
    camera_dark
    v4l2-ctl -d 1 --stream-out-mmap --stream-from="$1" --stream-loop >/dev/null 2>&1 </dev/null &
    SHOWN=$!
}

# camera_dark - nothing is shown any more
camera_dark() {
    [ -z "$SHOWN" ] || { kill "$SHOWN" && wait "$SHOWN"; } 2>/dev/null || true
    SHOWN=""
}
