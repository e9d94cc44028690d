#!/bin/sh
# build.sh OUT.elf [flags]: the example for QEMU's mps2-an385. Needs gcc-arm-none-eabi; no libc.
set -eu
out=$1
shift
cd "$(dirname "$0")"
arm-none-eabi-gcc -std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror \
  -mcpu=cortex-m3 -mthumb -Os -g -ffreestanding -fno-tree-loop-distribute-patterns \
  -nostdlib -Wl,-T,mps2_an385.ld -I.. -I../.. "$@" \
  main.c mps2_an385.c ../sensor.c ../../imu_link.c -o "$out"
