#!/bin/sh
# test_bench.sh: what tools/bench measures, on what is small: lines and JSON that make sense.

. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
model=$top/demo/tiny.tango
programs bench convert

# A table: a title with the peak, then lines that end in rates above 0 and shares of the peak.
table()
{
    ./bench --quick "$@" >table || return 1
    awk 'NR == 1 { ok = /peak [0-9.]+ GFLOP\/s/ } NR > 2 && !/ [0-9.]+$| %$/ { ok = 0; print }
        NR > 2 && $(NF - ($NF == "%" ? 1 : 0)) + 0 <= 0 { ok = 0; print }
        END { exit !(ok && NR > 4) }' table
}

# JSON: every entry has a time, and those that count operations a rate.
entries()
{
    ./bench --quick --json "$@" >json || return 1
    [ "$(grep -c '"ms": 0.0000' json)" -eq 0 ] && [ "$(grep -c '"ms": [0-9]' json)" -ge 4 ]
}

has() { grep -q "$1" "${2:-table}"; }

claim "shapes"                              table
for set in unet audioldm small; do
    claim "shapes of $set"                  has "^$set "
done
claim "shapes of f16 weights"               table --type f16 --filter small
claim "shapes of bf16 weights"              table --type bf16 --filter small
claim "shapes of i16 weights"               table --type i16 --filter small
claim "shapes of the reference kernels"     table --kernels reference --filter small
claim "shapes as JSON"                      entries --filter small
claim "stages"                              table --stages --model "$model"
for stage in text "unet step" "vae decode" "vae encode" hifi-gan griffin-lim stft; do
    claim "a line for $stage"               has "^$stage "
done
claim "stages as JSON"                      entries --stages --model "$model"
claim "their operations are counted"        has '"unet step".*"gflops": [1-9]' json
./convert "$tests/golden/models/v1" -o i16.tango -t i16 -q
claim "shapes of i8 weights"                table --type i8 --filter small
claim "a model of integers"                 entries --stages --model i16.tango
claim "is beside the peak of integers"      has '"type": "i16"' json
claim "shapes that others ask for"          sh -c './bench --list --filter "small linear" >l && (cat l; echo x) | ./bench --quick --ask >t && [ "$(wc -l <t)" -eq 3 ] && grep -q "^0\.[0-9]*[1-9]" t && grep -q none t'
claim "transforms"                          sh -c './bench --fft --quick >t && grep -q "transform of 1024" t'
claim "an unknown kernel is an error"       sh -c '! ./bench --kernels mmx 2>e && grep -q mmx e'
claim "an unknown type is a usage error"    sh -c './bench --type i3 2>e; [ $? -eq 2 ] && grep -q "f32" e'
claim "--model without --stages is noted"   sh -c './bench --quick --model x --filter "small linear" 2>&1 | grep -q "^note: .*model"'
claim "no shape of that name"               sh -c './bench --filter nothing 2>e; [ $? -eq 2 ] && grep -q nothing e'
claim "no such model"                       sh -c '! ./bench --stages --model none.tango 2>e && grep -q none.tango e'
[ ! -c /dev/full ] ||
    claim "a full disk is an error"         sh -c './bench --list >/dev/full 2>e; [ $? -eq 1 ] && grep -q "standard output" e'
finish
