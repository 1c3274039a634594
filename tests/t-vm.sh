#!/usr/bin/env bash
# t-vm.sh - what runs the groups of the virtual machine, without one: where it cannot run, what becomes of a machine that ends
# too early, of one that does not end, and of what a group says. An emulator that does as it is told stands for QEMU. TAP.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/tools/tap.sh
tap_folder vm-runner
export BUILD=$W/build VM_TREE=$W/tree
mkdir -p "$W/bin" "$VM_TREE" "$BUILD"

# the emulator does what stands in the file `does`, a line for each start; $work is the folder that it shares
cat >"$W/bin/qemu-system-x86_64" <<'END'
#!/bin/sh
for word; do case $word in local,id=work,path=*) work=${word#local,id=work,path=} work=${work%%,*} ;; esac; done
echo start >>"${0%/*}/starts"
: >"$work/console.log"
eval "$(sed -n "$(wc -l <"${0%/*}/starts")p" "${0%/*}/does")"
END
chmod +x "$W/bin/qemu-system-x86_64"
emulator() { printf '%s\n' "$@" >"$W/bin/does"; : >"$W/bin/starts"; }
starts() { grep -c . "$W/bin/starts" || true; }
vm() { PATH=$W/bin:$PATH "$@"; }
cat >"$W/g-some.sh" <<'END'
# seconds: 1
# vm: -t 2 -m 1
END

run 126 "without a kernel" vm tests/vm/vmrun -- true
says "tests/vm/setup gets it" "it says who gets one"
run 126 "a group without a kernel" vm tests/vm/run-group "$W/g-some.sh"
: >"$VM_TREE/vmlinux"
: >"$VM_TREE/initrd"
run 126 "more memory than there is" vm tests/vm/vmrun -m 99999999 -- true
says "MB are free" "it says how much there is"
run 2 "no command" vm tests/vm/vmrun

emulator 'echo hello; echo 7 >"$work/rc"'
run 7 "the command's exit status" vm tests/vm/vmrun -m 1 -- true
says "hello" "what it says comes out"
emulator 'echo "ok 1 - gas flows"; echo "# the figure is 3"; echo 0 >"$work/rc"'
run 0 "a group that passes" vm tests/vm/run-group "$W/g-some.sh"
says "ok 1 - gas flows" "its tests come out"
says "# g-some: the figure is 3" "and what it remarks, beside them"
is "$(starts)" 1 "one machine"
emulator 'echo "not ok 1 - gas flows"; echo 1 >"$work/rc"' 'echo "ok 1 - gas flows"; echo 0 >"$work/rc"'
run 1 "a group that fails" vm tests/vm/run-group "$W/g-some.sh"
says "logs are in $BUILD/vm/g-some" "it says where its logs are"
is "$(starts)" 1 "it is not tried twice"
emulator 'echo "ok 1 - half"' 'echo "ok 1 - whole"; echo 0 >"$work/rc"'
run 0 "a machine that ended before its group" vm tests/vm/run-group "$W/g-some.sh"
is "$(starts)" 2 "is started once more"
says "once more" "which is said"
says "ok 1 - half" "with its last words"
emulator 'kill -KILL $$' 'echo "ok 1 - whole"; echo 0 >"$work/rc"'
run 0 "a machine that was killed" vm tests/vm/run-group "$W/g-some.sh"
is "$(starts)" 2 "is started once more"
emulator 'exec sleep 60' 'echo "ok 1 - whole"; echo 0 >"$work/rc"'
run 124 "a group that hangs" vm tests/vm/run-group "$W/g-some.sh"
is "$(starts)" 1 "is not tried twice"
says "has not ended within 2 s" "and it is said"
run 2 "no group of that name" tests/vm/run-groups nothing
says "g-boot" "there are others"
done_testing
