#!/usr/bin/env bash
# t-life.sh - a meter's life on the emulated MCU: recharges by token and digits, the valve, the self-test, the swap, every
# receipt, with the client that was written from docs/protocol.md alone. TAP.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=build/gcc}"
W=${BUILD_TMP:-$PWD/$BUILD/tmp}/target-life
rm -rf "$W"
mkdir -p "$W"
exec timeout 300 /usr/bin/python3 -B tests/target/life.py build/firmware/qemu.elf "$W" "$BUILD/gasmeter"
