#!/bin/sh
# sh tests/test_embed.sh
#
# The lines of demo/README.md that put a model inside a program do.

. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1
sed -n '/^## A model inside/,$s/^    //p' demo/README.md >"$tmp/lines"

# program START END: opens the blob between two names and says its sample rate
program()
{
    cat <<EOF
#include "tango.h"
#include <stdio.h>
$1
int main(void)
{
    tango_model model;
    tango_error error;
    if (tango_open(&model, $2, (size_t)($3 - $2), &error) != TANGO_OK) {
        printf("%s\\n", error.text);
        return 1;
    }
    printf("%d Hz\\n", (int)model.rate);
    return 0;
}
EOF
}

# opens FILE...: built with the headers, it opens the model
opens()
{
    # shellcheck disable=SC2086 # several words are meant
    $cc ${CFLAGS-} $elsewhere -I. "$@" -x none "$TANGO_BUILT/tango.o" -lm -pthread -o "$tmp/embed" &&
        "$tmp/embed" >"$tmp/said" && grep -qx '16000 Hz' "$tmp/said"
}

if ! have objcopy || ! printf 'int main(void){return 0;}' | $cc -x c - -o "$tmp/elf" 2>/dev/null ||
    ! head -c 4 "$tmp/elf" | grep -q ELF; then
    echo "skip  models inside programs: no ELF here, or no objcopy"
    finish
fi
[ -n "${TANGO_BUILT-}" ] || TANGO_BUILT=$tmp/built
mkdir -p "$TANGO_BUILT"
build tango.o || exit 1

grep -v '^ld\|^objcopy' "$tmp/lines" >"$tmp/incbin"
program "$(cat "$tmp/incbin")" tiny tiny_end >"$tmp/incbin.c"
claim ".incbin: the model opens" opens -x c "$tmp/incbin.c"

grep '^ld\|^objcopy' "$tmp/lines" | sed "s|tiny\.o|$tmp/tiny.o|" >"$tmp/commands"
claim "ld and objcopy make an object file" sh -e "$tmp/commands"
name=_binary_demo_tiny_tango
program "extern const unsigned char ${name}_start[], ${name}_end[];" ${name}_start ${name}_end \
    >"$tmp/object.c"
claim "the model in an object file opens" opens "$tmp/tiny.o" -x c "$tmp/object.c"
claim "its section is read-only and aligned" sh -c '
    readelf -SW "$0" | grep "\.rodata" | grep -q " A .* 64$"' "$tmp/tiny.o"
finish
