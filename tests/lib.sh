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
