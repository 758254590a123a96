#!/bin/sh
# sh tests/check_docs.sh
#
# Examples are programs: the quick example of each header and every whole C program in README.md
# build under the warning set, and every `cc ...` line of README.md and of the comment on top of
# a demo or tool builds what it names. What -h of each program says begins with three examples, of
# options that it lists.

. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1

# build FILE LANGUAGE
build()
{
    # shellcheck disable=SC2046,SC2086 # several words are meant
    case $2 in
    c99) $cc ${CFLAGS-} $(language c99) $warnings -I"$top" "$1" -lm -o "$tmp/example" ;;
    c++11) $cxx ${CFLAGS-} $(language c++11) $warnings -I"$top" "$1" -lm -o "$tmp/example" ;;
    esac
}

# A compile line as printed, with this run's compiler and its output in $tmp, or where the other
# tests of a run look for programs.
as_printed()
{
    line=$(printf '%s\n' "$1" | sed 's| && .*||; s| -o  *[^ ]*||')
    name=$(printf '%s\n' "$line" | sed -n 's|^cc [a-z]*/\([a-z_]*\)\.c -lm$|\1|p')
    line="$cc ${CFLAGS-} ${line#cc }"
    eval "$line -o \"$tmp/printed\"" || return 1
    [ -z "$name" ] || "$tmp/printed" -h >"$tmp/$name.help" || return 1
    [ -z "$name" ] || [ -z "${TANGO_BUILT-}" ] || mv "$tmp/printed" "$TANGO_BUILT/$name"
}

# claims FILE LINE: that it builds, unless it was seen before.
claims()
{
    grep -qxF "${2%% && *}" "$tmp/seen" && return 0
    echo "${2%% && *}" >>"$tmp/seen"
    claim "$1: $2" as_printed "$2"
}
: >"$tmp/seen"

# shows_examples NAME: three calls of NAME, then a line "usage:"; their options are in the list.
shows_examples()
{
    sed -n '1s/^examples: //; 4q; p' "$tmp/$1.help" >"$tmp/examples"
    [ "$(grep -c "^ *$1\\( \\|\$\\)" "$tmp/examples")" -eq 3 ] || return 1
    sed -n 5p "$tmp/$1.help" | grep "^usage: $1 " || return 1
    for option in $(tr ' ' '\n' <"$tmp/examples" | grep -e '^--*[a-z]'); do
        sed 1,5d "$tmp/$1.help" | grep -e "^ .* $option[ ,]" || return 1
    done
}

for header in $headers; do
    example "$header" >"$tmp/example.c"
    claim "$header: the quick example builds" build "$tmp/example.c" c99
done

# Code blocks of README.md with a main, whole or with their includes.
if [ -f README.md ]; then
    awk -v out="$tmp/readme" '
        /^```/ { inside = !inside; if (inside) { n++; language = $0 } next }
        inside { print > (out n (language ~ /^```c(pp)?$/ ? ".c" : ".text")) }' README.md
    # Indented blocks too: from a line "    #define" or "    #include" to the first line less deep.
    awk -v out="$tmp/indented" '
        /^    #(define|include)/ && !inside { inside = 1; n++ }
        inside && /^[^ ]/ { inside = 0 }
        inside { print substr($0, 5) > (out n ".c") }' README.md
    for file in "$tmp"/readme*.c "$tmp"/indented*.c; do
        [ -f "$file" ] && grep -q 'int main' "$file" || continue
        claim "README.md: program $(basename "$file" .c) builds" build "$file" c99
    done
    sed -n 's/^[ $]*\(cc [a-z][^|;]*\.c.*\)$/\1/p' README.md | sort -u >"$tmp/lines"
    while read -r line; do
        claims README.md "$line"
    done <"$tmp/lines"
fi

# Functions that a page names between backquotes exist.
for word in $(grep -oh '`tango[a-z_0-9]*`' demo/*.md README.md tools/README.md | tr -d '`' | sort -u); do
    claim "$word exists" grep -qw "$word" $headers
done

for file in demo/*.c tools/*.c; do
    [ -f "$file" ] || continue
    # The first "cc ..." of the comment on top, up to the program's own arguments.
    line=$(sed -n '1,30s/^[ *\/$]*\(cc .*\.c.*-o [^ ]*\).*/\1/p' "$file" | head -n 1)
    [ -n "$line" ] || continue
    claims "$file" "$line"
    name=$(basename "$file" .c)
    claim "$name -h begins with examples" shows_examples "$name"
done
finish
