# Sourced by the check scripts: claims in the style of check.h.
#     claim NAME COMMAND...    runs it; output is shown only when it fails
#     finish                   prints "N passed, N failed" and exits accordingly
# $top is the repository of the script (or of $tests_folder), $tmp a folder of this run that
# goes away, $cc and $cxx the compilers.

tests=$(cd "${tests_folder:-$(dirname "$0")}" && pwd)
top=$(dirname "$tests")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/tango.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
passed=0 failed=0
cc=${CC:-cc}
cxx=${CXX:-c++}
headers="tango_io.h tango_nn.h tango_audio.h tango.h"
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wdouble-promotion -Wvla -Werror"

claim()
{
    claim_name=$1
    shift
    if "$@" >"$tmp/output" 2>&1; then
        passed=$((passed + 1))
        echo "pass  $claim_name"
    else
        failed=$((failed + 1))
        sed 's/^/    /' "$tmp/output" | head -n 20
        echo "FAIL  $claim_name"
    fi
}

finish()
{
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

# What leaves out the code of the headers where a program asks for it.
elsewhere="-DTANGO_IMPLEMENTED -DTANGO_IO_IMPLEMENTED -DTANGO_NN_IMPLEMENTED
    -DTANGO_AUDIO_IMPLEMENTED"

# build NAME: demo/NAME.c, tools/NAME.c or tests/NAME.c becomes $TANGO_BUILT/NAME, unless that is
# there. The headers are compiled once, to tango.o, and programs against it: the same code as
# from their own command, in a fraction of the time. Several may build at once.
build()
{
    [ -e "$TANGO_BUILT/$1" ] && return 0
    # shellcheck disable=SC2086 # several words are meant
    if [ "$1" = tango.o ]; then
        # As programs do: cli.h says which system functions there are. It also makes all static.
        printf '%s\n' '#include "demo/cli.h"' '#undef TANGO_STATIC' '#include "tango.h"' \
            >"$tmp/tango.c" &&
            $cc ${CFLAGS-} -I"$top" -DTANGO_IMPLEMENTATION -DTANGO_PTHREADS -c "$tmp/tango.c" \
                -o "$TANGO_BUILT/$1.$$"
    else
        build tango.o && $cc ${CFLAGS-} $elsewhere "$top"/*/"$1.c" -x none \
            "$TANGO_BUILT/tango.o" -lm -pthread -o "$TANGO_BUILT/$1.$$"
    fi && mv "$TANGO_BUILT/$1.$$" "$TANGO_BUILT/$1"
}

# programs NAME...: built, in the current folder; the test ends if one does not build. Runs of
# several tests share them in a folder that they call TANGO_BUILT.
programs()
{
    [ -n "${TANGO_BUILT-}" ] || TANGO_BUILT=$tmp/built
    mkdir -p "$TANGO_BUILT" || exit 1
    for program; do
        build "$program" && cp "$TANGO_BUILT/$program" . && continue
        echo "FAIL  $program.c does not build"
        echo "0 passed, 1 failed"
        exit 1
    done
}

have()
{
    command -v "$1" >/dev/null 2>&1
}

# The language options of `c99` or `c++11`, with the warnings that only C knows.
language()
{
    case $1 in
    c99) echo "-x c -std=c99 -Wstrict-prototypes" ;;
    c++11) echo "-x c++ -std=c++11" ;;
    esac
}

# The quick example in the title block of a header: from its first # line to the last line
# that is only a closing brace at that depth, without the indentation.
example()
{
    awk '
        !inside && /^ +#(define|include) / { inside = 1; depth = match($0, /#/) - 1 }
        inside {
            if ($0 ~ /[^ ]/ && match($0, /[^ ]/) - 1 < depth) exit
            print substr($0, depth + 1)
        }' "$1"
}
