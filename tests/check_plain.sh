#!/bin/sh
# sh tests/check_plain.sh
#
# What GCC makes of the headers without -O, for x86-64: loops that take the time are vector code
# with their values in registers, as with -O3, none is written out for nothing, and what a
# program does not call is left out.

. "$(dirname "$0")/lib.sh"

cat >"$tmp/macros.c" <<'END'
#if !defined __GNUC__ || defined __clang__ || !defined __x86_64__ || defined __OPTIMIZE__
#error another compiler
#endif
END
# shellcheck disable=SC2086 # several words are meant
$cc ${CFLAGS-} -fsyntax-only "$tmp/macros.c" 2>/dev/null || {
    echo "no plain build of GCC for x86-64"
    finish
}

assembly() # FILE OPTIONS...
{
    file=$1
    shift
    # shellcheck disable=SC2086
    $cc ${CFLAGS-} -I"$top" "$@" -S -o "$file" -x c -
}

# The instructions of one function.
body()
{
    awk -v name="$2" '$1 == name ":" { inside = 1; next }
        inside && $1 == ".size" { exit }
        inside && $1 ~ /^[a-z]/ { print }' "$1"
}

# hot FUNCTION PATTERN: it has instructions that match, which only an optimised loop has.
hot()
{
    body "$tmp/all.s" "$1" | grep -qE "$2"
}

# short FUNCTION COUNT: it has at most so many instructions. Loops that are written out and
# templates with cases that nobody needs cost the compiler much more time than the program.
short()
{
    [ "$(body "$tmp/all.s" "$1" | grep -c .)" -le "$2" ]
}

# The loop over the inputs of a tile: between its multiply-adds no accumulator is spilled, but
# for one that GCC may put away where a turn of 16 inputs ends.
in_registers()
{
    body "$tmp/all.s" "$1" >"$tmp/body"
    grep -qE "vfmadd.*$2" "$tmp/body" || return 1
    [ "$(grep -cE "vmov[au]ps.*\(%r[sb]p" "$tmp/body")" -le 1 ]
}

printf '%s\n' '#define TANGO_IMPLEMENTATION' '#include "tango.h"' >"$tmp/all.c"
plainly()
{
    assembly "$tmp/step.s" -DTANGO_NO_OPTIMIZE <"$tmp/all.c" &&
        body "$tmp/step.s" tango_nn__add_ref | grep -q "(%rbp)" &&
        ! body "$tmp/step.s" tango_nn__add_ref | grep -qE "^[[:space:]]v?addps"
}
claim "with TANGO_NO_OPTIMIZE as a debugger wants it" plainly
claim "the headers compile without -O" assembly "$tmp/all.s" <"$tmp/all.c"
claim "tango_nn: the AVX2 tile stays in registers" in_registers tango_nn__tile_avx2 %ymm
claim "tango_nn: the AVX-512 tile stays in registers" in_registers tango_nn__tile_avx512 %zmm
packed='^[[:space:]]v?(mul|add|sub)ps'
while read -r name pattern; do
    claim "$name is vector code" hot "$name" "${pattern:-$packed}"
done <<END
tango_nn__tile_ref
tango_nn__add_ref
tango_nn__scale_ref
tango_nn__column_moments_ref ^[[:space:]](mul|add)pd
tango_audio__pass4_ref
tango_audio__pass4_avx2 v(mul|add|sub)ps.*%ymm
tango_audio__pass4_avx512 v(mul|add|sub)ps.*%zmm
tango_audio__update_ref
tango_audio__resample_ref
tango_audio__overlap_ref
tango_io__row ^[[:space:]]v?(cvt|p)[a-z]*
tango_io__wav_pcm16 ^[[:space:]](pack|cvt)[a-z]*
tango_io__png_filter ^[[:space:]]p(sub|add)b
tango_io__flac_stereo ^[[:space:]]p(sub|add)d
tango__combine
END

while read -r name count; do
    claim "$name has no more than $count instructions" short "$name" "$count"
done <<END
tango_audio__update_ref 500
tango_audio__update_avx2 500
tango_nn__tile_avx512 1800
tango_nn__transform_avx2 1400
tango_nn__transform_avx512 1450
END

printf '%s\n' '#define TANGO_STATIC' '#define TANGO_IMPLEMENTATION' '#include "tango_io.h"' \
    'int main(void) { return (int)tango_io_type_size(TANGO_IO_F32); }' |
    assembly "$tmp/one.s"
kept()
{
    [ "$(grep -c '@function' "$tmp/one.s")" -le "$1" ]
}
claim "with TANGO_STATIC only what is called is written" kept 2
finish
