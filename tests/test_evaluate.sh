#!/bin/sh
# test_evaluate.sh: what tools/evaluate says of sounds whose distances are known.
#
#     sh tests/test_evaluate.sh           needs a C compiler ($CC, or cc) and nothing else
#
# Prints one line a claim, then "N passed, N failed"; the exit status is 0 if none failed.
# tests/oracle/evaluate.py compares the numbers with numpy and scipy.
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
programs evaluate sound

# wav BYTES: the head of a mono WAV of 16 bits at 16 kHz with so many bytes of samples
wav() { # below 65536
    printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\200\76\0\0\0\0\0\0\2\0\20\0data'
    # shellcheck disable=SC2059 # escapes are the format
    printf "\\$(printf %o $(($1 % 256)))\\$(printf %o $(($1 / 256)))\0\0"
}
noise() { tail -c +$((65536 * $1 + 1)) "$top/demo/tiny.tango" | head -c "$2"; }
zeros() { head -c "$1" /dev/zero; }

mkdir a b c mixed none
for i in 1 2 3; do
    { wav 32000; noise $i 32000; } >raw.wav
    ./sound convert raw.wav a/$i.wav --level peak --bits f32 2>/dev/null
    ./sound convert raw.wav b/$i.wav --level rms --bits f32 2>/dev/null
done
{ wav 64000; zeros 32000; noise 4 32000; } >half.wav
{ wav 4000; zeros 4000 | tr '\0' '\177'; } >loud.wav # 0x7f7f
{ wav 4; printf '\377\177\376\177'; } >clip.wav      # 32767, 32766

# value KEY FILE: a number of a line of JSON
value() { sed -n "s/.*\"$1\": \([-+.e0-9]*\).*/\1/p" "$2"; }
# near A B LIMIT
near() { awk "BEGIN { d = ($1) - ($2); exit !(d < $3 && d > -($3)) }" || { echo "$1 is not $2"; return 1; }; }
# say TEXT COMMAND...: it succeeds and prints TEXT
say()
{
    text=$1
    shift
    "$@" >o 2>e || { cat e; return 1; }
    grep -qF -- "$text" o || { cat o; return 1; }
}
# refuse STATUS TEXT COMMAND...
refuse()
{
    status=$1 text=$2
    shift 2
    "$@" >o 2>e
    [ $? -eq "$status" ] && grep -qF -- "$text" e || { cat e; return 1; }
}

claim "a sound is no distance from itself" \
    say "a/1.wav  a/1.wav: 1.000 s, snr none, spectra 0.00 dB apart, mels 0 apart" ./evaluate a/1.wav a/1.wav
# 32-bit floats of 1.2e30: their spectra overflow. The head is that of a WAV of floats.
mkdir huge
{
    printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\3\0\1\0\200\76\0\0\0\372\0\0\4\0\40\0data\0\175\0\0'
    zeros 32000 | tr '\0' '\161'
} >huge/1.wav
claim "distances that are no numbers are none" \
    say "snr none, spectra none, mels none" ./evaluate huge/1.wav huge/1.wav
claim "of folders, too" say "of the mels none; mean of 1 pair: spectra none" ./evaluate huge huge
claim "half of it is silence" say "silence 50.0 %" ./evaluate half.wav
claim "peak and rms of equal samples" say "peak 0.996, rms 0.996, silence 0.0 %" ./evaluate loud.wav
claim "loud is not clipped" say "clipped 0.00 %" ./evaluate loud.wav
claim "full scale is" say "clipped 50.00 %" ./evaluate clip.wav
claim "one line of JSON a sound" say '"sound": "half.wav", "seconds": 2' ./evaluate --json half.wav

./evaluate --json a/1.wav b/1.wav >lines
sed -n 1p lines >first
sed -n 2p lines >second
sed -n 3p lines >both
gain=$(awk "BEGIN { print $(value rms second) / $(value rms first) }")
claim "the rms is that of sound --level rms" near "$(value rms second)" 0.1 1e-6
claim "snr of a gain g: -20 log10 |1 - g|" \
    near "$(value snr_db both)" "-20 * log(sqrt((1 - $gain) ^ 2)) / log(10)" 1e-3
claim "spectra of a gain g: 20 log10 g apart" \
    near "$(value log_spectral_distance_db both)" "-20 * log($gain) / log(10)" 1e-3
claim "mels of a gain g: ln g apart" near "$(value mel_distance both)" "-log($gain)" 1e-4

claim "a folder is no distance from itself" sh -c './evaluate --json a a | tail -n 1 >last'
claim "the distance is 0" near "$(value frechet_mel_distance last)" 0 1e-6
# The same gain for all sounds moves the means of all 64 bands and no covariance.
for i in 1 2 3; do cp a/$i.wav mixed/$i.WAV; done
cp a/1.wav c/1.wav
cp a/2.wav c/0.wav
mkdir left right
cp a/1.wav left/x.wav
cp b/1.wav right/x.wav
./evaluate --json left right | tail -n 1 >last
claim "frechet distance of a gain g: 64 ln(g)^2" \
    near "$(value frechet_mel_distance last)" "64 * log($gain) ^ 2" 1e-2
claim "sounds of one name are pairs, others are not" say "mean of 1 pair: spectra 0.00" ./evaluate a c
claim "folders without pairs have a distance" say '"pairs": 0' ./evaluate --json a mixed
claim "endings count in capitals too" say "mixed: 3 sounds, 3.000 s" ./evaluate a mixed
claim "no sound in a folder" refuse 1 "none: no WAV or FLAC files" ./evaluate a none
claim "a folder beside a file" refuse 2 "two sounds or two folders" ./evaluate a a/1.wav
claim "nothing to look at" refuse 2 "no sound" ./evaluate
claim "a third sound" refuse 2 "found \"c\"" ./evaluate a b c
claim "a missing file" refuse 1 "nosuch.wav: " ./evaluate a/1.wav nosuch.wav
head -c 100 a/1.wav >none/cut.wav
claim "a damaged sound ends the comparison" refuse 1 "none/cut.wav: " ./evaluate none a
if [ -w /dev/full ]; then
    claim "a full disk is a failure" sh -c './evaluate half.wav >/dev/full 2>e; [ $? -eq 1 ] && grep -q "writing failed" e'
fi
finish
