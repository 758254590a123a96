#!/bin/sh
# sh tests/run.sh [NAME...]
#
# Builds and runs every tests/test_*.c (with ${CC:-cc} $CFLAGS and -lm, outside the tree; $RUNNER,
# like qemu-s390x, runs what is for another machine), and runs every tests/check_*.sh and
# tests/test_*.sh, two at a time; with names, only files whose name holds one of them. Each prints
# its claims and ends with "N passed, N failed"; so does this script, with the sum. What does not
# build, or ends without that line, counts as one failure.

. "$(dirname "$0")/lib.sh"
cd "$tests" || exit 1

# run FILE: builds it if it is to be built, and runs it.
run()
{
    case $1 in *.sh) sh "$1"; return ;; esac
    # shellcheck disable=SC2086 # several words are meant
    $cc ${CFLAGS-} -I.. "$1" -lm -o "$tmp/program" >"$tmp/said" 2>&1
    status=$?
    head -n 40 "$tmp/said"
    [ "$status" -eq 0 ] || { echo "$1 does not build" && return 1; }
    # shellcheck disable=SC2086 # none or one word, and its options
    ${RUNNER-} "$tmp/program"
}

# shown FILE: runs it; then shows what it printed and notes its counts in the folder of the run.
shown()
{
    run "$1" >"$tmp/log" 2>&1 </dev/null
    status=$?
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$tmp/log" | tail -n 1)
    passed=${line%% passed*} failed=${line#*, }
    failed=${failed% failed}
    if [ -z "$line" ] || { [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; }; then
        echo "FAIL  $1 ended with status $status" >>"$tmp/log"
        passed=${passed:-0} failed=$((${failed:-0} + 1))
    fi
    until mkdir "$TANGO_RUN/printing" 2>/dev/null; do sleep 0.1; done
    echo "== $1"
    cat "$tmp/log"
    echo "$passed $failed" >>"$TANGO_RUN/counts"
    rmdir "$TANGO_RUN/printing"
}

if [ "${1-}" = --shown ]; then # xargs calls it, below
    shown "$2"
    exit 0
fi

wanted()
{
    [ "$#" -eq 1 ] && return 0
    file=$1
    shift
    for name; do
        case $file in *"$name"*) return 0 ;; esac
    done
    return 1
}

TANGO_RUN=$tmp
: "${TANGO_BUILT:=$tmp/built}" # programs that scripts share
export TANGO_RUN TANGO_BUILT
mkdir -p "$TANGO_BUILT" || exit 1
: >"$tmp/counts"
# The check that builds the programs as a user does comes first: the scripts run these.
for file in check_docs.sh test_*.c check_[!d]*.sh test_*.sh; do
    [ -f "$file" ] && wanted "$file" "$@" && echo "$file"
done | xargs -n 1 -P 2 sh run.sh --shown
echo "== all"
awk '{ passed += $1; failed += $2 }
    END { print passed + 0 " passed, " failed + 0 " failed"; exit failed > 0 }' "$tmp/counts"
