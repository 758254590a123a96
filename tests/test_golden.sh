#!/bin/sh
# The golden vectors beside what this tree computes: converts golden/models/v1, then runs
# golden.c on it and on the shipped model. CC and CFLAGS as usual; without them this is
# the plain build of a user. TINY names another blob than demo/tiny.tango.
. "$(dirname "$0")/lib.sh"
set -eu
cd "$tmp"
programs convert
cd "$tests"
work=$tmp

# Clang leaves code as it is without -O; GCC is told by the headers.
if [ -z "${CFLAGS:-}" ] && ${CC:-cc} --version | grep -qi clang; then CFLAGS=-O2; fi
${CC:-cc} ${CFLAGS:-} golden.c -lm -pthread -o "$work/golden"
"$work/convert" -q golden/models/v1 -o "$work/v1.tango" -t f32
"$work/golden" golden "$work/v1.tango" "${TINY:-../demo/tiny.tango}" "$work"
