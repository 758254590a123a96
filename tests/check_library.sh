#!/bin/sh
# sh tests/check_library.sh
#
# The headers as a shared library: TANGO_API says what is visible, and that is each function
# declared with it and nothing else. Every macro that a header asks for is described in it. In a
# program of strict C99 that knows nothing of POSIX, data sets are read as elsewhere.

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

cat >stranger.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#define TANGO_IMPLEMENTATION
#define TANGO_STATIC
#include "tango.h"

static tango_error error;

static int says(tango_result r)
{
    printf("%d %s\n", (int)r, r == TANGO_OK ? "" : error.text);
    return r == TANGO_OK;
}

/* FOLDER PATH...: how each is mapped. SET: its captions and a sum of what a batch holds. */
int main(int argc, char **argv)
{
    const uint32_t positions[2] = { 0, 1 };
    tango_dataset set;
    tango_dataset_item item;
    tango_batch batch;
    tango_io_file file;
    double sum = 0.0;
    size_t size, i;
    int k;
    for (k = 2; k < argc; k++)
        if (says(tango_io_map_below(&file, argv[1], argv[k], &error)))
            tango_io_unmap(&file);
    if (argc > 2) return 0;
    if (!says(tango_dataset_memory(&size, argv[1], &error))
        || !says(tango_dataset_open(&set, argv[1], NULL, malloc(size), size, &error)))
        return 1;
    for (i = 0; i < set.count; i++) {
        if (!says(tango_dataset_read(
                &item, &set, i, malloc(set.item_work), set.item_work, &error)))
            return 1;
        puts(item.caption);
    }
    if (!says(tango_batch_memory(&size, &set, 2, TANGO_BATCH_MEL, &error))
        || !says(tango_batch_read(&batch, &set, positions, 2, TANGO_BATCH_MEL,
            malloc(size), size, &error)))
        return 1;
    for (i = 0; i < 2 * batch.frames * 64; i++) sum += (double)batch.mel[i];
    printf("%zu clips, %.6f\n", set.count, sum);
    return 0;
}
END
mkdir -p below/inner && echo text >below/inner/file && echo text >below/plain
ln -s plain below/link && ln -s inner below/way

# stranger COMPILER FLAG...: builds it, runs it, puts what it says into ./said
stranger()
{
    # shellcheck disable=SC2086 # several words are meant
    "$@" ${CFLAGS-} $warnings -Wstrict-prototypes -DTANGO_QUIET -I"$top" stranger.c -lm \
        -o stranger || return 1
    ./stranger "$tests/golden/dataset/folder" >said || { cat said; return 1; }
    ./stranger below plain inner/file link way/file none none/file plain/file inner >>said
}

strictly()
{
    stranger "$@" && cmp said expected || { diff said expected; return 1; }
}

# shellcheck disable=SC2086 # a compiler may have options
claim "a program with POSIX reads a data set" \
    stranger $cc -std=c99 -D_POSIX_C_SOURCE=200809L
mv said expected
claim "it sees links and what is not there" grep -c 'leads through a link' expected
for compiler in "$cc" gcc clang; do
    command -v "${compiler%% *}" >/dev/null || continue
    # shellcheck disable=SC2086
    claim "$compiler -std=c99 -pedantic: the same"  strictly $compiler -std=c99 -pedantic
done
finish
