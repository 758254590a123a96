#!/bin/sh
# sh tests/kill_prepare.sh [POINTS]
#
# Kills tools/prepare (kill -9) at POINTS random moments, 50 if not given, each time starts
# it again to the end, and compares the set with that of one quiet run, byte for byte. Every
# fifth point is hit twice before the end, every seventh by SIGINT, every third is a shard.

. "$(dirname "$0")/lib.sh"
points=${1:-50}
seed=${SEED:-$$}
cd "$tmp" || exit 1
programs prepare clips
mkdir "$tmp/in"
"$tmp/clips" "$tmp/in" 150
for file in "$tmp"/in/*.wav; do
    echo "the sound ${file##*/}" >"${file%.wav}.txt"
done
model="-m $top/demo/tiny.tango --latent-format both --seconds 0.64"

# prepare OUT [OPTION...]
prepare()
{
    out=$1
    shift
    # shellcheck disable=SC2086
    "$tmp/prepare" folder --input_dir "$tmp/in" --output_dir "$out" $model "$@" \
        >"$tmp/log" 2>&1
}

begin=$(date +%s%N)
prepare "$tmp/quiet" --threads 1
span=$(($(date +%s%N) - begin))

# A number from 0 to 99999 that follows from the seed and $1.
random()
{
    awk -v s="$seed" -v n="$1" 'BEGIN { srand(s * 1000 + n); print int(rand() * 100000) }'
}

# hit SIGNAL NUMBER [OPTION...]: a run that meets the signal at a random moment.
hit()
{
    signal=$1 number=$2
    shift 2
    # shellcheck disable=SC2086
    "$tmp/prepare" folder --input_dir "$tmp/in" --output_dir "$tmp/out" $model "$@" \
        >"$tmp/log" 2>&1 &
    child=$!
    part=$(random "$number")
    sleep "$(awk -v s="$span" -v p="$part" 'BEGIN { print s / 1e9 * p / 1e5 * 1.05 }')"
    kill -"$signal" "$child" 2>/dev/null
    wait "$child" 2>/dev/null
    status=$?
    [ "$signal" = INT ] && [ "$status" -ne 3 ] && [ "$status" -ne 130 ] && return 1
    return 0
}

# Nothing half written may be visible at any time: every file of the tree is whole.
whole()
{
    ! find "$tmp/out" -path "$tmp/out/.prepare" -prune -o -name '.*' -print \
        -o -name '*.tmp' -print | grep -q '/\..*/\.\|tmp$'
}

point()
{
    rm -rf "$tmp/out"
    shard=""
    [ $(($1 % 3)) -eq 0 ] && shard="--shard 0/2"
    signal=KILL
    [ $(($1 % 7)) -eq 0 ] && signal=INT
    # shellcheck disable=SC2086
    hit $signal "$1" --threads $((1 + $1 % 2)) $shard || return 1
    # shellcheck disable=SC2086
    [ $(($1 % 5)) -eq 0 ] && { hit KILL "$1$1" --threads 1 $shard || return 1; }
    whole || return 1
    prepare "$tmp/out" --threads 1
    [ $? -eq 3 ] || { cat "$tmp/log"; return 1; }
    diff -r -x .prepare "$tmp/quiet" "$tmp/out" || return 1
    # What is left of the work: the journals, the description, the lock.
    ls "$tmp/out/.prepare" | grep -v '^journal-[0-9]*-of-[0-9]*.jsonl$\|^set.json$\|^lock$' |
        grep -v '^tmp-0-of-2$' && return 1
    return 0
}

n=1
while [ "$n" -le "$points" ]; do
    claim "point $n: the same bytes after a kill and another run" point "$n"
    n=$((n + 1))
done
finish
