#!/bin/sh
# sh tests/check_docs.sh
#
# Examples are programs: the quick example of each header and every whole C program in README.md
# build under the warning set, and every `cc ...` line of README.md and of the comment on top of
# a demo or tool builds what it names. What -h of each program says begins with three examples, of
# options that it lists. The commands of README.md, demo/README.md and tools/README.md run in their
# order in a copy of the tree, and say what the pages show.

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
    [ -z "$name" ] || cp "$tmp/printed" "$tmp/built/$name" || return 1
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
mkdir "$tmp/built"

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

# ---- Commands, in a copy ----------------------------------------------------------------

# Commands of a page as lines "C command", and what it shows of each as lines "O text": behind
# "    $ " up to the end of the block; a block without $ that begins with "cc" or "sh", line by
# line; and what follows `cc in a row of a table.
commands()
{
    awk '
        /^    \$ / { print "C " substr($0, 7); shown = 1; next }
        shown && /^    / { print "O " substr($0, 5); next }
        { shown = 0 }
        /^    (cc|sh) / && !block { plain = 1 }
        /^    / {
            block = 1
            if (!plain) next
            sub(/ +# .*/, "")
            line = line substr($0, 5)
            if (!sub(/ *\\$/, "", line)) { print "C " line; line = "" }
            next
        }
        { block = plain = 0 }
        /^\|/ && match($0, /`cc [^`]*`/) { print "C " substr($0, RSTART + 1, RLENGTH - 2) }
    ' "$1"
}

# What does not run here, and why not.
cannot_run()
{
    case $1 in
    'sh tests/run.sh'*) ;;                          # this is a part of it
    *tools/download_*--list) return 1 ;;
    *tools/download_*) ;;                           # the network
    *audioldm*) ;;                                  # a checkpoint from there
    *parallel* | sbatch* | *'--output_dir set -m big'* | *'--output_dir set || '*) ;; # programs
    './prepare merge --output_dir set') ;;          # of that set, which is not there
    *' && ./bench' | *' && ./bench --fft') ;;       # half a minute of readings of a clock
    *) return 1 ;;
    esac
}

# same SHOWN SAID: line by line. A line "..." stands for any number of lines. Whole numbers are
# equal; others within 2 % and one of their last digit, since kernels differ in rounding; those
# beside ms, GFLOP/s, clips/s and the like tell of a clock and only have to be there.
same()
{
    awk '
        function like(d, a,    x, y, unit, i) {
            while (match(d, /[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?/)) {
                x = substr(d, RSTART, RLENGTH); i = RSTART
                rest = substr(d, RSTART + RLENGTH)
                if (!match(a, /[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?/) || RSTART != i ||
                    (before = substr(d, 1, i - 1)) != substr(a, 1, i - 1)) return 0
                y = substr(a, RSTART, RLENGTH)
                a = substr(a, RSTART + RLENGTH); d = rest
                if (d ~ /^ (ms|clips\/s|MB\/s)/ || x == y) continue
                if (before ~ /(GFLOP\/s|samples\/s|of sound\/s) $/) continue
                if (x !~ /[.]/ || y !~ /[.]/) return 0
                unit = 1; for (i = length(x) - index(x, "."); i > 0; i--) unit /= 10
                if ((x - y) * (x - y) > (0.02 * x + unit) ^ 2) return 0
            }
            return d == a
        }
        { gsub(/ +/, " "); sub(/^ /, ""); sub(/ $/, "") }
        NR == FNR { shown[++n] = $0; next }
        shown[k + 1] == "..." && k + 2 <= n && !like(shown[k + 2], $0) { next }
        shown[k + 1] == "..." { k++; if (k == n) { k--; next } }
        { k++; if (k > n || !like(shown[k], $0)) { print "says: " $0; bad = 1; exit } }
        END {
            if (!bad && k < n && !(k == n - 1 && shown[n] == "...")) {
                print "does not say: " shown[k + 1]; bad = 1
            }
            exit bad
        }' "$1" "$2"
}

# runs COMMAND: in the copy, where cc finds what was built above, and says what is shown.
runs()
{
    (
        cd "$tmp/copy" || exit 1
        cc() # SOURCE -lm -o NAME, or as it stands
        {
            [ $# -eq 4 ] && [ -e "$tmp/built/$4" ] && cp "$tmp/built/$4" . && return
            # shellcheck disable=SC2086
            $cc ${CFLAGS-} "$@"
        }
        eval "$1"
    ) >"$tmp/said" 2>&1 </dev/null || { cat "$tmp/said"; return 1; }
    [ ! -s "$tmp/shown" ] || same "$tmp/shown" "$tmp/said"
}

# run_page: commands of $page up to the end of what is on standard input.
run_page()
{
    command=''
    : >"$tmp/shown"
    while read -r kind text; do
        if [ "$kind" = O ]; then
            printf '%s\n' "$text" >>"$tmp/shown"
            continue
        fi
        run_command
        command=$text
    done
    run_command
}

run_command()
{
    [ -z "$command" ] || cannot_run "$command" || claim "$page: $command" runs "$command"
    : >"$tmp/shown"
}

mkdir -p "$tmp/copy/tests/golden/models"
cp -R ./*.h README.md demo tools "$tmp/copy"
cp -R tests/golden/models/v1 "$tmp/copy/tests/golden/models"
for page in README.md demo/README.md tools/README.md; do
    commands "$page" >"$tmp/commands"
    run_page <"$tmp/commands"
done
finish
