#!/bin/sh
# sh tests/run.sh [NAME...]
#
# Builds and runs every tests/test_*.c (with ${CC:-cc} $CFLAGS and -lm, outside the tree; $RUNNER,
# like qemu-s390x, runs what is for another machine), then
# every tests/test_*.sh and tests/check_*.sh; with names, only files whose name holds one of
# them. Each prints its claims and ends with "N passed, N failed"; so does this script, with the
# sum. What does not build, or ends without that line, counts as one failure.

. "$(dirname "$0")/lib.sh"
cd "$tests" || exit 1
total_passed=0 total_failed=0

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

# run FILE COMMAND...: shows the output, adds its counts.
run()
{
    file=$1
    shift
    "$@" >"$tmp/log" 2>&1 </dev/null
    status=$?
    cat "$tmp/log"
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed$' "$tmp/log" | tail -n 1)
    now_passed=${line%% passed*} now_failed=${line#*, }
    now_failed=${now_failed% failed}
    if [ -z "$line" ] || { [ "$status" -ne 0 ] && [ "$now_failed" -eq 0 ]; }; then
        echo "FAIL  $file ended with status $status"
        now_passed=${now_passed:-0} now_failed=$((${now_failed:-0} + 1))
    fi
    total_passed=$((total_passed + now_passed))
    total_failed=$((total_failed + now_failed))
}

for file in test_*.c; do
    [ -f "$file" ] && wanted "$file" "$@" || continue
    echo "== $file"
    program=$tmp/${file%.c}
    # shellcheck disable=SC2086 # several words are meant
    if $cc ${CFLAGS-} -I.. "$file" -lm -o "$program" 2>"$tmp/log"; then
        cat "$tmp/log"
        # shellcheck disable=SC2086 # none or one word, and its options
        run "$file" ${RUNNER-} "$program"
    else
        head -n 40 "$tmp/log"
        echo "FAIL  $file does not build"
        total_failed=$((total_failed + 1))
    fi
    rm -f "$program"
done

for file in check_*.sh test_*.sh; do
    [ -f "$file" ] && wanted "$file" "$@" || continue
    echo "== $file"
    run "$file" sh "$file"
done

echo "== all"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" -eq 0 ]
