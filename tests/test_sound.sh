#!/bin/sh
# test_sound.sh: what tools/sound prints, writes and refuses.
#
#     sh tests/test_sound.sh              needs a C compiler ($CC, or cc) and nothing else
#
# Prints one line a claim, then "N passed, N failed"; the exit status is 0 if none failed.
. "$(dirname "$0")/lib.sh"
here=$tests work=$tmp golden=$tests/golden/sound
cd "$work" || exit 1
programs sound
sound=$work/sound

# claim NAME STATUS TEXT COMMAND...: the command exits with STATUS and says TEXT.
claim() {
    name=$1 status=$2 text=$3; shift 3
    "$@" > out 2> err; got=$?
    if [ $got -eq "$status" ] && { [ -z "$text" ] || cat out err | grep -qF -- "$text"; }; then
        passed=$((passed + 1)); echo "pass  $name"
    else
        failed=$((failed + 1)); echo "FAIL  $name"
        echo "    exit $got, expected $status and \"$text\""; head -5 err | sed 's/^/    /'
    fi
}

claim "completion needs no command" 0 "complete -o default -F _sound sound" "$sound" --completion bash
claim "but a shell" 2 "--completion: expected bash or zsh" "$sound" --completion

# samples FILE: checksum and size of what follows the head of a WAV (44 bytes; float 58).
samples() { tail -c +"$((${2:-44} + 1))" "$1" | cksum; }
same() { [ "$1" = "$2" ] || { echo "$1 is not $2" >&2; return 1; }; }
equal() { cmp "$1" "$2"; }

# A WAV head for mono 16 kHz; numbers as printf escapes.
wav_head() { # DATA_SIZE_IN_OCTAL_ESCAPES CODEC BITS FRAME
    printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0'"$2"'\0\1\0\200\76\0\0\0\0\0\0'"$4"'\0'"$3"'\0data'"$1"
}

# repeat N ESCAPES: the bytes of these printf escapes, N times
# shellcheck disable=SC2059 # the escapes are the format
repeat() { printf "$(printf "%$1s" '' | sed "s/ /$(printf '%s' "$2" | sed 's/\\/&&/g')/g")"; }

# ---- info
claim "info names format, bits, channels, rate, frames" 0 \
    "flac 16 bit, 2 channels, 44100 Hz, 1200 frames" "$sound" info "$golden/stereo16.flac"
claim "info --json is one line of JSON" 0 \
    '"format": "flac", "encoding": "flac", "bits": 24, "channels": 1, "rate": 96000, "frames": 500' \
    "$sound" info --json "$golden/mono24.flac"
claim "info reads standard input" 0 '"file": "-"' sh -c '"$1" info - --json < "$2"' - "$sound" \
    "$golden/mono24.flac"
head -c 600 "$golden/mono24.flac" > cut.flac
claim "info goes on after a bad file and then fails" 1 "eight8.flac: flac 8 bit" \
    "$sound" info cut.flac missing.wav "$golden/eight8.flac"
claim "bad files are one line each" 0 "" sh -c \
    '[ $("$1" info cut.flac missing.wav 2>&1 | wc -l) -eq 2 ]' - "$sound"
claim "damage is named with file and offset" 1 "cut.flac: flac: missing bytes in the block at offset" \
    "$sound" info cut.flac
claim "a folder is no sound" 1 "not a regular file" "$sound" info .
claim "text is no sound" 1 "offset 0" "$sound" info "$here/test_sound.sh"

# ---- convert: samples as the flac tool decodes them
for line in "eight8 16" "left16 2620868642 1200" "mono24 4213544235 1500" \
    "stereo16 391032013 4800" "stereo32 3777510112 2400" "wasted16 1478712180 800"; do
    # shellcheck disable=SC2086
    set -- $line
    claim "convert $1.flac" 0 "" "$sound" convert "$golden/$1.flac" "$1.wav"
    [ "$#" -eq 3 ] && claim "$1.wav has the samples of flac -d" 0 "" \
        same "$(samples "$1.wav")" "$2 $3"
done
claim "8 bits become 16" 0 "wav pcm 16 bit, 8 channels, 8000 Hz, 200 frames" "$sound" info eight8.wav
for bits in f32 f64; do
    "$sound" convert mono24.wav float.wav --bits $bits
    claim "24 bits survive $bits" 0 "" "$sound" convert float.wav back.wav --bits 24
    claim "byte for byte ($bits)" 0 "" equal back.wav mono24.wav
done
"$sound" convert stereo16.wav wide.wav --bits 32
claim "16 bits survive 32" 0 "" "$sound" convert wide.wav back.wav --bits=16
claim "byte for byte (32)" 0 "" equal back.wav stereo16.wav
claim "a pipe gives the same bytes" 0 "" sh -c \
    '"$1" convert - - < "$2" > piped.wav && cmp piped.wav stereo16.wav' - "$sound" \
    "$golden/stereo16.flac"

printf '\0\100\0\300\1\0\0\200' > four   # 0.5 -0.5 1/32768 -1
{ wav_head '\10\0\0\0' '\1' '\20' '\2'; cat four; } > raw.wav
claim "a RIFF size of 0 is passed over" 0 "" "$sound" convert raw.wav four.wav
claim "start and seconds cut to frames" 0 "" "$sound" convert four.wav part.wav \
    --start 0.0000625 --seconds 0.000125
claim "they are the middle two" 0 "" same "$(samples part.wav)" \
    "$(printf '\0\300\1\0' | cksum)"
claim "a start past the end fails" 1 "starts at" "$sound" convert four.wav part.wav --start 1
# a square wave of full scale, 1200 samples: resampling overshoots at its edges
{ wav_head '\140\11\0\0' '\1' '\20' '\2'
    repeat 150 '\377\177\377\177\377\177\377\177\1\200\1\200\1\200\1\200'; } > square.wav
# near FILE NAME VALUE TOLERANCE: what `info` says of peak or rms
near() { "$sound" info "$1" | awk -v n="$2" -v v="$3" -v t="$4" '{ for (i = 1; i < NF; i++) if ($i == n) x = $(i + 1) + 0
    d = x - v; print n, x; exit !(d <= t && d >= -t) }'; }
"$sound" convert stereo16.wav tone.wav --channels mono --rate 48000 --bits f64 --level peak 2> err
claim "--level peak says what it did" 0 "loud.wav: lowered by 3.3 dB to -1.0 dBTP" \
    "$sound" convert square.wav loud.wav --level peak --bits f64
claim "and =DB is another" 0 "to -7.0 dBTP" "$sound" convert tone.wav low.wav --level peak=-7
claim "of the true peak" 0 "" sh -c '"$1" convert low.wav same.wav --level peak=-7 2>&1 | grep -q " at -7.0 dBTP"' - "$sound"
claim "--level rms makes 0.1" 0 "to -20.0 dBFS" "$sound" convert stereo16.wav loud.wav --level rms --bits f64
claim "exactly" 0 "" near loud.wav rms 0.1 1e-6
claim "or another one" 0 "" sh -c '"$1" convert stereo16.wav loud.wav --level rms=-26.0206 --bits f64 2>&1 | grep -q "to -26.0 dBFS"' - "$sound"
claim "exactly" 0 "" near loud.wav rms 0.05 1e-6
claim "--level lufs makes -16" 0 "to -30.0 LUFS" "$sound" convert tone.wav lufs.wav --level lufs=-30 --bits f32
claim "which stay so" 0 "again.wav: at -30.0 LUFS" "$sound" convert lufs.wav again.wav --level lufs=-30
claim "the limit holds a level back" 0 "held back by the limit of -1 dBTP" "$sound" convert tone.wav held.wav --level rms=-1
claim "to its true peak" 0 "held2.wav: at -1.0 dBTP" "$sound" convert held.wav held2.wav --level peak
claim "another limit" 0 "limit of -6 dBTP" "$sound" convert tone.wav held.wav --level lufs=0 --limit -6
claim "stays whole" 0 "held2.wav: at -6.0 dBTP" "$sound" convert held.wav held2.wav --level peak=-6
{ wav_head '\20\0\0\0' '\1' '\20' '\2'; head -c 16 /dev/zero; } > zeros.wav
for rule in peak rms lufs; do
    claim "silence has no $rule" 0 "z.wav: silent: its level stays" "$sound" convert zeros.wav z.wav --level $rule
    claim "and stays ($rule)" 0 "" same "$(samples z.wav)" "$(samples zeros.wav)"
done
{ wav_head '\20\0\0\0' '\1' '\20' '\2'; repeat 8 '\1\0'; } > faint.wav
claim "what is faint has no loudness" 0 "under -70 LUFS: its level stays" "$sound" convert faint.wav z.wav --level lufs
claim "levels want 8000 Hz" 1 "8000 Hz or more" "$sound" convert four.wav z.wav --rate 4000 --level rms
for value in loud peak= peak=x peak=1 peak=-61 rms=nan lufs=-71 none=1 "" PEAK peak:3; do
    claim "level '$value' is a usage error" 2 "--level: expected" "$sound" convert four.wav z.wav --level "$value"
done
claim "a limit of nothing" 2 "--limit is of --level rms and lufs" "$sound" convert four.wav z.wav --limit -2
claim "a limit above full scale" 2 "--limit: expected a number from -60 to 0" "$sound" convert four.wav z.wav --level rms --limit 1
claim "--clip leaves no level" 2 "--clip contradicts --level peak" "$sound" convert four.wav z.wav --level peak --clip
claim "mix has its own level" 2 "mix has no option --level" "$sound" mix four.wav four.wav z.wav --level peak

claim "info --loudness says both" 0 ", -6.0 dBTP, -" "$sound" info --loudness held2.wav
claim "as --level made them" 0 ", -30.0 LUFS" "$sound" info --loudness lufs.wav
claim "in JSON, too" 0 '"true_peak_db": -' "$sound" info --loudness --json lufs.wav
claim "silence has none" 0 ", no dBTP, no LUFS" "$sound" info --loudness zeros.wav
claim "nor has what no meter measures" 0 '"true_peak_db": null, "lufs": null' sh -c \
    '"$1" convert four.wav slow4.wav --rate 4000 && "$1" info --loudness --json slow4.wav' - "$sound"
claim "and nothing is said of it otherwise" 1 "" sh -c '"$1" info lufs.wav | grep LUFS' - "$sound"

# ---- ends: 1/32768 and 0.5 lie 84 dB apart
{ wav_head '\20\0\0\0' '\1' '\20' '\2'; printf '\1\0\0\0\0\100\1\0\0\0\0\300\0\0\1\0'; } > ends.wav
claim "--trim takes silence from both ends" 0 "4 frames" sh -c \
    '"$1" convert ends.wav trimmed.wav --trim && "$1" info trimmed.wav' - "$sound"
claim "and nothing between" 0 "" same "$(samples trimmed.wav)" "$(printf '\0\100\1\0\0\0\0\300' | cksum)"
claim "the same through a pipe" 0 "" sh -c '"$1" convert - - --trim < ends.wav | cmp - trimmed.wav' - "$sound"
claim "of the part that is wanted" 0 "1 frames" sh -c \
    '"$1" convert ends.wav z.wav --trim --seconds 0.000313 && "$1" info z.wav' - "$sound"
claim "silence alone stays" 0 "8 frames" sh -c '"$1" convert zeros.wav z.wav --trim && "$1" info z.wav' - "$sound"
claim "no samples have no ends" 0 "0 frames" sh -c '"$1" convert four.wav z.wav --trim --seconds 0 && "$1" info z.wav' - "$sound"
{ wav_head '\20\0\0\0' '\1' '\20' '\2'; repeat 8 '\0\100'; } > flat.wav
# sin^2 of 22.5 and 67.5 degrees, of 16384: 2399 and 13985
claim "--fade-in and --fade-out are a squared sine" 0 "" "$sound" convert flat.wav faded.wav --fade-in 0.000125 --fade-out 0.00025
claim "sample by sample" 0 "" same "$(od -An -v -td2 -j 44 faded.wav | xargs)" "2399 13985 16384 16384 15760 11327 5057 624"
claim "a longer fade takes all of a sound" 0 "" sh -c '"$1" convert flat.wav faded.wav --fade-in 600 && "$1" convert flat.wav z.wav --fade-in 0.0005 && cmp z.wav faded.wav' - "$sound"
claim "fades come before levels" 0 "" sh -c '"$1" convert faded.wav a.wav --level rms --bits f64 && "$1" convert flat.wav z.wav --fade-in 600 --level rms --bits f64 2>/dev/null && "$1" info z.wav | grep -q "rms 0.1"' - "$sound"
claim "a fade of a word" 2 "--fade-out: expected a number" "$sound" convert flat.wav z.wav --fade-out long

# ---- --play: a player that notes its words
mkdir players && printf '#!/bin/sh\necho played; printf "%%s\\n" "$0" "$@" >words; exit "$(cat code)"\n' > players/paplay
chmod +x players/paplay && echo 0 > code
players="$work/players:/bin:/usr/bin"
have aplay || claim "--play plays the file" 0 "" env PATH="$players" "$sound" convert flat.wav ./-p.wav --play
PATH=$players && claim "--play plays FLAC by paplay" 0 "" "$sound" convert flat.wav p.flac --play
claim "with the file's name" 0 "" same "$(tail -n +2 words)" p.flac
claim "a failing player is said" 1 "error: paplay failed with status 7; the sound is in p.flac" sh -c 'echo 7 >code; "$1" convert flat.wav p.flac --play' - "$sound"
claim "no player is said before the work" 1 "for FLAC paplay, afplay or ffplay is needed" env PATH="$work" "$sound" convert flat.wav none2.flac --play
claim "and nothing is written" 1 "" test -e none2.flac
claim "standard output is no file to play" 2 "--play contradicts -o -" "$sound" convert flat.wav - --play

claim "mono averages" 0 "1 channel," sh -c \
    '"$1" convert stereo16.wav mono.wav --channels mono && "$1" info mono.wav' - "$sound"
claim "channels of equal content average to themselves" 0 "" sh -c \
    '"$1" convert four.wav mono.wav --channels mono && cmp mono.wav four.wav' - "$sound"
claim "rate keeps the length in seconds" 0 "16000 Hz, 436 frames" sh -c \
    '"$1" convert stereo16.wav rate.wav --rate 16000 && "$1" info rate.wav' - "$sound"
claim "the same through a pipe" 0 "" sh -c \
    '"$1" convert - - --rate 16000 < stereo16.wav | cmp - rate.wav' - "$sound"

# ---- what is too loud: 2, -2, 0.5, 1, 0.5, 0 as floats
{ wav_head '\30\0\0\0' '\3' '\40' '\4'
    printf '\0\0\0\100\0\0\0\300\0\0\0\077\0\0\200\077\0\0\0\077\0\0\0\0'; } > loud.wav
claim "a sound that is too loud is lowered as a whole, and said" 0 \
    "16.wav: lowered by 6 dB" "$sound" convert loud.wav 16.wav --bits 16
claim "to the largest number of 16 bits" 0 "" same "$(samples 16.wav)" \
    "$(printf '\377\177\1\200\0\040\0\100\0\040\0\0' | cksum)"
claim "the same through a pipe" 0 "lowered by 6 dB" sh -c \
    '"$1" convert - - --bits 16 < loud.wav > piped.wav && cmp piped.wav 16.wav' - "$sound"
for option in --clip "--level none"; do
    # shellcheck disable=SC2086 # two words are meant
    claim "$option cuts off, and counts" 0 "16.wav: 2 samples clipped" \
        "$sound" convert loud.wav 16.wav --bits 16 $option
    claim "the rest is as it was ($option)" 0 "" same "$(samples 16.wav)" \
        "$(printf '\377\177\0\200\0\100\377\177\0\100\0\0' | cksum)"
done
claim "floats stay, and nothing is said" 0 "peak 2," sh -c \
    '"$1" convert loud.wav f32.wav 2> said && [ ! -s said ] && "$1" info f32.wav' - "$sound"
claim "full scale itself is not too loud" 0 "" sh -c \
    '"$1" convert loud.wav 16.wav --bits 16 --start 0.000125 2> said && [ ! -s said ]' - "$sound"
claim "and stays" 0 "" same "$(samples 16.wav)" "$(printf '\0\100\377\177\0\100\0\0' | cksum)"
claim "what resampling makes too loud is lowered" 0 "up.wav: lowered by" \
    "$sound" convert square.wav up.wav --rate 22050
{ wav_head '\100\23\0\0' '\3' '\40' '\4'; repeat 1232 '\0\0\0\300'; } > many.wav
claim "many are counted with a comma" 0 "16.wav: 1,232 samples clipped" \
    "$sound" convert many.wav 16.wav --bits 16 --clip

# ---- convert: damage
cp four.wav kept.wav
claim "a cut file fails" 1 "cut.flac" "$sound" convert cut.flac kept.wav
claim "and leaves the old output" 0 "" equal kept.wav four.wav
claim "also if only its beginning is wanted" 1 "cut.flac" \
    "$sound" convert cut.flac kept.wav --seconds 0.001
claim "and leaves that output too" 0 "" equal kept.wav four.wav
for command in "info" "convert" "mel"; do
    claim "$command points to --lenient" 1 "; --lenient keeps what is whole" \
        "$sound" $command cut.flac $([ $command = info ] || echo kept.$([ $command = mel ] && echo npy || echo wav))
done
claim "a file that is no sound is not said to keep anything" 1 "" sh -c \
    '! "$1" info "$2" 2>&1 | grep lenient && exit 1' - "$sound" "$here/test_sound.sh"
claim "info reads what is whole" 0 "384 frames" "$sound" info --lenient cut.flac
claim "and warns" 0 "warning: cut.flac" "$sound" info --lenient cut.flac
{ wav_head '\0\0\0\0' '\1' '\20' '\2'; head -c 3201 "$sound"; } > recorder.wav
claim "a recording that was not finished is said" 1 \
    "data size 0 at offset 40, but samples follow (a recording that was not finished)" \
    "$sound" info recorder.wav
claim "lenient reads it" 0 "1600 frames" "$sound" info --lenient recorder.wav
claim "also from a pipe" 0 "1600 frames" sh -c '"$1" info --lenient - < recorder.wav' - "$sound"
claim "and converts it" 0 "1600 frames" sh -c \
    '"$1" convert --lenient recorder.wav whole.wav && "$1" info whole.wav' - "$sound"
head -c 44 recorder.wav > none.wav
claim "a sound without samples is whole" 0 "0 frames" "$sound" info none.wav
claim "lenient warns" 0 "warning: cut.flac" "$sound" convert cut.flac lenient.wav --lenient
claim "and keeps whole blocks" 0 "384 frames" "$sound" info lenient.wav
head -c 49 four.wav > cut.wav
claim "a cut WAV fails" 1 "cut.wav: wav: data chunk of 8 bytes at offset 44" \
    "$sound" convert cut.wav kept.wav
claim "lenient keeps its whole frames" 0 "2 frames" sh -c \
    '"$1" convert cut.wav - --lenient | "$1" info -' - "$sound"
{ wav_head '\4\0\0\0' '\3' '\40' '\4'; printf '\0\0\300\177'; } > nan.wav
claim "NaN fails" 1 "NaN or infinity in frame 0" "$sound" convert nan.wav kept.wav
claim "info finds it too" 1 "NaN" "$sound" info nan.wav
claim "which --lenient cannot help" 1 "" sh -c '"$1" info nan.wav 2>&1 | grep lenient || exit 1' - "$sound"
claim "the old output is still there" 0 "" equal kept.wav four.wav
claim "no temporary file is left" 0 "" sh -c '[ -z "$(ls -A | grep tmp)" ]'
claim "a folder is no output" 1 "not a regular file" "$sound" convert four.wav .
cp four.wav own.wav; ln -s own.wav soft.wav; ln own.wav hard.wav
for output in own.wav ./own.wav soft.wav hard.wav; do
    claim "the input is no output ($output)" 1 "$output: the same file as own.wav" \
        "$sound" convert own.wav $output
done
claim "nor what a link leads to" 1 "own.wav: the same file as soft.wav" \
    "$sound" convert soft.wav own.wav
claim "nor the second of mix" 1 "own.wav: the same file as" "$sound" mix four.wav own.wav own.wav
claim "nor the input of mel" 1 "own.npy: the same file as own.npy" sh -c \
    'ln own.wav own.npy; "$1" mel own.npy own.npy' - "$sound"
claim "nor that of griffin-lim" 1 "own.npy: the same file as" "$sound" griffin-lim own.npy own.npy
claim "nor standard input" 1 "own.wav: the same file as standard input" sh -c \
    '"$1" convert - own.wav < own.wav' - "$sound"
claim "nor the file of standard output" 1 "standard output: the same file as own.wav" sh -c \
    '"$1" convert own.wav - >> own.wav' - "$sound"
claim "they are as they were, and links are links" 0 "" sh -c \
    'cmp own.wav four.wav && cmp own.npy four.wav && test -h soft.wav'
if [ -w /dev/full ]; then
    claim "a full disk fails" 1 "writing failed" sh -c '"$1" convert four.wav - > /dev/full' - "$sound"
fi

# 1000 samples at 1 Hz: a mel of 16 million samples
{ printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\1\0\0\0\0\0\0\0\2\0\20\0data\320\7\0\0'
    tail -c 2000 stereo16.wav; } > slow.wav
claim "1 Hz is a rate" 0 "1 Hz, 1000 frames, 1000 s" "$sound" info slow.wav
claim "a small file does not become a large one" 1 "slow.wav: 1000 samples are too long" \
    "$sound" convert slow.wav kept.wav --rate 16000
claim "nor a large mel" 1 "slow.wav: 1000 samples are too long" "$sound" mel slow.wav none.npy

# ---- mel, stft, griffin-lim, mix
{ wav_head '\0\10\0\0' '\1' '\20' '\2'; head -c 2048 stereo16.wav; } > long.wav
claim "mel writes 64 x frames" 0 "" "$sound" mel long.wav mel.npy
claim "of the shape that numpy reads" 0 "'shape': (64, 7)" head -c 128 mel.npy
claim "mel as a picture" 0 "PNG" sh -c '"$1" mel long.wav mel.png && head -c 8 mel.png' - "$sound"
claim "torchaudio's mel" 0 "" "$sound" mel long.wav other.npy --recipe torchaudio
claim "is another" 1 "" cmp -s mel.npy other.npy
claim "another suffix is wrong usage" 2 ".npy or .png" "$sound" mel long.wav mel.txt
claim "513 samples are needed" 1 "at least 513" "$sound" mel four.wav none.npy
claim "stft" 0 "'shape': (513, 7)" sh -c \
    '"$1" stft long.wav stft.npy && head -c 128 stft.npy' - "$sound"
claim "stft --complex" 0 "'shape': (2, 513, 7)" sh -c \
    '"$1" stft long.wav stft.npy --complex && head -c 128 stft.npy' - "$sound"
claim "griffin-lim gives (T - 1) 160 samples" 0 "960 frames" sh -c \
    '"$1" griffin-lim mel.npy gl.wav --iterations 3 && "$1" info gl.wav' - "$sound"
claim "one seed, the same bytes" 0 "" sh -c \
    '"$1" griffin-lim mel.npy again.wav --iterations 3 --seed 0 && cmp gl.wav again.wav' - "$sound"
claim "another seed, others" 1 "" sh -c \
    '"$1" griffin-lim mel.npy again.wav --iterations 3 --seed 1 && cmp -s gl.wav again.wav' - "$sound"
claim "griffin-lim wants a mel" 1 "shape (64, T)" "$sound" griffin-lim stft.npy gl.wav
# 8 frames of a mel of 5, far above what full scale gives
{ printf '\223NUMPY\1\0\166\0%-117s\n' \
    "{'descr': '<f4', 'fortran_order': False, 'shape': (8, 64), }"
    repeat 512 '\0\0\240\100'; } > loud.npy
claim "griffin-lim lowers what is too loud" 0 "gl.wav: lowered by " \
    "$sound" griffin-lim loud.npy gl.wav --iterations 3
claim "or clips it and counts" 0 " samples clipped" \
    "$sound" griffin-lim loud.npy gl.wav --iterations 3 --clip
claim "or levels it" 0 "gl.wav: lowered by " "$sound" griffin-lim loud.npy gl.wav --iterations 3 --level lufs=-20
claim "to what was asked for" 0 "to -20.0 LUFS" "$sound" griffin-lim loud.npy gl.wav --iterations 3 --level lufs=-20
claim "at another rate" 0 "48000 Hz" sh -c \
    '"$1" griffin-lim loud.npy fast.wav --iterations 3 --rate 48000 && "$1" info fast.wav' - "$sound"
claim "or writes floats, untouched" 0 "" sh -c \
    '"$1" griffin-lim loud.npy gl.wav --iterations 3 --bits f32 2> said && [ ! -s said ]' - "$sound"
claim "mix has peak 0.5" 0 "163840 frames, 10.24 s, peak 0.5" sh -c \
    '"$1" mix long.wav stereo16.wav mix.wav && "$1" info mix.wav' - "$sound"

# ---- FLAC
for bits in 16 24; do
    claim "convert writes FLAC of $bits bits" 0 "" "$sound" convert mono24.wav f$bits.flac --bits $bits
    claim "which info names" 0 "flac $bits bit, 1 channel, 96000 Hz, 500 frames" "$sound" info f$bits.flac
done
claim "24 bits come back" 0 "" sh -c '"$1" convert f24.flac back.wav && cmp back.wav mono24.wav' - "$sound"
claim "the ending counts in any case" 0 "flac 16 bit, 2 channels" sh -c \
    '"$1" convert stereo16.wav up.FlaC && "$1" info up.FlaC' - "$sound"
claim "stereo comes back" 0 "" sh -c '"$1" convert up.FlaC back.WAV && cmp back.WAV stereo16.wav' - "$sound"
claim "8 channels come back" 0 "" sh -c \
    '"$1" convert eight8.wav 8.flac && "$1" convert 8.flac back.wav && cmp back.wav eight8.wav' - "$sound"
claim "no samples are a sound" 0 "flac 16 bit, 1 channel, 16000 Hz, 0 frames" sh -c \
    '"$1" convert none.wav none.flac && "$1" info none.flac' - "$sound"
claim "floats become 24 bits, which is said" 0 "note: 24 bits, the most of FLAC, hold less" \
    "$sound" convert float.wav float.flac
claim "griffin-lim writes it too" 0 "960 frames" sh -c \
    '"$1" griffin-lim mel.npy gl.flac --iterations 3 && "$1" info gl.flac' - "$sound"
claim "the same samples" 0 "" sh -c '"$1" griffin-lim mel.npy gl.wav --iterations 3 &&
    "$1" convert gl.flac back.wav && cmp gl.wav back.wav' - "$sound"
claim "and mix" 0 "flac 16 bit" sh -c '"$1" mix long.wav stereo16.wav mix.flac && "$1" info mix.flac' - "$sound"
if have flac; then
    for file in f16 f24 8 float gl mix none; do
        claim "flac -t accepts $file.flac" 0 "" flac -t -s $file.flac
    done
fi
for ending in ogg mp3 wave flac2 npy; do
    claim ".$ending is wrong usage" 2 "ends in .wav or .flac, found \"x.$ending\"" \
        "$sound" convert four.wav x.$ending
done
claim "before the work, in every command" 2 "found \"x.mp3\"" "$sound" mix missing.wav missing.wav x.mp3
claim "a name without an ending is a WAV" 0 "wav pcm" sh -c '"$1" convert four.wav plain && "$1" info plain' - "$sound"
claim "a folder's ending is none of the file" 0 "" sh -c 'mkdir a.b && "$1" convert four.wav a.b/plain' - "$sound"
claim "FLAC has no 32 bits" 2 "FLAC has 16 or 24" "$sound" convert four.wav x.flac --bits 32
claim "nor floats" 2 "FLAC has 16 or 24" "$sound" griffin-lim mel.npy x.flac --bits f32
{ printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\11\0\200\76\0\0\0\0\0\0\22\0\20\0data\22\0\0\0'
    head -c 18 stereo16.wav; } > nine.wav
claim "nor 9 channels" 1 "9 channels of 2 bytes" "$sound" convert nine.wav x.flac
claim "and leaves no file" 1 "" test -e x.flac

# ---- text in sounds
{ printf 'RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0\200\76\0\0\0\0\0\0\2\0\20\0'
    printf 'LIST\62\0\0\0INFOINAM\4\0\0\0rainICMT\3\0\0\0a\377\0\0IKEY\4\0\0\0\303\251b\0IPRT\2\0\0\0'
    printf '7\0data\10\0\0\0'; cat four; } > text.wav
claim "info shows it" 0 "    TITLE: rain" "$sound" info text.wav
claim "escaped" 0 "    COMMENT: a\\xff" "$sound" info text.wav
claim "under the file's own name where there is no other" 0 "    IKEY: \\xc3\\xa9b" "$sound" info text.wav
claim "as JSON" 0 '"tags": [{"name": "TITLE", "text": "rain"}, {"name": "COMMENT", "text": "a'"$(printf '\357\277\275')"'"}' \
    "$sound" info text.wav --json
claim "none is an empty list" 0 '"tags": []' "$sound" info four.wav --json
claim "from standard input too" 0 "    TITLE: rain" sh -c '"$1" info - < text.wav' - "$sound"
claim "FLAC keeps it" 0 "    TITLE: rain" sh -c '"$1" convert text.wav text.flac && "$1" info text.flac' - "$sound"
claim "and WAV again" 0 "    IKEY: \\xc3\\xa9b" sh -c '"$1" convert text.flac again.wav && "$1" info again.wav' - "$sound"
claim "through pipes" 0 "    TITLE: rain" sh -c '"$1" convert - - < text.flac | "$1" info -' - "$sound"
claim "the samples are as they were" 0 "" sh -c \
    '"$1" convert again.wav back.wav --no-metadata && cmp back.wav four.wav' - "$sound"
claim "--no-metadata leaves it out" 0 '"tags": []' sh -c \
    '"$1" convert text.wav x.flac --no-metadata && "$1" info x.flac --json' - "$sound"
LC_ALL=C sed 's/IKEY/LANG/' text.flac > lang.flac
claim "what WAV has no place for is said" 0 "note: lang.wav: WAV has no place for LANG" \
    "$sound" convert lang.flac lang.wav
at=$(LC_ALL=C grep -abo 'TITLE=rain' text.flac | cut -d: -f1)
cp text.flac nul.flac && printf '\0' | dd of=nul.flac bs=1 seek=$((at + 7)) conv=notrunc 2> err
for kind in wav flac; do
    claim "a text that holds a NUL is left out of $kind, and said" 0 "note: n.$kind: the text of TITLE holds a NUL and is left out" \
        "$sound" convert nul.flac n.$kind
    claim "and nothing else" 0 "    COMMENT: a" sh -c '! "$1" info "$2" | grep -q TITLE && "$1" info "$2"' - "$sound" n.$kind
done
if have metaflac; then
    claim "metaflac reads it" 0 "TITLE=rain" metaflac --list text.flac
fi
cp text.wav bad.wav && printf t | dd of=bad.wav bs=1 seek=52 conv=notrunc 2> err
claim "damage in it is said" 0 "warning: bad.wav: wav: a text in INFO of 116 bytes at offset" "$sound" info bad.wav
claim "and the sound is read all the same" 0 "4 frames" "$sound" info bad.wav
claim "and converted" 0 "" sh -c '"$1" convert bad.wav back.wav && cmp back.wav four.wav' - "$sound"
{ wav_head '\11\0\0\0' '\1' '\24' '\3'; printf '\0\0\100\0\0\300\360\377\177\0'; } > twenty.wav
claim "20 bits of 24 are read" 0 "pcm 24 bit (20 used), 1 channel, 16000 Hz, 3 frames" "$sound" info twenty.wav

# ---- options without effect
claim "convert --bits f32 --clip" 0 "note: --clip has no effect" \
    "$sound" convert four.wav note.wav --bits f32 --clip
claim "convert --clip of floats" 0 "note: clipping has no effect" \
    "$sound" convert float.wav note.wav --clip
claim "one note a run, and none otherwise" 0 "" sh -c \
    '[ "$("$1" convert four.wav note.wav --bits f32 --clip 2>&1 | grep -c ^note:)" = 1 ] &&
        ! "$1" convert four.wav note.wav --clip 2>&1 | grep ^note:' - "$sound"

# ---- usage
claim "no command" 2 "usage error" "$sound"
claim "an unknown command" 2 "unknown command" "$sound" play
claim "-h" 0 "griffin-lim" "$sound" -h
[ -w /dev/full ] && claim "-h of a full disk fails" 1 "writing failed" sh -c '"$1" -h >/dev/full' - "$sound"
claim "too few files" 2 "expected 2 files" "$sound" convert four.wav
claim "an unknown option" 2 "unknown option" "$sound" info --loud four.wav
claim "an option of another command" 2 "mel has no option" "$sound" mel long.wav x.npy --rate 1
claim "a rate out of range" 2 "--rate" "$sound" convert four.wav x.wav --rate 0
claim "bits that do not exist" 2 "--bits" "$sound" convert four.wav x.wav --bits 12
claim "-- ends options" 1 "--json: no such file" "$sound" info -- --json
claim "usage errors are one line" 0 "" sh -c '[ $("$1" play 2>&1 | wc -l) -eq 1 ]' - "$sound"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
