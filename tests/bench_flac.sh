#!/bin/sh
# sh tests/bench_flac.sh FOLDER
#
# Writes every WAV and FLAC file below FOLDER as FLAC, by tools/sound and by `flac -5`, and
# compares: flac -t accepts ours, it decodes to the samples of the input, and all together ours
# take at most 3 % more bytes. Needs flac. Ends with "N passed, N failed".

. "$(dirname "$0")/lib.sh"
[ -d "${1-}" ] || { echo "usage: sh tests/bench_flac.sh FOLDER"; exit 2; }
folder=$(cd "$1" && pwd)
cd "$tmp" || exit 1
have flac || { echo "FAIL  flac is missing"; failed=1; finish; }
programs sound

# one FILE: adds its sizes to the file `sizes`
one()
{
    ./sound convert "$1" in.wav --no-metadata && ./sound convert in.wav ours.flac &&
        flac -t -s ours.flac && flac -d -s -f -o out.wav ours.flac && cmp in.wav out.wav &&
        flac -5 -s -f --no-padding --no-seektable -o theirs.flac in.wav &&
        echo "$(wc -c <ours.flac) $(wc -c <theirs.flac)" >>sizes
}

: >sizes
find "$folder" -type f \( -name '*.wav' -o -name '*.flac' \) | sort >files
while read -r file; do
    one "$file" >said 2>&1 || { failed=$((failed + 1)); echo "FAIL  $file"; head -n 3 said; }
done <files
small()
{
    awk '{ ours += $1; theirs += $2 }
        END { printf "%d files, %d bytes, flac -5: %d, ratio %.4f\n", NR, ours, theirs, ours / theirs
              exit !(NR > 0 && ours <= 1.03 * theirs) }' sizes
}
small
claim "at most 3 % more than flac -5" small
finish
