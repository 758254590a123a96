#!/bin/sh
# TANGO_BUILT=FOLDER sh tests/build.sh NAME...
#
# Builds these programs of demo, tools and tests, and tango.o, into FOLDER with ${CC:-cc} $CFLAGS,
# as tests that find TANGO_BUILT set expect them (lib.sh).

. "$(dirname "$0")/lib.sh"
mkdir -p "$TANGO_BUILT" || exit 1
for name; do
    build "$name" || exit 1
done
