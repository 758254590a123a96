#!/bin/sh
# sh tests/check_library.sh
#
# The headers as a shared library: TANGO_API says what is visible, and that is each function
# declared with it and nothing else. Every macro that a header asks for is described in it.

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1

# The names of what a header declares with TANGO_API.
declared()
{
    sed '/^#define .*_IMPLEMENTED/,$d' "$top/$1" | tr '\n' ' ' | grep -o 'TANGO_API [^;{]*;' |
        sed 's/(.*//; s/.*[ *]//' | grep '^tango'
}

# shared LANGUAGE API: libtango.so from three lines
shared()
{
    printf '%s\n' "#define TANGO_API $2" '#define TANGO_IMPLEMENTATION' \
        "#include \"$top/tango.h\"" >library.c
    # shellcheck disable=SC2046 # several words are meant
    $cc ${CFLAGS-} $(language "$1") -DTANGO_PTHREADS -fvisibility=hidden -fPIC -shared \
        library.c -lm -pthread -o libtango.so
}

exported()
{
    nm -D --defined-only libtango.so | sed 's/.* //' | grep -v '^_' | sort >exports
    cmp exports all || { diff exports all; return 1; }
}

# Macros that #if and its kin read, without those of the headers themselves.
described()
{
    sed -n '/BUILD OPTIONS/,/CONTENTS/p' "$top/$1" >options
    for macro in $(grep -E '^ *# *(if|el)' "$top/$1" | grep -oE '\bTANGO_[A-Z0-9_]+' | sort -u |
        grep -vE '__|_H$|TANGO_PRELUDE|_IMPLEMENTED$'); do
        grep -qw "$macro" options || { echo "$macro"; missing=1; }
    done
    [ -z "${missing-}" ]
}

for header in $headers; do
    claim "$header: BUILD OPTIONS has every macro" described "$header"
    declared "$header" >>names
done
sort names >all
claim "a shared library builds as C99" shared c99 'extern __attribute__((visibility("default")))'
claim "it exports the functions of the headers and nothing else" exported
claim "a shared library builds as C++11" shared c++11 \
    'extern "C" __attribute__((visibility("default")))'
claim "it exports the same functions" exported
finish
