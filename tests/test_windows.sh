#!/bin/sh
# test_windows.sh: the headers and programs as 64-bit Windows gets them, by MinGW, and how files
# are written there, under Wine. What is not installed is left out.
#
#     sh tests/test_windows.sh

. "$(dirname "$0")/lib.sh"
gcc=x86_64-w64-mingw32-gcc
have $gcc || finish
cd "$tmp" || exit 1

# shellcheck disable=SC2046,SC2086
builds() { $gcc $(language c99) $warnings -I"$top" "$@"; }

for header in $headers; do
    printf '#define TANGO_IMPLEMENTATION\n#include "%s"\n' "$header" >alone.c
    claim "$header compiles" builds -fsyntax-only alone.c
done
{
    echo '#include <windows.h>'
    echo '#define TANGO_IMPLEMENTATION'
    printf '#include "%s"\n' $headers
} >after.c
claim "all headers compile after windows.h" builds -fsyntax-only after.c
for program in demo/generate demo/encode demo/vae_infer demo/spectrogram demo/reconstruct \
    tools/convert tools/inspect tools/sound; do
    claim "$program compiles" builds -fsyntax-only "$top/$program.c"
done
claim "the test of outputs, too" builds "$tests/test_tango_io_output.c" -o output.exe

for wine in wine64 /usr/lib/wine/wine64 none; do have $wine && break; done
[ $wine != none ] || finish
# shellcheck disable=SC2016
claim "and it passes under Wine" sh -c \
    'WINEPREFIX="$1/wine" WINEDEBUG=-all timeout 120 "$0" output.exe 2>/dev/null' $wine "$tmp"
finish
