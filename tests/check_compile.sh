#!/bin/sh
# sh tests/check_compile.sh [full]
#
# How the headers may be included: alone, in all 24 orders, declarations in one file and the
# implementation in another, declarations first and implementation later, all static,
# freestanding, by stdio alone. With `full`: with GCC and Clang, as C99 and C++11, each also
# optimised, so that warnings that need data flow show, and static in two files; GCC and Clang
# side by side.
#
# GCC optimises the headers' loops at -O0 too, which takes most of the time: what needs code
# takes -Os, where it does not, and everything else looks at the syntax only.

. "$(dirname "$0")/lib.sh"
full=0
[ "${1-}" = full ] && full=1

# compile COMPILER LANGUAGE OPTIONS... < program
compile()
{
    compiler=$1 standard=$2
    shift 2
    # Clang only says that code without -O2 is slow; that is no reason to fail.
    case $compiler in *clang*) set -- "-Wno-#pragma-messages" "$@" ;; esac
    # shellcheck disable=SC2046,SC2086
    $compiler $(language "$standard") $warnings -I"$top" "$@" -
}

# include HEADER...: a program that includes them, with all implementations.
include()
{
    echo "#define TANGO_IMPLEMENTATION"
    printf '#include "%s"\n' "$@"
    echo "int main(void) { return 0; }"
}

alone()
{
    include "$3" | compile "$1" "$2" -fsyntax-only &&
        include "$3" | sed 1d | compile "$1" "$2" -fsyntax-only
}

optimised()
{
    include "$3" | compile "$1" "$2" -O2 -DNDEBUG -c -o "$tmp/alone.o"
}

no_simd="-DTANGO_NN_NO_SIMD -DTANGO_AUDIO_NO_SIMD -DTANGO_IO_NO_SIMD"
plain()
{
    # shellcheck disable=SC2086 # several words
    include "$3" | compile "$1" "$2" -Os $no_simd -c -o "$tmp/alone.o"
}

any_order()
{
    for a in $headers; do
        for b in $headers; do
            for c in $headers; do
                for d in $headers; do
                    case $b in "$a") continue ;; esac
                    case $c in "$a" | "$b") continue ;; esac
                    case $d in "$a" | "$b" | "$c") continue ;; esac
                    # Without the intrinsics, whose headers are half of the time.
                    # shellcheck disable=SC2086 # several words
                    include "$a" "$b" "$c" "$d" | compile "$1" "$2" $no_simd -fsyntax-only || {
                        echo "order: $a $b $c $d"
                        return 1
                    }
                done
            done
        done
    done
}

# Declarations first, implementation at a second include.
late()
{
    {
        printf '#include "%s"\n' $headers
        include $headers
    } | compile "$1" "$2" -fsyntax-only
}

use='size_t used(void);
size_t used(void)
{
    return tango_audio_fft_size(8) + tango_nn_work_size(1) + (size_t)tango_io_type_size(TANGO_IO_F32);
}'

# One file with the implementation, one without; both call it.
two_files()
{
    include $headers | compile "$1" "$2" -Os -c -o "$tmp/one.o" || return 1
    {
        printf '#include "%s"\n' $headers
        echo "$use"
    } | compile "$1" "$2" -c -o "$tmp/two.o" || return 1
    $1 "$tmp/one.o" "$tmp/two.o" -lm -o "$tmp/linked"
}

# All functions static, none of them used: nothing is said about that.
static_unused()
{
    include "$3" | compile "$1" "$2" -Os -DTANGO_STATIC -c -o "$tmp/alone.o"
}

# In gnu mode compilers fuse products and sums where the machine can; what they write for the
# plain code of a file has none of it, so that -march=native keeps every bit.
not_fused()
{
    # shellcheck disable=SC2086 # several words
    $1 -std=gnu99 -w $2 -mfma $no_simd -I"$top" -S -o "$tmp/fused.s" -x c "$3" || return 1
    grep -E '^[[:space:]]+vfn?m(add|sub)' "$tmp/fused.s" && return 1
    return 0
}

fuses()
{
    echo 'float f(float a, float b, float c) { return a * b + c; }' |
        "$1" -std=gnu99 -O2 -mfma -x c -S -o - - 2>/dev/null | grep -q vfmadd
}

# Two files with implementations of their own, one of them the unused one of static_unused.
static_twice()
{
    static_unused "$1" "$2" tango.h && mv "$tmp/alone.o" "$tmp/one.o" &&
        {
            include $headers | sed '$d'
            echo "$use"
        } | compile "$1" "$2" -Os -DTANGO_STATIC -c -o "$tmp/two.o" &&
        $1 "$tmp/one.o" "$tmp/two.o" -lm -o "$tmp/linked"
}

# After a file of the words that strangers' headers take: declarations, everything, all static.
after_words()
{
    words=$1 language=$2 header=$3
    set -- -DTANGO_PTHREADS -fsyntax-only
    { echo '#include "tests/words.h"' && include "$header" | sed 1d; } |
        compile "$words" "$language" "$@" || return 1
    for linkage in -UTANGO_STATIC -DTANGO_STATIC; do
        { echo '#include "tests/words.h"' && include "$header"; } |
            compile "$words" "$language" "$@" $linkage || return 1
    done
}

# What a build without an operating system may ask for: memory and string functions that every
# compiler expects, and functions of <math.h>.
allowed="memcpy memmove memset memcmp strlen strcmp strncmp
    sin cos exp expm1 log log1p log10 sqrt floor ceil pow fabs
    sinf cosf expf logf sqrtf erff tanhf floorf ceilf fabsf
    _GLOBAL_OFFSET_TABLE_ __stack_chk_fail"

freestanding()
{
    include "$3" | sed '$d' |
        compile "$1" "$2" -ffreestanding -Os -DTANGO_NO_STDIO -c -o "$tmp/free.o" || return 1
    nm -u "$tmp/free.o" | awk '{ print $NF }' | sort -u >"$tmp/wants"
    # shellcheck disable=SC2086
    printf '%s\n' $allowed | sort -u >"$tmp/allowed"
    comm -23 "$tmp/wants" "$tmp/allowed" >"$tmp/other"
    cat "$tmp/other"
    [ ! -s "$tmp/other" ]
}

# Builds that know neither POSIX nor Windows read files and do not write any.
stdio_alone()
{
    include "$3" | compile "$1" "$2" -DTANGO_IO_NO_POSIX -fsyntax-only
}

writes='tango_result used(tango_io_output *out);
tango_result used(tango_io_output *out) { return tango_io_create(out, "x", NULL); }'

writer()
{
    { echo '#include "tango_io.h"'; echo "$writes"; } | compile "$@" -fsyntax-only
}

# With every function of <math.h> replaced, nothing but the compiler's own headers is there.
without_libc()
{
    set -- "$1" "$2" "$3" -DTANGO_NO_STDIO -ffreestanding -nostdinc \
        -isystem "$($1 -print-file-name=include)"
    for name in SQRT LOG LOG1P EXP EXPM1 FLOOR SIN COS; do
        set -- "$@" "-DTANGO_$name(x)=((double)(x))"
    done
    for name in SQRTF SINF COSF EXPF ERFF TANHF; do
        set -- "$@" "-DTANGO_$name(x)=((float)(x))"
    done
    compiler=$1 standard=$2 header=$3
    shift 3
    include "$header" | compile "$compiler" "$standard" "$@" -fsyntax-only
}

# everything COMPILER LANGUAGE
everything()
{
    for header in $headers; do
        claim "$1 $2: $header alone" alone "$1" "$2" "$header"
    done
    for header in $headers; do
        claim "$1 $2: $header after the words of strangers" after_words "$1" "$2" "$header"
    done
    claim "$1 $2: all 24 orders" any_order "$1" "$2"
    claim "$1 $2: declarations first, implementation later" late "$1" "$2"
    claim "$1 $2: two files, one implementation" two_files "$1" "$2"
    if [ "$full" = 0 ]; then
        claim "$1 $2: all four static and unused" static_unused "$1" "$2" tango.h
        return
    fi
    claim "$1 $2: two files, static, one unused" static_twice "$1" "$2"
    claim "$1 $2: all four at -O2 with NDEBUG" optimised "$1" "$2" tango.h
    claim "$1 $2: all four without SIMD" plain "$1" "$2" tango.h
}

# Those of GCC beside this shell, in a folder of their own.
beside()
{
    tmp=$tmp/gcc passed=0 failed=0
    mkdir "$tmp"
    have gcc && everything gcc c99
    have g++ && everything g++ c++11
    echo "$passed $failed" >"$tmp/counts"
}

if [ "$full" = 1 ]; then
    (trap - EXIT INT TERM; beside) >"$tmp/beside" &
    gcc=$!
    trap 'kill $gcc 2>/dev/null; rm -rf "$tmp"' EXIT
    have clang && everything clang c99
    have clang++ && everything clang++ c++11
else
    everything "$cc" c99
fi
for header in tango_io.h tango.h; do
    claim "$cc c99: $header by stdio alone"   stdio_alone "$cc" c99 "$header"
done
claim "$cc c99: an output needs a system that keeps its promises" writer "$cc" c99
if writer "$cc" c99 -DTANGO_IO_NO_POSIX >/dev/null 2>&1; then no=1; else no=0; fi
claim "$cc c99: and does not compile by stdio alone" [ "$no" = 0 ]
include tango.h >"$tmp/all.c"
if [ "$full" = 1 ] && fuses "$cc"; then
    claim "$cc: nothing in the headers is fused" not_fused "$cc" -Os "$tmp/all.c"
fi
if [ "$full" = 1 ] && have clang && fuses clang; then
    claim "clang: nothing in the headers is fused" not_fused clang -O1 "$tmp/all.c"
    for file in "$top"/demo/*.c "$top"/tools/convert.c "$top"/tools/sound.c \
        "$top"/tools/prepare.c; do
        claim "clang: nothing in $(basename "$file") is fused" \
            not_fused clang "-O1 $elsewhere" "$file"
    done
fi
claim "$cc c99: all four freestanding" freestanding "$cc" c99 tango.h
for header in $headers; do
    claim "$cc c99: $header without any header of libc" without_libc "$cc" c99 "$header"
    [ "$full" = 1 ] && have clang &&
        claim "clang c99: $header freestanding" freestanding clang c99 "$header"
done
if [ "$full" = 1 ]; then
    wait "$gcc"
    cat "$tmp/beside"
    counts=$(cat "$tmp/gcc/counts" || echo 0 1)
    passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
fi
finish
