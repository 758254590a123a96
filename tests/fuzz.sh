#!/bin/sh
# sh tests/fuzz.sh [SECONDS] [NAME...]
#
# Builds every tests/fuzz/*.c with Clang's libFuzzer, AddressSanitizer and UBSan and feeds it for
# SECONDS (60), two at a time; with names, only harnesses whose name holds one of them. Each
# begins with the small files of its kind in tests/golden. An input that breaks one is left in
# the current folder (crash-..., timeout-..., oom-...). Ends with "N passed, N failed".

. "$(dirname "$0")/lib.sh"
seconds=60
case ${1-} in
'' | *[!0-9]*) ;;
*) seconds=$1 && shift ;;
esac
if ! have clang; then
    echo "FAIL  clang is missing"
    failed=1
    finish
fi

# Files of up to 4 KiB that harness $1 reads.
seeds()
{
    folder=$tests/golden pattern="*.$1"
    case $1 in
    torch) pattern='*.pt' ;;
    legacy) folder=$folder/weights pattern='*.bin' ;;
    dataset) folder=$folder/dataset pattern='*' ;;
    esac
    find "$folder" -type f -name "$pattern" -size -9 ! -path '*/expected/*' | sort
}

fuzz()
{
    mkdir "$tmp/corpus_$1" "$tmp/seeds_$1"
    seeds "$1" | while read -r file; do
        cp "$file" "$tmp/seeds_$1/$(echo "$file" | tr / _)"
    done
    # Static: what a harness never calls is left out, which builds in a fraction of the time.
    clang -g -O1 -DTANGO_STATIC= -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -I"$top" \
        "$tests/fuzz/$1.c" -lm -o "$tmp/fuzz_$1" &&
        exec "$tmp/fuzz_$1" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=2048 \
            -timeout=10 -verbosity=0 -print_final_stats=1 "$tmp/corpus_$1" "$tmp/seeds_$1"
}

# Starts harness $1 beside this shell; pid_NAME is its number.
start()
{
    fuzz "$1" >"$tmp/log_$1" 2>&1 &
    eval "pid_$1=$!"
    running="$running $!"
}

# What a claim is made of: quiet if the status is 0, else the report and where the input lies.
# shellcheck disable=SC2317 # claim calls it
outcome()
{
    [ "$1" -eq 0 ] && return 0
    grep -a 'Test unit written' "$tmp/log_$2"
    grep -aE 'rror:|^SUMMARY| in .*/(tests/fuzz/|tango[_a-z]*\.h)' "$tmp/log_$2"
    return 1
}

# Waits for harness $1.
end()
{
    eval "wait \"\$pid_$1\""
    status=$?
    inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$tmp/log_$1")
    claim "$1: ${inputs:-no} inputs in $seconds s" outcome "$status" "$1"
}

running=
# shellcheck disable=SC2086 # several numbers
trap 'kill $running 2>/dev/null; exit 130' INT TERM
before=
for file in "$tests"/fuzz/*.c; do
    name=$(basename "$file" .c)
    wanted=$#
    for part; do case $name in *"$part"*) wanted=0 ;; esac; done
    [ "$wanted" -eq 0 ] || continue
    start "$name"
    if [ -z "$before" ]; then
        before=$name
        continue
    fi
    end "$before"
    end "$name"
    before=
    running=
done
[ -z "$before" ] || end "$before"
finish
